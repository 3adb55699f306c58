/* Pictures: which classes are taken for which, and the probabilities of the classes while a series goes on. */
#include "metric/confusion.h"
#include "system/aaren/classify_task.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { COLUMNS = 100, CHANNELS = 6, CLASSES = 40 /* of a heat map that can be read */ };

static const struct attn_aaren_classify_set *shown_set(const struct attn_aaren_classify_task *s) {
    return s->data.test.cases > 0 ? &s->data.test : &s->data.validation;
}

static void put_label(char label[ATTN_PICTURE_LABEL], const char *text) {
    snprintf(label, ATTN_PICTURE_LABEL, "%.*s", ATTN_PICTURE_LABEL - 1, text);
}

/* -------------------------------------------------------------------------------------------------------- confusion */

/* Rows are true classes, as shares of their cases. */
static attn_status draw_counts(struct attn_job *job, const int64_t *counts, struct attn_picture *out) {
    const struct attn_aaren_classify_task *s = job->self;
    const int64_t classes = s->model.classes;
    double *cell = attn_alloc(job->ctx, (size_t)(classes * classes) * sizeof *cell);
    if (!cell) return attn_no_memory(job->ctx, "a picture", (size_t)(classes * classes) * sizeof *cell);
    for (int64_t k = 0; k < classes; k++) {
        int64_t all = 0;
        for (int64_t j = 0; j < classes; j++) all += counts[k * classes + j];
        for (int64_t j = 0; j < classes; j++) cell[k * classes + j] = all > 0 ? (double)counts[k * classes + j] / (double)all : (double)NAN;
    }
    const attn_status status = attn_picture_matrix(job->ctx, out, cell, classes, classes);
    attn_free(job->ctx, cell);
    if (status) return status;
    for (int64_t k = 0; k < 2 * classes; k++) put_label(out->label[k], s->data.kind.name[k % classes]);
    strcpy(out->row_title, "class");
    strcpy(out->column_title, "predicted");
    attn_append(out->title, sizeof out->title, "Which classes are taken for which");
    attn_append(out->caption, sizeof out->caption, "Share of the cases of each class, of the %s.",
                s->data.test.cases > 0 ? "tests" : "cases that are held out");
    attn_append(out->description, sizeof out->description, "A matrix of %lld classes; %.3g of the cases are on its diagonal. ",
                (long long)classes, attn_confusion_accuracy(counts, classes));
    return ATTN_OK;
}

static attn_status draw_confusion(struct attn_job *job, struct attn_picture *out) {
    const struct attn_aaren_classify_task *s = job->self;
    const size_t bytes = (size_t)(s->model.classes * s->model.classes) * sizeof(int64_t);
    int64_t *counts = attn_alloc(job->ctx, bytes);
    double loss;
    if (!counts) return attn_no_memory(job->ctx, "a confusion matrix", bytes);
    attn_status status = attn_aaren_classify_measure(job, shown_set(s), counts, &loss);
    if (!status) status = draw_counts(job, counts, out);
    attn_free(job->ctx, counts);
    return status;
}

/* --------------------------------------------------------------------------------------------------------- over time */

/* What is drawn of a case: channels above, classes below, times as columns. */
struct strip {
    int64_t channels, rows, columns, steps;
    double *cell; /* [rows, columns] */
};

/* The step that column j shows: the last column shows the last step. */
static int64_t step_of(const struct strip *p, int64_t j) {
    return (j + 1) * p->steps / p->columns - 1;
}

/* Channels fill the range from 0 to 1. */
static void fill_channels(const attn_real *x, int64_t channels, const struct strip *p) {
    for (int64_t d = 0; d < p->channels; d++) {
        double low = (double)INFINITY, high = -(double)INFINITY;
        for (int64_t t = 0; t < p->steps; t++) {
            low = fmin(low, (double)x[t * channels + d]);
            high = fmax(high, (double)x[t * channels + d]);
        }
        for (int64_t j = 0; j < p->columns; j++)
            p->cell[d * p->columns + j] = high > low ? ((double)x[step_of(p, j) * channels + d] - low) / (high - low) : 0.5;
    }
}

static void fill_classes(struct attn_aaren_classify_task *s, const attn_real *h, attn_real *sum, const struct strip *p) {
    const struct attn_aaren_classify_model *m = &s->model;
    for (int64_t t = 0, j = 0; t < p->steps; t++) {
        attn_aaren_classify_head_push(m, h + t * m->width, t, sum, s->sums);
        attn_aaren_classify_probabilities(s->sums, m->classes);
        for (; j < p->columns && step_of(p, j) == t; j++)
            for (int64_t k = 0; k < p->rows - p->channels; k++) p->cell[(p->channels + k) * p->columns + j] = s->sums[k];
    }
}

