/* mpirun -n 4 ./prefix_over_ranks: a sequence whose tokens are split over ranks. All keys are alike, so that row i is the mean of the values 0 to i. */
#include <attn_mpi.h>
#include <stdio.h>
#include <stdlib.h>

enum { TOKENS = 1000, DIM = 4 };

int main(int argc, char **argv) {
    static float q[DIM], k[TOKENS * DIM], v[TOKENS], o[TOKENS], lse[TOKENS];
    char text[1024];
    int level, rank, ranks;
    attn_ctx *ctx;
    attn_mpi_scan *scan;
    attn_problem problem;
    attn_args args;
    if (MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &level) || attn_ctx_create(NULL, &ctx, NULL, 0)) return 1;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    const int first = TOKENS * rank / ranks, rows = TOKENS * (rank + 1) / ranks - first; /* any parts would do */
    for (int i = 0; i < rows; i++) v[i] = (float)(first + i);

    attn_problem_init(&problem);
    problem.score = ATTN_SCORE_LEARNED_QUERY;
    problem.heads = 1, problem.dim = DIM, problem.v_dim = 1, problem.q_len = rows;
    attn_status status = attn_mpi_scan_create(ctx, &problem, NULL, &scan);
    attn_args_init(&args);
    if (!status) {
        args.q.data = q, args.k.data = k, args.v.data = v, args.o.data = o, args.lse.data = lse;
        args.workspace_bytes = attn_mpi_scan_workspace(scan);
        args.workspace = aligned_alloc(64, args.workspace_bytes);
        status = attn_mpi_scan_forward(scan, &args);
    }
    if (status) {
        fprintf(stderr, "%s\n", attn_ctx_error(ctx, text, sizeof text));
        MPI_Abort(MPI_COMM_WORLD, 1);
    }
    if (rank == ranks - 1) printf("last row: O %.2f, LSE %.4f\n", (double)o[rows - 1], (double)lse[rows - 1]);
    attn_mpi_scan_destroy(scan);
    attn_ctx_destroy(ctx);
    free(args.workspace);
    MPI_Finalize();
    return 0;
}
