// ReverseClient: a conversation with a line-reversing server that loses nothing.
//
// `Exchange` is the pure core: bytes of lines in, bytes of answers in; what to send and what to write comes out; it knows
// no socket. `ConnectionRace`, `Retry` and `RefusalTest` are pure as well: which address to try when, whether and when to
// connect again, and whether the server refuses a line. `Transport` is a non-blocking socket that is driven by
// `ConnectionRace`. `Stream` is the one loop over input, output and socket. `Conversation` (one question at a time, for
// a prompt), `Ping` and `Client` (for programs that have their lines at hand) are streams of a few lines. What a
// terminal shows is not here, but in `reverse-client`.
//
// What must stay true: a byte is written out only when it belongs to a whole answer of the right length; a line leaves
// the memory only when its answer is whole; the memory held is bounded by the window and the longest line, however slow
// either side is; nothing here blocks on the network or the resolver; nothing here sets a flag on a descriptor that other
// processes share.
