// A vector of 32 bytes, and operations that the compiler's vector extension lacks. A mask has 0xFF for true and 0 for false.
// Everything is inlined, so that one source works for AVX2, the x86-64 baseline and NEON.

#ifndef BLOCK_H
#define BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef uint8_t Block __attribute__((vector_size(32)));
typedef uint64_t Words __attribute__((vector_size(32)));

// Macros, because functions would pass vectors by value, for which the calling convention differs without AVX.
#define load_block(address) ({ Block loaded; memcpy(&loaded, (address), sizeof(Block)); loaded; })
#define store_block(address, block) ({ Block stored = (block); memcpy((address), &stored, sizeof(Block)); })

#define turned_round(block) __builtin_shufflevector((block), (block), \
    31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)

// Shifts each byte by one position forward or back, and fills with 0.
#define moved_on(block) __builtin_shufflevector((block), (Block){0}, \
    32, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30)
#define moved_back(block) __builtin_shufflevector((block), (Block){0}, \
    1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32)

#define equal(block, byte) ((Block)((block) == (uint8_t)(byte)))
#define within(block, low, high) ((Block)((block) - (uint8_t)(low) <= (uint8_t)((high) - (low))))
#define chosen(mask, block, otherwise) (((mask) & (block)) | (~(mask) & (otherwise)))

#define is_any(mask) (__builtin_reduce_or((Words)(mask)) != 0)
#define has_high_bit(block) ((__builtin_reduce_or((Words)(block)) & 0x8080808080808080) != 0)

// One bit per byte of a mask, the lowest for the first byte.
typedef bool Flags __attribute__((ext_vector_type(32)));
#define bits(mask) ({ Flags flags = __builtin_convertvector((mask), Flags); uint32_t set; memcpy(&set, &flags, 4); set; })
#define lowest_bit(set) ((set) & -(set))

// A loop with few cycles per block is up to 5 % slower if its code is badly aligned to cache lines.
#define FOR_AVX2 __attribute__((target("avx2"), aligned(64)))

#define INLINED static inline __attribute__((always_inline))

#endif
