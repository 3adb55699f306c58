#include "system/pointer/score.h"

#include "metric/polygon.h"
#include "metric/tour.h"
#include "metric/triangles.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const double most_not_simple = 0.01; /* the paper's rule: more, and the area is not told */

size_t attn_pointer_score_scratch(int64_t n, int64_t numbers) {
    const size_t triangles = attn_triangles_scratch(2 * numbers), tour = attn_tour_valid_scratch(n);
    return triangles > tour ? triangles : tour;
}

static bool same(const int32_t *a, int64_t count, const int32_t *b, int64_t other) {
    return count == other && (count == 0 || memcmp(a, b, (size_t)count * sizeof *a) == 0);
}

/* All are points; the end may be said too early, but nothing else is. */
static void add_hull(const double *xy, const int32_t *answer, int64_t answers, const int32_t *truth, int64_t truths,
                     struct attn_pointer_score *s) {
    const bool simple = attn_polygon_simple(xy, answer, answers);
    s->right += attn_same_cycle(answer, answers, truth, truths);
    s->valid += simple;
    if (simple) s->area += fabs(attn_polygon_area(xy, answer, answers)) / fabs(attn_polygon_area(xy, truth, truths));
}

static void add_triangles(const int32_t *answer, int64_t answers, const int32_t *truth, int64_t truths, void *scratch,
                          struct attn_pointer_score *s) {
    struct attn_triangle_match match;
    bool ascending = answers % 3 == 0;
    attn_triangles_match(answer, answers, truth, truths, scratch, &match);
    for (int64_t i = 0; i < answers; i++) ascending = ascending && (i % 3 == 0 || answer[i] > answer[i - 1]);
    s->right += match.exact;
    s->valid += ascending;
    if (match.truth > 0) s->coverage += (double)match.common / (double)match.truth;
    if (match.predicted > 0) s->precision += (double)match.common / (double)match.predicted;
}

static void add_tour(const double *xy, int64_t n, const int32_t *answer, int64_t answers, const int32_t *truth, void *scratch,
                     struct attn_pointer_score *s) {
    if (!attn_tour_valid(answer, answers, n, scratch)) return;
    s->valid++;
    s->tour += attn_tour_length(xy, answer, n);
    s->best += attn_tour_length(xy, truth, n);
}

void attn_pointer_score_add(const struct attn_pointer_problem *problem, const double *xy, int64_t n, const int32_t *answer, int64_t answers,
                            bool ended, const int32_t *truth, int64_t truths, void *scratch, struct attn_pointer_score *s) {
    const bool exact = ended && same(answer, answers, truth, truths);
    s->cases++;
    s->exact += exact;
    switch (problem->kind) {
    case ATTN_POINTER_HULL:
        add_hull(xy, answer, answers, truth, truths, s);
        break;
    case ATTN_POINTER_DELAUNAY:
        add_triangles(answer, answers, truth, truths, scratch, s);
        break;
    case ATTN_POINTER_TSP:
        add_tour(xy, n, answer, answers, truth, scratch, s);
        break;
    case ATTN_POINTER_SORT:
        s->right += exact;
        break;
    }
}

void attn_pointer_score_label(const struct attn_pointer_problem *problem, const double *xy, int64_t n, const int32_t *tokens, int64_t count,
                              struct attn_pointer_score *s) {
    double length = 0;
    if (problem->kind != ATTN_POINTER_TSP || problem->labels == ATTN_LABELS_OPTIMAL || count < n) return;
    for (int64_t i = 0; i < n; i++) {
        const int64_t from = (int64_t)tokens[i] - 1, to = (int64_t)tokens[i + 1 < n ? i + 1 : 0] - 1;
        if (from < 0 || to < 0) return;
        length += hypot(xy[2 * from] - xy[2 * to], xy[2 * from + 1] - xy[2 * to + 1]);
    }
    s->label += length;
    s->labels++;
}

void attn_pointer_score_sum(const struct attn_pointer_score *from, struct attn_pointer_score *to) {
    to->cases += from->cases;
    to->exact += from->exact;
    to->right += from->right;
    to->valid += from->valid;
    to->area += from->area;
    to->coverage += from->coverage;
    to->precision += from->precision;
    to->tour += from->tour;
    to->best += from->best;
    to->label += from->label;
    to->labels += from->labels;
}

/* ---------------------------------------------------------------------------------------------------------- figures */

static double share(double part, int64_t of) {
    return of > 0 ? part / (double)of : (double)NAN;
}

static void add(struct attn_figures *out, const char *name, int64_t n, const char *suffix, double value) {
    char text[48];
    snprintf(text, sizeof text, "%s_%lld%s", name, (long long)n, suffix);
    attn_figures_add(out, text, value);
}

void attn_pointer_score_figures(const struct attn_pointer_problem *problem, const struct attn_pointer_score *s, int64_t n,
                                const char *suffix, struct attn_figures *out) {
    const double simple = share((double)s->valid, s->cases), area = share(s->area, s->valid);
    if (problem->kind != ATTN_POINTER_TSP) add(out, "accuracy", n, suffix, share((double)s->right, s->cases));
    switch (problem->kind) {
    case ATTN_POINTER_HULL:
        add(out, "area", n, suffix, (double)(s->cases - s->valid) > most_not_simple * (double)s->cases ? (double)NAN : area);
        add(out, "simple_area", n, suffix, area);
        add(out, "simple", n, suffix, simple);
        break;
    case ATTN_POINTER_DELAUNAY:
        add(out, "coverage", n, suffix, share(s->coverage, s->cases));
        add(out, "precision", n, suffix, share(s->precision, s->cases));
        break;
    case ATTN_POINTER_TSP:
        add(out, "ratio", n, suffix, s->tour / s->best);
        add(out, "length", n, suffix, share(s->tour, s->valid));
        add(out, "valid", n, suffix, simple);
        if (s->labels > 0) add(out, "label_length", n, suffix, share(s->label, s->labels));
        break;
    case ATTN_POINTER_SORT:
        break;
    }
}

double attn_pointer_score_mean(const struct attn_pointer_problem *problem, const struct attn_pointer_score *scores, int count) {
    double sum = 0;
    for (int i = 0; i < count; i++)
        sum += problem->kind == ATTN_POINTER_TSP ? scores[i].tour / scores[i].best : share((double)scores[i].right, scores[i].cases);
    return sum / count;
}
