/* How fast one rank computes: kernel seconds measured somewhere as CSV, one rate, or the planner's constants for this processor.
 *
 * The table has a header. Columns are found by name, others are passed over, so that what `attn bench kernels --csv` and `bench masks --csv` print
 * is such a table:
 *   pass     fwd or bwd (others are passed over)      mask     its text, in quotes where it has commas
 *   len      also q_len                               dim      also head_dim
 *   seconds  also seconds_median; empty: not measured, the row is passed over
 *   heads, batch   1 where the column is missing      area     allowed pairs of a head; needed for masks other than full and causal
 * Of rows with the same pass, mask, len and dim the fastest counts. */
#ifndef ATTN_DIST_CP_RATES_H
#define ATTN_DIST_CP_RATES_H

#include "kernel/kernel.h"

/* FLOP/s with which kernels compute useful pairs: 2 (D + E) FLOPs a pair forward, 2 (3 D + 2 E) backward. */
struct attn_rate {
    int pass; /* 0 forward, 1 backward */
    char mask[64];
    double density; /* of the mask: allowed pairs over all */
    int64_t len;
    int32_t dim;
    double flops;
};

struct attn_rates {
    attn_ctx *ctx;
    struct attn_rate *row; /* by pass, head size, mask, length */
    int64_t rows;
};

/* `name` begins complaints: "rates.csv:3: found ...; expected ...". At most 4096 rows. ATTN_EINVAL, ATTN_ENOMEM; *out is then empty. */
attn_status attn_rates_parse(attn_ctx *ctx, const char *name, const char *text, size_t size, struct attn_rates *out);
/* The same from a file of at most 1 MiB. Besides: ATTN_ESYSTEM. */
attn_status attn_rates_read(attn_ctx *ctx, const char *path, struct attn_rates *out);
void attn_rates_close(struct attn_rates *rates);

/* FLOP/s at a length: of the nearest head size, then of the mask whose density is nearest; between lengths on a line over their logarithm,
 * beyond them as at the last. 0: the table has no row of that pass. */
double attn_rates_at(const struct attn_rates *rates, int pass, double density, double len, int32_t dim);

/* What one rank computes with, in this order: the one rate if it is not 0, the table if it has rows, the planner's constants. */
struct attn_speed {
    double flops; /* FLOP/s, both passes */
    const struct attn_rates *rates;
    const struct attn_cost *cost[2]; /* of one core */
    int threads;                     /* cost is divided by them; 0: 1 */
};
/* cost of the kernel that a plan of the problem would choose. */
attn_status attn_speed_usual(attn_ctx *ctx, const attn_problem *problem, struct attn_speed *out);

/* One call of a kernel: rows and keys of a head, allowed pairs of all heads. */
struct attn_kernel_work {
    double pairs;
    int64_t rows, keys;
    int32_t heads;
};
double attn_speed_seconds(const struct attn_speed *speed, const attn_problem *problem, int pass, const struct attn_kernel_work *work);
/* FLOPs of a pair and head. */
double attn_pair_flops(const attn_problem *problem, int pass);

#endif
