/* When the ranks of a ring are done: every step of every rank, or of those that stand for all. */
#include "dist/cp/schedule.h"

#include <math.h>
#include <string.h>

static double compute_of(const struct attn_stage_view *v, int pass, double pairs, int64_t shards) {
    const int64_t tokens = v->places * v->grid.ulysses, batch = v->problem->batch;
    const struct attn_kernel_work work = {.pairs = pairs * (double)batch / v->grid.ulysses,
                                          .rows = tokens,
                                          .keys = tokens * shards,
                                          .heads = (int32_t)(v->problem->heads / v->grid.ulysses * batch)};
    return attn_speed_seconds(&v->machine->speed, v->problem, pass, &work);
}

static double step_compute(const struct attn_stage_view *v, int pass, int p, int step) {
    return compute_of(v, pass, v->pairs[(int64_t)p * v->steps + step], 1);
}

/* What is under way during a step, along the short links: keys of the next step, and from the third step of one ring (the second of windows) gradients
 * of the one before. */
static double short_transfer(const struct attn_stage_view *v, int pass, int step, const struct attn_hop *hop) {
    const int size = v->grid.ring / v->grid.windows;
    if (size == 1) return 0;
    const bool keys = step % size < size - 1, gradients = pass == 1 && step >= (v->grid.windows > 1 ? 1 : 2);
    return (keys ? attn_hop_seconds(hop, v->kv) : 0) + (gradients ? attn_hop_seconds(hop, v->dkv) : 0);
}

/* During a window: its keys on to the next, and gradients of the window before. */
static double long_transfer(const struct attn_stage_view *v, int pass, int window, const struct attn_hop *hop) {
    const bool keys = window < v->grid.windows - 1, gradients = pass == 1 && window > 0;
    return (keys ? attn_hop_seconds(hop, v->kv) : 0) + (gradients ? attn_hop_seconds(hop, v->dkv) : 0);
}

/* Behind the last step: gradients go home. */
static double last_transfer(const struct attn_stage_view *v, int pass, int p) {
    const int size = v->grid.ring / v->grid.windows;
    if (pass == 0 || v->grid.ring == 1) return 0;
    return (size > 1 ? attn_hop_seconds(&v->hop[p], v->dkv) : 0) +
           (v->grid.windows > 1 ? attn_hop_seconds(&v->hop[v->positions + p], v->dkv) : 0);
}

/* Neighbours whose clocks a rank waits for. */
struct neighbours {
    int from, to;
};
static struct neighbours in_window(const struct attn_grid *g, int y) {
    const int size = g->ring / g->windows, window = y / size * size, inner = y % size;
    return (struct neighbours){window + (inner + size - 1) % size, window + (inner + 1) % size};
}
static struct neighbours of_windows(const struct attn_grid *g, int y) {
    const int size = g->ring / g->windows;
    return (struct neighbours){(y + g->ring - size) % g->ring, (y + size) % g->ring};
}

/* A message needs both sides to have begun. */
static double arrival(const double *clock, int y, struct neighbours n, double in, double out) {
    return fmax(fmax(clock[y], clock[n.from]) + in, fmax(clock[y], clock[n.to]) + out);
}

static void exact_step(struct attn_stage_view *v, int pass, int step, const double *now, double *next, double *begun) {
    const struct attn_grid *g = &v->grid;
    const int size = g->ring / g->windows, window = step / size;
    if (step % size == 0) memcpy(begun, now, (size_t)g->ring * sizeof *now);
    for (int y = 0; y < g->ring; y++) {
        const struct neighbours n = in_window(g, y), far = of_windows(g, y);
        next[y] = now[y] + step_compute(v, pass, y, step);
        next[y] =
            fmax(next[y], arrival(now, y, n, short_transfer(v, pass, step, &v->hop[n.from]), short_transfer(v, pass, step, &v->hop[y])));
        if (step % size == size - 1 && g->windows > 1) {
            const struct attn_hop *hops = v->hop + v->positions;
            next[y] = fmax(
                next[y], arrival(begun, y, far, long_transfer(v, pass, window, &hops[far.from]), long_transfer(v, pass, window, &hops[y])));
        }
    }
}

static void exact_ring(struct attn_stage_view *v, int pass, struct attn_rank_time *time) {
    const int ring = v->grid.ring;
    double *now = v->clock, *next = now + ring, *begun = next + ring;
    memset(now, 0, (size_t)ring * sizeof *now);
    for (int step = 0; step < ring; step++) {
        exact_step(v, pass, step, now, next, begun);
        double *const other = now;
        now = next;
        next = other;
    }
    for (int y = 0; y < ring; y++) {
        const int from = in_window(&v->grid, y).from;
        time[y].total = fmax(now[y], now[from]) + fmax(last_transfer(v, pass, from), last_transfer(v, pass, y));
        if (pass == 0 || ring == 1) time[y].total = now[y];
    }
}

