/* The specification of ATTN_SCORE_LEARNED_QUERY: softmax attention of one query over the keys up to each row, pair by pair, in the notation of
 * attn.h. Included once for each type of arrays: numbers are `stored`, NUMBER(x) makes one a `real`, which everything is computed in.
 *
 *   forward   row i: logits s_j of the keys j <= i and their maximum, then weights, their sum and the weighted sum of values;
 *   backward  the pairs again (Dao 2023, alg. 2), with delta_i = dO_i . O_i - dLSE_i:
 *               P = exp(s_j - LSE_i),  dV_j += P dO_i,  ds = P (dO_i . v_j - delta_i),  dq += scale ds k_j,  dK_j += scale ds q.
 *
 * What lies before the sequence is one more key: its logit is state_lse, its value state_o. Forward works are heads, backward works all query
 * heads of one key/value head, or, where sequences share the query and so the sum dq, everything. Gradients are summed in the workspace and
 * written once.
 */
#include "base/half.h"
#include "base/parallel.h"
#include "kernel/kernel.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* A worker's memory: logits of a head's keys, O of a row or of the state, dO of a row, and, backward, sums of the gradients of all heads' queries,
 * of one key/value head's keys and values, of a state. */
struct memory {
    real *score, *o, *state_o, *d_o, *q, *k, *v, *state;
};

static size_t row_reals(const struct attn_shape *p) {
    return (size_t)p->kv_len + 3 * (size_t)p->v_dim;
}

static size_t worker_bytes(const struct attn_shape *p) {
    const size_t d = (size_t)p->dim, e = (size_t)p->v_dim;
    const size_t sums = p->features & ATTN_BACKWARD ? (size_t)p->heads * d + (size_t)p->kv_len * (d + e) + e : 0;
    return attn_round64((row_reals(p) + sums) * sizeof(real));
}

static struct memory memory_of(const struct attn_exec *x, int worker) {
    const struct attn_shape *p = x->shape;
    real *at = (real *)((char *)x->workspace + (size_t)worker * worker_bytes(p)), *sums = at + row_reals(p);
    struct memory m = {.score = at, .o = at + p->kv_len, .q = sums};
    m.state_o = m.o + p->v_dim;
    m.d_o = m.state_o + p->v_dim;
    m.k = m.q + (int64_t)p->heads * p->dim;
    m.v = m.k + p->kv_len * p->dim;
    m.state = m.v + p->kv_len * p->v_dim;
    return m;
}

struct head {
    const struct attn_exec *x;
    struct attn_seq s;
    int64_t b, dim, width;
    int32_t h, g;
    const stored *q;
    real state, weight; /* its logit, -inf: none; how often it counts */
    struct memory m;
};

/* Element `at` of an array of the type of the inputs, or of `real`. */
static real get(attn_dtype type, const void *data, int64_t at) {
    return type == REAL_DTYPE ? NUMBER(((const stored *)data)[at]) : ((const real *)data)[at];
}

static void write_row(const struct attn_array_out *a, int64_t b, int64_t h, int64_t row, const real *from, int64_t n, bool add) {
    const int64_t at = b * a->b + h * a->h + row * a->t;
    for (int64_t c = at; c < at + n; c++) {
        const real x = from[c - at] + (add ? get(a->type, a->data, c) : 0);
        if (a->type == REAL_DTYPE)
            ((stored *)a->data)[c] = STORED(x);
        else
            ((real *)a->data)[c] = x;
    }
}

static const stored *row_in(const struct attn_array *a, int64_t b, int64_t h, int64_t row) {
    return (const stored *)a->data + b * a->b + h * a->h + row * a->t;
}

static real *lse_at(const struct attn_array_out *a, int64_t b, int64_t h, int64_t row) {
    return (real *)a->data + b * a->b + h * a->h + row * a->t;
}

static real dot(int64_t n, const stored *a, const stored *b) {
    real sum = 0;
    for (int64_t c = 0; c < n; c++) sum += NUMBER(a[c]) * NUMBER(b[c]);
    return sum;
}

static real dot_real(int64_t n, const stored *a, const real *b) {
    real sum = 0;
    for (int64_t c = 0; c < n; c++) sum += NUMBER(a[c]) * b[c];
    return sum;
}

static real dot_reals(int64_t n, const real *a, const real *b) {
    real sum = 0;
    for (int64_t c = 0; c < n; c++) sum += a[c] * b[c];
    return sum;
}

static void add(int64_t n, real factor, const stored *from, real *to) {
    for (int64_t c = 0; c < n; c++) to[c] += factor * NUMBER(from[c]);
}

