/* K1, the specification: attention row by row in plain loops, in the notation of attn.h. Included once for each type of arrays: numbers are
 * `stored`, NUMBER(x) makes one a `real`, which everything is computed in.
 *
 *   forward   two passes over the keys of a row: logits and their maximum, then weights, their sum and the weighted sum of values;
 *   backward  one pass over the pairs (Dao 2023, alg. 2), with delta_i = dO_i . O_i:
 *               P = exp(s - LSE),  dV_j += P keep/(1-p) dO_i,  ds = P (keep/(1-p) dO_i.v_j - delta_i + dLSE_i),
 *               dbias += ds,  dalibi -= ds |distance|,  dsink_h += exp(sink_h - LSE_i) (dLSE_i - delta_i),
 *               draw = ds d(softcap) scale,  dQ_i += draw k_j,  dK_j += draw q_i.
 *
 * Invariants: an excluded pair is skipped, never multiplied by 0. Forward works are rows of one head, backward works are all query heads
 * of one key/value head; sums run in the order (head, query, key) whatever the threads. Gradients are summed in the workspace and written
 * once. Sums that cross works go through it too (dalibi, dsink) or make the whole backward one work (a bias shared by sequences or
 * heads).
 */
#include "base/half.h"
#include "base/parallel.h"
#include "kernel/merge.h"
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
    real slope;
    int64_t shift; /* of ALiBi's distance */
};

static struct head open_head(const struct attn_exec *x, int64_t b, int32_t h) {
    struct head a = {.x = x, .s = attn_exec_seq(x, b), .b = b, .h = h, .g = h / (x->shape->heads / x->shape->kv_heads)};
    attn_exec_view(x, b, h, &a.s, &a.view);
    a.shift = attn_exec_alibi_shift(x, &a.s) + x->q_offset - x->kv_offset;
    if (x->alibi.data) a.slope = (real)((const float *)x->alibi.data)[b * x->alibi.b + h * x->alibi.h];
    return a;
}

/* Row i (of the sequence) of an array; elements are .d apart. */
static const stored *row_in(const struct attn_array *a, int64_t b, int64_t h, int64_t row) {
    return (const stored *)a->data + b * a->b + h * a->h + row * a->t;
}

/* An element of an output: of the type of the inputs, or `real`. */
static real get(const struct attn_array_out *a, int64_t at) {
    return a->type == REAL_DTYPE ? NUMBER(((const stored *)a->data)[at]) : ((const real *)a->data)[at];
}

static void set(const struct attn_array_out *a, int64_t at, real x) {
    if (a->type == REAL_DTYPE)
        ((stored *)a->data)[at] = STORED(x);
    else
        ((real *)a->data)[at] = x;
}

static int64_t row_at(const struct attn_array_out *a, int64_t b, int64_t h, int64_t row) {
    return b * a->b + h * a->h + row * a->t;
}

static real *lse_at(const struct attn_exec *x, int64_t b, int64_t h, int64_t row) {
    return (real *)x->lse.data + row_at(&x->lse, b, h, row);
}

/* Writes n elements from x, or adds them to what is there. */
static void write_row(const struct attn_array_out *a, int64_t at, const real *x, int64_t n, bool add) {
    for (int64_t c = 0; c < n; c++) set(a, at + c * a->d, add ? get(a, at + c * a->d) + x[c] : x[c]);
}

static const stored *q_row(const struct head *a, int64_t i) {
    return row_in(&a->x->q, a->b, a->h, a->s.q_row + i);
}
static const stored *k_row(const struct head *a, int64_t j) {
    return row_in(&a->x->k, a->b, a->g, a->s.k_row + j);
}
static const stored *v_row(const struct head *a, int64_t j) {
    return row_in(&a->x->v, a->b, a->g, a->s.k_row + j);
}

static int64_t distance(const struct head *a, int64_t i, int64_t j) {
    const int64_t d = i + a->shift - j;
    return d < 0 ? -d : d;
}

