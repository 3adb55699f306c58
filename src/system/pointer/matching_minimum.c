/* Edmonds' blossom algorithm. Duals: a number y of each city and z >= 0 of each blossom; the slack of an edge, its weight less y of its cities and z of the blossoms that it
 * leaves, is never below 0, and 0 for pairs, so that no perfect matching is shorter. Every stage grows one tree of tight edges from a city without a pair: nodes at
 * even distance are plus, others minus. Where no edge is tight, plus duals rise and minus ones sink until one is, or a minus blossom's z is 0 and it is taken
 * apart. A tight edge to a node without a pair ends the stage: pairs along the way to the root are exchanged. A stage has O(n) steps of O(n), as a node keeps its best
 * edge to every city, which stays the best while all of its cities' potentials change alike. Weights are even, and so is the slack between plus nodes, whose cities'
 * potentials are all even or all odd: halves of it are whole. */
#include "system/pointer/matching.h"

#include "system/pointer/blossoms.h"

#include <math.h>

size_t attn_matching_minimum_scratch(int64_t n) {
    const size_t cities = (size_t)n;
    return cities * (cities + 1) * sizeof(int64_t) + 2 * cities * sizeof(struct attn_node) +
           (2 * cities * cities + 3 * cities) * sizeof(int32_t);
}

/* A node that is plus now: what its cities' edges change. */
static void become_plus(struct attn_blossoms *b, int32_t node) {
    struct attn_node *mine = &b->node[node];
    const int32_t *nearest = b->nearest + node * b->n;
    mine->side = ATTN_SIDE_PLUS;
    mine->best[0] = -1;
    for (int32_t x = 0; x < b->n; x++) {
        const int32_t u = nearest[x], outer = b->outer[x];
        struct attn_node *other = &b->node[outer];
        if (outer == node) continue;
        const int64_t slack = attn_slack(b, u, x);
        if (other->side != ATTN_SIDE_PLUS) {
            if (b->near[x] < 0 || slack < attn_slack(b, b->near[x], x)) b->near[x] = u;
            continue;
        }
        if (mine->best[0] < 0 || slack < attn_slack(b, mine->best[0], mine->best[1])) {
            mine->best[0] = u;
            mine->best[1] = x;
        }
        if (other->best[0] < 0 || slack < attn_slack(b, other->best[0], other->best[1])) {
            other->best[0] = x;
            other->best[1] = u;
        }
    }
}

/* What happens next: by how much duals change, then an edge from a plus city to a node outside the tree or to another plus node, or a minus blossom to be
 * taken apart. */
struct event {
    int64_t change;
    int32_t edge[2]; /* -1: none */
    int32_t blossom;
};

static struct event next_event(const struct attn_blossoms *b) {
    struct event e = {INT64_MAX, {-1, -1}, -1};
    for (int32_t x = 0; x < b->n; x++) {
        const int32_t outer = b->outer[x];
        const struct attn_node *node = &b->node[outer];
        if (node->side == ATTN_SIDE_NONE) {
            const int64_t slack = attn_slack(b, b->near[x], x);
            if (slack < e.change) e = (struct event){slack, {b->near[x], x}, -1};
        } else if (node->base == x && node->side == ATTN_SIDE_PLUS && node->best[0] >= 0) {
            const int64_t half = attn_slack(b, node->best[0], node->best[1]) / 2;
            if (half < e.change) e = (struct event){half, {node->best[0], node->best[1]}, -1};
        } else if (node->base == x && node->side == ATTN_SIDE_MINUS && outer >= b->n && node->dual < e.change) {
            e = (struct event){node->dual, {-1, -1}, outer};
        }
    }
    return e;
}

static void change_duals(struct attn_blossoms *b, int64_t change) {
    for (int64_t x = 0; x < b->n; x++) {
        struct attn_node *node = &b->node[b->outer[x]];
        const int64_t mine = node->side == ATTN_SIDE_PLUS ? change : node->side == ATTN_SIDE_MINUS ? -change : 0;
        b->potential[x] += mine;
        if (node->base == x) node->dual += mine; /* once a node; of a city that is a node it is not read */
    }
}

