/* Moves on a tour that is an array: a piece is reversed, or up to three cities are taken elsewhere. */
#include "system/pointer/local_search.h"

#include "system/pointer/order.h"

#include <string.h>

enum { SEGMENT = 3 };

static int64_t near_of(int64_t n, int64_t near_count) {
    return near_count == 0 || near_count > n - 1 ? n - 1 : near_count;
}

size_t attn_local_search_scratch(int64_t n, int64_t near_count) {
    if (n < 1) return 0;
    const size_t numbers = (size_t)(n * near_of(n, near_count) + 3 * n) * sizeof(int32_t);
    return 2 * (size_t)n * sizeof(struct attn_place) + (numbers + (size_t)n + 7) / 8 * 8;
}

void attn_local_search_open(struct attn_local_search *s, const double *d, int64_t n, int64_t near_count, bool segments, void *scratch) {
    struct attn_place *places = scratch;
    double longest = 0;
    *s = (struct attn_local_search){.n = n, .d = d, .near_count = near_of(n, near_count), .segments = segments};
    s->near = (int32_t *)(void *)(places + 2 * n);
    s->tour = s->near + n * s->near_count;
    s->at = s->tour + n;
    s->queue = s->at + n;
    s->queued = (unsigned char *)(s->queue + n);
    for (int64_t i = 0; i < n; i++) {
        int64_t count = 0;
        for (int64_t j = 0; j < n; j++)
            if (j != i) places[count++] = (struct attn_place){d[i * n + j], 0, j};
        attn_order_places(places, count, places + n);
        for (int64_t k = 0; k < s->near_count; k++) s->near[i * s->near_count + k] = (int32_t)places[k].number;
        if (count > 0 && places[count - 1].x > longest) longest = places[count - 1].x;
    }
    s->least_gain = 1e-12 * longest;
}

void attn_local_search_look(struct attn_local_search *s, int32_t city) {
    if (s->queued[city]) return;
    s->queued[city] = 1;
    const int64_t end = s->first + s->waiting++;
    s->queue[end < s->n ? end : end - s->n] = city;
}

void attn_local_search_begin(struct attn_local_search *s, const int32_t *tour) {
    memcpy(s->tour, tour, (size_t)s->n * sizeof *tour);
    memset(s->queued, 0, (size_t)s->n);
    s->first = s->waiting = 0;
    for (int64_t i = 0; i < s->n; i++) {
        s->at[tour[i]] = (int32_t)i;
        attn_local_search_look(s, tour[i]);
    }
}

/* A position at most n off either end. */
static int64_t wrap(const struct attn_local_search *s, int64_t position) {
    return position < 0 ? position + s->n : position < s->n ? position : position - s->n;
}

static int32_t city_at(const struct attn_local_search *s, int64_t position) {
    return s->tour[wrap(s, position)];
}

static void put(struct attn_local_search *s, int64_t position, int32_t city) {
    const int64_t at = wrap(s, position);
    s->tour[at] = city;
    s->at[city] = (int32_t)at;
}

static double distance(const struct attn_local_search *s, int32_t a, int32_t b) {
    return s->d[a * s->n + b];
}

/* Reverses the piece from one position to another, or the rest of the tour, whichever is shorter: the same cycle. */
static void reverse(struct attn_local_search *s, int64_t from, int64_t to) {
    int64_t count = wrap(s, to - from) + 1;
    if (2 * count > s->n) {
        const int64_t begin = from;
        from = wrap(s, to + 1);
        to = wrap(s, begin - 1);
        count = s->n - count;
    }
    for (; count > 1; count -= 2, from = wrap(s, from + 1), to = wrap(s, to - 1)) {
        const int32_t kept = s->tour[from];
        put(s, from, s->tour[to]);
        put(s, to, kept);
    }
}

