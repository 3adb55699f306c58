/* Order of the page: head, claims, tasks one by one, environments. It is made in memory and put in its place as a whole. */
#include "report/page.h"

#include "base/folder.h"
#include "report/html.h"
#include "report/page_parts.h"
#include "report/page_style.h"
#include "system/systems.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static void put_date(FILE *file) {
    const time_t now = time(NULL);
    struct tm utc;
    char text[64] = "";
    if (gmtime_r(&now, &utc)) strftime(text, sizeof text, "%Y-%m-%d %H:%M UTC", &utc);
    fputs(text, file);
}

static void put_head(const struct attn_page *page, int64_t runs) {
    FILE *f = page->file;
    fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
          "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\"/>\n"
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n<meta name=\"color-scheme\" content=\"light "
          "dark\"/>\n<title>",
          f);
    attn_html_text(f, page->options->title);
    fprintf(f, " – attn report</title>\n<style>%s</style>\n</head>\n<body>\n<header>\n<h1>", attn_page_style);
    attn_html_text(f, page->options->title);
    fputs("</h1>\n<p>", f);
    attn_html_whole(f, runs);
    fprintf(f, " run%s. Written on ", runs == 1 ? "" : "s");
    put_date(f);
    fputs(" by ", f);
    attn_html_text(f, attn_version_string());
    fputs(".</p>\n</header>\n", f);
}

static void put_states(FILE *f, const struct attn_report_runs *runs) {
    bool any = false;
    for (int s = ATTN_RUN_DONE; s <= ATTN_RUN_KILLED; s++) {
        int64_t count = 0;
        for (int64_t i = 0; i < runs->count; i++) count += runs->at[i].summary->state == (enum attn_run_state)s;
        if (count == 0) continue;
        fputs(any ? ", " : "", f);
        attn_html_whole(f, count);
        fprintf(f, " %s", attn_run_state_name((enum attn_run_state)s));
        any = true;
    }
}

/* -------------------------------------------------------------------------------------------------------- sections */

static void know_task(struct attn_page_task *t) {
    for (int s = 0; s < attn_system_count; s++)
        for (int k = 0; k < attn_systems[s]->task_count; k++)
            if (strcmp(attn_systems[s]->tasks[k]->name, t->name) == 0) {
                t->system = attn_systems[s];
                t->task = attn_systems[s]->tasks[k];
            }
}

static attn_status put_task(struct attn_page *page, struct attn_page_task *t) {
    FILE *f = page->file;
    attn_status status = attn_report_differences(&t->runs, &t->differences, &t->difference_count);
    if (status) return status;
    know_task(t);
    fprintf(f, "<section id=\"task-%d\" aria-labelledby=\"task-%d-title\">\n<h2 id=\"task-%d-title\">", page->task, page->task, page->task);
    attn_html_text(f, t->name);
    fputs("</h2>\n<p>", f);
    if (t->task) {
        attn_html_text(f, t->task->summary);
        fputs(" (", f);
        attn_html_text(f, t->system->paper);
        fputs("). ", f);
    }
    fputs("Runs: ", f);
    put_states(f, &t->runs);
    fputs(".</p>\n", f);
    status = attn_page_figures(page, t);
    if (!status) status = attn_page_pictures(page, t);
    if (!status) attn_page_table(page, t);
    if (!status) attn_page_recipes(page, t);
    fputs("</section>\n", f);
    attn_free(page->ctx, t->differences);
    return status;
}

/* The runs of the task of runs->at[first], which are marked. */
static void gather(const struct attn_report_runs *runs, int64_t first, bool *taken, struct attn_page_task *out) {
    out->name = runs->at[first].summary->task;
    for (int64_t i = first; i < runs->count; i++)
        if (!taken[i] && strcmp(runs->at[i].summary->task, out->name) == 0) {
            taken[i] = true;
            out->runs.at[out->runs.count++] = runs->at[i];
        }
}

static attn_status put_tasks(struct attn_page *page, const struct attn_report_runs *runs, bool *taken, struct attn_report_run *room) {
    attn_status status = ATTN_OK;
    for (int64_t i = 0; i < runs->count && !status; i++) {
        struct attn_page_task task = {.runs = {runs->ctx, room, 0}};
        if (taken[i]) continue;
        page->task++;
        gather(runs, i, taken, &task);
        status = put_task(page, &task);
    }
    return status;
}

