/* Execution of a case: values are laid out in guarded memory, outputs are read back, and then everything that is not an output's
 * own element must still hold the pattern that was there before.
 */
#include "kernel/convert/convert.h"
#include "kernel/kernel.h"
#include "plan/plan.h"
#include "support/compare.h"
#include "support/guard.h"
#include "support/parts.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint16_t unwritten16 = 0x7fed; /* quiet NaNs, this one in both types of 16 bits */
static const uint32_t unwritten32 = 0x7fc0dead;
static const uint64_t unwritten64 = 0x7ff8deaddeaddead;

/* One array in memory: canonical extents [plane, head, token, dim], strides in elements. */
struct array {
    char *data;
    attn_dtype type;
    size_t element; /* bytes */
    int64_t extent[4], stride[4], elements;
    bool contiguous; /* strides are passed as zeros */
    bool per_head, is_bias;
};

struct run {
    const struct test_case *c;
    attn_dtype dtype;
    struct test_arena arena;
    struct attn_random random; /* of gaps */
};

static void *element(const struct array *a, int64_t n) {
    int64_t at = 0;
    for (int axis = 3; axis >= 0; axis--) {
        at += n % a->extent[axis] * a->stride[axis];
        n /= a->extent[axis];
    }
    return a->data + (size_t)at * a->element;
}

static int64_t count(const struct array *a) {
    return a->extent[0] * a->extent[1] * a->extent[2] * a->extent[3];
}

static double get(const struct array *a, int64_t n) {
    const void *at = element(a, n);
    if (a->type == ATTN_F64) return *(const double *)at;
    return (double)(a->type == ATTN_F32 ? *(const float *)at : attn_f32_of_half(a->type, *(const uint16_t *)at));
}

static void set(const struct array *a, int64_t n, double value) {
    void *at = element(a, n);
    if (a->type == ATTN_F64)
        *(double *)at = value;
    else if (a->type == ATTN_F32)
        *(float *)at = (float)value;
    else
        *(uint16_t *)at = attn_half_of_f32(a->type, (float)value);
}

static const void *unwritten(const struct array *a) {
    return a->element == 8 ? (const void *)&unwritten64 : a->element == 4 ? (const void *)&unwritten32 : (const void *)&unwritten16;
}

static void mark(const struct array *a, void *at) {
    memcpy(at, unwritten(a), a->element);
}

/* order: axes from the slowest to the fastest. A gap of up to 3 elements follows each line of an axis. */
static struct array layout(struct run *run, const int64_t extent[4], const int order[4], attn_dtype type, bool dim_gap) {
    const size_t bytes = attn_dtype_bytes(type);
    struct array a = {.type = type, .element = bytes, .contiguous = !run->c->gaps};
    int64_t step = run->c->gaps && dim_gap && (run->c->problem.features & ATTN_DIM_STRIDE) ? 2 : 1;
    a.elements = 1;
    for (int n = 3; n >= 0; n--) {
        const int axis = order[n];
        a.extent[axis] = extent[axis];
        a.stride[axis] = step;
        a.elements += extent[axis] ? (extent[axis] - 1) * step : 0;
        step *= extent[axis] ? extent[axis] : 1;
        if (run->c->gaps) step += (int64_t)attn_random_below(&run->random, 4);
    }
    if (count(&a) == 0) a.elements = 0;
    a.data = test_guarded(&run->arena, (size_t)a.elements * bytes, bytes);
    for (int64_t n = 0; n < a.elements; n++) mark(&a, a.data + (size_t)n * bytes);
    return a;
}

static const int tensor_order[3][4] = {{0, 1, 2, 3}, {0, 2, 1, 3}, {0, 2, 1, 3}};
static const int plain_order[4] = {0, 1, 2, 3};

/* The type of an output. */
static attn_dtype output_type(const struct run *run, attn_dtype chosen) {
    return attn_dtype_is_half(run->dtype) && chosen != ATTN_DTYPE_SAME ? chosen : run->dtype;
}

static struct array tensor(struct run *run, attn_dtype type, int32_t heads, int side, int64_t dim) {
    const int64_t extent[4] = {run->c->planes, heads, side ? run->c->kv_len : run->c->q_len, dim};
    return layout(run, extent, tensor_order[run->c->problem.layout], type, true);
}

