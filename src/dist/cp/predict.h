/* What an attention over ranks would cost, by schedule and cost model, without arithmetic: bytes, areas, memory, and seconds on a given machine. */
#ifndef ATTN_DIST_CP_PREDICT_H
#define ATTN_DIST_CP_PREDICT_H

#include "dist/cp/cp.h"
#include "dist/cp/rates.h"
#include "dist/cp/topology.h"

struct attn_cp_prediction {
    int64_t rank_count;
    attn_status status; /* ATTN_EUNSUPPORTED, ATTN_ENOMEM (memory a rank): why says it, the figures that are known stand */
    char why[256];
    double seconds[2], compute[2], communication[2], exposed[2]; /* forward, backward: of the slowest rank */
    double mean_seconds[2];
    double bytes[2];      /* sent by a rank, the greatest */
    double long_bytes[2]; /* of these between nodes */
    double total_bytes[2];
    double useful;  /* share of the ring's k and v bytes that the receiver or one behind it sees a key of */
    double balance; /* greatest area of a rank over the mean */
    double padding; /* padded tokens over tokens */
    double memory;  /* bytes of a rank above its inputs and outputs */
    bool sampled;   /* some ranks stand for all */
};

/* Closed forms of what one rank sends (specification, sec. 7.2 - 7.7), forward and backward, by kind of traffic; padded t places, e bytes an element of
 * q, k, v, o, e_grad of dk and dv on their way. The counters of a transport equal them to the byte where nothing is left out (config.sparse). */
struct attn_cp_volume {
    int64_t bytes[2][ATTN_TRAFFIC_KINDS];
};
void attn_cp_volume(const attn_problem *problem, const struct attn_grid *grid, int64_t places, struct attn_cp_volume *out);

#endif
