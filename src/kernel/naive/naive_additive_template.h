/* The specification of ATTN_SCORE_ADDITIVE: attention pair by pair, in the notation of attn.h. Included once for each `real`. The pointer and its glimpse (Vinyals,
 * Fortunato, Jaitly 2015, eq. 3; Bahdanau, Cho, Bengio 2015, sec. A.1.2), with t = tanh(q_i + k_j), p = exp(s - LSE):
 *
 *   forward   s_ij = scale w_h . t,  weights_ij = p_ij,  O_i = sum of p_ij v_j
 *   backward  dp_j = dO_i . v_j + dweights_ij,  ds_j = p_j (dp_j - sum of p dp + dLSE_i),  dv_j += p_j dO_i,
 *             u = scale ds_j w_h (1 - t^2),  dq_i += u,  dk_j += u,  dw_h += scale ds_j t
 *
 * Forward works are heads, backward works all query heads of one key/value head; dw of each sequence and head goes through the workspace and is
 * summed sequence by sequence.
 */
#include "base/parallel.h"
#include "kernel/naive/naive.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* One query head of one sequence. */
struct head {
    const struct attn_exec *x;
    struct attn_seq s;
    struct attn_mask_view view;
    int64_t b;
    int32_t h, g;
};

static struct head open_head(const struct attn_exec *x, int64_t b, int32_t h) {
    struct head a = {.x = x, .s = attn_exec_seq(x, b), .b = b, .h = h, .g = h / (x->shape->heads / x->shape->kv_heads)};
    attn_exec_view(x, b, h, &a.s, &a.view);
    return a;
}

/* Row i (of the sequence) of an array; elements are .d apart. */
static const real *row_in(const struct attn_array *a, int64_t b, int64_t h, int64_t row) {
    return (const real *)a->data + b * a->b + h * a->h + row * a->t;
}
static real *row_out(const struct attn_array_out *a, int64_t b, int64_t h, int64_t row) {
    return (real *)a->data + b * a->b + h * a->h + row * a->t;
}
static const real *q_row(const struct head *a, int64_t i) {
    return row_in(&a->x->q, a->b, a->h, a->s.q_row + i);
}
static const real *k_row(const struct head *a, int64_t j) {
    return row_in(&a->x->k, a->b, a->g, a->s.k_row + j);
}
static const real *v_row(const struct head *a, int64_t j) {
    return row_in(&a->x->v, a->b, a->g, a->s.k_row + j);
}

/* ------------------------------------------------------------------------------------------------ forward */

static real dot(const struct head *a, const real *q, const real *k) {
    const struct attn_exec *x = a->x;
    const real *w = row_in(&x->w, a->b, a->h, 0);
    real sum = 0;
    for (int64_t c = 0; c < x->shape->dim; c++) sum += w[c * x->w.d] * real_tanh(q[c * x->q.d] + k[c * x->k.d]);
    return sum;
}

static real logit(const struct head *a, int64_t i, int64_t j) {
    return (real)a->x->shape->scale * dot(a, q_row(a, i), k_row(a, j));
}

static size_t scratch_bytes(const struct attn_shape *shape) {
    return attn_round64((size_t)shape->kv_len * sizeof(real));
}

static void row_forward(const struct head *a, int64_t i, real *s) {
    const struct attn_exec *x = a->x;
    const int64_t row = a->s.q_row + i;
    real high = -(real)INFINITY, sum = 0;
    for (int64_t j = 0; j < a->s.k_len; j++) {
        s[j] = -(real)INFINITY;
        if (attn_mask_view_allows(&a->view, i, j)) s[j] = logit(a, i, j);
        high = s[j] > high || isnan(s[j]) ? s[j] : high;
    }
    const bool none = high == -(real)INFINITY;
    for (int64_t j = 0; j < a->s.k_len; j++) sum += s[j] = none || s[j] == -(real)INFINITY ? 0 : real_exp(s[j] - high);
    if (x->lse.data) *row_out(&x->lse, a->b, a->h, row) = none ? high : high + real_log(sum);
    for (int64_t j = 0; j < a->s.k_len; j++) s[j] = none || s[j] == 0 ? 0 : s[j] / sum;
    for (int64_t j = 0; x->weights.data && j < x->kv_len; j++)
        row_out(&x->weights, a->b, a->h, row)[j * x->weights.d] = j < a->s.k_len ? s[j] : 0;
    for (int64_t c = 0; x->o.data && c < x->shape->v_dim; c++) {
        real o = 0;
        for (int64_t j = 0; j < a->s.k_len; j++)
            if (attn_mask_view_allows(&a->view, i, j) && !none) o += s[j] * v_row(a, j)[c * x->v.d];
        row_out(&x->o, a->b, a->h, row)[c * x->o.d] = o;
    }
}

