/* The additive score with its arrays, in one piece of memory. */
#include "bench/pointer.h"

#include "base/clock.h"
#include "base/context.h"
#include "base/random.h"
#include "bench/statistics.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

double attn_pointer_case_tanhs(const struct attn_pointer_case *c, enum attn_direction pass) {
    const attn_problem *p = &c->problem;
    const double once = (double)p->batch * p->heads * (double)p->q_len * (double)p->kv_len * p->dim;
    return pass == ATTN_FWD ? once : pass == ATTN_BWD ? 2 * once : 3 * once;
}

double attn_pointer_case_flops(const struct attn_pointer_case *c, enum attn_direction pass) {
    const double once = attn_pointer_case_tanhs(c, ATTN_FWD);
    const double forward = 2 * 14 * once, backward = 2 * (14 + 13 + 3) * once;
    return pass == ATTN_FWD ? forward : pass == ATTN_BWD ? backward : forward + backward;
}

static float *take(float **at, double count) {
    float *mine = *at;
    *at += ((size_t)count + 15) / 16 * 16;
    return mine;
}

attn_status attn_pointer_case_open(struct attn_pointer_case *c, attn_ctx *ctx, const attn_problem *shape, uint64_t seed) {
    *c = (struct attn_pointer_case){.ctx = ctx, .problem = *shape};
    attn_problem *p = &c->problem;
    p->score = ATTN_SCORE_ADDITIVE;
    p->features = ATTN_BACKWARD;
    attn_status status = attn_plan_create(ctx, p, &c->plan);
    if (status != ATTN_OK) return status;
    const double rows = (double)p->batch * p->heads * (double)p->q_len, keys = (double)p->batch * p->kv_heads * (double)p->kv_len;
    const double q = rows * p->dim, k = keys * p->dim, weights = rows * (double)p->kv_len, w = (double)p->heads * p->dim;
    const double bytes = (2 * q + 2 * k + 2 * w + 2 * weights + rows + 8 * 16) * sizeof(float) + (double)attn_plan_workspace(c->plan);
    if (bytes > 0x1p60 || (c->memory = attn_alloc(ctx, (size_t)bytes)) == NULL)
        return attn_no_memory(ctx, "bench pointer", bytes > 0x1p60 ? SIZE_MAX : (size_t)bytes);
    struct attn_random random;
    float *at = c->memory;
    attn_args_init(&c->args);
    attn_gradients_init(&c->gradients);
    c->args.q.data = take(&at, q);
    c->args.k.data = take(&at, k);
    c->args.w.data = take(&at, w);
    c->gradients.d_weights.data = take(&at, weights);
    attn_random_init(&random, seed);
    attn_random_fill_normal(&random, c->memory, at - (float *)c->memory, 1.0f);
    c->args.weights.data = take(&at, weights);
    c->args.lse.data = take(&at, rows);
    c->gradients.dq.data = take(&at, q);
    c->gradients.dk.data = take(&at, k);
    c->gradients.dw.data = take(&at, w);
    c->args.workspace = at;
    c->args.workspace_bytes = attn_plan_workspace(c->plan);
    return ATTN_OK;
}

void attn_pointer_case_close(struct attn_pointer_case *c) {
    attn_plan_destroy(c->plan);
    attn_free(c->ctx, c->memory);
}

/* The first rows of the first sequence as a problem of its own, in floats and in doubles. */
enum { Q, K, W, D_WEIGHTS, LSE, WEIGHTS, DQ, DK, DW, ARRAYS, INPUTS = LSE, ROWS = 2 };

struct first_rows {
    attn_problem problem;
    int64_t count[ARRAYS];
    float *single[ARRAYS];
    double *wide[ARRAYS];
};

