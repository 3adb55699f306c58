/* The pointer schedule: rows of each query head forward, all query heads of one key/value head backward.
 *
 * Forward works are blocks of ROWS rows of one head. Backward works are the query heads of a key/value head of one sequence, rows in order, so
 * that dK and dV are summed in one order; dw of each sequence and head is kept in the workspace and added up at the end, sequence by
 * sequence. The gradient of a row's weights comes from both outputs:
 *   dp_j = dO . v_j + dweights_j,  ds_j = p_j (dp_j - sum of p dp + dLSE)
 */
#include "kernel/pointer/pointer.h"

#include "base/parallel.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { ROWS = 16 };

/* One query head of one sequence. */
struct head {
    const struct attn_exec *x;
    const struct attn_pointer_ops *ops;
    struct attn_seq s;
    struct attn_mask_view view;
    int64_t b;
    int32_t h, g;
    int32_t *keys; /* room for the list of a row, and for two numbers of each key */
    float *p, *dp;
    float *o; /* v_dim */
};

struct pass {
    const struct attn_exec *x;
    const struct attn_pointer_ops *ops;
};

static size_t list_bytes(const struct attn_shape *shape) {
    return attn_round64((size_t)shape->kv_len * sizeof(float));
}

/* Of one worker. */
static size_t worker_bytes(const struct attn_shape *shape) {
    return 3 * list_bytes(shape) + attn_round64((size_t)shape->v_dim * sizeof(float));
}

static size_t sums_bytes(const struct attn_shape *shape) {
    if (!(shape->features & ATTN_BACKWARD)) return 0;
    return attn_round64((size_t)shape->batch * (size_t)shape->heads * (size_t)shape->dim * sizeof(float));
}

size_t attn_pointer_workspace(const struct attn_shape *shape) {
    return (size_t)shape->threads * worker_bytes(shape) + sums_bytes(shape);
}

void attn_pointer_describe(const struct attn_shape *shape, char *text, size_t size) {
    snprintf(text, size, "row by row; workspace: %d workers x %zu B (a list of S keys, two numbers of each, E sums)%s", shape->threads,
             worker_bytes(shape), shape->features & ATTN_BACKWARD ? " + dw of each sequence and head" : "");
}

static float *row_of(const struct attn_array *a, int64_t b, int64_t h, int64_t row) {
    return (float *)(uintptr_t)a->data + b * a->b + h * a->h + row * a->t;
}
static float *row_out(const struct attn_array_out *a, int64_t b, int64_t h, int64_t row) {
    return (float *)a->data + b * a->b + h * a->h + row * a->t;
}

static struct head open_head(const struct pass *pass, int64_t b, int32_t h, int worker) {
    const struct attn_exec *x = pass->x;
    const size_t list = list_bytes(x->shape);
    char *memory = (char *)x->workspace + (size_t)worker * worker_bytes(x->shape);
    struct head a = {.x = x, .ops = pass->ops, .s = attn_exec_seq(x, b), .b = b, .h = h, .g = h / (x->shape->heads / x->shape->kv_heads)};
    attn_exec_view(x, b, h, &a.s, &a.view);
    a.keys = (int32_t *)memory;
    a.p = (float *)(memory + list);
    a.dp = (float *)(memory + 2 * list);
    a.o = (float *)(memory + 3 * list);
    return a;
}

/* The keys that row i sees, ascending; returns how many. */
static int64_t list_keys(const struct head *a, int64_t i) {
    uint32_t words[ATTN_MASK_SPAN];
    struct attn_mask_run runs[ATTN_MASK_RUNS];
    int64_t count = 0, k0 = 0, k1;
    for (int64_t from = 0; attn_mask_next_keys(&a->view, i, i + 1, from, &k0, &k1); from = k1)
        for (int64_t k = k0; k < k1; k += ATTN_MASK_SPAN) {
            const int n = attn_mask_runs_of_keys(&a->view, i, 1, k, attn_min64(k + ATTN_MASK_SPAN, k1), words, runs);
            for (int r = 0; r < n; r++)
                for (int32_t j = runs[r].begin; j < runs[r].end; j++)
                    if (runs[r].full || (words[j] & 1)) a->keys[count++] = (int32_t)(k + j);
        }
    return count;
}

