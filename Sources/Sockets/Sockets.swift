// Sockets: stream sockets of Linux as Swift values.
//
// This module has addresses (parsed from text, passed to the kernel, printed in a log), descriptors that close themselves, the
// calls that create listening and connected sockets, descriptors in messages, and one error type that says which action
// failed. It knows nothing of requests, dispatch queues or settings. Nothing here blocks, except `resolve`, which calls the
// resolver (`NameLookup` does so on a separate thread), and `DescriptorWriting`.
//
// Invariants: a descriptor has one owner at a time; every socket created here is close-on-exec and non-blocking.
