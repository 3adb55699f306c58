/* What follows from the formula of attention alone, for every kernel with a backward pass, on every instruction set: shifts of the
 * keys, linearity in the values, documents in another order, masks written in two ways, hard shapes against the naive kernel in double,
 * arrays of more than 2^31 elements, signs of zero, NaN in a sink, an execution of no sequences.
 */
#define _GNU_SOURCE
#include "kernel/convert/convert.h"
#include "support/compare.h"
#include "support/counts.h"
#include "support/each_kernel.h"
#include "support/trial.h"

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
        test_every_kernel(check);                                                                                                          \
    }

static attn_mask *causal(attn_ctx *ctx, attn_align align) {
    attn_mask *mask;
    test_must(ctx, attn_mask_band(ctx, -ATTN_UNLIMITED, 0, align, &mask));
    return mask;
}

/* --------------------------------------------------------------------------------------------- the formula */

static const struct test_extents uneven = {4, 2, 61, 97, 20, 13};

/* s_ij moves by scale q_i c: O stays, LSE moves by as much, and the gradient along the shift, sum_j dK_j, is 0. */
static void check_shift(attn_ctx *ctx, const struct attn_kernel *kernel) {
    struct test_trial plain, moved;
    test_trial_make(&plain, kernel, uneven, 1);
    test_trial_make(&moved, kernel, uneven, 1);
    const int64_t d = uneven.dim;
    for (int64_t n = 0; n < moved.count[K]; n++) moved.data[K][n] += 0.25f * (float)(n % d % 5 - 2);
    test_trial_run(ctx, &plain, NULL);
    test_trial_run(ctx, &moved, NULL);
    test_expect_near_arrays(&moved, &plain, O, O, 5e-6);
    for (int64_t i = 0; i < plain.count[LSE]; i++) {
        double along = 0.0;
        for (int64_t c = 0; c < d; c++) along += 0.25 * (double)(c % 5 - 2) * (double)plain.data[Q][i * d + c];
        test_expect_near(&plain, "LSE after a shift of the keys", (double)moved.data[LSE][i],
                         (double)plain.data[LSE][i] + along / sqrt((double)d), 1e-5);
    }
    for (int64_t c = 0; c < d && kernel->backward; c++) {
        double sum = 0.0;
        for (int64_t j = 0; j < uneven.keys; j++) sum += (double)plain.data[DK][j * d + c];
        test_expect_near(&plain, "the sum of dK over a head's keys", sum, 0.0, 1e-4 + 2 * kernel->rounding);
    }
    test_trial_free(&plain);
    test_trial_free(&moved);
}

static void check_linearity(attn_ctx *ctx, const struct attn_kernel *kernel) {
    struct test_trial a, b, both;
    test_trial_make(&a, kernel, uneven, 2);
    test_trial_make(&b, kernel, uneven, 2);
    test_trial_make(&both, kernel, uneven, 2);
    for (int64_t n = 0; n < a.count[V]; n++) {
        b.data[V][n] = (float)(n * 7 % 11) / 8.0f - 0.5f;
        both.data[V][n] = 2.0f * a.data[V][n] - 0.5f * b.data[V][n];
    }
    test_trial_run(ctx, &a, NULL);
    test_trial_run(ctx, &b, NULL);
    test_trial_run(ctx, &both, NULL);
    for (int64_t n = 0; n < a.count[O]; n++)
        test_expect_near(&a, "O of 2 V1 - V2 / 2", (double)both.data[O][n], 2.0 * (double)a.data[O][n] - 0.5 * (double)b.data[O][n], 5e-6);
    test_trial_free(&a);
    test_trial_free(&b);
    test_trial_free(&both);
}