/* [1 or batch, head, dim]: what a learned query has of each head. */
static struct array row_array(struct run *run, attn_dtype type, bool per_batch, int64_t dim) {
    const int64_t extent[4] = {per_batch ? run->c->batch : 1, run->c->problem.heads, 1, dim};
    struct array a = layout(run, extent, plain_order, type, true);
    a.per_head = true;
    return a;
}

static attn_dtype lse_type(const struct run *run) {
    return run->dtype == ATTN_F64 ? ATTN_F64 : ATTN_F32;
}

static struct array lse_array(struct run *run) {
    const int64_t extent[4] = {run->c->planes, run->c->problem.heads, run->c->q_len, 1};
    return layout(run, extent, plain_order, lse_type(run), false);
}

static struct array head_array(struct run *run) {
    const int64_t extent[4] = {run->c->per_batch ? run->c->batch : 1, run->c->problem.heads, 1, 1};
    struct array a = layout(run, extent, plain_order, ATTN_F32, false);
    a.per_head = true;
    return a;
}

static struct array bias_array(struct run *run) {
    struct array a = layout(run, run->c->bias_extent, plain_order, ATTN_F32, false);
    a.is_bias = true;
    return a;
}

static struct array weights_array(struct run *run) {
    const int64_t extent[4] = {run->c->planes, run->c->problem.heads, run->c->q_len, run->c->weights_len};
    return layout(run, extent, plain_order, run->dtype, true);
}

static void pass_strides(const struct run *run, const struct array *a, int64_t stride[4]) {
    const bool force = a->per_head && a->extent[0] > 1; /* the default shares among sequences */
    for (int axis = 0; axis < 4; axis++) {
        const bool shared = a->is_bias && (run->c->problem.bias_broadcast & (1u << axis));
        stride[axis] = (a->contiguous && !force) || shared || (a->extent[axis] == 1 && axis != 3) ? 0 : a->stride[axis];
    }
}

static attn_input in(const struct run *run, const struct array *a) {
    attn_input i = {a->data, {0}};
    pass_strides(run, a, i.stride);
    return i;
}

static attn_output out_of(const struct run *run, const struct array *a) {
    attn_output o = {a->data, {0}};
    pass_strides(run, a, o.stride);
    return o;
}

static attn_input filled(const struct run *run, struct array a, const float *values) {
    for (int64_t n = 0; n < count(&a); n++)
        if (!isnan(values[n])) set(&a, n, (double)values[n]);
    return in(run, &a);
}

/* Does canonical element n of a token array belong to a sequence? */
static bool *owned_tokens(const struct test_case *c, int side) {
    const int64_t tokens = side ? c->kv_len : c->q_len;
    bool *owned = test_memory((size_t)(c->planes * tokens));
    for (int64_t b = 0; b < c->batch; b++) {
        const struct test_span s = test_span_of(c, b, side);
        for (int64_t t = 0; t < s.length; t++) owned[s.plane * tokens + s.first + t] = true;
    }
    return owned;
}

struct output {
    struct array array;
    bool *owned; /* [plane, token]; NULL: all elements are written */
};

static bool is_owned(const struct output *o, int64_t n) {
    if (!o->owned) return true;
    const int64_t token = n / o->array.extent[3] % o->array.extent[2];
    const int64_t plane = n / (o->array.extent[1] * o->array.extent[2] * o->array.extent[3]);
    return o->owned[plane * o->array.extent[2] + token];
}

float *test_initial(const struct test_case *c, int which, int64_t n) {
    static const uint32_t flags[TEST_OUTPUTS] = {ATTN_ACCUMULATE_O,
                                                 ATTN_ACCUMULATE_O,
                                                 ATTN_ACCUMULATE_DQ,
                                                 ATTN_ACCUMULATE_DK,
                                                 ATTN_ACCUMULATE_DV,
                                                 ATTN_ACCUMULATE_REST,
                                                 ATTN_ACCUMULATE_REST,
                                                 ATTN_ACCUMULATE_REST,
                                                 ATTN_ACCUMULATE_REST,
                                                 ATTN_ACCUMULATE_REST,
                                                 0,
                                                 ATTN_ACCUMULATE_REST};
    if (!(c->accumulate & flags[which])) return NULL;
    struct attn_random r;
    float *x = test_memory((size_t)n * sizeof(float));
    attn_random_init(&r, c->seed + 1000u * (unsigned)which);
    attn_random_fill_normal(&r, x, n, 1.0f);
    for (int64_t i = 0; i < n && which == TEST_LSE; i++) x[i] = x[i] > 1.0f ? -INFINITY : x[i];
    if (which == TEST_O || which == TEST_DQ || which == TEST_DK || which == TEST_DV || which == TEST_DSTATE_O) test_round(c->storage, x, n);
    return x;
}

