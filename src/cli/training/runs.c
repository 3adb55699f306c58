/* attn runs: the runs of a store, or what tells them apart. */
#include "base/folder.h"
#include "base/nearest.h"
#include "cli/cli.h"
#include "cli/options.h"
#include "cli/training/training.h"
#include "report/runs.h"
#include "system/systems.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const struct attn_column columns[] = {
    {"run", "run", 40, 0, 0},
    {"state", "state", 8, 0, 0},
    {"step", "step", 8, 0, 0},
    {"seconds", "seconds", 8, 1, 0},
    {"train_loss", "train_loss", 10, 4, 0},
    {"figure_name", "figure", 12, 0, 0},
    {"figure", "value", 8, 4, 0},
};

/* Of a comparison; fields beyond are in the runs' recipes. */
enum { FIELDS = 24, FIGURES = 12, WIDEST = 40, OWN = 9 };

struct listing {
    const char *store, *task, *state, *sort;
    struct attn_words where;
    bool compare, reverse, json, csv;
    attn_ctx *ctx;
    struct attn_report report;
    struct attn_report_runs runs;
    struct attn_column column[OWN + FIELDS + FIGURES];
};

static void print_runs(struct listing *l) {
    l->report.columns = columns;
    l->report.column_count = sizeof columns / sizeof columns[0];
    struct attn_version_count versions = {.others = 0};
    for (int64_t i = 0; i < l->runs.count; i++) {
        const struct attn_run_summary *s = l->runs.at[i].summary;
        struct attn_record r = {.count = 0};
        attn_cli_run_record(&r, s);
        if (l->report.form == ATTN_FORM_TABLE && s->figures.count > 0) {
            attn_record_text(&r, "figure_name", s->figures.at[0].name);
            attn_record_real(&r, "figure", s->figures.at[0].value);
        } else if (l->report.form == ATTN_FORM_TABLE) {
            attn_record_text(&r, "figure_name", NULL);
        }
        attn_report_row(&l->report, &r);
        attn_version_count_add(&versions, s);
    }
    if (l->report.form == ATTN_FORM_TABLE) attn_cli_print_versions(&versions);
}

/* ------------------------------------------------------------------------------------------------------ comparison */

/* A column as wide as its widest value. */
static struct attn_column fit(const struct listing *l, const char *name) {
    struct attn_column c = {name, name, (int)attn_min64((int64_t)strlen(name), WIDEST), 0, 0};
    struct attn_entry e;
    for (int64_t i = 0; i < l->runs.count; i++)
        if (attn_report_value(&l->runs.at[i], name, &e)) c.width = (int)attn_max64(c.width, attn_min64((int64_t)strlen(e.text), WIDEST));
    return c;
}

/* Of some run: older ones do not say what they take. */
static bool is_known(const struct listing *l, const char *name) {
    struct attn_entry e;
    for (int64_t i = 0; i < l->runs.count; i++)
        if (attn_report_value(&l->runs.at[i], name, &e)) return true;
    return false;
}

static int set_columns(struct listing *l, const char *const *fields, int field_count, const struct attn_figures *figures) {
    int count = 0;
    l->column[count++] = fit(l, "run");
    l->column[count++] = fit(l, "state");
    for (int i = 0; i < field_count && i < FIELDS; i++) l->column[count++] = fit(l, fields[i]);
    for (int i = 0; i < figures->count && i < FIGURES; i++)
        l->column[count++] = (struct attn_column){figures->at[i].name, figures->at[i].name, 10, 5, 0};
    l->column[count++] = (struct attn_column){"train_loss", "train_loss", 10, 5, 0};
    l->column[count++] = (struct attn_column){"parameters", "parameters", 10, 0, 0};
    for (const char *const *cost = attn_report_costs; *cost; cost++)
        if (is_known(l, *cost)) l->column[count++] = (struct attn_column){*cost, *cost, (int)attn_max64(12, (int64_t)strlen(*cost)), 0, 0};
    l->column[count++] = (struct attn_column){"seconds", "seconds", 8, 1, 0};
    return count;
}

/* Figures and numbers of lines are numbers; a table shows fields as they are written. */
static void compare_run(struct listing *l, const struct attn_report_run *run, int column_count, int field_end) {
    struct attn_record r = {.count = 0};
    struct attn_entry value[OWN + FIELDS + FIGURES];
    for (int c = 0; c < column_count; c++) {
        const char *name = l->column[c].name;
        const bool has = attn_report_value(run, name, &value[c]), number = has && !isnan(value[c].number);
        if (c < field_end && (!number || l->report.form == ATTN_FORM_TABLE))
            attn_record_text(&r, name, has ? value[c].text : NULL);
        else if (strcmp(name, "parameters") == 0)
            attn_record_integer(&r, name, run->summary->parameters);
        else
            attn_record_real(&r, name, has ? value[c].number : (double)NAN);
    }
    attn_report_row(&l->report, &r);
}

static attn_status compare_runs(struct listing *l) {
    const char **fields;
    int field_count;
    static const struct attn_figures none = {.count = 0};
    const struct attn_figures *figures = &none;
    const attn_status status = attn_report_differences(&l->runs, &fields, &field_count);
    if (status) return status;
    for (int64_t i = 0; i < l->runs.count; i++)
        if (l->runs.at[i].summary->figures.count > figures->count) figures = &l->runs.at[i].summary->figures;
    const int count = set_columns(l, fields, field_count, figures);
    l->report.columns = l->column;
    l->report.column_count = count;
    struct attn_version_count versions = {.others = 0};
    for (int64_t i = 0; i < l->runs.count; i++) {
        compare_run(l, &l->runs.at[i], count, 2 + (int)attn_min64(field_count, FIELDS));
        attn_version_count_add(&versions, l->runs.at[i].summary);
    }
    if (l->report.form == ATTN_FORM_TABLE) attn_cli_print_versions(&versions);
    attn_free(l->ctx, fields);
    return ATTN_OK;
}