/* s_ij; *slope is the derivative of the soft-cap, d s_ij / d (scale q.k). */
static real logit(const struct head *a, int64_t i, int64_t j, real *slope) {
    const struct attn_exec *x = a->x;
    const stored *q = q_row(a, i), *k = k_row(a, j);
    real dot = 0;
    for (int64_t c = 0; c < x->shape->dim; c++) dot += NUMBER(q[c * x->q.d]) * NUMBER(k[c * x->k.d]);
    real s = (real)x->shape->scale * dot;
    *slope = 1;
    if (x->shape->softcap < (double)INFINITY) {
        const real cap = (real)x->shape->softcap, t = real_tanh(s / cap);
        s = cap * t;
        *slope = 1 - t * t;
    }
    if (x->alibi.data) s -= a->slope * (real)distance(a, i, j);
    if (x->bias.data) {
        const float *bias = x->bias.data;
        s += (real)bias[a->b * x->bias.b + a->h * x->bias.h + (i + x->q_offset) * x->bias.t + (j + x->kv_offset) * x->bias.d];
    }
    return s;
}

static real sink_logit(const struct head *a) {
    const float *sink = a->x->sink.data;
    return sink ? (real)sink[a->b * a->x->sink.b + a->h * a->x->sink.h] : -(real)INFINITY;
}

/* keep_ij / (1 - p). */
static real kept(const struct head *a, int64_t i, int64_t j) {
    const struct attn_exec *x = a->x;
    const double p = x->shape->dropout;
    if (!(x->shape->features & ATTN_DROPOUT)) return 1;
    const bool keep = attn_dropout_keeps(x->seed, p, a->b + x->batch_offset, a->h + x->head_offset, i + x->q_offset, j + x->kv_offset);
    return keep ? (real)(1 / (1 - p)) : 0;
}

/* ------------------------------------------------------------------------------------------------ forward */

/* scratch: k_len logits, then v_dim sums. */
static real row_forward(const struct head *a, int64_t i, real *scratch) {
    const int64_t width = a->x->shape->v_dim;
    real *s = scratch, *o = scratch + a->s.k_len;
    const real sink = sink_logit(a);
    real high = sink, slope;
    for (int64_t j = 0; j < a->s.k_len; j++)
        if (attn_mask_view_allows(&a->view, i, j)) {
            s[j] = logit(a, i, j, &slope);
            high = s[j] > high || isnan(s[j]) ? s[j] : high;
        }
    for (int64_t c = 0; c < width; c++) o[c] = 0;
    if (high == -(real)INFINITY) return high;
    real sum = real_exp(sink - high);
    for (int64_t j = 0; j < a->s.k_len; j++)
        if (attn_mask_view_allows(&a->view, i, j)) {
            const real p = real_exp(s[j] - high), weight = p * kept(a, i, j);
            const stored *v = v_row(a, j);
            sum += p;
            for (int64_t c = 0; c < width; c++) o[c] += weight * NUMBER(v[c * a->x->v.d]);
        }
    for (int64_t c = 0; c < width; c++) o[c] /= sum;
    return high + real_log(sum);
}

static void store_row(const struct head *a, int64_t i, const real *o, real lse) {
    const struct attn_exec *x = a->x;
    const int64_t to = row_at(&x->o, a->b, a->h, a->s.q_row + i);
    real *to_lse = x->lse.data ? lse_at(x, a->b, a->h, a->s.q_row + i) : NULL;
    if (x->accumulate & ATTN_ACCUMULATE_O) {
        double old, new;
        *to_lse = (real)attn_merge_weights((double)*to_lse, (double)lse, &old, &new);
        for (int64_t c = 0; c < x->shape->v_dim; c++) {
            const int64_t at = to + c * x->o.d;
            set(&x->o, at, (old != 0 ? (real)old * get(&x->o, at) : 0) + (new != 0 ? (real) new *o[c] : 0));
        }
        return;
    }
    write_row(&x->o, to, o, x->shape->v_dim, false);
    if (to_lse) *to_lse = lse;
}

static size_t scratch_bytes(const struct attn_shape *shape) {
    return attn_round64(((size_t)shape->kv_len + (size_t)shape->v_dim) * sizeof(real));
}

static void forward_task(void *arg, int64_t index, int worker) {
    const struct attn_exec *x = arg;
    const int32_t heads = x->shape->heads;
    const struct head a = open_head(x, index / heads, (int32_t)(index % heads));
    real *scratch = (real *)((char *)x->workspace + (size_t)worker * scratch_bytes(x->shape));
    for (int64_t i = 0; i < a.s.q_len; i++) {
        const real lse = row_forward(&a, i, scratch);
        store_row(&a, i, scratch + a.s.k_len, lse);
    }
}

static void forward(const struct attn_exec *x) {
    attn_parallel(x->ctx, x->batch * x->shape->heads, x->shape->threads, forward_task, (void *)x);
}

