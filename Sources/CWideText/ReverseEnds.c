#include "Block.h"
#include "CWideText.h"

// `low` and `high` are the bounds of the remaining bytes, at least a block apart at each load and store. The last two blocks
// may overlap: both are loaded before one is stored, and both stores write the same values to shared bytes.
INLINED size_t reverse_ends(uint8_t *bytes, size_t count, bool only_plain_ascii) {
    uint8_t *low = bytes;
    uint8_t *high = bytes + count;
    while ((size_t)(high - low) >= sizeof(Block)) {
        Block first = load_block(low);
        Block last = load_block(high - sizeof(Block));
        if (only_plain_ascii && has_high_bit(first | last | equal(first, '\r') | equal(last, '\r'))) break;
        bool is_last_pair = (size_t)(high - low) <= 2 * sizeof(Block);
        high -= sizeof(Block);
        store_block(low, turned_round(last));
        store_block(high, turned_round(first));
        low += sizeof(Block);
        if (is_last_pair) return count;
    }
    return (size_t)(low - bytes);
}

#if defined(__x86_64__) && !defined(WIDE_TEXT_WITHOUT_AVX2)

FOR_AVX2 static size_t reverse_ends_avx2(uint8_t *bytes, size_t count, bool only_plain_ascii) {
    return only_plain_ascii ? reverse_ends(bytes, count, true) : reverse_ends(bytes, count, false);
}

size_t wide_reverse_ends(void *bytes, size_t count, bool only_plain_ascii) {
    return __builtin_cpu_supports("avx2") ? reverse_ends_avx2(bytes, count, only_plain_ascii) : 0;
}

#elif defined(__x86_64__)

// The baseline has no byte shuffle, so words of 8 bytes, as in ReverseCore, are faster.
size_t wide_reverse_ends(void *bytes, size_t count, bool only_plain_ascii) {
    (void)bytes, (void)count, (void)only_plain_ascii;
    return 0;
}

#else

size_t wide_reverse_ends(void *bytes, size_t count, bool only_plain_ascii) {
    return only_plain_ascii ? reverse_ends(bytes, count, true) : reverse_ends(bytes, count, false);
}

#endif