static attn_status open_rows(const struct attn_pointer_case *c, struct first_rows *r, void **memory) {
    attn_problem *p = &r->problem;
    *p = c->problem;
    p->batch = 1;
    p->q_len = attn_min64(ROWS, p->q_len);
    const int64_t q = p->heads * p->q_len, k = p->kv_heads * p->kv_len, of = c->problem.q_len;
    const int64_t w = p->heads * p->dim, weights = q * p->kv_len;
    const int64_t counts[ARRAYS] = {q * p->dim, k * p->dim, w, weights, q, weights, q * p->dim, k * p->dim, w};
    size_t all = 0;
    for (int n = 0; n < ARRAYS; n++) all += (size_t)counts[n];
    double *wide = *memory = attn_alloc(c->ctx, all * (sizeof(double) + sizeof(float)));
    if (wide == NULL) return attn_no_memory(c->ctx, "bench pointer", all * (sizeof(double) + sizeof(float)));
    float *single = (float *)(wide + all);
    for (int n = 0; n < ARRAYS; n++) {
        r->count[n] = counts[n];
        r->wide[n] = wide;
        r->single[n] = single;
        wide += counts[n];
        single += counts[n];
    }
    for (int32_t h = 0; h < p->heads; h++) { /* rows of a head lie one behind the other, those that are left out behind them */
        const int64_t rows = p->q_len, width[2] = {p->dim, p->kv_len};
        memcpy(r->single[Q] + h * rows * width[0], (const float *)c->args.q.data + h * of * width[0],
               (size_t)(rows * width[0]) * sizeof(float));
        memcpy(r->single[D_WEIGHTS] + h * rows * width[1], (const float *)c->gradients.d_weights.data + h * of * width[1],
               (size_t)(rows * width[1]) * sizeof(float));
    }
    memcpy(r->single[K], c->args.k.data, (size_t)counts[K] * sizeof(float));
    memcpy(r->single[W], c->args.w.data, (size_t)counts[W] * sizeof(float));
    for (int n = 0; n < INPUTS; n++)
        for (int64_t i = 0; i < counts[n]; i++) r->wide[n][i] = (double)r->single[n][i];
    return ATTN_OK;
}

static attn_status run_rows(attn_ctx *ctx, attn_problem p, attn_dtype dtype, const char *kernel, void *const at[ARRAYS]) {
    attn_args args;
    attn_gradients gradients;
    attn_args_init(&args);
    attn_gradients_init(&gradients);
    p.dtype = dtype;
    p.kernel = kernel;
    args.q.data = at[Q];
    args.k.data = at[K];
    args.w.data = at[W];
    args.lse.data = at[LSE];
    args.weights.data = at[WEIGHTS];
    gradients.d_weights.data = at[D_WEIGHTS];
    gradients.dq.data = at[DQ];
    gradients.dk.data = at[DK];
    gradients.dw.data = at[DW];
    return attn_run(ctx, &p, &args, &gradients);
}

/* A logit is off by the error of a tangent, 3.2e-7, times |w|, about sqrt(dim), and by roundings of its own size, some times that; weights and
 * gradients by as much, and gradients by sqrt(keys) roundings of their sums. Both are counted out where they are large. */
attn_status attn_pointer_case_check(const struct attn_pointer_case *c, double *error) {
    struct first_rows r;
    void *memory = NULL, *single[ARRAYS], *wide[ARRAYS];
    char kernel[64];
    snprintf(kernel, sizeof kernel, "%s/%s", attn_plan_kernel(c->plan), attn_plan_isa(c->plan));
    attn_status status = open_rows(c, &r, &memory);
    *error = 0.0;
    for (int n = 0; n < ARRAYS && status == ATTN_OK; n++) {
        single[n] = r.single[n];
        wide[n] = r.wide[n];
    }
    if (status == ATTN_OK) status = run_rows(c->ctx, r.problem, ATTN_F32, kernel, single);
    if (status == ATTN_OK) status = run_rows(c->ctx, r.problem, ATTN_F64, "naive", wide);
    for (int n = WEIGHTS; n < ARRAYS && status == ATTN_OK; n++) {
        double off = 0.0, most = 0.0;
        for (int64_t i = 0; i < r.count[n]; i++) {
            off = attn_worse(off, fabs((double)r.single[n][i] - r.wide[n][i]));
            most = fmax(most, fabs(r.wide[n][i]));
        }
        const double size = fmax(1.0, sqrt((double)r.problem.dim) / 4.0 + sqrt((double)r.problem.kv_len) / 64.0);
        *error = attn_worse(*error, (most > 0.0 && n != WEIGHTS ? off / most : off) / size);
    }
    attn_free(c->ctx, memory);
    return status;
}

