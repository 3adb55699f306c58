/* Which rank does what: grids of ranks, and the order in which keys and values come by. */
#include "dist/cp/grid.h"

#include <string.h>

static const char *const names[ATTN_CP_MECHANISMS] = {"ulysses", "ring", "allgather", "usp", "loongtrain", "hybrid"};

const char *attn_mechanism_name(enum attn_mechanism mechanism) {
    return (unsigned)mechanism < ATTN_CP_MECHANISMS ? names[mechanism] : "unknown";
}

int attn_mechanism_find(const char *name) {
    for (int i = 0; i < ATTN_CP_MECHANISMS; i++)
        if (strcmp(name, names[i]) == 0) return i;
    return -1;
}

int attn_grid_windows(int ring) {
    int most = 1;
    for (int w = 1; (int64_t)w * w <= ring; w++)
        if (ring % w == 0) most = w;
    return most;
}

static int32_t divisor(int32_t a, int32_t b) {
    while (b) {
        const int32_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

int32_t attn_grid_kv_heads(const struct attn_grid *g, int32_t kv_heads) {
    return kv_heads / divisor(kv_heads, g->ulysses) * g->ulysses;
}

/* The greatest U up to `most` that ranks and heads allow. */
static int greatest(int ranks, int32_t heads, int most) {
    int u = most < ranks ? most : ranks;
    while (ranks % u || heads % u) u--;
    return u;
}

/* In place of 0: what the mechanism takes by itself. */
static int usual(enum attn_mechanism mechanism, int ranks, int32_t heads) {
    enum { OF_A_NODE = 8 };
    switch (mechanism) {
    case ATTN_CP_ULYSSES:
        return ranks;
    case ATTN_CP_USP:
    case ATTN_CP_LOONGTRAIN:
        return greatest(ranks, heads, OF_A_NODE);
    default:
        return 1;
    }
}

attn_status attn_grid_make(attn_ctx *ctx, enum attn_mechanism mechanism, int ranks, int32_t heads, int32_t kv_heads, int ulysses,
                           int windows, bool head_first, struct attn_grid *out) {
    const int own = usual(mechanism, ranks, heads), u = ulysses ? ulysses : own;
    const bool free_grid = mechanism == ATTN_CP_USP || mechanism == ATTN_CP_LOONGTRAIN;
    if ((unsigned)mechanism >= ATTN_CP_MECHANISMS || ranks < 1 || heads < 1 || kv_heads < 1 || heads % kv_heads || u < 1 || windows < 0)
        return attn_fail(ctx, ATTN_EINVAL,
                         "context parallelism: mechanism %d, %d ranks, heads %d:%d, ulysses %d, windows %d; expected a mechanism, "
                         "positive numbers, and query heads a multiple of key/value heads",
                         (int)mechanism, ranks, heads, kv_heads, ulysses, windows);
    if (!free_grid && u != own)
        return attn_fail(ctx, ATTN_EUNSUPPORTED,
                         "context parallelism: %s with ulysses %d on %d ranks; it has %d, usp and loongtrain take any", names[mechanism], u,
                         ranks, own);
    if (ranks % u)
        return attn_fail(ctx, ATTN_EUNSUPPORTED, "context parallelism: ulysses %d does not divide %d ranks; the nearest that does is %d", u,
                         ranks, greatest(ranks, heads, u));
    if (heads % u)
        return attn_fail(
            ctx, ATTN_EUNSUPPORTED,
            "context parallelism: %s exchanges heads among %d ranks, which do not divide %d query heads; the nearest that do are "
            "%d, with usp, or ring, which needs none",
            names[mechanism], u, heads, greatest(ranks, heads, u));
    const int ring = ranks / u;
    if (windows && (mechanism != ATTN_CP_LOONGTRAIN || ring % windows))
        return attn_fail(ctx, ATTN_EUNSUPPORTED,
                         "context parallelism: %d windows of a ring of %d with %s; expected a divisor of the ring, with loongtrain",
                         windows, ring, names[mechanism]);
    *out = (struct attn_grid){.mechanism = mechanism,
                              .ulysses = u,
                              .ring = ring,
                              .windows = mechanism != ATTN_CP_LOONGTRAIN ? 1
                                         : windows                       ? windows
                                                                         : attn_grid_windows(ring),
                              .head_first = mechanism == ATTN_CP_LOONGTRAIN && head_first};
    return ATTN_OK;
}

int attn_grid_source(const struct attn_grid *g, int y, int step) {
    const int size = g->ring / g->windows;
    const int window = (y / size - step / size + g->windows) % g->windows, inner = (y % size - step % size + size) % size;
    return window * size + inner;
}
