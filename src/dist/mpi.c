/* Exchanges over MPI with a watchdog: MPI promises nothing once a process has died or hangs, a blocking call might never return. So calls do not block;
 * they are asked again and again until they are done or the deadline has passed, which names the peer, the call and the step. */
#include "dist/mpi.h"

#include "base/clock.h"

#include <mpi.h>
#include <stdio.h>
#include <time.h>

enum { TAG = 7, SPINS = 200, PAUSE = 20000 /* nanoseconds */ };
static const size_t most_bytes = (size_t)1 << 28; /* of one message: MPI counts in int */

static attn_status fail(attn_ctx *ctx, const struct attn_mpi *m, const char *call, int64_t step, int peer, const char *what) {
    return attn_fail(ctx, ATTN_ESYSTEM, "rank %d: step %lld: %s with rank %d: %s", m->ranks.rank, (long long)step, call, peer, what);
}

static void give_up(MPI_Request request[2]) {
    for (int i = 0; i < 2; i++)
        if (request[i] != MPI_REQUEST_NULL) {
            MPI_Cancel(&request[i]);
            MPI_Request_free(&request[i]);
        }
}

/* 0, or what went wrong. */
static const char *wait_for(struct attn_mpi *m, MPI_Request request[2]) {
    const double begun = attn_clock();
    const struct timespec pause = {0, PAUSE};
    for (int64_t spins = 0;; spins++) {
        int done = 0;
        if (MPI_Testall(2, request, &done, MPI_STATUSES_IGNORE) != MPI_SUCCESS) return "MPI failed";
        if (done) return NULL;
        if (spins < SPINS) continue;
        if (attn_clock() - begun > m->deadline) {
            m->lost = true;
            return "no answer within the deadline (ATTN_MPI_DEADLINE)";
        }
        nanosleep(&pause, NULL);
    }
}

static attn_status exchange(void *user, attn_ctx *ctx, const char *call, int64_t step, int peer, const void *send, void *receive,
                            size_t bytes) {
    struct attn_mpi *m = user;
    for (size_t at = 0; at < bytes; at += most_bytes) {
        const int n = (int)(bytes - at < most_bytes ? bytes - at : most_bytes);
        MPI_Request request[2] = {MPI_REQUEST_NULL, MPI_REQUEST_NULL};
        const bool begun = MPI_Irecv((char *)receive + at, n, MPI_BYTE, peer, TAG, MPI_COMM_WORLD, &request[0]) == MPI_SUCCESS &&
                           MPI_Isend((const char *)send + at, n, MPI_BYTE, peer, TAG, MPI_COMM_WORLD, &request[1]) == MPI_SUCCESS;
        const char *wrong = begun ? wait_for(m, request) : "MPI failed";
        if (wrong) {
            give_up(request);
            return fail(ctx, m, call, step, peer, wrong); // NOLINT(clang-analyzer-optin.mpi.MPI-Checker): never waited for
        }
        MPI_Waitall(2, request, MPI_STATUSES_IGNORE); /* at once: both are done */
    }
    return ATTN_OK;
}

attn_status attn_mpi_begin(int *argc, char ***argv, double deadline, struct attn_mpi *out, char *error, size_t error_size) {
    int given;
    *out = (struct attn_mpi){.ranks = {.count = 1, .user = out, .exchange = exchange}, .deadline = deadline};
    if (MPI_Init_thread(argc, argv, MPI_THREAD_FUNNELED, &given) != MPI_SUCCESS) {
        snprintf(error, error_size, "MPI cannot be started");
        return ATTN_ESYSTEM;
    }
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    MPI_Comm_rank(MPI_COMM_WORLD, &out->ranks.rank);
    MPI_Comm_size(MPI_COMM_WORLD, &out->ranks.count);
    if ((out->ranks.count & (out->ranks.count - 1)) == 0) return ATTN_OK;
    snprintf(error, error_size, "%d processes; expected a power of two", out->ranks.count);
    return ATTN_EINVAL;
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
