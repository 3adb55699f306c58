/* mpirun -n 4 ./ring_attention: causal attention, forward and backward, of a sequence whose tokens are split over ranks. All keys are alike, so that row i
 * of O is the mean of the values 0 to i. */
#include <attn_mpi.h>
#include <stdio.h>
#include <stdlib.h>

enum { TOKENS = 1000, HEADS = 2, DIM = 4 };

/* Floats of [places, HEADS, DIM], zeros at first. */
static float *rows(int64_t places) {
    return calloc((size_t)places * HEADS * DIM, sizeof(float));
}

int main(int argc, char **argv) {
    char text[2048];
    int level, rank;
    attn_ctx *ctx;
    attn_mask *mask;
    attn_problem problem;
    attn_mpi_plan_config config;
    attn_mpi_plan *plan;
    if (MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &level) || attn_ctx_create(NULL, &ctx, text, sizeof text)) return 1;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);

    /* The problem and the mask are of the whole sequence, and the same everywhere. */
    attn_problem_init(&problem);
    problem.layout = ATTN_BTHD;
    problem.heads = HEADS, problem.dim = DIM, problem.q_len = TOKENS;
    problem.features = ATTN_BACKWARD;
    attn_mpi_plan_config_init(&config);
    config.mechanism = ATTN_MPI_RING; /* keys and values go around; zigzag gives all ranks the same work */
    attn_status status = attn_mask_parse(ctx, "causal", &mask);
    if (!status) status = attn_mpi_plan_create(ctx, &problem, mask, &config, &plan);
    if (status) {
        fprintf(stderr, "%s\n", attn_ctx_error(ctx, text, sizeof text));
        MPI_Abort(MPI_COMM_WORLD, 1);
    }
    attn_mask_destroy(mask);

    /* Which tokens this rank has; -1 is padding, and not read. */
    const int64_t places = attn_mpi_plan_places(plan);
    int64_t *token = malloc((size_t)places * sizeof *token);
    float *q = rows(places), *k = rows(places), *v = rows(places), *o = rows(places), *lse = rows(places);
    float *d_o = rows(places), *dq = rows(places), *dk = rows(places), *dv = rows(places);
    attn_mpi_plan_tokens(plan, token);
    for (int64_t i = 0; i < places * HEADS * DIM; i++) {
        v[i] = (float)token[i / (HEADS * DIM)];
        d_o[i] = 1;
    }

    attn_args args;
    attn_gradients gradients;
    attn_args_init(&args);
    attn_gradients_init(&gradients);
    args.q.data = q, args.k.data = k, args.v.data = v, args.o.data = o, args.lse.data = lse;
    args.workspace_bytes = attn_mpi_plan_workspace(plan);
    args.workspace = aligned_alloc(64, args.workspace_bytes);
    gradients.d_o.data = d_o, gradients.dq.data = dq, gradients.dk.data = dk, gradients.dv.data = dv;
    status = attn_mpi_forward(plan, &args);
    if (!status) status = attn_mpi_backward(plan, &args, &gradients);
    if (status) {
        fprintf(stderr, "%s\n", attn_ctx_error(ctx, text, sizeof text));
        MPI_Abort(MPI_COMM_WORLD, 1);
    }

    /* Rows come back in order to one rank. */
    float *whole = rank == 0 ? rows(TOKENS) : NULL, *d_whole = rank == 0 ? rows(TOKENS) : NULL;
    const size_t bytes = HEADS * DIM * sizeof(float);
    status = attn_mpi_undispatch(plan, 0, bytes, o, whole);
    if (!status) status = attn_mpi_undispatch(plan, 0, bytes, dv, d_whole);
    if (rank == 0 && !status) /* dV of the first token: 1 + 1/2 + ... + 1/1000; of the last one 1/1000 */
        printf("last row: O %.2f, dV %.4f; first row: O %.2f, dV %.4f\n", (double)whole[(TOKENS - 1) * HEADS * DIM],
               (double)d_whole[(TOKENS - 1) * HEADS * DIM], (double)whole[0], (double)d_whole[0]);

    float *const all[] = {q, k, v, o, lse, d_o, dq, dk, dv, whole, d_whole};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) free(all[i]);
    free(args.workspace);
    free(token);
    attn_mpi_plan_destroy(plan);
    attn_ctx_destroy(ctx);
    MPI_Finalize();
    return status ? 1 : 0;
}
