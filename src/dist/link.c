/* Calls of MPI that have a deadline. */
#include "dist/link.h"

#include "base/clock.h"

#include <assert.h>
#include <string.h>
#include <time.h>

enum { TAG = 7, SPINS = 200, PAUSE = 20000 /* nanoseconds */ };
static const int64_t most_numbers = 1 << 25; /* of one sum */

static attn_status fail(const struct attn_link *link, const struct attn_link_call *call, int peer, const char *what) {
    return attn_link_fail(link->rank, call, peer, what);
}

const char attn_link_refused[] = "MPI failed";
static const char late[] = "no answer within the deadline (ATTN_MPI_DEADLINE, or deadline of the config)";

const char *attn_link_wait(const struct attn_link *link, MPI_Request *request, int count) {
    const double begun = attn_clock();
    const struct timespec pause = {0, PAUSE};
    for (int64_t spins = 0;; spins++) {
        int left = 0;
        for (int i = 0; i < count; i++) {
            int done = 0;
            if (MPI_Test(&request[i], &done, MPI_STATUS_IGNORE) != MPI_SUCCESS) return attn_link_refused;
            left += !done;
        }
        if (left == 0) return NULL;
        if (spins < SPINS) continue;
        if (attn_clock() - begun > link->deadline) return late;
        nanosleep(&pause, NULL);
    }
}

// NOLINTBEGIN(clang-analyzer-optin.mpi.MPI-Checker): it knows waits alone, and requests here are tested until they are done, or given up

/* ---------------------------------------------------------------------------------------------- between two */

void attn_link_give_up(MPI_Request *request, int count) {
    for (int i = 0; i < count; i++)
        if (request[i] != MPI_REQUEST_NULL) {
            MPI_Cancel(&request[i]);
            MPI_Request_free(&request[i]);
        }
}

static attn_status pass_piece(struct attn_link *link, const struct attn_link_call *call, int to, const char *send, int from, char *receive,
                              int bytes) {
    MPI_Request request[2] = {MPI_REQUEST_NULL, MPI_REQUEST_NULL};
    bool begun = from < 0 || MPI_Irecv(receive, bytes, MPI_BYTE, from, TAG, link->comm, &request[0]) == MPI_SUCCESS;
    begun = begun && (to < 0 || MPI_Isend(send, bytes, MPI_BYTE, to, TAG, link->comm, &request[1]) == MPI_SUCCESS);
    const char *wrong = begun ? attn_link_wait(link, request, 2) : attn_link_refused;
    if (wrong) {
        const int peer = from >= 0 && request[0] != MPI_REQUEST_NULL ? from : to;
        link->lost = true;
        attn_link_give_up(request, 2);
        return fail(link, call, peer, wrong);
    }
    return ATTN_OK;
}

attn_status attn_link_pass(struct attn_link *link, const struct attn_link_call *call, int to, const void *send, int from, void *receive,
                           size_t bytes) {
    attn_status status = link->lost ? fail(link, call, -1, "a rank was lost before") : ATTN_OK;
    const size_t piece = attn_link_piece(link);
    for (size_t at = 0; at < bytes && !status; at += piece) {
        const int n = (int)(bytes - at < piece ? bytes - at : piece);
        status = pass_piece(link, call, to, (const char *)send + at, from, (char *)receive + at, n);
    }
    return status;
}

/* ------------------------------------------------------------------------------------------------- of all */

/* A call of all ranks that has begun, or not, is waited for. MPI lets nobody give it up: what it writes to stays. */
static attn_status finish(struct attn_link *link, const struct attn_link_call *call, int begun, MPI_Request *request) {
    const char *wrong = begun == MPI_SUCCESS ? attn_link_wait(link, request, 1) : attn_link_refused;
    if (!wrong) return ATTN_OK;
    link->lost = true;
    return fail(link, call, -1, wrong);
}

attn_status attn_link_open(struct attn_link *link, attn_ctx *ctx, MPI_Comm comm, double deadline) {
    const struct attn_link_call call = {ctx, "meeting of all ranks", 0};
    MPI_Request request = MPI_REQUEST_NULL;
    *link = (struct attn_link){.comm = MPI_COMM_NULL, .deadline = deadline};
    MPI_Comm_rank(comm, &link->rank);
    MPI_Comm_size(comm, &link->count);
    const attn_status status = finish(link, &call, MPI_Comm_idup(comm, &link->comm, &request), &request);
    if (!status) MPI_Comm_set_errhandler(link->comm, MPI_ERRORS_RETURN);
    return status;
}

void attn_link_close(struct attn_link *link) {
    if (!link->lost && link->comm != MPI_COMM_NULL) MPI_Comm_free(&link->comm);
}

static attn_status spread_verdict(struct attn_link *link, const struct attn_link_call *call, int first, attn_status own) {
    struct attn_verdict *v = &link->verdict;
    MPI_Request request = MPI_REQUEST_NULL;
    *v = (struct attn_verdict){.status = (int32_t)own, .rank = link->rank};
    if (link->rank == first) attn_ctx_error(call->ctx, v->text, sizeof v->text);
    const attn_status status = finish(link, call, MPI_Ibcast(v, (int)sizeof *v, MPI_BYTE, first, link->comm, &request), &request);
    if (status) return status;
    v->text[sizeof v->text - 1] = '\0';
    return attn_fail(call->ctx, (attn_status)v->status, "rank %d: %.900s", (int)v->rank, v->text);
}

attn_status attn_link_agree(struct attn_link *link, const struct attn_link_call *call, attn_status status, const char *what, int64_t same) {
    MPI_Request request = MPI_REQUEST_NULL;
    if (link->lost) return fail(link, call, -1, "a rank was lost before");
    link->least[0] = status ? link->rank : link->count;
    link->least[1] = same;
    link->least[2] = -same;
    const attn_status met =
        finish(link, call, MPI_Iallreduce(MPI_IN_PLACE, link->least, 3, MPI_INT64_T, MPI_MIN, link->comm, &request), &request);
    if (met) return met;
    if (link->least[0] < link->count) return spread_verdict(link, call, (int)link->least[0], status);
    if (link->least[1] == -link->least[2]) return ATTN_OK;
    return attn_fail(call->ctx, ATTN_EINVAL, "%s: %s is %lld on one rank and %lld on another, %lld here; expected the same on all",
                     call->name, what, (long long)link->least[1], (long long)-link->least[2], (long long)same);
}

attn_status attn_link_share(struct attn_link *link, const struct attn_link_call *call, double *numbers, int count) {
    MPI_Request request = MPI_REQUEST_NULL;
    const size_t bytes = (size_t)count * sizeof *numbers;
    assert(count <= ATTN_LINK_SHARED);
    memcpy(link->shared, numbers, bytes);
    const attn_status status = finish(link, call, MPI_Ibcast(link->shared, count, MPI_DOUBLE, 0, link->comm, &request), &request);
    if (!status) memcpy(numbers, link->shared, bytes);
    return status;
}

attn_status attn_link_sum(struct attn_link *link, const struct attn_link_call *call, double *numbers, int64_t count) {
    attn_status status = ATTN_OK;
    for (int64_t at = 0; at < count && !status; at += most_numbers) {
        MPI_Request request = MPI_REQUEST_NULL;
        const int n = (int)attn_min64(most_numbers, count - at);
        status = finish(link, call, MPI_Iallreduce(MPI_IN_PLACE, numbers + at, n, MPI_DOUBLE, MPI_SUM, link->comm, &request), &request);
    }
    return status;
}

// NOLINTEND(clang-analyzer-optin.mpi.MPI-Checker)
