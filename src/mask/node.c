/* Nodes of mask expressions: leaves, algebra, stacks, and their release.
 *
 * A node never changes after its constructor; operands are kept alive by counting. Release walks a list instead of recursing,
 * so that a long chain of operands costs no stack.
 */
#include "mask/mask.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

attn_status attn_mask_node(attn_ctx *ctx, enum attn_mask_kind kind, size_t extra, const char *text, attn_mask **out) {
    size_t text_bytes = text ? strlen(text) + 1 : 0, bytes = attn_round64(sizeof(attn_mask));
    if (extra > SIZE_MAX / 2 || !attn_add_size(bytes, attn_round64(extra), &bytes) || !attn_add_size(bytes, text_bytes, &bytes))
        return attn_no_memory(ctx, "a mask", SIZE_MAX);
    attn_mask *m = attn_alloc(ctx, bytes);
    if (!m) return attn_no_memory(ctx, "a mask", bytes);
    memset(m, 0, bytes);
    m->ctx = ctx;
    atomic_init(&m->references, 1);
    m->kind = kind;
    m->q_len = m->k_len = -1;
    m->nodes = m->depth = 1;
    m->bytes = bytes;
    if (text) {
        m->text = (char *)m + bytes - text_bytes;
        memcpy(m->text, text, text_bytes);
    }
    *out = m;
    return ATTN_OK;
}

attn_mask *attn_mask_retain(const attn_mask *m) {
    attn_mask *mine = (attn_mask *)(uintptr_t)m;
    atomic_fetch_add_explicit(&mine->references, 1, memory_order_relaxed);
    return mine;
}

/* Drops one reference; puts the node on the list of the dead if it was the last. */
static void drop(attn_mask *m, attn_mask **dead) {
    if (m && atomic_fetch_sub_explicit(&m->references, 1, memory_order_acq_rel) == 1) {
        m->next_dead = *dead;
        *dead = m;
    }
}

void attn_mask_destroy(attn_mask *mask) {
    attn_mask *dead = NULL;
    drop(mask, &dead);
    while (dead) {
        attn_mask *m = dead;
        dead = m->next_dead;
        drop(m->parent[0], &dead);
        drop(m->parent[1], &dead);
        for (int64_t i = 0; m->kind == ATTN_MASK_STACK && i < m->batch * m->heads; i++) drop(m->member[i], &dead);
        if (!m->borrowed) attn_free(m->ctx, m);
    }
}

static attn_status check_out(attn_ctx *ctx, attn_mask **out) {
    if (!ctx) return ATTN_EINVAL;
    return out ? ATTN_OK : attn_fail(ctx, ATTN_EINVAL, "mask: out is NULL; give it the address of an attn_mask pointer");
}

static attn_status check_size(attn_ctx *ctx, int64_t q_len, int64_t k_len) {
    if (q_len >= 0 && k_len >= 0 && q_len <= ATTN_MASK_LEN && k_len <= ATTN_MASK_LEN) return ATTN_OK;
    return attn_fail(ctx, ATTN_EINVAL, "mask: lengths %lld x %lld; both must be from 0 to 2^60", (long long)q_len, (long long)k_len);
}

attn_status attn_mask_make_band(attn_ctx *ctx, int64_t low, int64_t high, attn_align align, bool square, const char *text,
                                attn_mask **out) {
    attn_mask *m = NULL;
    attn_status status = attn_mask_node(ctx, ATTN_MASK_BAND, 0, text, &m);
    if (status != ATTN_OK) return status;
    for (int n = 0; n < 2; n++) {
        m->low[n] = n == (int)align ? attn_far_add(low, 0) : -ATTN_FAR;
        m->high[n] = n == (int)align ? attn_far_add(high, 0) : ATTN_FAR;
    }
    m->single = true;
    m->square = square;
    *out = m;
    return ATTN_OK;
}

void attn_mask_print_side(char text[ATTN_MASK_SIDE], int64_t side) {
    snprintf(text, ATTN_MASK_SIDE, side >= ATTN_FAR ? "inf" : side <= -ATTN_FAR ? "-inf" : "%lld", (long long)side);
}

attn_status attn_mask_band(attn_ctx *ctx, int64_t low, int64_t high, attn_align align, attn_mask **out) {
    attn_status status = check_out(ctx, out);
    if (status != ATTN_OK) return status;
    if (align != ATTN_TOP_LEFT && align != ATTN_BOTTOM_RIGHT)
        return attn_fail(ctx, ATTN_EINVAL, "mask: alignment %d; ATTN_TOP_LEFT or ATTN_BOTTOM_RIGHT is needed", (int)align);
    if (low > high)
        return attn_fail(ctx, ATTN_EINVAL, "mask: band %lld..%lld is empty; low must not be greater than high", (long long)low,
                         (long long)high);
    char lo[ATTN_MASK_SIDE], hi[ATTN_MASK_SIDE], text[80];
    attn_mask_print_side(lo, low);
    attn_mask_print_side(hi, high);
    snprintf(text, sizeof text, "band:%s,%s%s", lo, hi, align == ATTN_BOTTOM_RIGHT ? ":bottom-right" : "");
    if (low <= -ATTN_FAR && high >= ATTN_FAR)
        strcpy(text, "full");
    else if (low <= -ATTN_FAR && high == 0)
        strcpy(text, align == ATTN_BOTTOM_RIGHT ? "causal:bottom-right" : "causal:top-left");
    return attn_mask_make_band(ctx, low, high, align, false, text, out);
}

