/* The row-panel peer's work between matrix products, in the compiler's own vectors: compiled once for the base instruction
 * set and once for AVX-512. */
#ifndef ATTN_BENCH_PEERS_ROWS_H
#define ATTN_BENCH_PEERS_ROWS_H

#include <stdint.h>

struct attn_panel_rows {
    float (*max)(const float *s, int64_t n);                       /* n > 0 */
    float (*exp_sum)(float *s, int64_t n, float shift);            /* s = exp(s - shift); returns the sum */
    void (*exp)(float *s, int64_t n, float shift);                 /* the same without the sum */
    void (*ds)(const float *p, float *dp, int64_t n, float delta); /* dp = p (dp - delta) */
};
extern const struct attn_panel_rows attn_rows_portable;
extern const struct attn_panel_rows attn_rows_avx512;

#endif
