/* Context parallelism by hand: the keys of one sequence live in two pieces, as on two machines of a ring. Each query attends to
 * one piece after the other; the second forward merges into the first one's O and log-sum-exp, and backward adds up dQ. The
 * pieces give the whole's result. */
#include <attn.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { H = 2, D = 32, T = 192, CUT = 80, N = H * T * D };

static attn_ctx *ctx;

static void must(attn_status status) {
    char text[1024];
    if (status == ATTN_OK) return;
    fprintf(stderr, "%s\n", attn_ctx_error(ctx, text, sizeof text));
    exit(1);
}

static double difference(const float *a, const float *b, int count) {
    double most = 0;
    for (int i = 0; i < count; i++) most = fmax(most, fabs((double)a[i] - (double)b[i]));
    return most;
}

static float q[N], k[N], v[N], d_o[N];
static struct {
    float o[N], lse[H * T], dq[N], dk[N], dv[N];
} whole, ring;

/* The keys [begin, end) as local keys 0 .. end - begin of a longer sequence: same arrays, first element moved, head stride kept. */
static void take_keys(attn_args *args, attn_gradients *gradients, int begin, int end) {
    const int64_t strides[4] = {0, (int64_t)T * D, D, 1};
    args->k.data = k + begin * D, args->v.data = v + begin * D;
    gradients->dk.data = ring.dk + begin * D, gradients->dv.data = ring.dv + begin * D;
    memcpy(args->k.stride, strides, sizeof strides);
    memcpy(args->v.stride, strides, sizeof strides);
    memcpy(gradients->dk.stride, strides, sizeof strides);
    memcpy(gradients->dv.stride, strides, sizeof strides);
    args->kv_len = end - begin;
    args->kv_offset = begin;
    args->global_q_len = args->global_kv_len = T;
}

int main(void) {
    for (int i = 0; i < N; i++) {
        q[i] = sinf(0.7f * (float)i), k[i] = cosf(1.3f * (float)i), v[i] = sinf(0.9f * (float)i + 1.0f), d_o[i] = cosf(0.5f * (float)i);
    }
    attn_mask *causal;
    attn_plan *plan;
    attn_problem problem;
    if (attn_ctx_create(NULL, &ctx, NULL, 0) != ATTN_OK) return 1;
    must(attn_mask_parse(ctx, "causal", &causal));
    attn_problem_init(&problem);
    problem.features = ATTN_BACKWARD;
    problem.heads = H, problem.dim = D, problem.q_len = T;
    must(attn_plan_create(ctx, &problem, &plan));
    const size_t bytes = attn_plan_workspace(plan);
    void *workspace = aligned_alloc(64, bytes);
    if (!workspace) return 1;

    attn_args args;
    attn_gradients gradients;
    attn_args_init(&args);
    attn_gradients_init(&gradients);
    args.q.data = q, args.k.data = k, args.v.data = v, args.mask = causal;
    args.workspace = workspace, args.workspace_bytes = bytes;
    gradients.d_o.data = d_o;

    args.o.data = whole.o, args.lse.data = whole.lse;
    gradients.dq.data = whole.dq, gradients.dk.data = whole.dk, gradients.dv.data = whole.dv;
    must(attn_forward(plan, &args));
    must(attn_backward(plan, &args, &gradients));

    args.o.data = ring.o, args.lse.data = ring.lse;
    gradients.dq.data = ring.dq;
    const int cuts[] = {0, CUT, T};
    for (int piece = 0; piece < 2; piece++) {
        take_keys(&args, &gradients, cuts[piece], cuts[piece + 1]);
        args.accumulate = piece == 0 ? 0 : ATTN_ACCUMULATE_O;
        must(attn_forward(plan, &args));
    }
    for (int piece = 0; piece < 2; piece++) { /* o and lse are those of whole rows by now */
        take_keys(&args, &gradients, cuts[piece], cuts[piece + 1]);
        args.accumulate = piece == 0 ? 0 : ATTN_ACCUMULATE_DQ;
        must(attn_backward(plan, &args, &gradients));
    }

    const double most = fmax(fmax(difference(whole.o, ring.o, N), difference(whole.lse, ring.lse, H * T)),
                             fmax(difference(whole.dq, ring.dq, N), fmax(difference(whole.dk, ring.dk, N), difference(whole.dv, ring.dv, N))));
    printf("lse of the last query: %.4f\n", whole.lse[T - 1]);
    printf("two pieces equal the whole: %s\n", most < 1e-5 ? "yes" : "no");

    free(workspace);
    attn_plan_destroy(plan);
    attn_mask_destroy(causal);
    attn_ctx_destroy(ctx);
    return most < 1e-5 ? 0 : 1;
}
