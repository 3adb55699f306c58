/* Runs of keys as seen by a panel of queries, and the transpose: what the kernels turn into lane masks.
 *
 * Lane r is row x0 + r, element e is key y0 + e. A span or band allows lane r at element e where lo <= e - r <= hi and begin <= e
 * < end. If one law holds for all lanes, a span gives at most three runs, partial, full, partial, by arithmetic. Several
 * laws in one panel (a border between segments, bitmaps, spans whose slopes overlap) are or-ed into words and scanned.
 */
#include "mask/stretch.h"

#include <assert.h>
#include <string.h>

/* One law, relative to lane 0 and element 0. */
struct law {
    int64_t lo, hi, begin, end;
};

struct panel {
    uint32_t *words;
    struct attn_mask_run *runs;
    int count, lanes, span; /* runs so far; lanes and elements of the call */
};

static inline uint32_t below(int64_t n) {
    return n <= 0 ? 0 : n >= 32 ? UINT32_MAX : ((uint32_t)1 << n) - 1;
}

/* Lanes [r0, r1) that the law allows at element e. */
static inline uint32_t lanes_at(const struct law *w, uint32_t lanes, int64_t e) {
    return below(e - w->lo + 1) & ~below(e - w->hi) & lanes;
}

/* Adds [begin, end); false if it does not follow what is there, or there is no room. */
static bool add_run(struct panel *p, int64_t begin, int64_t end, bool full) {
    assert(p->runs);
    if (begin >= end) return true;
    struct attn_mask_run *last = p->count ? &p->runs[p->count - 1] : NULL;
    if (last && begin < last->end) return false;
    if (last && begin == last->end && last->full == full) {
        last->end = (int32_t)end;
        return true;
    }
    if (p->count == ATTN_MASK_RUNS) return false;
    p->runs[p->count++] = (struct attn_mask_run){(int32_t)begin, (int32_t)end, full};
    return true;
}

static bool add_partial(struct panel *p, const struct law *w, int64_t begin, int64_t end) {
    if (!add_run(p, begin, end, false)) return false;
    uint32_t lanes = below(p->lanes);
    for (int64_t e = begin; e < end; e++) p->words[e] = lanes_at(w, lanes, e);
    return true;
}

/* The runs of a law that holds for all lanes. */
static bool add_law(struct panel *p, const struct law *w) {
    int64_t begin = attn_max64(w->begin, 0), end = attn_min64(w->end, p->span);
    int64_t first = attn_max64(begin, w->lo), last = attn_min64(end, w->hi + p->lanes);
    int64_t full = attn_max64(begin, w->lo + p->lanes - 1), full_end = attn_min64(end, w->hi + 1);
    if (first >= last) return true;
    if (full >= full_end) return add_partial(p, w, first, last);
    return add_partial(p, w, first, full) && add_run(p, full, full_end, true) && add_partial(p, w, full_end, last);
}

static struct law span_law(const struct attn_span *s, int64_t x0, int64_t y0) {
    int64_t d = x0 - y0;
    return (struct law){s->a_slope ? s->a + d : -ATTN_FAR, s->b_slope ? s->b - 1 + d : ATTN_FAR, s->a_slope ? -ATTN_FAR : s->a - y0,
                        s->b_slope ? ATTN_FAR : s->b - y0};
}

/* Ors lanes [r0, r1) of a span into the words. */
static void or_span(struct panel *p, const struct attn_side *side, const struct attn_span *s, int64_t segment_begin, int64_t x0, int64_t y0,
                    int r0, int r1) {
    struct law w = span_law(s, x0, y0);
    uint32_t lanes = below(r1) & ~below(r0);
    int64_t begin = attn_max64(attn_max64(w.begin, w.lo + r0), 0), end = attn_min64(attn_min64(w.end, w.hi + r1), p->span);
    if (s->tile >= 0) {
        const uint64_t *bits = side->bits + s->tile * 64;
        int64_t down = x0 + r0 - segment_begin;
        for (int64_t e = begin; e < end; e++) p->words[e] |= (uint32_t)(bits[e + y0 - s->a] >> down << r0) & lanes;
    } else {
        for (int64_t e = begin; e < end; e++) p->words[e] |= lanes_at(&w, lanes, e);
    }
}

