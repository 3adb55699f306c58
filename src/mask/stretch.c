/* Questions about rectangles: the next stretch of keys (queries) that matter, area, class, one pair.
 *
 * Spans of a segment are sorted, so the first one that ends after a key is found by bisection; a panel of rows looks into each
 * of its segments and unites what touches. Areas are sums of clamped arithmetic series, exact in 128 bits.
 */
#include "mask/stretch.h"

/* The number of the first span of segment n that ends after y at row x. */
int64_t attn_side_first_after(const struct attn_side *side, int64_t n, int64_t x, int64_t y) {
    int64_t first = side->segment[n].first, last = side->segment[n + 1].first;
    while (first < last) {
        int64_t mid = first + (last - first) / 2;
        if (attn_bound_at(side->span[mid].b, side->span[mid].b_slope, x) > y)
            last = mid;
        else
            first = mid + 1;
    }
    return first;
}

/* The extent of the first span of segment n that ends after y somewhere in its rows of [x0, x1). */
static bool span_after(const struct attn_side *side, int64_t n, int64_t x0, int64_t x1, int64_t y, int64_t *begin, int64_t *end) {
    x0 = attn_max64(x0, side->segment[n].begin);
    x1 = attn_min64(x1, side->segment[n + 1].begin);
    int64_t i = attn_side_first_after(side, n, x1 - 1, y);
    if (i == side->segment[n + 1].first) return false;
    const struct attn_span *s = &side->span[i];
    *begin = attn_bound_at(s->a, s->a_slope, x0);
    *end = attn_bound_at(s->b, s->b_slope, x1 - 1);
    return true;
}

bool attn_side_next(const struct attn_side *side, int64_t x0, int64_t x1, int64_t from, int64_t *y0, int64_t *y1) {
    int64_t first = attn_side_find(side, x0), begin, end, low = INT64_MAX, high = 0;
    for (int64_t n = first; n < side->count && side->segment[n].begin < x1; n++)
        if (span_after(side, n, x0, x1, from, &begin, &end) && attn_max64(begin, from) < low) {
            low = attn_max64(begin, from);
            high = end;
        }
    if (low == INT64_MAX) return false;
    for (bool grew = true; grew;) {
        grew = false;
        for (int64_t n = first; n < side->count && side->segment[n].begin < x1; n++)
            while (span_after(side, n, x0, x1, high, &begin, &end) && begin <= high) {
                high = end;
                grew = true;
            }
    }
    *y0 = low;
    *y1 = high;
    return true;
}

/* Sum of v over [first, last], first <= last. */
static attn_wide series(int64_t first, int64_t last) {
    return ((attn_wide)first + last) * ((attn_wide)last - first + 1) / 2;
}

/* Sum over rows [x0, x1) of clamp(bound at x, y0, y1). */
static attn_wide clamped_sum(int64_t c, int32_t slope, int64_t x0, int64_t x1, int64_t y0, int64_t y1) {
    attn_wide rows = (attn_wide)x1 - x0;
    if (!slope) return rows * attn_clamp64(c, y0, y1);
    int64_t rise = attn_clamp64(y0 - c, x0, x1), top = attn_clamp64(y1 - c, rise, x1); /* below y0 until rise, y1 from top on */
    attn_wide sum = ((attn_wide)rise - x0) * y0 + ((attn_wide)x1 - top) * y1;
    return top > rise ? sum + series(rise + c, top - 1 + c) : sum;
}

static attn_wide tile_area(const struct attn_side *side, const struct attn_span *s, int64_t begin, int64_t x0, int64_t x1, int64_t y0,
                           int64_t y1) {
    attn_wide area = 0;
    uint64_t rows = (x1 - begin >= 64 ? UINT64_MAX : ((uint64_t)1 << (x1 - begin)) - 1) >> (x0 - begin) << (x0 - begin);
    for (int64_t y = attn_max64(s->a, y0); y < attn_min64(s->b, y1); y++)
        area += __builtin_popcountll(side->bits[s->tile * 64 + y - s->a] & rows);
    return area;
}

attn_wide attn_side_area(const struct attn_side *side, int64_t x0, int64_t x1, int64_t y0, int64_t y1) {
    attn_wide area = 0;
    for (int64_t n = attn_side_find(side, x0); n < side->count && side->segment[n].begin < x1; n++) {
        int64_t begin = side->segment[n].begin, r0 = attn_max64(begin, x0), r1 = attn_min64(side->segment[n + 1].begin, x1);
        for (int64_t i = attn_side_first_after(side, n, r1 - 1, y0); i < side->segment[n + 1].first; i++) {
            const struct attn_span *s = &side->span[i];
            if (attn_bound_at(s->a, s->a_slope, r0) >= y1) break;
            if (s->tile >= 0)
                area += tile_area(side, s, begin, r0, r1, y0, y1);
            else
                area += clamped_sum(s->b, s->b_slope, r0, r1, y0, y1) - clamped_sum(s->a, s->a_slope, r0, r1, y0, y1);
        }
    }
    return area;
}

