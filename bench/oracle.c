/* The sampled oracle. For a sampled query row i of head h:
 *   s_j = scale q_i.k_j over the row's intervals;  p_j = exp(s_j - LSE);  O = sum p_j v_j;  D = dO.O;  dQ = scale sum p_j (dO.v_j - D) k_j
 * and for a sampled key j of key/value head g, over its query heads and the column's intervals, with LSE_i and O_i as the kernel
 * computed them (the rows check those):
 *   dV = sum p_ij dO_i;  dK = scale sum p_ij (dO_i.v_j - D_i) q_i. */
#include "bench/oracle.h"

#include "base/context.h"
#include "base/random.h"
#include "bench/statistics.h"
#include "kernel/convert/convert.h"

#include <math.h>
#include <string.h>

enum { ROWS = 10, COLUMNS = 6 };

/* What one sampled vector says about its array. */
struct deviation {
    double greatest, magnitude;
};
enum { DEV_O, DEV_LSE, DEV_DQ, DEV_DK, DEV_DV, DEVS };

struct oracle {
    struct attn_case *c;
    const struct attn_outputs *out;
    double scale;
    int64_t *intervals; /* of the row or column at hand: begin, end; room for the most that there can be */
    int64_t room;
    double *p, *sum, *more; /* S or T weights; D or E sums */
    struct deviation dev[DEVS];
};

static double load_as(attn_dtype type, const void *array, int64_t i) {
    return type == ATTN_F64 ? ((const double *)array)[i] : (double)attn_element_f32(type, array, i);
}

/* Of an array of the case. */
static double load(const struct attn_case *c, const void *array, int64_t i) {
    return load_as(c->spec.dtype, array, i);
}

static attn_dtype lse_type(const struct attn_case *c) {
    return c->spec.dtype == ATTN_F64 ? ATTN_F64 : ATTN_F32;
}

static double dot(const struct attn_case *c, const void *a, int64_t row_a, const void *b, int64_t row_b, int32_t dim) {
    double sum = 0.0;
    for (int32_t d = 0; d < dim; d++) sum += load(c, a, row_a * dim + d) * load(c, b, row_b * dim + d);
    return sum;
}

static void axpy(const struct attn_case *c, double weight, const void *array, int64_t row, int32_t dim, double *sum) {
    for (int32_t d = 0; d < dim; d++) sum[d] += weight * load(c, array, row * dim + d);
}

/* Row of q: a learned query is the head's. */
static int64_t query_row(const struct attn_case *c, int64_t q_row) {
    return c->spec.learned ? q_row / c->spec.q_len % c->spec.heads : q_row;
}

static void compare(struct oracle *r, int which, const void *array, int64_t row, int32_t dim, const double *expected) {
    struct deviation *dev = &r->dev[which];
    const attn_dtype type = which == DEV_LSE ? lse_type(r->c) : r->out->dtype;
    for (int32_t d = 0; d < dim; d++) {
        const double difference = fabs(load_as(type, array, row * dim + d) - expected[d]);
        dev->greatest = attn_worse(dev->greatest, difference);
        dev->magnitude = fmax(dev->magnitude, fabs(expected[d]));
    }
}

