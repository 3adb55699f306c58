/* A pointer network's output layer: the weights of the additive score say which input comes next; inputs that were pointed at are masked. With one
 * dimension, w = 1 and a query of 0 the score is tanh(key): pointing sorts. */
#include <attn.h>
#include <stdio.h>

enum { POINTS = 5 };

int main(void) {
    static const float k[POINTS] = {0.3f, -0.7f, 1.5f, 0.9f, -0.1f}, q[1] = {0}, w[1] = {1};
    float weights[POINTS], lse[1];
    uint8_t unused = (1 << POINTS) - 1; /* a bit for each point: 1 row, 1 byte */
    attn_ctx *ctx;
    if (attn_ctx_create(NULL, &ctx, NULL, 0)) return 1;
    attn_problem problem;
    attn_problem_init(&problem);
    problem.score = ATTN_SCORE_ADDITIVE;
    problem.heads = 1, problem.dim = 1, problem.q_len = 1, problem.kv_len = POINTS;
    problem.scale = 4; /* sharper than the default of 1 */
    for (int step = 0; step < POINTS; step++) {
        attn_mask *mask;
        attn_args args;
        int best = 0;
        if (attn_mask_bits(ctx, 1, POINTS, &unused, 1, &mask)) return 1;
        attn_args_init(&args);
        args.q.data = q, args.k.data = k, args.w.data = w, args.lse.data = lse, args.weights.data = weights, args.mask = mask;
        if (attn_run(ctx, &problem, &args, NULL)) return 1;
        for (int j = 1; j < POINTS; j++)
            if (weights[j] > weights[best]) best = j;
        printf("point %d (%4.1f) with probability %.3f\n", best, (double)k[best], (double)weights[best]);
        unused &= (uint8_t) ~(1 << best);
        attn_mask_destroy(mask);
    }
    attn_ctx_destroy(ctx);
}
