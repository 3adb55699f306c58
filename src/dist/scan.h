/* Prefix attention over ranks: the object of attn_mpi.h, and what its two passes share. */
#ifndef ATTN_DIST_SCAN_H
#define ATTN_DIST_SCAN_H

#include "attn_mpi.h"
#include "dist/exscan.h"
#include "plan/plan.h"

struct attn_mpi_scan {
    attn_ctx *ctx;
    attn_plan *plan; /* of this rank's part */
    struct attn_link *link;
    int64_t step; /* executions so far */
    size_t workspace;
};

/* Rows of a sequence and head are summed backward in so many pieces, side by side, whatever the number of threads. */
enum { ATTN_SCAN_PIECES = 8 };

/* The workspace: libattn's, then elements of all sequences and heads. */
struct attn_scan_memory {
    size_t plan;                     /* bytes of libattn's */
    double *own, *beyond, *incoming; /* [B, H, E + 2] */
    void *carry_o, *carry_lse,
        *carry_c;   /* [B, H, E], [B, H], [B, H] of the type of o: forward the state (o, m, c), backward d_last_o and _lse */
    double *pieces; /* backward: [B, H, ATTN_SCAN_PIECES, E + 2] */
    double *dq_sum; /* backward: [B or 1, H, D] */
    void *dq;       /* the same of the type of dq */
    size_t bytes;   /* of all */
};

/* Laid out from `at` on (NULL: sizes alone), at the plan's capacities. False: more than memory's addresses. */
bool attn_scan_memory_lay_out(const attn_plan *plan, char *at, struct attn_scan_memory *m);

/* One execution of a pass: its arguments as libattn takes them, resolved, and the memory. */
struct attn_scan_pass {
    attn_mpi_scan *scan;
    struct attn_link_call call;
    struct attn_scan_memory m;
    struct attn_exec x;
    attn_args args;
    int64_t heads, width; /* heads: of all sequences of this execution; width: E + 2 */
};

/* Checks the arguments on all ranks; where any has a mistake, all have its status. gradients are read backward alone. */
attn_status attn_scan_pass_open(attn_mpi_scan *scan, enum attn_pass direction, const attn_args *args, const attn_gradients *gradients,
                                struct attn_scan_pass *pass);

/* Numbers of arrays of the type of o, as doubles. */
double attn_scan_get(const struct attn_scan_pass *pass, const void *data, int64_t at);
void attn_scan_put(const struct attn_scan_pass *pass, void *data, int64_t at, double value);

/* own and beyond are filled in; then beyond is what lies there. */
attn_status attn_scan_pass_exchange(const struct attn_scan_pass *pass, int direction,
                                    void (*join)(double *element, const double *beyond, int64_t width));

#endif
