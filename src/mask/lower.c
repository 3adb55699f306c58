/* Lowering: an expression of masks to segment lists, as far as they stay short.
 *
 * Leaves give slices, algebra combines finished lists. Where a list would pass ATTN_MASK_INTERVALS intervals a row, or a leaf
 * has only pairs to ask (predicate, bits, a compiled tile map), the node stays an operation for the tile map to evaluate.
 */
#include "mask/mask.h"

#include <string.h>

attn_status attn_mask_check_lengths(attn_ctx *ctx, const attn_mask *m, int64_t q_len, int64_t k_len) {
    if (m->q_len >= 0 && (m->q_len != q_len || m->k_len != k_len))
        return attn_fail(ctx, ATTN_EMASK, "mask: it is bound to %lld queries x %lld keys, the lengths are %lld x %lld; they must be equal",
                         (long long)m->q_len, (long long)m->k_len, (long long)q_len, (long long)k_len);
    if (m->square && q_len != k_len)
        return attn_fail(ctx, ATTN_EMASK,
                         "mask: %lld queries and %lld keys differ, and the diagonal is not named: write causal:top-left (query i sees keys "
                         "0..i) or causal:bottom-right (the last query sees the last key); the same for windows. Prefix, global and "
                         "document patterns need equal lengths",
                         (long long)q_len, (long long)k_len);
    return ATTN_OK;
}

void attn_lowered_free(attn_ctx *ctx, struct attn_lowered *l) {
    if (!l) return;
    attn_lowered_free(ctx, l->operand[0]);
    attn_lowered_free(ctx, l->operand[1]);
    attn_segs_free(&l->segs);
    attn_free(ctx, l);
}

static attn_status list_slices(struct attn_lowered *l, const attn_slice *slices, int64_t count, int64_t q_len, int64_t k_len) {
    attn_ctx *ctx = l->segs.ctx;
    attn_slice *copy = attn_alloc(ctx, (size_t)count * sizeof *copy);
    if (!copy) return attn_no_memory(ctx, "slices", (size_t)count * sizeof *copy);
    memcpy(copy, slices, (size_t)count * sizeof *copy);
    attn_status status = attn_segs_union(&l->segs, copy, count, q_len, k_len);
    attn_free(ctx, copy);
    return status;
}

static attn_status list_band(struct attn_lowered *l, const attn_mask *m, int64_t q_len, int64_t k_len) {
    int64_t shift = k_len - q_len;
    attn_slice band = {.q_end = q_len,
                       .k_end = k_len,
                       .low = attn_max64(m->low[ATTN_TOP_LEFT], attn_far_add(m->low[ATTN_BOTTOM_RIGHT], shift)),
                       .high = attn_min64(m->high[ATTN_TOP_LEFT], attn_far_add(m->high[ATTN_BOTTOM_RIGHT], shift))};
    return list_slices(l, &band, 1, q_len, k_len);
}

/* The rectangle that a compiled mask shows of its form, in its own indices. */
static attn_status list_compiled(struct attn_lowered *l, const attn_mask *m, int64_t q_len, int64_t k_len) {
    attn_ctx *ctx = l->segs.ctx;
    const struct attn_side *rows = &m->form->rows;
    int64_t spans = rows->segment[rows->count].first;
    size_t segment_bytes = attn_round64((size_t)(rows->count + 1) * sizeof *rows->segment);
    size_t bytes = segment_bytes + (size_t)spans * sizeof *rows->span;
    struct attn_segment *segment = attn_alloc(ctx, bytes);
    if (!segment) return attn_no_memory(ctx, "a mask", bytes);
    struct attn_span *span = (struct attn_span *)(void *)((char *)segment + segment_bytes);
    for (int64_t n = 0; n <= rows->count; n++)
        segment[n] = (struct attn_segment){rows->segment[n].begin - m->q_shift, rows->segment[n].first};
    for (int64_t i = 0; i < spans; i++) {
        span[i] = rows->span[i];
        span[i].a += (span[i].a_slope ? m->q_shift : 0) - m->k_shift;
        span[i].b += (span[i].b_slope ? m->q_shift : 0) - m->k_shift;
    }
    struct attn_side moved = {.count = rows->count, .segment = segment, .span = span};
    struct attn_span keys = {.b = k_len, .tile = -1};
    struct attn_segment all[2] = {{0, 0}, {q_len, k_len > 0}};
    struct attn_side whole = {.count = q_len > 0, .segment = all, .span = &keys};
    attn_segs_combine(&l->segs, &moved, &whole, ATTN_TABLE_AND, q_len);
    attn_free(ctx, segment);
    return l->segs.status;
}

