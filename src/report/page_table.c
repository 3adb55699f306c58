/* The table of a task's runs: the fields in which they differ, where they stand, what came of them; their recipes in a fold; and where they ran. */
#include "report/html.h"
#include "report/page_parts.h"

#include "base/file.h"

#include <math.h>
#include <string.h>

enum { FIGURES = 12 /* columns of figures */, MESSAGE = 160, ENVIRONMENTS = 16, ENV_LIMIT = 1 << 20 };

void attn_page_table_begin(FILE *f, const char *caption) {
    fputs("<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"", f);
    attn_html_text(f, caption);
    fputs("\">\n<table>\n<caption>", f);
    attn_html_text(f, caption);
    fputs("</caption>\n", f);
}

void attn_page_table_end(FILE *f) {
    fputs("</table>\n</div>\n", f);
}

void attn_page_cell(FILE *f, const char *text, bool number) {
    fputs(number ? "<td class=\"n\">" : "<td>", f);
    attn_html_text(f, text);
    fputs("</td>", f);
}

static void real_cell(FILE *f, double value, int digits) {
    fputs("<td class=\"n\">", f);
    attn_html_real(f, value, digits);
    fputs("</td>", f);
}

static void head_cell(FILE *f, const char *text, bool number) {
    fputs(number ? "<th scope=\"col\" class=\"n\">" : "<th scope=\"col\">", f);
    attn_html_text(f, text);
    fputs("</th>", f);
}

/* ------------------------------------------------------------------------------------------------------------- runs */

/* Figures of the runs, in the order in which they are met. */
static int figure_names(const struct attn_report_runs *runs, const char *names[FIGURES]) {
    int count = 0;
    for (int64_t i = 0; i < runs->count; i++)
        for (int k = 0; k < runs->at[i].summary->figures.count && count < FIGURES; k++) {
            const char *name = runs->at[i].summary->figures.at[k].name;
            bool had = false;
            for (int n = 0; n < count; n++) had = had || strcmp(names[n], name) == 0;
            if (!had) names[count++] = name;
        }
    return count;
}

static bool is_number(const struct attn_report_runs *runs, const char *name) {
    for (int64_t i = 0; i < runs->count; i++) {
        const struct attn_entry *e = attn_entries_get(&runs->at[i].fields, name);
        if (e && isnan(e->number)) return false;
    }
    return true;
}

static void bytes_cell(FILE *f, int64_t bytes) {
    if (bytes < 0) {
        attn_page_cell(f, "–", false);
        return;
    }
    fputs("<td class=\"n\">", f);
    attn_html_whole(f, bytes);
    fputs("</td>", f);
}

static void put_cost(FILE *f, const struct attn_cost *cost) {
    real_cell(f, cost->forward_flops, 4);
    real_cell(f, cost->step_flops, 4);
    bytes_cell(f, cost->state_bytes);
    bytes_cell(f, cost->paper_state_bytes);
}

static void put_row(FILE *f, const struct attn_page *page, const struct attn_page_task *t, int64_t i, const char *const *figures,
                    int figure_count) {
    const struct attn_report_run *run = &t->runs.at[i];
    const struct attn_run_summary *s = run->summary;
    fprintf(f, "<tr><th scope=\"row\"><a href=\"#run-%d-%lld\">", page->task, (long long)i);
    attn_html_text(f, s->id);
    fprintf(f, "</a></th><td>%s", attn_run_state_name(s->state));
    if (s->state == ATTN_RUN_FAILED && s->message[0]) {
        fputs(": ", f);
        attn_html_short(f, s->message, MESSAGE);
    }
    fputs("</td>", f);
    for (int k = 0; k < t->difference_count; k++) {
        const struct attn_entry *e = attn_entries_get(&run->fields, t->differences[k]);
        attn_page_cell(f, e ? e->text : "–", e && !isnan(e->number));
    }
    for (int k = 0; k < figure_count; k++) real_cell(f, attn_figures_get(&s->figures, figures[k]), 5);
    real_cell(f, s->loss, 5);
    fputs("<td class=\"n\">", f);
    attn_html_whole(f, s->parameters);
    fputs("</td>", f);
    put_cost(f, &s->cost);
    fputs("<td class=\"n\">", f);
    attn_html_whole(f, s->step);
    if (s->steps > s->step) {
        fputs(" of ", f);
        attn_html_whole(f, s->steps);
    }
    fputs("</td>", f);
    real_cell(f, s->seconds, 4);
    fputs("</tr>\n", f);
}

void attn_page_table(struct attn_page *page, const struct attn_page_task *t) {
    FILE *f = page->file;
    const char *figures[FIGURES];
    const int figure_count = figure_names(&t->runs, figures);
    fputs("<h3>Runs</h3>\n", f);
    attn_page_table_begin(f, t->difference_count > 0
                                 ? "Runs with the fields of their recipes that differ, and figures of the last evaluation"
                                 : "Runs with figures of the last evaluation; their recipes do not differ");
    fputs("<thead><tr>", f);
    head_cell(f, "run", false);
    head_cell(f, "state", false);
    for (int k = 0; k < t->difference_count; k++) head_cell(f, t->differences[k], is_number(&t->runs, t->differences[k]));
    for (int k = 0; k < figure_count; k++) head_cell(f, figures[k], true);
    head_cell(f, "training loss", true);
    head_cell(f, "parameters", true);
    head_cell(f, "FLOPs of an example, forward", true);
    head_cell(f, "and backward", true);
    head_cell(f, "bytes of state", true);
    head_cell(f, "as the paper counts", true);
    head_cell(f, "steps", true);
    head_cell(f, "seconds", true);
    fputs("</tr></thead>\n<tbody>\n", f);
    for (int64_t i = 0; i < t->runs.count; i++) put_row(f, page, t, i, figures, figure_count);
    fputs("</tbody>\n", f);
    attn_page_table_end(f);
}

void attn_page_recipes(struct attn_page *page, const struct attn_page_task *t) {
    FILE *f = page->file;
    fputs("<h3>Recipes</h3>\n<p>Each is a file for <code>attn train --recipe</code>.</p>\n", f);
    for (int64_t i = 0; i < t->runs.count; i++) {
        const struct attn_run_summary *s = t->runs.at[i].summary;
        fprintf(f, "<details id=\"run-%d-%lld\"><summary>", page->task, (long long)i);
        attn_html_text(f, s->id);
        fputs("</summary>\n<p class=\"soft\">", f);
        attn_html_text(f, s->folder);
        fputs("</p>\n", f);
        if (s->message[0]) {
            fputs("<p class=\"warning\">", f);
            attn_html_text(f, s->message);
            fputs("</p>\n", f);
        }
        fputs("<pre>", f);
        attn_html_text(f, t->runs.at[i].recipe);
        fputs("</pre></details>\n", f);
    }
}

/* ----------------------------------------------------------------------------------------------------- environments */

struct environment {
    char *text;
    size_t bytes;
    int64_t runs;
};

/* What an env.json says of the machine: behind it stands of what files the run was made (train/sources.h). */
static size_t machine_bytes(const char *env) {
    const char *files = strstr(env, ",\"files\":");
    return files ? (size_t)(files - env) : strlen(env);
}

static bool same_machine(const char *a, const char *b) {
    const size_t n = machine_bytes(a);
    return n == machine_bytes(b) && memcmp(a, b, n) == 0;
}

/* Adds a run's env.json to those that are known; further ones than there is room for are counted by *others. */
static void see_environment(attn_ctx *ctx, const char *folder, struct environment *known, int *count, int64_t *others) {
    char path[ATTN_FILE_PATH] = "";
    uint8_t *text;
    size_t bytes;
    attn_append(path, sizeof path, "%s/env.json", folder);
    if (attn_file_read(ctx, NULL, path, ENV_LIMIT, &text, &bytes)) {
        ++*others;
        return;
    }
    int i = 0;
    while (i < *count && !same_machine(known[i].text, (char *)text)) i++;
    if (i == *count && *count < ENVIRONMENTS) known[(*count)++] = (struct environment){(char *)text, bytes, 0};
    if (i < *count) known[i].runs++;
    *others += i == *count;
    if (i == *count || known[i].text != (char *)text) attn_free(ctx, text);
}

static void put_environment(struct attn_page *page, const struct environment *e) {
    FILE *f = page->file;
    struct attn_entries entries;
    char caption[64];
    snprintf(caption, sizeof caption, "Where %lld run%s ran", (long long)e->runs, e->runs == 1 ? "" : "s");
    if (attn_entries_read(page->ctx, "env.json", e->text, e->bytes, &entries)) return;
    attn_page_table_begin(f, caption);
    fputs("<tbody>\n", f);
    for (int i = 0; i < entries.count; i++) {
        fputs("<tr><th scope=\"row\">", f);
        attn_html_text(f, entries.at[i].name);
        fputs("</th>", f);
        attn_page_cell(f, entries.at[i].text, false);
        fputs("</tr>\n", f);
    }
    fputs("</tbody>\n", f);
    attn_page_table_end(f);
    attn_entries_free(page->ctx, &entries);
}

attn_status attn_page_environments(struct attn_page *page, const struct attn_report_runs *runs) {
    struct environment known[ENVIRONMENTS];
    int count = 0;
    int64_t others = 0;
    for (int64_t i = 0; i < runs->count; i++) see_environment(page->ctx, runs->at[i].summary->folder, known, &count, &others);
    fputs("<section id=\"environment\" aria-labelledby=\"environment-title\">\n<h2 id=\"environment-title\">Environment</h2>\n",
          page->file);
    for (int i = 0; i < count; i++) {
        put_environment(page, &known[i]);
        attn_free(page->ctx, known[i].text);
    }
    if (others > 0)
        fprintf(page->file, "<p>%lld more run%s ran elsewhere, or %s not say where.</p>\n", (long long)others, others == 1 ? "" : "s",
                others == 1 ? "does" : "do");
    fputs("</section>\n", page->file);
    return ATTN_OK;
}
