#include "support/whole.h"

#include "base/random.h"
#include "kernel/convert/convert.h"
#include "kernel/kernel.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[TEST_WHOLE_OUTPUTS] = {"O", "LSE", "dq", "dk", "dv"};

/* Arrays in order: inputs q, k, v, dO, dLSE; outputs O, LSE, dq, dk, dv. */
enum { ROWS = 1 };
struct form {
    int32_t heads, width;
    bool rows; /* [batch, head, token] */
    attn_dtype type;
};

static struct form form_of(const attn_problem *p, bool output, int n) {
    const attn_dtype o = p->o_dtype == ATTN_DTYPE_SAME ? p->dtype : p->o_dtype,
                     g = p->grad_dtype == ATTN_DTYPE_SAME ? p->dtype : p->grad_dtype;
    const struct form in[] = {{p->heads, p->dim, false, p->dtype},
                              {p->kv_heads, p->dim, false, p->dtype},
                              {p->kv_heads, p->v_dim, false, p->dtype},
                              {p->heads, p->v_dim, false, p->dtype},
                              {p->heads, 1, true, ATTN_F32}};
    const struct form out[] = {{p->heads, p->v_dim, false, o},
                               {p->heads, 1, true, ATTN_F32},
                               {p->heads, p->dim, false, g},
                               {p->kv_heads, p->dim, false, g},
                               {p->kv_heads, p->v_dim, false, g}};
    return output ? out[n] : in[n];
}

static int64_t count_of(const attn_problem *p, const struct form *f, int64_t tokens) {
    return p->batch * tokens * f->heads * f->width;
}

/* Element (b, h, i, c). */
static int64_t at(const struct form *f, attn_layout layout, int64_t tokens, int64_t b, int32_t h, int64_t i, int32_t c) {
    if (f->rows || layout == ATTN_BHTD) return ((b * f->heads + h) * tokens + i) * f->width + c;
    return ((b * tokens + i) * f->heads + h) * f->width + c;
}

static void bind(const struct test_whole *w, void *const *in, void *const *out, float *d_sink, attn_args *args, attn_gradients *g) {
    attn_args_init(args);
    attn_gradients_init(g);
    args->q.data = in[0], args->k.data = in[1], args->v.data = in[2];
    args->o.data = out[0], args->lse.data = out[1];
    args->sink.data = w->sink;
    g->d_o.data = in[3], g->d_lse.data = in[4];
    g->dq.data = out[2], g->dk.data = out[3], g->dv.data = out[4];
    g->dsink.data = w->sink ? d_sink : NULL;
}

void test_whole_make(attn_ctx *ctx, const attn_problem *problem, attn_mask *mask, uint64_t seed, struct test_whole *out) {
    struct attn_random r;
    char text[1024];
    *out = (struct test_whole){.problem = *problem, .mask = mask};
    struct test_whole *w = out;
    attn_problem plain = *problem; /* float32, from the same numbers */
    plain.dtype = ATTN_F32;
    plain.o_dtype = plain.grad_dtype = ATTN_DTYPE_SAME;
    attn_random_init(&r, seed);
    for (int n = 0; n < TEST_WHOLE_INPUTS; n++) {
        const struct form f = form_of(problem, false, n);
        const int64_t count = count_of(problem, &f, problem->q_len);
        w->in[n] = calloc((size_t)count + 1, sizeof(float));
        attn_random_fill_normal(&r, w->in[n], count, 1.0f);
        for (int64_t i = 0; i < count && attn_dtype_is_half(f.type); i++)
            w->in[n][i] = attn_f32_of_half(f.type, attn_half_of_f32(f.type, w->in[n][i]));
    }
    for (int n = 0; n < TEST_WHOLE_OUTPUTS; n++) {
        const struct form f = form_of(problem, true, n);
        w->out[n] = calloc((size_t)count_of(problem, &f, problem->q_len) + 1, sizeof(float));
    }
    w->d_sink = calloc((size_t)problem->heads, sizeof(double));
    float *d_sink = calloc((size_t)problem->heads, sizeof(float));
    if (problem->features & ATTN_SINK) {
        w->sink = calloc((size_t)problem->heads, sizeof(float));
        attn_random_fill_normal(&r, w->sink, problem->heads, 1.0f);
    }
    attn_args args;
    attn_gradients g;
    bind(w, (void *const *)w->in, (void *const *)w->out, d_sink, &args, &g);
    args.mask = mask;
    const attn_status status = attn_run(ctx, &plain, &args, problem->features & ATTN_BACKWARD ? &g : NULL);
    if (status) {
        fprintf(stderr, "whole: %s\n", attn_ctx_error(ctx, text, sizeof text));
        abort();
    }
    for (int32_t h = 0; h < problem->heads; h++) w->d_sink[h] = (double)d_sink[h];
    free(d_sink);
}