/* Lengthens the last run to `end` as a partial one, and joins it to the one before if they are now alike. */
static void join_last(struct panel *p, int end) {
    struct attn_mask_run *last = &p->runs[p->count - 1];
    last->end = end;
    last->full = false;
    if (p->count > 1 && !last[-1].full && last[-1].end == last->begin) {
        last[-1].end = end;
        p->count--;
    }
}

/* Runs from words; beyond ATTN_MASK_RUNS the last one takes the rest as partial. */
static void scan(struct panel *p) {
    uint32_t all = below(p->lanes);
    p->count = 0;
    for (int e = 0; e < p->span;) {
        int begin = e;
        uint32_t word = p->words[e];
        if (word == 0) {
            e++;
            continue;
        }
        bool full = word == all;
        while (e < p->span && p->words[e] != 0 && (p->words[e] == all) == full) e++;
        if (!add_run(p, begin, e, full)) join_last(p, e);
    }
}

/* All lanes lie in segment n: each span by arithmetic, as long as they follow one another. */
static bool runs_of_segment(struct panel *p, const struct attn_side *side, int64_t n, int64_t x0, int64_t y0) {
    int64_t last = side->segment[n + 1].first, x1 = x0 + p->lanes - 1;
    for (int64_t i = attn_side_first_after(side, n, x1, y0); i < last; i++) {
        const struct attn_span *s = &side->span[i];
        if (attn_bound_at(s->a, s->a_slope, x0) >= y0 + p->span) break;
        struct law w = span_law(s, x0, y0);
        if (s->tile >= 0 || !add_law(p, &w)) return false;
    }
    return true;
}

static int runs_of_side(const struct attn_side *side, struct panel *p, int64_t x0, int64_t y0) {
    int64_t n = attn_side_find(side, x0);
    if (side->segment[n + 1].begin >= x0 + p->lanes) {
        if (runs_of_segment(p, side, n, x0, y0)) return p->count;
        p->count = 0;
    }
    memset(p->words, 0, (size_t)p->span * sizeof *p->words);
    for (; n < side->count && side->segment[n].begin < x0 + p->lanes; n++) {
        int64_t begin = side->segment[n].begin, last = side->segment[n + 1].first;
        int r0 = (int)attn_max64(0, begin - x0), r1 = (int)attn_min64(p->lanes, side->segment[n + 1].begin - x0);
        for (int64_t i = attn_side_first_after(side, n, x0 + r1 - 1, y0); i < last; i++) {
            const struct attn_span *s = &side->span[i];
            if (attn_bound_at(s->a, s->a_slope, x0 + r0) >= y0 + p->span) break;
            or_span(p, side, s, begin, x0, y0, r0, r1);
        }
    }
    scan(p);
    return p->count;
}

int attn_mask_runs_of_keys(const struct attn_mask_view *view, int64_t q0, int lanes, int64_t k0, int64_t k1, uint32_t *words,
                           struct attn_mask_run *runs) {
    assert(lanes >= 1 && lanes <= 32 && q0 >= 0 && q0 + lanes <= view->q_len && k0 >= 0 && k0 <= k1 && k1 <= view->k_len &&
           k1 - k0 <= ATTN_MASK_SPAN);
    struct panel p = {.words = words, .runs = runs, .lanes = lanes, .span = (int)(k1 - k0)};
    if (view->form) return runs_of_side(&view->form->rows, &p, q0 + view->q_shift, k0 + view->k_shift);
    struct law w = {view->band.low + q0 - k0, view->band.high + q0 - k0, 0, k1 - k0};
    (void)add_law(&p, &w);
    return p.count;
}

int attn_mask_runs_of_queries(const struct attn_mask_view *view, int64_t k0, int lanes, int64_t q0, int64_t q1, uint32_t *words,
                              struct attn_mask_run *runs) {
    assert(lanes >= 1 && lanes <= 32 && k0 >= 0 && k0 + lanes <= view->k_len && q0 >= 0 && q0 <= q1 && q1 <= view->q_len &&
           q1 - q0 <= ATTN_MASK_SPAN);
    struct panel p = {.words = words, .runs = runs, .lanes = lanes, .span = (int)(q1 - q0)};
    if (view->form) return runs_of_side(&view->form->cols, &p, k0 + view->k_shift, q0 + view->q_shift);
    struct law w = {k0 - q0 - view->band.high, k0 - q0 - view->band.low, 0, q1 - q0};
    (void)add_law(&p, &w);
    return p.count;
}
