/* A tour is two paths from city 0 that meet in a city j, over disjoint sets of half the other cities each: the table of shortest paths is needed of those sets alone. */
#include "system/pointer/tours.h"

#include "base/cpu.h"
#include "system/pointer/distances.h"
#include "system/pointer/tour_rows.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>

/* Cities but city 0, numbered from 0 on. */
struct table {
    int cities;
    const double *d; /* [cities][ATTN_TOUR_ROW] */
    double *row;     /* [2^cities][cities] */
};

/* Where two paths meet. */
struct meeting {
    uint32_t set, other;
    int city;
};

size_t attn_tour_exact_scratch(int64_t n) {
    if (n < 4) return 0;
    const size_t cities = (size_t)n - 1;
    return (((size_t)1 << cities) * cities + ATTN_TOUR_ROW + cities * ATTN_TOUR_ROW) * sizeof(double);
}

static void fill(const struct table *t, int most) {
    const uint32_t isa = attn_cpu_isa();
    int i = 0;
    while ((attn_tour_rows_list[i]->isa_bits & isa) != attn_tour_rows_list[i]->isa_bits) i++; /* the last one needs nothing */
    attn_tour_rows_list[i]->fill(t->cities, most, t->d, t->row);
}

/* The next greater set of as many cities (Beeler, Gosper, Schroeppel 1972, HAKMEM, item 175). */
static uint32_t next_of_size(uint32_t set) {
    const uint32_t lowest = set & -set, ripple = set + lowest;
    return ripple | (set ^ ripple) >> (2 + __builtin_ctz(set));
}

/* The shortest of all tours, sets of `size` cities on one side. Where the other side has as many, every tour is there both ways round: the side of the lowest city
 * is enough, or that city in the middle. */
static struct meeting meet(const struct table *t, int size) {
    const uint32_t all = (1u << t->cities) - 1;
    struct meeting best = {0, 0, -1};
    const bool even = 2 * size + 1 == t->cities;
    double least = 0;
    for (uint32_t set = (1u << size) - 1; set < all; set = next_of_size(set)) {
        const double *here = t->row + (int64_t)set * t->cities;
        for (uint32_t left = even && set % 2 == 0 ? 1 : all ^ set; left != 0; left &= left - 1) {
            const int j = __builtin_ctz(left);
            const uint32_t other = all ^ set ^ (1u << j);
            const double length = here[j] + t->row[(int64_t)other * t->cities + j];
            if (best.city >= 0 && !(length < least)) continue;
            least = length;
            best = (struct meeting){set, other, j};
        }
    }
    return best;
}

/* The cities of a shortest path from city 0 over the set to j, the last first: those whose sum is the row's number, which was one of these sums. */
static void trace(const struct table *t, uint32_t set, int j, int32_t *path, int step) {
    while (set != 0) {
        const double length = t->row[(int64_t)set * t->cities + j];
        uint32_t left = set;
        int k = __builtin_ctz(left);
        while (t->row[(int64_t)(set ^ (1u << k)) * t->cities + k] + t->d[k * ATTN_TOUR_ROW + j] != length) {
            left &= left - 1;
            k = __builtin_ctz(left);
        }
        *path = k + 1;
        path += step;
        set ^= 1u << k;
        j = k;
    }
}

void attn_tour_exact(const double *xy, int64_t n, int32_t *tour, void *scratch) {
    assert(n <= ATTN_TOUR_EXACT_MOST);
    attn_tour_ascending(tour, n);
    if (n < 4) return;
    const int cities = (int)n - 1, before = (cities - 1) / 2, behind = cities - 1 - before;
    double *d = scratch;
    const struct table t = {cities, d, d + cities * ATTN_TOUR_ROW};
    for (int i = 0; i < cities * ATTN_TOUR_ROW; i++) {
        const int64_t a = i / ATTN_TOUR_ROW + 1, b = i % ATTN_TOUR_ROW + 1;
        d[i] = b < n ? hypot(xy[2 * a] - xy[2 * b], xy[2 * a + 1] - xy[2 * b + 1]) : 0;
    }
    for (int64_t j = 1; j < n; j++) t.row[j - 1] = hypot(xy[2 * j] - xy[0], xy[2 * j + 1] - xy[1]);
    fill(&t, behind);
    const struct meeting m = meet(&t, before);
    trace(&t, m.set, m.city, tour + before, -1);
    tour[before + 1] = m.city + 1;
    trace(&t, m.other, m.city, tour + before + 2, 1);
}
