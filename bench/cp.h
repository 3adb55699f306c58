/* An attention over ranks, measured: checked against one rank, timed, with its messages counted, and taken apart into arithmetic and messages. */
#ifndef ATTN_BENCH_CP_H
#define ATTN_BENCH_CP_H

#include "dist/cp/cp.h"
#include "dist/cp/local.h"

enum { ATTN_CP_REPEATS = 1000 };

/* A sequence over ranks. */
struct attn_cp_sequence {
    attn_problem problem;  /* of the whole, ATTN_BTHD, v_dim and kv_heads set */
    const attn_mask *mask; /* compiled */
    const struct attn_document *document;
    int64_t documents;
};

struct attn_cp_spec {
    struct attn_cp_sequence timed, checked; /* checked: a short one, which each rank computes alone too */
    struct attn_cp_config config;           /* documents: those of the sequences, where the sharding or the mechanism asks for some */
    int threads;                            /* of a rank */
    int repeats;
    uint64_t seed;
    bool (*stopped)(void); /* may be NULL */
};

/* The same on all ranks. In [2] the first number is forward, the second backward. */
struct attn_cp_figures {
    char message[1024]; /* why nothing was measured */
    bool wrong;         /* the check failed: nothing was timed */
    bool stopped;       /* a rank was asked to stop */
    double max_error;   /* over the greatest magnitude of each array */
    int repeats;
    double slowest[2], mean[2];    /* seconds: of the last rank, of the ranks' mean; medians over the runs */
    double compute[2];             /* the slowest rank without messages: they are taken to be there */
    double communication[2];       /* the slowest rank without arithmetic */
    double waited[2];              /* the slowest rank's time in waiting */
    double overlap[2];             /* 1 - (slowest - compute) / communication; NaN: no messages, or too short ones to tell */
    double bytes[2], greatest[2];  /* sent by all ranks, by one at most */
    double messages[2];            /* of all ranks */
    double area, balance, padding; /* allowed pairs of all heads; greatest of a rank over the mean; padded tokens over tokens */
    double workspace;              /* bytes, mean over the ranks */
};

/* Collective: every rank of the transport calls it, with a context of its own and specs that agree. ATTN_EUNSUPPORTED and other mistakes come with
 * figures->message. A stop between two runs gives the runs so far. */
attn_status attn_cp_measure(attn_ctx *ctx, const struct attn_cp_spec *spec, struct attn_transport *transport,
                            struct attn_cp_figures *figures);

/* The same with `ranks` threads of this process. delay NULL: none. */
attn_status attn_cp_measure_local(attn_ctx *ctx, const struct attn_cp_spec *spec, int ranks, const struct attn_local_delay *delay,
                                  struct attn_cp_figures *figures);

#endif
