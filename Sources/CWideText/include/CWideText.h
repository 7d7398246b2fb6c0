// The two loops of ReverseCore that go over text 32 bytes at a time.
//
// They are C because Swift can neither compile one function for AVX2 and choose at run time, nor (6.3, baseline
// x86-64) keep vectors of bytes in registers: the same tests in Swift's SIMD types ran slower than one byte after
// the other. What is not worth 32 bytes is not done here: ReverseCore goes on where these return.

// A build with WIDE_TEXT_WITHOUT_AVX2 runs what an x86-64 processor without it would run (swift test -Xcc -D…).

#ifndef C_WIDE_TEXT_H
#define C_WIDE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

// Swaps blocks from both ends of the `count` bytes at `bytes` towards the middle, the bytes of each turned round.
// Returns how many bytes at either end are done: a number of which two fit into `count`, or `count` when nothing
// is left between them. Stops when less than a block is left, or where wide steps do not pay on this processor.
//
// With `only_plain_ascii` it also stops before the first pair of blocks with a byte above 0x7F or a CR.
size_t wide_reverse_ends(void *bytes, size_t count, bool only_plain_ascii);

// Turns the bytes within each scalar round, from the start of the `count` bytes at `bytes` on, while these are
// well-formed UTF-8 and each scalar is plain: a grapheme cluster by itself wherever its neighbours are plain too.
// Returns how many bytes are done; they end where a scalar ends.
//
// What counts as plain is decided by lead and second bytes, so that some scalars that could be are not. ReverseCore's
// tests hold it to the class of every scalar.
size_t wide_reverse_within_plain_scalars(void *bytes, size_t count);

#endif