/* The slowest links of the ring, near and far: they set the pace of every rank. */
struct pace {
    struct attn_hop near, far;
};
static struct pace find_pace(const struct attn_stage_view *v, int u) {
    const struct attn_topology *t = &v->machine->topology;
    struct pace pace = {v->hop[0], v->hop[v->positions]};
    const bool far = v->grid.windows > 1;
    /* Those between nodes are all alike; among few that were looked at there may be none. */
    for (int y = 0; y < v->grid.ring && !(pace.near.between && (pace.far.between || !far)); y++) {
        const int rank = attn_grid_rank(&v->grid, u, y);
        const struct attn_hop short_hop = attn_ring_hop(t, &v->grid, rank, false), long_hop = attn_ring_hop(t, &v->grid, rank, true);
        if (attn_hop_seconds(&short_hop, v->kv) > attn_hop_seconds(&pace.near, v->kv)) pace.near = short_hop;
        if (attn_hop_seconds(&long_hop, v->kv) > attn_hop_seconds(&pace.far, v->kv)) pace.far = long_hop;
    }
    return pace;
}

/* Some stand for all. */
static void sampled_ring(struct attn_stage_view *v, int pass, const struct pace *pace, struct attn_rank_time *time) {
    const double far = v->grid.windows > 1 ? v->grid.windows * long_transfer(v, pass, v->grid.windows / 2, &pace->far) : 0;
    for (int p = 0; p < v->positions; p++) {
        double sum = 0;
        for (int i = 0; i < v->steps; i++)
            sum += v->weight[i] * fmax(step_compute(v, pass, p, i), short_transfer(v, pass, v->step[i], &pace->near));
        time[p].total = fmax(sum, far) + last_transfer(v, pass, p);
    }
}

/* Own keys while the others' come in, then those; backward, what others' keys have got goes back while own keys are computed. */
static void gathered(struct attn_stage_view *v, int pass, int u, struct attn_rank_time *time) {
    for (int p = 0; p < v->positions; p++) {
        const struct attn_fan fan = attn_ring_fan(&v->machine->topology, &v->grid, attn_grid_rank(&v->grid, u, v->position[p]));
        const double own = compute_of(v, pass, v->pairs[(int64_t)p * v->steps], 1), in = attn_fan_seconds(&fan, v->kv);
        const double others = compute_of(v, pass, v->area[p] - v->pairs[(int64_t)p * v->steps], v->grid.ring - 1);
        const double back = pass ? attn_fan_seconds(&fan, v->dkv) : 0;
        time[p] = (struct attn_rank_time){own + others, in + back, fmax(own, in) + others + back};
    }
}

static double messages_of(const struct attn_stage_view *v, int pass, const struct pace *pace) {
    double sum = last_transfer(v, pass, 0);
    for (int i = 0; i < v->steps; i++) sum += v->weight[i] * short_transfer(v, pass, v->step[i], &pace->near);
    for (int w = 0; w < v->grid.windows && v->grid.windows > 1; w++) sum += long_transfer(v, pass, w, &pace->far);
    return sum;
}

static void ringed(struct attn_stage_view *v, int pass, int u, struct attn_rank_time *time) {
    for (int p = 0; p < v->positions; p++) {
        const int rank = attn_grid_rank(&v->grid, u, v->position[p]);
        v->hop[p] = attn_ring_hop(&v->machine->topology, &v->grid, rank, false);
        v->hop[v->positions + p] = attn_ring_hop(&v->machine->topology, &v->grid, rank, true);
    }
    const struct pace pace = find_pace(v, u);
    const double communication = messages_of(v, pass, &pace);
    for (int p = 0; p < v->positions; p++) {
        time[p] = (struct attn_rank_time){.communication = communication};
        for (int i = 0; i < v->steps; i++) time[p].compute += v->weight[i] * step_compute(v, pass, p, i);
    }
    if (v->sampled)
        sampled_ring(v, pass, &pace, time);
    else
        exact_ring(v, pass, time);
}

/* In C pieces: the first comes in, then each is computed while the next comes in and the one before goes out. */
static double exchanged(double in, double out, double body, int pieces) {
    double sum = (in + out) / pieces;
    for (int j = 0; j < pieces; j++) sum += fmax(body, (j < pieces - 1 ? in : 0) + (j > 0 ? out : 0)) / pieces;
    return sum;
}

void attn_stage_times(struct attn_stage_view *v, int pass, int u, struct attn_rank_time *time) {
    if (v->grid.mechanism == ATTN_CP_ALLGATHER && v->grid.ring > 1)
        gathered(v, pass, u, time);
    else
        ringed(v, pass, u, time);
    if (v->grid.ulysses == 1) return;
    const struct attn_exchange x = attn_exchange_bytes(v->problem, &v->grid, v->config->keep, v->places, pass);
    const int pieces = attn_grid_chunks(&v->grid, v->config->exchanges, attn_grid_kv_heads(&v->grid, v->problem->kv_heads));
    for (int p = 0; p < v->positions; p++) {
        const struct attn_fan fan = attn_heads_fan(&v->machine->topology, &v->grid, attn_grid_rank(&v->grid, u, v->position[p]));
        const double in = attn_fan_seconds(&fan, (double)(x.heads[0] + x.rows[0]));
        const double out = attn_fan_seconds(&fan, (double)(x.heads[1] + x.rows[1]));
        time[p].communication += in + out;
        time[p].total = exchanged(in, out, time[p].total, pieces);
    }
}
