/* Plain problems for oracles; see the header. */
#include "support/trial.h"

#include "base/random.h"
#include "kernel/convert/convert.h"
#include "plan/plan.h"
#include "support/each_kernel.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

const char *const test_array_names[TEST_ARRAYS] = {"Q", "K", "V", "dO", "O", "LSE", "dQ", "dK", "dV"};

void test_trial_make(struct test_trial *t, const struct attn_kernel *kernel, struct test_extents x, uint64_t seed) {
    const int64_t q = x.heads * x.queries, k = x.kv_heads * x.keys;
    const int64_t count[TEST_ARRAYS] = {q * x.dim, k * x.dim, k * x.v_dim, q * x.v_dim, q * x.v_dim, q, q * x.dim, k * x.dim, k * x.v_dim};
    struct attn_random r;
    *t = (struct test_trial){.x = x, .kernel = kernel};
    attn_random_init(&r, seed);
    for (int n = 0; n < TEST_ARRAYS; n++) {
        t->count[n] = count[n];
        t->data[n] = malloc((size_t)count[n] * sizeof(float));
        assert_non_null(t->data[n]);
        attn_random_fill_normal(&r, t->data[n], count[n], 1.0f);
    }
    for (int n = 0; n < TEST_INPUTS && kernel->dtype != ATTN_F32; n++) {
        t->half[n] = malloc((size_t)count[n] * sizeof(uint16_t));
        assert_non_null(t->half[n]);
        for (int64_t i = 0; i < count[n]; i++) t->data[n][i] = rintf(8.0f * t->data[n][i]) / 8.0f + 0.0f; /* no -0 */
    }
}

void test_trial_free(struct test_trial *t) {
    for (int n = 0; n < TEST_ARRAYS; n++) free(t->data[n]);
    for (int n = 0; n < TEST_INPUTS; n++) free(t->half[n]);
}

attn_problem test_trial_problem(const struct test_trial *t) {
    attn_problem p;
    attn_problem_init(&p);
    p.dtype = t->kernel->dtype;
    p.o_dtype = p.grad_dtype = ATTN_F32;
    p.features = t->kernel->backward ? ATTN_BACKWARD : 0;
    p.heads = t->x.heads;
    p.kv_heads = t->x.kv_heads;
    p.dim = t->x.dim;
    p.v_dim = t->x.v_dim;
    p.q_len = t->x.queries;
    p.kv_len = t->x.keys;
    p.kernel = test_full_name(t->kernel);
    if (t->cu) {
        p.layout = ATTN_THD;
        p.batch = t->documents;
        p.q_len = p.kv_len = t->longest;
        p.q_tokens = t->x.queries;
        p.kv_tokens = t->x.keys;
    }
    return p;
}

void test_trial_bind(const struct test_trial *t, void *const data[TEST_ARRAYS], attn_args *args, attn_gradients *g) {
    attn_args_init(args);
    attn_gradients_init(g);
    args->q.data = data[Q];
    args->k.data = data[K];
    args->v.data = data[V];
    args->o.data = data[O];
    args->lse.data = data[LSE];
    args->cu_q = args->cu_kv = t->cu;
    g->d_o.data = data[D_O];
    g->dq.data = data[DQ];
    g->dk.data = data[DK];
    g->dv.data = data[DV];
}

void test_trial_bind_own(const struct test_trial *t, attn_args *args, attn_gradients *g) {
    void *data[TEST_ARRAYS];
    for (int n = 0; n < TEST_ARRAYS; n++) data[n] = t->data[n];
    for (int n = 0; n < TEST_INPUTS && t->half[n]; n++) {
        for (int64_t i = 0; i < t->count[n]; i++) t->half[n][i] = attn_half_of_f32(t->kernel->dtype, t->data[n][i]);
        data[n] = t->half[n];
    }
    test_trial_bind(t, data, args, g);
}

void test_trial_run(attn_ctx *ctx, const struct test_trial *t, const attn_mask *mask) {
    const attn_problem p = test_trial_problem(t);
    attn_args args;
    attn_gradients g;
    test_trial_bind_own(t, &args, &g);
    args.mask = mask;
    test_must(ctx, attn_run(ctx, &p, &args, t->kernel->backward ? &g : NULL));
}

void test_must(attn_ctx *ctx, attn_status status) {
    char text[512];
    if (status != ATTN_OK) fail_msg("%s: %s", attn_status_name(status), attn_ctx_error(ctx, text, sizeof(text)));
}

int test_trial_last(const struct test_trial *t) {
    return t->kernel->backward ? TEST_ARRAYS - 1 : LSE;
}

void test_expect(const struct test_trial *t, const char *what, bool good) {
    if (!good) fail_msg("%s %s %s: %s", t->kernel->name, t->kernel->isa, attn_dtype_name(t->kernel->dtype), what);
}

void test_expect_near(const struct test_trial *t, const char *what, double got, double want, double tolerance) {
    if (got != want && !(fabs(got - want) <= tolerance)) /* equal infinities are near */
        fail_msg("%s %s %s: %s is %.9g, expected %.9g within %g", t->kernel->name, t->kernel->isa, attn_dtype_name(t->kernel->dtype), what,
                 got, want, tolerance);
}

void test_expect_same_bits(const struct test_trial *a, const struct test_trial *b, int first, int last) {
    for (int n = first; n <= last && n <= test_trial_last(a); n++)
        test_expect(a, test_array_names[n], memcmp(a->data[n], b->data[n], (size_t)a->count[n] * sizeof(float)) == 0);
}

void test_expect_near_arrays(const struct test_trial *a, const struct test_trial *b, int first, int last, double tolerance) {
    for (int n = first; n <= last && n <= test_trial_last(a); n++)
        for (int64_t i = 0; i < a->count[n]; i++)
            test_expect_near(a, test_array_names[n], (double)a->data[n][i], (double)b->data[n][i], tolerance);
}
