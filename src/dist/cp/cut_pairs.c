/* A mask with bitmaps, cut: a predicate over places, asked by the mask compiler, which begins with rectangles. Those of a few runs are answered by
 * their area, so that pairs are asked only in tiles that are neither empty nor full. */
#include "dist/cp/cut_walk.h"

#include <assert.h>

struct pairs {
    const attn_mask *mask;
    int64_t mask_len;
    const struct attn_places *q, *k;
    const struct attn_form *form;
    int64_t q_shift, k_shift;
    int64_t *q_token, *k_token; /* of each place, -1: padding */
    int64_t row, segment;       /* of the mask, asked last: most questions are of one row */
};

enum { RUNS = 8 }; /* of one side of a rectangle that is answered by its area */

static int allowed(void *user, int64_t q, int64_t k) {
    struct pairs *p = user;
    if (p->q_token[q] < 0 || p->k_token[k] < 0) return 0;
    const struct attn_side *side = &p->form->rows;
    const int64_t x = p->q_token[q] + p->q_shift, y = p->k_token[k] + p->k_shift;
    if (x != p->row) {
        p->row = x;
        p->segment = attn_side_find(side, x);
    }
    const int64_t i = attn_side_first_after(side, p->segment, x, y);
    if (i == side->segment[p->segment + 1].first) return 0;
    const struct attn_span *s = &side->span[i];
    if (y < attn_bound_at(s->a, s->a_slope, x)) return 0;
    return s->tile < 0 || (side->bits[s->tile * 64 + y - s->a] >> (x - side->segment[p->segment].begin) & 1);
}

/* The runs of places [begin, end), at most RUNS: their number, or -1. */
static int64_t runs_of(const struct attn_places *all, int64_t begin, int64_t end, struct attn_run run[RUNS], int64_t *covered) {
    int64_t low = 0, high = all->runs, count = 0;
    while (low < high) {
        const int64_t mid = low + (high - low) / 2;
        if (all->run[mid].place + all->run[mid].count > begin)
            high = mid;
        else
            low = mid + 1;
    }
    *covered = 0;
    for (; low < all->runs && all->run[low].place < end; low++, count++) {
        struct attn_run r = all->run[low];
        const int64_t skip = attn_max64(begin - r.place, 0);
        if (count == RUNS) return -1;
        run[count] = (struct attn_run){r.first + skip * r.stride, r.stride, attn_min64(r.count, end - r.place) - skip, r.place + skip};
        *covered += run[count].count;
    }
    return count;
}

static int hint(void *user, int64_t q0, int64_t q1, int64_t k0, int64_t k1) {
    const struct pairs *p = user;
    struct attn_run q_run[RUNS], k_run[RUNS];
    int64_t q_covered, k_covered;
    const struct attn_places q = {q_run, runs_of(p->q, q0, q1, q_run, &q_covered), p->q->places};
    const struct attn_places k = {k_run, runs_of(p->k, k0, k1, k_run, &k_covered), p->k->places};
    if (q.runs == 0 || k.runs == 0) return 0;
    if (q.runs < 0 || k.runs < 0) return 2;
    const attn_wide area = attn_cut_walk_area(p->mask, p->mask_len, &q, &k);
    return area == 0 ? 0 : area == ((attn_wide)q1 - q0) * (k1 - k0) ? 1 : 2;
}

static void set_tokens(const struct attn_places *all, int64_t *token) {
    for (int64_t n = 0; n < all->places; n++) token[n] = -1;
    for (int64_t i = 0; i < all->runs; i++)
        for (int64_t n = 0; n < all->run[i].count; n++) token[all->run[i].place + n] = all->run[i].first + n * all->run[i].stride;
}

attn_status attn_cut_by_pairs(attn_ctx *ctx, const attn_mask *mask, int64_t mask_len, const struct attn_places *q,
                              const struct attn_places *k, attn_mask **out) {
    struct pairs p = {.mask = mask, .mask_len = mask_len, .q = q, .k = k, .row = -1};
    attn_mask *rule = NULL;
    size_t bytes;
    assert(mask && mask->kind == ATTN_MASK_COMPILED);
    p.form = mask->form;
    p.q_shift = mask->q_shift;
    p.k_shift = mask->k_shift;
    if (!attn_mul_size((size_t)(q->places + k->places), sizeof *p.q_token, &bytes))
        return attn_no_memory(ctx, "the places of a cut mask", SIZE_MAX);
    p.q_token = attn_alloc(ctx, bytes);
    if (!p.q_token) return attn_no_memory(ctx, "the places of a cut mask", bytes);
    p.k_token = p.q_token + q->places;
    set_tokens(q, p.q_token);
    set_tokens(k, p.k_token);
    attn_status status = attn_mask_predicate(ctx, q->places, k->places, allowed, hint, &p, &rule);
    if (status == ATTN_OK) status = attn_mask_compile(ctx, rule, q->places, k->places, out);
    attn_mask_destroy(rule);
    attn_free(ctx, p.q_token);
    return status;
}
