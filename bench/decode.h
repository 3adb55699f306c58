/* Decoding measured: one step of attention of few queries over long caches, every stored type in turn, each run beside a plain read of the
 * same bytes by the same number of threads. */
#ifndef ATTN_BENCH_DECODE_H
#define ATTN_BENCH_DECODE_H

#include "attn.h"

#include <stdbool.h>

enum { ATTN_DECODE_TYPES = 4 };

struct attn_decode_spec {
    attn_dtype types[ATTN_DECODE_TYPES]; /* of the cache, type_count of them */
    int type_count;
    int64_t kv_len, queries;
    int32_t heads, kv_heads, dim, block_tokens; /* block_tokens 0: side by side */
    int threads, repeats;
    const char *kernel; /* NULL: the planner's choice */
    uint64_t seed;
    bool (*stopped)(void); /* may be NULL */
};

struct attn_decode_figures {
    const char *kernel, *isa;
    bool wrong; /* more than 1e-5 in max_error; of int8, 5e-4 in mean_error. Then nothing is timed: repeats is 0 */
    int repeats;
    double median, min, p20, p80;
    double bytes;      /* of keys and values as they are stored */
    double read;       /* bytes a second of the plain read, median */
    double fraction;   /* median of each run's share of the read beside it */
    double of_first;   /* median of each run's time over that of the first type beside it */
    double max_error;  /* of O against double on the stored numbers, over the greatest |O|; rounding queries is a part of it */
    double mean_error; /* squares of O's differences from double on the numbers before they were stored, over the squares of O */
};

/* On failure `message` (1024 bytes) says why. */
attn_status attn_decode_measure(attn_ctx *ctx, const struct attn_decode_spec *spec, struct attn_decode_figures *figures, char *message);

#endif
