// ReverseCore: reverses lines in any unit, splits a stream of bytes into requests, and answers them in a session, a state
// machine for one client. No I/O, no clock, no Foundation, no locks.
//
// The steps of reversing a line, from the outside in:
//
//   Reversal            the public function: ASCII in one pass; other text first within each unit, then as a whole
//   ByteReversal        reverses bytes
//   WithinUnits         reverses the bytes within each scalar or grapheme cluster
//   CWideText           (a C target) the vector loops, 32 bytes per step: ASCII, and scalars that are clusters by themselves
//   UTF8Scalar          decodes one scalar, or an ill-formed byte
//   GraphemeState       the rules of UAX #29: is there a boundary before this scalar?
//   GraphemeClass       the class of a scalar in these rules
//   GraphemeClassTable  the class of every scalar, generated from the files of Unicode (`make grapheme-table`)
//   GraphemeCluster     the clusters of a `String` by the same rules, for callers that edit text
//
// Invariants: an answer is a permutation of the bytes of its request; the work on a line is proportional to its length; no byte
// outside the line is accessed; nothing is allocated for it.