static void forward_task(void *arg, int64_t index, int worker) {
    const struct attn_exec *x = arg;
    const struct head a = open_head(x, index / x->shape->heads, (int32_t)(index % x->shape->heads));
    real *scratch = (real *)((char *)x->workspace + (size_t)worker * scratch_bytes(x->shape));
    for (int64_t i = 0; i < a.s.q_len; i++) row_forward(&a, i, scratch);
}

static void forward(const struct attn_exec *x) {
    attn_parallel(x->ctx, x->batch * x->shape->heads, x->shape->threads, forward_task, (void *)x);
}

/* ----------------------------------------------------------------------------------------------- backward */

static real *dw_of(const struct attn_exec *x, int64_t b, int32_t h) {
    return (real *)x->workspace + (b * x->shape->heads + h) * x->shape->dim;
}

/* dL / dp_ij, for weights before the softmax's own gradient. */
static real dp(const struct head *a, int64_t i, int64_t j) {
    const struct attn_exec *x = a->x;
    const int64_t row = a->s.q_row + i;
    real dp = x->d_weights.data ? row_in(&x->d_weights, a->b, a->h, row)[j * x->d_weights.d] : 0;
    for (int64_t c = 0; x->d_o.data && c < x->shape->v_dim; c++)
        dp += row_in(&x->d_o, a->b, a->h, row)[c * x->d_o.d] * v_row(a, j)[c * x->v.d];
    return dp;
}

static void pair_backward(const struct head *a, int64_t i, int64_t j, real ds) {
    const struct attn_exec *x = a->x;
    const real *q = q_row(a, i), *k = k_row(a, j), *w = row_in(&x->w, a->b, a->h, 0);
    real *dq = row_out(&x->dq, a->b, a->h, a->s.q_row + i), *dk = row_out(&x->dk, a->b, a->g, a->s.k_row + j);
    real *dw = dw_of(x, a->b, a->h);
    const real d = (real)x->shape->scale * ds;
    for (int64_t c = 0; c < x->shape->dim; c++) {
        const real t = real_tanh(q[c * x->q.d] + k[c * x->k.d]), u = d * w[c * x->w.d] * (1 - t * t);
        dq[c * x->dq.d] += u;
        dk[c * x->dk.d] += u;
        dw[c] += d * t;
    }
}

static void row_backward(const struct head *a, int64_t i) {
    const struct attn_exec *x = a->x;
    const int64_t row = a->s.q_row + i;
    const real lse = *row_out(&x->lse, a->b, a->h, row);
    if (lse == -(real)INFINITY) return;
    real delta = x->d_lse.data ? -*row_in(&x->d_lse, a->b, a->h, row) : 0;
    for (int64_t j = 0; j < a->s.k_len; j++)
        if (attn_mask_view_allows(&a->view, i, j)) delta += real_exp(logit(a, i, j) - lse) * dp(a, i, j);
    for (int64_t j = 0; j < a->s.k_len; j++) {
        if (!attn_mask_view_allows(&a->view, i, j)) continue;
        const real p = real_exp(logit(a, i, j) - lse);
        pair_backward(a, i, j, p * (dp(a, i, j) - delta));
        for (int64_t c = 0; x->dv.data && c < x->shape->v_dim; c++)
            row_out(&x->dv, a->b, a->g, a->s.k_row + j)[c * x->dv.d] += p * row_in(&x->d_o, a->b, a->h, row)[c * x->d_o.d];
    }
}

