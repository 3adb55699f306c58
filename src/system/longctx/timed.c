#include "system/longctx/timed.h"

#include "base/clock.h"
#include "base/context.h"
#include "base/half.h"
#include "base/random.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MOST_TIMES = 4096 };
static const double sample_seconds = 0.01; /* a clock of microseconds, and what a timer's interrupt takes, are then below a thousandth */

static size_t element(const struct attn_timed *s) {
    return s->spec.bf16 ? sizeof(uint16_t) : sizeof(attn_real);
}

/* An input lies outside the counting context. NULL: no memory. */
static void *random_array(const struct attn_timed *s, int32_t heads, uint64_t stream) {
    enum { PIECE = 1024 };
    struct attn_random random;
    float piece[PIECE];
    const int64_t count = heads * s->spec.tokens * s->spec.dim;
    void *data = attn_alloc(s->outside, (size_t)count * element(s));
    if (!data) return NULL;
    attn_random_init(&random, s->spec.seed * 16 + stream);
    for (int64_t at = 0; at < count; at += PIECE) {
        const int64_t n = attn_min64(PIECE, count - at);
        attn_random_fill_normal(&random, piece, n, 1.0f);
        for (int64_t i = 0; i < n; i++)
            if (s->spec.bf16)
                ((uint16_t *)data)[at + i] = attn_bf16_of_f32(piece[i]);
            else
                ((attn_real *)data)[at + i] = (attn_real)piece[i];
    }
    return data;
}

static attn_status make_inputs(struct attn_timed *s) {
    s->q = random_array(s, s->spec.heads, 0);
    s->k = random_array(s, s->spec.kv_heads, 1);
    s->v = random_array(s, s->spec.kv_heads, 2);
    s->d_o = s->spec.backward ? random_array(s, s->spec.heads, 3) : NULL;
    const bool all = s->q && s->k && s->v && (s->d_o || !s->spec.backward);
    return all ? ATTN_OK : attn_no_memory(s->ctx, "inputs of attention", (size_t)s->spec.tokens * element(s));
}

static attn_status make_mask(struct attn_timed *s) {
    const int64_t t = s->spec.tokens;
    double pairs = (double)t * (double)t;
    if (strcmp(s->spec.mask, "full") != 0) {
        attn_mask *text = NULL;
        attn_status status = attn_mask_parse(s->ctx, s->spec.mask, &text);
        if (!status) status = attn_mask_compile(s->ctx, text, t, t, &s->mask);
        attn_mask_destroy(text);
        if (status) return status;
        pairs = (double)attn_mask_area(s->mask);
    }
    s->flops = (s->spec.backward ? 10 : 4) * pairs * s->spec.heads * s->spec.dim;
    return ATTN_OK;
}

static attn_status make_outputs(struct attn_timed *s) {
    const struct attn_timed_spec *spec = &s->spec;
    const size_t rows = (size_t)spec->tokens, q = rows * (size_t)spec->heads, k = rows * (size_t)spec->kv_heads,
                 each = (size_t)spec->dim * element(s), lse = spec->bf16 ? sizeof(float) : sizeof(attn_real);
    const struct {
        void **array;
        size_t bytes;
        bool wanted;
    } outputs[] = {{&s->o, q * each, true},
                   {&s->lse, q * lse, true},
                   {&s->dq, q * each, spec->backward},
                   {&s->dk, k * each, spec->backward},
                   {&s->dv, k * each, spec->backward},
                   {&s->workspace, s->plan ? attn_plan_workspace(s->plan) : 0, s->plan != NULL}};
    for (size_t i = 0; i < sizeof outputs / sizeof outputs[0]; i++) {
        if (!outputs[i].wanted) continue;
        *outputs[i].array = attn_alloc(s->ctx, outputs[i].bytes);
        if (!*outputs[i].array) return attn_no_memory(s->ctx, "outputs of attention", outputs[i].bytes);
        memset(*outputs[i].array, 0, outputs[i].bytes); /* the first touch is not part of a run */
    }
    return ATTN_OK;
}

static attn_status make_plan(struct attn_timed *s) {
    attn_problem problem;
    attn_problem_init(&problem);
    problem.dtype = s->spec.bf16 ? ATTN_BF16 : sizeof(attn_real) == sizeof(double) ? ATTN_F64 : ATTN_F32;
    problem.kernel = s->spec.kernel[0] ? s->spec.kernel : NULL;
    problem.heads = s->spec.heads;
    problem.kv_heads = s->spec.kv_heads;
    problem.dim = s->spec.dim;
    problem.q_len = s->spec.tokens;
    problem.features = s->spec.backward ? ATTN_BACKWARD : 0;
    return attn_plan_create(s->ctx, &problem, &s->plan);
}