/* Row i of sequence b, head h. Fills p with the weights of the row's keys. */
static void check_row(struct oracle *r, int64_t b, int32_t h, int64_t i) {
    const struct attn_case_spec *s = &r->c->spec;
    const int32_t g = h / (s->heads / s->kv_heads);
    const int64_t q_row = (b * s->heads + h) * s->q_len + i, k_row = (b * s->kv_heads + g) * s->kv_len;
    const int64_t pieces = attn_mask_row(attn_case_mask_of(r->c, h), i, r->intervals, r->room);
    double greatest = -(double)INFINITY, total = 0.0;
    for (int64_t piece = 0; piece < pieces; piece++)
        for (int64_t j = r->intervals[2 * piece]; j < r->intervals[2 * piece + 1]; j++) {
            r->p[j] = r->scale * dot(r->c, r->c->q, query_row(r->c, q_row), r->c->k, k_row + j, s->dim);
            greatest = fmax(greatest, r->p[j]);
        }
    memset(r->sum, 0, (size_t)s->v_dim * sizeof(double));
    for (int64_t piece = 0; piece < pieces; piece++)
        for (int64_t j = r->intervals[2 * piece]; j < r->intervals[2 * piece + 1]; j++) total += r->p[j] = exp(r->p[j] - greatest);
    for (int64_t piece = 0; piece < pieces; piece++)
        for (int64_t j = r->intervals[2 * piece]; j < r->intervals[2 * piece + 1]; j++)
            axpy(r->c, r->p[j] /= total, r->c->v, k_row + j, s->v_dim, r->sum);
    compare(r, DEV_O, r->out->o, q_row, s->v_dim, r->sum);
    const double lse = total > 0.0 ? greatest + log(total) : -(double)INFINITY;
    if (r->out->lse != NULL && pieces > 0)
        compare(r, DEV_LSE, r->out->lse, q_row, 1, &lse);
    else if (r->out->lse != NULL && load_as(lse_type(r->c), r->out->lse, q_row) != lse) /* a row with no key: -inf */
        r->dev[DEV_LSE].greatest = (double)NAN;
    if (!r->out->backward || s->learned) return; /* a learned query's gradient is a sum over all rows */
    double delta = 0.0;
    for (int32_t e = 0; e < s->v_dim; e++) delta += load(r->c, r->c->d_o, q_row * s->v_dim + e) * r->sum[e];
    memset(r->sum, 0, (size_t)s->dim * sizeof(double));
    for (int64_t piece = 0; piece < pieces; piece++)
        for (int64_t j = r->intervals[2 * piece]; j < r->intervals[2 * piece + 1]; j++)
            axpy(r->c, r->scale * r->p[j] * (dot(r->c, r->c->d_o, q_row, r->c->v, k_row + j, s->v_dim) - delta), r->c->k, k_row + j, s->dim,
                 r->sum);
    compare(r, DEV_DQ, r->out->dq, q_row, s->dim, r->sum);
}

/* Key j of sequence b, key/value head g: sums over the group's query heads. LSE and O are the case's own. */
static void check_column(struct oracle *r, int64_t b, int32_t g, int64_t j) {
    const struct attn_case_spec *s = &r->c->spec;
    const int32_t group = s->heads / s->kv_heads;
    const int64_t k_row = (b * s->kv_heads + g) * s->kv_len + j;
    memset(r->sum, 0, (size_t)s->dim * sizeof(double));
    memset(r->more, 0, (size_t)s->v_dim * sizeof(double));
    for (int32_t h = g * group; h < (g + 1) * group; h++) {
        const int64_t pieces = attn_mask_column(attn_case_mask_of(r->c, h), j, r->intervals, r->room);
        for (int64_t piece = 0; piece < pieces; piece++)
            for (int64_t i = r->intervals[2 * piece]; i < r->intervals[2 * piece + 1]; i++) {
                const int64_t q_row = (b * s->heads + h) * s->q_len + i;
                const double p = exp(r->scale * dot(r->c, r->c->q, query_row(r->c, q_row), r->c->k, k_row, s->dim) -
                                     load_as(lse_type(r->c), r->c->lse, q_row));
                const double delta = dot(r->c, r->c->d_o, q_row, r->c->o, q_row, s->v_dim);
                const double ds = r->scale * p * (dot(r->c, r->c->d_o, q_row, r->c->v, k_row, s->v_dim) - delta);
                axpy(r->c, ds, r->c->q, query_row(r->c, q_row), s->dim, r->sum);
                axpy(r->c, p, r->c->d_o, q_row, s->v_dim, r->more);
            }
    }
    compare(r, DEV_DK, r->out->dk, k_row, s->dim, r->sum);
    compare(r, DEV_DV, r->out->dv, k_row, s->v_dim, r->more);
}

/* The first and the last index, then random ones. */
static int64_t sample(struct attn_random *random, int n, int64_t count) {
    return n == 0 ? 0 : n == 1 ? count - 1 : (int64_t)attn_random_below(random, (uint64_t)count);
}

struct attn_outputs attn_case_outputs(const struct attn_case *c) {
    return (struct attn_outputs){c->o, c->lse, c->dq, c->dk, c->dv, c->spec.backward, c->spec.dtype};
}

