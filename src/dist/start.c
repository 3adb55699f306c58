/* Checks before anything is exchanged. */
#include "dist/start.h"

attn_status attn_mpi_check_alone(attn_ctx *ctx, const char *what, const char *init, size_t size, size_t expected, MPI_Comm comm) {
    int begun = 0, ended = 0;
    if (size != expected)
        return attn_fail(ctx, ATTN_EINVAL, "%s: config.size is %zu, expected %zu; call %s first", what, size, expected, init);
    if (MPI_Initialized(&begun) != MPI_SUCCESS || !begun || MPI_Finalized(&ended) != MPI_SUCCESS || ended)
        return attn_fail(ctx, ATTN_EINVAL, "%s: MPI %s; expected it begun by MPI_Init_thread", what,
                         begun ? "has been ended" : "has not been begun");
    if (comm == MPI_COMM_NULL) return attn_fail(ctx, ATTN_EINVAL, "%s: config.comm is MPI_COMM_NULL, expected a communicator", what);
    return ATTN_OK;
}

attn_status attn_mpi_check_deadline(attn_ctx *ctx, const char *what, double deadline) {
    if (deadline > 0.0) return ATTN_OK;
    return attn_fail(ctx, ATTN_EINVAL, "%s: config.deadline is %g, expected seconds above 0", what, deadline);
}

attn_status attn_mpi_check_threads(attn_ctx *ctx, const char *what, int threads) {
    int level = MPI_THREAD_SINGLE;
    MPI_Query_thread(&level);
    if (threads <= 1 || level >= MPI_THREAD_FUNNELED) return ATTN_OK;
    return attn_fail(ctx, ATTN_EINVAL,
                     "%s: MPI was begun for one thread, and the plan has %d; expected MPI_Init_thread with MPI_THREAD_FUNNELED, or "
                     "problem.threads 1",
                     what, threads);
}
