/* Processes of MPI as ranks. */
#include "dist/mpi.h"

#include "base/clock.h"
#include "dist/transport_mpi.h"

#include <stdio.h>
#include <time.h>

enum { PAUSE = 20000 /* nanoseconds */ };

static attn_status exchange(void *user, attn_ctx *ctx, const char *call, int64_t step, int peer, const void *send, void *receive,
                            size_t bytes) {
    struct attn_mpi *m = user;
    return attn_link_pass(&m->link, &(struct attn_link_call){ctx, call, step}, peer, send, peer, receive, bytes);
}

/* Each group has messages of its own, as its transport duplicates the communicator. */
static attn_status transport(void *user, attn_ctx *ctx, int group, struct attn_transport **out) {
    const struct attn_mpi *m = user;
    MPI_Comm comm;
    if (MPI_Comm_split(MPI_COMM_WORLD, m->ranks.rank / group, m->ranks.rank, &comm) != MPI_SUCCESS)
        return attn_fail(ctx, ATTN_ESYSTEM, "rank %d: MPI cannot make groups of %d ranks", m->ranks.rank, group);
    const attn_status status = attn_mpi_transport_open(ctx, comm, m->link.deadline, 0, out);
    MPI_Comm_free(&comm);
    return status;
}

attn_status attn_mpi_begin(int *argc, char ***argv, double deadline, struct attn_mpi *out, char *error, size_t error_size) {
    int given;
    *out = (struct attn_mpi){.ranks = {.count = 1, .user = out, .exchange = exchange, .transport = transport},
                             .link = {.count = 1, .deadline = deadline}};
    if (MPI_Init_thread(argc, argv, MPI_THREAD_FUNNELED, &given) != MPI_SUCCESS) {
        snprintf(error, error_size, "MPI cannot be started");
        return ATTN_ESYSTEM;
    }
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    MPI_Comm_rank(MPI_COMM_WORLD, &out->ranks.rank);
    MPI_Comm_size(MPI_COMM_WORLD, &out->ranks.count);
    out->link.comm = MPI_COMM_WORLD;
    out->link.rank = out->ranks.rank;
    out->link.count = out->ranks.count;
    return ATTN_OK;
}

bool attn_mpi_together(double seconds) {
    const double begun = attn_clock();
    const struct timespec pause = {0, PAUSE};
    MPI_Request request;
    int done = 0;
    if (MPI_Ibarrier(MPI_COMM_WORLD, &request) != MPI_SUCCESS) return false;
    while (!done && attn_clock() - begun < seconds) {
        if (MPI_Test(&request, &done, MPI_STATUS_IGNORE) != MPI_SUCCESS) return false;
        nanosleep(&pause, NULL);
    }
    return done != 0;
}

void attn_mpi_end(void) {
    MPI_Finalize();
}

void attn_mpi_abort(int exit_status) {
    MPI_Abort(MPI_COMM_WORLD, exit_status);
}
