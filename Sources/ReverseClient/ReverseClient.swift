// ReverseClient: a conversation with a line-reversing server that loses nothing.
//
// Here live `Exchange`, the pure heart (bytes of lines in, bytes of answers in; what to send and what to write comes
// out; no socket in sight), `Transport`, a non-blocking socket with its list of addresses, `Retry`, which says whether
// and when to connect again, `Stream`, the one-threaded loop over input, output and socket, `Ping`, and `Client` for
// programs that have lines at hand. What a terminal sees is not here: that is the business of `reverse-client`.
//
// What must stay true: a byte is written out only when it belongs to a whole answer of the right length; a line leaves
// the memory only when its answer is whole; the memory held is bounded by the window and the longest line, however
// slow either side is; nothing here sets a flag on a descriptor that other processes share.
