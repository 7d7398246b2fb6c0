// What the service does, without the service: turning a line round in each unit, cutting a stream of bytes into
// requests, and one client's conversation as a state machine. No I/O, no clock, no Foundation, no locks.
//
// How a line is turned round, from the outside in:
//
//   Reversal            the public door: ASCII ends at once; else the bytes within each unit, then all
//   ByteReversal        bytes in opposite order
//   WithinUnits         the walk over scalars or grapheme clusters
//   CWideText           (a C target) the steps of 32 bytes: ASCII, and text whose scalars stand alone
//   UTF8Scalar          one scalar, or a byte that belongs to none
//   GraphemeState       the rules of UAX #29: is there a boundary before this scalar?
//   GraphemeClass       what a scalar is to these rules
//   GraphemeClassTable  the class of every scalar, written from Unicode's own files (`make grapheme-table`)
//   GraphemeCluster     the clusters of a `String` by the same rules, for callers that edit text
//
// What must stay true: an answer has the bytes of the request, each as often, whatever they are; the work on a line
// grows with its length and with nothing else; no byte outside it is touched; nothing is allocated for it.
