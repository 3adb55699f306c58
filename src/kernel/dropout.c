/* Counter-based dropout: pair (i, j) of a head and sequence is dropped where its own random word is below p * 2^32, so that forward,
 * backward and any split of the work see the same pairs without storing them.
 *
 * One Philox call gives the words of four neighbouring keys. attn_dropout_words runs 32 rows side by side, a row a lane, in
 * arrays that the compiler keeps in vectors; the rounds are those of attn_philox (base/random.c), which the tests compare.
 */
#include "base/random.h"
#include "kernel/kernel.h"

enum { LANES = 32, WORDS = 4 };

static uint32_t threshold(double p) {
    return (uint32_t)(p * 4294967296.0);
}

bool attn_dropout_keeps(uint64_t seed, double p, int64_t sequence, int32_t head, int64_t i, int64_t j) {
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    const uint32_t counter[4] = {(uint32_t)i, (uint32_t)(j / WORDS), (uint32_t)head, (uint32_t)sequence};
    uint32_t word[WORDS];
    attn_philox(key, counter, word);
    return word[j % WORDS] >= threshold(p);
}

/* x[w][r] on entry: word w of lane r's counter; on return: of its random block. */
static void philox_lanes(uint64_t seed, uint32_t x[WORDS][LANES]) {
    uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
    for (int round = 0; round < 10; round++) {
        for (int r = 0; r < LANES; r++) {
            const uint64_t a = (uint64_t)0xD2511F53u * x[0][r], b = (uint64_t)0xCD9E8D57u * x[2][r];
            x[0][r] = (uint32_t)(b >> 32) ^ x[1][r] ^ k0;
            x[2][r] = (uint32_t)(a >> 32) ^ x[3][r] ^ k1;
            x[1][r] = (uint32_t)b;
            x[3][r] = (uint32_t)a;
        }
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
}

void attn_dropout_words(uint64_t seed, double p, int64_t sequence, int32_t head, int64_t i0, int lanes, int64_t j0, int64_t j1,
                        uint32_t *words) {
    const uint32_t least = threshold(p);
    const uint32_t used = lanes >= LANES ? ~0u : (1u << lanes) - 1;
    for (int64_t block = j0 / WORDS; block * WORDS < j1; block++) {
        uint32_t x[WORDS][LANES];
        for (int r = 0; r < LANES; r++) {
            x[0][r] = (uint32_t)(i0 + r);
            x[1][r] = (uint32_t)block;
            x[2][r] = (uint32_t)head;
            x[3][r] = (uint32_t)sequence;
        }
        philox_lanes(seed, x);
        for (int w = 0; w < WORDS; w++) {
            const int64_t j = block * WORDS + w;
            if (j < j0 || j >= j1) continue;
            uint32_t kept = 0;
            for (int r = 0; r < LANES; r++) kept |= (uint32_t)(x[w][r] >= least) << r;
            words[j - j0] = kept & used;
        }
    }
}