static attn_status list_operation(struct attn_lowered *l, const attn_mask *m, int64_t q_len, int64_t k_len) {
    struct attn_span keys = {.b = k_len, .tile = -1};
    struct attn_segment all[2] = {{0, 0}, {q_len, k_len > 0}};
    struct attn_side whole = {.count = q_len > 0, .segment = all, .span = &keys};
    const struct attn_side *a = &l->operand[0]->side;
    l->segs.limit = ATTN_MASK_INTERVALS;
    if (m->kind == ATTN_MASK_NOT)
        attn_segs_combine(&l->segs, &whole, a, ATTN_TABLE_MINUS, q_len);
    else
        attn_segs_combine(&l->segs, a, &l->operand[1]->side, m->kind == ATTN_MASK_AND ? ATTN_TABLE_AND : ATTN_TABLE_OR, q_len);
    return l->segs.status;
}

static attn_status lower_node(attn_ctx *ctx, const attn_mask *m, int64_t q_len, int64_t k_len, struct attn_lowered *l) {
    bool lists = true;
    for (int n = 0; n < 2 && m->kind >= ATTN_MASK_AND && m->kind <= ATTN_MASK_NOT && m->parent[n]; n++) {
        attn_status status = attn_mask_lower(ctx, m->parent[n], q_len, k_len, l->segs.steps, &l->operand[n]);
        if (status != ATTN_OK) return status;
        lists = lists && l->operand[n]->listed;
    }
    if (!lists || m->kind == ATTN_MASK_PREDICATE || m->kind == ATTN_MASK_BITS || (m->kind == ATTN_MASK_COMPILED && m->form->tiles > 0))
        return ATTN_OK;
    attn_status status = m->kind == ATTN_MASK_BAND       ? list_band(l, m, q_len, k_len)
                         : m->kind == ATTN_MASK_SLICES   ? list_slices(l, m->slices, m->count, q_len, k_len)
                         : m->kind == ATTN_MASK_COMPILED ? list_compiled(l, m, q_len, k_len)
                                                         : list_operation(l, m, q_len, k_len);
    if (status == ATTN_EUNSUPPORTED) {
        attn_segs_free(&l->segs);
        return ATTN_OK;
    }
    if (status == ATTN_OK) status = attn_segs_finish(&l->segs, &l->side);
    l->listed = status == ATTN_OK;
    for (int n = 0; l->listed && n < 2; n++) {
        attn_lowered_free(ctx, l->operand[n]);
        l->operand[n] = NULL;
    }
    return status;
}

attn_status attn_mask_lower(attn_ctx *ctx, const attn_mask *m, int64_t q_len, int64_t k_len, int64_t *steps, struct attn_lowered **out) {
    struct attn_lowered *l = attn_alloc(ctx, sizeof *l);
    if (!l) return attn_no_memory(ctx, "a mask", sizeof *l);
    memset(l, 0, sizeof *l);
    l->mask = m;
    attn_segs_init(&l->segs, ctx, steps);
    attn_status status = lower_node(ctx, m, q_len, k_len, l);
    if (status != ATTN_OK)
        attn_lowered_free(ctx, l);
    else
        *out = l;
    return status;
}
