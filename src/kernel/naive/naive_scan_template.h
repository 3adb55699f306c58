/* The specification of ATTN_SCORE_LEARNED_QUERY: softmax attention of one query over the keys up to each row, pair by pair, in the notation of
 * attn.h. Included once for each `real`.
 *
 *   forward   row i: logits s_j of the keys j <= i and their maximum, then weights, their sum and the weighted sum of values;
 *   backward  the pairs again (Dao 2023, alg. 2), with delta_i = dO_i . O_i - dLSE_i:
 *               P = exp(s_j - LSE_i),  dV_j += P dO_i,  ds = P (dO_i . v_j - delta_i),  dq += scale ds k_j,  dK_j += scale ds q.
 *
 * What lies before the sequence is one more key: its logit is state_lse, its value state_o. Forward works are heads, backward works all query
 * heads of one key/value head, or, where sequences share the query and so the sum dq, everything.
 */
#include "base/parallel.h"
#include "kernel/kernel.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

struct head {
    const struct attn_exec *x;
    struct attn_seq s;
    int64_t b, dim, width;
    int32_t h, g;
    const real *q;
    real *score; /* [n] */
    real state;  /* its logit; -inf: none */
    const real *state_o;
};

static const real *row_in(const struct attn_array *a, int64_t b, int64_t h, int64_t row) {
    return (const real *)a->data + b * a->b + h * a->h + row * a->t;
}

static real *row_out(const struct attn_array_out *a, int64_t b, int64_t h, int64_t row) {
    return (real *)a->data + b * a->b + h * a->h + row * a->t;
}

static real dot(int64_t n, const real *a, const real *b) {
    real sum = 0;
    for (int64_t c = 0; c < n; c++) sum += a[c] * b[c];
    return sum;
}

static void add(int64_t n, real factor, const real *from, real *to) {
    for (int64_t c = 0; c < n; c++) to[c] += factor * from[c];
}

/* One query head of one sequence, with the scores of all its keys. */
static struct head open_head(const struct attn_exec *x, int64_t b, int32_t h, real *score) {
    const struct attn_shape *p = x->shape;
    struct head a = {.x = x, .s = attn_exec_seq(x, b), .b = b, .dim = p->dim, .width = p->v_dim, .h = h, .score = score};
    a.g = h / (p->heads / p->kv_heads);
    a.q = row_in(&x->q, b, h, 0);
    a.state = x->state_lse.data ? *row_in(&x->state_lse, b, h, 0) : -(real)INFINITY;
    if (a.state != -(real)INFINITY) a.state_o = row_in(&x->state_o, b, h, 0);
    for (int64_t j = 0; j < a.s.k_len; j++) score[j] = (real)p->scale * dot(a.dim, a.q, row_in(&x->k, b, a.g, a.s.k_row + j));
    return a;
}

/* ------------------------------------------------------------------------------------------------ forward */

static void row_forward(const struct head *a, int64_t i) {
    const struct attn_exec *x = a->x;
    real *o = row_out(&x->o, a->b, a->h, a->s.q_row + i), high = a->state, lse = -(real)INFINITY;
    for (int64_t j = 0; j <= i; j++) high = a->score[j] > high || isnan(a->score[j]) ? a->score[j] : high;
    memset(o, 0, (size_t)a->width * sizeof *o);
    if (high != -(real)INFINITY) {
        real sum = a->state_o ? real_exp(a->state - high) : 0;
        if (a->state_o) add(a->width, sum, a->state_o, o);
        for (int64_t j = 0; j <= i; j++) {
            const real p = real_exp(a->score[j] - high);
            sum += p;
            add(a->width, p, row_in(&x->v, a->b, a->g, a->s.k_row + j), o);
        }
        for (int64_t c = 0; c < a->width; c++) o[c] /= sum;
        lse = high + real_log(sum);
    }
    if (x->lse.data) *row_out(&x->lse, a->b, a->h, a->s.q_row + i) = lse;
}

static size_t scores_bytes(const struct attn_shape *shape) {
    return attn_round64((size_t)shape->kv_len * sizeof(real));
}

static real *scores_of(const struct attn_exec *x, int worker) {
    return (real *)((char *)x->workspace + (size_t)worker * scores_bytes(x->shape));
}

static void forward_task(void *arg, int64_t index, int worker) {
    const struct attn_exec *x = arg;
    const struct head a = open_head(x, index / x->shape->heads, (int32_t)(index % x->shape->heads), scores_of(x, worker));
    for (int64_t i = 0; i < a.s.q_len; i++) row_forward(&a, i);
}

