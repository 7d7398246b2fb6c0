// Sockets: stream sockets of Linux as values that a Swift program can hold without holding its breath.
//
// Here live addresses (what a person writes, what the kernel takes, what a log prints), descriptors that close
// themselves, the few calls that make a listening or a connected socket, and one error type that says what was being
// done when the system refused. Nothing here knows of lines, of queues or of settings. Nothing here blocks, except
// `resolve`, which asks the resolver (`NameLookup` does so on a thread of its own), and `DescriptorWriting`.
//
// What must stay true: a descriptor has one owner at a time; every socket made here is close-on-exec and non-blocking.