static void prefill(const struct test_case *c, const struct output *o, int which) {
    const int64_t n = count(&o->array);
    float *x = test_initial(c, which, n);
    for (int64_t i = 0; x && i < n; i++)
        if (is_owned(o, i)) set(&o->array, i, (double)x[i]);
    free(x);
}

static bool read_back(const struct output *o, int which, struct test_result *out) {
    const struct array *a = &o->array;
    const int64_t n = count(a);
    out->count[which] = n;
    out->data[which] = test_memory((size_t)n * sizeof(double));
    for (int64_t i = 0; i < n; i++)
        if (is_owned(o, i)) {
            out->data[which][i] = get(a, i);
            mark(a, element(a, i));
        }
    for (int64_t i = 0; i < a->elements; i++) {
        const char *at = a->data + (size_t)i * a->element;
        if (memcmp(at, unwritten(a), a->element) != 0) {
            fprintf(stderr, "%s: element %lld in memory was written, but belongs to no sequence\n", test_output_names[which], (long long)i);
            return false;
        }
    }
    return true;
}

static void fill_args(struct run *run, attn_args *args) {
    const struct test_case *c = run->c;
    const attn_problem *p = &c->problem;
    attn_args_init(args);
    args->q =
        filled(run, c->learned ? row_array(run, run->dtype, c->per_batch, p->dim) : tensor(run, run->dtype, p->heads, 0, p->dim), c->q);
    if (c->state_o) {
        args->state_o = filled(run, row_array(run, output_type(run, p->o_dtype), true, p->v_dim), c->state_o);
        args->state_lse = filled(run, row_array(run, lse_type(run), true, 1), c->state_lse);
    }
    args->k = filled(run, tensor(run, run->dtype, p->kv_heads, 1, p->dim), c->k);
    if (!c->pointer) args->v = filled(run, tensor(run, run->dtype, p->kv_heads, 1, p->v_dim), c->v);
    if (c->w) args->w = filled(run, row_array(run, run->dtype, c->per_batch, p->dim), c->w);
    if (c->alibi) args->alibi = filled(run, head_array(run), c->alibi);
    if (c->sink) args->sink = filled(run, head_array(run), c->sink);
    if (c->bias) args->bias = filled(run, bias_array(run), c->bias);
    args->batch = c->batch;
    if (!c->cu_q) {
        args->q_len = c->q_len;
        args->kv_len = c->learned ? -1 : c->kv_len;
    }
    args->q_lens = c->q_lens;
    args->kv_lens = c->kv_lens;
    args->q_starts = c->q_starts;
    args->kv_starts = c->kv_starts;
    args->cu_q = c->cu_q;
    args->cu_kv = c->cu_kv;
    args->q_offset = c->q_offset;
    args->kv_offset = c->kv_offset;
    args->global_q_len = c->global_q_len;
    args->global_kv_len = c->global_kv_len;
    args->batch_offset = c->batch_offset;
    args->head_offset = c->head_offset;
    args->mask = c->mask;
    args->seed = c->dropout_seed;
    args->accumulate = c->accumulate;
}