static struct attn_pointer_row open_row(const struct head *a, int64_t i, int64_t count) {
    const struct attn_exec *x = a->x;
    return (struct attn_pointer_row){.keys = a->keys,
                                     .count = count,
                                     .q = row_of(&x->q, a->b, a->h, a->s.q_row + i),
                                     .w = row_of(&x->w, a->b, a->h, 0),
                                     .k = row_of(&x->k, a->b, a->g, a->s.k_row),
                                     .k_stride = x->k.t,
                                     .dim = x->shape->dim,
                                     .scale = (float)x->shape->scale};
}

static struct attn_pointer_values values_of(const struct head *a, int64_t count, int64_t stride) {
    return (struct attn_pointer_values){a->keys, count, stride, a->x->shape->v_dim};
}

/* ------------------------------------------------------------------------------------------------ forward */

static void store_weights(const struct head *a, int64_t i, int64_t count) {
    const struct attn_array_out *to = &a->x->weights;
    float *row = row_out(to, a->b, a->h, a->s.q_row + i);
    for (int64_t j = 0; j < a->x->kv_len; j++) row[j * to->d] = 0.0f;
    for (int64_t n = 0; n < count; n++) row[a->keys[n] * to->d] = a->p[n];
}

static void row_forward(const struct head *a, int64_t i) {
    const struct attn_exec *x = a->x;
    const int64_t count = list_keys(a, i), row = a->s.q_row + i;
    const struct attn_pointer_row r = open_row(a, i, count);
    float high = -INFINITY;
    a->ops->logits(&r, a->p);
    const float sum = a->ops->weights(a->p, count, &high);
    const bool none = high == -INFINITY;
    for (int64_t n = 0; n < count; n++) a->p[n] = none ? 0.0f : a->p[n] / sum;
    if (x->lse.data) *row_out(&x->lse, a->b, a->h, row) = none ? -INFINITY : high + logf(sum);
    if (x->weights.data) store_weights(a, i, count);
    if (!x->o.data) return;
    const struct attn_pointer_values list = values_of(a, none ? 0 : count, x->v.t);
    a->ops->mix(&list, a->p, row_of(&x->v, a->b, a->g, a->s.k_row), a->o);
    memcpy(row_out(&x->o, a->b, a->h, row), a->o, (size_t)x->shape->v_dim * sizeof(float));
}

static void forward_task(void *arg, int64_t index, int worker) {
    const struct pass *pass = arg;
    const int64_t blocks = attn_div_up(pass->x->shape->q_len, ROWS), heads = pass->x->shape->heads;
    const struct head a = open_head(pass, index / blocks / heads, (int32_t)(index / blocks % heads), worker);
    const int64_t first = index % blocks * ROWS;
    for (int64_t i = first; i < attn_min64(first + ROWS, a.s.q_len); i++) row_forward(&a, i);
}

void attn_pointer_forward(const struct attn_exec *x, const struct attn_pointer_ops *ops) {
    struct pass pass = {x, ops};
    const int64_t blocks = attn_div_up(x->shape->q_len, ROWS);
    attn_parallel(x->ctx, x->batch * x->shape->heads * blocks, x->shape->threads, forward_task, &pass);
}

/* ----------------------------------------------------------------------------------------------- backward */

static float *dw_of(const struct attn_exec *x, int64_t b, int32_t h) {
    float *sums = (float *)((char *)x->workspace + (size_t)x->shape->threads * worker_bytes(x->shape));
    return sums + (b * x->shape->heads + h) * x->shape->dim;
}

