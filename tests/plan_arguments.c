/* Arguments of an execution: each wrong one is refused with its sentence, and nothing is written then. */
#include "plan/plan.h"
#include "support/problem.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* B = 2, H = 4, G = 2, T = S = 6, D = 3, E = 5: every array fits in N floats. */
enum { N = 4096, BATCH = 2, LEN = 6 };

static struct {
    float q[N], k[N], v[N], o[N], lse[N], d_o[N], dq[N], dk[N], dv[N], bias[N], dbias[N], slopes[N], dalibi[N], sink[N], dsink[N];
    _Alignas(64) char workspace[1 << 21];
} m;

static attn_ctx *ctx;
static attn_plan *plan;
static attn_args args;
static attn_gradients grads;
static char text[1024];

static const uint32_t everything = ATTN_BACKWARD | ATTN_ALIBI | ATTN_BIAS | ATTN_BIAS_GRAD | ATTN_SINK;

static void plan_for(attn_layout layout, uint32_t features) {
    attn_problem p;
    attn_problem_init(&p);
    p.layout = layout;
    p.features = features;
    p.heads = 4;
    p.kv_heads = 2;
    p.dim = 3;
    p.v_dim = 5;
    p.batch = BATCH;
    p.q_len = LEN;
    p.bias_broadcast = ATTN_SHARE_BATCH;
    attn_plan_destroy(plan);
    assert_int_equal(attn_plan_create(ctx, &p, &plan), ATTN_OK);
}

/* Arguments that are right for every feature of the plan. */
static void reset(void) {
    const uint32_t f = plan->shape.features;
    attn_args_init(&args);
    attn_gradients_init(&grads);
    args.q.data = m.q;
    args.k.data = m.k;
    args.v.data = m.v;
    args.o.data = m.o;
    args.lse.data = m.lse;
    args.alibi.data = f & ATTN_ALIBI ? m.slopes : NULL;
    args.bias.data = f & ATTN_BIAS ? m.bias : NULL;
    args.sink.data = f & ATTN_SINK ? m.sink : NULL;
    args.workspace = m.workspace;
    args.workspace_bytes = attn_plan_workspace(plan);
    assert_true(args.workspace_bytes <= sizeof(m.workspace));
    grads.d_o.data = m.d_o;
    grads.dq.data = m.dq;
    grads.dk.data = m.dk;
    grads.dv.data = m.dv;
    grads.dbias.data = f & ATTN_BIAS_GRAD ? m.dbias : NULL;
    grads.dalibi.data = f & ATTN_ALIBI ? m.dalibi : NULL;
    grads.dsink.data = f & ATTN_SINK ? m.dsink : NULL;
    m.o[0] = m.dq[0] = m.dbias[0] = 77.0f;
}

static void expect(attn_status got, attn_status status, const char *part) {
    attn_ctx_error(ctx, text, sizeof(text));
    if (got != status || !strstr(text, part))
        fail_msg("%s, \"%s\"; expected %s with \"%s\"", attn_status_name(got), text, attn_status_name(status), part);
    assert_true(m.o[0] == 77.0f && m.dq[0] == 77.0f && m.dbias[0] == 77.0f);
    reset();
}

static void forward_refused(attn_status status, const char *part) {
    expect(attn_forward(plan, &args), status, part);
}
static void backward_refused(attn_status status, const char *part) {
    expect(attn_backward(plan, &args, &grads), status, part);
}

static void the_arguments_of_these_tests_are_right(void **state) {
    (void)state;
    plan_for(ATTN_BHTD, everything);
    reset();
    assert_int_equal(attn_forward(plan, &args), ATTN_OK);
    assert_int_equal(attn_backward(plan, &args, &grads), ATTN_OK);
    float weights[LEN];
    assert_int_equal(attn_weights(plan, &args, 1, 3, LEN - 1, 1, weights), ATTN_OK);
    for (int j = 0; j < LEN; j++)
        assert_true(fabsf(weights[j] - 1.0f / (LEN + 1)) < 1e-6f); /* all inputs are 0: keys and sink share alike */
}