static void make_gradients(struct run *run, attn_gradients *g, struct output outputs[TEST_OUTPUTS]) {
    const struct test_case *c = run->c;
    const attn_problem *p = &c->problem;
    const attn_dtype grad = output_type(run, p->grad_dtype);
    attn_gradients_init(g);
    if (!c->pointer) g->d_o = filled(run, tensor(run, run->dtype, p->heads, 0, p->v_dim), c->d_o);
    if (c->d_weights) g->d_weights = filled(run, weights_array(run), c->d_weights);
    if (c->d_lse) g->d_lse = filled(run, lse_array(run), c->d_lse);
    outputs[TEST_DQ].array = c->learned ? row_array(run, grad, c->per_batch, p->dim) : tensor(run, grad, p->heads, 0, p->dim);
    outputs[TEST_DK].array = tensor(run, grad, p->kv_heads, 1, p->dim);
    if (!c->pointer) outputs[TEST_DV].array = tensor(run, grad, p->kv_heads, 1, p->v_dim);
    g->dq = out_of(run, &outputs[TEST_DQ].array);
    g->dk = out_of(run, &outputs[TEST_DK].array);
    if (!c->pointer) g->dv = out_of(run, &outputs[TEST_DV].array);
    if (c->additive) {
        outputs[TEST_DW].array = row_array(run, run->dtype, c->per_batch, p->dim);
        g->dw = out_of(run, &outputs[TEST_DW].array);
    }
    if (c->state_o) {
        outputs[TEST_DSTATE_O].array = row_array(run, grad, true, p->v_dim);
        outputs[TEST_DSTATE_LSE].array = row_array(run, lse_type(run), true, 1);
        g->dstate_o = out_of(run, &outputs[TEST_DSTATE_O].array);
        g->dstate_lse = out_of(run, &outputs[TEST_DSTATE_LSE].array);
    }
    if (p->features & ATTN_BIAS_GRAD) {
        outputs[TEST_DBIAS].array = bias_array(run);
        g->dbias = out_of(run, &outputs[TEST_DBIAS].array);
    }
    if (p->features & ATTN_ALIBI) {
        outputs[TEST_DALIBI].array = head_array(run);
        g->dalibi = out_of(run, &outputs[TEST_DALIBI].array);
    }
    if (p->features & ATTN_SINK) {
        outputs[TEST_DSINK].array = head_array(run);
        g->dsink = out_of(run, &outputs[TEST_DSINK].array);
    }
}

static bool ok(const struct run *run, const char *what, attn_status status) {
    char text[512];
    if (status != ATTN_OK) fprintf(stderr, "%s: %s: %s\n", what, attn_status_name(status), attn_ctx_error(run->c->ctx, text, sizeof(text)));
    return status == ATTN_OK;
}

/* The plan's own part: its workspace is guarded too, and begins as garbage. */
static bool execute(struct run *run, const char *kernel, int threads, attn_args *args, const attn_gradients *gradients, double *rounding) {
    attn_problem problem = run->c->problem;
    problem.dtype = run->dtype;
    if (!attn_dtype_is_half(run->dtype)) problem.o_dtype = problem.grad_dtype = ATTN_DTYPE_SAME;
    problem.kernel = kernel;
    problem.threads = threads;
    attn_plan *plan;
    if (!ok(run, "plan", attn_plan_create(run->c->ctx, &problem, &plan))) return false;
    *rounding = plan->kernel->rounding;
    args->workspace_bytes = attn_plan_workspace(plan);
    args->workspace = test_guarded(&run->arena, args->workspace_bytes, 64);
    memset(args->workspace, 0xff, args->workspace_bytes);
    bool good = ok(run, "forward", attn_forward(plan, args));
    if (good && gradients) good = ok(run, "backward", attn_backward(plan, args, gradients));
    attn_plan_destroy(plan);
    return good;
}

bool test_run(const struct test_case *c, attn_dtype dtype, const char *kernel, int threads, struct test_result *out) {
    struct run run = {.c = c, .dtype = dtype, .arena = {.at_begin = c->at_begin}};
    struct output outputs[TEST_OUTPUTS] = {0};
    attn_args args;
    attn_gradients gradients;
    bool *q_owned = owned_tokens(c, 0), *k_owned = owned_tokens(c, 1);
    const bool backward = c->problem.features & ATTN_BACKWARD;
    memset(out, 0, sizeof(*out));
    attn_random_init(&run.random, c->seed);
    fill_args(&run, &args);
    if (!c->pointer) outputs[TEST_O].array = tensor(&run, output_type(&run, c->problem.o_dtype), c->problem.heads, 0, c->problem.v_dim);
    if (c->additive) outputs[TEST_WEIGHTS].array = weights_array(&run);
    outputs[TEST_LSE].array = lse_array(&run);
    if (!c->pointer) args.o = out_of(&run, &outputs[TEST_O].array);
    if (c->additive) args.weights = out_of(&run, &outputs[TEST_WEIGHTS].array);
    args.lse = out_of(&run, &outputs[TEST_LSE].array);
    if (backward) make_gradients(&run, &gradients, outputs);
    outputs[TEST_O].owned = outputs[TEST_LSE].owned = outputs[TEST_WEIGHTS].owned = q_owned;
    outputs[TEST_DQ].owned = c->learned ? NULL : q_owned;
    outputs[TEST_DK].owned = outputs[TEST_DV].owned = k_owned;
    for (int which = 0; which < TEST_OUTPUTS; which++)
        if (outputs[which].array.data) prefill(c, &outputs[which], which);
    bool good = execute(&run, kernel, threads, &args, backward ? &gradients : NULL, &out->rounding);
    for (int which = 0; which < TEST_OUTPUTS && good; which++)
        if (outputs[which].array.data) good = read_back(&outputs[which], which, out);
    if (!good) test_case_print(c);
    free(q_owned);
    free(k_owned);
    test_arena_free(&run.arena);
    return good;
}

