/* All keys and values are gathered while the own ones are computed, then comes one call on all others: no merging step by step, but memory for all of
 * them. Every rank sends to every other directly. Backward gathers again; gradients of others' keys go to their ranks, which add them up in a fixed order.
 *
 * Gathered: K [B, kv_heads, (R - 1) tokens, D], then V; slot i - 1 of the tokens has the position i before. */
#include "dist/cp/stage.h"

#include <string.h>

static int peer_of(const struct attn_cp_stage *s, int distance) {
    const int ring = s->grid.ring;
    return attn_grid_rank(&s->grid, s->u, ((s->y + distance) % ring + ring) % ring);
}

/* K and V of one slot are lines, by sequence and head, those of K first. */
static int64_t lines_of(const struct attn_cp_stage *s) {
    return 2 * s->cp->problem.batch * s->kv_heads;
}

/* A line of a slot of `slots`, of elements of so many bytes. */
static char *line_of(const struct attn_cp_stage *s, char *base, size_t element, int64_t slots, int64_t line, int64_t slot, size_t *bytes) {
    const int64_t half = lines_of(s) / 2, width = line < half ? s->cp->problem.dim : s->cp->problem.v_dim;
    const int64_t before = line < half ? 0 : attn_cp_k_count(s) * slots, number = line < half ? line : line - half;
    const int64_t row = (number * slots + slot) * s->tokens;
    *bytes = (size_t)(s->tokens * width) * element;
    return base ? base + (size_t)(before + row * width) * element : NULL;
}

static attn_status gather(struct attn_cp_pass *p, int chunk) {
    struct attn_cp_stage *s = p->stage;
    const size_t element = attn_dtype_bytes(s->cp->problem.dtype);
    const int others = s->grid.ring - 1;
    char *own = attn_cp_at(p, ATTN_CP_KV, chunk), *all = attn_cp_at(p, ATTN_CP_RING_KV, 0);
    attn_status status = ATTN_OK;
    size_t bytes;
    for (int i = 1; i <= others && !status; i++)
        for (int64_t line = 0; line < lines_of(s) && !status; line++) {
            char *to = line_of(s, all, element, others, line, i - 1, &bytes);
            status = attn_cp_receive(p, &s->around, ATTN_TRAFFIC_KEYS, peer_of(s, -i), to, bytes);
            const char *from = line_of(s, own, element, 1, line, 0, &bytes);
            if (!status) status = attn_cp_send(p, &s->around, ATTN_TRAFFIC_KEYS, peer_of(s, i), from, bytes);
        }
    return status;
}

attn_status attn_cp_gather_forward(struct attn_cp_pass *p, int chunk) {
    struct attn_cp_stage *s = p->stage;
    const bool own = s->mask[chunk], others = s->mask[s->chunks + chunk];
    attn_status status = gather(p, chunk);
    if (!status && own) status = attn_cp_attend(p, chunk, 0, attn_cp_at(p, ATTN_CP_KV, chunk), s->tokens, false);
    if (!status) status = attn_cp_wait(p, &s->around);
    if (!status && others) status = attn_cp_attend(p, chunk, 1, attn_cp_at(p, ATTN_CP_RING_KV, 0), (s->grid.ring - 1) * s->tokens, own);
    if (!own && !others) attn_cp_nothing(p, chunk, false);
    return status;
}

/* -------------------------------------------------------------------------------------------------- backward */

/* Gradients of others' keys go, those of the own ones come from all others. */
static attn_status scatter(struct attn_cp_pass *p, char *incoming) {
    struct attn_cp_stage *s = p->stage;
    const int others = s->grid.ring - 1;
    char *all = attn_cp_at(p, ATTN_CP_RING_DKV, 0);
    attn_status status = ATTN_OK;
    size_t bytes;
    for (int i = 1; i <= others && !status; i++)
        for (int64_t line = 0; line < lines_of(s) && !status; line++) {
            char *to = line_of(s, incoming, sizeof(float), 1, line, 0, &bytes);
            if (to) to += (size_t)(i - 1) * attn_cp_kv_bytes(s, sizeof(float));
            status = attn_cp_receive(p, &s->around, ATTN_TRAFFIC_GRADIENTS, peer_of(s, i), to, bytes);
            const char *from = line_of(s, all, sizeof(float), others, line, i - 1, &bytes);
            if (!status) status = attn_cp_send(p, &s->around, ATTN_TRAFFIC_GRADIENTS, peer_of(s, -i), from, bytes);
        }
    return status;
}

attn_status attn_cp_gather_backward(struct attn_cp_pass *p, int chunk) {
    struct attn_cp_stage *s = p->stage;
    const int others = s->grid.ring - 1;
    const size_t each = attn_cp_kv_bytes(s, sizeof(float));
    char *dkv = attn_cp_at(p, ATTN_CP_RING_DKV, 0), *incoming = attn_cp_at(p, ATTN_CP_RING_DKV, 1);
    const bool needed = s->mask[s->chunks + chunk];
    bool some = false;
    attn_status status = gather(p, chunk);
    if (!status) status = attn_cp_own_early(p, chunk, &some);
    if (!status) status = attn_cp_wait(p, &s->around);
    if (!status && needed)
        status = attn_cp_attend_backward(p, chunk, 1, attn_cp_at(p, ATTN_CP_RING_KV, 0), others * s->tokens, dkv, !some);
    else if (p->base && !needed)
        memset(dkv, 0, (size_t)others * each);
    if (!some && !needed) attn_cp_nothing(p, chunk, true);
    if (!status) status = scatter(p, incoming);
    if (!status) status = attn_cp_own_late(p, chunk);
    if (!status) status = attn_cp_wait(p, &s->around);
    for (int i = 0; i < others && !status && p->base; i++) attn_cp_add(p, attn_cp_at(p, ATTN_CP_DKV, chunk), incoming + (size_t)i * each);
    return status;
}
