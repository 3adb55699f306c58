/* mpirun -n 4 ./attention_over_ranks: causal attention over a sequence whose tokens are spread over ranks, each of which holds about as many allowed pairs.
 * All keys are alike, so that row i is the mean of the values 0 to i. */
#include <attn_mpi.h>
#include <stdio.h>
#include <stdlib.h>

enum { TOKENS = 1000, DIM = 4 };

static void check(attn_ctx *ctx, attn_status status) {
    char text[1024];
    if (!status) return;
    fprintf(stderr, "%s\n", attn_ctx_error(ctx, text, sizeof text));
    MPI_Abort(MPI_COMM_WORLD, 1);
}

int main(int argc, char **argv) {
    static float values[TOKENS], rows[TOKENS]; /* of rank 0 */
    int level, rank;
    attn_ctx *ctx;
    attn_mask *mask;
    attn_mpi_plan *plan;
    attn_problem problem;
    attn_args args;
    if (MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &level) || attn_ctx_create(NULL, &ctx, NULL, 0)) return 1;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    for (int i = 0; i < TOKENS; i++) values[i] = (float)i;

    attn_problem_init(&problem);
    problem.heads = 1, problem.dim = DIM, problem.v_dim = 1, problem.q_len = TOKENS;
    check(ctx, attn_mask_parse(ctx, "causal", &mask));
    check(ctx, attn_mpi_plan_create(ctx, &problem, mask, NULL, &plan));

    const size_t places =
        (size_t)attn_mpi_plan_places(plan); /* of this rank's arrays; with 16 heads of 64 they would be [places, 16, 64] */
    float *q = calloc(places * DIM, sizeof *q), *k = calloc(places * DIM, sizeof *k);
    float *v = calloc(places, sizeof *v), *o = calloc(places, sizeof *o), *lse = calloc(places, sizeof *lse);
    check(ctx, attn_mpi_dispatch(plan, 0, sizeof *v, values, v));

    attn_args_init(&args);
    args.q.data = q, args.k.data = k, args.v.data = v, args.o.data = o, args.lse.data = lse;
    args.workspace_bytes = attn_mpi_plan_workspace(plan);
    args.workspace = aligned_alloc(64, args.workspace_bytes);
    check(ctx, attn_mpi_forward(plan, &args));

    check(ctx, attn_mpi_undispatch(plan, 0, sizeof *o, o, rows));
    if (rank == 0) printf("row 0: %.2f, row 500: %.2f, row 999: %.2f\n", (double)rows[0], (double)rows[500], (double)rows[999]);
    attn_mpi_plan_destroy(plan);
    attn_mask_destroy(mask);
    attn_ctx_destroy(ctx);
    free(q), free(k), free(v), free(o), free(lse), free(args.workspace);
    MPI_Finalize();
    return 0;
}
