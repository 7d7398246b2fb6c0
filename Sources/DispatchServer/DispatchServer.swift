// DispatchServer: a server for stream sockets on libdispatch. No client can crash it, and it is about as fast as a bare epoll
// loop.
//
// The path of a request: the read source of a socket has an event (Connection), or a hot loop serves the socket while it is
// busy (HotLoop). The connection receives into the buffer of the thread's Worker, its Session answers in place, and the
// connection sends from the same buffer. ConnectionState decides what happens next, and performs no I/O. Listener and
// ListenerState do the same for a listening socket. Connections lists the connections and counts slots; LoopBalance decides
// how many hot loops share the load; Server opens, reloads and drains.
//
// Connection/  the connections, their state machine, their limits
// Listener/    the listening sockets
// HotLoop/     the loops for busy connections, and how many there are
// Proxy/       the PROXY protocol
// HandOver/    passes the connections to the next process of the service, which continues them; later releases must be able
//              to read the format of the records
// Metrics/     describes the counters as metrics, and publishes them through swift-metrics
// Process/     what the server needs from its process: clock, limits, signals, checks
//
// Not in this module: the format of requests, configuration files, systemd, exit codes.
//
// Invariants:
// - Every socket has a read source on the one concurrent queue from the start. A hot loop only borrows the socket.
// - The mutable state of a connection or listener is behind its lock. The lock is held for at most one receive and one send, or
//   one run of accepts, and never during a call that can block. Only a hand-over holds it until all bytes that have arrived
//   are answered. Lock order: listener, connection, then one of Connections, WorkerPool, HotLoops or a loop's table; no two of
//   these four at once.
// - Code on the control queue never waits for a connection or for the resolver. So a drain always ends.
// - Only the cancel handler of its read source closes a descriptor. The socket leaves its loop before that.
// - The descriptor table is never full (DescriptorLimit): libdispatch ends the process when it is.
// - epoll_wait is the guarded one (CEpollGuard): a client's RST corrupts libdispatch otherwise.