static attn_status fill_strip(struct attn_job *job, const struct attn_aaren_classify_set *set, int64_t index, const struct strip *p) {
    struct attn_aaren_classify_task *s = job->self;
    const size_t bytes = (size_t)attn_max64(1, attn_aaren_classify_head_state(&s->model)) * sizeof(attn_real);
    attn_tape_reset(attn_model_tape(job->model));
    attn_tensor *h = attn_aaren_classify_hidden(&s->model, set, index);
    if (!h) return attn_tape_status(attn_model_tape(job->model));
    attn_real *sum = attn_alloc(job->ctx, bytes);
    if (!sum) return attn_no_memory(job->ctx, "a picture", bytes);
    memset(sum, 0, bytes);
    fill_channels(set->x + index * set->length * set->channels, set->channels, p);
    fill_classes(s, attn_data(h), sum, p);
    attn_free(job->ctx, sum);
    return ATTN_OK;
}

static void describe(const struct attn_aaren_classify_task *s, const struct attn_aaren_classify_set *set, int64_t index,
                     const struct strip *p, struct attn_picture *out) {
    const char *label = set->label[index] < 0 ? NULL : s->data.kind.name[set->label[index]];
    int64_t best = p->channels;
    char text[32];
    for (int64_t r = p->channels; r < p->rows; r++)
        if (p->cell[(r + 1) * p->columns - 1] > p->cell[(best + 1) * p->columns - 1]) best = r;
    for (int64_t r = 0; r < p->channels; r++) put_label(out->label[r], s->input_name[r]);
    for (int64_t r = p->channels; r < p->rows; r++) put_label(out->label[r], s->data.kind.name[r - p->channels]);
    for (int64_t j = 0; j < p->columns; j++) {
        snprintf(text, sizeof text, "%lld", (long long)step_of(p, j) + 1);
        put_label(out->label[p->rows + j], text);
    }
    strcpy(out->row_title, "channels, then classes");
    strcpy(out->column_title, "step");
    attn_append(out->title, sizeof out->title, "Class of a series while it goes on%s%s", label ? ": " : "", label ? label : "");
    attn_append(
        out->caption, sizeof out->caption,
        "Above, channels from their least value (0) to their greatest (1); below, the probability of each class by the steps so far.");
    attn_append(out->description, sizeof out->description, "A series of %lld steps%s%s; at its end %s has the probability %.3g. ",
                (long long)p->steps, label ? " of class " : "", label ? label : "", s->data.kind.name[best - p->channels],
                p->cell[(best + 1) * p->columns - 1]);
}

attn_status attn_aaren_classify_draw(struct attn_job *job, const struct attn_aaren_classify_set *set, int64_t index,
                                     struct attn_picture *out) {
    const struct attn_aaren_classify_task *s = job->self;
    struct strip p = {.channels = attn_min64(CHANNELS, s->model.channels), .steps = set->steps[index]};
    if (s->model.padding == ATTN_AAREN_CLASSIFY_CIRCULAR)
        return attn_fail(
            job->ctx, ATTN_EUNSUPPORTED,
            "padding=circular: no prefix of a series is answered by its own steps, expected a model of padding=causal to draw");
    p.rows = p.channels + attn_min64(CLASSES, s->model.classes);
    p.columns = attn_min64(COLUMNS, p.steps);
    const size_t bytes = (size_t)(p.rows * p.columns) * sizeof *p.cell;
    p.cell = attn_alloc(job->ctx, bytes);
    if (!p.cell) return attn_no_memory(job->ctx, "a picture", bytes);
    attn_status status = fill_strip(job, set, index, &p);
    if (!status) status = attn_picture_matrix(job->ctx, out, p.cell, p.rows, p.columns);
    if (!status) describe(s, set, index, &p, out);
    attn_free(job->ctx, p.cell);
    return status;
}

/* The confusion matrix, and the first cases of the first classes. */
attn_status attn_aaren_classify_picture(struct attn_job *job, int64_t index, struct attn_picture *out) {
    enum { SERIES = 2 };
    const struct attn_aaren_classify_task *s = job->self;
    const attn_status status = attn_aaren_classify_load(job);
    if (status) return status;
    const struct attn_aaren_classify_set *set = shown_set(s);
    const bool confusion = s->model.classes <= COLUMNS;
    if (confusion && index == 0) return draw_confusion(job, out);
    const int64_t series = index - confusion;
    if (series >= SERIES || series >= s->model.classes || s->model.padding == ATTN_AAREN_CLASSIFY_CIRCULAR) return ATTN_OK;
    for (int64_t c = 0; c < set->cases; c++)
        if (set->label[c] == series) return attn_aaren_classify_draw(job, set, c, out);
    return ATTN_OK;
}
