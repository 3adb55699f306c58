/* Pictures of what a model answers: the saved model of the best run is opened, and its task describes them. */
#include "base/folder.h"
#include "report/html.h"
#include "report/page_parts.h"
#include "report/picture.h"
#include "system/systems.h"
#include "train/work.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PICTURES = 6 /* at most */ };

/* The finished run with a saved model whose figure is best, the first of equal ones; NULL: none. */
static const struct attn_report_run *best_run(const struct attn_page_task *t, char path[ATTN_FILE_PATH]) {
    const struct attn_report_run *best = NULL;
    double best_value = -HUGE_VAL;
    for (int64_t i = 0; i < t->runs.count; i++) {
        char model[ATTN_FILE_PATH];
        const struct attn_run_summary *s = t->runs.at[i].summary;
        const double value = (t->task->lower ? -1 : 1) * attn_figures_get(&s->figures, t->task->figure);
        snprintf(model, sizeof model, "%s/%s", s->folder, ATTN_MODEL_FILE);
        if (s->state != ATTN_RUN_DONE || (best && !(value > best_value)) || !attn_path_exists(model)) continue;
        best = &t->runs.at[i];
        best_value = isnan(value) ? -HUGE_VAL : value;
        memcpy(path, model, sizeof model);
    }
    return best;
}

static void picture_csv(FILE *file, const void *picture) {
    attn_picture_csv(file, picture);
}

attn_status attn_page_picture(struct attn_page *page, const char *name, const char *caption, const struct attn_picture *picture) {
    char *svg = NULL;
    struct attn_page_figure figure = {.name = name, .title = picture->title, .caption = caption, .desc = picture->description};
    attn_status status = attn_picture_svg(page->ctx, picture, &svg, &figure.svg_bytes);
    figure.svg = svg;
    if (!status) status = attn_page_figure_begin(page, &figure);
    free(svg);
    if (status) return status;
    fputs("</figure>\n", page->file);
    return attn_page_csv(page, picture->title, picture_csv, picture);
}

static attn_status put_picture(struct attn_page *page, const struct attn_page_task *t, int64_t index, const struct attn_picture *picture) {
    char name[160] = "";
    attn_append(name, sizeof name, "%s-picture-%lld", t->name, (long long)index + 1);
    return attn_page_picture(page, name, picture->caption, picture);
}

static void put_head(struct attn_page *page, const struct attn_report_run *run) {
    fputs("<h3>Pictures</h3>\n<p>What the best of these runs answers: ", page->file);
    attn_html_text(page->file, run->summary->id);
    fputs(".</p>\n<div class=\"figures\">\n", page->file);
}

/* A page is worth having without them: what failed is said in their place. */
static void put_failure(struct attn_page *page) {
    char sentence[1024];
    attn_ctx_error(page->ctx, sentence, sizeof sentence);
    fputs("<p class=\"warning\">There are no pictures: ", page->file);
    attn_html_text(page->file, sentence);
    fputs("</p>\n", page->file);
}

static attn_status put_pictures(struct attn_page *page, const struct attn_page_task *t, const struct attn_report_run *run,
                                struct attn_job *job) {
    attn_status status = ATTN_OK, described = ATTN_OK;
    int64_t count = 0;
    for (bool more = true; more && count < PICTURES && !status; count += more) {
        struct attn_picture picture = {.points = 0};
        described = t->task->picture(job, count, &picture);
        more = !described && !attn_picture_empty(&picture);
        if (more && count == 0) put_head(page, run);
        if (more) status = put_picture(page, t, count, &picture);
        attn_picture_free(page->ctx, &picture);
    }
    if (count > 0) fputs("</div>\n", page->file);
    if (described == ATTN_ENOMEM) return described;
    if (described) put_failure(page);
    return status;
}

attn_status attn_page_pictures(struct attn_page *page, const struct attn_page_task *t) {
    char path[ATTN_FILE_PATH];
    struct attn_saved_model model;
    if (!t->task || !t->task->picture) return ATTN_OK;
    const struct attn_report_run *run = best_run(t, path);
    if (!run) return ATTN_OK;
    const attn_status opened = attn_work_open_model(page->ctx, attn_task_named, path, NULL, 0, &model);
    if (opened == ATTN_ENOMEM) return opened;
    if (opened) {
        put_failure(page);
        return ATTN_OK;
    }
    const attn_status status = put_pictures(page, t, run, &model.job);
    attn_work_close_model(&model);
    return status;
}