attn_status attn_mask_make_slices(attn_ctx *ctx, int64_t q_len, int64_t k_len, const attn_slice *slices, int64_t count, bool square,
                                  const char *text, attn_mask **out) {
    size_t bytes;
    attn_mask *m = NULL;
    if (!attn_mul_size((size_t)count, sizeof *slices, &bytes)) return attn_no_memory(ctx, "slices", SIZE_MAX);
    attn_status status = attn_mask_node(ctx, ATTN_MASK_SLICES, bytes, text, &m);
    if (status != ATTN_OK) return status;
    m->q_len = q_len;
    m->k_len = k_len;
    m->square = square;
    m->count = count;
    m->slices = attn_mask_extra(m);
    if (count) memcpy(m->slices, slices, bytes);
    *out = m;
    return ATTN_OK;
}

attn_status attn_mask_slices(attn_ctx *ctx, int64_t q_len, int64_t kv_len, const attn_slice *slices, int64_t count, attn_mask **out) {
    attn_status status = check_out(ctx, out);
    if (status == ATTN_OK) status = check_size(ctx, q_len, kv_len);
    if (status != ATTN_OK) return status;
    if (count < 0 || (count > 0 && !slices))
        return attn_fail(ctx, ATTN_EINVAL, "mask: %lld slices, array %s", (long long)count, slices ? "given" : "NULL");
    for (int64_t i = 0; i < count; i++) {
        const attn_slice *s = &slices[i];
        if (s->q_begin < 0 || s->q_end < s->q_begin || s->q_end > q_len || s->k_begin < 0 || s->k_end < s->k_begin || s->k_end > kv_len)
            return attn_fail(ctx, ATTN_EMASK,
                             "mask: slice %lld is queries [%lld, %lld) x keys [%lld, %lld); it must lie within %lld x %lld", (long long)i,
                             (long long)s->q_begin, (long long)s->q_end, (long long)s->k_begin, (long long)s->k_end, (long long)q_len,
                             (long long)kv_len);
    }
    return attn_mask_make_slices(ctx, q_len, kv_len, slices, count, false, NULL, out);
}

attn_status attn_mask_bits(attn_ctx *ctx, int64_t q_len, int64_t kv_len, const uint8_t *bits, size_t row_bytes, attn_mask **out) {
    size_t bytes;
    attn_mask *m = NULL;
    attn_status status = check_out(ctx, out);
    if (status == ATTN_OK) status = check_size(ctx, q_len, kv_len);
    if (status != ATTN_OK) return status;
    size_t needed = (size_t)attn_div_up(kv_len, 8);
    if (row_bytes < needed || (!bits && q_len > 0 && needed > 0))
        return attn_fail(ctx, ATTN_EINVAL, "mask: rows of %zu bytes%s; %lld keys need %zu", row_bytes, bits ? "" : ", bits NULL",
                         (long long)kv_len, needed);
    if (!attn_mul_size((size_t)q_len, needed, &bytes)) return attn_no_memory(ctx, "the bits of a mask", SIZE_MAX);
    status = attn_mask_node(ctx, ATTN_MASK_BITS, bytes, NULL, &m);
    if (status != ATTN_OK) return status;
    uint8_t *copy = attn_mask_extra(m);
    for (int64_t i = 0; needed > 0 && i < q_len; i++) memcpy(copy + (size_t)i * needed, bits + (size_t)i * row_bytes, needed);
    m->q_len = q_len;
    m->k_len = kv_len;
    m->bits = copy;
    m->row_bytes = needed;
    *out = m;
    return ATTN_OK;
}

attn_status attn_mask_predicate(attn_ctx *ctx, int64_t q_len, int64_t kv_len, attn_mask_pair_fn allowed, attn_mask_hint_fn hint, void *user,
                                attn_mask **out) {
    attn_mask *m = NULL;
    attn_status status = check_out(ctx, out);
    if (status == ATTN_OK) status = check_size(ctx, q_len, kv_len);
    if (status != ATTN_OK) return status;
    if (!allowed) return attn_fail(ctx, ATTN_EINVAL, "mask: allowed is NULL; a predicate needs the function that is asked for a pair");
    status = attn_mask_node(ctx, ATTN_MASK_PREDICATE, 0, NULL, &m);
    if (status != ATTN_OK) return status;
    m->q_len = q_len;
    m->k_len = kv_len;
    m->allowed = allowed;
    m->hint = hint;
    m->user = user;
    *out = m;
    return ATTN_OK;
}

