#include <attn.h>
#include <stdio.h>

int main(void) { /* causal attention, one head of size 2, three tokens */
    float q[] = {1, 0, 0, 1, 1, 1}, k[] = {1, 0, 0, 1, 1, 1}, v[] = {1, 2, 3, 4, 5, 6}, o[6];
    attn_ctx *ctx;
    attn_mask *mask;
    if (attn_ctx_create(NULL, &ctx, NULL, 0) || attn_mask_parse(ctx, "causal", &mask)) return 1;
    attn_problem problem;
    attn_problem_init(&problem);
    problem.heads = 1, problem.dim = 2, problem.q_len = 3;
    attn_args args;
    attn_args_init(&args);
    args.q.data = q, args.k.data = k, args.v.data = v, args.o.data = o, args.mask = mask;
    if (attn_run(ctx, &problem, &args, NULL)) return 1;
    for (int i = 0; i < 3; i++) printf("%.4f %.4f\n", o[2 * i], o[2 * i + 1]);
    attn_mask_destroy(mask);
    attn_ctx_destroy(ctx);
}
