/* What follows from the formula of attention alone, for every float32 kernel on every instruction set: shifts of the keys, linearity in the
 * values, documents in another order, masks written in two ways, hard shapes against the naive kernel in double, arrays of more than 2^31
 * elements, signs of zero, NaN in a sink, an execution of no sequences.
 */
#define _GNU_SOURCE
#include "base/random.h"
#include "support/compare.h"
#include "support/each_kernel.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

/* A test that is one check of every kernel. */
#define FOR_EACH_KERNEL(test, check)                                                                                                       \
    static void test(void **state) {                                                                                                       \
        (void)state;                                                                                                                       \
        test_each_kernel(check);                                                                                                           \
    }

static void must(attn_ctx *ctx, attn_status status) {
    char text[512];
    if (status != ATTN_OK) fail_msg("%s: %s", attn_status_name(status), attn_ctx_error(ctx, text, sizeof(text)));
}

/* ------------------------------------------------------------------------------------------------ a trial */

enum { Q, K, V, D_O, O, LSE, DQ, DK, DV, ARRAYS };
static const char *const names[ARRAYS] = {"Q", "K", "V", "dO", "O", "LSE", "dQ", "dK", "dV"};

struct extents {
    int32_t heads, kv_heads;
    int64_t queries, keys;
    int32_t dim, v_dim;
};

/* One sequence, contiguous; or packed ones with cu, the same for queries and keys. */
struct trial {
    struct extents x;
    const struct attn_kernel *kernel;
    const int32_t *cu;
    int64_t documents, longest;
    int64_t count[ARRAYS];
    float *data[ARRAYS];
};

static void trial_make(struct trial *t, const struct attn_kernel *kernel, struct extents x, uint64_t seed) {
    const int64_t q = x.heads * x.queries, k = x.kv_heads * x.keys;
    const int64_t count[ARRAYS] = {q * x.dim, k * x.dim, k * x.v_dim, q * x.v_dim, q * x.v_dim, q, q * x.dim, k * x.dim, k * x.v_dim};
    struct attn_random r;
    *t = (struct trial){.x = x, .kernel = kernel};
    attn_random_init(&r, seed);
    for (int n = 0; n < ARRAYS; n++) {
        t->count[n] = count[n];
        t->data[n] = malloc((size_t)count[n] * sizeof(float));
        assert_non_null(t->data[n]);
        attn_random_fill_normal(&r, t->data[n], count[n], 1.0f);
    }
}

static void trial_free(struct trial *t) {
    for (int n = 0; n < ARRAYS; n++) free(t->data[n]);
}

static attn_problem problem_of(const struct trial *t) {
    attn_problem p;
    attn_problem_init(&p);
    p.features = ATTN_BACKWARD;
    p.heads = t->x.heads;
    p.kv_heads = t->x.kv_heads;
    p.dim = t->x.dim;
    p.v_dim = t->x.v_dim;
    p.q_len = t->x.queries;
    p.kv_len = t->x.keys;
    p.kernel = t->kernel->name;
    if (t->cu) {
        p.layout = ATTN_THD;
        p.batch = t->documents;
        p.q_len = p.kv_len = t->longest;
        p.q_tokens = t->x.queries;
        p.kv_tokens = t->x.keys;
    }
    return p;
}

