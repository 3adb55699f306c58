/* attn report: a page about runs. */
#include "base/folder.h"
#include "cli/cli.h"
#include "cli/options.h"
#include "cli/training/training.h"
#include "report/page.h"

#include <stdio.h>

struct report {
    attn_ctx *ctx;
    const char *store, *out, *figures;
    struct attn_words where, words;
    struct attn_report print;
};

static void say_written(void *user, const char *path, const char *kind, const char *title) {
    struct report *r = user;
    struct attn_record record = {.count = 0};
    attn_record_text(&record, "file", path);
    attn_record_text(&record, "kind", kind);
    attn_record_text(&record, "title", title);
    attn_report_row(&r->print, &record);
}

/* The runs that are named, or all of the store. */
static attn_status take_runs(const struct report *r, struct attn_run_list *list) {
    char folder[ATTN_FILE_PATH / 2];
    attn_status status = ATTN_OK;
    const char *store = attn_cli_store(r->store);
    if (r->words.count == 0 && !attn_path_exists(store)) return attn_cli_store_missing(r->ctx, "report", store);
    if (r->words.count == 0) return attn_store_list(r->ctx, store, list);
    for (int i = 0; i < r->words.count && !status; i++) {
        status = attn_store_folder(r->ctx, store, r->words.item[i], folder);
        if (!status) status = attn_run_list_add(r->ctx, folder, list);
    }
    return status;
}

static attn_status write_page(struct report *r, const struct attn_run_list *list, bool *plots) {
    struct attn_report_runs runs;
    char title[256] = "";
    attn_append(title, sizeof title, "Runs of %s", attn_cli_store(r->store));
    const struct attn_page_options options = {.title = title, .path = r->out, .figures = r->figures, .written = say_written, .user = r};
    attn_status status = attn_report_runs_open(r->ctx, list, &runs);
    if (status) return status;
    for (int i = 0; i < r->where.count && !status; i++) status = attn_report_where(&runs, r->where.item[i]);
    if (!status) status = attn_page_write(&runs, &options, plots);
    attn_report_runs_close(&runs);
    return status;
}

static int run(struct report *r) {
    int exit_status = ATTN_EXIT_DONE;
    bool plots = true;
    struct attn_run_list list = {NULL, NULL, 0};
    r->ctx = attn_cli_context(0, &exit_status);
    if (!r->ctx) return exit_status;
    attn_status status = take_runs(r, &list);
    if (!status) status = write_page(r, &list, &plots);
    exit_status = status ? attn_complain_status(r->ctx, status) : ATTN_EXIT_DONE;
    if (!status && !plots)
        attn_complain(
            "report: the page has no plots: there is no gnuplot; install it (Debian: apt-get install gnuplot-nox) and write it again");
    attn_run_list_free(r->ctx, &list);
    attn_ctx_destroy(r->ctx);
    return exit_status;
}

int attn_cmd_report(int argc, char **argv) {
    static const struct attn_column columns[] = {{"kind", "kind", 6, 0, 0}, {"file", "file", 0, 0, 0}};
    struct report r = {.out = "report.html"};
    bool json = false;
    const struct attn_option options[] = {
        {"store", ATTN_OPTION_TEXT, &r.store, "DIR", "where runs are; default: ATTN_RUNS, else runs", 0, 0},
        {"out", ATTN_OPTION_TEXT, &r.out, "FILE", "the page; default: report.html", 0, 0},
        {"figures", ATTN_OPTION_TEXT, &r.figures, "DIR", "write every figure as SVG and its data as CSV too", 0, 0},
        {"where", ATTN_OPTION_WORDS, &r.where, "CONDITIONS", "runs with \"mixer=attention width>=64 state=done\" only", 0, 0},
        {"json", ATTN_OPTION_FLAG, &json, NULL, "one JSON object a file that was written", 0, 0},
    };
    const struct attn_usage usage = {
        "report",
        "[RUN...]",
        "Writes one HTML page about the runs of a store, or those named: claims of papers, figures, a table of what differs, recipes, "
        "environment, and pictures of answers where a task has them. It loads nothing from elsewhere. Plots are drawn by gnuplot.",
        "attn report --out report.html --figures figures",
        options,
        sizeof options / sizeof options[0]};
    const int status = attn_options_parse(&usage, argc, argv, &r.words);
    if (status >= 0) return status;
    r.print = (struct attn_report){.file = stdout, .form = json ? ATTN_FORM_JSON : ATTN_FORM_TABLE, .columns = columns, .column_count = 2};
    return run(&r);
}
