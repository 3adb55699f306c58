/* A ring in one process: queries and keys are cut in two, every piece is executed with its global offsets, results are merged by the
 * accumulate flags; forward and backward equal the whole, for every kernel of the table that computes in float32. Partial results are
 * floats, also those of inputs of 16 bits.
 *
 * Piece (a, b) computes queries of part a against keys of part b. O and LSE of part a merge over b; exactly the first key part is given
 * the sink. Backward runs with the merged O and LSE: dQ adds over b, dK and dV add over a, dBias, dALiBi and dSink over all.
 */
#include "base/random.h"
#include "kernel/convert/convert.h"
#include "support/compare.h"
#include "support/each_kernel.h"
#include "support/problem.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { H = 4, G = 2, T = 90, S = 131, D = 12, E = 7 };

struct outputs {
    float o[H * T * E], lse[H * T], dq[H * T * D], dk[G * S * D], dv[G * S * E], dbias[T * S], dalibi[H], dsink[H];
};

static struct { float q[H * T * D], k[G * S * D], v[G * S * E], d_o[H * T * E], d_lse[H * T], bias[T * S], alibi[H], sink[H]; } in;

/* The same in 16 bits, where the kernel's arrays are of such a type. */
static struct { uint16_t q[H * T * D], k[G * S * D], v[G * S * E], d_o[H * T * E]; } half;

static struct outputs whole, ring;

static void must(attn_ctx *ctx, attn_status status) {
    char text[512];
    if (status != ATTN_OK) fail_msg("%s: %s", attn_status_name(status), attn_ctx_error(ctx, text, sizeof(text)));
}

static void fill_inputs(uint64_t seed, attn_dtype type) {
    struct attn_random r;
    attn_random_init(&r, seed);
    float *const all[] = {in.q, in.k, in.v, in.d_o, in.d_lse, in.bias, in.alibi, in.sink};
    const int64_t counts[] = {H * T * D, G * S * D, G * S * E, H * T * E, H * T, T * S, H, H};
    for (int n = 0; n < 8; n++) attn_random_fill_normal(&r, all[n], counts[n], n == 6 ? 0.05f : 1.0f);
    uint16_t *const halves[] = {half.q, half.k, half.v, half.d_o};
    for (int n = 0; n < 4 && type != ATTN_F32; n++)
        for (int64_t i = 0; i < counts[n]; i++) halves[n][i] = attn_half_of_f32(type, all[n][i]);
}

/* Row `row` of [head, tokens, width], as floats or in 16 bits. */
static attn_input rows_of(attn_dtype type, const float *x, const uint16_t *bits, int64_t row, int64_t tokens, int64_t width) {
    return (attn_input){type == ATTN_F32 ? (const void *)(x + row * width) : bits + row * width, {0, tokens * width, width, 1}};
}

static attn_problem problem(const struct attn_kernel *kernel) {
    attn_problem p;
    attn_problem_init(&p);
    p.features = ATTN_BACKWARD | ATTN_ALIBI | ATTN_BIAS | ATTN_BIAS_GRAD | ATTN_SINK | ATTN_DROPOUT;
    p.heads = H;
    p.kv_heads = G;
    p.dim = D;
    p.v_dim = E;
    p.q_len = T;
    p.kv_len = S;
    p.softcap = 4.0;
    p.dropout = 0.2;
    p.bias_broadcast = ATTN_SHARE_BATCH | ATTN_SHARE_HEAD;
    p.kernel = test_full_name(kernel);
    p.dtype = kernel->dtype;
    p.o_dtype = p.grad_dtype = ATTN_F32;
    return p;
}

/* The arrays of queries [q0, q0 + rows) and keys [k0, k0 + keys), by strides into the whole. */
static void bind(attn_dtype type, struct outputs *out, int64_t q0, int64_t rows, int64_t k0, int64_t keys, attn_args *args,
                 attn_gradients *g) {
    attn_args_init(args);
    attn_gradients_init(g);
    args->q = rows_of(type, in.q, half.q, q0, T, D);
    args->k = rows_of(type, in.k, half.k, k0, S, D);
    args->v = rows_of(type, in.v, half.v, k0, S, E);
    args->o = (attn_output){out->o + q0 * E, {0, T * E, E, 1}};
    args->lse = (attn_output){out->lse + q0, {0, T, 1, 0}};
    args->bias = (attn_input){in.bias, {0, 0, S, 1}};
    args->alibi.data = in.alibi;
    args->sink.data = in.sink;
    args->q_len = rows;
    args->kv_len = keys;
    args->q_offset = q0;
    args->kv_offset = k0;
    args->global_q_len = T;
    args->global_kv_len = S;
    args->seed = 99;
    g->d_o = rows_of(type, in.d_o, half.d_o, q0, T, E);
    g->d_lse = (attn_input){in.d_lse + q0, {0, T, 1, 0}};
    g->dq = (attn_output){out->dq + q0 * D, {0, T * D, D, 1}};
    g->dk = (attn_output){out->dk + k0 * D, {0, S * D, D, 1}};
    g->dv = (attn_output){out->dv + k0 * E, {0, S * E, E, 1}};
    g->dbias = (attn_output){out->dbias, {0, 0, S, 1}};
    g->dalibi.data = out->dalibi;
    g->dsink.data = out->dsink;
}

