/* Brute force: for each sequence and head the T x S matrices of logits L, weights W and their gradients, then plain sums.
 * Backward uses the Jacobian of the softmax on the matrix; only where O is merged with other keys the row's t = dO . O is used.
 */
#include "support/parts.h"

#include <math.h>
#include <stdlib.h>

struct head {
    const struct test_case *c;
    const struct test_result *out;
    int64_t b, rows, keys, q_first, k_first, plane;
    int32_t h, g;
    double *logit, *slope, *weight, *keep, *d_logit; /* rows x keys */
    bool *allowed;
};

static int64_t at(int64_t plane, int64_t heads, int64_t head, int64_t tokens, int64_t token, int64_t dim) {
    return ((plane * heads + head) * tokens + token) * dim;
}
static int64_t q_at(const struct head *a, int64_t i, int64_t dim) {
    return at(a->plane, a->c->problem.heads, a->h, a->c->q_len, a->q_first + i, dim);
}
static int64_t k_at(const struct head *a, int64_t j, int64_t dim) {
    return at(a->plane, a->c->problem.kv_heads, a->g, a->c->kv_len, a->k_first + j, dim);
}

/* A learned query: [1 or batch, head, dim]; what lies before a sequence: [batch, head, dim]. */
static int64_t row_at(const struct head *a, bool per_batch, int64_t dim) {
    return ((per_batch ? a->b * a->c->problem.heads : 0) + a->h) * dim;
}
static int64_t query_at(const struct head *a, int64_t i, int64_t dim) {
    return a->c->learned ? row_at(a, a->c->per_batch, dim) : q_at(a, i, dim);
}

/* The logit of what lies before the sequence. */
static double state_logit(const struct head *a) {
    return a->c->state_lse ? (double)a->c->state_lse[row_at(a, true, 1)] : (double)-INFINITY;
}

static double head_value(const struct head *a, const float *x) {
    return x ? (double)x[(a->c->per_batch ? a->b * a->c->problem.heads : 0) + a->h] : 0.0;
}

static int64_t bias_at(const struct head *a, int64_t i, int64_t j) {
    const int64_t place[4] = {a->b, a->h, i + a->c->q_offset, j + a->c->kv_offset};
    int64_t n = 0;
    for (int axis = 0; axis < 4; axis++) n = n * a->c->bias_extent[axis] + (a->c->bias_extent[axis] == 1 ? 0 : place[axis]);
    return n;
}

static double alibi_distance(const struct head *a, int64_t i, int64_t j) {
    const struct test_case *c = a->c;
    const int64_t align =
        c->problem.alibi_align == ATTN_BOTTOM_RIGHT ? test_span_of(c, a->b, 1).global - test_span_of(c, a->b, 0).global : 0;
    return fabs((double)(i + c->q_offset + align - (j + c->kv_offset)));
}

static double keep_factor(const struct head *a, int64_t i, int64_t j) {
    const struct test_case *c = a->c;
    if (!(c->problem.features & ATTN_DROPOUT)) return 1.0;
    const uint32_t key[2] = {(uint32_t)c->dropout_seed, (uint32_t)(c->dropout_seed >> 32)};
    const uint32_t counter[4] = {(uint32_t)(i + c->q_offset), (uint32_t)((j + c->kv_offset) / 4), (uint32_t)(a->h + c->head_offset),
                                 (uint32_t)(a->b + c->batch_offset)};
    uint32_t word[4];
    attn_philox(key, counter, word);
    const double p = c->problem.dropout;
    return word[(j + c->kv_offset) % 4] >= (uint32_t)(p * 4294967296.0) ? 1.0 / (1.0 - p) : 0.0;
}

static double additive_scale(const struct test_case *c) {
    return isnan(c->problem.scale) ? 1.0 : c->problem.scale;
}

static double additive_tanh(const struct head *a, int64_t i, int64_t j, int32_t e) {
    const int32_t dim = a->c->problem.dim;
    return tanh((double)a->c->q[q_at(a, i, dim) + e] + (double)a->c->k[k_at(a, j, dim) + e]);
}

static double additive_score(const struct head *a, int64_t i, int64_t j) {
    const float *w = a->c->w + row_at(a, a->c->per_batch, a->c->problem.dim);
    double sum = 0.0;
    for (int32_t e = a->c->problem.dim - 1; e >= 0; e--) sum += (double)w[e] * additive_tanh(a, i, j, e);
    return sum;
}

