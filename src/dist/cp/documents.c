/* The documents of a mask: where [0, T) can be cut so that no allowed pair is torn.
 *
 * Row i with keys from `begin` to before `end` forbids the cuts after min(i, begin) and before max(i + 1, end). In a segment both bounds of that
 * range fall from no row to the next, and rise by one at most; so the ranges of its rows touch, and are one range, but where every row sees itself
 * alone. Rows come in order, and a range always reaches to its row: it meets the last range kept, or lies behind it. So they need no sorting, and
 * the time is that of the pieces of the mask.
 */
#include "dist/cp/cut_walk.h"
#include "dist/cp/heap.h"
#include "dist/cp/hybrid.h"

#include <string.h>

/* Cuts [first, last] that are forbidden; cut c lies before token c. */
struct range {
    int64_t first, last;
};

struct ranges {
    attn_ctx *ctx;
    struct range *at;
    int64_t count, capacity;
    int64_t begun; /* count when the mask was begun: of a stack each member has a list of its own */
    attn_status status;
};

static void grow(struct ranges *r) {
    const int64_t wanted = r->capacity ? 2 * r->capacity : 64;
    const size_t bytes = (size_t)wanted * sizeof *r->at;
    struct range *larger = attn_alloc(r->ctx, bytes);
    if (!larger) {
        r->status = attn_no_memory(r->ctx, "the documents of a mask", bytes);
        return;
    }
    if (r->count > 0) memcpy(larger, r->at, (size_t)r->count * sizeof *larger);
    attn_free(r->ctx, r->at);
    r->at = larger;
    r->capacity = wanted;
}

/* What row i, or rows from i to before i1, forbid. */
static void forbid(struct ranges *r, int64_t i, int64_t i1, int64_t begin, int64_t end) {
    int64_t first = attn_min64(i, begin) + 1, last = attn_max64(i1, end) - 1;
    if (first > last || r->status != ATTN_OK) return;
    for (; r->count > r->begun && r->at[r->count - 1].last + 1 >= first; r->count--) {
        first = attn_min64(first, r->at[r->count - 1].first);
        last = attn_max64(last, r->at[r->count - 1].last);
    }
    if (r->count == r->capacity) grow(r);
    if (r->status == ATTN_OK) r->at[r->count++] = (struct range){first, last};
}

static void add_spans(struct ranges *r, const struct attn_side *side, int64_t n) {
    const int64_t x0 = side->segment[n].begin, x1 = side->segment[n + 1].begin;
    const struct attn_span *a = &side->span[side->segment[n].first], *b = &side->span[side->segment[n + 1].first - 1];
    const bool diagonal = a->a_slope && a->a == 0 && b->b_slope && b->b == 1;
    if (!diagonal) forbid(r, x0, x1, attn_bound_at(a->a, a->a_slope, x0), attn_bound_at(b->b, b->b_slope, x1 - 1));
}

/* Rows of span i that see key y of it, as bits. */
static uint64_t rows_at(const struct attn_side *side, const struct attn_span *s, int64_t y) {
    return s->tile < 0 ? UINT64_MAX : side->bits[s->tile * 64 + y - s->a];
}

/* A segment with bitmaps: its rows, 64 at most, one by one. All spans have constant bounds. */
static void add_bitmaps(struct ranges *r, const struct attn_side *side, int64_t n) {
    const int64_t x0 = side->segment[n].begin, rows = side->segment[n + 1].begin - x0;
    const int64_t first = side->segment[n].first, last = side->segment[n + 1].first;
    const uint64_t all = rows < 64 ? ((uint64_t)1 << rows) - 1 : UINT64_MAX;
    int64_t begin[64] = {0}, end[64] = {0};
    uint64_t seen = 0;
    for (int64_t i = first; i < last && seen != all; i++)
        for (int64_t y = side->span[i].a; y < side->span[i].b && seen != all; y++) {
            const uint64_t now = rows_at(side, &side->span[i], y) & all & ~seen;
            for (uint64_t left = now; left; left &= left - 1) begin[__builtin_ctzll(left)] = y;
            seen |= now;
        }
    uint64_t wanted = seen;
    for (int64_t i = last; i-- > first && wanted;)
        for (int64_t y = side->span[i].b; y-- > side->span[i].a && wanted;) {
            const uint64_t now = rows_at(side, &side->span[i], y) & wanted;
            for (uint64_t left = now; left; left &= left - 1) end[__builtin_ctzll(left)] = y + 1;
            wanted &= ~now;
        }
    for (int64_t x = 0; x < rows; x++)
        if (seen >> x & 1) forbid(r, x0 + x, x0 + x + 1, begin[x], end[x]);
}

static void add_side(struct ranges *r, const struct attn_side *side) {
    for (int64_t n = 0; n < side->count && r->status == ATTN_OK; n++) {
        bool bitmaps = false;
        for (int64_t i = side->segment[n].first; i < side->segment[n + 1].first && !bitmaps; i++) bitmaps = side->span[i].tile >= 0;
        if (bitmaps)
            add_bitmaps(r, side, n);
        else if (side->segment[n + 1].first > side->segment[n].first)
            add_spans(r, side, n);
    }
}

