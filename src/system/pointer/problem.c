#include "system/pointer/problem.h"

#include "base/random.h"
#include "system/pointer/delaunay.h"
#include "system/pointer/tours.h"
#include "system/pointer/truth.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { GRID_BITS = 24 };

/* ------------------------------------------------------------------------------------------------------------ sizes */

int64_t attn_pointer_most_numbers(const struct attn_pointer_problem *problem, int64_t n) {
    return problem->kind == ATTN_POINTER_DELAUNAY ? 3 * attn_delaunay_most(n) : n;
}

static bool closes(const struct attn_pointer_problem *problem) {
    return problem->close && (problem->kind == ATTN_POINTER_HULL || problem->kind == ATTN_POINTER_TSP);
}

int64_t attn_pointer_most_tokens(const struct attn_pointer_problem *problem, int64_t n) {
    return attn_pointer_most_numbers(problem, n) + closes(problem) + !problem->closing_ends;
}

/* For tours of up to n points: those of fewer may be exact. */
static size_t tour_scratch(const struct attn_pointer_problem *problem, int64_t n) {
    const size_t sizes[] = {attn_tour_exact_scratch(attn_min64(n, problem->exact_most)), attn_tour_search_scratch(n),
                            attn_tour_greedy_scratch(n), attn_tour_nearest_scratch(n), attn_tour_christofides_scratch(n)};
    size_t most = 0;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        if (sizes[i] > most) most = sizes[i];
    return most;
}

size_t attn_pointer_scratch(const struct attn_pointer_problem *problem, int64_t n) {
    switch (problem->kind) {
    case ATTN_POINTER_HULL:
        return attn_truth_hull_scratch(n);
    case ATTN_POINTER_DELAUNAY:
        return attn_truth_delaunay_scratch(n);
    case ATTN_POINTER_TSP:
        return tour_scratch(problem, n);
    case ATTN_POINTER_SORT:
        break;
    }
    return 1;
}

/* ------------------------------------------------------------------------------------------------------------ points */

struct keyed {
    double key, xy[2];
};

static int by_key(const void *a, const void *b) {
    const struct keyed *x = a, *y = b;
    return (x->key > y->key) - (x->key < y->key);
}

/* By x, or by the angle around the points' mean. */
static void put_in_order(enum attn_pointer_order order, int64_t n, double *xy) {
    struct keyed point[ATTN_POINTER_MOST];
    double mean[2] = {0, 0};
    if (n < 2) return;
    for (int64_t i = 0; i < 2 * n; i++) mean[i % 2] += xy[i] / (double)n;
    for (int64_t i = 0; i < n; i++) {
        const double *p = xy + 2 * i;
        point[i] = (struct keyed){order == ATTN_ORDER_X ? p[0] : atan2(p[1] - mean[1], p[0] - mean[0]), {p[0], p[1]}};
    }
    qsort(point, (size_t)n, sizeof *point, by_key);
    for (int64_t i = 0; i < n; i++) memcpy(xy + 2 * i, point[i].xy, sizeof point[i].xy);
}

static bool is_new(const double *xy, int64_t i) {
    for (int64_t j = 0; j < i; j++)
        if (xy[2 * j] == xy[2 * i] && xy[2 * j + 1] == xy[2 * i + 1]) return false;
    return true;
}

void attn_pointer_draw(const struct attn_pointer_problem *problem, int64_t n, uint64_t seed, uint64_t index, double *xy) {
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)},
                   counter[4] = {(uint32_t)index, (uint32_t)(index >> 32), (uint32_t)n, (uint32_t)problem->kind};
    struct attn_random random;
    uint32_t own[4];
    attn_philox(key, counter, own); /* a seed of its own for each example */
    attn_random_init(&random, own[0] | (uint64_t)own[1] << 32);
    for (int64_t i = 0; i < n; i++) do {
            for (int c = 0; c < 2; c++) xy[2 * i + c] = ldexp((double)(attn_random_u32(&random) >> (32 - GRID_BITS)), -GRID_BITS);
            if (problem->kind == ATTN_POINTER_SORT) xy[2 * i + 1] = 0;
        } while (!is_new(xy, i));
    if (problem->order != ATTN_ORDER_RANDOM) put_in_order(problem->order, n, xy);
}

/* ---------------------------------------------------------------------------------------------------------- solutions */

static void sort_points(const double *xy, int64_t n, int32_t *numbers) {
    for (int64_t i = 0; i < n; i++) { /* by insertion: a stable order for a few points */
        int64_t at = i;
        for (; at > 0 && xy[2 * (int64_t)numbers[at - 1]] > xy[2 * i]; at--) numbers[at] = numbers[at - 1];
        numbers[at] = (int32_t)i;
    }
}

static void find_tour(const struct attn_pointer_problem *problem, const double *xy, int64_t n, enum attn_pointer_labels labels,
                      int32_t *tour, void *scratch, const struct attn_watch *watch) {
    switch (labels) {
    case ATTN_LABELS_OPTIMAL:
        if (n <= problem->exact_most)
            attn_tour_exact(xy, n, tour, scratch);
        else
            attn_tour_search(xy, n, 0, -1, tour, scratch, watch);
        break;
    case ATTN_LABELS_A1:
        attn_tour_greedy(xy, n, tour, scratch);
        break;
    case ATTN_LABELS_A2:
        attn_tour_nearest(xy, n, tour, scratch);
        break;
    case ATTN_LABELS_A3:
        attn_tour_christofides(xy, n, ATTN_TOUR_GREEDY_2OPT, tour, scratch);
        break;
    }
    if (!problem->any_direction) attn_tour_direct(xy, tour, n);
}