void test_result_free(struct test_result *r) {
    for (int which = 0; which < TEST_OUTPUTS; which++) free(r->data[which]);
    memset(r, 0, sizeof(*r));
}

static double greatest_value(const struct test_case *c) {
    const int64_t n = c->planes * c->problem.kv_heads * c->kv_len * c->problem.v_dim;
    double most = 0.0;
    for (int64_t i = 0; i < n; i++)
        if (isfinite(c->v[i])) most = fmax(most, fabs((double)c->v[i]));
    return most;
}

/* Greatest Euclidean norm of the rows without NaN. */
static double greatest_norm(const float *x, int64_t rows, int64_t dim) {
    double most = 0.0;
    for (int64_t i = 0; i < rows; i++) {
        double sum = 0.0;
        for (int64_t e = 0; e < dim; e++) sum += (double)x[i * dim + e] * (double)x[i * dim + e];
        if (isfinite(sum)) most = fmax(most, sum);
    }
    return sqrt(most);
}

/* With a soft-cap LSE does not show the size of q.k. With u = 2^-24, the D roundings of the dot product's partial sums move it by about
 * u |q| |k| (a random walk), and the derivative of cap tanh(s / cap) by 2 / cap of that, relative to its size. In units of 1e-6, with
 * a factor of 4 for the worst of many pairs: 4 * 0.06 * 2 / cap. */
static double capped_size(const struct test_case *c) {
    const attn_problem *p = &c->problem;
    if (!isfinite(p->softcap)) return 0.0;
    const double scale = isnan(p->scale) ? 1.0 / sqrt((double)p->dim) : p->scale;
    return 0.48 / p->softcap * scale * greatest_norm(c->q, c->planes * p->heads * c->q_len, p->dim) *
           greatest_norm(c->k, c->planes * p->kv_heads * c->kv_len, p->dim);
}

/* An additive logit sums D products of w with a hyperbolic tangent that is within 3.6e-7: their errors move it by about 3.6e-7 |w| (a random
 * walk), a weight by as much relative to its size. In units of 1e-6, with a factor of 4 for the worst of many pairs. */
static double additive_size(const struct test_case *c) {
    const attn_problem *p = &c->problem;
    if (!c->additive) return 0.0;
    return 1.44 * (isnan(p->scale) ? 1.0 : fabs(p->scale)) * greatest_norm(c->w, (c->per_batch ? c->batch : 1) * p->heads, p->dim);
}

/* Pairs that share an element of dBias. */
static double shared_pairs(const struct test_case *c) {
    double pairs = (double)(c->batch * c->problem.heads) * (double)c->q_len * (double)c->kv_len, elements = 1.0;
    for (int axis = 0; axis < 4; axis++) elements *= (double)c->bias_extent[axis];
    return fmax(pairs / fmax(elements, 1.0), 1.0);
}

/* An element of dBias that m pairs share is a sum of m / 32 rows of a panel, each addition of which rounds by u of the partial sum:
 * u sqrt(m / 32) in all, in units of 1e-6. */
static double shared_bias_size(const struct test_case *c) {
    return 1.0 + 0.06 * sqrt(shared_pairs(c) / 32.0);
}

/* Each pair gives dBias P (dP - delta), two numbers of the size |dO| |V| that cancel (with a single key, completely) and are rounded by u of it:
 * a random walk of m pairs, in units of 1e-6. */
static double cancelled_size(const struct test_case *c) {
    return 0.06 * sqrt(shared_pairs(c)) * greatest_norm(c->d_o, c->planes * c->problem.heads * c->q_len, c->problem.v_dim) *
           greatest_norm(c->v, c->planes * c->problem.kv_heads * c->kv_len, c->problem.v_dim);
}