/* Row i, place j of the weights and their gradient. */
static int64_t weights_at(const struct head *a, int64_t i, int64_t j) {
    return q_at(a, i, a->c->weights_len) + j;
}

static void fill_matrices(struct head *a) {
    const struct test_case *c = a->c;
    const attn_problem *p = &c->problem;
    for (int64_t i = 0; i < a->rows; i++)
        for (int64_t j = 0; j < a->keys; j++) {
            const int64_t n = i * a->keys + j;
            double dot = 0.0;
            for (int32_t e = p->dim - 1; e >= 0; e--)
                dot += (double)c->q[query_at(a, i, p->dim) + e] * (double)c->k[k_at(a, j, p->dim) + e];
            if (c->additive) {
                a->logit[n] = additive_scale(c) * additive_score(a, i, j);
                a->keep[n] = 1.0;
                a->allowed[n] = test_allowed(c, a->b, a->h, i, j);
                continue;
            }
            const double scale = isnan(p->scale) ? 1.0 / sqrt((double)p->dim) : p->scale;
            const double capped = isinf(p->softcap) ? scale * dot : p->softcap * tanh(scale * dot / p->softcap);
            a->slope[n] = scale * (isinf(p->softcap) ? 1.0 : 1.0 - capped / p->softcap * capped / p->softcap);
            a->logit[n] = capped - head_value(a, c->alibi) * alibi_distance(a, i, j) + (c->bias ? (double)c->bias[bias_at(a, i, j)] : 0.0);
            a->keep[n] = keep_factor(a, i, j);
            a->allowed[n] = test_allowed(c, a->b, a->h, i, j);
        }
}

/* log(sum of exp) of row i with the sink, by way of the greatest term. */
static double row_lse(const struct head *a, int64_t i) {
    const double sink = a->c->sink ? head_value(a, a->c->sink) : (double)-INFINITY;
    double high = fmax(sink, state_logit(a)), sum = 0.0;
    for (int64_t j = 0; j < a->keys; j++)
        if (a->allowed[i * a->keys + j]) high = fmax(high, a->logit[i * a->keys + j]);
    if (isinf(high)) return high;
    for (int64_t j = 0; j < a->keys; j++)
        if (a->allowed[i * a->keys + j]) sum += exp(a->logit[i * a->keys + j] - high);
    return high + log(sum + exp(sink - high) + exp(state_logit(a) - high));
}

/* O and LSE of row i; merged with what is there, whose LSE `before` counts as other keys. */
static void forward_row(struct head *a, int64_t i, bool merges) {
    const int32_t width = a->c->pointer ? 0 : a->c->problem.v_dim;
    double *o = width ? a->out->data[TEST_O] + q_at(a, i, width) : NULL, *lse = a->out->data[TEST_LSE] + q_at(a, i, 1);
    const double own = row_lse(a, i), before = merges ? *lse : (double)-INFINITY;
    const double high = fmax(own, before);
    *lse = isinf(high) ? high : high + log(exp(own - high) + exp(before - high));
    for (int32_t e = 0; e < width; e++) o[e] = merges && !isinf(before) ? o[e] * exp(before - *lse) : 0.0;
    for (int32_t e = 0; e < width && !isinf(state_logit(a)); e++)
        o[e] = exp(state_logit(a) - *lse) * (double)a->c->state_o[row_at(a, true, width) + e];
    for (int64_t j = 0; j < a->keys; j++) {
        const int64_t n = i * a->keys + j;
        a->weight[n] = a->allowed[n] ? exp(a->logit[n] - *lse) : 0.0;
        if (a->c->additive) a->out->data[TEST_WEIGHTS][weights_at(a, i, j)] = a->weight[n];
        for (int32_t e = 0; e < width && a->allowed[n]; e++) o[e] += a->weight[n] * a->keep[n] * (double)a->c->v[k_at(a, j, width) + e];
    }
}

