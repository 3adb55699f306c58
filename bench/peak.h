/* The machine's limits: multiply-adds a second in registers, and bytes a second from memory. A kernel's speed is stated as a fraction of
 * the first, measured in the same run. */
#ifndef ATTN_BENCH_PEAK_H
#define ATTN_BENCH_PEAK_H

#include "attn.h"

#include <stdbool.h>

/* One loop of independent multiply-adds in registers. */
struct attn_fma {
    const char *isa; /* "avx512" */
    attn_dtype dtype;
    uint32_t isa_bits; /* what it needs of the processor */
    double flops;      /* of one round */
    void (*run)(int64_t rounds);
};
extern const struct attn_fma attn_fma_loops[];
extern const int attn_fma_count;

/* The fastest loop for a data type among the instruction sets of the context: of this processor, or what ATTN_ISA leaves of it, so that a
 * kernel is compared with the registers that it may use. For a type without a multiply-add of its own, the loop of float. */
const struct attn_fma *attn_fma_best(const attn_ctx *ctx, attn_dtype dtype);

/* GFLOP/s of `threads` loops at once that run for about `seconds`. */
double attn_fma_rate(attn_ctx *ctx, const struct attn_fma *fma, int threads, double seconds);

/* Seconds in which `threads` workers read these bytes (aligned to 64) once: the best of several loops. */
double attn_read_seconds(attn_ctx *ctx, int threads, const void *memory, size_t bytes);
/* Memory as a scan uses it: two arrays are read, a third is written past the cache where the processor can. */
struct attn_triad {
    float *a, *b, *sum;
    int64_t count; /* floats of each */
};
/* Arrays of `bytes` bytes each; false: no memory. */
bool attn_triad_open(attn_ctx *ctx, size_t bytes, struct attn_triad *triad);
/* Bytes a second, read and written, of one go with `threads` workers. */
double attn_triad_bandwidth(attn_ctx *ctx, int threads, const struct attn_triad *triad);
void attn_triad_close(attn_ctx *ctx, struct attn_triad *triad);

/* Bytes a second of reading `bytes` bytes of memory with `threads` workers; 0 if there is no memory for that. */
double attn_read_bandwidth(attn_ctx *ctx, int threads, size_t bytes, double seconds);

#endif