/* One of PyTorch's results against ours. */
static attn_status compare(const struct attn_pointer_case *c, struct attn_torch *torch, const char *name, const float *ours, double *off) {
    struct attn_npy theirs = {.data = NULL};
    double most = 0.0;
    const attn_status status = attn_torch_take(torch, name, &theirs);
    *off = 0.0;
    for (size_t i = 0; i < theirs.count && status == ATTN_OK; i++) {
        const double own = (double)ours[i], other = (double)((const float *)theirs.data)[i];
        *off = attn_worse(*off, fabs(own - other));
        most = fmax(most, fabs(own));
    }
    if (strcmp(name, "weights") != 0 && most > 0.0) *off /= most;
    attn_npy_free(c->ctx, &theirs);
    return status;
}

attn_status attn_pointer_case_torch(void *self, struct attn_torch *torch, char *name, size_t size, double *difference) {
    struct attn_pointer_case *c = self;
    const attn_problem *p = &c->problem;
    const struct {
        const char *name;
        const void *data;
        int rank;
        int64_t shape[4];
    } inputs[] = {{"q", c->args.q.data, 4, {p->batch, p->heads, p->q_len, p->dim}},
                  {"k", c->args.k.data, 4, {p->batch, p->kv_heads, p->kv_len, p->dim}},
                  {"w", c->args.w.data, 2, {p->heads, p->dim}},
                  {"dweights", c->gradients.d_weights.data, 4, {p->batch, p->heads, p->q_len, p->kv_len}}};
    const struct {
        const char *name;
        const void *data;
    } results[] = {
        {"weights", c->args.weights.data}, {"dq", c->gradients.dq.data}, {"dk", c->gradients.dk.data}, {"dw", c->gradients.dw.data}};
    char answer[16];
    double seconds;
    attn_status status = attn_pointer_case_run(c, ATTN_BOTH, &seconds);
    for (size_t i = 0; i < sizeof inputs / sizeof inputs[0] && status == ATTN_OK; i++)
        status = attn_torch_give(torch, inputs[i].name, ATTN_NPY_F32, inputs[i].rank, inputs[i].shape, inputs[i].data);
    if (status == ATTN_OK) status = attn_torch_ask(torch, name, size, "pointer %s %d", torch->folder, torch->threads);
    for (int pass = ATTN_FWD; pass <= ATTN_BWD && status == ATTN_OK; pass++)
        status = attn_torch_run(torch, (enum attn_direction)pass, &seconds);
    if (status == ATTN_OK) status = attn_torch_ask(torch, answer, sizeof answer, "save %s", torch->folder);
    *difference = 0.0;
    for (size_t i = 0; i < sizeof results / sizeof results[0] && status == ATTN_OK; i++) {
        double off;
        status = compare(c, torch, results[i].name, results[i].data, &off);
        *difference = attn_worse(*difference, off);
    }
    return status;
}

attn_status attn_pointer_case_run(void *self, enum attn_direction pass, double *seconds) {
    struct attn_pointer_case *c = self;
    const double start = attn_clock();
    attn_status status = pass == ATTN_BWD ? ATTN_OK : attn_forward(c->plan, &c->args);
    if (status == ATTN_OK && pass != ATTN_FWD) status = attn_backward(c->plan, &c->args, &c->gradients);
    *seconds = attn_clock() - start;
    return status;
}
