#include "Block.h"
#include "CWideText.h"

// Masks of the lead bytes of two and three bytes, and of the positions after them. 0xE0 is excluded: its scalars take the slow
// path.
typedef struct {
    Block lead2, second2;
    Block lead3, second3, third3;
} Structure;

// Mask of misplaced lead and continuation bytes. A sequence may continue past the block.
INLINED void find_structure(const Block *bytes, Structure *found, Block *refused) {
    found->lead2 = within(*bytes, 0xC2, 0xDF);
    found->lead3 = within(*bytes, 0xE1, 0xEF);
    found->second2 = moved_on(found->lead2);
    found->second3 = moved_on(found->lead3);
    found->third3 = moved_on(found->second3);
    Block leads = found->lead2 | found->lead3;
    Block continuations = found->second2 | found->second3 | found->third3;
    *refused = (within(*bytes, 0xC0, 0xFF) ^ leads) | (within(*bytes, 0x80, 0xBF) ^ continuations);
}

// Scalars of two bytes, U+0080 to U+07FF.
INLINED void refuse_two_bytes(const Block *bytes, const Block *before, Block *refused) {
    *refused |= within(*bytes, 0xCC, 0xCD);                               // U+0300: combining marks
    *refused |= equal(*before, 0xD2) & within(*bytes, 0x83, 0x89);        // U+0483: Cyrillic marks
    Block later = within(*bytes, 0xD6, 0xDF);
    if (!is_any(later)) return;
    *refused |= equal(*bytes, 0xD6) | within(*bytes, 0xDC, 0xDF);         // U+0580, U+0700: Hebrew points, Syriac to N'Ko
    *refused |= equal(*before, 0xD7) & within(*bytes, 0x80, 0x87);        // U+05C0: Hebrew points
    *refused |= equal(*before, 0xD8) & within(*bytes, 0x80, 0x9A);        // U+0600: Arabic prepends and marks
    *refused |= equal(*before, 0xD9) & (within(*bytes, 0x8B, 0x9F) | equal(*bytes, 0xB0));  // U+064B, U+0670: vowel signs
    *refused |= equal(*before, 0xDB) & within(*bytes, 0x96, 0xAD);        // U+06D6: Koranic marks
}

// Scalars of three bytes, U+1000 to U+FFFF.
INLINED void refuse_three_bytes(const Block *bytes, const Block *before, const Block *two_before, Block *refused) {
    *refused |= equal(*before, 0xE1) & within(*bytes, 0x80, 0xB7);        // U+1000: Myanmar to combining marks
    *refused |= equal(*before, 0xE2) & (equal(*bytes, 0x83) | within(*bytes, 0xB3, 0xB7));  // U+20C0, U+2CC0: marks
    *refused |= equal(*before, 0xEA) & within(*bytes, 0x80, 0xAF);        // U+A000: Yi to Meetei Mayek
    *refused |= equal(*before, 0xED) & within(*bytes, 0x9E, 0xBF);        // U+D780: jamo; surrogates are ill-formed
    *refused |= equal(*before, 0xEF) & ~within(*bytes, 0xBC, 0xBD);       // U+F000, U+FF80; not full-width forms
    Block joiners = equal(*before, 0x80) & within(*bytes, 0x8C, 0x8D);     // U+200C
    Block tones = equal(*before, 0x80) & within(*bytes, 0xAA, 0xAF);       // U+302A
    Block voicings = equal(*before, 0x82) & within(*bytes, 0x99, 0x9A);    // U+3099
    *refused |= (equal(*two_before, 0xE2) & joiners) | (equal(*two_before, 0xE3) & (tones | voicings));
}

// Reverses the bytes within each scalar of a block, up to its end or the first scalar that is not plain. Returns how many bytes
// are done; the others are unchanged. A refused scalar is marked at one of its bytes or, if a continuation byte is missing, at the
// byte after it. So all scalars before the last lead byte in front of the first mark are plain.
INLINED size_t turn_plain(Block *block, uint8_t last_but_one, uint8_t last) {
    const Block places = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
                          16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31};
    const Block bytes = *block;
    const Block before = moved_on(bytes);
    Structure at;
    Block refused;
    find_structure(&bytes, &at, &refused);
    refused |= equal(bytes, '\r');
    refuse_two_bytes(&bytes, &before, &refused);
    Block turned = chosen(at.second2, before, bytes);
    turned = chosen(at.lead2, moved_back(bytes), turned);
    if (is_any(at.lead3)) {
        const Block two_before = moved_on(before);
        refuse_three_bytes(&bytes, &before, &two_before, &refused);
        turned = chosen(at.third3, two_before, turned);
        turned = chosen(at.lead3, moved_back(moved_back(bytes)), turned);
    }
    size_t done = sizeof(Block) - (last >= 0xC0) - 2 * (last_but_one >= 0xE0);
    if (is_any(refused)) {
        uint32_t firsts = ~bits(within(bytes, 0x80, 0xBF)) & (lowest_bit(bits(refused)) - 1);
        if (firsts == 0) return 0;
        done = 31 - (size_t)__builtin_clz(firsts);
    }
    *block = chosen((Block)(places < (uint8_t)done), turned, bytes);
    return done;
}

// A block is loaded only if at least its size is left, and stored where it was loaded. If a sequence crosses the end of a block,
// the next block begins with its lead byte. Each block is loaded before the previous one is stored: they may share these bytes,
// which the store does not change, but the load would wait for the store. The last bytes are copied into a block padded with
// zeros, in which a truncated sequence is ill-formed.
INLINED size_t reverse_within_plain_scalars(uint8_t *bytes, size_t count) {
    size_t done = 0;
    Block block;
    if (count >= sizeof(Block)) block = load_block(bytes);
    while (count - done >= sizeof(Block)) {
        uint8_t *address = bytes + done;
        size_t step = turn_plain(&block, address[30], address[31]);
        Block turned = block;
        done += step;
        if (count - done >= sizeof(Block)) block = load_block(bytes + done);
        store_block(address, turned);
        if (step < 30) return done;
    }
    block = (Block){0};
    memcpy(&block, bytes + done, count - done);
    size_t step = turn_plain(&block, 0, 0);
    memcpy(bytes + done, &block, count - done);
    return step < count - done ? done + step : count;
}

#if defined(__x86_64__) && !defined(WIDE_TEXT_WITHOUT_AVX2)

FOR_AVX2 static size_t reverse_within_plain_scalars_avx2(uint8_t *bytes, size_t count) {
    return reverse_within_plain_scalars(bytes, count);
}

size_t wide_reverse_within_plain_scalars(void *bytes, size_t count) {
    if (__builtin_cpu_supports("avx2")) return reverse_within_plain_scalars_avx2(bytes, count);
    return reverse_within_plain_scalars(bytes, count);
}

#else

size_t wide_reverse_within_plain_scalars(void *bytes, size_t count) {
    return reverse_within_plain_scalars(bytes, count);
}

#endif
