/* Mechanisms of context parallelism as one family (benchmark specification, sec. 7.2 - 7.6): P = U R ranks, U of which exchange heads for tokens, R of
 * which pass keys and values around, in W windows.
 *
 *   ulysses     U = P, R = 1          ring, allgather   U = 1, R = P          usp   a grid, ring neighbours side by side
 *   loongtrain  a grid, the R positions cut in W windows; head first: the ranks that exchange heads lie side by side
 *
 * hybrid (sec. 7.7) makes groups for each document, and each group is a ring. */
#ifndef ATTN_DIST_CP_GRID_H
#define ATTN_DIST_CP_GRID_H

#include "base/context.h"

enum attn_mechanism {
    ATTN_CP_ULYSSES,
    ATTN_CP_RING,
    ATTN_CP_ALLGATHER,
    ATTN_CP_USP,
    ATTN_CP_LOONGTRAIN,
    ATTN_CP_HYBRID,
    ATTN_CP_MECHANISMS
};
const char *attn_mechanism_name(enum attn_mechanism mechanism);
int attn_mechanism_find(const char *name); /* -1: none has that name */

struct attn_grid {
    enum attn_mechanism mechanism;
    int first;                  /* rank of the grid's first member: 0 but for groups of hybrid */
    int ulysses, ring, windows; /* U, R, W; W divides R */
    bool head_first;            /* rank = first + y U + u, else first + u R + y */
};

/* W of the double ring: the largest divisor of R with W <= R / W. */
int attn_grid_windows(int ring);
/* The grid of a mechanism (not hybrid) for so many ranks; ulysses 0: the usual, min(P, 8) of usp and loongtrain as far as it divides P and the
 * heads; windows 0: attn_grid_windows. ATTN_EUNSUPPORTED with the nearest that would do: heads that U does not divide, P that U does not divide. */
attn_status attn_grid_make(attn_ctx *ctx, enum attn_mechanism mechanism, int ranks, int32_t heads, int32_t kv_heads, int ulysses,
                           int windows, bool head_first, struct attn_grid *out);

static inline int attn_grid_piece(const struct attn_grid *g, int rank) { /* u */
    return g->head_first ? (rank - g->first) % g->ulysses : (rank - g->first) / g->ring;
}
static inline int attn_grid_position(const struct attn_grid *g, int rank) { /* y */
    return g->head_first ? (rank - g->first) / g->ulysses : (rank - g->first) % g->ring;
}
static inline int attn_grid_rank(const struct attn_grid *g, int piece, int position) {
    return g->first + (g->head_first ? position * g->ulysses + piece : piece * g->ring + position);
}
/* Key/value heads that are exchanged: the least common multiple of G and U. Each is sent once for each copy. */
int32_t attn_grid_kv_heads(const struct attn_grid *g, int32_t kv_heads);

/* In how many chunks they and the query heads are exchanged: as many as asked for, as far as they divide a rank's; sent: attn_grid_kv_heads. */
static inline int attn_grid_chunks(const struct attn_grid *g, int exchanges, int32_t sent) {
    int chunks = g->ulysses > 1 && exchanges > 1 ? exchanges : 1;
    while (sent / g->ulysses % chunks) chunks--;
    return chunks;
}

/* Step i, 0 to R - 1, of the ring of position y: whose keys and values it has. Step = w S + inner, S = R / W. */
int attn_grid_source(const struct attn_grid *g, int y, int step);

#endif
