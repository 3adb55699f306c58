/* Counter-based random numbers: Philox4x32-10 (Salmon, Moraes, Dror, Shaw 2011). The same key and counter give the same
 * numbers on every machine, in any order. */
#ifndef ATTN_BASE_RANDOM_H
#define ATTN_BASE_RANDOM_H

#include <stdint.h>

/* out = philox4x32-10(key, counter). */
void attn_philox(const uint32_t key[2], const uint32_t counter[4], uint32_t out[4]);

/* A sequence over Philox for tests, benches and generators. */
struct attn_random {
    uint64_t seed, position;
    uint32_t word[4];
    int left;
};
void attn_random_init(struct attn_random *r, uint64_t seed);
uint32_t attn_random_u32(struct attn_random *r);
uint64_t attn_random_below(struct attn_random *r, uint64_t n);                 /* uniform in [0, n), n > 0, without bias */
int64_t attn_random_between(struct attn_random *r, int64_t low, int64_t high); /* uniform in [low, high], high - low < 2^63 */
double attn_random_uniform(struct attn_random *r);                             /* in [0, 1), 53 bits */
double attn_random_normal(struct attn_random *r);                              /* mean 0, variance 1 */
void attn_random_fill_normal(struct attn_random *r, float *x, int64_t n, float sigma);

#endif
