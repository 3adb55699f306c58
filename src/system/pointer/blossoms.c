/* Making and changing blossoms. */
#include "system/pointer/blossoms.h"

int32_t attn_blossoms_child(const struct attn_blossoms *b, int32_t blossom, int32_t city) {
    while (b->node[city].parent != blossom) city = b->node[city].parent;
    return city;
}

/* Whether the way from one child to another is even in the direction of `next`; the cycle is odd, so one direction is. */
static bool even_forwards(const struct attn_blossoms *b, int32_t from, int32_t to) {
    bool even = true;
    for (; from != to; from = b->node[from].next) even = !even;
    return even;
}

/* The next child in a direction, and the edge to it: this child's city, that child's. */
static int32_t step(const struct attn_blossoms *b, int32_t child, bool forwards, int32_t *from, int32_t *to) {
    const int32_t other = forwards ? b->node[child].next : b->node[child].previous;
    const int32_t *link = b->node[forwards ? child : other].link;
    *from = link[!forwards];
    *to = link[forwards];
    return other;
}

void attn_blossoms_rebase(struct attn_blossoms *b, int32_t node, int32_t city) {
    if (node < b->n) return;
    int32_t child = attn_blossoms_child(b, node, city), from, to;
    const int32_t end = attn_blossoms_child(b, node, b->node[node].base);
    const bool forwards = even_forwards(b, child, end);
    attn_blossoms_rebase(b, child, city);
    while (child != end) { /* every second edge is a pair from now on */
        const int32_t a = step(b, child, forwards, &from, &to);
        child = step(b, a, forwards, &from, &to);
        attn_blossoms_rebase(b, a, from);
        attn_blossoms_rebase(b, child, to);
        b->mate[from] = to;
        b->mate[to] = from;
    }
    b->node[node].base = city;
}

/* The minus node that a plus node hangs under, as its pair; -1: it is the root. */
static int32_t minus_above(const struct attn_blossoms *b, int32_t plus) {
    const int32_t mate = b->mate[b->node[plus].base];
    return mate < 0 ? -1 : b->outer[mate];
}

/* The plus node that hangs under. */
static int32_t plus_above(const struct attn_blossoms *b, int32_t plus) {
    const int32_t minus = minus_above(b, plus);
    return minus < 0 ? -1 : b->outer[b->node[minus].tree[0]];
}

/* The lowest plus node that two plus nodes of the tree both are or hang under. */
static int32_t meeting(struct attn_blossoms *b, int32_t p, int32_t q) {
    for (int32_t i = p; i >= 0; i = plus_above(b, i)) b->node[i].marked = true;
    while (!b->node[q].marked) q = plus_above(b, q);
    for (int32_t i = p; i >= 0; i = plus_above(b, i)) b->node[i].marked = false;
    return q;
}

/* Links a node to the next one of a cycle. */
static void link_to(struct attn_blossoms *b, int32_t a, int32_t city_a, int32_t c, int32_t city_c) {
    b->node[a].next = c;
    b->node[c].previous = a;
    b->node[a].link[0] = city_a;
    b->node[a].link[1] = city_c;
}

/* Links the nodes from a plus node up to another: downwards along the cycle or upwards. */
static void link_way(struct attn_blossoms *b, int32_t plus, int32_t top, bool upwards) {
    while (plus != top) {
        const int32_t minus = minus_above(b, plus), base = b->node[plus].base, *tree = b->node[minus].tree, next = b->outer[tree[0]];
        if (upwards) {
            link_to(b, plus, base, minus, b->mate[base]);
            link_to(b, minus, tree[1], next, tree[0]);
        } else {
            link_to(b, minus, b->mate[base], plus, base);
            link_to(b, next, tree[0], minus, tree[1]);
        }
        plus = next;
    }
}

static void set_outer(struct attn_blossoms *b, int32_t node, int32_t outer) {
    if (node < b->n) {
        b->outer[node] = outer;
        return;
    }
    int32_t child = b->node[node].first;
    do {
        set_outer(b, child, outer);
        child = b->node[child].next;
    } while (child != b->node[node].first);
}

int32_t attn_blossoms_shrink(struct attn_blossoms *b, int32_t u, int32_t v) {
    const int32_t p = b->outer[u], q = b->outer[v], top = meeting(b, p, q), made = b->unused[--b->unused_count];
    link_to(b, p, u, q, v);
    link_way(b, p, top, false);
    link_way(b, q, top, true);
    b->node[made] = (struct attn_node){.parent = -1, .first = top, .base = b->node[top].base};
    int32_t *nearest = b->nearest + made * b->n, child = top;
    do {
        const int32_t *other = b->nearest + child * b->n;
        for (int64_t x = 0; x < b->n; x++)
            if (child == top || attn_slack(b, other[x], (int32_t)x) < attn_slack(b, nearest[x], (int32_t)x)) nearest[x] = other[x];
        b->node[child].parent = made;
        child = b->node[child].next;
    } while (child != top);
    set_outer(b, made, made);
    return made;
}

void attn_blossoms_expand(struct attn_blossoms *b, int32_t blossom) {
    const struct attn_node *node = &b->node[blossom];
    const int32_t end = attn_blossoms_child(b, blossom, node->base);
    int32_t at = attn_blossoms_child(b, blossom, node->tree[1]), child = node->first, from = node->tree[0], to = node->tree[1];
    const bool forwards = even_forwards(b, at, end);
    do {
        b->node[child].parent = -1;
        b->node[child].side = ATTN_SIDE_NONE;
        set_outer(b, child, child);
        child = b->node[child].next;
    } while (child != node->first);
    for (;;) {
        b->node[at].side = ATTN_SIDE_MINUS;
        b->node[at].tree[0] = from;
        b->node[at].tree[1] = to;
        if (at == end) break;
        at = step(b, at, forwards, &from, &to);
        b->node[at].side = ATTN_SIDE_PLUS;
        at = step(b, at, forwards, &from, &to);
    }
    b->unused[b->unused_count++] = blossom;
}