static void structs_and_flags(void **state) {
    (void)state;
    plan_for(ATTN_BHTD, everything);
    reset();
    expect(attn_forward(plan, NULL), ATTN_EINVAL, "args is NULL");
    args.size--;
    forward_refused(ATTN_EINVAL, "args.size");
    args.accumulate = 64;
    forward_refused(ATTN_EINVAL, "args.accumulate is 0x40");
    grads.size = 0;
    backward_refused(ATTN_EINVAL, "gradients.size is 0");
    expect(attn_backward(plan, &args, NULL), ATTN_EINVAL, "gradients is NULL");
    assert_int_equal(attn_forward(NULL, &args), ATTN_EINVAL);
    assert_int_equal(attn_backward(NULL, &args, &grads), ATTN_EINVAL);
    assert_int_equal(attn_weights(NULL, &args, 0, 0, 0, 1, m.o), ATTN_EINVAL);
    plan_for(ATTN_BHTD, 0);
    reset();
    backward_refused(ATTN_EINVAL, "lacks ATTN_BACKWARD");
}

static void arrays_that_are_missing_or_not_announced(void **state) {
    (void)state;
    plan_for(ATTN_BHTD, everything);
    reset();
    args.q.data = NULL;
    forward_refused(ATTN_EINVAL, "args.q is NULL");
    args.k.data = NULL;
    forward_refused(ATTN_EINVAL, "args.k is NULL");
    args.v.data = NULL;
    forward_refused(ATTN_EINVAL, "args.v is NULL");
    args.o.data = NULL;
    forward_refused(ATTN_EINVAL, "args.o is NULL");
    args.lse.data = NULL;
    backward_refused(ATTN_EINVAL, "args.lse is NULL");
    args.lse.data = NULL;
    args.accumulate = ATTN_ACCUMULATE_O;
    forward_refused(ATTN_EINVAL, "args.lse is NULL");
    args.alibi.data = NULL;
    forward_refused(ATTN_EINVAL, "args.alibi is NULL, expected an array, as the plan has ATTN_ALIBI");
    args.bias.data = NULL;
    forward_refused(ATTN_EINVAL, "args.bias is NULL");
    grads.d_o.data = NULL;
    backward_refused(ATTN_EINVAL, "gradients.d_o is NULL");
    grads.dq.data = NULL;
    backward_refused(ATTN_EINVAL, "gradients.dq is NULL");
    grads.dk.data = NULL;
    backward_refused(ATTN_EINVAL, "gradients.dk is NULL");
    grads.dv.data = NULL;
    backward_refused(ATTN_EINVAL, "gradients.dv is NULL");
    grads.dbias.data = NULL;
    backward_refused(ATTN_EINVAL, "gradients.dbias is NULL");
    plan_for(ATTN_BHTD, ATTN_BACKWARD);
    reset();
    args.alibi.data = m.slopes;
    forward_refused(ATTN_EINVAL, "args.alibi is given, but the plan lacks ATTN_ALIBI");
    args.bias.data = m.bias;
    forward_refused(ATTN_EINVAL, "args.bias is given");
    args.sink.data = m.sink;
    forward_refused(ATTN_EINVAL, "args.sink is given");
    grads.dbias.data = m.dbias;
    backward_refused(ATTN_EINVAL, "gradients.dbias is given");
    grads.dalibi.data = m.dalibi;
    backward_refused(ATTN_EINVAL, "gradients.dalibi is given");
    grads.dsink.data = m.dsink;
    backward_refused(ATTN_EINVAL, "gradients.dsink is given");
}

static void strides_alignment_and_aliases(void **state) {
    (void)state;
    plan_for(ATTN_BHTD, everything);
    reset();
    args.q = (attn_input){m.q, {72, 18, -3, 1}};
    forward_refused(ATTN_EINVAL, "the token stride of args.q is -3");
    args.k = (attn_input){m.k, {72, 18, 3, 2}};
    forward_refused(ATTN_EINVAL, "the dim stride of args.k is 2, expected 1, or ATTN_DIM_STRIDE");
    args.o = (attn_output){m.o, {120, 0, 5, 1}};
    forward_refused(ATTN_EINVAL, "the head stride of args.o is 0 with 4 elements");
    args.v = (attn_input){m.v, {INT64_MAX / 4, 18, 3, 1}};
    forward_refused(ATTN_EINVAL, "past memory's addresses");
    args.bias = (attn_input){m.bias, {144, 36, 6, 1}};
    forward_refused(ATTN_EINVAL, "the batch stride of args.bias is 144, expected 0: bias_broadcast shares this axis");
    args.q.data = (char *)m.q + 2;
    forward_refused(ATTN_EINVAL, "args.q is not aligned");
    args.o.data = m.q;
    forward_refused(ATTN_EINVAL, "the output args.o is the same memory as args.q");
    args.lse.data = m.o;
    forward_refused(ATTN_EINVAL, "args.lse");
    grads.dk.data = m.dv;
    backward_refused(ATTN_EINVAL, "gradients.d");
    grads.dq.data = m.o;
    m.o[0] = 77.0f;
    backward_refused(ATTN_EINVAL, "the output gradients.dq is the same memory as args.o");
    args.k = args.q; /* inputs may share memory, and be broadcast by strides of 0 */
    args.v = (attn_input){m.v, {0, 0, 0, 1}};
    assert_int_equal(attn_forward(plan, &args), ATTN_OK);
}