/* ------------------------------------------------------------------------------------------------------------- runs */

/* The states are words. */
static attn_status check_state(struct listing *l) {
    enum { STATES = ATTN_RUN_KILLED + 1 };
    const char *names[STATES];
    for (int i = 0; i < STATES; i++) {
        names[i] = attn_run_state_name((enum attn_run_state)i);
        if (!l->state || strcmp(names[i], l->state) == 0) return ATTN_OK;
    }
    const char *nearest = attn_nearest(l->state, names, STATES);
    return attn_fail(l->ctx, ATTN_EINVAL, "runs: --state %s: expected done, stopped, failed, running or killed%s%s%s", l->state,
                     nearest ? "; did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
}

/* "task=zoology/mqar" from an option of that name. */
static attn_status keep(struct listing *l, const char *name, const char *value) {
    char condition[512] = "";
    if (!value) return ATTN_OK;
    if (strchr(value, ' ')) return attn_fail(l->ctx, ATTN_EINVAL, "runs: --%s %s: expected one word", name, value);
    attn_append(condition, sizeof condition, "%s=%s", name, value);
    return attn_report_where(&l->runs, condition);
}

static attn_status select_runs(struct listing *l) {
    const struct attn_task *only = l->task ? attn_task_named(l->ctx, l->task) : NULL;
    attn_status status = l->task && !only ? ATTN_EINVAL : check_state(l);
    if (!status && only) status = keep(l, "task", only->name);
    if (!status) status = keep(l, "state", l->state);
    for (int i = 0; i < l->where.count && !status; i++) status = attn_report_where(&l->runs, l->where.item[i]);
    if (status || !l->sort || l->runs.count == 0) return status;
    const struct attn_task *task = attn_task_named(l->ctx, l->runs.at[0].summary->task);
    const struct attn_report_order order = {l->sort, task ? task->figure : NULL, task && task->lower, l->reverse};
    return attn_report_sort(&l->runs, &order);
}

static void say_none(const struct listing *l, int64_t count) {
    const char *store = attn_cli_store(l->store);
    char runs[64];
    if (!attn_path_exists(store))
        attn_complain("runs: %s: there are no runs yet, and no such folder; --store DIR names another store", store);
    else if (count == 0)
        attn_complain("runs: %s: there are no runs in it", store);
    else
        attn_complain("runs: %s: none of %s meets the conditions", store, attn_cli_count(count, "run", runs));
}

static attn_status list(struct listing *l) {
    struct attn_run_list list;
    if (l->store && !attn_path_exists(l->store)) return attn_cli_store_missing(l->ctx, "runs", l->store);
    attn_status status = attn_store_list(l->ctx, attn_cli_store(l->store), &list);
    if (status) return status;
    status = attn_report_runs_open(l->ctx, &list, &l->runs);
    if (!status) {
        status = select_runs(l);
        if (!status && l->runs.count == 0)
            say_none(l, list.count);
        else if (!status && l->compare)
            status = compare_runs(l);
        else if (!status)
            print_runs(l);
        attn_report_runs_close(&l->runs);
    }
    attn_run_list_free(l->ctx, &list);
    return status;
}

int attn_cmd_runs(int argc, char **argv) {
    struct listing l = {.store = NULL};
    const struct attn_option options[] = {
        {"store", ATTN_OPTION_TEXT, &l.store, "DIR", "where runs are; default: ATTN_RUNS, else runs", 0, 0},
        {"task", ATTN_OPTION_TEXT, &l.task, "TASK", "of this task only", 0, 0},
        {"state", ATTN_OPTION_TEXT, &l.state, "STATE", "done, stopped, failed, running or killed only", 0, 0},
        {"where", ATTN_OPTION_WORDS, &l.where, "CONDITIONS", "runs with \"mixer=attention width>=64 accuracy>0.9\" only", 0, 0},
        {"compare", ATTN_OPTION_FLAG, &l.compare, NULL, "only the fields in which the runs differ, and their figures", 0, 0},
        {"sort", ATTN_OPTION_TEXT, &l.sort, "NAME", "by a field or figure: the task's own from the best on, others from the least", 0, 0},
        {"reverse", ATTN_OPTION_FLAG, &l.reverse, NULL, "the other way round", 0, 0},
        {"json", ATTN_OPTION_FLAG, &l.json, NULL, "one JSON object a run, with all figures", 0, 0},
        {"csv", ATTN_OPTION_FLAG, &l.csv, NULL, "CSV, with all figures of the first run", 0, 0},
    };
    const struct attn_usage usage = {
        "runs",
        NULL,
        "Lists the runs of a store with where they stand and the figure of their last evaluation, or compares them.",
        "attn runs --compare --where \"state=done width=64\" --sort accuracy",
        options,
        sizeof options / sizeof options[0]};
    int status = attn_options_parse(&usage, argc, argv, NULL);
    if (status >= 0) return status;
    l.ctx = attn_cli_context(0, &status);
    if (!l.ctx) return status;
    l.report = (struct attn_report){.file = stdout, .form = l.json ? ATTN_FORM_JSON : l.csv ? ATTN_FORM_CSV : ATTN_FORM_TABLE};
    const attn_status listed = list(&l);
    status = listed ? attn_complain_status(l.ctx, listed) : ATTN_EXIT_DONE;
    attn_ctx_destroy(l.ctx);
    return status;
}
