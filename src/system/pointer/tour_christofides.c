/* A shortest spanning tree by Prim's algorithm; with the matching of its odd cities every city has an even number of edges, and one closed walk takes every edge once. */
#include "system/pointer/tours.h"

#include "system/pointer/distances.h"
#include "system/pointer/local_search.h"
#include "system/pointer/matching.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

/* Edges as pairs of halves: half h leads to city to[h], half h ^ 1 back; halves of a city are a list. */
struct graph {
    int32_t *to, *next, *first; /* [3 n], [3 n], [n]; -1 ends a list, and marks a half as walked */
    int32_t halves;
};

/* Memory of one call. */
struct room {
    double *d, *odd_d;
    char *shared; /* by matching and local search */
    struct graph graph;
    int32_t *odd, *mate, *walk, *degree, *tour;
    double *reach;
};

static size_t greater(size_t a, size_t b) {
    return a > b ? a : b;
}

static size_t shared_bytes(int64_t n) {
    const size_t matching = greater(attn_matching_greedy_scratch(n), attn_matching_minimum_scratch(n));
    return greater(matching, attn_local_search_scratch(n, 0));
}

size_t attn_tour_christofides_scratch(int64_t n) {
    return (2 * (size_t)(n * n) + (size_t)n) * sizeof(double) + shared_bytes(n) + 13 * (size_t)n * sizeof(int32_t);
}

static struct room room_of(int64_t n, void *scratch) {
    struct room r = {.d = scratch};
    r.odd_d = r.d + n * n;
    r.reach = r.odd_d + n * n;
    r.shared = (char *)(r.reach + n);
    r.odd = (int32_t *)(void *)(r.shared + shared_bytes(n));
    r.mate = r.odd + n;
    r.degree = r.mate + n;
    r.tour = r.degree + n;
    r.walk = r.tour + n;
    r.graph.first = r.walk + 2 * n;
    r.graph.to = r.graph.first + n;
    r.graph.next = r.graph.to + 3 * n;
    return r;
}

static void add_edge(struct graph *g, int32_t a, int32_t b) {
    const int32_t ends[2] = {b, a};
    for (int i = 0; i < 2; i++, g->halves++) {
        g->to[g->halves] = ends[i];
        g->next[g->halves] = g->first[ends[1 - i]];
        g->first[ends[1 - i]] = g->halves;
    }
}

/* The city nearest to the tree joins it by the edge that makes it so. */
static void span(struct room *r, int64_t n) {
    int32_t *from = r->mate;
    for (int64_t i = 0; i < n; i++) {
        r->reach[i] = r->d[i];
        from[i] = 0;
        r->degree[i] = 0;
        r->graph.first[i] = -1;
    }
    from[0] = -1;
    for (int64_t joined = 1; joined < n; joined++) {
        int32_t nearest = -1;
        for (int32_t i = 0; i < n; i++)
            if (from[i] >= 0 && (nearest < 0 || r->reach[i] < r->reach[nearest])) nearest = i;
        add_edge(&r->graph, from[nearest], nearest);
        r->degree[from[nearest]]++;
        r->degree[nearest]++;
        from[nearest] = -1;
        for (int64_t i = 0; i < n; i++)
            if (from[i] >= 0 && r->d[nearest * n + i] < r->reach[i]) {
                r->reach[i] = r->d[nearest * n + i];
                from[i] = nearest;
            }
    }
}

static void match_odd(struct room *r, int64_t n, bool greedy) {
    int64_t odd = 0;
    for (int32_t i = 0; i < n; i++)
        if (r->degree[i] % 2 != 0) r->odd[odd++] = i;
    for (int64_t i = 0; i < odd; i++)
        for (int64_t j = 0; j < odd; j++) r->odd_d[i * odd + j] = r->d[r->odd[i] * n + r->odd[j]];
    if (greedy)
        attn_matching_greedy(r->odd_d, odd, r->mate, r->shared);
    else
        attn_matching_minimum(r->odd_d, odd, r->mate, r->shared);
    for (int32_t i = 0; i < odd; i++)
        if (i < r->mate[i]) add_edge(&r->graph, r->odd[i], r->odd[r->mate[i]]);
}

/* Hierholzer's walk from city 0, its cities in r->walk; the stack of cities to go back to grows from the other end of the same memory, as every edge is in one of both.
 * Returns the number of cities, the first one at the end again. */
static int64_t walk(struct room *r, int64_t n) {
    struct graph *g = &r->graph;
    int64_t stack = 2 * n - 1, count = 0;
    r->walk[stack] = 0;
    while (stack < 2 * n) {
        const int32_t city = r->walk[stack];
        int32_t half = g->first[city];
        while (half >= 0 && g->to[half] < 0) half = g->next[half];
        if (half < 0) {
            g->first[city] = -1;
            stack++;
            r->walk[count++] = city;
            continue;
        }
        g->first[city] = g->next[half];
        r->walk[--stack] = g->to[half];
        g->to[half] = g->to[half ^ 1] = -1;
    }
    return count;
}

/* The walk from a place on, each city the first time that it comes. */
static void shortcut(const struct room *r, int64_t edges, int64_t from, int64_t n) {
    int32_t *visited = r->degree;
    int64_t count = 0;
    memset(visited, 0, (size_t)n * sizeof *visited);
    for (int64_t i = 0; count < n; i++) {
        const int32_t city = r->walk[(from + i) % edges];
        if (!visited[city]) r->tour[count++] = city;
        visited[city] = 1;
    }
}

void attn_tour_christofides(const double *xy, int64_t n, enum attn_tour_matching matching, int32_t *tour, void *scratch) {
    struct room r = room_of(n, scratch);
    struct attn_local_search s;
    double least = 0;
    attn_tour_ascending(tour, n);
    if (n < 4) return;
    attn_distances(xy, n, r.d);
    span(&r, n);
    match_odd(&r, n, matching == ATTN_TOUR_GREEDY_2OPT);
    const bool shorten = matching != ATTN_TOUR_MINIMUM;
    const int64_t edges = walk(&r, n) - 1, starts = shorten ? edges : 1;
    assert(edges >= n);
    if (shorten) attn_local_search_open(&s, r.d, n, 0, false, r.shared);
    for (int64_t from = 0; from < starts; from++) {
        const int32_t *found = r.tour;
        shortcut(&r, edges, from, n);
        if (shorten) {
            attn_local_search_begin(&s, r.tour);
            attn_local_search_run(&s);
            found = s.tour;
        }
        const double length = attn_tour_sum(r.d, found, n);
        if (from > 0 && !(length < least)) continue;
        least = length;
        memcpy(tour, found, (size_t)n * sizeof *tour);
    }
    attn_tour_from_first(tour, n);
}