/* ----------------------------------------------------------------------------------------------- backward */

/* Is an element of dbias the sum of many pairs? Then it is summed in `real` in the workspace, in local indices. */
static bool bias_is_summed(const struct attn_shape *shape) {
    return (shape->features & ATTN_BIAS_GRAD) && shape->bias_broadcast;
}

static bool bias_crosses_works(const struct attn_shape *shape) {
    return (shape->features & ATTN_BIAS_GRAD) && (shape->bias_broadcast & (ATTN_SHARE_BATCH | ATTN_SHARE_HEAD));
}

struct bias_sum {
    int64_t b, h, t, count; /* strides, and elements in all */
};

static struct bias_sum bias_sum_shape(const struct attn_shape *shape) {
    const int64_t keys = shape->bias_broadcast & ATTN_SHARE_KEY ? 1 : shape->kv_len;
    const int64_t rows = shape->bias_broadcast & ATTN_SHARE_QUERY ? 1 : shape->q_len;
    const int64_t heads = shape->bias_broadcast & ATTN_SHARE_HEAD ? 1 : shape->heads;
    const int64_t batch = shape->bias_broadcast & ATTN_SHARE_BATCH ? 1 : shape->batch;
    return (struct bias_sum){heads * rows * keys, rows * keys, keys, batch * heads * rows * keys};
}

/* The workspace of backward: dalibi and dsink of each sequence and head, the gradients of each worker, then the sums of dbias. */
struct sums {
    const struct attn_exec *x;
    real *alibi, *sink, *bias;
    struct bias_sum at;
    char *workers;
};

/* What a work sums: dQ of one query, dK and dV of all keys of one sequence. */
struct gradients {
    real *q, *k, *v;
};

static size_t head_sums_bytes(const struct attn_shape *shape) {
    return attn_round64((size_t)shape->batch * (size_t)shape->heads * sizeof(real));
}

static size_t gradients_bytes(const struct attn_shape *shape) {
    const size_t d = (size_t)shape->dim, e = (size_t)shape->v_dim;
    return attn_round64((d + (size_t)shape->kv_len * (d + e)) * sizeof(real));
}

static int backward_workers(const struct attn_shape *shape) {
    return bias_crosses_works(shape) ? 1 : shape->threads;
}

static struct sums open_sums(const struct attn_exec *x) {
    const struct attn_shape *shape = x->shape;
    char *memory = x->workspace;
    struct sums s = {.x = x, .alibi = (real *)memory, .sink = (real *)(memory + head_sums_bytes(shape))};
    s.workers = memory + 2 * head_sums_bytes(shape);
    if (bias_is_summed(shape)) {
        s.bias = (real *)(s.workers + (size_t)backward_workers(shape) * gradients_bytes(shape));
        s.at = bias_sum_shape(shape);
    }
    return s;
}

static void add_bias(const struct sums *sums, const struct head *a, int64_t i, int64_t j, real ds) {
    const struct attn_exec *x = sums->x;
    const uint32_t shared = x->shape->bias_broadcast;
    if (sums->bias) {
        const int64_t row = shared & ATTN_SHARE_QUERY ? 0 : i, key = shared & ATTN_SHARE_KEY ? 0 : j;
        const int64_t b = shared & ATTN_SHARE_BATCH ? 0 : a->b, h = shared & ATTN_SHARE_HEAD ? 0 : a->h;
        sums->bias[b * sums->at.b + h * sums->at.h + row * sums->at.t + key] += ds;
    } else if (x->dbias.data) {
        float *dbias = x->dbias.data;
        dbias[a->b * x->dbias.b + a->h * x->dbias.h + (i + x->q_offset) * x->dbias.t + (j + x->kv_offset) * x->dbias.d] += (float)ds;
    }
}

