/* What carries messages between ranks. Context parallelism knows no more of MPI than this: three kinds of it are there,
 *
 *   MPI (dist/transport_mpi.h), ranks that are threads of one process (local.h), and one that counts and carries nothing (count.h).
 *
 * Messages are begun and waited for; between, whoever computes calls progress now and then, without which most MPI libraries move nothing. Between
 * two ranks, messages of one tag arrive in the order in which they were begun. All is asked for by the thread that opened the transport. */
#ifndef ATTN_DIST_CP_TRANSPORT_H
#define ATTN_DIST_CP_TRANSPORT_H

#include "base/context.h"

/* What sentences begin with: name and step say what is done, and how many times it was done before. */
struct attn_link_call {
    attn_ctx *ctx;
    const char *name;
    int64_t step;
};

/* What is sent, by what it is for. */
enum attn_traffic_kind {
    ATTN_TRAFFIC_HEADS,     /* all-to-all of q, k, v, o and their gradients */
    ATTN_TRAFFIC_ROWS,      /* all-to-all of one float for each row and head: LSE, and backward LSE and delta */
    ATTN_TRAFFIC_KEYS,      /* k and v along a ring, or gathered; within a window of the double ring */
    ATTN_TRAFFIC_GRADIENTS, /* dk and dv along a ring, or scattered; within a window */
    ATTN_TRAFFIC_LONG_KEYS, /* of the double ring: from window to window */
    ATTN_TRAFFIC_LONG_GRADIENTS,
    ATTN_TRAFFIC_KINDS,
    ATTN_TRAFFIC_CONTROL = ATTN_TRAFFIC_KINDS, /* what ranks settle among themselves: carried, not counted */
    ATTN_TRAFFIC_TAGS
};

struct attn_traffic {
    int64_t messages, bytes; /* that this rank has sent to others */
};

struct attn_verdict {
    int32_t status, rank;
    char text[1024];
};

enum { ATTN_COMPARED = 64 };

struct attn_transport {
    int rank, count;
    bool counts_only; /* nothing is carried: memory of messages is neither read nor written, and may be NULL */
    bool lost; /* a wait has failed, or who began messages has left them: they may be under way for ever, so their memory must not be freed,
                         over threads not before close */
    struct attn_traffic sent[ATTN_TRAFFIC_KINDS]; /* a message that goes in pieces is one; what a rank sends to itself is none */

    /* Room for so many messages under way at once: beginning them allocates nothing then. NULL: there is nothing to allocate. ATTN_ENOMEM. */
    attn_status (*reserve)(struct attn_transport *t, const struct attn_link_call *call, int count);
    /* Begins a message. *ticket >= 0 is then to be given to wait, once. The memory stays as it is until then. Bytes are of any number, 0 too. */
    attn_status (*send)(struct attn_transport *t, const struct attn_link_call *call, enum attn_traffic_kind kind, int peer,
                        const void *data, size_t bytes, int *ticket);
    attn_status (*receive)(struct attn_transport *t, const struct attn_link_call *call, enum attn_traffic_kind kind, int peer, void *data,
                           size_t bytes, int *ticket);
    /* Lets messages that are under way go on. Returns soon. */
    void (*progress)(struct attn_transport *t);
    /* Until the message is done, ATTN_OK, or the deadline has passed: ATTN_ESYSTEM with rank, step, call and peer. After that every call fails. */
    attn_status (*wait)(struct attn_transport *t, const struct attn_link_call *call, int ticket);
    void (*close)(struct attn_transport *t);
    double waited; /* seconds in wait so far: exposed communication */

    double progressed;              /* when attn_progress_context last let messages go on */
    struct attn_verdict own, other; /* what agree and compare send: here, as a message may outlive their calls */
    double compared[ATTN_COMPARED];
};

/* Any rank's failure becomes the failure of all, with its sentence, which names the rank; all ranks must come. Of several the lowest rank's. */
attn_status attn_transport_agree(struct attn_transport *t, const struct attn_link_call *call, attn_status status);
/* ATTN_EINVAL on all ranks where one has other numbers than rank 0; names[i] says what number i is. count: ATTN_COMPARED at most. */
attn_status attn_transport_compare(struct attn_transport *t, const struct attn_link_call *call, const double *numbers,
                                   const char *const *names, int count);
/* Numbers of rank 0, ATTN_COMPARED at most, for all. */
attn_status attn_transport_share(struct attn_transport *t, const struct attn_link_call *call, double *numbers, int count);
/* Sends bytes and receives as many, and waits for both; -1: to none, from none. */
attn_status attn_transport_pass(struct attn_transport *t, const struct attn_link_call *call, enum attn_traffic_kind kind, int to,
                                const void *send, int from, void *receive, size_t bytes);

/* Of transports themselves: notes what is sent; says what has failed, ATTN_ESYSTEM (peer -1: nobody in particular). */
void attn_transport_count(struct attn_transport *t, enum attn_traffic_kind kind, int peer, size_t bytes);
attn_status attn_link_fail(int rank, const struct attn_link_call *call, int peer, const char *what);

#endif