static void add_reals(int64_t n, real factor, const real *from, real *to) {
    for (int64_t c = 0; c < n; c++) to[c] += factor * from[c];
}

/* One query head of one sequence, with the scores of all its keys. */
static struct head open_head(const struct attn_exec *x, int64_t b, int32_t h, const struct memory *m) {
    const struct attn_shape *p = x->shape;
    struct head a = {.x = x, .s = attn_exec_seq(x, b), .b = b, .dim = p->dim, .width = p->v_dim, .h = h, .m = *m};
    const int64_t state = b * x->state_o.b + h * x->state_o.h;
    a.g = h / (p->heads / p->kv_heads);
    a.q = row_in(&x->q, b, h, 0);
    a.state = x->state_lse.data ? ((const real *)x->state_lse.data)[b * x->state_lse.b + h * x->state_lse.h] : -(real)INFINITY;
    a.weight = x->state_c.data ? ((const real *)x->state_c.data)[b * x->state_c.b + h * x->state_c.h] : 1;
    for (int64_t c = 0; c < a.width && a.state != -(real)INFINITY; c++) m->state_o[c] = get(x->state_o.type, x->state_o.data, state + c);
    for (int64_t j = 0; j < a.s.k_len; j++) m->score[j] = (real)p->scale * dot(a.dim, a.q, row_in(&x->k, b, a.g, a.s.k_row + j));
    return a;
}

/* ------------------------------------------------------------------------------------------------ forward */

/* O of the keys before `end` and of the state goes into memory; the sum of exp(s - high). Without a weight: 0. */
static real prefix(const struct head *a, int64_t end, real *high) {
    const real *score = a->m.score;
    real *o = a->m.o;
    *high = a->state;
    for (int64_t j = 0; j < end; j++) *high = score[j] > *high || isnan(score[j]) ? score[j] : *high;
    for (int64_t c = 0; c < a->width; c++) o[c] = 0;
    if (*high == -(real)INFINITY) return 0;
    real sum = a->state != -(real)INFINITY ? a->weight * real_exp(a->state - *high) : 0;
    for (int64_t c = 0; c < a->width && a->state != -(real)INFINITY; c++) o[c] = sum * a->m.state_o[c];
    for (int64_t j = 0; j < end; j++) {
        const real p = real_exp(score[j] - *high);
        sum += p;
        add(a->width, p, row_in(&a->x->v, a->b, a->g, a->s.k_row + j), o);
    }
    for (int64_t c = 0; c < a->width; c++) o[c] /= sum;
    return sum;
}

static void row_forward(const struct head *a, int64_t i) {
    const struct attn_exec *x = a->x;
    real high;
    const real sum = prefix(a, i + 1, &high);
    write_row(&x->o, a->b, a->h, a->s.q_row + i, a->m.o, a->width, false);
    if (x->lse.data) *lse_at(&x->lse, a->b, a->h, a->s.q_row + i) = high == -(real)INFINITY ? high : high + real_log(sum);
}

static void end_forward(const struct head *a) {
    const struct attn_exec *x = a->x;
    real high;
    const real sum = prefix(a, a->s.q_len, &high);
    write_row(&x->end_o, a->b, a->h, 0, a->m.o, a->width, false);
    *lse_at(&x->end_m, a->b, a->h, 0) = high;
    *lse_at(&x->end_c, a->b, a->h, 0) = sum;
}

static void forward_task(void *arg, int64_t index, int worker) {
    const struct attn_exec *x = arg;
    const struct memory m = memory_of(x, worker);
    const struct head a = open_head(x, index / x->shape->heads, (int32_t)(index % x->shape->heads), &m);
    for (int64_t i = 0; i < a.s.q_len && x->o.data; i++) row_forward(&a, i);
    if (x->end_o.data) end_forward(&a);
}

static void forward(const struct attn_exec *x) {
    attn_parallel(x->ctx, x->batch * x->shape->heads, x->shape->threads, forward_task, (void *)x);
}

/* ----------------------------------------------------------------------------------------------- backward */