/* Edges from a and from c, both to the city that comes next in one direction, for edges ac and between those two. */
static double two_opt(struct attn_local_search *s, int32_t a, int way) {
    const int32_t b = city_at(s, s->at[a] + way), *near = s->near + a * s->near_count;
    for (int64_t k = 0; k < s->near_count; k++) {
        const int32_t c = near[k];
        const double first = distance(s, a, b) - distance(s, a, c);
        if (!(first > s->least_gain)) return 0;
        const int32_t e = city_at(s, s->at[c] + way);
        const double gain = first + distance(s, c, e) - distance(s, b, e);
        if (!(gain > s->least_gain)) continue;
        if (way > 0)
            reverse(s, s->at[b], s->at[c]);
        else
            reverse(s, s->at[c], s->at[b]);
        const int32_t ends[] = {a, b, c, e};
        for (int i = 0; i < 4; i++) attn_local_search_look(s, ends[i]);
        return gain;
    }
    return 0;
}

/* A segment of `count` cities from a on, one way along the tour; its other end; cities around it. */
struct segment {
    int32_t from, to, before, behind;
    int count, way;
};

static struct segment segment_of(const struct attn_local_search *s, int32_t a, int count, int way) {
    const int64_t at = s->at[a];
    return (struct segment){a, city_at(s, at + way * (count - 1)), city_at(s, at - way), city_at(s, at + way * count), count, way};
}

/* How far along the segment's way a city comes behind its first one. */
static int64_t offset_of(const struct attn_local_search *s, const struct segment *g, int32_t city) {
    return wrap(s, g->way * (s->at[city] - (int64_t)s->at[g->from]));
}

/* Puts the segment between cities at offsets `gap` and gap + 1, `turned` or not, by moving the fewer of those before and behind. */
static void move(struct attn_local_search *s, const struct segment *g, int64_t gap, bool turned) {
    const int64_t base = s->at[g->from], before = gap - g->count + 1, behind = s->n - 1 - gap;
    int32_t city[SEGMENT];
    int64_t to = gap + 1;
    for (int i = 0; i < g->count; i++) city[i] = city_at(s, base + g->way * i);
    if (before <= behind) {
        for (int64_t o = g->count; o <= gap; o++) put(s, base + g->way * (o - g->count), city_at(s, base + g->way * o));
        to = before;
    } else {
        for (int64_t o = s->n - 1; o > gap; o--) put(s, base + g->way * wrap(s, o + g->count), city_at(s, base + g->way * o));
    }
    for (int i = 0; i < g->count; i++) put(s, base + g->way * wrap(s, to + i), city[turned ? g->count - 1 - i : i]);
}

/* The segment from a on goes next to a neighbour of a, with a beside it, either side of it. */
static double or_opt(struct attn_local_search *s, const struct segment *g) {
    const double freed = distance(s, g->before, g->from) + distance(s, g->to, g->behind) - distance(s, g->before, g->behind);
    const int32_t *near = s->near + g->from * s->near_count;
    for (int64_t k = 0; k < s->near_count; k++) {
        const int32_t c = near[k];
        const double left = freed - distance(s, g->from, c);
        if (!(left > s->least_gain)) return 0;
        const int64_t offset = offset_of(s, g, c);
        if (offset < g->count) continue;
        for (int side = -1; side <= 1; side += 2) {
            const int32_t e = city_at(s, s->at[c] + side * g->way);
            const double gain = left - distance(s, g->to, e) + distance(s, c, e);
            if (!(gain > s->least_gain) || offset_of(s, g, e) < g->count) continue;
            move(s, g, side > 0 ? offset : offset - 1, side < 0);
            const int32_t ends[] = {g->from, g->to, g->before, g->behind, c, e};
            for (int i = 0; i < 6; i++) attn_local_search_look(s, ends[i]);
            return gain;
        }
    }
    return 0;
}

static double improve(struct attn_local_search *s, int32_t city) {
    for (int way = -1; way <= 1; way += 2) {
        const double gain = two_opt(s, city, way);
        if (gain > 0) return gain;
        for (int count = 1; s->segments && count <= SEGMENT && count + 2 < s->n; count++) {
            const struct segment g = segment_of(s, city, count, way);
            const double moved = or_opt(s, &g);
            if (moved > 0) return moved;
        }
    }
    return 0;
}

double attn_local_search_run(struct attn_local_search *s) {
    double gained = 0;
    while (s->waiting > 0) {
        const int32_t city = s->queue[s->first];
        s->first = wrap(s, s->first + 1);
        s->waiting--;
        s->queued[city] = 0;
        for (double gain; (gain = improve(s, city)) > 0;) gained += gain;
    }
    return gained;
}
