/* Seconds of one ring of ranks on a machine: links, exchanges of heads, steps. Inside of predict.h. */
#ifndef ATTN_DIST_CP_SCHEDULE_H
#define ATTN_DIST_CP_SCHEDULE_H

#include "dist/cp/predict.h"

/* ------------------------------------------------------------------------------------------------------ links (links.c) */

struct attn_hop {
    double latency, bandwidth; /* of a message; shared links are taken into account */
    bool between;              /* nodes */
};
static inline double attn_hop_seconds(const struct attn_hop *hop, double bytes) {
    return bytes > 0 ? hop->latency + bytes / hop->bandwidth : 0;
}

/* To whom a rank sends along its ring: within its window, or the same place of the next window. */
int attn_ring_next(const struct attn_grid *grid, int rank, bool long_hop);
/* That link, with all ranks of the grid sending at once. */
struct attn_hop attn_ring_hop(const struct attn_topology *topology, const struct attn_grid *grid, int rank, bool long_hop);

/* Messages of one size to each of several ranks, one after the other; those of other nodes beside those of the own. */
struct attn_fan {
    int inside, between; /* receivers */
    struct attn_hop hop[2];
};
struct attn_fan attn_heads_fan(const struct attn_topology *topology, const struct attn_grid *grid, int rank);
struct attn_fan attn_ring_fan(const struct attn_topology *topology, const struct attn_grid *grid, int rank);
double attn_fan_seconds(const struct attn_fan *fan, double bytes_each);

/* ------------------------------------------------------------------------------------------------------ steps (steps.c) */

/* A ring of ranks over some documents: of its positions, or a sample of them, the pairs of each step, or of some that stand for all. */
struct attn_stage_view {
    attn_ctx *ctx;
    const attn_problem *problem; /* checked */
    const struct attn_cp_config *config;
    const struct attn_cp_machine *machine;
    struct attn_grid grid;
    int64_t places, padded, tokens;
    int positions, steps; /* that are looked at */
    bool sampled;
    void *memory;                /* of the arrays */
    int *position, *step;        /* [positions], [steps], rising */
    double *weight;              /* [steps]: how many steps it stands for */
    double *pairs;               /* [positions][steps]: of a sequence, all heads */
    double *area;                /* [positions]: of all steps */
    double *clock;               /* [3][positions]: room for attn_stage_times */
    struct attn_hop *hop;        /* [2][positions]: room for attn_stage_times */
    double kv, dkv;              /* bytes of a message along the ring */
    double useful, needed, sent; /* tokens along the ring: that the receiver sees, that it or one behind it sees, all */
    struct attn_cp_volume volume;
};
/* view.c: shards the documents and looks. ATTN_ENOMEM, and what attn_shards_open says. */
attn_status attn_stage_view_open(attn_ctx *ctx, const attn_problem *problem, const attn_mask *mask, const struct attn_cp_config *config,
                                 const struct attn_grid *grid, const struct attn_document *document, int64_t documents,
                                 const struct attn_cp_machine *machine, struct attn_stage_view *out);
void attn_stage_view_close(struct attn_stage_view *view);

/* useful.c: fills useful, needed and sent. */
attn_status attn_stage_use(struct attn_stage_view *view, const struct attn_shards *shards, const attn_mask *mask);

/* One pass of one rank. */
struct attn_rank_time {
    double compute, communication, total;
};
/* Of the ranks of piece u, at all positions that the view has: time[positions]. */
void attn_stage_times(struct attn_stage_view *view, int pass, int u, struct attn_rank_time *time);

static inline int attn_cp_exact(const struct attn_cp_machine *machine) {
    return machine->exact > 0 ? machine->exact : ATTN_CP_EXACT;
}

/* Bytes that a rank sends to each other one of those it exchanges heads with: before the arithmetic, and behind it. */
struct attn_exchange {
    int64_t heads[2], rows[2]; /* in, out */
};
struct attn_exchange attn_exchange_bytes(const attn_problem *problem, const struct attn_grid *grid, bool keep, int64_t places, int pass);

#endif
