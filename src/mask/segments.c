/* Growing and combining segment lists.
 *
 * Combination is a kinetic sweep: at row x the bounds of both operands are merged as events; every comparison of a constant with
 * a diagonal bound also says until which row it stays true. The symbolic outcome then holds until the least of those rows,
 * where the sweep begins anew. Rows where two bounds are equal become segments of one row, which attn_segs_append joins to a
 * neighbour where both follow one law.
 */
#include "mask/segments.h"

#include <assert.h>
#include <string.h>

enum { FIRST_CAPACITY = 16 };
static const int64_t SPANS_MAX = (int64_t)1 << 25;

struct bound {
    int64_t c;
    int32_t slope;
};

void attn_segs_init(struct attn_segs *s, attn_ctx *ctx, int64_t *steps) {
    memset(s, 0, sizeof *s);
    s->ctx = ctx;
    s->steps = steps;
}

void attn_segs_free(struct attn_segs *s) {
    attn_free(s->ctx, s->segment);
    attn_free(s->ctx, s->span);
    attn_segs_init(s, s->ctx, s->steps);
}

bool attn_segs_step(struct attn_segs *s, int64_t steps) {
    if (s->status != ATTN_OK) return false;
    *s->steps -= steps;
    if (*s->steps < 0)
        s->status =
            attn_fail(s->ctx, ATTN_EMASK,
                      "mask: compiling it takes more than %d steps, as where many pieces overlap or partial tiles are many; give it as "
                      "blocks, with fewer slices, or cut into parts",
                      ATTN_MASK_STEPS);
    return s->status == ATTN_OK;
}

/* Makes room for one more element; memory holds *capacity of them, `used` are in use. */
static void *grown(struct attn_segs *s, void *memory, int64_t *capacity, int64_t used, size_t size) {
    if (used < *capacity) return memory;
    int64_t wanted = *capacity ? 2 * *capacity : FIRST_CAPACITY;
    if (wanted > SPANS_MAX) {
        s->status = attn_fail(s->ctx, ATTN_EMASK, "mask: it has more than %lld intervals over all rows; give it as blocks, or cut it",
                              (long long)SPANS_MAX);
        return memory;
    }
    void *larger = attn_alloc(s->ctx, (size_t)wanted * size);
    if (!larger) {
        s->status = attn_no_memory(s->ctx, "the intervals of a mask", (size_t)wanted * size);
        return memory;
    }
    if (*capacity) memcpy(larger, memory, (size_t)*capacity * size);
    attn_free(s->ctx, memory);
    *capacity = wanted;
    return larger;
}

void attn_segs_open(struct attn_segs *s) {
    s->segment = grown(s, s->segment, &s->capacity, s->count + 1, sizeof *s->segment);
    if (s->status == ATTN_OK) s->segment[s->count++] = (struct attn_segment){.begin = s->end, .first = s->spans};
}

void attn_segs_push(struct attn_segs *s, struct attn_span span) {
    if (s->status != ATTN_OK) return;
    if (s->limit && s->spans - s->segment[s->count - 1].first >= s->limit) {
        s->status = ATTN_EUNSUPPORTED;
        return;
    }
    s->span = grown(s, s->span, &s->span_capacity, s->spans, sizeof *s->span);
    if (s->status == ATTN_OK) s->span[s->spans++] = span;
}

/* One law for the bounds p (rows [p0, p1)) and q (rows [p1, q1))? A single row leaves its slope open. */
static bool join_bound(struct bound p, struct bound q, int64_t p0, int64_t p1, int64_t q1, struct bound *law) {
    bool p_single = p1 - p0 == 1, q_single = q1 - p1 == 1;
    int64_t p_at = attn_bound_at(p.c, p.slope, p0), q_at = attn_bound_at(q.c, q.slope, p1);
    *law = p;
    if (p.c == q.c && p.slope == q.slope) return true;
    if (p_single && q_single) {
        int32_t slope = q_at == p_at ? 0 : 1;
        *law = (struct bound){slope ? p_at - p0 : p_at, slope};
        return q_at - p_at == slope;
    }
    if (q_single) return attn_bound_at(p.c, p.slope, p1) == q_at;
    *law = q;
    return p_single && attn_bound_at(q.c, q.slope, p0) == p_at;
}

static bool join_span(const struct attn_span *p, const struct attn_span *q, int64_t p0, int64_t p1, int64_t q1, struct attn_span *law) {
    struct bound a, b;
    if (p->tile >= 0 || q->tile >= 0 || !join_bound((struct bound){p->a, p->a_slope}, (struct bound){q->a, q->a_slope}, p0, p1, q1, &a) ||
        !join_bound((struct bound){p->b, p->b_slope}, (struct bound){q->b, q->b_slope}, p0, p1, q1, &b))
        return false;
    *law = (struct attn_span){a.c, b.c, a.slope, b.slope, -1};
    return true;
}

/* Ends the open segment at row `next` and joins it to the one before where that is possible. */
void attn_segs_close(struct attn_segs *s, int64_t next) {
    s->end = next;
    if (s->status != ATTN_OK || s->count < 2) return;
    struct attn_segment p = s->segment[s->count - 2], q = s->segment[s->count - 1];
    int64_t n = s->spans - q.first;
    if (n != q.first - p.first) return;
    struct attn_span law;
    for (int64_t k = 0; k < n; k++)
        if (!join_span(&s->span[p.first + k], &s->span[q.first + k], p.begin, q.begin, next, &law)) return;
    for (int64_t k = 0; k < n; k++) {
        (void)join_span(&s->span[p.first + k], &s->span[q.first + k], p.begin, q.begin, next, &law);
        s->span[p.first + k] = law;
    }
    s->spans = q.first;
    s->count--;
}