/* The pairs of row i: adds to dQ of the row, to dK, dV, and to the sums. */
static void row_backward(const struct sums *sums, const struct head *a, int64_t i, const struct gradients *g, real *dalibi, real *dsink) {
    const struct attn_exec *x = a->x;
    const int64_t dim = x->shape->dim, width = x->shape->v_dim, row = a->s.q_row + i;
    const real lse = *lse_at(x, a->b, a->h, row), *d_lse = x->d_lse.data;
    const stored *q = q_row(a, i), *d_o = row_in(&x->d_o, a->b, a->h, row);
    const int64_t o = row_at(&x->o, a->b, a->h, row);
    if (lse == -(real)INFINITY) return;
    real delta = d_lse ? -d_lse[a->b * x->d_lse.b + a->h * x->d_lse.h + row * x->d_lse.t] : 0;
    for (int64_t c = 0; c < width; c++) delta += NUMBER(d_o[c * x->d_o.d]) * get(&x->o, o + c * x->o.d);
    if (x->sink.data) *dsink -= real_exp(sink_logit(a) - lse) * delta;
    for (int64_t j = 0; j < a->s.k_len; j++) {
        if (!attn_mask_view_allows(&a->view, i, j)) continue;
        real slope, dp = 0;
        const stored *k = k_row(a, j), *v = v_row(a, j);
        const real p = real_exp(logit(a, i, j, &slope) - lse), keep = kept(a, i, j);
        real *dk = g->k + j * dim, *dv = g->v + j * width;
        for (int64_t c = 0; c < width; c++) {
            dp += NUMBER(d_o[c * x->d_o.d]) * NUMBER(v[c * x->v.d]);
            dv[c] += p * keep * NUMBER(d_o[c * x->d_o.d]);
        }
        const real ds = p * (keep * dp - delta);
        *dalibi -= ds * (real)distance(a, i, j);
        add_bias(sums, a, i, j, ds);
        const real draw = ds * slope * (real)x->shape->scale;
        for (int64_t c = 0; c < dim; c++) {
            g->q[c] += draw * NUMBER(k[c * x->k.d]);
            dk[c] += draw * NUMBER(q[c * x->q.d]);
        }
    }
}

static void head_backward(const struct sums *sums, int64_t b, int32_t h, const struct gradients *g) {
    const struct attn_exec *x = sums->x;
    const struct head a = open_head(x, b, h);
    const int64_t dim = x->shape->dim;
    real dalibi = 0, dsink = 0;
    for (int64_t i = 0; i < a.s.q_len; i++) {
        memset(g->q, 0, (size_t)dim * sizeof(real));
        row_backward(sums, &a, i, g, &dalibi, &dsink);
        write_row(&x->dq, row_at(&x->dq, b, h, a.s.q_row + i), g->q, dim, x->accumulate & ATTN_ACCUMULATE_DQ);
    }
    sums->alibi[b * x->shape->heads + h] = dalibi;
    sums->sink[b * x->shape->heads + h] = dsink;
}

static void backward_task(void *arg, int64_t index, int worker) {
    const struct sums *sums = arg;
    const struct attn_exec *x = sums->x;
    const int64_t dim = x->shape->dim, width = x->shape->v_dim, b = index / x->shape->kv_heads;
    const int32_t heads = x->shape->heads / x->shape->kv_heads, kv_head = (int32_t)(index % x->shape->kv_heads);
    const struct attn_seq s = attn_exec_seq(x, b);
    struct gradients g = {.q = (real *)(sums->workers + (size_t)worker * gradients_bytes(x->shape))};
    g.k = g.q + dim;
    g.v = g.k + s.k_len * dim;
    memset(g.k, 0, (size_t)(s.k_len * (dim + width)) * sizeof(real));
    for (int32_t h = kv_head * heads; h < (kv_head + 1) * heads; h++) head_backward(sums, b, h, &g);
    for (int64_t j = 0; j < s.k_len; j++) {
        write_row(&x->dk, row_at(&x->dk, b, kv_head, s.k_row + j), g.k + j * dim, dim, x->accumulate & ATTN_ACCUMULATE_DK);
        write_row(&x->dv, row_at(&x->dv, b, kv_head, s.k_row + j), g.v + j * width, width, x->accumulate & ATTN_ACCUMULATE_DV);
    }
}

static void add_head_sums(const struct attn_exec *x, const struct attn_array_out *to, const real *sums) {
    if (!to->data) return;
    for (int32_t h = 0; h < x->shape->heads; h++) {
        real total = 0;
        for (int64_t b = 0; b < x->batch; b++) {
            float *at = (float *)to->data + b * to->b + h * to->h;
            total = to->b ? sums[b * x->shape->heads + h] : total + sums[b * x->shape->heads + h];
            if (to->b || b == x->batch - 1) *at += (float)total;
        }
    }
}