static void backward_row(struct head *a, int64_t i, bool merges) {
    const struct test_case *c = a->c;
    const int32_t width = c->pointer ? 0 : c->problem.v_dim;
    const double *o = width ? a->out->data[TEST_O] + q_at(a, i, width) : NULL, lse = a->out->data[TEST_LSE][q_at(a, i, 1)];
    const float *d_o = c->d_o + q_at(a, i, c->problem.v_dim);
    double *d_weight = a->d_logit + i * a->keys, mean = 0.0;
    for (int64_t j = 0; j < a->keys; j++) {
        const int64_t n = i * a->keys + j;
        d_weight[j] = c->d_weights && a->allowed[n] ? (double)c->d_weights[weights_at(a, i, j)] : 0.0;
        for (int32_t e = 0; e < width && a->allowed[n]; e++)
            d_weight[j] += a->keep[n] * (double)d_o[e] * (double)c->v[k_at(a, j, width) + e];
        mean += a->weight[n] * d_weight[j];
    }
    if (!isinf(state_logit(a))) {
        const double weight = exp(state_logit(a) - lse);
        double d_state = 0.0;
        for (int32_t e = 0; e < width; e++) {
            d_state += (double)d_o[e] * (double)c->state_o[row_at(a, true, width) + e];
            a->out->data[TEST_DSTATE_O][row_at(a, true, width) + e] += weight * (double)d_o[e];
        }
        mean += weight * d_state;
        a->out->data[TEST_DSTATE_LSE][row_at(a, true, 1)] += weight * (d_state - mean + (c->d_lse ? (double)c->d_lse[q_at(a, i, 1)] : 0.0));
    }
    if (merges) {
        mean = 0.0;
        for (int32_t e = 0; e < width; e++) mean += (double)d_o[e] * o[e];
    }
    const double d_lse = c->d_lse ? (double)c->d_lse[q_at(a, i, 1)] : 0.0;
    for (int64_t j = 0; j < a->keys; j++) a->d_logit[i * a->keys + j] = a->weight[i * a->keys + j] * (d_weight[j] - mean + d_lse);
    if (c->sink && !isinf(lse))
        a->out->data[TEST_DSINK][(c->per_batch ? a->b * c->problem.heads : 0) + a->h] += exp(head_value(a, c->sink) - lse) * (d_lse - mean);
}

static void add_gradients(struct head *a) {
    const struct test_case *c = a->c;
    const attn_problem *p = &c->problem;
    double *const *d = a->out->data;
    for (int64_t n = 0; n < a->rows * a->keys; n++) {
        const int64_t i = n / a->keys, j = n % a->keys;
        if (!a->allowed[n]) continue;
        for (int32_t e = 0; e < p->dim && c->additive; e++) {
            const int64_t w = row_at(a, c->per_batch, p->dim) + e;
            const double t = additive_tanh(a, i, j, e), step = additive_scale(c) * a->d_logit[n];
            d[TEST_DQ][q_at(a, i, p->dim) + e] += step * (double)c->w[w] * (1.0 - t * t);
            d[TEST_DK][k_at(a, j, p->dim) + e] += step * (double)c->w[w] * (1.0 - t * t);
            d[TEST_DW][w] += step * t;
        }
        for (int32_t e = 0; e < p->dim && !c->additive; e++) {
            d[TEST_DQ][query_at(a, i, p->dim) + e] += a->d_logit[n] * a->slope[n] * (double)c->k[k_at(a, j, p->dim) + e];
            d[TEST_DK][k_at(a, j, p->dim) + e] += a->d_logit[n] * a->slope[n] * (double)c->q[query_at(a, i, p->dim) + e];
        }
        for (int32_t e = 0; e < p->v_dim && d[TEST_DV]; e++)
            d[TEST_DV][k_at(a, j, p->v_dim) + e] += a->weight[n] * a->keep[n] * (double)c->d_o[q_at(a, i, p->v_dim) + e];
        if (d[TEST_DBIAS]) d[TEST_DBIAS][bias_at(a, i, j)] += a->d_logit[n];
        if (d[TEST_DALIBI]) d[TEST_DALIBI][(c->per_batch ? a->b * p->heads : 0) + a->h] -= a->d_logit[n] * alibi_distance(a, i, j);
    }
}