/* V = 1 gives O = 1; q = 0 gives LSE = log of the number of keys. Both with and without rows that see no key. */
static void check_units(attn_ctx *ctx, const struct attn_kernel *kernel) {
    struct test_trial t;
    const struct test_extents tall = {8, 1, 131, 97, 16, 16};
    attn_mask *mask = causal(ctx, ATTN_BOTTOM_RIGHT);
    test_trial_make(&t, kernel, tall, 3);
    for (int64_t n = 0; n < t.count[V]; n++) t.data[V][n] = 1.0f;
    test_trial_run(ctx, &t, mask);
    for (int64_t n = 0; n < t.count[O]; n++)
        test_expect_near(&t, "O of V = 1", (double)t.data[O][n], n / tall.v_dim % tall.queries < tall.queries - tall.keys ? 0.0 : 1.0,
                         1e-6 + kernel->rounding);
    memset(t.data[Q], 0, (size_t)t.count[Q] * sizeof(float));
    test_trial_run(ctx, &t, mask);
    for (int64_t n = 0; n < t.count[LSE]; n++) {
        const int64_t keys = n % tall.queries - (tall.queries - tall.keys) + 1;
        test_expect_near(&t, "LSE of equal scores", (double)t.data[LSE][n], keys > 0 ? log((double)keys) : (double)-INFINITY, 1e-6);
    }
    attn_mask_destroy(mask);
    test_trial_free(&t);
}

FOR_EACH_KERNEL(a_shift_of_the_keys_moves_lse_alone_and_has_no_gradient, check_shift)
FOR_EACH_KERNEL(o_is_linear_in_v, check_linearity)
FOR_EACH_KERNEL(values_of_1_give_1_and_equal_scores_count_the_keys, check_units)

/* ----------------------------------------------------------------------------------------------- documents */

/* Rows of packed arrays [token, head, dim] of the documents in reverse order. */
static void reverse_documents(const struct test_trial *from, const struct test_trial *to, int array) {
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
    struct test_trial a, b, back;
    for (int n = 0; n < DOCUMENTS; n++) {
        cu[n + 1] = cu[n] + lengths[n];
        reversed[n + 1] = reversed[n] + lengths[DOCUMENTS - 1 - n];
    }
    const struct test_extents x = {4, 2, cu[DOCUMENTS], cu[DOCUMENTS], 24, 32};
    attn_mask *mask = causal(ctx, ATTN_TOP_LEFT);
    test_trial_make(&a, kernel, x, 4);
    test_trial_make(&b, kernel, x, 5);
    test_trial_make(&back, kernel, x, 6);
    a.documents = b.documents = back.documents = DOCUMENTS;
    a.longest = b.longest = back.longest = 300;
    a.cu = back.cu = cu;
    b.cu = reversed;
    for (int n = Q; n <= D_O; n++) reverse_documents(&a, &b, n);
    test_trial_run(ctx, &a, mask);
    test_trial_run(ctx, &b, mask);
    for (int n = O; n <= test_trial_last(&b); n++) reverse_documents(&b, &back, n);
    test_expect_same_bits(&back, &a, O, DV);
    attn_mask_destroy(mask);
    test_trial_free(&a);
    test_trial_free(&b);
    test_trial_free(&back);
}

/* Every softmax is over one key: O = V to the bit, dV = dO, and no gradient reaches q and k. */
static void check_single_tokens(attn_ctx *ctx, const struct attn_kernel *kernel) {
    enum { DOCUMENTS = 4096 };
    static int32_t cu[DOCUMENTS + 1];
    const struct test_extents x = {2, 2, DOCUMENTS, DOCUMENTS, 5, 5};
    struct test_trial t;
    for (int n = 0; n <= DOCUMENTS; n++) cu[n] = n;
    test_trial_make(&t, kernel, x, 7);
    t.cu = cu;
    t.documents = DOCUMENTS;
    t.longest = 1;
    test_trial_run(ctx, &t, NULL);
    test_expect(&t, "O of one key is V", memcmp(t.data[O], t.data[V], (size_t)t.count[V] * sizeof(float)) == 0);
    for (int64_t n = 0; n < t.count[DV] && kernel->backward; n++) {
        test_expect_near(&t, "dV of one key", (double)t.data[DV][n], (double)t.data[D_O][n], 1e-5);
        test_expect_near(&t, "dQ of one key", (double)t.data[DQ][n], 0.0, 1e-5);
        test_expect_near(&t, "dK of one key", (double)t.data[DK][n], 0.0, 1e-5);
    }
    test_trial_free(&t);
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
    test_must(ctx, attn_mask_blocks(ctx, q_cuts, rows, k_cuts, columns, keep, &mask));
    return mask;
}

