/* Philox4x32-10 (Salmon, Moraes, Dror, Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3", sec. 3.3) and what is drawn
 * from it. Ten rounds of two 32 x 32 -> 64 bit products; the key is raised by Weyl constants between rounds.
 */
#include "base/random.h"

#include <math.h>

void attn_philox(const uint32_t key[2], const uint32_t counter[4], uint32_t out[4]) {
    uint32_t k0 = key[0], k1 = key[1];
    uint32_t x0 = counter[0], x1 = counter[1], x2 = counter[2], x3 = counter[3];
    for (int round = 0; round < 10; round++) {
        const uint64_t a = (uint64_t)0xD2511F53u * x0, b = (uint64_t)0xCD9E8D57u * x2;
        x0 = (uint32_t)(b >> 32) ^ x1 ^ k0;
        x2 = (uint32_t)(a >> 32) ^ x3 ^ k1;
        x1 = (uint32_t)b;
        x3 = (uint32_t)a;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    out[0] = x0;
    out[1] = x1;
    out[2] = x2;
    out[3] = x3;
}

void attn_random_init(struct attn_random *r, uint64_t seed) {
    *r = (struct attn_random){.seed = seed};
}

uint32_t attn_random_u32(struct attn_random *r) {
    if (r->left == 0) {
        const uint32_t key[2] = {(uint32_t)r->seed, (uint32_t)(r->seed >> 32)};
        const uint32_t counter[4] = {(uint32_t)r->position, (uint32_t)(r->position >> 32), 0, 0};
        attn_philox(key, counter, r->word);
        r->position++;
        r->left = 4;
    }
    return r->word[4 - r->left--];
}

static uint64_t random_u64(struct attn_random *r) {
    const uint64_t high = attn_random_u32(r);
    return high << 32 | attn_random_u32(r);
}

uint64_t attn_random_below(struct attn_random *r, uint64_t n) {
    /* The first 2^64 mod n values would make small results likelier: they are drawn again. */
    const uint64_t biased = (UINT64_MAX - n + 1) % n;
    uint64_t x;
    do x = random_u64(r);
    while (x < biased);
    return x % n;
}

int64_t attn_random_between(struct attn_random *r, int64_t low, int64_t high) {
    return low + (int64_t)attn_random_below(r, (uint64_t)(high - low) + 1);
}

double attn_random_uniform(struct attn_random *r) {
    return (double)(random_u64(r) >> 11) * 0x1p-53;
}

/* Box and Muller 1958: two independent normals from two uniforms. */
static void normal_pair(struct attn_random *r, double pair[2]) {
    const double radius = sqrt(-2.0 * log(1.0 - attn_random_uniform(r)));
    const double angle = 6.283185307179586476925 * attn_random_uniform(r);
    pair[0] = radius * cos(angle);
    pair[1] = radius * sin(angle);
}

double attn_random_normal(struct attn_random *r) {
    double pair[2];
    normal_pair(r, pair);
    return pair[0];
}

void attn_random_fill_normal(struct attn_random *r, float *x, int64_t n, float sigma) {
    for (int64_t i = 0; i < n; i += 2) {
        double pair[2];
        normal_pair(r, pair);
        x[i] = (float)(pair[0] * (double)sigma);
        if (i + 1 < n) x[i + 1] = (float)(pair[1] * (double)sigma);
    }
}
