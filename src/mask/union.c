/* The union of slices as a segment list, and from it the transpose.
 *
 * Slices are sorted by their first row and cut into groups whose rows overlap; groups follow one another. A group of disjoint
 * rectangles, such as blocks, is swept from row to row with the list of those that are alive: time proportional to the rectangles alive
 * at each row where one begins or ends. From the first row where a diagonal or an overlap begins, a group is united by halves: n slices
 * that overlap at random have O(n^2) intervals, and take O(n^2 log n). Steps are counted, and end with a sentence.
 */
#include "mask/segments.h"

#include <string.h>

static bool before(const attn_slice *p, const attn_slice *q) {
    return p->q_begin != q->q_begin ? p->q_begin < q->q_begin : p->k_begin < q->k_begin;
}

static void sift(attn_slice *s, int64_t root, int64_t count) {
    attn_slice moved = s[root];
    for (int64_t child; (child = 2 * root + 1) < count; root = child) {
        if (child + 1 < count && before(&s[child], &s[child + 1])) child++;
        if (!before(&moved, &s[child])) break;
        s[root] = s[child];
    }
    s[root] = moved;
}

/* Heap sort: in place, without the allocation that a C library's qsort may do. */
static void sort(attn_slice *s, int64_t count) {
    bool sorted = true;
    for (int64_t i = 1; i < count && sorted; i++) sorted = !before(&s[i], &s[i - 1]);
    if (sorted) return;
    for (int64_t i = count / 2; i-- > 0;) sift(s, i, count);
    for (int64_t n = count - 1; n > 0; n--) {
        attn_slice last = s[n];
        s[n] = s[0];
        s[0] = last;
        sift(s, 0, n);
    }
}

/* Cuts to the lengths, drops what is empty. Returns how many are left. */
static int64_t clip(attn_slice *s, int64_t count, int64_t q_len, int64_t k_len) {
    int64_t kept = 0;
    for (int64_t i = 0; i < count; i++) {
        attn_slice c = s[i];
        c.q_begin = attn_max64(c.q_begin, 0);
        c.k_begin = attn_max64(c.k_begin, 0);
        c.q_end = attn_min64(c.q_end, q_len);
        c.k_end = attn_min64(c.k_end, k_len);
        if (c.q_begin < c.q_end && c.k_begin < c.k_end && c.low <= c.high) s[kept++] = c;
    }
    return kept;
}

/* Appends rows [out->end, x1) of the union of a group. */
static void unite(struct attn_segs *out, const attn_slice *s, int64_t count, int64_t x1) {
    if (count == 1) {
        attn_segs_append_slice(out, x1, s);
        return;
    }
    struct attn_segs half[2];
    struct attn_side side[2];
    for (int n = 0; n < 2; n++) {
        attn_segs_init(&half[n], out->ctx, out->steps);
        half[n].end = out->end;
        if (out->status != ATTN_OK) continue;
        unite(&half[n], n ? s + count / 2 : s, n ? count - count / 2 : count / 2, x1);
        attn_status status = attn_segs_finish(&half[n], &side[n]);
        if (status != ATTN_OK) out->status = status;
    }
    if (out->status == ATTN_OK) attn_segs_combine(out, &side[0], &side[1], ATTN_TABLE_OR, x1);
    attn_segs_free(&half[0]);
    attn_segs_free(&half[1]);
}

static bool is_rectangle(const attn_slice *s) {
    return s->low <= s->k_begin - s->q_end + 1 && s->high >= s->k_end - 1 - s->q_begin;
}

/* Puts s among the `alive` ones, sorted by key. False: it overlaps one of them, or is no rectangle. */
static bool enter(const attn_slice **alive, int64_t *count, const attn_slice *s) {
    int64_t lo = 0, hi = *count;
    while (lo < hi) {
        int64_t mid = lo + (hi - lo) / 2;
        if (alive[mid]->k_begin < s->k_begin)
            lo = mid + 1;
        else
            hi = mid;
    }
    if (!is_rectangle(s) || (lo > 0 && alive[lo - 1]->k_end > s->k_begin) || (lo < *count && alive[lo]->k_begin < s->k_end)) return false;
    memmove(alive + lo + 1, alive + lo, (size_t)(*count - lo) * sizeof *alive);
    alive[lo] = s;
    ++*count;
    return true;
}