/* Pairs a plus city with one outside its node, and exchanges pairs from there to the root. */
static void augment(struct attn_blossoms *b, int32_t u, int32_t x) {
    for (;;) {
        const int32_t node = b->outer[u], old = b->mate[b->node[node].base];
        attn_blossoms_rebase(b, node, u);
        b->mate[u] = x;
        b->mate[x] = u;
        if (old < 0) return;
        const int32_t minus = b->outer[old], *tree = b->node[minus].tree;
        attn_blossoms_rebase(b, minus, tree[1]);
        u = tree[0];
        x = tree[1];
    }
}

/* An edge to a node outside the tree: true where that had no pair. Else it is minus, and the node that it is paired with plus. */
static bool grow(struct attn_blossoms *b, int32_t u, int32_t x) {
    const int32_t outer = b->outer[x];
    struct attn_node *node = &b->node[outer];
    const int32_t mate = b->mate[node->base];
    if (mate < 0) {
        attn_blossoms_rebase(b, outer, x);
        augment(b, u, x);
        return true;
    }
    node->side = ATTN_SIDE_MINUS;
    node->tree[0] = u;
    node->tree[1] = x;
    become_plus(b, b->outer[mate]);
    return false;
}

/* Children that became plus join as such one after the other, so that each sees those before it. */
static void expand(struct attn_blossoms *b, int32_t blossom) {
    const int32_t first = b->node[blossom].first;
    attn_blossoms_expand(b, blossom);
    for (int32_t child = first, begun = 0; child != first || !begun; child = b->node[child].next, begun = 1)
        if (b->node[child].side == ATTN_SIDE_PLUS) become_plus(b, child);
}

static void find_pair(struct attn_blossoms *b, int32_t root) {
    for (int64_t x = 0; x < b->n; x++) {
        b->near[x] = -1;
        b->node[b->outer[x]].side = ATTN_SIDE_NONE;
    }
    become_plus(b, b->outer[root]);
    for (bool done = false; !done;) {
        const struct event e = next_event(b);
        change_duals(b, e.change);
        if (e.blossom >= 0)
            expand(b, e.blossom);
        else if (b->node[b->outer[e.edge[1]]].side == ATTN_SIDE_PLUS)
            become_plus(b, attn_blossoms_shrink(b, e.edge[0], e.edge[1]));
        else
            done = grow(b, e.edge[0], e.edge[1]);
    }
}

/* Even whole numbers up to 2^41. */
static void round_weights(const double *d, int64_t n, int64_t *weight) {
    double longest = 0;
    for (int64_t i = 0; i < n * n; i++) longest = fmax(longest, d[i]);
    for (int64_t i = 0; i < n * n; i++) weight[i] = longest > 0 && longest < (double)INFINITY ? 2 * llround(d[i] / longest * 0x1p40) : 0;
}

void attn_matching_minimum(const double *d, int64_t n, int32_t *mate, void *scratch) {
    int64_t *weight = scratch;
    struct attn_blossoms b = {.n = n, .weight = weight, .potential = weight + n * n, .mate = mate};
    b.node = (struct attn_node *)(void *)(b.potential + n);
    b.nearest = (int32_t *)(void *)(b.node + 2 * n);
    b.outer = b.nearest + 2 * n * n;
    b.near = b.outer + n;
    b.unused = b.near + n;
    round_weights(d, n, weight);
    for (int32_t i = 0; i < n; i++) {
        b.potential[i] = 0;
        b.node[i] = (struct attn_node){.parent = -1, .first = -1, .base = i};
        b.outer[i] = i;
        b.mate[i] = -1;
        for (int64_t x = 0; x < n; x++) b.nearest[i * n + x] = i;
        b.unused[b.unused_count++] = (int32_t)(2 * n - 1 - i);
    }
    for (int32_t i = 0; i < n; i++)
        if (b.mate[i] < 0) find_pair(&b, i);
}