static void check_blocks(attn_ctx *ctx, const struct attn_kernel *kernel) {
    const struct test_extents x = {2, 1, 307, 307, 32, 16};
    attn_mask *all = blocks(ctx, x.queries, false), *lower = blocks(ctx, x.queries, true), *band = causal(ctx, ATTN_TOP_LEFT), *both;
    struct test_trial plain, masked;
    test_trial_make(&plain, kernel, x, 8);
    test_trial_make(&masked, kernel, x, 8);
    test_trial_run(ctx, &plain, NULL);
    test_trial_run(ctx, &masked, all);
    test_expect_same_bits(&masked, &plain, O, LSE);
    test_expect_near_arrays(&masked, &plain, DQ, DV, 1e-5);
    test_must(ctx, attn_mask_and(ctx, lower, band, &both));
    test_trial_run(ctx, &plain, band);
    test_trial_run(ctx, &masked, both);
    test_expect_same_bits(&masked, &plain, O, LSE);
    test_expect_near_arrays(&masked, &plain, DQ, DV, 1e-5);
    attn_mask_destroy(all);
    attn_mask_destroy(lower);
    attn_mask_destroy(band);
    attn_mask_destroy(both);
    test_trial_free(&plain);
    test_trial_free(&masked);
}

FOR_EACH_KERNEL(all_blocks_are_full_and_blocks_cut_by_the_diagonal_are_causal, check_blocks)

/* --------------------------------------------------------------------------------------------- hard shapes */

static void check_against_double(attn_ctx *ctx, const struct test_trial *t, const attn_mask *mask) {
    attn_problem p = test_trial_problem(t);
    attn_args args;
    attn_gradients g;
    void *data[TEST_ARRAYS];
    p.dtype = ATTN_F64;
    p.o_dtype = p.grad_dtype = ATTN_DTYPE_SAME;
    p.kernel = "naive";
    for (int n = 0; n < TEST_ARRAYS; n++) {
        double *x = malloc((size_t)t->count[n] * sizeof(double));
        assert_non_null(x);
        for (int64_t i = 0; i < t->count[n]; i++) x[i] = (double)t->data[n][i];
        data[n] = x;
    }
    test_trial_bind(t, data, &args, &g);
    args.mask = mask;
    test_must(ctx, attn_run(ctx, &p, &args, t->kernel->backward ? &g : NULL));
    test_trial_run(ctx, t, mask);
    for (int n = O; n <= test_trial_last(t); n++) {
        const double *want = data[n];
        const double scale = fmax(1.0, test_max_abs(t->count[n], want));
        for (int64_t i = 0; i < t->count[n]; i++)
            test_expect_near(t, test_array_names[n], (double)t->data[n][i], want[i], (1e-5 + 4 * t->kernel->rounding) * scale);
    }
    for (int n = 0; n < TEST_ARRAYS; n++) free(data[n]);
}

/* Where time is short a kernel takes every third of its cases, and the next kernel begins with the next. */
static size_t stride(void) {
    return test_thinned() ? 3 : 1;
}

