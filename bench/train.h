/* Training steps measured beside PyTorch's: rounds in which all numbers of threads take turns, ours and the peer's one behind the other, so that a
 * disturbance of the machine meets all alike and ratios are of runs side by side. Of PyTorch the faster of eager and compiled runs. */
#ifndef ATTN_BENCH_TRAIN_H
#define ATTN_BENCH_TRAIN_H

#include "bench/peers/torch.h"
#include "bench/train_case.h"

enum { ATTN_TRAIN_THREADS = 8, ATTN_TRAIN_ROUNDS = 1000 };

struct attn_train_spec {
    const struct attn_train_shape *shape;
    attn_ctx *const *ctx; /* one for each number of threads */
    int threads;          /* how many numbers, at most ATTN_TRAIN_THREADS */
    int rounds;
    double seconds; /* steps are repeated until a run takes so long */
    double ends;    /* of attn_clock: no round is begun behind it; 0: none */
    uint64_t seed;
    bool torch;
    bool (*stopped)(void); /* may be NULL */
};

/* Median, least and greatest over the rounds. */
struct attn_spread {
    double median, least, greatest;
};

/* Of one number of threads. */
struct attn_train_figures {
    int rounds, steps;                             /* timed; steps of a run. 0 rounds: stopped before the first */
    int64_t parameters;                            /* numbers, in all */
    struct attn_spread seconds, peer_seconds;      /* of a step; the peer's NaN: there is none */
    struct attn_spread ratio, gain;                /* the peer's time over ours; ours with the first number of threads over this one */
    double loss, loss_difference, norm_difference; /* of the first step, from the same weights and batch; relative to ours */
    bool differs;       /* by more than attn_train_loss_limit or attn_train_norm_limit: nothing of the peer was timed */
    char peer[16];      /* "eager", "compiled"; "": none */
    char message[1024]; /* why there is no peer */
};

/* A loss is a mean of values near log(classes), each from sums that are rounded in another order on both sides: some 1e-6 of it. The gradient's norm
 * is a sum of squares of such, where what is small against its terms (differences of logits) loses a digit more. */
#define ATTN_TRAIN_LOSS_LIMIT 1e-5
#define ATTN_TRAIN_NORM_LIMIT 1e-4

/* figures has spec->threads elements. On failure the sentence is in the context spec->ctx[*failed]. */
attn_status attn_train_measure(const struct attn_train_spec *spec, struct attn_train_figures *figures, int *failed);

#endif
