/* Three sequences of different lengths, packed one after the other, under a causal window of 128 keys, forward and backward:
 * 8 query heads read 2 key/value heads. One plan serves any batch within its capacities, and executing it allocates nothing. */
#include <attn.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { H = 8, G = 2, D = 64, LONGEST = 512, TOKENS = 1000 };

/* A sentence for every failure, then the end: the library itself never prints or exits. */
static void must(attn_ctx *ctx, attn_status status, const char *what) {
    char text[1024];
    if (status == ATTN_OK) return;
    fprintf(stderr, "%s: %s: %s\n", what, attn_status_name(status), attn_ctx_error(ctx, text, sizeof text));
    exit(1);
}

static float *array(size_t count, float phase) {
    float *x = malloc(count * sizeof *x);
    if (!x) exit(1);
    for (size_t i = 0; i < count; i++) x[i] = sinf(0.37f * (float)i + phase);
    return x;
}

static double norm(const float *x, size_t count) {
    double sum = 0;
    for (size_t i = 0; i < count; i++) sum += (double)x[i] * (double)x[i];
    return sqrt(sum);
}

int main(void) {
    attn_ctx *ctx;
    attn_mask *window;
    attn_plan *plan;
    if (attn_ctx_create(NULL, &ctx, NULL, 0) != ATTN_OK) return 1;
    must(ctx, attn_mask_band(ctx, -127, 0, ATTN_TOP_LEFT, &window), "window"); /* 127 keys to the left and the query's own */

    attn_problem problem;
    attn_problem_init(&problem);
    problem.layout = ATTN_THD;
    problem.features = ATTN_BACKWARD;
    problem.heads = H, problem.kv_heads = G, problem.dim = D;
    problem.batch = 3, problem.q_len = LONGEST, problem.q_tokens = problem.kv_tokens = TOKENS;
    must(ctx, attn_plan_create(ctx, &problem, &plan), "plan");
    const size_t bytes = attn_plan_workspace(plan);
    void *workspace = aligned_alloc(64, bytes);
    if (!workspace) return 1;

    const int32_t cumulative[] = {0, 300, 812, TOKENS}; /* lengths 300, 512, 188 */
    const size_t q_count = (size_t)TOKENS * H * D, k_count = (size_t)TOKENS * G * D;
    float *q = array(q_count, 0.0f), *k = array(k_count, 1.0f), *v = array(k_count, 2.0f), *o = array(q_count, 0.0f);
    float *d_o = array(q_count, 3.0f), *lse = array((size_t)TOKENS * H, 0.0f);
    float *dq = array(q_count, 0.0f), *dk = array(k_count, 0.0f), *dv = array(k_count, 0.0f);

    attn_args args;
    attn_args_init(&args);
    args.q.data = q, args.k.data = k, args.v.data = v, args.o.data = o, args.lse.data = lse;
    args.cu_q = args.cu_kv = cumulative;
    args.mask = window;
    args.workspace = workspace, args.workspace_bytes = bytes;
    must(ctx, attn_forward(plan, &args), "forward");

    attn_gradients gradients;
    attn_gradients_init(&gradients);
    gradients.d_o.data = d_o;
    gradients.dq.data = dq, gradients.dk.data = dk, gradients.dv.data = dv;
    must(ctx, attn_backward(plan, &args, &gradients), "backward");

    printf("o %.1f  dq %.1f  dk %.1f  dv %.1f\n", norm(o, q_count), norm(dq, q_count), norm(dk, k_count), norm(dv, k_count));
    printf("log-sum-exp of the first query of each sequence, head 0: %.4f %.4f %.4f\n", lse[0], lse[300], lse[812]);

    free(q), free(k), free(v), free(o), free(d_o), free(lse), free(dq), free(dk), free(dv), free(workspace);
    attn_plan_destroy(plan);
    attn_mask_destroy(window);
    attn_ctx_destroy(ctx);
    return 0;
}
