/* Methods by name, and a pool of instances that runs go round. */
#include "bench/tour.h"

#include "base/clock.h"
#include "base/context.h"
#include "base/random.h"
#include "metric/plane.h"
#include "metric/polygon.h"
#include "metric/tour.h"
#include "system/pointer/delaunay.h"
#include "system/pointer/hull.h"
#include "system/pointer/qhull.h"
#include "system/pointer/tours.h"

#include <math.h>
#include <string.h>

/* Points of a pool in all, and its instances at most. */
enum { POOL_POINTS = 1 << 16, POOL_INSTANCES = 256 };

static attn_status hull(attn_ctx *ctx, const double *xy, int64_t n, uint64_t number, int32_t *answer, int64_t *count, void *scratch) {
    (void)ctx, (void)number;
    *count = attn_hull(xy, n, answer, scratch);
    return ATTN_OK;
}

static attn_status hull_qhull(attn_ctx *ctx, const double *xy, int64_t n, uint64_t number, int32_t *answer, int64_t *count, void *scratch) {
    (void)number, (void)scratch;
    return attn_qhull_hull(ctx, xy, n, answer, count);
}

static attn_status delaunay(attn_ctx *ctx, const double *xy, int64_t n, uint64_t number, int32_t *answer, int64_t *count, void *scratch) {
    (void)ctx, (void)number;
    *count = attn_delaunay(xy, n, answer, scratch);
    return ATTN_OK;
}

static attn_status delaunay_qhull(attn_ctx *ctx, const double *xy, int64_t n, uint64_t number, int32_t *answer, int64_t *count,
                                  void *scratch) {
    (void)number, (void)scratch;
    return attn_qhull_delaunay(ctx, xy, n, answer, count);
}

#define TOUR(name, call)                                                                                                                   \
    static attn_status name(attn_ctx *ctx, const double *xy, int64_t n, uint64_t number, int32_t *answer, int64_t *count, void *scratch) { \
        (void)ctx, (void)number;                                                                                                           \
        call;                                                                                                                              \
        *count = n;                                                                                                                        \
        return ATTN_OK;                                                                                                                    \
    }
TOUR(exact, attn_tour_exact(xy, n, answer, scratch))
TOUR(search, attn_tour_search(xy, n, number, -1, answer, scratch, NULL))
TOUR(greedy, attn_tour_greedy(xy, n, answer, scratch))
TOUR(nearest, attn_tour_nearest(xy, n, answer, scratch))
TOUR(christofides_greedy, attn_tour_christofides(xy, n, ATTN_TOUR_GREEDY_2OPT, answer, scratch))
TOUR(christofides_minimum, attn_tour_christofides(xy, n, ATTN_TOUR_MINIMUM, answer, scratch))
TOUR(christofides_minimum_2opt, attn_tour_christofides(xy, n, ATTN_TOUR_MINIMUM_2OPT, answer, scratch))

/* From left to right, of points above each other upwards. */
static bool ascends(const double *a, const double *b) {
    return a[0] < b[0] || (a[0] == b[0] && a[1] < b[1]);
}

/* Every corner turns counter-clockwise, and once around all of them: a pentagram turns twice, and its sides cease to ascend as often. */
static bool hull_is_convex(const double *xy, int64_t n, const int32_t *answer, int64_t count, void *scratch) {
    int64_t turns = 0;
    (void)n, (void)scratch;
    for (int64_t i = 0; i < count; i++) {
        const double *a = xy + 2 * (int64_t)answer[i], *b = xy + 2 * (int64_t)answer[(i + 1) % count],
                     *c = xy + 2 * (int64_t)answer[(i + 2) % count];
        if (attn_orientation(a, b, c) <= 0) return false;
        turns += ascends(a, b) && !ascends(b, c);
    }
    return turns == 1;
}

/* No point lies outside: Qhull leaves out what is nearly on a side, and is not asked. */
static bool hull_holds_all(const double *xy, int64_t n, const int32_t *answer, int64_t count, void *scratch) {
    bool held = hull_is_convex(xy, n, answer, count, scratch);
    for (int64_t i = 0; i < count; i++) {
        const double *a = xy + 2 * (int64_t)answer[i], *b = xy + 2 * (int64_t)answer[(i + 1) % count];
        for (int64_t k = 0; k < n && held; k++) held = attn_orientation(a, b, xy + 2 * k) >= 0;
    }
    return held;
}

/* The triangles have the hull's area together. */
static bool triangles_fill_the_hull(const double *xy, int64_t n, const int32_t *answer, int64_t count, void *scratch) {
    int32_t *corner = scratch;
    void *rest = (char *)scratch + 8 * (size_t)n;
    const double area = attn_polygon_area(xy, corner, attn_hull(xy, n, corner, rest));
    double sum = 0;
    for (int64_t i = 0; i < count; i++) sum += fabs(attn_polygon_area(xy, answer + 3 * i, 3));
    return fabs(sum - area) <= 1e-9;
}