static void forward(const struct attn_exec *x) {
    attn_parallel(x->ctx, x->batch * x->shape->heads, x->shape->threads, forward_task, (void *)x);
}

/* ----------------------------------------------------------------------------------------------- backward */

static void row_backward(const struct head *a, int64_t i) {
    const struct attn_exec *x = a->x;
    const int64_t row = a->s.q_row + i;
    const real lse = *row_out(&x->lse, a->b, a->h, row), scale = (real)x->shape->scale, *d_o = row_in(&x->d_o, a->b, a->h, row);
    real *dq = row_out(&x->dq, a->b, a->h, 0);
    if (lse == -(real)INFINITY) return;
    const real delta = dot(a->width, d_o, row_out(&x->o, a->b, a->h, row)) - (x->d_lse.data ? *row_in(&x->d_lse, a->b, a->h, row) : 0);
    if (a->state_o) {
        const real p = real_exp(a->state - lse);
        if (x->dstate_lse.data) *row_out(&x->dstate_lse, a->b, a->h, 0) += p * (dot(a->width, d_o, a->state_o) - delta);
        if (x->dstate_o.data) add(a->width, p, d_o, row_out(&x->dstate_o, a->b, a->h, 0));
    }
    for (int64_t j = 0; j <= i; j++) {
        const int64_t key = a->s.k_row + j;
        const real p = real_exp(a->score[j] - lse), ds = p * (dot(a->width, d_o, row_in(&x->v, a->b, a->g, key)) - delta);
        add(a->width, p, d_o, row_out(&x->dv, a->b, a->g, key));
        add(a->dim, scale * ds, row_in(&x->k, a->b, a->g, key), dq);
        add(a->dim, scale * ds, a->q, row_out(&x->dk, a->b, a->g, key));
    }
}

static void zero_rows(const struct attn_array_out *a, int64_t b, int64_t h, int64_t row, int64_t rows, int64_t width) {
    for (int64_t r = row; r < row + rows; r++) memset(row_out(a, b, h, r), 0, (size_t)width * sizeof(real));
}

static void backward_task(void *arg, int64_t index, int worker) {
    const struct attn_exec *x = arg;
    const struct attn_shape *p = x->shape;
    const int64_t b = index / p->kv_heads;
    const int32_t g = (int32_t)(index % p->kv_heads), heads = p->heads / p->kv_heads;
    const struct attn_seq s = attn_exec_seq(x, b);
    if (!(x->accumulate & ATTN_ACCUMULATE_DK)) zero_rows(&x->dk, b, g, s.k_row, s.k_len, p->dim);
    if (!(x->accumulate & ATTN_ACCUMULATE_DV)) zero_rows(&x->dv, b, g, s.k_row, s.k_len, p->v_dim);
    for (int32_t h = g * heads; h < (g + 1) * heads; h++) {
        const struct head a = open_head(x, b, h, scores_of(x, worker));
        for (int64_t i = 0; i < a.s.q_len; i++) row_backward(&a, i);
    }
}

static void backward(const struct attn_exec *x) {
    attn_parallel(x->ctx, x->batch * x->shape->kv_heads, x->dq.b ? x->shape->threads : 1, backward_task, (void *)x);
}

static size_t workspace(const struct attn_shape *shape) {
    return (size_t)shape->threads * scores_bytes(shape);
}

static void describe(const struct attn_shape *shape, char *text, size_t size) {
    snprintf(text, size, "pair by pair; workspace: %d workers x %zu B (scores)", shape->threads, scores_bytes(shape));
}

const struct attn_kernel REAL_SYMBOL = {
    .name = "naive",
    .isa = "portable",
    .isa_bits = 0,
    .dtype = REAL_DTYPE,
    .score = ATTN_SCORE_LEARNED_QUERY,
    .forward_cost = {{.call = 280, .row = 20, .pair = 4, .element = 0.35, .queries = 1, .keys = 1, .dims = 1},
                     {.call = 280, .row = 20, .pair = 4, .element = 0.35, .queries = 1, .keys = 1, .dims = 1}},
    .backward_cost = {{.call = 600, .row = 20, .pair = 10, .element = 0.8, .queries = 1, .keys = 1, .dims = 1},
                      {.call = 600, .row = 20, .pair = 10, .element = 0.8, .queries = 1, .keys = 1, .dims = 1}},
    .workspace = workspace,
    .forward = forward,
    .backward = backward,
    .describe = describe,
};