attn_wide attn_view_area(const struct attn_mask_view *v, int64_t q0, int64_t q1, int64_t k0, int64_t k1) {
    if (q0 >= q1 || k0 >= k1) return 0;
    if (v->form && (double)(k1 - k0) * (double)v->q_len < (double)(q1 - q0) * (double)v->k_len) /* along the shorter side */
        return attn_side_area(&v->form->cols, k0 + v->k_shift, k1 + v->k_shift, q0 + v->q_shift, q1 + v->q_shift);
    if (v->form) return attn_side_area(&v->form->rows, q0 + v->q_shift, q1 + v->q_shift, k0 + v->k_shift, k1 + v->k_shift);
    if (v->band.low > v->band.high) return 0;
    return clamped_sum(v->band.high + 1, 1, q0, q1, k0, k1) - clamped_sum(v->band.low, 1, q0, q1, k0, k1);
}

int64_t attn_mask_view_area(const struct attn_mask_view *view, int64_t q0, int64_t q1, int64_t k0, int64_t k1) {
    attn_wide area = attn_view_area(view, q0, q1, k0, k1);
    return area > INT64_MAX ? INT64_MAX : (int64_t)area;
}

int attn_mask_view_tile(const struct attn_mask_view *view, int64_t q0, int64_t q1, int64_t k0, int64_t k1) {
    attn_wide area = attn_view_area(view, q0, q1, k0, k1);
    return area == 0 ? 0 : area == ((attn_wide)q1 - q0) * ((attn_wide)k1 - k0) ? 1 : 2;
}

bool attn_mask_view_allows(const struct attn_mask_view *view, int64_t q, int64_t k) {
    return attn_view_area(view, q, q + 1, k, k + 1) != 0;
}

/* The stretch [y0, y1) in the indices of the list, cut to `len` local ones. */
static bool cut_stretch(bool found, int64_t shift, int64_t len, int64_t *y0, int64_t *y1) {
    *y0 -= shift;
    *y1 = attn_min64(*y1 - shift, len);
    return found && *y0 < *y1;
}

bool attn_mask_next_keys(const struct attn_mask_view *v, int64_t q0, int64_t q1, int64_t from, int64_t *k0, int64_t *k1) {
    int64_t begin = 0, end = 0;
    bool found = q0 < q1;
    if (found && v->form) {
        found = attn_side_next(&v->form->rows, q0 + v->q_shift, q1 + v->q_shift, from + v->k_shift, &begin, &end);
    } else {
        begin = attn_max64(from, q0 + v->band.low);
        end = v->band.low <= v->band.high ? q1 + v->band.high : 0;
    }
    found = cut_stretch(found, v->form ? v->k_shift : 0, v->k_len, &begin, &end);
    *k0 = begin;
    *k1 = end;
    return found;
}

bool attn_mask_next_queries(const struct attn_mask_view *v, int64_t k0, int64_t k1, int64_t from, int64_t *q0, int64_t *q1) {
    int64_t begin = 0, end = 0;
    bool found = k0 < k1;
    if (found && v->form) {
        found = attn_side_next(&v->form->cols, k0 + v->k_shift, k1 + v->k_shift, from + v->q_shift, &begin, &end);
    } else {
        begin = attn_max64(from, k0 - v->band.high);
        end = v->band.low <= v->band.high ? k1 - v->band.low : 0;
    }
    found = cut_stretch(found, v->form ? v->q_shift : 0, v->q_len, &begin, &end);
    *q0 = begin;
    *q1 = end;
    return found;
}

/* From the begin of the first to the end of the last span of segment n at row x; empty if it has none. */
static void hull(const struct attn_side *side, int64_t n, int64_t x, int64_t *begin, int64_t *end) {
    const int64_t first = side->segment[n].first, last = side->segment[n + 1].first - 1;
    *begin = *end = 0;
    if (last < first) return;
    *begin = attn_bound_at(side->span[first].a, side->span[first].a_slope, x);
    *end = attn_bound_at(side->span[last].b, side->span[last].b_slope, x);
}

int64_t attn_mask_key_border(const struct attn_mask_view *v, int64_t k0, int64_t k1) {
    if (!v->form || k0 >= k1) return k1;
    const struct attn_side *side = &v->form->cols;
    for (int64_t n = attn_side_find(side, k1 - 1 + v->k_shift); n > 0 && side->segment[n].begin > k0 + v->k_shift; n--) {
        const int64_t x = side->segment[n].begin;
        int64_t begin, end, begin_before, end_before;
        hull(side, n, x, &begin, &end);
        hull(side, n - 1, x - 1, &begin_before, &end_before);
        if (end_before <= begin || end <= begin_before) return x - v->k_shift;
    }
    return k1;
}