void test_whole_free(struct test_whole *w) {
    for (int n = 0; n < TEST_WHOLE_INPUTS; n++) free(w->in[n]);
    for (int n = 0; n < TEST_WHOLE_OUTPUTS; n++) free(w->out[n]);
    free(w->sink);
    free(w->d_sink);
    attn_mask_destroy(w->mask);
}

static void put(const struct form *f, void *data, int64_t place, float x) {
    if (f->type == ATTN_F32)
        ((float *)data)[place] = x;
    else
        ((uint16_t *)data)[place] = attn_half_of_f32(f->type, x);
}

void test_part_make(const struct test_whole *whole, const int64_t *token, int64_t places, struct test_part *out) {
    const attn_problem *p = &whole->problem;
    struct test_part *part = out;
    *part = (struct test_part){.whole = whole, .token = token, .places = places};
    for (int n = 0; n < TEST_WHOLE_INPUTS; n++) {
        const struct form f = form_of(p, false, n);
        part->in[n] = malloc((size_t)count_of(p, &f, places) * attn_dtype_bytes(f.type) + 1);
        for (int64_t b = 0; b < p->batch; b++)
            for (int32_t h = 0; h < f.heads; h++)
                for (int64_t i = 0; i < places; i++)
                    for (int32_t c = 0; c < f.width; c++)
                        put(&f, part->in[n], at(&f, p->layout, places, b, h, i, c),
                            token[i] < 0 ? NAN : whole->in[n][at(&f, p->layout, p->q_len, b, h, token[i], c)]);
    }
    for (int n = 0; n < TEST_WHOLE_OUTPUTS; n++) {
        const struct form f = form_of(p, true, n);
        const size_t bytes = (size_t)count_of(p, &f, places) * attn_dtype_bytes(f.type) + 1;
        part->out[n] = malloc(bytes);
        memset(part->out[n], 0xff, bytes); /* NaN */
    }
    part->d_sink = calloc((size_t)p->heads, sizeof(float));
    bind(whole, part->in, part->out, part->d_sink, &part->args, &part->gradients);
}

void test_part_free(struct test_part *part) {
    for (int n = 0; n < TEST_WHOLE_INPUTS; n++) free(part->in[n]);
    for (int n = 0; n < TEST_WHOLE_OUTPUTS; n++) free(part->out[n]);
    free(part->d_sink);
}

static double greatest(const float *x, int64_t count) {
    double most = 0.0;
    for (int64_t i = 0; i < count; i++)
        if (isfinite(x[i])) most = fmax(most, fabs((double)x[i]));
    return most;
}

static bool near(const struct form *f, double got, double want, double most, double bound) {
    const double rounding = f->type == ATTN_BF16 ? 0x1p-8 : f->type == ATTN_F16 ? 0x1p-11 : 0.0;
    if (isinf(want)) return got == want;
    return fabs(got - want) <= bound * fmax(most, 1e-3) + rounding * fabs(want); /* false for NaN */
}

bool test_part_near(const struct test_part *part, const char *name, double bound) {
    const attn_problem *p = &part->whole->problem;
    bool right = true;
    for (int n = 0; n < (p->features & ATTN_BACKWARD ? TEST_WHOLE_OUTPUTS : 2); n++) {
        const struct form f = form_of(p, true, n);
        const double most = greatest(part->whole->out[n], count_of(p, &f, p->q_len));
        for (int64_t b = 0; b < p->batch; b++)
            for (int32_t h = 0; h < f.heads; h++)
                for (int64_t i = 0; i < part->places; i++)
                    for (int32_t c = 0; c < f.width && right; c++) {
                        const double got = (double)attn_element_f32(f.type, part->out[n], at(&f, p->layout, part->places, b, h, i, c));
                        const double want = part->token[i] >= 0
                                                ? (double)part->whole->out[n][at(&f, p->layout, p->q_len, b, h, part->token[i], c)]
                                            : n == 1 ? -(double)INFINITY
                                                     : 0.0;
                        right = near(&f, got, want, most, bound);
                        if (!right)
                            fprintf(
                                stderr,
                                "%s: %s of sequence %lld, head %d, place %lld (token %lld), %d: %.9g, one rank has %.9g (greatest %g)\n",
                                name, names[n], (long long)b, h, (long long)i, (long long)part->token[i], c, got, want, most);
                    }
    }
    return right;
}
