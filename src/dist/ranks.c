/* What processes settle among themselves, all from exchanges between two: as on the edges of a cube, rank r meets r ^ 1, then r ^ 2, r ^ 4, ... */
#include "dist/ranks.h"

#include <stdio.h>
#include <string.h>

enum { PIECE = 1 << 16, TEXT = 512 };

attn_status attn_ranks_share(const struct attn_ranks *ranks, attn_ctx *ctx, const char *call, int64_t step, void *data, size_t bytes) {
    if (!ranks) return ATTN_OK;
    char *received = attn_alloc(ctx, PIECE);
    attn_status status = received ? ATTN_OK : attn_no_memory(ctx, call, PIECE);
    for (size_t at = 0; at < bytes; at += PIECE) {
        char *piece = (char *)data + at;
        const size_t n = bytes - at < PIECE ? bytes - at : PIECE;
        for (int stride = 1; stride < ranks->count && !status; stride *= 2) {
            if (ranks->rank >= 2 * stride) continue; /* its turn comes later */
            status = ranks->exchange(ranks->user, ctx, call, step, ranks->rank ^ stride, piece, received, n);
            if (!status && ranks->rank >= stride) memcpy(piece, received, n);
        }
    }
    attn_free(ctx, received);
    return status;
}

struct verdict {
    int32_t status, rank;
    char text[1024];
};

attn_status attn_ranks_agree(const struct attn_ranks *ranks, attn_ctx *ctx, const char *call, int64_t step, attn_status status) {
    struct verdict own = {.status = (int32_t)status, .rank = ranks ? ranks->rank : 0}, other;
    if (!ranks) return status;
    if (status) attn_ctx_error(ctx, own.text, sizeof own.text);
    for (int stride = 1; stride < ranks->count; stride *= 2) {
        const attn_status met = ranks->exchange(ranks->user, ctx, call, step, ranks->rank ^ stride, &own, &other, sizeof own);
        if (met) return met;
        if (other.status && (!own.status || other.rank < own.rank)) own = other;
    }
    if (!own.status) return ATTN_OK;
    own.text[sizeof own.text - 1] = '\0';
    return attn_fail(ctx, (attn_status)own.status, "rank %d: %.900s", (int)own.rank, own.text);
}

attn_status attn_ranks_any(const struct attn_ranks *ranks, attn_ctx *ctx, const char *call, int64_t step, uint32_t *bits) {
    for (int stride = 1; ranks && stride < ranks->count; stride *= 2) {
        uint32_t other = 0;
        const attn_status met = ranks->exchange(ranks->user, ctx, call, step, ranks->rank ^ stride, bits, &other, sizeof other);
        if (met) return met;
        *bits |= other;
    }
    return ATTN_OK;
}

attn_status attn_ranks_compare(const struct attn_ranks *ranks, attn_ctx *ctx, const char *call, int64_t step, const char *text) {
    char own[TEXT] = "", first[TEXT];
    if (!ranks) return ATTN_OK;
    attn_append(own, sizeof own, "%s", text);
    memcpy(first, own, sizeof first);
    attn_status status = attn_ranks_share(ranks, ctx, call, step, first, sizeof first);
    if (status) return status;
    first[sizeof first - 1] = '\0';
    if (strcmp(own, first) != 0)
        status = attn_fail(ctx, ATTN_EINVAL, "%s: found %s, but rank 0 has %s; expected the same in all processes", call, own, first);
    return attn_ranks_agree(ranks, ctx, call, step, status);
}