/* Appends the segment [out->end, next) of the rectangles that are alive; those that touch become one span. */
static void append_alive(struct attn_segs *out, const attn_slice *const *alive, int64_t count, int64_t next) {
    attn_segs_open(out);
    for (int64_t i = 0, j; i < count; i = j) {
        for (j = i + 1; j < count && alive[j]->k_begin == alive[j - 1]->k_end;) j++;
        attn_segs_push(out, (struct attn_span){.a = alive[i]->k_begin, .b = alive[j - 1]->k_end, .tile = -1});
    }
    attn_segs_close(out, next);
}

/* Appends the rows of a sorted group up to x1, or up to the first that cannot be swept. */
static void sweep(struct attn_segs *out, const attn_slice *s, int64_t count, int64_t x1) {
    const attn_slice **alive = attn_alloc(out->ctx, (size_t)count * sizeof *alive);
    if (!alive) {
        out->status = attn_no_memory(out->ctx, "the intervals of a mask", (size_t)count * sizeof *alive);
        return;
    }
    bool fits = true;
    for (int64_t living = 0, entered = 0; fits && out->end < x1 && out->status == ATTN_OK;) {
        int64_t kept = 0, next = x1;
        if (!attn_segs_step(out, living + 1)) break;
        for (int64_t i = 0; i < living; i++)
            if (alive[i]->q_end > out->end) alive[kept++] = alive[i];
        living = kept;
        while (fits && entered < count && s[entered].q_begin <= out->end) fits = enter(alive, &living, &s[entered++]);
        if (entered < count) next = attn_min64(next, s[entered].q_begin);
        for (int64_t i = 0; i < living; i++) next = attn_min64(next, alive[i]->q_end);
        if (fits) append_alive(out, alive, living, next);
    }
    attn_free(out->ctx, alive);
}

attn_status attn_segs_union(struct attn_segs *out, attn_slice *slices, int64_t count, int64_t q_len, int64_t k_len) {
    count = clip(slices, count, q_len, k_len);
    sort(slices, count);
    for (int64_t i = 0, j; i < count && out->status == ATTN_OK; i = j) {
        int64_t end = slices[i].q_end;
        for (j = i + 1; j < count && slices[j].q_begin < end; j++) end = attn_max64(end, slices[j].q_end);
        attn_segs_append(out, slices[i].q_begin, NULL, 0);
        if (j - i > 1) sweep(out, slices + i, j - i, end);
        if (out->end < end && out->status == ATTN_OK) unite(out, slices + i, j - i, end);
    }
    attn_segs_append(out, q_len, NULL, 0);
    return out->status;
}

attn_status attn_segs_transpose(struct attn_segs *out, const struct attn_side *side, int64_t k_len) {
    int64_t count = side->segment[side->count].first;
    attn_slice *s = attn_alloc(out->ctx, (size_t)count * sizeof *s);
    if (!s) return out->status = attn_no_memory(out->ctx, "the columns of a mask", (size_t)count * sizeof *s);
    for (int64_t n = 0; n < side->count; n++) {
        int64_t x0 = side->segment[n].begin, x1 = side->segment[n + 1].begin;
        for (int64_t i = side->segment[n].first; i < side->segment[n + 1].first; i++) {
            const struct attn_span *p = &side->span[i];
            s[i] = (attn_slice){.q_begin = attn_bound_at(p->a, p->a_slope, x0),
                                .q_end = attn_bound_at(p->b, p->b_slope, x1 - 1),
                                .k_begin = x0,
                                .k_end = x1,
                                .low = p->b_slope ? 1 - p->b : -ATTN_FAR,
                                .high = p->a_slope ? -p->a : ATTN_FAR};
        }
    }
    attn_status status = attn_segs_union(out, s, count, k_len, side->segment[side->count].begin);
    attn_free(out->ctx, s);
    return status;
}