attn_status attn_oracle_error(struct attn_case *c, const struct attn_outputs *outputs, double *error) {
    const struct attn_case_spec *s = &c->spec;
    const int64_t longest = attn_max64(s->q_len, s->kv_len), widest = attn_max64(s->dim, s->v_dim);
    struct attn_random random;
    struct oracle r = {.c = c, .out = outputs, .scale = 1.0 / sqrt((double)s->dim), .room = longest / 2 + 1};
    const size_t bytes = (size_t)(longest + 2 * widest) * sizeof(double) + 2 * (size_t)r.room * sizeof(int64_t);
    r.p = attn_alloc(c->ctx, bytes);
    if (r.p == NULL) return attn_no_memory(c->ctx, "checking", bytes);
    r.sum = r.p + longest;
    r.more = r.sum + widest;
    r.intervals = (int64_t *)(void *)(r.more + widest);
    attn_random_init(&random, s->seed + 77);
    for (int n = 0; n < ROWS && s->q_len > 0; n++)
        check_row(&r, sample(&random, n, s->batch), (int32_t)sample(&random, n, s->heads), sample(&random, n, s->q_len));
    for (int n = 0; n < COLUMNS && outputs->backward && s->kv_len > 0; n++)
        check_column(&r, sample(&random, n, s->batch), (int32_t)sample(&random, n, s->kv_heads), sample(&random, n, s->kv_len));
    attn_free(c->ctx, r.p);
    *error = 0.0;
    for (int i = 0; i < DEVS; i++) {
        const double relative = r.dev[i].magnitude > 0.0 ? r.dev[i].greatest / r.dev[i].magnitude : r.dev[i].greatest;
        *error = attn_worse(*error, relative);
    }
    return ATTN_OK;
}

static double array_difference(const void *ours, attn_dtype our_type, const void *theirs, attn_dtype their_type, int64_t count) {
    double greatest = 0.0, magnitude = 0.0;
    for (int64_t i = 0; i < count; i++) {
        const double a = load_as(our_type, ours, i), b = load_as(their_type, theirs, i);
        const double difference = a == b || (isnan(a) && isnan(b)) ? 0.0 : fabs(a - b);
        greatest = attn_worse(greatest, difference);
        magnitude = isfinite(a) ? fmax(magnitude, fabs(a)) : magnitude;
    }
    return magnitude > 0.0 ? greatest / magnitude : greatest;
}

double attn_oracle_difference(const struct attn_case *c, const struct attn_outputs *outputs) {
    const struct attn_case_spec *s = &c->spec;
    const int64_t q_rows = s->batch * s->heads * s->q_len, kv_rows = s->batch * s->kv_heads * s->kv_len;
    const struct {
        const void *ours, *theirs;
        int64_t count;
        bool is_lse;
    } arrays[] = {{c->o, outputs->o, q_rows * s->v_dim, false},
                  {c->lse, outputs->lse, q_rows, true},
                  {c->dq, outputs->dq, (s->learned ? s->heads : q_rows) * s->dim, false},
                  {c->dk, outputs->dk, kv_rows * s->dim, false},
                  {c->dv, outputs->dv, kv_rows * s->v_dim, false}};
    double most = 0.0;
    for (size_t i = 0; i < (outputs->backward ? 5 : 2); i++) {
        if (arrays[i].theirs == NULL) continue;
        const attn_dtype ours = arrays[i].is_lse ? lse_type(c) : s->dtype, theirs = arrays[i].is_lse ? lse_type(c) : outputs->dtype;
        const double difference = array_difference(arrays[i].ours, ours, arrays[i].theirs, theirs, arrays[i].count);
        most = attn_worse(most, difference);
    }
    return most;
}

double attn_oracle_limit(const struct attn_case *c) {
    static const double rounding[] = {
        [ATTN_F32] = 2e-5, [ATTN_F64] = 1e-12, [ATTN_BF16] = 4 * 0x1p-8, [ATTN_F16] = 4 * 0x1p-11}; /* 16 bits: a few of their last place */
    return rounding[c->spec.dtype] * fmax(1.0, c->spec.gain);
}
