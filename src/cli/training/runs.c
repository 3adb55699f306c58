/* attn runs: the runs of a store. */
#include "cli/cli.h"
#include "cli/options.h"
#include "cli/training/training.h"

#include <stdio.h>
#include <string.h>

static const struct attn_column columns[] = {
    {"run", "run", 40, 0, 0},        {"state", "state", 8, 0, 0},         {"step", "step", 8, 0, 0},    {"seconds", "seconds", 8, 1, 0},
    {"train_loss", "loss", 8, 4, 0}, {"figure_name", "figure", 12, 0, 0}, {"figure", "value", 8, 4, 0},
};

static void print_runs(struct attn_report *report, const struct attn_run_summary *runs, int64_t count, const char *task,
                       const char *state) {
    for (int64_t i = 0; i < count; i++) {
        const struct attn_run_summary *s = &runs[i];
        struct attn_record r = {.count = 0};
        if (task && strcmp(task, s->task) != 0) continue;
        if (state && strcmp(state, attn_run_state_name(s->state)) != 0) continue;
        attn_cli_run_record(&r, s);
        if (report->form == ATTN_FORM_TABLE && s->figures.count > 0) {
            attn_record_text(&r, "figure_name", s->figures.at[0].name);
            attn_record_real(&r, "figure", s->figures.at[0].value);
        } else if (report->form == ATTN_FORM_TABLE) {
            attn_record_text(&r, "figure_name", NULL);
        }
        attn_report_row(report, &r);
    }
}

int attn_cmd_runs(int argc, char **argv) {
    const char *store = NULL, *task = NULL, *state = NULL;
    bool json = false, csv = false;
    int status = ATTN_EXIT_DONE;
    struct attn_run_summary *runs;
    int64_t count;
    const struct attn_option options[] = {
        {"store", ATTN_OPTION_TEXT, &store, "DIR", "where runs are; default: ATTN_RUNS, else runs", 0, 0},
        {"task", ATTN_OPTION_TEXT, &task, "TASK", "of this task only", 0, 0},
        {"state", ATTN_OPTION_TEXT, &state, "STATE", "done, stopped, failed, running or killed only", 0, 0},
        {"json", ATTN_OPTION_FLAG, &json, NULL, "one JSON object a run, with all figures", 0, 0},
        {"csv", ATTN_OPTION_FLAG, &csv, NULL, "CSV, with all figures of the first run", 0, 0},
    };
    const struct attn_usage usage = {"runs",
                                     NULL,
                                     "Lists the runs of a store with where they stand and the figure of their last evaluation.",
                                     "attn runs --state done --json",
                                     options,
                                     sizeof options / sizeof options[0]};
    status = attn_options_parse(&usage, argc, argv, NULL);
    if (status >= 0) return status;
    attn_ctx *ctx = attn_cli_context(0, &status);
    if (!ctx) return status;
    struct attn_report report = {.file = stdout,
                                 .form = json  ? ATTN_FORM_JSON
                                         : csv ? ATTN_FORM_CSV
                                               : ATTN_FORM_TABLE,
                                 .columns = columns,
                                 .column_count = sizeof columns / sizeof columns[0]};
    const attn_status listed = attn_store_list(ctx, attn_cli_store(store), &runs, &count);
    status = ATTN_EXIT_DONE;
    if (listed) {
        status = attn_complain_status(ctx, listed);
    } else {
        print_runs(&report, runs, count, task, state);
        attn_free(ctx, runs);
    }
    attn_ctx_destroy(ctx);
    return status;
}
