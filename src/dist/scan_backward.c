/* Prefix attention over ranks, backward: what each rank's rows give to all rows before them is summed, scanned over the ranks from the last one on,
 * and comes in as more gradient of the last row; dq is summed over the ranks. */
#include "base/parallel.h"
#include "dist/scan.h"
#include "dist/scan_rows.h"

#include <math.h>
#include <string.h>

static double *piece_of(const struct attn_scan_pass *pass, int64_t index) {
    return pass->m.pieces + index * pass->width;
}

static void sums_task(void *arg, int64_t index, int worker) {
    const struct attn_scan_pass *pass = arg;
    const struct attn_exec *x = &pass->x;
    const int64_t n = index / ATTN_SCAN_PIECES, piece = index % ATTN_SCAN_PIECES, b = n / x->shape->heads;
    const int64_t rows = attn_exec_seq(x, b).q_len;
    (void)worker;
    attn_scan_rows_sums(x, b, (int32_t)(n % x->shape->heads), rows * piece / ATTN_SCAN_PIECES, rows * (piece + 1) / ATTN_SCAN_PIECES,
                        piece_of(pass, index));
}

/* The pieces of each head together, from the last one on, if any were summed. */
static void open_sums(const struct attn_scan_pass *pass, bool any) {
    const size_t bytes = (size_t)pass->width * sizeof(double);
    for (int64_t n = 0; n < pass->heads; n++) {
        double *first = piece_of(pass, n * ATTN_SCAN_PIECES), *beyond = pass->m.beyond + n * pass->width;
        for (int64_t piece = ATTN_SCAN_PIECES - 2; piece >= 0 && any; piece--)
            attn_scan_join_sums(first + piece * pass->width, first + (piece + 1) * pass->width, pass->width);
        memset(beyond, 0, bytes);
        beyond[0] = (double)INFINITY;
        memcpy(pass->m.own + n * pass->width, any ? first : beyond, bytes);
    }
}

/* What comes in from the ranks behind. */
static void open_last(const struct attn_scan_pass *pass, attn_gradients *g) {
    const struct attn_exec *x = &pass->x;
    const size_t bytes = attn_dtype_bytes(x->o.type), e = (size_t)(pass->width - 2);
    for (int64_t n = 0; n < pass->heads; n++)
        attn_scan_rows_last(x, n / x->shape->heads, (int32_t)(n % x->shape->heads), pass->m.beyond + n * pass->width,
                            (char *)pass->m.carry_o + (size_t)n * e * bytes, (char *)pass->m.carry_lse + (size_t)n * bytes);
    g->d_last_o = (attn_input){pass->m.carry_o, {0}};
    g->d_last_lse = (attn_input){pass->m.carry_lse, {0}};
}

/* dq of all tokens of all ranks, from this rank's in memory, into the caller's array. */
static attn_status sum_queries(const struct attn_scan_pass *pass) {
    const struct attn_array_out *dq = &pass->x.dq;
    const struct attn_shape *p = pass->x.shape;
    const int64_t planes = dq->b ? pass->x.batch : 1, step = (int64_t)p->heads * p->dim;
    const bool add = pass->x.accumulate & ATTN_ACCUMULATE_DQ;
    for (int64_t i = 0; i < planes * step; i++) pass->m.dq_sum[i] = attn_scan_get(pass, pass->m.dq, i);
    const attn_status status = attn_link_sum(pass->scan->link, &pass->call, pass->m.dq_sum, planes * step);
    for (int64_t i = 0; i < planes * step && dq->data && !status; i++) {
        const int64_t at = i / step * dq->b + i % step / p->dim * dq->h + i % p->dim * dq->d;
        attn_scan_put(pass, dq->data, at, pass->m.dq_sum[i] + (add ? attn_scan_get(pass, dq->data, at) : 0.0));
    }
    return status;
}

attn_status attn_mpi_scan_backward(attn_mpi_scan *scan, const attn_args *args, const attn_gradients *gradients) {
    struct attn_scan_pass pass;
    if (!scan) return ATTN_EINVAL;
    attn_status status = attn_scan_pass_open(scan, ATTN_PASS_BACKWARD, args, gradients, &pass);
    if (status) return status;
    attn_gradients own = *gradients;
    const struct attn_shape *p = &scan->plan->shape;
    const bool first = scan->link->rank == 0; /* whose sums nobody needs */
    attn_parallel(scan->ctx, first ? 0 : pass.heads * ATTN_SCAN_PIECES, p->threads, sums_task, &pass);
    open_sums(&pass, !first);
    status = attn_scan_pass_exchange(&pass, -1, attn_scan_join_sums);
    if (status) return status;
    open_last(&pass, &own);
    own.dq = (attn_output){pass.m.dq, {pass.x.dq.b ? (int64_t)p->heads * p->dim : 0, p->dim, 0, 1}};
    pass.args.accumulate &= ~(uint32_t)ATTN_ACCUMULATE_DQ;
    status = attn_backward(scan->plan, &pass.args, &own);
    return status ? status : sum_queries(&pass);
}
