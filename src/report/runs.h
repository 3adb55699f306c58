/* Runs as rows of a table: what their recipes, states and figures say under one name each; those that meet conditions, in some order, and the fields in
 * which they differ. */
#ifndef ATTN_REPORT_RUNS_H
#define ATTN_REPORT_RUNS_H

#include "train/store.h"

/* A value of a JSON object that is no array or object. */
struct attn_entry {
    const char *name, *text;
    double number; /* NaN: a text */
    char digits[32];
};
struct attn_entries {
    struct attn_entry *at;
    int count;
    void *json; /* holds the texts */
};
/* The entries of a JSON object in its order; `name` stands for it in messages. Nested values are passed over. ATTN_EINVAL: no JSON object. */
attn_status attn_entries_read(attn_ctx *ctx, const char *name, const char *text, size_t bytes, struct attn_entries *out);
void attn_entries_free(attn_ctx *ctx, struct attn_entries *entries);
const struct attn_entry *attn_entries_get(const struct attn_entries *entries, const char *name); /* NULL: none */

struct attn_report_run {
    const struct attn_run_summary *summary;
    const char *recipe;
    struct attn_entries fields;
};
struct attn_report_runs {
    attn_ctx *ctx;
    struct attn_report_run *at;
    int64_t count;
};

/* The runs of a list, which must outlive them. Recipes that are no JSON object are passed over. */
attn_status attn_report_runs_open(attn_ctx *ctx, const struct attn_run_list *list, struct attn_report_runs *out);
void attn_report_runs_close(struct attn_report_runs *runs);

/* The names of struct attn_cost's numbers; NULL behind the last. */
extern const char *const attn_report_costs[];

/* A run's "run", "task", "state", "step", "steps", "parameters", "seconds", "train_loss", what its model takes; a field of its recipe; a figure. False: it has
 * none of this name, or a number that is not known. The text lives as long as the run or `out`. */
bool attn_report_value(const struct attn_report_run *run, const char *name, struct attn_entry *out);

/* Keeps the runs that meet all of "NAME=VALUE NAME<VALUE ..." (also != > <= >=), parted by blanks. Numbers are compared as numbers. ATTN_EINVAL: no
 * condition, or a name that no run has. */
attn_status attn_report_where(struct attn_report_runs *runs, const char *conditions);

/* Sorts by a value: the best first where the run's task says which of it is better (`lower` and `figure` NULL: no task does), else numbers from the
 * least and texts by their letters; the other way where `reverse`. Runs without the value are last. ATTN_EINVAL: no run has it. */
struct attn_report_order {
    const char *name, *figure; /* figure: the task's */
    bool lower, reverse;
};
attn_status attn_report_sort(struct attn_report_runs *runs, const struct attn_report_order *order);

/* Names of the fields in which the runs differ, in the order of the recipes; freed by attn_free, the names are the runs'. */
attn_status attn_report_differences(const struct attn_report_runs *runs, const char ***names, int *count);

#endif