int64_t attn_pointer_solve(const struct attn_pointer_problem *problem, const double *xy, int64_t n, int32_t *numbers, void *scratch,
                           const struct attn_watch *watch) {
    switch (problem->kind) {
    case ATTN_POINTER_HULL:
        return attn_truth_hull(xy, n, numbers, scratch);
    case ATTN_POINTER_DELAUNAY:
        return 3 * attn_truth_delaunay(xy, n, numbers, scratch);
    case ATTN_POINTER_TSP:
        find_tour(problem, xy, n, ATTN_LABELS_OPTIMAL, numbers, scratch, watch);
        return n;
    case ATTN_POINTER_SORT:
        break;
    }
    sort_points(xy, n, numbers);
    return n;
}

static void shuffle(int32_t *triangles, int64_t count, uint64_t seed) {
    struct attn_random random;
    attn_random_init(&random, seed);
    for (int64_t i = count - 1; i > 0; i--) {
        const int64_t j = (int64_t)attn_random_below(&random, (uint64_t)i + 1);
        for (int k = 0; k < 3; k++) {
            const int32_t kept = triangles[3 * i + k];
            triangles[3 * i + k] = triangles[3 * j + k];
            triangles[3 * j + k] = kept;
        }
    }
}

int64_t attn_pointer_label(const struct attn_pointer_problem *problem, const double *xy, int64_t n, uint64_t seed, int32_t *numbers,
                           void *scratch) {
    if (problem->kind == ATTN_POINTER_TSP) {
        find_tour(problem, xy, n, problem->labels, numbers, scratch, NULL);
        return n;
    }
    const int64_t count = attn_pointer_solve(problem, xy, n, numbers, scratch, NULL);
    if (problem->kind == ATTN_POINTER_DELAUNAY && problem->shuffled) shuffle(numbers, count / 3, seed);
    return count;
}

bool attn_pointer_label_is_right(const struct attn_pointer_problem *problem) {
    return problem->kind == ATTN_POINTER_TSP ? problem->labels == ATTN_LABELS_OPTIMAL : !problem->shuffled;
}

/* ------------------------------------------------------------------------------------------------------------- tokens */

int64_t attn_pointer_tokens(const struct attn_pointer_problem *problem, const int32_t *numbers, int64_t count, int32_t *tokens) {
    int64_t length = 0;
    for (; length < count; length++) tokens[length] = numbers[length] + 1;
    if (closes(problem) && count > 0) tokens[length++] = numbers[0] + 1;
    if (!problem->closing_ends) tokens[length++] = ATTN_POINTER_END;
    return length;
}

int64_t attn_pointer_numbers(const struct attn_pointer_problem *problem, const int32_t *tokens, int64_t count, int32_t *numbers) {
    if (closes(problem) && count > 1 && tokens[count - 1] == tokens[0]) count--;
    for (int64_t i = 0; i < count; i++) numbers[i] = tokens[i] - 1;
    return count;
}

/* --------------------------------------------------------------------------------------------------------- constraints */

/* All but those that have been. */
static void allow_new(const int32_t *tokens, int64_t count, int64_t n, unsigned char *allowed) {
    memset(allowed + 1, 1, (size_t)n);
    for (int64_t i = 0; i < count; i++) allowed[tokens[i]] = 0;
}

static void allow_tour(const struct attn_pointer_problem *problem, const int32_t *tokens, int64_t count, int64_t n,
                       unsigned char *allowed) {
    if (count == 0 || (count == n && closes(problem)))
        allowed[1] = 1;
    else if (count < n)
        allow_new(tokens, count, n, allowed);
    else
        allowed[ATTN_POINTER_END] = 1;
}

static void allow_hull(const struct attn_pointer_problem *problem, const int32_t *tokens, int64_t count, int64_t n,
                       unsigned char *allowed) {
    const bool shut = count > 1 && tokens[count - 1] == tokens[0], enough = count >= attn_min64(3, n);
    if (!shut) allow_new(tokens, count, n, allowed);
    if (!shut && enough && closes(problem)) allowed[tokens[0]] = 1;
    if (shut || (enough && !closes(problem))) allowed[ATTN_POINTER_END] = 1;
}

static void allow_triangle(const int32_t *tokens, int64_t count, int64_t n, unsigned char *allowed) {
    const int64_t corner = count % 3, first = corner > 0 ? tokens[count - 1] + 1 : 1, last = n - 2 + corner;
    for (int64_t i = first; i <= last && count < 3 * attn_delaunay_most(n); i++) allowed[i] = 1;
    if (corner == 0) allowed[ATTN_POINTER_END] = 1;
}

void attn_pointer_allow(const struct attn_pointer_problem *problem, const int32_t *tokens, int64_t count, int64_t n,
                        unsigned char *allowed) {
    memset(allowed, 0, (size_t)n + 1);
    switch (problem->kind) {
    case ATTN_POINTER_HULL:
        allow_hull(problem, tokens, count, n, allowed);
        break;
    case ATTN_POINTER_DELAUNAY:
        allow_triangle(tokens, count, n, allowed);
        break;
    case ATTN_POINTER_TSP:
        allow_tour(problem, tokens, count, n, allowed);
        break;
    case ATTN_POINTER_SORT:
        if (count < n)
            allow_new(tokens, count, n, allowed);
        else
            allowed[ATTN_POINTER_END] = 1;
        break;
    }
}
