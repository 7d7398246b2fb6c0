// The two vector loops of ReverseCore, 32 bytes per step.
//
// They are C because Swift can neither compile one function for AVX2 and choose at run time, nor (6.3, baseline
// x86-64) keep vectors of bytes in registers: the same tests with Swift's SIMD types were slower than one byte at
// a time. ReverseCore handles the remaining bytes after these functions return.

// A build with WIDE_TEXT_WITHOUT_AVX2 uses the code for processors without AVX2 (swift test -Xcc -D…).

#ifndef C_WIDE_TEXT_H
#define C_WIDE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

// Swaps blocks from both ends of the `count` bytes at `bytes` towards the middle, and reverses the bytes of each. Returns how
// many bytes at each end are done, at most half of `count`, or `count` if none are left. Stops when less than a block is left,
// or if the loop is not faster on this processor.
//
// With `only_plain_ascii` it also stops before the first pair of blocks with a byte above 0x7F or a CR.
size_t wide_reverse_ends(void *bytes, size_t count, bool only_plain_ascii);

// Reverses the bytes within each scalar, from the start of the `count` bytes at `bytes`, while they are well-formed UTF-8 and
// each scalar is plain: a grapheme cluster by itself if its neighbours are plain, too. Returns how many bytes are done, up to the
// end of a scalar.
//
// The lead and second bytes decide whether a scalar is plain, so some that could be plain are not. The tests of ReverseCore
// check this against the class of every scalar.
size_t wide_reverse_within_plain_scalars(void *bytes, size_t count);

#endif