static void add_bias_sums(const struct sums *sums) {
    const struct attn_exec *x = sums->x;
    const uint32_t shared = x->shape->bias_broadcast;
    const int64_t batch = shared & ATTN_SHARE_BATCH ? 1 : x->batch, heads = shared & ATTN_SHARE_HEAD ? 1 : x->shape->heads;
    int64_t rows = 0, keys = 0; /* of the longest sequence: no pair lies beyond, nor does the caller's array need to */
    for (int64_t b = 0; b < x->batch; b++) {
        const struct attn_seq s = attn_exec_seq(x, b);
        rows = attn_max64(rows, s.q_len);
        keys = attn_max64(keys, s.k_len);
    }
    if (shared & ATTN_SHARE_QUERY) rows = attn_min64(rows, 1);
    if (shared & ATTN_SHARE_KEY) keys = attn_min64(keys, 1);
    for (int64_t n = 0; n < batch * heads * rows; n++) {
        const int64_t b = n / rows / heads, h = n / rows % heads, i = n % rows;
        const real *from = sums->bias + b * sums->at.b + h * sums->at.h + i * sums->at.t;
        float *to = (float *)x->dbias.data + b * x->dbias.b + h * x->dbias.h + (i + x->q_offset) * x->dbias.t + x->kv_offset * x->dbias.d;
        for (int64_t j = 0; j < keys; j++) to[j * x->dbias.d] += (float)from[j];
    }
}

static void backward(const struct attn_exec *x) {
    const struct attn_shape *shape = x->shape;
    struct sums sums = open_sums(x);
    if (sums.bias) memset(sums.bias, 0, (size_t)sums.at.count * sizeof(real));
    attn_parallel(x->ctx, x->batch * shape->kv_heads, backward_workers(shape), backward_task, &sums);
    add_head_sums(x, &x->dalibi, sums.alibi);
    add_head_sums(x, &x->dsink, sums.sink);
    if (sums.bias) add_bias_sums(&sums);
}

/* --------------------------------------------------------------------------------------------------- rows */

void REAL(attn_naive_weights)(const struct attn_exec *x, int64_t b, int32_t h, int64_t q0, int64_t rows, real *weights) {
    const struct head a = open_head(x, b, h);
    for (int64_t i = q0; i < q0 + rows; i++) {
        const real lse = *lse_at(x, b, h, a.s.q_row + i);
        real *to = weights + (i - q0) * a.s.k_len, slope;
        for (int64_t j = 0; j < a.s.k_len; j++) {
            const bool seen = lse != -(real)INFINITY && attn_mask_view_allows(&a.view, i, j);
            to[j] = seen ? real_exp(logit(&a, i, j, &slope) - lse) : 0;
        }
    }
}

static size_t workspace(const struct attn_shape *shape) {
    const size_t rows = (size_t)shape->threads * scratch_bytes(shape);
    if (!(shape->features & ATTN_BACKWARD)) return rows;
    size_t sums = 2 * head_sums_bytes(shape) + (size_t)backward_workers(shape) * gradients_bytes(shape);
    if (bias_is_summed(shape)) sums += attn_round64((size_t)bias_sum_shape(shape).count * sizeof(real));
    return rows > sums ? rows : sums;
}

static void describe(const struct attn_shape *shape, char *text, size_t size) {
    snprintf(text, size,
             "row by row; workspace: forward %d workers x %zu B (S logits, E sums), backward 2 x %zu B (B H) + %d workers x %zu B "
             "(dQ of a query, dK, dV of a head)%s",
             shape->threads, scratch_bytes(shape), head_sums_bytes(shape), backward_workers(shape), gradients_bytes(shape),
             bias_is_summed(shape) ? " + the sums of dbias" : "");
}

const struct attn_kernel REAL_SYMBOL = {
    .name = "naive",
    .isa = "portable",
    .isa_bits = 0,
    .dtype = REAL_DTYPE,
    .forward_cost = {{.call = 280, .row = 20, .pair = 26, .element = REAL_FORWARD_ELEMENT, .queries = 1, .keys = 1, .dims = 1},
                     {.call = 200, .row = 30, .pair = 23, .element = REAL_WIDE_FORWARD_ELEMENT, .queries = 1, .keys = 1, .dims = 1}},
    .backward_cost = {{.call = 600, .row = 20, .pair = 18, .element = REAL_BACKWARD_ELEMENT, .queries = 1, .keys = 1, .dims = 1},
                      {.call = 440, .row = 20, .pair = 18, .element = REAL_WIDE_BACKWARD_ELEMENT, .queries = 1, .keys = 1, .dims = 1}},
    .workspace = workspace,
    .forward = forward,
    .backward = backward,
    .describe = describe,
};