static attn_status combine(attn_ctx *ctx, enum attn_mask_kind kind, const attn_mask *a, const attn_mask *b, attn_mask **out) {
    attn_mask *m = NULL;
    attn_status status = check_out(ctx, out);
    if (status != ATTN_OK) return status;
    if (!a || (!b && kind != ATTN_MASK_NOT)) return attn_fail(ctx, ATTN_EINVAL, "mask: an operand is NULL");
    if (a->kind == ATTN_MASK_STACK || (b && b->kind == ATTN_MASK_STACK))
        return attn_fail(ctx, ATTN_EMASK, "mask: a stack cannot be an operand; combine its members, then stack them");
    if (b && a->q_len >= 0 && b->q_len >= 0 && (a->q_len != b->q_len || a->k_len != b->k_len))
        return attn_fail(ctx, ATTN_EMASK, "mask: operands are bound to %lld x %lld and %lld x %lld; they must agree", (long long)a->q_len,
                         (long long)a->k_len, (long long)b->q_len, (long long)b->k_len);
    int nodes = 1 + a->nodes + (b ? b->nodes : 0), depth = 1 + (b && b->depth > a->depth ? b->depth : a->depth);
    if (nodes > ATTN_MASK_NODES || depth > ATTN_MASK_DEPTH)
        return attn_fail(ctx, ATTN_EMASK,
                         "mask: an expression of %d parts, nested %d deep; the limits are %d and %d: compile a part of it, or use slices",
                         nodes, depth, ATTN_MASK_NODES, ATTN_MASK_DEPTH);
    status = attn_mask_node(ctx, kind, 0, NULL, &m);
    if (status != ATTN_OK) return status;
    const attn_mask *bound = a->q_len >= 0 || !b ? a : b;
    m->q_len = bound->q_len;
    m->k_len = bound->k_len;
    m->nodes = nodes;
    m->depth = depth;
    m->square = a->square || (b && b->square);
    m->parent[0] = attn_mask_retain(a);
    m->parent[1] = b ? attn_mask_retain(b) : NULL;
    m->single = kind == ATTN_MASK_AND && a->single && b->single;
    for (int n = 0; m->single && n < 2; n++) {
        m->low[n] = attn_max64(a->low[n], b->low[n]);
        m->high[n] = attn_min64(a->high[n], b->high[n]);
    }
    *out = m;
    return ATTN_OK;
}

attn_status attn_mask_and(attn_ctx *ctx, const attn_mask *a, const attn_mask *b, attn_mask **out) {
    return combine(ctx, ATTN_MASK_AND, a, b, out);
}

attn_status attn_mask_or(attn_ctx *ctx, const attn_mask *a, const attn_mask *b, attn_mask **out) {
    return combine(ctx, ATTN_MASK_OR, a, b, out);
}

attn_status attn_mask_not(attn_ctx *ctx, const attn_mask *a, attn_mask **out) {
    return combine(ctx, ATTN_MASK_NOT, a, NULL, out);
}

attn_status attn_mask_stack(attn_ctx *ctx, int64_t batch, int32_t heads, const attn_mask *const *masks, attn_mask **out) {
    attn_mask *m = NULL;
    attn_status status = check_out(ctx, out);
    if (status != ATTN_OK) return status;
    if (batch < 1 || heads < 1 || batch > INT32_MAX || !masks)
        return attn_fail(ctx, ATTN_EINVAL, "mask: a stack of %lld x %d masks%s; both extents must be from 1 to 2147483647",
                         (long long)batch, (int)heads, masks ? "" : ", array NULL");
    for (int64_t i = 0; i < batch * heads; i++)
        if (!masks[i] || (!masks[i]->single && masks[i]->kind != ATTN_MASK_COMPILED))
            return attn_fail(ctx, ATTN_EMASK, "mask: member %lld of the stack is %s", (long long)i,
                             masks[i] ? "neither a single band nor compiled; give it to attn_mask_compile first" : "NULL");
    status = attn_mask_node(ctx, ATTN_MASK_STACK, (size_t)(batch * heads) * sizeof *masks, NULL, &m);
    if (status != ATTN_OK) return status;
    attn_mask **member = attn_mask_extra(m);
    for (int64_t i = 0; i < batch * heads; i++) member[i] = attn_mask_retain(masks[i]);
    m->member = member;
    m->batch = batch;
    m->heads = heads;
    m->q_len = masks[0]->q_len;
    m->k_len = masks[0]->k_len;
    *out = m;
    return ATTN_OK;
}
