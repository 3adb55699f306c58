/* Answers for the user's own points: the model's, and with --check what is right, on a line each; for the task of sorting, for lines of numbers. */
#include "system/pointer/answer.h"

#include "io/number.h"
#include "metric/polygon.h"
#include "metric/tour.h"
#include "metric/triangles.h"
#include "system/pointer/pictures.h"
#include "system/pointer/read_points.h"
#include "train/answers.h"

#include <errno.h>
#include <math.h>
#include <string.h>

enum { MOST_POINTS = 5000 /* the answer's time grows with their square */, LEAST_POINTS = 3 };

/* What is being answered. */
struct question {
    struct attn_job *job;
    const struct attn_predict_options *options;
    const char *name; /* the set's, "" where it has none */
    struct attn_pointer_answer answer;
};

static attn_status check(const struct question *q, int64_t n) {
    attn_ctx *ctx = q->job->ctx;
    const struct attn_pointer_task *s = q->job->self;
    const char *what = s->problem.kind == ATTN_POINTER_SORT ? "number" : "point";
    if (s->problem.order != ATTN_ORDER_RANDOM)
        return attn_fail(ctx, ATTN_EUNSUPPORTED,
                         "the model has learned from points that are in order (order=), expected one that takes them as they come");
    if (n < LEAST_POINTS)
        return attn_fail(ctx, ATTN_EINVAL, "found %lld %s%s, expected at least %d", (long long)n, what, n == 1 ? "" : "s", LEAST_POINTS);
    if (n > MOST_POINTS)
        return attn_fail(ctx, ATTN_EUNSUPPORTED,
                         "found %lld points, expected at most %d: a model looks at every point for every part of its answer", (long long)n,
                         MOST_POINTS);
    return ATTN_OK;
}

/* ----------------------------------------------------------------------------------------------------------- printing */

static void print_numbers(const struct attn_pointer_answer *a, const int32_t *numbers, int64_t count, FILE *out) {
    const bool triangles = a->problem.kind == ATTN_POINTER_DELAUNAY;
    if (count == 0) fputs("none", out);
    for (int64_t i = 0; i < count; i++) fprintf(out, "%s%d", i == 0 ? "" : triangles && i % 3 == 0 ? "  " : " ", numbers[i] + 1);
}

/* TSPLIB's own distances are rounded to whole numbers. */
static double rounded_length(const double *xy, const int32_t *tour, int64_t n) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        const double *a = xy + 2 * (int64_t)tour[i], *b = xy + 2 * (int64_t)tour[i + 1 < n ? i + 1 : 0];
        sum += floor(hypot(a[0] - b[0], a[1] - b[1]) + 0.5);
    }
    return sum;
}

/* "<tab>area 16", of coordinates up to the greatest double. */
static void print_size(const char *what, double size, FILE *out) {
    if (isfinite(size))
        fprintf(out, "\t%s %.6g", what, size);
    else
        fprintf(out, "\t%s too large for a double", what);
}

/* What a structure measures. */
static void print_measure(const struct question *q, const int32_t *numbers, int64_t count, FILE *out) {
    const struct attn_pointer_answer *a = &q->answer;
    switch (a->problem.kind) {
    case ATTN_POINTER_HULL:
        if (count < 3)
            fputs("\tno area", out);
        else if (attn_polygon_simple(a->xy, numbers, count))
            print_size("area", fabs(attn_polygon_area(a->xy, numbers, count)), out);
        else
            fputs("\tno simple polygon", out);
        break;
    case ATTN_POINTER_DELAUNAY:
        fprintf(out, "\t%lld triangle%s", (long long)(count / 3), count / 3 == 1 ? "" : "s");
        break;
    case ATTN_POINTER_TSP:
        if (!attn_tour_valid(numbers, count, a->n, a->scratch)) {
            fputs("\tno tour of all points", out);
            break;
        }
        print_size("length", attn_tour_length(a->xy, numbers, count), out);
        if (q->name[0]) fprintf(out, "\trounded as in TSPLIB %.0f", rounded_length(a->xy, numbers, count));
        break;
    case ATTN_POINTER_SORT:
        break;
    }
}

static void print_longer(const struct attn_pointer_answer *a, FILE *out) {
    const double best = attn_tour_length(a->xy, a->truth, a->truths);
    if (!attn_tour_valid(a->numbers, a->count, a->n, a->scratch) || !(best > 0)) return;
    const double more = attn_tour_length(a->xy, a->numbers, a->count) / best - 1;
    if (!isfinite(more)) return; /* a length is too large for a double */
    if (more > 1e-12)
        fprintf(out, "\tthe model's is %.2f%% longer", 100 * more);
    else
        fputs("\tthe model is right", out);
}

static void print_comparison(const struct attn_pointer_answer *a, FILE *out) {
    struct attn_triangle_match match;
    bool right = false;
    switch (a->problem.kind) {
    case ATTN_POINTER_HULL:
        right = attn_same_cycle(a->numbers, a->count, a->truth, a->truths);
        break;
    case ATTN_POINTER_DELAUNAY:
        attn_triangles_match(a->numbers, a->count, a->truth, a->truths, a->scratch, &match);
        fprintf(out, "\tthe model has %lld of them", (long long)match.common);
        return;
    case ATTN_POINTER_TSP:
        print_longer(a, out);
        return;
    case ATTN_POINTER_SORT:
        right = a->count == a->truths && memcmp(a->numbers, a->truth, (size_t)a->truths * sizeof *a->truth) == 0;
        break;
    }
    fputs(right ? "\tthe model is right" : "\tthe model is wrong", out);
}

