/* What an attention over ranks would cost, by schedule and cost model, without arithmetic: bytes, areas, memory, and seconds on a given machine.
 *
 * The schedule is that of cp.h. Compute is what rates.h says of the pairs of each step. A message takes latency + bytes / bandwidth of its link; ranks of a
 * node that send to other nodes at the same time share its links. A step of a ring ends when its pairs are computed, the keys of the next step are here,
 * and the own ones have gone: transfers are taken to be hidden behind arithmetic wherever the schedule lets them. What is not modelled: memory
 * bandwidth that transfers take from arithmetic, packing, merging, noise. */
#ifndef ATTN_DIST_CP_PREDICT_H
#define ATTN_DIST_CP_PREDICT_H

#include "dist/cp/cp.h"
#include "dist/cp/rates.h"
#include "dist/cp/topology.h"

struct attn_cp_machine {
    struct attn_topology topology;
    struct attn_speed speed; /* of a rank */
    int exact;               /* up to so many ranks every step of every rank is looked at; 0: ATTN_CP_EXACT */
};

/* Of the two numbers in [2] the first is forward, the second backward. */
struct attn_cp_prediction {
    attn_status status; /* ATTN_EUNSUPPORTED, ATTN_ENOMEM (memory a rank): why says it, the figures that are known stand */
    char why[256];
    int64_t ranks, places;   /* tokens of a rank, the greatest number */
    double seconds[2];       /* from when all begin until the slowest rank is done */
    double mean_seconds[2];  /* until a rank is done, the mean */
    double compute[2];       /* of these, arithmetic of the slowest rank */
    double communication[2]; /* messages of the slowest rank, one after the other, whether hidden or not */
    double exposed[2];       /* seconds - compute */
    double overlap;  /* share of communication that is hidden, both passes: 1 - exposed / communication, at least 0; NaN: none is sent */
    double bytes[2]; /* sent by a rank, the greatest */
    double long_bytes[2];  /* of these to other nodes */
    double total_bytes[2]; /* of all ranks */
    double useful;         /* share of the k and v bytes on a ring that the receiver sees a key of; NaN: there is no ring */
    double needed;         /* that the receiver or one behind it does: what a sparse ring sends */
    double pairs;          /* allowed, of all heads and sequences */
    double balance;        /* greatest area of a rank over the mean */
    double padding;        /* padded tokens over tokens */
    double memory;         /* bytes of a rank above its inputs and outputs */
    double arrays;         /* inputs and outputs, and with ATTN_BACKWARD their gradients */
    bool sampled;          /* there are more ranks than machine->exact: some of them, and some of their steps, stand for all */
};
enum { ATTN_CP_EXACT = 1024, ATTN_CP_EXACT_CHOICE = 256, ATTN_CP_SAMPLE = 64 };

/* config: as attn_cp_open takes it; its grid is that of all ranks (hybrid: ring = ranks). mask: as there. What the mechanism cannot do is ATTN_OK with
 * out->status; other statuses are those of attn_shards_open, attn_hybrid_open, and ATTN_ENOMEM. Backward is predicted where the problem announces it. */
attn_status attn_cp_predict(attn_ctx *ctx, const attn_problem *problem, const attn_mask *mask, const struct attn_cp_config *config,
                            const struct attn_cp_machine *machine, struct attn_cp_prediction *out);

/* Closed forms of what one rank sends, by kind of traffic; places t, of a group of hybrid those of the group. The counters of a transport equal them to
 * the byte where nothing is left out (config.sparse). With keep, backward sends what the specification says (sec. 7.2 - 7.7); without it, q, k and v
 * are exchanged again. ATTN_TRAFFIC_ROWS, LSE and the rows' sums of dO . O, is ours: the
 * specification does not send them. Gradients travel as floats. problem: defaults filled in (attn_problem_check). */
struct attn_cp_volume {
    int64_t bytes[2][ATTN_TRAFFIC_KINDS];
};
void attn_cp_volume(const attn_problem *problem, const struct attn_grid *grid, bool keep, int64_t places, struct attn_cp_volume *out);

/* Every mechanism on so many ranks, with every grid and sharding that it has, the fastest forward and backward first; behind them those that do not
 * fit, once for each mechanism, with why. The documents are those of the mask. machine->exact 0 is ATTN_CP_EXACT_CHOICE
 * here, as there are hundreds. *out in memory of the context: attn_free. */
struct attn_cp_choice {
    struct attn_cp_config config; /* documents: NULL */
    struct attn_cp_prediction prediction;
};
attn_status attn_cp_choose(attn_ctx *ctx, const attn_problem *problem, const attn_mask *mask, int ranks,
                           const struct attn_cp_machine *machine, struct attn_cp_choice **out, int *count);

#endif
