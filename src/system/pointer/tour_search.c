/* Iterated local search (Lourenco, Martin, Stutzle 2003): a double bridge (Martin, Otto, Felten 1991) changes what 2-opt and Or-opt cannot easily put back. */
#include "system/pointer/tours.h"

#include "base/random.h"
#include "system/pointer/distances.h"
#include "system/pointer/local_search.h"

#include <string.h>

/* Neighbours that are looked at, and the most cities of a piece that is moved by a kick. */
enum { NEAR = 10, PIECE = 50 };

size_t attn_tour_search_scratch(int64_t n) {
    return (size_t)(n * n) * sizeof(double) + attn_local_search_scratch(n, NEAR) + 2 * (size_t)n * sizeof(int32_t);
}

/* Two pieces, one behind the other, change places: three edges for three others, with the pieces' directions kept. Returns by how much the tour is
 * longer. */
static double kick(struct attn_local_search *s, struct attn_random *random, int32_t *piece) {
    const int64_t n = s->n, longest = n / 3 < PIECE ? n / 3 : PIECE;
    const int64_t begin = (int64_t)attn_random_below(random, (uint64_t)n);
    const int64_t first = attn_random_between(random, 1, longest), second = attn_random_between(random, 1, longest);
    const int64_t count = first + second;
    for (int64_t i = -1; i <= count; i++) piece[i + 1] = s->tour[(begin + i + n) % n];
    const int32_t *a = piece, *b = piece + 1, *c = piece + 1 + first; /* before, first piece, second piece */
    const int32_t before = a[0], behind = b[count];
    double longer = s->d[before * n + c[0]] + s->d[c[second - 1] * n + b[0]] + s->d[b[first - 1] * n + behind];
    longer -= s->d[before * n + b[0]] + s->d[b[first - 1] * n + c[0]] + s->d[c[second - 1] * n + behind];
    for (int64_t i = 0; i < count; i++) {
        const int32_t city = i < second ? c[i] : b[i - second];
        const int64_t at = (begin + i) % n;
        s->tour[at] = city;
        s->at[city] = (int32_t)at;
    }
    const int32_t ends[] = {before, b[0], b[first - 1], c[0], c[second - 1], behind};
    for (int i = 0; i < 6; i++) attn_local_search_look(s, ends[i]);
    return longer;
}

/* The best of all starts. */
static void begin(struct attn_local_search *s, int32_t *tour, int32_t *begun, const struct attn_watch *watch) {
    double least = 0;
    for (int32_t start = 0; start < s->n; start++) {
        attn_tour_from(s->d, s->n, start, begun, begun + s->n);
        attn_local_search_begin(s, begun);
        attn_local_search_run(s);
        const double length = attn_tour_sum(s->d, s->tour, s->n);
        attn_watch_tell(watch, (double)(start + 1) / (double)(s->n + 1));
        if (start > 0 && !(length < least)) continue;
        least = length;
        memcpy(tour, s->tour, (size_t)s->n * sizeof *tour);
    }
}

void attn_tour_search(const double *xy, int64_t n, uint64_t seed, int64_t kicks, int32_t *tour, void *scratch,
                      const struct attn_watch *watch) {
    struct attn_local_search s;
    struct attn_random random;
    double *d = scratch;
    char *rest = (char *)(d + n * n);
    int32_t *begun = (int32_t *)(void *)(rest + attn_local_search_scratch(n, NEAR));
    attn_tour_ascending(tour, n);
    if (n < 4) return;
    attn_random_init(&random, seed);
    attn_distances(xy, n, d);
    attn_local_search_open(&s, d, n, NEAR, true, rest);
    begin(&s, tour, begun, watch);
    attn_local_search_begin(&s, tour);
    attn_local_search_run(&s);
    for (int64_t k = 0; k < (kicks < 0 ? 20 * n : kicks); k++) {
        const double longer = kick(&s, &random, begun) - attn_local_search_run(&s);
        if (longer <= 0) {
            memcpy(tour, s.tour, (size_t)n * sizeof *tour);
            continue;
        }
        memcpy(s.tour, tour, (size_t)n * sizeof *tour);
        for (int64_t i = 0; i < n; i++) s.at[tour[i]] = (int32_t)i;
    }
    attn_tour_from_first(tour, n);
    attn_watch_tell(watch, 1);
}
