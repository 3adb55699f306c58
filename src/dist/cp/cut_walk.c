/* Walking a mask between runs.
 *
 * Rows of a run of queries lie in segments of the mask, whose spans are met with the runs of keys by turns, each bisected for where the other one
 * is: what a run does not see costs nothing. A band between tokens, low <= j - i <= high, is for tokens i = i0 + P a and j = j0 + P b the band
 * low - (j0 - i0) <= P (b - a) <= high - (j0 - i0) between places: bounds are divided, up and down.
 */
#include "dist/cp/cut_walk.h"

#include <assert.h>

struct walk {
    const struct attn_side *side;
    int64_t q_shift, k_shift; /* token + shift = index in side */
    attn_cut_visit_fn visit;
    void *user;
};

static int64_t divided_up(int64_t a, int64_t b) {
    return a > 0 ? (a - 1) / b + 1 : a / b;
}
static int64_t divided_down(int64_t a, int64_t b) {
    return a < 0 ? -((-a - 1) / b) - 1 : a / b;
}

/* The elements of a run whose tokens lie in [begin, end): [*from, *to). */
static bool clip(const struct attn_run *r, int64_t begin, int64_t end, int64_t *from, int64_t *to) {
    *from = begin <= r->first ? 0 : divided_up(begin - r->first, r->stride);
    *to = end <= r->first ? 0 : attn_min64(divided_up(end - r->first, r->stride), r->count);
    return *from < *to;
}

/* Shows what the span allows, rows [x0, x1) of the list, between two runs. */
static bool show(const struct walk *w, const struct attn_span *s, int64_t segment_begin, int64_t x0, int64_t x1, const struct attn_run *q,
                 const struct attn_run *k) {
    int64_t a0, a1, b0, b1;
    const int64_t stride = q->stride, least = s->a_slope ? -ATTN_FAR : s->a - w->k_shift, most = s->b_slope ? ATTN_FAR : s->b - w->k_shift;
    assert(q->stride == k->stride);
    if (!clip(q, x0 - w->q_shift, x1 - w->q_shift, &a0, &a1) || !clip(k, least, most, &b0, &b1)) return true;
    const int64_t skew = k->first - q->first - (w->q_shift - w->k_shift), shift = k->place - q->place;
    struct attn_cut_piece piece = {.places = {q->place + a0, q->place + a1, k->place + b0, k->place + b1, -ATTN_FAR, ATTN_FAR}};
    attn_slice *p = &piece.places;
    if (s->tile >= 0) {
        piece.bits = w->side->bits + s->tile * 64 + (k->first + b0 * stride + w->k_shift - s->a);
        piece.row = q->first + a0 * stride + w->q_shift - segment_begin;
        piece.stride = stride;
        return w->visit(w->user, &piece);
    }
    const int64_t low = s->a_slope ? divided_up(s->a - skew, stride) + shift : -ATTN_FAR;
    const int64_t high = s->b_slope ? divided_down(s->b - 1 - skew, stride) + shift : ATTN_FAR;
    const int64_t nearest = p->k_begin - (p->q_end - 1), farthest = p->k_end - 1 - p->q_begin; /* of j - i in the rectangle */
    if (low > high || low > farthest || high < nearest) return true;
    if (low > nearest) p->low = low;
    if (high < farthest) p->high = high;
    return w->visit(w->user, &piece);
}

static int64_t run_end(const struct attn_run *r) {
    return r->first + (r->count - 1) * r->stride + 1;
}

/* The first of runs [n, count) that ends after token. */
static int64_t first_after(const struct attn_run *run, int64_t n, int64_t count, int64_t token) {
    while (n < count) {
        const int64_t mid = n + (count - n) / 2;
        if (run_end(&run[mid]) > token)
            count = mid;
        else
            n = mid + 1;
    }
    return n;
}

/* Segment n, rows [x0, x1) of it, and the keys of a strand. */
static bool walk_segment(const struct walk *w, int64_t n, int64_t x0, int64_t x1, const struct attn_run *q, const struct attn_run *k,
                         int64_t count) {
    const struct attn_side *side = w->side;
    const int64_t last = side->segment[n + 1].first, shift = w->k_shift;
    int64_t i = attn_side_first_after(side, n, x1 - 1, k[0].first + shift);
    for (int64_t j = 0; i < last;) {
        const struct attn_span *s = &side->span[i];
        const int64_t end = attn_bound_at(s->b, s->b_slope, x1 - 1) - shift;
        j = first_after(k, j, count, attn_bound_at(s->a, s->a_slope, x0) - shift);
        if (j == count) break;
        if (k[j].first >= end) {
            i = attn_side_first_after(side, n, x1 - 1, k[j].first + shift);
            continue;
        }
        for (int64_t m = j; m < count && k[m].first < end; m++)
            if (!show(w, s, side->segment[n].begin, x0, x1, q, &k[m])) return false;
        i++;
    }
    return true;
}

static bool walk_run(const struct walk *w, const struct attn_run *q, const struct attn_run *k, int64_t count) {
    const struct attn_side *side = w->side;
    const int64_t end = run_end(q) + w->q_shift;
    for (int64_t x = q->first + w->q_shift; x < end;) {
        const int64_t n = attn_side_find(side, x), next = attn_min64(side->segment[n + 1].begin, end);
        if (!walk_segment(w, n, x, next, q, k, count)) return false;
        x += attn_max64(divided_up(next - x, q->stride), 1) * q->stride; /* the first row of the run behind the segment */
    }
    return true;
}

bool attn_cut_walk(const attn_mask *mask, int64_t mask_len, const struct attn_places *q, const struct attn_places *k,
                   attn_cut_visit_fn visit, void *user) {
    struct attn_mask_view view;
    attn_mask_view_init(&view, mask, 0, 0, 1, 1, mask_len, mask_len, 0, 0, mask_len, mask_len);
    const bool from = view.band.low > -ATTN_FAR, to = view.band.high < ATTN_FAR - 1;
    const struct attn_span band = {from ? view.band.low : 0, to ? view.band.high + 1 : mask_len, from, to, -1};
    const struct attn_segment all[2] = {{0, 0}, {mask_len, view.band.low <= view.band.high}};
    const struct attn_side single = {.count = 1, .segment = all, .span = &band};
    const struct walk w = {view.form ? &view.form->rows : &single, view.q_shift, view.k_shift, visit, user};
    for (int64_t begin = 0, end; begin < k->runs; begin = end) {
        for (end = begin + 1; end < k->runs && k->run[end].first >= run_end(&k->run[end - 1]); end++) {
        }
        for (int64_t i = 0; i < q->runs; i++)
            if (!walk_run(&w, &q->run[i], k->run + begin, end - begin)) return false;
    }
    return true;
}
