/* How good are the planner's choices? For one shape, every kernel that comes near is timed in turns with the others; the choices of the
 * cost model and of a measurement are among them. */
#ifndef ATTN_BENCH_PLANNER_H
#define ATTN_BENCH_PLANNER_H

#include "bench/measure.h"

enum { ATTN_PLANNER_KERNELS = ATTN_SUBJECTS };

struct attn_planner_outcome {
    int count; /* kernels that were timed */
    char kernel[ATTN_PLANNER_KERNELS][48];
    struct attn_timing timing[ATTN_PLANNER_KERNELS];
    int best, estimate, measured;        /* indices */
    double estimate_loss, measured_loss; /* time over that of the best, minus 1 */
    double plan_seconds;                 /* that measuring took */
};

/* `spec` says the shape, its kernel and planner are not read; `ctx` is where the planner measures, and loses its wisdom. After about
 * five turns, none is begun that would make them longer than `seconds`. On failure `message` (1024 bytes) says why. */
attn_status attn_planner_run(attn_ctx *ctx, const struct attn_case_spec *spec, enum attn_direction pass, struct attn_protocol protocol,
                             double seconds, struct attn_planner_outcome *out, char *message);

#endif