static void bind(struct attn_timed *s) {
    attn_args_init(&s->args);
    attn_gradients_init(&s->gradients);
    s->args.q.data = s->q;
    s->args.k.data = s->k;
    s->args.v.data = s->v;
    s->args.o.data = s->o;
    s->args.lse.data = s->lse;
    s->args.mask = s->mask;
    s->args.workspace = s->workspace;
    s->args.workspace_bytes = s->plan ? attn_plan_workspace(s->plan) : 0;
    s->gradients.d_o.data = s->d_o;
    s->gradients.dq.data = s->dq;
    s->gradients.dk.data = s->dk;
    s->gradients.dv.data = s->dv;
}

static attn_status run(struct attn_timed *s, bool backward) {
    if (s->plan) return backward ? attn_backward(s->plan, &s->args, &s->gradients) : attn_forward(s->plan, &s->args);
    const struct attn_materialised_gradients g = {s->q, s->k, s->v, s->o, s->lse, s->d_o, s->dq, s->dk, s->dv};
    return backward ? attn_materialised_backward(&s->dense, &g) : attn_materialised_forward(&s->dense, s->q, s->k, s->v, s->o, s->lse);
}

static attn_status make(struct attn_timed *s) {
    const struct attn_timed_spec *spec = &s->spec;
    const bool dense = strcmp(spec->kernel, "materialised") == 0;
    if (dense && spec->bf16)
        return attn_fail(s->ctx, ATTN_EUNSUPPORTED, "kernel materialised: found dtype=bf16, expected f32: a BLAS multiplies no bfloat16");
    attn_status status = make_mask(s);
    if (!status && dense)
        status = attn_materialised_open(s->ctx, spec->heads, spec->kv_heads, spec->dim, spec->tokens, s->mask, spec->backward, &s->dense);
    if (!status && !dense) status = make_plan(s);
    if (!status) status = make_outputs(s);
    if (!status) status = make_inputs(s);
    if (status) return status;
    bind(s);
    status = run(s, false);
    if (!status && spec->backward) status = run(s, true);
    if (status) return status;
    double seconds;
    s->times = 1;
    status = attn_timed_sample(s, &seconds);
    if (seconds < sample_seconds) s->times = (int)fmin(MOST_TIMES, ceil(sample_seconds / fmax(seconds, 1e-9)));
    return status;
}

attn_status attn_timed_open(attn_ctx *ctx, const struct attn_timed_spec *spec, struct attn_timed *out) {
    char text[1024] = "";
    *out = (struct attn_timed){.spec = *spec, .outside = ctx};
    attn_status status = attn_memory_context(&out->memory, 1, &out->ctx, text, sizeof text);
    if (status) return attn_fail(ctx, status, "%s", text);
    status = make(out);
    if (!status) return ATTN_OK;
    attn_fail(ctx, status, "%s", attn_ctx_error(out->ctx, text, sizeof text));
    attn_timed_close(out);
    return status;
}

void attn_timed_close(struct attn_timed *s) {
    void *const inputs[] = {s->q, s->k, s->v, s->d_o}, *const outputs[] = {s->o, s->lse, s->dq, s->dk, s->dv, s->workspace};
    if (!s->ctx) return;
    for (size_t i = 0; i < sizeof inputs / sizeof inputs[0]; i++) attn_free(s->outside, inputs[i]);
    for (size_t i = 0; i < sizeof outputs / sizeof outputs[0]; i++) attn_free(s->ctx, outputs[i]);
    attn_materialised_close(&s->dense);
    attn_plan_destroy(s->plan);
    attn_mask_destroy(s->mask);
    attn_ctx_destroy(s->ctx);
    *s = (struct attn_timed){.ctx = NULL};
}

attn_status attn_timed_sample(struct attn_timed *s, double *seconds) {
    attn_status status = ATTN_OK;
    const double begun = attn_clock_processor();
    for (int i = 0; i < s->times && !status; i++) status = run(s, s->spec.backward);
    *seconds = (attn_clock_processor() - begun) / s->times;
    return status;
}

double attn_timed_bytes(const struct attn_timed *s) {
    return (double)atomic_load(&s->memory.peak);
}

attn_status attn_timed_compare(attn_ctx *ctx, const struct attn_timed *a, const struct attn_timed *b) {
    const attn_real *x = a->spec.backward ? a->dq : a->o, *y = b->spec.backward ? b->dq : b->o;
    const int64_t count = a->spec.heads * a->spec.tokens * a->spec.dim;
    for (int64_t i = 0; i < count; i++)
        if (!(fabs((double)x[i] - (double)y[i]) <= 1e-4))
            return attn_fail(ctx, ATTN_EINVAL, "longctx: at %lld tokens kernel '%s' and its peer computed %g and %g, expected the same",
                             (long long)a->spec.tokens, a->spec.kernel, (double)x[i], (double)y[i]);
    return ATTN_OK;
}

double attn_timed_guess(const struct attn_timed_spec *spec, double share) {
    const double rate = strcmp(spec->kernel, "naive") == 0 ? 1e9 : 50e9, pairs = share * (double)spec->tokens * (double)spec->tokens;
    return fmax(sample_seconds, (spec->backward ? 10 : 4) * pairs * spec->heads * spec->dim / rate);
}
