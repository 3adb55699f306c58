/* Calls of MPI that have a deadline: MPI promises nothing once a process has died or hangs, and a blocking call might never return. So calls do not
 * block; they are asked again and again until they are done or the deadline has passed, which names the call, the step and whom it waits for. */
#ifndef ATTN_DIST_LINK_H
#define ATTN_DIST_LINK_H

#include "dist/cp/transport.h"

#include <mpi.h>

enum { ATTN_LINK_SHARED = 16 };

/* It stays where it is, as calls that are under way when a rank is lost write to it. */
struct attn_link {
    MPI_Comm comm;
    int rank, count;
    double deadline; /* seconds that another rank may take to come to a call */
    size_t piece;    /* bytes of one message of MPI, which counts in int; longer ones go in several. 0: 256 MiB */
    bool lost;       /* one has taken longer, or MPI has failed: every later call fails */
    int64_t least[3];
    double shared[ATTN_LINK_SHARED];
    struct attn_verdict verdict;
};

/* A duplicate of the communicator, which close frees. */
attn_status attn_link_open(struct attn_link *link, attn_ctx *ctx, MPI_Comm comm, double deadline);
void attn_link_close(struct attn_link *link);

/* Sends `bytes` to one rank and receives as many from another; -1: to none, from none. */
attn_status attn_link_pass(struct attn_link *link, const struct attn_link_call *call, int to, const void *send, int from, void *receive,
                           size_t bytes);

/* Any rank's failure becomes that of all, with its sentence; so does a number that is not the same on all, `what` it is. */
attn_status attn_link_agree(struct attn_link *link, const struct attn_link_call *call, attn_status status, const char *what, int64_t same);

/* Numbers of rank 0, ATTN_LINK_SHARED at most, for all; sums over all ranks, of an array that stays where it is. */
attn_status attn_link_share(struct attn_link *link, const struct attn_link_call *call, double *numbers, int count);
attn_status attn_link_sum(struct attn_link *link, const struct attn_link_call *call, double *numbers, int64_t count);

/* For what begins requests of its own on link->comm. */
static inline size_t attn_link_piece(const struct attn_link *link) {
    return link->piece ? link->piece : (size_t)1 << 28;
}
/* Until all are done and MPI_REQUEST_NULL: NULL, else what went wrong, in words. */
const char *attn_link_wait(const struct attn_link *link, MPI_Request *request, int count);
/* Of messages between two. Memory of those that are under way must stay nevertheless. */
void attn_link_give_up(MPI_Request *request, int count);
extern const char attn_link_refused[]; /* MPI did not begin a call */

#endif