/* Where O is stored in 16 bits, backward's delta = dO.O holds its rounding, and an element near a tie may round the other way than the plain
 * formula's: one place of O (half of it in size: what is more is the plain formula's error too) times dO. Sums over all pairs of a row show it,
 * since there P dP and P delta cancel. In units of 1e-6. */
static double flipped_size(const struct test_case *c, const struct test_result *want) {
    const attn_dtype o = c->problem.o_dtype == ATTN_DTYPE_SAME ? c->storage : c->problem.o_dtype;
    if (!attn_dtype_is_half(o)) return 0.0;
    double most = 0.0;
    const int64_t n = c->planes * c->problem.heads * c->q_len * c->problem.v_dim;
    for (int64_t i = 0; i < n; i++)
        if (isfinite(c->d_o[i])) most = fmax(most, fabs((double)c->d_o[i]));
    return 1e6 * (o == ATTN_BF16 ? 0x1p-8 : 0x1p-11) * most * test_max_abs(want->count[TEST_O], want->data[TEST_O]);
}

/* A kernel that rounds weights between the products by r of themselves moves a row of O by at most r of the longest value, and backward's
 * delta = dO.O by |dO| times that, in units of 1e-6; it is seen where flipped_size is. */
static double moved_size(const struct test_case *c, const struct test_result *got) {
    if (got->rounding == 0.0) return 0.0;
    return 1e6 * got->rounding * greatest_norm(c->d_o, c->planes * c->problem.heads * c->q_len, c->problem.v_dim) *
           greatest_norm(c->v, c->planes * c->problem.kv_heads * c->kv_len, c->problem.v_dim);
}

bool test_result_bounded(const struct test_case *c, const struct test_result *got, const struct test_result *want,
                         const struct test_result *plain) {
    bool good = true;
    for (int which = 0; which < TEST_OUTPUTS; which++) {
        if (!want->data[which]) continue;
        const double most = test_max_abs(want->count[which], want->data[which]);
        double scale = which == TEST_O ? fmax(most, greatest_value(c)) : fmax(most, 1.0);
        /* A logit is rounded relative to its size, which moves its weight by as much; backward, weights come back from an LSE rounded so.
         * On a small problem the plain formula's own error may be less than that by luck. */
        const double size = want->data[TEST_LSE] ? test_max_abs(want->count[TEST_LSE], want->data[TEST_LSE]) : 0.0;
        if (which == TEST_O || which == TEST_WEIGHTS) scale *= fmax(fmax(1.0, size / 4.0), additive_size(c));
        if (which == TEST_LSE) scale = fmax(scale, additive_size(c));
        if (which >= TEST_DQ && which != TEST_WEIGHTS) scale *= fmax(fmax(4.0, size), fmax(capped_size(c), 4.0 * additive_size(c)));
        if (which == TEST_DBIAS) scale = fmax(scale * shared_bias_size(c), cancelled_size(c));
        if (which > TEST_DV) scale += flipped_size(c, want) + moved_size(c, got);
        if (which == TEST_DALIBI) /* each pair's rounding counts as often as its distance */
            scale *= (double)(c->q_len + c->kv_len);
        /* Each term of a sum over weights is rounded anew by at most `rounding` of itself. For O the terms are at most the greatest value; for
         * gradients, sums of terms of either sign, four times that of the greatest sum leaves room for their number. */
        if (which == TEST_O) scale += 1e6 * got->rounding * greatest_value(c) / (1.0 - c->problem.dropout);
        if (which >= TEST_DQ) scale += 1e6 * 4 * got->rounding * fmax(most, 1.0);
        good = test_error_bounded(test_output_names[which], want->count[which], got->data[which], want->data[which], plain->data[which],
                                  scale) &&
               good;
    }
    if (!good) test_case_print(c);
    return good;
}

bool test_result_same(const struct test_result *a, const struct test_result *b) {
    for (int which = 0; which < TEST_OUTPUTS; which++)
        if (a->count[which] && memcmp(a->data[which], b->data[which], (size_t)a->count[which] * sizeof(double)) != 0) {
            fprintf(stderr, "%s: the bits differ\n", test_output_names[which]);
            return false;
        }
    return true;
}
