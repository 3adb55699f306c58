/* Cutting a mask: its pieces between runs are slices in places, and compiled as such. Where bitmaps are among them, they
 * are answered pair by pair (cut_pairs.c). */
#include "dist/cp/cut_walk.h"

#include <string.h>

attn_status attn_cut_check(attn_ctx *ctx, const attn_mask *mask, int64_t mask_len) {
    const int32_t heads = attn_mask_heads(mask);
    return attn_mask_fits(ctx, mask, 0, 1, heads, heads, mask_len, mask_len, 0, 0, mask_len, mask_len);
}

struct slices {
    attn_slice *slice; /* NULL: only counts */
    int64_t count;
    attn_slice last;
    bool bitmaps;
};

static bool unlimited(const attn_slice *s) {
    return s->low == -ATTN_FAR && s->high == ATTN_FAR;
}

/* Rectangles side by side, as of runs of keys that follow one another, become one. */
static bool collect(void *user, const struct attn_cut_piece *piece) {
    struct slices *s = user;
    const attn_slice *p = &piece->places;
    if (piece->bits) {
        s->bitmaps = true;
        return false;
    }
    if (s->count > 0 && s->last.q_begin == p->q_begin && s->last.q_end == p->q_end && s->last.k_end == p->k_begin && unlimited(&s->last) &&
        unlimited(p)) {
        s->last.k_end = p->k_end;
    } else {
        s->last = *p;
        s->count++;
    }
    if (s->slice) s->slice[s->count - 1] = s->last;
    return true;
}

static attn_status compile_slices(attn_ctx *ctx, const struct attn_places *q, const struct attn_places *k, const attn_slice *slice,
                                  int64_t count, attn_mask **out) {
    attn_mask *whole = NULL;
    attn_status status = attn_mask_slices(ctx, q->places, k->places, slice, count, &whole);
    if (status == ATTN_OK) status = attn_mask_compile(ctx, whole, q->places, k->places, out);
    attn_mask_destroy(whole);
    return status;
}

static attn_status cut_member(attn_ctx *ctx, const attn_mask *mask, int64_t mask_len, const struct attn_places *q,
                              const struct attn_places *k, attn_mask **out) {
    struct slices s = {NULL, 0, {0, 0, 0, 0, 0, 0}, false};
    (void)attn_cut_walk(mask, mask_len, q, k, collect, &s);
    if (s.bitmaps) return attn_cut_by_pairs(ctx, mask, mask_len, q, k, out);
    size_t bytes;
    if (!attn_mul_size((size_t)s.count, sizeof *s.slice, &bytes)) return attn_no_memory(ctx, "the slices of a cut mask", SIZE_MAX);
    attn_slice *slice = attn_alloc(ctx, bytes);
    if (!slice) return attn_no_memory(ctx, "the slices of a cut mask", bytes);
    s = (struct slices){.slice = slice};
    (void)attn_cut_walk(mask, mask_len, q, k, collect, &s);
    attn_status status = compile_slices(ctx, q, k, slice, s.count, out);
    attn_free(ctx, slice);
    return status;
}

static attn_status cut_stack(attn_ctx *ctx, const attn_mask *mask, int64_t mask_len, int32_t first, int32_t members,
                             const struct attn_places *q, const struct attn_places *k, attn_mask **out) {
    const size_t bytes = (size_t)members * sizeof(attn_mask *);
    attn_mask **member = attn_alloc(ctx, bytes);
    if (!member) return attn_no_memory(ctx, "the members of a cut mask", bytes);
    memset(member, 0, bytes);
    attn_status status = ATTN_OK;
    for (int32_t n = 0; n < members && status == ATTN_OK; n++)
        status = cut_member(ctx, mask->member[first + n], mask_len, q, k, &member[n]);
    if (status == ATTN_OK) status = attn_mask_stack(ctx, 1, members, (const attn_mask *const *)member, out);
    for (int32_t n = 0; n < members; n++) attn_mask_destroy(member[n]);
    attn_free(ctx, member);
    return status;
}

/* Is anything allowed in the members that are asked for? */
static bool members_empty(const attn_mask *mask, int64_t mask_len, int32_t first, int32_t members, const struct attn_places *q,
                          const struct attn_places *k) {
    for (int32_t n = 0; n < members; n++)
        if (!attn_cut_empty(attn_cut_member(mask, first + n), mask_len, q, k)) return false;
    return true;
}

attn_status attn_cut_mask(attn_ctx *ctx, const attn_mask *mask, int64_t mask_len, int32_t first_member, int32_t members,
                          const struct attn_places *q, const struct attn_places *k, attn_mask **out) {
    const bool stack = mask && mask->kind == ATTN_MASK_STACK;
    if (!stack) {
        first_member = 0;
        members = 1;
    }
    attn_status status = attn_cut_check(ctx, mask, mask_len);
    if (status != ATTN_OK) return status;
    if (stack && (first_member < 0 || members < 1 || first_member > mask->heads - members))
        return attn_fail(ctx, ATTN_EINVAL, "cut: members %d to %d of a stack of %d; expected some of them", (int)first_member,
                         (int)(first_member + members - 1), (int)mask->heads);
    *out = NULL;
    if (members_empty(mask, mask_len, first_member, members, q, k)) return ATTN_OK;
    if (stack) return cut_stack(ctx, mask, mask_len, first_member, members, q, k, out);
    return cut_member(ctx, mask, mask_len, q, k, out);
}