/* O and dO of row i into memory; returns delta. */
static real read_gradient(const struct head *a, int64_t i) {
    const struct attn_exec *x = a->x;
    const struct memory *m = &a->m;
    const int64_t row = a->s.q_row + i, at = a->b * x->o.b + a->h * x->o.h + row * x->o.t;
    const int64_t last = a->b * x->d_last_o.b + a->h * x->d_last_o.h;
    const bool is_last = i == a->s.q_len - 1;
    const stored *d_o = row_in(&x->d_o, a->b, a->h, row);
    real d_lse = x->d_lse.data ? ((const real *)x->d_lse.data)[a->b * x->d_lse.b + a->h * x->d_lse.h + row * x->d_lse.t] : 0;
    for (int64_t c = 0; c < a->width; c++) {
        m->o[c] = get(x->o.type, x->o.data, at + c);
        m->d_o[c] = NUMBER(d_o[c]);
        if (is_last && x->d_last_o.data) m->d_o[c] += get(x->d_last_o.type, x->d_last_o.data, last + c);
    }
    if (is_last && x->d_last_lse.data) d_lse += ((const real *)x->d_last_lse.data)[a->b * x->d_last_lse.b + a->h * x->d_last_lse.h];
    return dot_reals(a->width, m->d_o, m->o) - d_lse;
}

static void row_backward(const struct head *a, int64_t i) {
    const struct attn_exec *x = a->x;
    const struct memory *m = &a->m;
    const real lse = *lse_at(&x->lse, a->b, a->h, a->s.q_row + i), scale = (real)x->shape->scale;
    if (lse == -(real)INFINITY) return;
    const real delta = read_gradient(a, i);
    if (a->state != -(real)INFINITY) {
        const real p = real_exp(a->state - lse);
        if (x->dstate_lse.data) *lse_at(&x->dstate_lse, a->b, a->h, 0) += p * (dot_reals(a->width, m->d_o, m->state_o) - delta);
        add_reals(a->width, p, m->d_o, m->state);
    }
    for (int64_t j = 0; j <= i; j++) {
        const stored *k = row_in(&x->k, a->b, a->g, a->s.k_row + j), *v = row_in(&x->v, a->b, a->g, a->s.k_row + j);
        const real p = real_exp(m->score[j] - lse), ds = p * (dot_real(a->width, v, m->d_o) - delta);
        add_reals(a->width, p, m->d_o, m->v + j * a->width);
        add(a->dim, scale * ds, k, m->q + a->h * a->dim);
        add(a->dim, scale * ds, a->q, m->k + j * a->dim);
    }
}

static void zero(real *x, int64_t n) {
    for (int64_t i = 0; i < n; i++) x[i] = 0;
}

static void write_queries(const struct attn_exec *x, int64_t b, int32_t h0, int32_t h1, const struct memory *m) {
    for (int32_t h = h0; h < h1; h++) write_row(&x->dq, b, h, 0, m->q + (int64_t)h * x->shape->dim, x->shape->dim, true);
}

static void backward_task(void *arg, int64_t index, int worker) {
    const struct attn_exec *x = arg;
    const struct attn_shape *p = x->shape;
    const struct memory m = memory_of(x, worker);
    const int64_t b = index / p->kv_heads, dim = p->dim, width = p->v_dim;
    const int32_t g = (int32_t)(index % p->kv_heads), heads = p->heads / p->kv_heads;
    const struct attn_seq s = attn_exec_seq(x, b);
    if (x->dq.b || index == 0) zero(m.q, p->heads * dim);
    zero(m.k, s.k_len * dim);
    zero(m.v, s.k_len * width);
    for (int32_t h = g * heads; h < (g + 1) * heads; h++) {
        const struct head a = open_head(x, b, h, &m);
        zero(m.state, width);
        for (int64_t i = 0; i < a.s.q_len; i++) row_backward(&a, i);
        if (a.state != -(real)INFINITY && x->dstate_o.data) write_row(&x->dstate_o, b, h, 0, m.state, width, true);
    }
    for (int64_t j = 0; j < s.k_len; j++) {
        write_row(&x->dk, b, g, s.k_row + j, m.k + j * dim, dim, x->accumulate & ATTN_ACCUMULATE_DK);
        write_row(&x->dv, b, g, s.k_row + j, m.v + j * width, width, x->accumulate & ATTN_ACCUMULATE_DV);
    }
    if (x->dq.b) write_queries(x, b, g * heads, (g + 1) * heads, &m);
}

static void backward(const struct attn_exec *x) {
    const int64_t works = x->batch * x->shape->kv_heads;
    if (x->dq.b) {
        attn_parallel(x->ctx, works, x->shape->threads, backward_task, (void *)x);
        return;
    }
    for (int64_t index = 0; index < works; index++) backward_task((void *)x, index, 0);
    const struct memory m = memory_of(x, 0);
    if (works > 0) write_queries(x, 0, 0, x->shape->heads, &m);
}

static size_t workspace(const struct attn_shape *shape) {
    return (size_t)shape->threads * worker_bytes(shape);
}

static void describe(const struct attn_shape *shape, char *text, size_t size) {
    snprintf(text, size, "pair by pair; workspace: %d workers x %zu B (scores, sums)", shape->threads, worker_bytes(shape));
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