/* Lengths that are prime, a single kv head, head sizes beside and at multiples of 16, more queries than keys. */
static void check_shapes(attn_ctx *ctx, const struct attn_kernel *kernel) {
    static const struct test_extents shapes[] = {{8, 1, 131, 97, 40, 80}, {1, 1, 127, 251, 96, 96}, {8, 1, 257, 257, 64, 64},
                                                 {2, 2, 1, 509, 128, 48}, {3, 3, 241, 1, 17, 33},   {2, 1, 383, 130, 128, 128}};
    static size_t first;
    for (size_t n = 0; n < sizeof(shapes) / sizeof(shapes[0]); n++, first++)
        for (size_t kind = first % stride(); kind < 3; kind += stride()) {
            struct test_trial t;
            attn_mask *mask = kind ? causal(ctx, kind == 1 ? ATTN_TOP_LEFT : ATTN_BOTTOM_RIGHT) : NULL;
            test_trial_make(&t, kernel, shapes[n], 10 + n);
            check_against_double(ctx, &t, mask);
            attn_mask_destroy(mask);
            test_trial_free(&t);
        }
    first++;
}

/* The twelve patterns of the benchmark, whose pairs mask_patterns compares with their formulas. */
static void check_patterns(attn_ctx *ctx, const struct attn_kernel *kernel) {
    static const char *const patterns[] = {"full",
                                           "causal",
                                           "full_document:40,1,90",
                                           "causal_document:40,1,90",
                                           "sliding_window:17,30",
                                           "sliding_window_causal:40",
                                           "share_question:40,1,30,60",
                                           "causal_blockwise:40,30,61",
                                           "prefix_lm_causal:50",
                                           "prefix_lm_document:20;40,10,81",
                                           "global_sliding_window:9",
                                           "block_causal_document:16;70,61"};
    static const struct test_extents x = {2, 1, 131, 131, 24, 16};
    struct test_trial t;
    test_trial_make(&t, kernel, x, 21);
    static size_t first;
    for (size_t n = first++ % stride(); n < sizeof(patterns) / sizeof(patterns[0]); n += stride()) {
        attn_mask *mask, *compiled;
        test_must(ctx, attn_mask_parse(ctx, patterns[n], &mask));
        test_must(ctx, attn_mask_compile(ctx, mask, x.queries, x.keys, &compiled));
        check_against_double(ctx, &t, compiled);
        attn_mask_destroy(mask);
        attn_mask_destroy(compiled);
    }
    test_trial_free(&t);
}

FOR_EACH_KERNEL(prime_lengths_and_uneven_heads_equal_double_precision, check_shapes)
FOR_EACH_KERNEL(every_pattern_of_the_benchmark_equals_double_precision, check_patterns)

/* Logits up to 8192 either way, exact but for what the second element adds to them: O and LSE in double, for all rows the same. A float of
 * that size is rounded by 2^-11 at most; some such roundings move a logit, and a weight by as much of itself. */
static void check_great_logits(attn_ctx *ctx, const struct attn_kernel *kernel) {
    static const struct test_extents x = {2, 1, 33, 70, 16, 16};
    const double moved = 6 * 0x1p-11;
    double weight[70], lse = 0.0, high = (double)-INFINITY;
    struct test_trial t;
    test_trial_make(&t, kernel, x, 33);
    for (int64_t n = 0; n < t.count[Q]; n++) t.data[Q][n] = n % x.dim == 0 ? 32768.0f : n % x.dim == 1 ? 1.0f : 0.0f;
    for (int64_t j = 0; j < x.keys; j++) {
        t.data[K][j * x.dim] = (float)(j * 5 % 17 - 8) / 8.0f;
        weight[j] = (32768.0 * (double)t.data[K][j * x.dim] + (double)t.data[K][j * x.dim + 1]) / 4.0;
        high = fmax(high, weight[j]);
    }
    for (int64_t j = 0; j < x.keys; j++) lse += weight[j] = exp(weight[j] - high);
    test_trial_run(ctx, &t, NULL);
    for (int64_t n = 0; n < t.count[LSE]; n++) test_expect_near(&t, "LSE", (double)t.data[LSE][n], high + log(lse), moved);
    for (int64_t n = 0; n < t.count[O]; n++) {
        double want = 0.0;
        for (int64_t j = 0; j < x.keys; j++) want += weight[j] / lse * (double)t.data[V][j * x.v_dim + n % x.v_dim];
        test_expect_near(&t, "O", (double)t.data[O][n], want, 4.0 * (moved + kernel->rounding));
    }
    for (int n = DQ; n <= test_trial_last(&t); n++)
        for (int64_t i = 0; i < t.count[n]; i++) test_expect(&t, test_array_names[n], isfinite(t.data[n][i]));
    test_trial_free(&t);
}

