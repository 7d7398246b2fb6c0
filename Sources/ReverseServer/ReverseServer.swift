// ReverseServer: listeners, connections and their limits on libdispatch.
//
// A line's way through here: a descriptor is ready (Readiness, HotSet) → its Connection receives into a borrowed
// buffer → the Session of ReverseCore answers in place → the Connection sends from the same buffer. The Registry knows
// who is connected and how many more may come; the Listener brings them; the Server opens, reloads and drains.
//
// What does not live here: configuration files, signals, systemd, the choice of an exit code.
//
// What must stay true:
// - A connection's state is behind its own lock, held only for one bounded step and never across a blocking call.
//   Its handlers take it, and so do the sweep and the drain, so nothing about a connection depends on which thread
//   serves it. Locks are taken in one order: connection or listener, then registry or hot set; never the other way.
// - A descriptor is closed in one place, after every source that watches it has been cancelled.
// - The descriptor table is never full (DescriptorLimit): libdispatch kills the process when it is.
// - epoll_wait is the guarded one (CEpollGuard): libdispatch corrupts itself over a client's RST when it is not.