/* The first run of a task that no run before has. */
static bool is_first(const struct attn_report_runs *runs, int64_t i) {
    for (int64_t k = i - 1; k >= 0; k--)
        if (strcmp(runs->at[k].summary->task, runs->at[i].summary->task) == 0) return false;
    return true;
}

static void put_contents(FILE *f, const struct attn_report_runs *runs, bool claims) {
    int task = 0;
    fputs("<nav aria-label=\"Contents\">\n<ul>\n", f);
    if (claims) fputs("<li><a href=\"#claims\">Claims</a></li>\n", f);
    for (int64_t i = 0; i < runs->count; i++) {
        if (!is_first(runs, i)) continue;
        fprintf(f, "<li><a href=\"#task-%d\">", ++task);
        attn_html_text(f, runs->at[i].summary->task);
        fputs("</a></li>\n", f);
    }
    fputs("<li><a href=\"#environment\">Environment</a></li>\n</ul>\n</nav>\n", f);
}

/* The claims, in memory, as the contents before them say whether there are any; freed by free. */
static attn_status make_claims(struct attn_page *page, const struct attn_report_runs *runs, char **text, bool *any) {
    FILE *file = page->file;
    size_t bytes = 0;
    page->file = open_memstream(text, &bytes);
    attn_status status = page->file ? attn_page_claims(page, runs, any) : attn_no_memory(page->ctx, "the report", 0);
    if (page->file && fclose(page->file) != 0 && !status) status = attn_no_memory(page->ctx, "the report", bytes);
    page->file = file;
    return status;
}

static attn_status put_body(struct attn_page *page, const struct attn_report_runs *runs) {
    bool *taken = attn_alloc(page->ctx, (size_t)runs->count * sizeof *taken), any = false;
    struct attn_report_run *room = attn_alloc(page->ctx, (size_t)runs->count * sizeof *room);
    char *claims = NULL;
    attn_status status = taken && room ? ATTN_OK : attn_no_memory(page->ctx, "the report", (size_t)runs->count * sizeof *room);
    if (!status) memset(taken, 0, (size_t)runs->count * sizeof *taken);
    if (!status) status = make_claims(page, runs, &claims, &any);
    if (runs->count > 0) put_contents(page->file, runs, any);
    fputs("<main>\n", page->file);
    if (any) fputs(claims, page->file);
    if (runs->count == 0) fputs("<p>There are no runs; <code>attn train</code> makes them.</p>\n", page->file);
    if (!status) status = put_tasks(page, runs, taken, room);
    if (!status && runs->count > 0) status = attn_page_environments(page, runs);
    fputs("</main>\n</body>\n</html>\n", page->file);
    attn_free(page->ctx, taken);
    attn_free(page->ctx, room);
    free(claims);
    return status;
}

attn_status attn_page_write(const struct attn_report_runs *runs, const struct attn_page_options *options, bool *plots) {
    char *text = NULL;
    size_t bytes = 0;
    bool fresh;
    struct attn_page page = {.ctx = runs->ctx, .options = options, .file = open_memstream(&text, &bytes)};
    if (page.file) page.stems = open_memstream(&page.stems_text, &page.stems_bytes);
    if (!page.stems) {
        if (page.file) fclose(page.file);
        free(text);
        return attn_no_memory(runs->ctx, "the report", 0);
    }
    attn_status status = options->figures ? attn_folder_make(runs->ctx, NULL, options->figures, &fresh) : ATTN_OK;
    put_head(&page, runs->count);
    if (!status) status = put_body(&page, runs);
    const bool whole = !ferror(page.file);
    if ((fclose(page.file) != 0 || !whole) && !status) status = attn_no_memory(runs->ctx, "the report", bytes);
    if (!status) status = attn_run_write_text(runs->ctx, NULL, options->path, text);
    if (!status && options->written) options->written(options->user, options->path, "page", options->title);
    free(text);
    fclose(page.stems);
    free(page.stems_text);
    *plots = !page.no_plots;
    return status;
}