static void workspaces(void **state) {
    (void)state;
    plan_for(ATTN_BHTD, everything);
    reset();
    args.workspace = NULL;
    forward_refused(ATTN_EWORKSPACE, "args.workspace is NULL");
    args.workspace = m.workspace + 32;
    forward_refused(ATTN_EWORKSPACE, "aligned to 64");
    args.workspace_bytes--;
    backward_refused(ATTN_EWORKSPACE, "args.workspace_bytes");
}

static void lengths_of_padded_batches(void **state) {
    (void)state;
    const int32_t lens[2] = {6, 7}, negative[2] = {-1, 2}, starts[2] = {0, 1}, three[2] = {3, 3}, four[2] = {4, 0};
    plan_for(ATTN_BHTD, everything);
    reset();
    args.batch = 3;
    forward_refused(ATTN_ESHAPE, "args.batch is 3; the plan has room for 2");
    args.batch = -2;
    forward_refused(ATTN_EINVAL, "args.batch is -2");
    args.q_len = 7;
    forward_refused(ATTN_ESHAPE, "args.q_len is 7; the plan has room for 6");
    args.kv_len = -3;
    forward_refused(ATTN_EINVAL, "args.kv_len is -3");
    args.q_lens = lens;
    forward_refused(ATTN_ESHAPE, "sequence 1 ends at q start 0 + length 7, past the 6 of the token axis (args.q_len, or the plan's)");
    args.kv_lens = negative;
    forward_refused(ATTN_EINVAL, "args.kv_lens[0] is -1");
    args.q_starts = starts;
    forward_refused(ATTN_ESHAPE, "sequence 1 ends at q start 1 + length 6");
    args.kv_lens = three;
    args.kv_starts = four;
    forward_refused(ATTN_ESHAPE, "sequence 0 ends at kv start 4 + length 3");
    args.q_starts = negative;
    forward_refused(ATTN_EINVAL, "args.q_starts[0] is -1");
    args.cu_q = lens;
    forward_refused(ATTN_EINVAL, "args.cu_q is given, but the layout is ATTN_BHTD");
}

static void lengths_of_packed_batches(void **state) {
    (void)state;
    const int32_t good[3] = {0, 2, 6}, late[3] = {1, 2, 6}, falling[3] = {0, 4, 3}, long_one[3] = {0, 7, 8}, lens[2] = {1, 1};
    plan_for(ATTN_THD, ATTN_BACKWARD);
    reset();
    forward_refused(ATTN_EINVAL, "args.cu_q is NULL");
    args.cu_q = good;
    forward_refused(ATTN_EINVAL, "args.cu_kv is NULL");
    args.cu_q = late;
    forward_refused(ATTN_EINVAL, "args.cu_q[0] is 1, expected 0");
    args.cu_q = good;
    args.cu_kv = falling;
    forward_refused(ATTN_EINVAL, "args.cu_kv[2] is 3, expected at least the one before, 4");
    args.cu_q = long_one;
    forward_refused(ATTN_ESHAPE, "sequence 0 has the length 7 by args.cu_q; the plan has room for 6");
    args.cu_q = args.cu_kv = good;
    args.q_lens = lens;
    forward_refused(ATTN_EINVAL, "args.q_lens is given, but the layout is ATTN_THD");
    attn_problem p = plan->problem;
    attn_plan *small;
    p.q_tokens = 5;
    assert_int_equal(attn_plan_create(ctx, &p, &small), ATTN_OK);
    args.cu_q = args.cu_kv = good;
    expect(attn_forward(small, &args), ATTN_ESHAPE, "args.cu_q[2] is 6 tokens in all; the plan has room for 5");
    attn_plan_destroy(small);
    args.cu_q = args.cu_kv = good;
    assert_int_equal(attn_forward(plan, &args), ATTN_OK);
}

