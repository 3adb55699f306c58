/* attn metric NAME: one metric on columns of files. The list is in src/metric/list.c. */
#include "metric/metric.h"

#include "cli/cli.h"
#include "cli/options.h"
#include "cli/print.h"

#include <stdio.h>
#include <string.h>

enum { OPTIONS = ATTN_METRIC_INPUTS + 4, NAMES = 64 };

struct flags {
    bool no_header, skip_bad, json, csv;
};

static int print_help(void) {
    printf("usage: attn metric NAME --INPUT FILE[:COLUMN]... [options]\n\nMetrics:\n");
    for (int i = 0; i < attn_metric_count; i++) printf("  %-10s %s\n", attn_metrics[i].name, attn_metrics[i].summary);
    printf("\nattn metric NAME --help explains one of them.\n\nExample:\n  %s\n", attn_metrics[0].example);
    return ATTN_EXIT_DONE;
}

static int unknown_metric(const char *word) {
    const char *names[NAMES], *nearest;
    const int count = attn_metric_count < NAMES ? attn_metric_count : NAMES;
    for (int i = 0; i < count; i++) names[i] = attn_metrics[i].name;
    if ((nearest = attn_nearest(word, names, count)) != NULL)
        return attn_complain("metric: there is no metric '%s'; did you mean '%s'?", word, nearest);
    return attn_complain("metric: there is no metric '%s'; see attn metric --help", word);
}

static void print_values(const struct attn_metric *metric, const struct attn_metric_values *values, const struct attn_series_set *set,
                         const struct flags *flags) {
    static const struct attn_column shown[] = {
        {"metric", "metric", 12, 0, 0}, {"of", "of", 24, 0, 0}, {"value", "value", 14, 6, 0}, {"count", "count", 14, 0, 0}};
    struct attn_report report = {stdout, flags->json ? ATTN_FORM_JSON : flags->csv ? ATTN_FORM_CSV : ATTN_FORM_TABLE, shown, 4, 0};
    for (size_t i = 0; i < values->count; i++) {
        struct attn_record record = {.count = 0};
        attn_record_text(&record, "metric", metric->name);
        attn_record_text(&record, "of", values->item[i].of);
        attn_record_real(&record, "value", values->item[i].value);
        attn_record_real(&record, "count", values->item[i].count);
        attn_record_integer(&record, "bad_rows", (int64_t)set->bad);
        attn_report_row(&report, &record);
    }
}

static int compute(attn_ctx *ctx, const struct attn_metric *metric, const struct attn_series_request *requests, const struct flags *flags) {
    const struct attn_table_options options = {ATTN_TABLE_BY_NAME, !flags->no_header, flags->skip_bad};
    struct attn_series_set set = {.count = 0};
    struct attn_metric_values values = {NULL, 0, 0};
    attn_status status = attn_series_read(ctx, NULL, requests, ATTN_METRIC_INPUTS, &options, &set);
    if (status == ATTN_OK && set.bad > 0) attn_complain("metric: %zu bad rows left out; the first: %s", set.bad, set.first_bad);
    if (status == ATTN_OK) status = metric->run(ctx, &set, &values);
    if (status == ATTN_OK) print_values(metric, &values, &set, flags);
    attn_free(ctx, values.item);
    attn_series_free(ctx, &set);
    return status == ATTN_OK ? ATTN_EXIT_DONE : attn_complain_status(ctx, status);
}

static int run_metric(const struct attn_metric *metric, int argc, char **argv) {
    struct attn_series_request requests[ATTN_METRIC_INPUTS] = {{NULL, NULL, ATTN_SERIES_REAL}};
    struct attn_option options[OPTIONS];
    struct flags flags = {false, false, false, false};
    char command[64];
    int count = 0, status;
    for (int i = 0; i < ATTN_METRIC_INPUTS && metric->input[i].name != NULL; i++) {
        requests[i] = (struct attn_series_request){metric->input[i].name, NULL, metric->input[i].kind};
        options[count++] =
            (struct attn_option){metric->input[i].name, ATTN_OPTION_TEXT, &requests[i].where, "FILE", metric->input[i].help, 0, 0};
    }
    const struct attn_option rest[] = {
        {"no-header", ATTN_OPTION_FLAG, &flags.no_header, NULL, "tables have no line of names: columns by their numbers, from 1", 0, 0},
        {"skip-bad", ATTN_OPTION_FLAG, &flags.skip_bad, NULL, "leave bad rows of a table out and count them", 0, 0},
        {"json", ATTN_OPTION_FLAG, &flags.json, NULL, "one JSON object a line", 0, 0},
        {"csv", ATTN_OPTION_FLAG, &flags.csv, NULL, "a table of commas", 0, 0}};
    memcpy(options + count, rest, sizeof rest);
    snprintf(command, sizeof command, "metric %s", metric->name);
    char summary[512];
    snprintf(summary, sizeof summary,
             "%s.\nFILE is x.npy, x.npz:NAME, x.safetensors:NAME, or a table x.csv:COLUMN, x.tsv:COLUMN (.gz too).", metric->summary);
    const struct attn_usage usage = {command, NULL, summary, metric->example, options, count + 4};
    if ((status = attn_options_parse(&usage, argc, argv, NULL)) >= 0) return status;
    for (int i = 0; i < count; i++)
        if (requests[i].where == NULL && !metric->input[i].optional)
            return attn_complain("%s: --%s FILE is missing: %s", command, metric->input[i].name, metric->input[i].help);
    attn_ctx *ctx = attn_cli_context(0, &status);
    if (ctx == NULL) return status;
    status = compute(ctx, metric, requests, &flags);
    attn_ctx_destroy(ctx);
    return status;
}

int attn_cmd_metric(int argc, char **argv) {
    if (argc >= 2 && attn_asks_help(argv[1])) return print_help();
    if (argc < 2) return attn_complain("metric: its name is missing; see attn metric --help");
    for (int i = 0; i < attn_metric_count; i++)
        if (strcmp(argv[1], attn_metrics[i].name) == 0) return run_metric(&attn_metrics[i], argc - 1, argv + 1);
    return unknown_metric(argv[1]);
}