static void run_pieces(const attn_plan *plan, attn_dtype type, attn_ctx *ctx, const attn_mask *mask, struct outputs *out, int q_parts,
                       int k_parts) {
    const int64_t q_cut[3] = {0, q_parts == 1 ? T : 37, T}, k_cut[3] = {0, k_parts == 1 ? S : 70, S};
    const size_t bytes = attn_plan_workspace(plan);
    void *workspace = aligned_alloc(64, bytes + 64);
    attn_args args;
    attn_gradients g;
    for (int backward = 0; backward < 2; backward++)
        for (int a = 0; a < q_parts; a++)
            for (int b = 0; b < k_parts; b++) {
                bind(type, out, q_cut[a], q_cut[a + 1] - q_cut[a], k_cut[b], k_cut[b + 1] - k_cut[b], &args, &g);
                args.mask = mask;
                args.workspace = workspace;
                args.workspace_bytes = bytes;
                if (b > 0) args.sink.data = NULL;
                if (!backward) {
                    args.accumulate = b > 0 ? ATTN_ACCUMULATE_O : 0;
                    must(ctx, attn_forward(plan, &args));
                    continue;
                }
                args.accumulate = (b > 0 ? ATTN_ACCUMULATE_DQ : 0u) | (a > 0 ? ATTN_ACCUMULATE_DK | ATTN_ACCUMULATE_DV : 0u) |
                                  (a + b > 0 ? ATTN_ACCUMULATE_REST : 0u);
                must(ctx, attn_backward(plan, &args, &g));
            }
    free(workspace);
}

/* Weights that are rounded are so against another maximum in each piece. */
static bool near(const char *name, const float *got, const float *want, int64_t n, double rounding) {
    double *x = calloc(2 * (size_t)n, sizeof(double)), *y = x + n;
    for (int64_t i = 0; i < n; i++) {
        x[i] = (double)got[i];
        y[i] = (double)want[i];
    }
    const bool good = test_all_near(name, n, x, y, 2e-6, (4e-6 + 4 * rounding) * fmax(1.0, test_max_abs(n, y)));
    free(x);
    return good;
}

static void compare(const struct attn_kernel *kernel, uint64_t seed) {
    bool good = near("O", ring.o, whole.o, H * T * E, kernel->rounding);
    good = near("LSE", ring.lse, whole.lse, H * T, kernel->rounding) && good;
    good = near("dQ", ring.dq, whole.dq, H * T * D, kernel->rounding) && good;
    good = near("dK", ring.dk, whole.dk, G * S * D, kernel->rounding) && good;
    good = near("dV", ring.dv, whole.dv, G * S * E, kernel->rounding) && good;
    good = near("dBias", ring.dbias, whole.dbias, T * S, kernel->rounding) && good;
    good = near("dALiBi", ring.dalibi, whole.dalibi, H, kernel->rounding) && good;
    good = near("dSink", ring.dsink, whole.dsink, H, kernel->rounding) && good;
    if (!good) fail_msg("kernel %s, %s, seed %llu", kernel->name, kernel->isa, (unsigned long long)seed);
}

/* Masks of the whole: none, causal from the end, and one compiled from slices with rows that see nothing. */
static attn_mask *mask_of(attn_ctx *ctx, int kind) {
    static const attn_slice slices[] = {
        {0, 50, 0, 60, -30, 25}, {40, 80, 30, 131, -ATTN_UNLIMITED, 40}, {85, 90, 0, 131, -ATTN_UNLIMITED, 0}};
    attn_mask *mask = NULL, *compiled;
    if (kind == 1) must(ctx, attn_mask_band(ctx, -ATTN_UNLIMITED, 0, ATTN_BOTTOM_RIGHT, &mask));
    if (kind != 2) return mask;
    must(ctx, attn_mask_slices(ctx, T, S, slices, 3, &mask));
    must(ctx, attn_mask_compile(ctx, mask, T, S, &compiled));
    attn_mask_destroy(mask);
    return compiled;
}

static void check_kernel(attn_ctx *ctx, const struct attn_kernel *kernel) {
    const attn_problem p = problem(kernel);
    attn_plan *plan;
    must(ctx, attn_plan_create(ctx, &p, &plan));
    for (int kind = 0; kind < 3; kind++) {
        attn_mask *mask = mask_of(ctx, kind);
        for (uint64_t seed = 1; seed <= 3; seed++) {
            fill_inputs(seed, kernel->dtype);
            memset(&whole, 0xff, sizeof(whole));
            memset(&ring, 0xff, sizeof(ring));
            run_pieces(plan, kernel->dtype, ctx, mask, &whole, 1, 1);
            run_pieces(plan, kernel->dtype, ctx, mask, &ring, 2, 2);
            compare(kernel, seed);
        }
        attn_mask_destroy(mask);
    }
    attn_plan_destroy(plan);
}

static void four_pieces_equal_the_whole_forward_and_backward(void **state) {
    (void)state;
    test_each_kernel(check_kernel);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(four_pieces_equal_the_whole_forward_and_backward),
    };
    return cmocka_run_group_tests_name("kernel: a ring in one process", tests, NULL, NULL);
}
