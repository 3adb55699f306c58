/* A1. Edges from the shortest on: one is taken where both its cities have one edge at most and lie on different paths. */
#include "system/pointer/tours.h"

#include "system/pointer/distances.h"
#include "system/pointer/order.h"

#include <stdbool.h>

enum { ROUNDS = 3 };

static int64_t edges_of(int64_t n) {
    return n < 2 ? 0 : n * (n - 1) / 2;
}

size_t attn_tour_greedy_scratch(int64_t n) {
    return (size_t)(n * n) * sizeof(double) + 2 * (size_t)edges_of(n) * sizeof(struct attn_place) + 3 * (size_t)n * sizeof(int32_t);
}

/* What has been joined so far: each city's neighbours, -1 for none, and of both ends of a path the other end. */
struct paths {
    int32_t (*next)[2];
    int32_t *end;
};

/* Returns an end of the path that the two become one of. */
static int32_t join(struct paths *p, int32_t a, int32_t b) {
    const int32_t end_a = p->end[a], end_b = p->end[b];
    p->next[a][p->next[a][0] >= 0] = b;
    p->next[b][p->next[b][0] >= 0] = a;
    p->end[end_a] = end_b;
    p->end[end_b] = end_a;
    return end_a;
}

/* Joins cities to one path over all; one of its ends. Of equally long edges, the one of lower cities comes first. */
static int32_t join_all(const double *d, int64_t n, struct paths *p, struct attn_place *edge) {
    int64_t count = 0, joined = 0;
    int32_t end = 0;
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = i + 1; j < n; j++) edge[count++] = (struct attn_place){d[i * n + j], (double)i, j};
    attn_order_places(edge, count, edge + count);
    for (int64_t e = 0; joined < n - 1; e++) {
        const int32_t a = (int32_t)edge[e].y, b = (int32_t)edge[e].number;
        if (p->next[a][1] >= 0 || p->next[b][1] >= 0 || p->end[a] == b) continue;
        end = join(p, a, b);
        joined++;
    }
    return end;
}

/* One round of 2-opt over pairs of edges of the path, each of which is changed where that shortens it; whether any was. */
static bool shorten(const double *d, int64_t n, int32_t *path) {
    bool changed = false;
    for (int64_t a = 0; a + 3 < n; a++)
        for (int64_t c = a + 2; c + 1 < n; c++) {
            const double *from_a = d + path[a] * n, *from_d = d + path[c + 1] * n;
            const double gain = from_a[path[a + 1]] + from_d[path[c]] - (from_a[path[c]] + from_d[path[a + 1]]);
            if (!(gain > 0)) continue;
            for (int64_t i = a + 1, j = c; i < j; i++, j--) {
                const int32_t kept = path[i];
                path[i] = path[j];
                path[j] = kept;
            }
            changed = true;
        }
    return changed;
}

void attn_tour_greedy(const double *xy, int64_t n, int32_t *tour, void *scratch) {
    double *d = scratch;
    struct attn_place *edge = (struct attn_place *)(void *)(d + n * n);
    struct paths p = {.next = (int32_t(*)[2])(void *)(edge + 2 * edges_of(n))};
    attn_tour_ascending(tour, n);
    if (n < 4) return;
    attn_distances(xy, n, d);
    p.end = (int32_t *)(void *)(p.next + n);
    for (int32_t i = 0; i < n; i++) {
        p.next[i][0] = p.next[i][1] = -1;
        p.end[i] = i;
    }
    int32_t city = join_all(d, n, &p, edge), from = -1;
    for (int64_t i = 0; i < n; i++) {
        const int32_t next = p.next[city][0] == from ? p.next[city][1] : p.next[city][0];
        tour[i] = city;
        from = city;
        city = next;
    }
    for (int round = 0; round < ROUNDS && shorten(d, n, tour); round++) continue;
    attn_tour_from_first(tour, n);
}
