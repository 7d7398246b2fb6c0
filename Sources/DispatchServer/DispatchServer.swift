// DispatchServer: a server of stream sockets on libdispatch that no client can crash, about as fast as a bare epoll loop.
//
// The way of a request: a socket's read source has an event (Connection), or a hot loop serves it while it is busy
// (HotLoop). The connection receives into a buffer of the thread's Worker, its Session answers in place, and the
// connection sends from the same buffer. What happens next is decided by ConnectionState, which performs no I/O. Listener
// and ListenerState do the same for a listening socket. Connections knows who is connected and counts slots; LoopBalance
// decides how many hot loops share the load; Server opens, reloads and drains.
//
// HandOver/ passes the connections to another process of the service, and takes them over there. What is written is bytes
// of a format that later releases must read.
//
// What does not belong here: what a request is, configuration files, systemd, exit codes.
//
// What must stay true:
// - Every socket has a read source on the one concurrent queue from its first moment. A hot loop only borrows it.
// - What changes in a connection or a listener is behind its own lock, held for at most one receive and one send (but for a
//   hand-over, which answers all that has arrived), or one
//   run of accepts, and never across a call that can block. The order of locks: listener, connection, then one of
//   Connections, WorkerPool, HotLoops or a loop's table; no two of the last four at once.
// - Nothing that runs on the control queue waits for a connection or for the resolver. So the end of a drain is certain.
// - A descriptor is closed in one place, the cancel handler of its read source, and leaves its loop before that.
// - The descriptor table is never full (DescriptorLimit): libdispatch ends the process when it is.
// - epoll_wait is the guarded one (CEpollGuard): a client's RST corrupts libdispatch otherwise.