/* Compiles what is not a compiled mask of its own, so that spans end where the mask does. */
static attn_status add_mask(struct ranges *r, const attn_mask *mask, int64_t len) {
    attn_mask *own = NULL;
    const bool whole = mask->kind == ATTN_MASK_COMPILED && mask->form->q_len == len && mask->form->k_len == len;
    attn_status status = whole ? ATTN_OK : attn_mask_compile(r->ctx, mask, len, len, &own);
    if (status == ATTN_OK) {
        r->begun = r->count;
        add_side(r, whole ? &mask->form->rows : &own->form->rows);
        status = r->status;
    }
    attn_mask_destroy(own);
    return status;
}

static bool earlier(const void *user, int64_t a, int64_t b) {
    const struct range *at = user;
    return at[a].first != at[b].first ? at[a].first < at[b].first : a < b;
}

/* One list of several, sorted. */
static attn_status merge(struct ranges *r) {
    int64_t count = 0;
    const size_t number_bytes = attn_round64((size_t)r->count * sizeof(int64_t)), bytes = number_bytes + (size_t)r->count * sizeof *r->at;
    int64_t *number = attn_alloc(r->ctx, bytes);
    if (!number) return attn_no_memory(r->ctx, "the documents of a mask", bytes);
    struct range *old = (struct range *)(void *)((char *)number + number_bytes);
    for (int64_t i = 0; i < r->count; i++) number[i] = i;
    attn_heap_sort(number, r->count, earlier, r->at);
    if (r->count > 0) memcpy(old, r->at, (size_t)r->count * sizeof *old);
    for (int64_t i = 0; i < r->count; i++) {
        const struct range next = old[number[i]];
        if (count > 0 && r->at[count - 1].last + 1 >= next.first)
            r->at[count - 1].last = attn_max64(r->at[count - 1].last, next.last);
        else
            r->at[count++] = next;
    }
    r->count = count;
    attn_free(r->ctx, number);
    return ATTN_OK;
}

/* Documents of at least `least` tokens, the last one excepted; document NULL: only counts. */
static int64_t put_documents(const struct ranges *r, int64_t len, int64_t least, struct attn_document *document) {
    int64_t count = 0;
    for (int64_t begin = 0, end, i = 0; begin < len; begin = end, count++) {
        end = attn_min64(begin + least, len);
        while (i < r->count && r->at[i].last < end) i++;
        if (i < r->count && r->at[i].first <= end) end = r->at[i].last + 1;
        if (document) document[count] = (struct attn_document){begin, end - begin};
    }
    return count;
}

attn_status attn_mask_documents(attn_ctx *ctx, const attn_mask *mask, int64_t mask_len, struct attn_document **document,
                                int64_t *documents) {
    struct ranges r = {.ctx = ctx};
    if (mask_len < 1 || mask_len > ATTN_MASK_LEN)
        return attn_fail(ctx, ATTN_EINVAL, "documents: a mask of %lld tokens; expected 1 to 2^60", (long long)mask_len);
    attn_status status = attn_cut_check(ctx, mask, mask_len);
    for (int32_t n = 0; n < attn_mask_heads(mask) && mask && status == ATTN_OK; n++)
        status = add_mask(&r, attn_cut_member(mask, n), mask_len);
    if (!mask) forbid(&r, 0, mask_len, 0, mask_len);
    if (status == ATTN_OK) status = r.status;
    if (status == ATTN_OK && attn_mask_heads(mask) > 1) status = merge(&r);
    if (status == ATTN_OK) {
        int64_t finest = mask_len;
        for (int64_t i = 0; i < r.count; i++) finest -= r.at[i].last - r.at[i].first + 1;
        const int64_t least = finest > ATTN_DOCUMENTS_MOST ? attn_div_up(mask_len, ATTN_DOCUMENTS_MOST) : 1;
        const int64_t count = put_documents(&r, mask_len, least, NULL);
        struct attn_document *d = attn_alloc(ctx, (size_t)count * sizeof *d);
        if (d) {
            *documents = put_documents(&r, mask_len, least, d);
            *document = d;
        } else {
            status = attn_no_memory(ctx, "the documents of a mask", (size_t)count * sizeof *d);
        }
    }
    attn_free(ctx, r.at);
    return status;
}

attn_status attn_documents_check(attn_ctx *ctx, const attn_mask *mask, int64_t mask_len, const struct attn_document *document,
                                 int64_t documents) {
    for (int64_t n = 0; n < documents; n++) {
        const int64_t begin = document[n].begin, end = begin + document[n].length;
        const struct attn_run own = {begin, 1, end - begin, 0}, before = {0, 1, begin, 0}, behind = {end, 1, mask_len - end, begin};
        const struct attn_run others[2] = {begin ? before : behind, behind};
        const struct attn_places q = {&own, 1, end - begin}, k = {others, (begin > 0) + (end < mask_len), mask_len};
        if (attn_cut_empty(mask, mask_len, &q, &k)) continue;
        return attn_fail(
            ctx, ATTN_EUNSUPPORTED,
            "context parallelism: hybrid, but the mask lets %.17g pairs cross documents, from document %lld to others; expected "
            "none (ring and the others take any mask)",
            attn_cut_area(mask, mask_len, attn_mask_heads(mask), &q, &k), (long long)n);
    }
    return ATTN_OK;
}