static void zero_rows(const struct attn_array_out *a, int64_t b, int64_t h, int64_t row, int64_t rows, int64_t width) {
    for (int64_t r = row; r < row + rows; r++) {
        real *at = row_out(a, b, h, r);
        for (int64_t c = 0; c < width; c++) at[c * a->d] = 0;
    }
}

static void backward_task(void *arg, int64_t index, int worker) {
    const struct attn_exec *x = arg;
    const struct attn_shape *shape = x->shape;
    const int64_t b = index / shape->kv_heads;
    const int32_t g = (int32_t)(index % shape->kv_heads), heads = shape->heads / shape->kv_heads;
    const struct attn_seq s = attn_exec_seq(x, b);
    (void)worker;
    if (!(x->accumulate & ATTN_ACCUMULATE_DK)) zero_rows(&x->dk, b, g, s.k_row, s.k_len, shape->dim);
    if (x->dv.data && !(x->accumulate & ATTN_ACCUMULATE_DV)) zero_rows(&x->dv, b, g, s.k_row, s.k_len, shape->v_dim);
    for (int32_t h = g * heads; h < (g + 1) * heads; h++) {
        const struct head a = open_head(x, b, h);
        memset(dw_of(x, b, h), 0, (size_t)shape->dim * sizeof(real));
        if (!(x->accumulate & ATTN_ACCUMULATE_DQ)) zero_rows(&x->dq, b, h, s.q_row, s.q_len, shape->dim);
        for (int64_t i = 0; i < s.q_len; i++) row_backward(&a, i);
    }
}

static void backward(const struct attn_exec *x) {
    attn_parallel(x->ctx, x->batch * x->shape->kv_heads, x->shape->threads, backward_task, (void *)x);
    for (int32_t h = 0; x->dw.data && h < x->shape->heads; h++)
        for (int64_t b = 0; b < x->batch; b++)
            for (int64_t c = 0; c < x->shape->dim; c++) row_out(&x->dw, b, h, 0)[c * x->dw.d] += dw_of(x, b, h)[c];
}

void REAL(attn_naive_additive_weights)(const struct attn_exec *x, int64_t b, int32_t h, int64_t q0, int64_t rows, real *weights) {
    const struct head a = open_head(x, b, h);
    for (int64_t i = q0; i < q0 + rows; i++) {
        const real lse = *row_out(&x->lse, b, h, a.s.q_row + i);
        for (int64_t j = 0; j < a.s.k_len; j++) {
            const bool seen = lse != -(real)INFINITY && attn_mask_view_allows(&a.view, i, j);
            weights[(i - q0) * a.s.k_len + j] = seen ? real_exp(logit(&a, i, j) - lse) : 0;
        }
    }
}

static size_t workspace(const struct attn_shape *shape) {
    const size_t rows = (size_t)shape->threads * scratch_bytes(shape);
    const size_t sums = attn_round64((size_t)shape->batch * (size_t)shape->heads * (size_t)shape->dim * sizeof(real));
    return (shape->features & ATTN_BACKWARD) && sums > rows ? sums : rows;
}

static void describe(const struct attn_shape *shape, char *text, size_t size) {
    snprintf(text, size, "row by row; workspace: forward %d workers x %zu B (S logits), backward dw of each sequence and head",
             shape->threads, scratch_bytes(shape));
}

#define REAL_ADDITIVE_COST(factor)                                                                                                         \
    { .call = 280, .row = 20, .pair = 26, .element = (factor)*10.0, .queries = 1, .keys = 1, .dims = 1 }
const struct attn_kernel REAL_SYMBOL = {
    .name = "naive",
    .isa = "portable",
    .isa_bits = 0,
    .dtype = REAL_DTYPE,
    .score = ATTN_SCORE_ADDITIVE,
    .forward_cost = {REAL_ADDITIVE_COST(1), REAL_ADDITIVE_COST(1)},
    .backward_cost = {REAL_ADDITIVE_COST(3), REAL_ADDITIVE_COST(3)},
    .workspace = workspace,
    .forward = forward,
    .backward = backward,
    .describe = describe,
};