FOR_EACH_KERNEL(great_logits_choose_the_keys_that_they_belong_to, check_great_logits)

/* ------------------------------------------------------------------------------------------- 64-bit indices */

enum { FAR = 1 << 26, FAR_TOKENS = 40, FAR_DIM = 16 };

/* All arrays side by side in one sparse mapping, tokens 2^26 elements apart: token 32 begins at element 2^31. */
static void check_far(attn_ctx *ctx, const struct attn_kernel *kernel) {
    const struct test_extents x = {1, 1, FAR_TOKENS, FAR_TOKENS, FAR_DIM, FAR_DIM};
    const size_t bytes = (size_t)FAR * FAR_TOKENS * sizeof(float);
    float *far = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (far == MAP_FAILED) {
        print_message("no address space for arrays of 2^31 elements\n");
        return;
    }
    struct test_trial t;
    test_trial_make(&t, kernel, x, 20);
    attn_mask *mask = causal(ctx, ATTN_TOP_LEFT);
    attn_problem p = test_trial_problem(&t);
    attn_args args;
    attn_gradients g;
    attn_args_init(&args);
    attn_gradients_init(&g);
    for (int n = Q; n <= D_O; n++)
        for (int64_t i = 0; i < t.count[n]; i++) {
            const int64_t at = i / FAR_DIM * FAR + i % FAR_DIM;
            if (kernel->dtype == ATTN_F32)
                far[n * FAR_DIM + at] = t.data[n][i];
            else
                ((uint16_t *)(far + n * FAR_DIM))[at] = attn_half_of_f32(kernel->dtype, t.data[n][i]);
        }
    args.mask = mask;
    attn_input *const in[] = {&args.q, &args.k, &args.v, &g.d_o};
    attn_output *const out[] = {&args.o, &args.lse, &g.dq, &g.dk, &g.dv};
    for (int n = Q; n <= D_O; n++) *in[n] = (attn_input){far + n * FAR_DIM, {0, 0, FAR, 1}};
    for (int n = O; n < TEST_ARRAYS; n++) *out[n - O] = (attn_output){far + n * FAR_DIM, {0, 0, FAR, n != LSE}};
    test_must(ctx, attn_run(ctx, &p, &args, kernel->backward ? &g : NULL));
    test_trial_run(ctx, &t, mask);
    for (int n = O; n <= test_trial_last(&t); n++)
        for (int64_t i = 0, row = t.count[n] / FAR_TOKENS; i < t.count[n]; i++)
            test_expect(&t, test_array_names[n], far[i / row * FAR + n * FAR_DIM + i % row] == t.data[n][i]);
    attn_mask_destroy(mask);
    test_trial_free(&t);
    munmap(far, bytes);
}

FOR_EACH_KERNEL(arrays_of_more_than_2_31_elements_give_the_same_bits, check_far)

/* ------------------------------------------------------------------------------------------------ odd bits */