/* p and dp of a row; then dp becomes ds. */
static void weight_gradients(const struct head *a, int64_t i, int64_t count, float lse) {
    const struct attn_exec *x = a->x;
    const int64_t row = a->s.q_row + i;
    const struct attn_pointer_row r = open_row(a, i, count);
    a->ops->logits(&r, a->p);
    for (int64_t n = 0; n < count; n++) {
        a->p[n] = expf(a->p[n] - lse);
        a->dp[n] = x->d_weights.data ? row_of(&x->d_weights, a->b, a->h, row)[a->keys[n] * x->d_weights.d] : 0.0f;
    }
    if (x->d_o.data) {
        const struct attn_pointer_values list = values_of(a, count, x->v.t);
        a->ops->dots(&list, row_of(&x->d_o, a->b, a->h, row), row_of(&x->v, a->b, a->g, a->s.k_row), a->dp);
    }
    double delta = x->d_lse.data ? -(double)*row_of(&x->d_lse, a->b, a->h, row) : 0.0;
    for (int64_t n = 0; n < count; n++) delta += (double)a->p[n] * (double)a->dp[n];
    for (int64_t n = 0; n < count; n++) a->dp[n] = a->p[n] * (a->dp[n] - (float)delta);
}

static void row_backward(const struct head *a, int64_t i, float *dw) {
    const struct attn_exec *x = a->x;
    const int64_t row = a->s.q_row + i;
    const float lse = *row_out(&x->lse, a->b, a->h, row);
    if (lse == -INFINITY) return;
    const int64_t count = list_keys(a, i);
    weight_gradients(a, i, count, lse);
    const struct attn_pointer_row r = open_row(a, i, count);
    a->ops->gradients(&r, a->dp, row_out(&x->dk, a->b, a->g, a->s.k_row), x->dk.t, row_out(&x->dq, a->b, a->h, row), dw);
    if (!x->dv.data) return;
    const struct attn_pointer_values list = values_of(a, count, x->dv.t);
    a->ops->spread(&list, a->p, row_of(&x->d_o, a->b, a->h, row), row_out(&x->dv, a->b, a->g, a->s.k_row));
}

static void zero_rows(const struct attn_array_out *a, int64_t b, int64_t h, int64_t row, int64_t rows, int64_t width) {
    for (int64_t r = row; a->data && r < row + rows; r++) memset(row_out(a, b, h, r), 0, (size_t)width * sizeof(float));
}

static void backward_task(void *arg, int64_t index, int worker) {
    const struct pass *pass = arg;
    const struct attn_exec *x = pass->x;
    const struct attn_shape *shape = x->shape;
    const int64_t b = index / shape->kv_heads;
    const int32_t g = (int32_t)(index % shape->kv_heads), heads = shape->heads / shape->kv_heads;
    const struct attn_seq s = attn_exec_seq(x, b);
    if (!(x->accumulate & ATTN_ACCUMULATE_DK)) zero_rows(&x->dk, b, g, s.k_row, s.k_len, shape->dim);
    if (!(x->accumulate & ATTN_ACCUMULATE_DV)) zero_rows(&x->dv, b, g, s.k_row, s.k_len, shape->v_dim);
    for (int32_t h = g * heads; h < (g + 1) * heads; h++) {
        const struct head a = open_head(pass, b, h, worker);
        float *dw = dw_of(x, b, h);
        memset(dw, 0, (size_t)shape->dim * sizeof(float));
        if (!(x->accumulate & ATTN_ACCUMULATE_DQ)) zero_rows(&x->dq, b, h, s.q_row, s.q_len, shape->dim);
        for (int64_t i = 0; i < s.q_len; i++) row_backward(&a, i, dw);
    }
}

void attn_pointer_backward(const struct attn_exec *x, const struct attn_pointer_ops *ops) {
    struct pass pass = {x, ops};
    attn_parallel(x->ctx, x->batch * x->shape->kv_heads, x->shape->threads, backward_task, &pass);
    for (int32_t h = 0; x->dw.data && h < x->shape->heads; h++)
        for (int64_t b = 0; b < x->batch; b++) {
            const float *from = dw_of(x, b, h);
            float *to = row_out(&x->dw, b, h, 0);
            for (int32_t c = 0; c < x->shape->dim; c++) to[c] += from[c];
        }
}
