// ReverseClient: sends lines to a line-reversing server and loses none.
//
// `Exchange` is the core, without I/O: it takes bytes of lines and bytes of answers, and returns what to send and what to
// write. `ConnectionRace`, `Retry` and `RefusalTest` do no I/O either: they decide which address to try when, whether and when
// to reconnect, and whether the server refuses a line. `Transport` is a non-blocking socket, driven by `ConnectionRace`.
// `Stream` is the one loop over input, output and socket. `Conversation` (one question at a time, for a prompt), `Ping` and
// `Client` (for programs that have all lines in memory) run short streams. Terminal output belongs to `reverse-client`.
//
// Invariants: a byte is written out only as part of a whole answer of the right length; a line is released only when its
// answer is whole; memory is bounded by the window and the longest line, however slow either side is; nothing blocks on the
// network or the resolver; no flag is changed on a descriptor that other processes share.