static void bind(const struct trial *t, void *const data[ARRAYS], attn_args *args, attn_gradients *g) {
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

static void bind_own(const struct trial *t, attn_args *args, attn_gradients *g) {
    void *data[ARRAYS];
    for (int n = 0; n < ARRAYS; n++) data[n] = t->data[n];
    bind(t, data, args, g);
}

/* Forward and backward. */
static void run(attn_ctx *ctx, const struct trial *t, const attn_mask *mask) {
    const attn_problem p = problem_of(t);
    attn_args args;
    attn_gradients g;
    bind_own(t, &args, &g);
    args.mask = mask;
    must(ctx, attn_run(ctx, &p, &args, &g));
}

static void expect(const struct trial *t, const char *what, bool good) {
    if (!good) fail_msg("%s %s: %s", t->kernel->name, t->kernel->isa, what);
}

static void expect_near(const struct trial *t, const char *what, double got, double want, double tolerance) {
    if (got != want && !(fabs(got - want) <= tolerance)) /* equal infinities are near */
        fail_msg("%s %s: %s is %.9g, expected %.9g within %g", t->kernel->name, t->kernel->isa, what, got, want, tolerance);
}

static void expect_same_bits(const struct trial *a, const struct trial *b, int first, int last) {
    for (int n = first; n <= last; n++) expect(a, names[n], memcmp(a->data[n], b->data[n], (size_t)a->count[n] * sizeof(float)) == 0);
}

static void expect_near_arrays(const struct trial *a, const struct trial *b, int first, int last, double tolerance) {
    for (int n = first; n <= last; n++)
        for (int64_t i = 0; i < a->count[n]; i++) expect_near(a, names[n], (double)a->data[n][i], (double)b->data[n][i], tolerance);
}

static attn_mask *causal(attn_ctx *ctx, attn_align align) {
    attn_mask *mask;
    must(ctx, attn_mask_band(ctx, -ATTN_UNLIMITED, 0, align, &mask));
    return mask;
}

/* --------------------------------------------------------------------------------------------- the formula */

static const struct extents uneven = {4, 2, 61, 97, 20, 13};

/* s_ij moves by scale q_i c: O stays, LSE moves by as much, and the gradient along the shift, sum_j dK_j, is 0. */
static void check_shift(attn_ctx *ctx, const struct attn_kernel *kernel) {
    struct trial plain, moved;
    trial_make(&plain, kernel, uneven, 1);
    trial_make(&moved, kernel, uneven, 1);
    const int64_t d = uneven.dim;
    for (int64_t n = 0; n < moved.count[K]; n++) moved.data[K][n] += 0.25f * (float)(n % d % 5 - 2);
    run(ctx, &plain, NULL);
    run(ctx, &moved, NULL);
    expect_near_arrays(&moved, &plain, O, O, 5e-6);
    for (int64_t i = 0; i < plain.count[LSE]; i++) {
        double along = 0.0;
        for (int64_t c = 0; c < d; c++) along += 0.25 * (double)(c % 5 - 2) * (double)plain.data[Q][i * d + c];
        expect_near(&plain, "LSE after a shift of the keys", (double)moved.data[LSE][i],
                    (double)plain.data[LSE][i] + along / sqrt((double)d), 1e-5);
    }
    for (int64_t c = 0; c < d; c++) {
        double sum = 0.0;
        for (int64_t j = 0; j < uneven.keys; j++) sum += (double)plain.data[DK][j * d + c];
        expect_near(&plain, "the sum of dK over a head's keys", sum, 0.0, 1e-4);
    }
    trial_free(&plain);
    trial_free(&moved);
}

static void check_linearity(attn_ctx *ctx, const struct attn_kernel *kernel) {
    struct trial a, b, both;
    trial_make(&a, kernel, uneven, 2);
    trial_make(&b, kernel, uneven, 2);
    trial_make(&both, kernel, uneven, 2);
    for (int64_t n = 0; n < a.count[V]; n++) {
        b.data[V][n] = (float)(n * 7 % 11) / 8.0f - 0.5f;
        both.data[V][n] = 2.0f * a.data[V][n] - 0.5f * b.data[V][n];
    }
    run(ctx, &a, NULL);
    run(ctx, &b, NULL);
    run(ctx, &both, NULL);
    for (int64_t n = 0; n < a.count[O]; n++)
        expect_near(&a, "O of 2 V1 - V2 / 2", (double)both.data[O][n], 2.0 * (double)a.data[O][n] - 0.5 * (double)b.data[O][n], 5e-6);
    trial_free(&a);
    trial_free(&b);
    trial_free(&both);
}

/* V = 1 gives O = 1; q = 0 gives LSE = log of the number of keys. Both with and without rows that see no key. */
static void check_units(attn_ctx *ctx, const struct attn_kernel *kernel) {
    struct trial t;
    const struct extents tall = {8, 1, 131, 97, 16, 16};
    attn_mask *mask = causal(ctx, ATTN_BOTTOM_RIGHT);
    trial_make(&t, kernel, tall, 3);
    for (int64_t n = 0; n < t.count[V]; n++) t.data[V][n] = 1.0f;
    run(ctx, &t, mask);
    for (int64_t n = 0; n < t.count[O]; n++)
        expect_near(&t, "O of V = 1", (double)t.data[O][n], n / tall.v_dim % tall.queries < tall.queries - tall.keys ? 0.0 : 1.0, 1e-6);
    memset(t.data[Q], 0, (size_t)t.count[Q] * sizeof(float));
    run(ctx, &t, mask);
    for (int64_t n = 0; n < t.count[LSE]; n++) {
        const int64_t keys = n % tall.queries - (tall.queries - tall.keys) + 1;
        expect_near(&t, "LSE of equal scores", (double)t.data[LSE][n], keys > 0 ? log((double)keys) : (double)-INFINITY, 1e-6);
    }
    attn_mask_destroy(mask);
    trial_free(&t);
}

FOR_EACH_KERNEL(a_shift_of_the_keys_moves_lse_alone_and_has_no_gradient, check_shift)
FOR_EACH_KERNEL(o_is_linear_in_v, check_linearity)
FOR_EACH_KERNEL(values_of_1_give_1_and_equal_scores_count_the_keys, check_units)

/* ----------------------------------------------------------------------------------------------- documents */

/* Rows of packed arrays [token, head, dim] of the documents in reverse order. */
static void reverse_documents(const struct trial *from, const struct trial *to, int array) {
    const int64_t tokens = from->x.queries,
                  heads = array == K || array == V || array == DK || array == DV ? from->x.kv_heads : from->x.heads;
    const int64_t row = array == LSE ? 1 : from->count[array] / tokens, planes = array == LSE ? heads : 1;
    for (int64_t plane = 0; plane < planes; plane++)
        for (int64_t b = 0; b < from->documents; b++)
            memcpy(to->data[array] + (plane * tokens + to->cu[from->documents - 1 - b]) * row,
                   from->data[array] + (plane * tokens + from->cu[b]) * row,
                   (size_t)((from->cu[b + 1] - from->cu[b]) * row) * sizeof(float));
}

static void check_order(attn_ctx *ctx, const struct attn_kernel *kernel) {
    enum { DOCUMENTS = 6 };
    static const int32_t lengths[DOCUMENTS] = {5, 1, 300, 0, 64, 129};
    int32_t cu[DOCUMENTS + 1] = {0}, reversed[DOCUMENTS + 1] = {0};
    struct trial a, b, back;
    for (int n = 0; n < DOCUMENTS; n++) {
        cu[n + 1] = cu[n] + lengths[n];
        reversed[n + 1] = reversed[n] + lengths[DOCUMENTS - 1 - n];
    }
    const struct extents x = {4, 2, cu[DOCUMENTS], cu[DOCUMENTS], 24, 32};
    attn_mask *mask = causal(ctx, ATTN_TOP_LEFT);
    trial_make(&a, kernel, x, 4);
    trial_make(&b, kernel, x, 5);
    trial_make(&back, kernel, x, 6);
    a.documents = b.documents = back.documents = DOCUMENTS;
    a.longest = b.longest = back.longest = 300;
    a.cu = back.cu = cu;
    b.cu = reversed;
    for (int n = Q; n <= D_O; n++) reverse_documents(&a, &b, n);
    run(ctx, &a, mask);
    run(ctx, &b, mask);
    for (int n = O; n < ARRAYS; n++) reverse_documents(&b, &back, n);
    expect_same_bits(&back, &a, O, DV);
    attn_mask_destroy(mask);
    trial_free(&a);
    trial_free(&b);
    trial_free(&back);
}

/* Every softmax is over one key: O = V to the bit, dV = dO, and no gradient reaches q and k. */
static void check_single_tokens(attn_ctx *ctx, const struct attn_kernel *kernel) {
    enum { DOCUMENTS = 4096 };
    static int32_t cu[DOCUMENTS + 1];
    const struct extents x = {2, 2, DOCUMENTS, DOCUMENTS, 5, 5};
    struct trial t;
    for (int n = 0; n <= DOCUMENTS; n++) cu[n] = n;
    trial_make(&t, kernel, x, 7);
    t.cu = cu;
    t.documents = DOCUMENTS;
    t.longest = 1;
    run(ctx, &t, NULL);
    expect(&t, "O of one key is V", memcmp(t.data[O], t.data[V], (size_t)t.count[V] * sizeof(float)) == 0);
    for (int64_t n = 0; n < t.count[DV]; n++) {
        expect_near(&t, "dV of one key", (double)t.data[DV][n], (double)t.data[D_O][n], 1e-5);
        expect_near(&t, "dQ of one key", (double)t.data[DQ][n], 0.0, 1e-5);
        expect_near(&t, "dK of one key", (double)t.data[DK][n], 0.0, 1e-5);
    }
    trial_free(&t);
}

FOR_EACH_KERNEL(documents_in_another_order_give_the_same_bits, check_order)
FOR_EACH_KERNEL(documents_of_one_token_return_their_value, check_single_tokens)

/* -------------------------------------------------------------------------------------- masks in two ways */

/* Blocks of 50 x 40: all of them, or those that touch the triangle. */
static attn_mask *blocks(attn_ctx *ctx, int64_t length, bool lower) {
    enum { MOST = 16 };
    int64_t q_cuts[MOST], k_cuts[MOST], rows = 0, columns = 0;
    uint8_t keep[MOST * MOST];
    attn_mask *mask;
    for (q_cuts[0] = 0; q_cuts[rows] < length; rows++) q_cuts[rows + 1] = attn_min64(q_cuts[rows] + 50, length);
    for (k_cuts[0] = 0; k_cuts[columns] < length; columns++) k_cuts[columns + 1] = attn_min64(k_cuts[columns] + 40, length);
    for (int64_t a = 0; a < rows; a++)
        for (int64_t b = 0; b < columns; b++) keep[a * columns + b] = !lower || k_cuts[b] < q_cuts[a + 1];
    must(ctx, attn_mask_blocks(ctx, q_cuts, rows, k_cuts, columns, keep, &mask));
    return mask;
}

static void check_blocks(attn_ctx *ctx, const struct attn_kernel *kernel) {
    const struct extents x = {2, 1, 307, 307, 32, 16};
    attn_mask *all = blocks(ctx, x.queries, false), *lower = blocks(ctx, x.queries, true), *band = causal(ctx, ATTN_TOP_LEFT), *both;
    struct trial plain, masked;
    trial_make(&plain, kernel, x, 8);
    trial_make(&masked, kernel, x, 8);
    run(ctx, &plain, NULL);
    run(ctx, &masked, all);
    expect_same_bits(&masked, &plain, O, LSE);
    expect_near_arrays(&masked, &plain, DQ, DV, 1e-5);
    must(ctx, attn_mask_and(ctx, lower, band, &both));
    run(ctx, &plain, band);
    run(ctx, &masked, both);
    expect_same_bits(&masked, &plain, O, LSE);
    expect_near_arrays(&masked, &plain, DQ, DV, 1e-5);
    attn_mask_destroy(all);
    attn_mask_destroy(lower);
    attn_mask_destroy(band);
    attn_mask_destroy(both);
    trial_free(&plain);
    trial_free(&masked);
}

FOR_EACH_KERNEL(all_blocks_are_full_and_blocks_cut_by_the_diagonal_are_causal, check_blocks)

/* --------------------------------------------------------------------------------------------- hard shapes */

static void check_against_double(attn_ctx *ctx, const struct trial *t, const attn_mask *mask) {
    attn_problem p = problem_of(t);
    attn_args args;
    attn_gradients g;
    void *data[ARRAYS];
    p.dtype = ATTN_F64;
    p.kernel = "naive";
    for (int n = 0; n < ARRAYS; n++) {
        double *x = malloc((size_t)t->count[n] * sizeof(double));
        assert_non_null(x);
        for (int64_t i = 0; i < t->count[n]; i++) x[i] = (double)t->data[n][i];
        data[n] = x;
    }
    bind(t, data, &args, &g);
    args.mask = mask;
    must(ctx, attn_run(ctx, &p, &args, &g));
    run(ctx, t, mask);
    for (int n = O; n < ARRAYS; n++) {
        const double *want = data[n];
        const double scale = fmax(1.0, test_max_abs(t->count[n], want));
        for (int64_t i = 0; i < t->count[n]; i++) expect_near(t, names[n], (double)t->data[n][i], want[i], 1e-5 * scale);
    }
    for (int n = 0; n < ARRAYS; n++) free(data[n]);
}

/* Lengths that are prime, a single kv head, head sizes beside and at multiples of 16, more queries than keys. */
static void check_shapes(attn_ctx *ctx, const struct attn_kernel *kernel) {
    static const struct extents shapes[] = {{8, 1, 131, 97, 40, 80}, {1, 1, 127, 251, 96, 96}, {8, 1, 257, 257, 64, 64},
                                            {2, 2, 1, 509, 128, 48}, {3, 3, 241, 1, 17, 33},   {2, 1, 383, 130, 128, 128}};
    for (size_t n = 0; n < sizeof(shapes) / sizeof(shapes[0]); n++)
        for (int kind = 0; kind < 3; kind++) {
            struct trial t;
            attn_mask *mask = kind ? causal(ctx, kind == 1 ? ATTN_TOP_LEFT : ATTN_BOTTOM_RIGHT) : NULL;
            trial_make(&t, kernel, shapes[n], 10 + n);
            check_against_double(ctx, &t, mask);
            attn_mask_destroy(mask);
            trial_free(&t);
        }
}

FOR_EACH_KERNEL(prime_lengths_and_uneven_heads_equal_double_precision, check_shapes)

/* ------------------------------------------------------------------------------------------- 64-bit indices */

enum { FAR = 1 << 26, FAR_TOKENS = 40, FAR_DIM = 16 };

/* All arrays side by side in one sparse mapping, tokens 2^26 elements apart: token 32 begins at element 2^31. */
static void check_far(attn_ctx *ctx, const struct attn_kernel *kernel) {
    const struct extents x = {1, 1, FAR_TOKENS, FAR_TOKENS, FAR_DIM, FAR_DIM};
    const size_t bytes = (size_t)FAR * FAR_TOKENS * sizeof(float);
    float *far = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (far == MAP_FAILED) {
        print_message("no address space for arrays of 2^31 elements\n");
        return;
    }
    struct trial t;
    trial_make(&t, kernel, x, 20);
    attn_mask *mask = causal(ctx, ATTN_TOP_LEFT);
    attn_problem p = problem_of(&t);
    attn_args args;
    attn_gradients g;
    attn_args_init(&args);
    attn_gradients_init(&g);
    for (int n = Q; n <= D_O; n++)
        for (int64_t i = 0; i < t.count[n]; i++) far[i / FAR_DIM * FAR + n * FAR_DIM + i % FAR_DIM] = t.data[n][i];
    args.mask = mask;
    attn_input *const in[] = {&args.q, &args.k, &args.v, &g.d_o};
    attn_output *const out[] = {&args.o, &args.lse, &g.dq, &g.dk, &g.dv};
    for (int n = Q; n <= D_O; n++) *in[n] = (attn_input){far + n * FAR_DIM, {0, 0, FAR, 1}};
    for (int n = O; n < ARRAYS; n++) *out[n - O] = (attn_output){far + n * FAR_DIM, {0, 0, FAR, n != LSE}};
    must(ctx, attn_run(ctx, &p, &args, &g));
    run(ctx, &t, mask);
    for (int n = O; n < ARRAYS; n++)
        for (int64_t i = 0, row = t.count[n] / FAR_TOKENS; i < t.count[n]; i++)
            expect(&t, names[n], far[i / row * FAR + n * FAR_DIM + i % row] == t.data[n][i]);
    attn_mask_destroy(mask);
    trial_free(&t);
    munmap(far, bytes);
}

FOR_EACH_KERNEL(arrays_of_more_than_2_31_elements_give_the_same_bits, check_far)

/* ------------------------------------------------------------------------------------------------ odd bits */

/* Row 0 sees the keys 0 and 1, whose weighted values underflow to -0; the value of key 2, which it does not see, has either sign. */
static void check_zero_sign(attn_ctx *ctx, const struct attn_kernel *kernel) {
    const struct extents x = {1, 1, 5, 6, 1, 1};
    struct trial up, down;
    attn_mask *mask;
    must(ctx, attn_mask_band(ctx, -ATTN_UNLIMITED, 1, ATTN_TOP_LEFT, &mask));
    trial_make(&up, kernel, x, 30);
    for (int64_t i = 0; i < x.queries; i++) up.data[Q][i] = 1.0f;
    for (int64_t j = 0; j < x.keys; j++) up.data[K][j] = j ? 0.0f : -80.0f;
    up.data[V][0] = -1e-30f;
    up.data[V][1] = -0.0f;
    trial_make(&down, kernel, x, 30);
    for (int n = Q; n <= D_O; n++) memcpy(down.data[n], up.data[n], (size_t)up.count[n] * sizeof(float));
    for (int64_t j = 2; j < x.keys; j++) {
        up.data[V][j] = 1.0f;
        down.data[V][j] = -1.0f;
    }
    run(ctx, &up, mask);
    run(ctx, &down, mask);
    expect(&up, "the sign of O", memcmp(up.data[O], down.data[O], sizeof(float)) == 0);
    attn_mask_destroy(mask);
    trial_free(&up);
    trial_free(&down);
}

/* NaN in a head's sink is NaN in its rows, not in those of others. */
static void check_nan_sink(attn_ctx *ctx, const struct attn_kernel *kernel) {
    const struct extents x = {2, 1, 20, 20, 4, 4};
    const float sink[2] = {NAN, 0.5f};
    struct trial t;
    attn_args args;
    attn_gradients g;
    trial_make(&t, kernel, x, 31);
    attn_problem p = problem_of(&t);
    p.features = ATTN_SINK;
    bind_own(&t, &args, &g);
    args.sink.data = sink;
    must(ctx, attn_run(ctx, &p, &args, NULL));
    for (int64_t n = 0; n < t.count[O]; n++) expect(&t, "O beside a NaN sink", isnan(t.data[O][n]) == (n < t.count[O] / 2));
    for (int64_t n = 0; n < t.count[LSE]; n++) expect(&t, "LSE beside a NaN sink", isnan(t.data[LSE][n]) == (n < t.count[LSE] / 2));
    trial_free(&t);
}

/* A plan for four documents with a bias that all share, executed on none: the cumulative lengths are the single 0. */
static void check_no_sequences(attn_ctx *ctx, const struct attn_kernel *kernel) {
    const struct extents x = {2, 1, 20, 20, 4, 4};
    int32_t *cu = calloc(1, sizeof(*cu));
    float bias = 0.0f, dbias = 1.0f;
    struct trial t;
    attn_args args;
    attn_gradients g;
    trial_make(&t, kernel, x, 32);
    t.cu = cu;
    t.documents = 4;
    t.longest = 20;
    attn_problem p = problem_of(&t);
    p.features |= ATTN_BIAS | ATTN_BIAS_GRAD;
    p.bias_broadcast = ATTN_SHARE_BATCH | ATTN_SHARE_HEAD | ATTN_SHARE_QUERY | ATTN_SHARE_KEY;
    bind_own(&t, &args, &g);
    args.bias.data = &bias;
    args.batch = 0;
    g.dbias.data = &dbias;
    must(ctx, attn_run(ctx, &p, &args, &g));
    trial_free(&t);
    free(cu);
}

FOR_EACH_KERNEL(an_excluded_value_does_not_turn_the_sign_of_zero, check_zero_sign)
FOR_EACH_KERNEL(a_nan_sink_is_seen, check_nan_sink)
FOR_EACH_KERNEL(an_execution_of_no_sequences_reads_no_lengths, check_no_sequences)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_shift_of_the_keys_moves_lse_alone_and_has_no_gradient),
        cmocka_unit_test(o_is_linear_in_v),
        cmocka_unit_test(values_of_1_give_1_and_equal_scores_count_the_keys),
        cmocka_unit_test(documents_in_another_order_give_the_same_bits),
        cmocka_unit_test(documents_of_one_token_return_their_value),
        cmocka_unit_test(all_blocks_are_full_and_blocks_cut_by_the_diagonal_are_causal),
        cmocka_unit_test(prime_lengths_and_uneven_heads_equal_double_precision),
        cmocka_unit_test(arrays_of_more_than_2_31_elements_give_the_same_bits),
        cmocka_unit_test(an_excluded_value_does_not_turn_the_sign_of_zero),
        cmocka_unit_test(a_nan_sink_is_seen),
        cmocka_unit_test(an_execution_of_no_sequences_reads_no_lengths),
    };
    return cmocka_run_group_tests_name("kernel: what follows from the formula", tests, NULL, NULL);
}
