/* What a minimum matching is found with: cities and blossoms, odd cycles of tight edges that count as one city; blossoms hold blossoms. A node is a city, below n, or a
 * blossom, from n on. */
#ifndef ATTN_SYSTEM_POINTER_BLOSSOMS_H
#define ATTN_SYSTEM_POINTER_BLOSSOMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum attn_side { ATTN_SIDE_NONE, ATTN_SIDE_PLUS, ATTN_SIDE_MINUS };

struct attn_node {
    int32_t parent, first;  /* the blossom around it; a blossom's first child; -1: none */
    int32_t next, previous; /* in the parent's cycle */
    int32_t link[2];        /* the edge to the next one: a city of this node, one of that */
    int32_t base;           /* the city whose pair lies outside the node */
    int32_t tree[2];        /* of a minus node: the edge that it was reached by, from a plus city to one of its own */
    int32_t best[2];        /* of a plus node: the least slack to another plus node, from its own city */
    enum attn_side side;    /* in the tree, of an outermost node */
    bool marked;
    int64_t dual; /* of a blossom: z */
};

struct attn_blossoms {
    int64_t n;
    const int64_t *weight; /* [n][n] */
    int64_t *potential;    /* of a city: its dual and those of all blossoms around it */
    struct attn_node *node;
    int32_t *nearest; /* [2 n][n]: the node's city of the least slack to a city outside it */
    int32_t *outer;   /* of a city: the outermost node */
    int32_t *near;    /* of a city that is not plus: the plus city of the least slack */
    int32_t *mate;    /* of a city; -1: none */
    int32_t *unused;  /* numbers of blossoms */
    int64_t unused_count;
};

/* The slack of an edge between two outermost nodes. */
static inline int64_t attn_slack(const struct attn_blossoms *b, int32_t u, int32_t v) {
    return b->weight[u * b->n + v] - b->potential[u] - b->potential[v];
}

/* Makes a city of a node its base: pairs inside the node are changed so that this city alone is left. */
void attn_blossoms_rebase(struct attn_blossoms *b, int32_t node, int32_t city);

/* Makes a blossom of the cycle that edge uv closes between two plus nodes of the tree; the blossom, without a side yet. */
int32_t attn_blossoms_shrink(struct attn_blossoms *b, int32_t u, int32_t v);

/* Takes a minus blossom apart: the children on the even way from where the tree enters to the base get their sides, plus ones too; others none. */
void attn_blossoms_expand(struct attn_blossoms *b, int32_t blossom);

/* The child of a blossom that a city is in. */
int32_t attn_blossoms_child(const struct attn_blossoms *b, int32_t blossom, int32_t city);

#endif