void attn_segs_append(struct attn_segs *s, int64_t next, const struct attn_span *spans, int64_t count) {
    if (s->status != ATTN_OK || next <= s->end) return;
    attn_segs_open(s);
    for (int64_t k = 0; k < count; k++) attn_segs_push(s, spans[k]);
    attn_segs_close(s, next);
}

/* Sign of p - q at row x; lowers *until to the first later row where the sign may differ. */
static int compare(struct bound p, struct bound q, int64_t x, int64_t *until) {
    int64_t d = attn_bound_at(p.c, p.slope, x) - attn_bound_at(q.c, q.slope, x);
    int32_t rate = p.slope - q.slope;
    if (rate && d == 0)
        *until = attn_min64(*until, x + 1);
    else if ((rate > 0 && d < 0) || (rate < 0 && d > 0))
        *until = attn_min64(*until, x + (d < 0 ? -d : d));
    return (d > 0) - (d < 0);
}

static struct bound event(const struct attn_span *spans, int64_t n) {
    assert(spans);
    const struct attn_span *s = &spans[n / 2];
    return n % 2 ? (struct bound){s->b, s->b_slope} : (struct bound){s->a, s->a_slope};
}

/* Appends rows [s->end, x1) of the combination of two span lists that hold on all these rows. */
static void combine_rows(struct attn_segs *s, const struct attn_span *a, int64_t na, const struct attn_span *b, int64_t nb, unsigned table,
                         int64_t x1) {
    while (s->end < x1 && s->status == ATTN_OK) {
        int64_t until = x1;
        bool inside = false;
        struct bound begin = {0, 0};
        if (!attn_segs_step(s, na + nb + 1)) return;
        attn_segs_open(s);
        for (int64_t p = 0, q = 0; p < 2 * na || q < 2 * nb;) {
            int c = p == 2 * na ? 1 : q == 2 * nb ? -1 : compare(event(a, p), event(b, q), s->end, &until);
            struct bound at = c <= 0 ? event(a, p) : event(b, q);
            p += c <= 0;
            q += c >= 0;
            bool now = table >> ((p & 1) * 2 + (q & 1)) & 1;
            if (now && !inside)
                begin = at;
            else if (!now && inside)
                attn_segs_push(s, (struct attn_span){begin.c, at.c, begin.slope, at.slope, -1});
            inside = now;
        }
        attn_segs_close(s, until);
    }
}

void attn_segs_append_slice(struct attn_segs *s, int64_t next, const attn_slice *slice) {
    int64_t q0 = attn_max64(slice->q_begin, s->end), q1 = attn_min64(slice->q_end, next);
    int64_t low = attn_max64(slice->low, -ATTN_FAR), high = attn_min64(slice->high, ATTN_FAR - 1);
    if (q0 >= q1 || slice->k_begin >= slice->k_end || low > high) {
        attn_segs_append(s, next, NULL, 0);
        return;
    }
    struct attn_span band = {low, high + 1, low > -ATTN_FAR, high < ATTN_FAR - 1, -1};
    struct attn_span keys = {slice->k_begin, slice->k_end, 0, 0, -1};
    attn_segs_append(s, q0, NULL, 0);
    combine_rows(s, &band, 1, &keys, 1, ATTN_TABLE_AND, q1);
    attn_segs_append(s, next, NULL, 0);
}

/* Spans of segment n if it holds row x; lowers *until to where that changes. */
static int64_t spans_at(const struct attn_side *side, int64_t *n, int64_t x, const struct attn_span **spans, int64_t *until) {
    *spans = NULL;
    while (*n < side->count && side->segment[*n + 1].begin <= x) ++*n;
    if (*n == side->count) return 0;
    const struct attn_segment *segment = &side->segment[*n];
    if (segment->begin > x) {
        *until = attn_min64(*until, segment->begin);
        return 0;
    }
    *until = attn_min64(*until, segment[1].begin);
    *spans = side->span ? side->span + segment->first : NULL; /* a list without spans has no array */
    return segment[1].first - segment->first;
}

void attn_segs_combine(struct attn_segs *out, const struct attn_side *a, const struct attn_side *b, unsigned table, int64_t x1) {
    for (int64_t i = 0, j = 0; out->end < x1 && out->status == ATTN_OK;) {
        const struct attn_span *sa, *sb;
        int64_t until = x1;
        int64_t na = spans_at(a, &i, out->end, &sa, &until), nb = spans_at(b, &j, out->end, &sb, &until);
        combine_rows(out, sa, na, sb, nb, table, until);
    }
}

attn_status attn_segs_finish(struct attn_segs *s, struct attn_side *side) {
    if (s->status == ATTN_OK) s->segment = grown(s, s->segment, &s->capacity, s->count, sizeof *s->segment);
    if (s->status != ATTN_OK) return s->status;
    s->segment[s->count] = (struct attn_segment){.begin = s->end, .first = s->spans};
    *side = (struct attn_side){.count = s->count, .segment = s->segment, .span = s->span};
    return ATTN_OK;
}

int64_t attn_side_find(const struct attn_side *side, int64_t x) {
    int64_t lo = 0, hi = side->count;
    while (hi - lo > 1) {
        int64_t mid = lo + (hi - lo) / 2;
        if (side->segment[mid].begin <= x)
            lo = mid;
        else
            hi = mid;
    }
    return lo;
}
