/* Which messages stay in a node, and how fast they are when all ranks send at once. */
#include "dist/cp/schedule.h"

static int64_t node_of(const struct attn_topology *t, int rank) {
    return rank / t->ranks_per_node;
}

int attn_ring_next(const struct attn_grid *grid, int rank, bool long_hop) {
    const int size = grid->ring / grid->windows, y = attn_grid_position(grid, rank), window = y / size, inner = y % size;
    const int to = long_hop ? (window + 1) % grid->windows * size + inner : window * size + (inner + 1) % size;
    return attn_grid_rank(grid, attn_grid_piece(grid, rank), to);
}

static struct attn_hop hop(const struct attn_topology *t, bool between, int64_t senders) {
    const double share = senders > t->links ? (double)t->links / (double)senders : 1;
    return (struct attn_hop){t->latency[between], between ? t->bandwidth[1] * share : t->bandwidth[0], between};
}

struct attn_hop attn_ring_hop(const struct attn_topology *topology, const struct attn_grid *grid, int rank, bool long_hop) {
    const int64_t node = node_of(topology, rank), begin = node * topology->ranks_per_node;
    const int64_t end = attn_min64(begin + topology->ranks_per_node, grid->first + grid->ulysses * grid->ring);
    if (node_of(topology, attn_ring_next(grid, rank, long_hop)) == node) return hop(topology, false, 1);
    int64_t senders = 0;
    for (int64_t r = attn_max64(begin, grid->first); r < end; r++)
        senders += node_of(topology, attn_ring_next(grid, (int)r, long_hop)) != node;
    return hop(topology, true, senders);
}

/* All ranks of a node send to others, as they all do the same. */
static struct attn_fan fan(const struct attn_topology *t, const struct attn_grid *grid, int inside, int between) {
    const int64_t senders = attn_min64(t->ranks_per_node, (int64_t)grid->ulysses * grid->ring);
    return (struct attn_fan){inside, between, {hop(t, false, 1), hop(t, true, senders)}};
}

struct attn_fan attn_heads_fan(const struct attn_topology *topology, const struct attn_grid *grid, int rank) {
    const int own = attn_grid_piece(grid, rank), y = attn_grid_position(grid, rank);
    int inside = 0;
    for (int u = 0; u < grid->ulysses; u++) inside += u != own && node_of(topology, attn_grid_rank(grid, u, y)) == node_of(topology, rank);
    return fan(topology, grid, inside, grid->ulysses - 1 - inside);
}

struct attn_fan attn_ring_fan(const struct attn_topology *topology, const struct attn_grid *grid, int rank) {
    const int u = attn_grid_piece(grid, rank), own = attn_grid_position(grid, rank);
    int inside = 0;
    for (int y = 0; y < grid->ring; y++) inside += y != own && node_of(topology, attn_grid_rank(grid, u, y)) == node_of(topology, rank);
    return fan(topology, grid, inside, grid->ring - 1 - inside);
}

double attn_fan_seconds(const struct attn_fan *f, double bytes_each) {
    const double inside = f->inside * attn_hop_seconds(&f->hop[0], bytes_each),
                 between = f->between * attn_hop_seconds(&f->hop[1], bytes_each);
    return inside > between ? inside : between;
}