static void print_answer(const struct question *q, FILE *out) {
    const struct attn_pointer_answer *a = &q->answer;
    if (q->options->check) fputs("model\t", out);
    print_numbers(a, a->numbers, a->count, out);
    print_measure(q, a->numbers, a->count, out);
    if (!a->ended) fputs("\tit did not come to an end", out);
    fputc('\n', out);
    if (!q->options->check) return;
    const char *word = attn_pointer_truth_word(a);
    fprintf(out, "%s\t", word ? word : "exact");
    print_numbers(a, a->truth, a->truths, out);
    print_measure(q, a->truth, a->truths, out);
    print_comparison(a, out);
    fputc('\n', out);
}

/* ----------------------------------------------------------------------------------------------------------- answering */

static attn_status draw(const struct question *q, struct attn_picture *picture) {
    const struct attn_pointer_answer *a = &q->answer;
    const struct attn_point_answer predicted = {a->numbers, a->count}, truth = {a->truth, a->truths};
    attn_append(picture->title, sizeof picture->title, "%s%s%lld points", q->name, q->name[0] ? ": " : "", (long long)a->n);
    if (a->problem.kind == ATTN_POINTER_SORT)
        return a->weights ? attn_pointer_picture_weights(q->job->ctx, picture, a->weights, a->steps, a->n) : ATTN_OK;
    if (a->problem.kind == ATTN_POINTER_DELAUNAY)
        return attn_pointer_picture_triangles(q->job->ctx, picture, a->xy, a->n, predicted, truth);
    picture->truth = attn_pointer_truth_word(a);
    return attn_pointer_picture_cycles(q->job->ctx, picture, a->xy, a->n, predicted, truth);
}

static attn_status answer_points(struct question *q, const double *xy, int64_t n, FILE *out) {
    const struct attn_pointer_task *s = q->job->self;
    struct attn_picture *picture = q->options->picture;
    const bool drawn = picture && attn_picture_empty(picture);
    const struct attn_pointer_wish wish = {q->options->check, drawn && s->problem.kind == ATTN_POINTER_SORT, q->options->watch};
    attn_status status = check(q, n);
    if (status) return status;
    status = attn_pointer_ask(q->job, xy, n, wish, &q->answer);
    if (!status && drawn) status = draw(q, picture);
    if (!status) print_answer(q, out);
    attn_pointer_answer_close(&q->answer);
    return status;
}

/* ------------------------------------------------------------------------------------------------------ points, numbers */

static attn_status flush(attn_ctx *ctx, FILE *out) {
    errno = 0;
    if (fflush(out) == 0 && !ferror(out)) return ATTN_OK;
    return attn_fail(ctx, ATTN_ESYSTEM, "the answer cannot be written: %s", errno ? strerror(errno) : "a part of it was refused");
}

static attn_status name_set(attn_ctx *ctx, attn_status status, const char *input, int64_t number, const struct attn_point_set *set) {
    char sentence[1024];
    return attn_fail(ctx, status, "%s, set %lld, up to line %lld: %s", input, (long long)number, (long long)set->line,
                     attn_ctx_error(ctx, sentence, sizeof sentence));
}

static attn_status answer_sets(struct question *q, FILE *in, FILE *out) {
    attn_ctx *ctx = q->job->ctx;
    struct attn_point_set set = {.xy = NULL};
    attn_status status = ATTN_OK;
    for (int64_t number = 1; !status; number++) {
        bool end = false;
        status = attn_points_read(ctx, in, q->options->input, &set, &end);
        if (!status && end && number == 1)
            status = attn_fail(ctx, ATTN_EINVAL, "%s: found no points, expected a set of at least %d", q->options->input, LEAST_POINTS);
        if (status || end) break;
        q->name = set.name;
        status = answer_points(q, set.xy, set.n, out);
        if (!status) status = flush(ctx, out);
        if (status) status = name_set(ctx, status, q->options->input, number, &set);
        attn_points_free(ctx, &set);
    }
    q->name = "";
    return status;
}

/* Numbers separated by blanks or commas, as the first coordinates of points. */
static attn_status answer_numbers(void *user, char *line, size_t bytes, FILE *out) {
    struct question *q = user;
    attn_ctx *ctx = q->job->ctx;
    double xy[2 * MOST_POINTS];
    int64_t n = 0;
    if (strlen(line) != bytes) return attn_fail(ctx, ATTN_EINVAL, "found a byte 0 at byte %zu, expected numbers", strlen(line));
    for (const char *at = line + strspn(line, " \t,"); *at; at += strspn(at, " \t,")) {
        char shown[ATTN_WORD_SHOWN];
        double value;
        const char *end = attn_number_read(at, &value);
        if (!end || !isfinite(value) || !strchr(" \t,", *end))
            return attn_fail(ctx, ATTN_EINVAL, "found '%s' at byte %zu, expected a number", attn_word_shown(at, NULL, shown),
                             (size_t)(at - line));
        if (n == MOST_POINTS) return attn_fail(ctx, ATTN_EUNSUPPORTED, "found more than %d numbers, expected at most as many", MOST_POINTS);
        xy[2 * n] = value;
        xy[2 * n++ + 1] = 0;
        at = end;
    }
    return answer_points(q, xy, n, out);
}

attn_status attn_pointer_predict(struct attn_job *job, const struct attn_predict_options *options, FILE *in, FILE *out) {
    const struct attn_pointer_task *s = job->self;
    struct question q = {.job = job, .options = options, .name = ""};
    if (s->problem.kind == ATTN_POINTER_SORT) return attn_answer_lines(job->ctx, options->input, in, out, answer_numbers, &q);
    return answer_sets(&q, in, out);
}