/* Row 0 sees the keys 0 and 1, whose weighted values underflow to -0; the value of key 2, which it does not see, has either sign. */
static void check_zero_sign(attn_ctx *ctx, const struct attn_kernel *kernel) {
    const struct test_extents x = {1, 1, 5, 6, 1, 1};
    struct test_trial up, down;
    attn_mask *mask;
    test_must(ctx, attn_mask_band(ctx, -ATTN_UNLIMITED, 1, ATTN_TOP_LEFT, &mask));
    test_trial_make(&up, kernel, x, 30);
    for (int64_t i = 0; i < x.queries; i++) up.data[Q][i] = 1.0f;
    for (int64_t j = 0; j < x.keys; j++) up.data[K][j] = j ? 0.0f : -80.0f;
    up.data[V][0] = -1e-30f;
    up.data[V][1] = -0.0f;
    test_trial_make(&down, kernel, x, 30);
    for (int n = Q; n <= D_O; n++) memcpy(down.data[n], up.data[n], (size_t)up.count[n] * sizeof(float));
    for (int64_t j = 2; j < x.keys; j++) {
        up.data[V][j] = 1.0f;
        down.data[V][j] = -1.0f;
    }
    test_trial_run(ctx, &up, mask);
    test_trial_run(ctx, &down, mask);
    test_expect(&up, "the sign of O", memcmp(up.data[O], down.data[O], sizeof(float)) == 0);
    attn_mask_destroy(mask);
    test_trial_free(&up);
    test_trial_free(&down);
}

/* NaN in a head's sink is NaN in its rows, not in those of others. */
static void check_nan_sink(attn_ctx *ctx, const struct attn_kernel *kernel) {
    const struct test_extents x = {2, 1, 20, 20, 4, 4};
    const float sink[2] = {NAN, 0.5f};
    struct test_trial t;
    attn_args args;
    attn_gradients g;
    test_trial_make(&t, kernel, x, 31);
    attn_problem p = test_trial_problem(&t);
    p.features = ATTN_SINK;
    test_trial_bind_own(&t, &args, &g);
    args.sink.data = sink;
    test_must(ctx, attn_run(ctx, &p, &args, NULL));
    for (int64_t n = 0; n < t.count[O]; n++) test_expect(&t, "O beside a NaN sink", isnan(t.data[O][n]) == (n < t.count[O] / 2));
    for (int64_t n = 0; n < t.count[LSE]; n++) test_expect(&t, "LSE beside a NaN sink", isnan(t.data[LSE][n]) == (n < t.count[LSE] / 2));
    test_trial_free(&t);
}

/* A plan for four documents with a bias that all share, executed on none: the cumulative lengths are the single 0. */
static void check_no_sequences(attn_ctx *ctx, const struct attn_kernel *kernel) {
    const struct test_extents x = {2, 1, 20, 20, 4, 4};
    int32_t *cu = calloc(1, sizeof(*cu));
    float bias = 0.0f, dbias = 1.0f;
    struct test_trial t;
    attn_args args;
    attn_gradients g;
    test_trial_make(&t, kernel, x, 32);
    t.cu = cu;
    t.documents = 4;
    t.longest = 20;
    attn_problem p = test_trial_problem(&t);
    p.features |= ATTN_BIAS | (kernel->backward ? ATTN_BIAS_GRAD : 0u);
    p.bias_broadcast = ATTN_SHARE_BATCH | ATTN_SHARE_HEAD | ATTN_SHARE_QUERY | ATTN_SHARE_KEY;
    test_trial_bind_own(&t, &args, &g);
    args.bias.data = &bias;
    args.batch = 0;
    g.dbias.data = &dbias;
    test_must(ctx, attn_run(ctx, &p, &args, kernel->backward ? &g : NULL));
    test_trial_free(&t);
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
        cmocka_unit_test(every_pattern_of_the_benchmark_equals_double_precision),
        cmocka_unit_test(great_logits_choose_the_keys_that_they_belong_to),
        cmocka_unit_test(arrays_of_more_than_2_31_elements_give_the_same_bits),
        cmocka_unit_test(an_excluded_value_does_not_turn_the_sign_of_zero),
        cmocka_unit_test(a_nan_sink_is_seen),
        cmocka_unit_test(an_execution_of_no_sequences_reads_no_lengths),
    };
    return cmocka_run_group_tests_name("kernel: what follows from the formula", tests, NULL, NULL);
}