static void offsets_and_masks(void **state) {
    (void)state;
    attn_mask *causal, *bound;
    const attn_slice slice = {0, 5, 0, 6, -ATTN_UNLIMITED, 0};
    plan_for(ATTN_BHTD, everything);
    reset();
    args.q_offset = -1;
    forward_refused(ATTN_EINVAL, "args.q_offset is -1");
    args.global_kv_len = -2;
    forward_refused(ATTN_EINVAL, "args.global_kv_len is -2");
    args.global_q_len = 5;
    forward_refused(ATTN_ESHAPE, "past args.global_q_len 5");
    args.kv_offset = 2;
    forward_refused(ATTN_EINVAL, "bottom-right ALiBi needs both global lengths");
    args.kv_offset = 2;
    args.global_q_len = 9;
    args.global_kv_len = 7;
    forward_refused(ATTN_ESHAPE, "past args.global_kv_len 7");
    args.q_offset = args.kv_offset = (int64_t)1 << 40;
    args.global_q_len = args.global_kv_len = (int64_t)1 << 41;
    forward_refused(ATTN_EINVAL, "the strides of args.bias reach past memory's addresses");
    args.batch_offset = -1;
    forward_refused(ATTN_EINVAL, "args.batch_offset is -1");
    args.head_offset = -1;
    forward_refused(ATTN_EINVAL, "args.head_offset is -1");
    assert_int_equal(attn_mask_band(ctx, -ATTN_UNLIMITED, 0, ATTN_TOP_LEFT, &causal), ATTN_OK);
    assert_int_equal(attn_mask_slices(ctx, 5, 6, &slice, 1, &bound), ATTN_OK);
    args.mask = bound;
    forward_refused(ATTN_EMASK, "mask");
    args.mask = causal;
    assert_int_equal(attn_forward(plan, &args), ATTN_OK);
    attn_mask_destroy(causal);
    attn_mask_destroy(bound);
}

static void rows_of_weights(void **state) {
    (void)state;
    plan_for(ATTN_BHTD, everything);
    reset();
    expect(attn_weights(plan, &args, 2, 0, 0, 1, m.d_o), ATTN_ESHAPE, "sequence is 2, expected 0 to 1");
    expect(attn_weights(plan, &args, 0, 4, 0, 1, m.d_o), ATTN_ESHAPE, "head is 4, expected 0 to 3");
    expect(attn_weights(plan, &args, 0, 0, 5, 2, m.d_o), ATTN_ESHAPE, "2 rows from 5 on of a sequence of 6");
    expect(attn_weights(plan, &args, 0, 0, INT64_MAX, INT64_MAX, m.d_o), ATTN_ESHAPE, "of a sequence of 6");
    expect(attn_weights(plan, &args, 0, 0, -1, 2, m.d_o), ATTN_ESHAPE, "rows from -1 on");
    expect(attn_weights(plan, &args, 0, 0, 0, 1, NULL), ATTN_EINVAL, "weights is NULL");
    args.lse.data = NULL;
    expect(attn_weights(plan, &args, 0, 0, 0, 1, m.d_o), ATTN_EINVAL, "args.lse is NULL");
}

static int open_context(void **state) {
    (void)state;
    ctx = test_context(2);
    return 0;
}

static int close_context(void **state) {
    (void)state;
    attn_plan_destroy(plan);
    attn_ctx_destroy(ctx);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_arguments_of_these_tests_are_right),
        cmocka_unit_test(structs_and_flags),
        cmocka_unit_test(arrays_that_are_missing_or_not_announced),
        cmocka_unit_test(strides_alignment_and_aliases),
        cmocka_unit_test(workspaces),
        cmocka_unit_test(lengths_of_padded_batches),
        cmocka_unit_test(lengths_of_packed_batches),
        cmocka_unit_test(offsets_and_masks),
        cmocka_unit_test(rows_of_weights),
    };
    return cmocka_run_group_tests_name("plan: arguments", tests, open_context, close_context);
}