static void one_head(const struct test_case *c, struct test_result *out, int64_t b, int32_t h) {
    const struct test_span q = test_span_of(c, b, 0), k = test_span_of(c, b, 1);
    struct head a = {.c = c, .out = out, .b = b, .h = h, .g = h / (c->problem.heads / c->problem.kv_heads)};
    const bool merges = c->accumulate & ATTN_ACCUMULATE_O;
    a.rows = q.length, a.keys = k.length, a.q_first = q.first, a.k_first = k.first, a.plane = q.plane;
    double **const matrices[] = {&a.logit, &a.slope, &a.weight, &a.keep, &a.d_logit};
    for (int m = 0; m < 5; m++) *matrices[m] = test_memory((size_t)(a.rows * a.keys) * sizeof(double));
    a.allowed = test_memory((size_t)(a.rows * a.keys));
    fill_matrices(&a);
    for (int64_t i = 0; i < a.rows; i++) forward_row(&a, i, merges);
    for (int64_t i = 0; i < a.rows && c->d_o; i++) backward_row(&a, i, merges);
    if (c->d_o) add_gradients(&a);
    for (int m = 0; m < 5; m++) free(*matrices[m]);
    free(a.allowed);
}

/* Clears the tokens that belong to no sequence, as test_run gives them. */
static void clear_unowned(const struct test_case *c, double *x, int32_t heads, int side, int64_t dim) {
    const int64_t tokens = side ? c->kv_len : c->q_len;
    bool *owned = test_memory((size_t)(c->planes * tokens));
    for (int64_t b = 0; b < c->batch; b++) {
        const struct test_span s = test_span_of(c, b, side);
        for (int64_t t = 0; t < s.length; t++) owned[s.plane * tokens + s.first + t] = true;
    }
    for (int64_t n = 0; n < c->planes * heads * tokens * dim; n++)
        if (!owned[n / dim / tokens / heads * tokens + n / dim % tokens]) x[n] = 0.0;
    free(owned);
}

static void open_output(const struct test_case *c, struct test_result *out, int which, int64_t n) {
    float *initial = test_initial(c, which, n);
    out->count[which] = n;
    out->data[which] = test_memory((size_t)n * sizeof(double));
    for (int64_t i = 0; initial && i < n; i++) out->data[which][i] = (double)initial[i];
    free(initial);
}

void test_brute(const struct test_case *c, struct test_result *out) {
    const attn_problem *p = &c->problem;
    const int64_t q_rows = c->planes * p->heads * c->q_len, k_rows = c->planes * p->kv_heads * c->kv_len;
    const int64_t per_head = (c->per_batch ? c->batch : 1) * p->heads;
    *out = (struct test_result){0};
    if (!c->pointer) open_output(c, out, TEST_O, q_rows * p->v_dim);
    if (c->additive) open_output(c, out, TEST_WEIGHTS, q_rows * c->weights_len);
    open_output(c, out, TEST_LSE, q_rows);
    if (c->d_o) {
        open_output(c, out, TEST_DQ, (c->learned ? per_head : q_rows) * p->dim);
        open_output(c, out, TEST_DK, k_rows * p->dim);
        if (!c->pointer) open_output(c, out, TEST_DV, k_rows * p->v_dim);
        if (c->additive) open_output(c, out, TEST_DW, per_head * p->dim);
        if (p->features & ATTN_BIAS_GRAD)
            open_output(c, out, TEST_DBIAS, c->bias_extent[0] * c->bias_extent[1] * c->bias_extent[2] * c->bias_extent[3]);
        if (p->features & ATTN_ALIBI) open_output(c, out, TEST_DALIBI, per_head);
        if (p->features & ATTN_SINK) open_output(c, out, TEST_DSINK, per_head);
        if (c->state_o) open_output(c, out, TEST_DSTATE_O, c->batch * p->heads * p->v_dim);
        if (c->state_o) open_output(c, out, TEST_DSTATE_LSE, c->batch * p->heads);
    }
    for (int64_t b = 0; b < c->batch; b++)
        for (int32_t h = 0; h < p->heads; h++) one_head(c, out, b, h);
    if (!c->pointer) clear_unowned(c, out->data[TEST_O], p->heads, 0, p->v_dim);
    clear_unowned(c, out->data[TEST_LSE], p->heads, 0, 1);
    if (c->d_o) {
        if (!c->learned) clear_unowned(c, out->data[TEST_DQ], p->heads, 0, p->dim);
        clear_unowned(c, out->data[TEST_DK], p->kv_heads, 1, p->dim);
        if (!c->pointer) clear_unowned(c, out->data[TEST_DV], p->kv_heads, 1, p->v_dim);
    }
}