static bool tour_visits_all(const double *xy, int64_t n, const int32_t *answer, int64_t count, void *scratch) {
    (void)xy;
    return attn_tour_valid(answer, count, n, scratch) && answer[0] == 0;
}

enum { SPREAD = 1 << 20, SQUARE = 2000 };

const struct attn_tour_method attn_tour_methods[] = {
    {"hull", "corners", 3, SPREAD, attn_hull_scratch, hull, hull_holds_all},
    {"hull-qhull", "corners", 3, SPREAD, NULL, hull_qhull, hull_is_convex},
    {"delaunay", "triangles", 3, SPREAD, attn_delaunay_scratch, delaunay, triangles_fill_the_hull},
    {"delaunay-qhull", "triangles", 3, SPREAD, NULL, delaunay_qhull, triangles_fill_the_hull},
    {"exact", "length", 1, ATTN_TOUR_EXACT_MOST, attn_tour_exact_scratch, exact, tour_visits_all},
    {"search", "length", 1, SQUARE, attn_tour_search_scratch, search, tour_visits_all},
    {"greedy", "length", 1, SQUARE, attn_tour_greedy_scratch, greedy, tour_visits_all},
    {"nearest", "length", 1, SQUARE, attn_tour_nearest_scratch, nearest, tour_visits_all},
    {"christofides-greedy", "length", 1, SQUARE, attn_tour_christofides_scratch, christofides_greedy, tour_visits_all},
    {"christofides-minimum", "length", 1, SQUARE, attn_tour_christofides_scratch, christofides_minimum, tour_visits_all},
    {"christofides-minimum-2opt", "length", 1, SQUARE, attn_tour_christofides_scratch, christofides_minimum_2opt, tour_visits_all},
};
const int attn_tour_method_count = sizeof attn_tour_methods / sizeof *attn_tour_methods;

attn_status attn_tour_case_open(struct attn_tour_case *c, attn_ctx *ctx, const struct attn_tour_method *method, int64_t n, uint64_t seed) {
    const int64_t pool = POOL_POINTS / n, instances = pool < 1 ? 1 : pool < POOL_INSTANCES ? pool : POOL_INSTANCES;
    *c = (struct attn_tour_case){.ctx = ctx, .method = method, .n = n, .instances = instances};
    c->scratch_bytes = method->scratch ? method->scratch(n) : 0;
    c->xy = attn_alloc(ctx, 2 * (size_t)(n * instances) * sizeof(double));
    c->answer = attn_alloc(ctx, 6 * (size_t)n * sizeof(int32_t));
    c->scratch = attn_alloc(ctx, c->scratch_bytes);
    c->check = attn_alloc(ctx, 64 * (size_t)n);
    if (!c->xy || !c->answer || !c->scratch || !c->check) return attn_no_memory(ctx, "bench tour", c->scratch_bytes + 128 * (size_t)n);
    struct attn_random random;
    attn_random_init(&random, seed);
    for (int64_t i = 0; i < 2 * n * instances; i++) c->xy[i] = (double)attn_random_below(&random, 1 << 24) / (1 << 24);
    return ATTN_OK;
}

void attn_tour_case_close(struct attn_tour_case *c) {
    attn_free(c->ctx, c->xy);
    attn_free(c->ctx, c->answer);
    attn_free(c->ctx, c->scratch);
    attn_free(c->ctx, c->check);
}

static attn_status run(struct attn_tour_case *c, int64_t instance, int64_t *count) {
    return c->method->run(c->ctx, c->xy + 2 * c->n * instance, c->n, (uint64_t)instance, c->answer, count, c->scratch);
}

attn_status attn_tour_case_check(struct attn_tour_case *c, bool (*stopped)(void), bool *valid, double *mean) {
    double sum = 0;
    int64_t done = 0;
    *valid = true;
    for (; done < c->instances && !(stopped && stopped()); done++) {
        const double *xy = c->xy + 2 * c->n * done;
        int64_t count;
        const attn_status status = run(c, done, &count);
        if (status != ATTN_OK) return status;
        *valid = *valid && c->method->check(xy, c->n, c->answer, count, c->check);
        sum += c->method->check == tour_visits_all && *valid ? attn_tour_length(xy, c->answer, c->n) : (double)count;
    }
    *mean = sum / (double)done;
    return ATTN_OK;
}

/* The clock is asked after 1, 2, 4 ... instances, so that it takes no part of the time. */
attn_status attn_tour_case_time(struct attn_tour_case *c, double seconds, int64_t *next, double *each) {
    const double begun = attn_clock();
    int64_t done = 0, count;
    for (int64_t batch = 1;; batch *= 2) {
        for (int64_t i = 0; i < batch; i++, done++) {
            const attn_status status = run(c, *next, &count);
            if (status != ATTN_OK) return status;
            *next = (*next + 1) % c->instances;
        }
        const double taken = attn_clock() - begun;
        *each = taken / (double)done;
        if (taken >= seconds) return ATTN_OK;
    }
}
