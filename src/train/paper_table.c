#include "train/paper_table.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* The results of a row's experiment; NULL: r has none at its scale. */
static const struct attn_arm_result *results_of(const struct attn_reproduction *r, const struct attn_paper_row *row) {
    for (int i = 0; i < r->count && row->at[r->scale]; i++)
        if (r->experiment[i] == row->at[r->scale]) return r->result[i];
    return NULL;
}

static const struct attn_arm_result *result_of(const struct attn_reproduction *r, const struct attn_paper_row *row, const char *arm) {
    const struct attn_arm_result *results = results_of(r, row);
    const struct attn_experiment *e = row->at[r->scale];
    for (int i = 0; results && arm && i < e->arm_count; i++)
        if (strcmp(e->arms[i].name, arm) == 0) return &results[i];
    return NULL;
}

bool attn_paper_measured(const struct attn_reproduction *r, const struct attn_paper_table *table) {
    for (int i = 0; i < table->row_count; i++)
        if (results_of(r, &table->rows[i])) return true;
    return false;
}

bool attn_paper_shows(const struct attn_reproduction *r, const struct attn_paper_row *row) {
    return row->paper || results_of(r, row);
}

static void show_mean(enum attn_paper_form form, const struct attn_interval *i, struct attn_paper_value *out) {
    out->value = i->mean;
    if (i->count > 1) out->error = i->deviation / sqrt((double)i->count);
    if (form == ATTN_PAPER_NUMBER)
        snprintf(out->shown, sizeof out->shown, "%.3f", out->value);
    else if (i->count > 1)
        snprintf(out->shown, sizeof out->shown, "%.1f ± %.1f %%", 100 * out->value, 100 * out->error);
    else
        snprintf(out->shown, sizeof out->shown, "%.1f %%", 100 * out->value);
}

/* Claims count a seed once all of its tuning is done, and so does this. */
static void show_result(enum attn_paper_form form, const struct attn_paper_cell *cell, const struct attn_arm_result *arm,
                        struct attn_paper_value *out) {
    double x[ATTN_CLAIM_SEEDS];
    const int64_t seeds = arm->interval.count;
    int64_t open = 0, none = 0, failed = 0;
    for (int64_t i = 0; i < seeds; i++) {
        x[i] = attn_figures_get(&arm->figures[i], cell->figure);
        open += isnan(arm->figure[i]);
        none += isnan(x[i]);
        failed += isnan(x[i]) && cell->failing && !isnan(attn_figures_get(&arm->figures[i], cell->failing));
    }
    out->seeds = seeds;
    if (open > 0) {
        snprintf(out->shown, sizeof out->shown, "incomplete");
    } else if (failed > 0) {
        snprintf(out->shown, sizeof out->shown, "FAIL");
        if (failed < seeds) snprintf(out->shown, sizeof out->shown, "FAIL %lld of %lld", (long long)failed, (long long)seeds);
    } else if (none == 0) {
        const struct attn_interval interval = attn_interval_of(x, seeds);
        show_mean(form, &interval, out);
    }
}

void attn_paper_value(const struct attn_reproduction *r, const struct attn_paper_table *table, int row, int column,
                      struct attn_paper_value *out) {
    const struct attn_paper_cell *cell = &table->rows[row].cell[column];
    const enum attn_paper_form form = table->columns[column].form;
    const struct attn_arm_result *arm = result_of(r, &table->rows[row], cell->arm);
    *out = (struct attn_paper_value){.shown = "-", .value = (double)NAN, .error = (double)NAN, .arm = cell->arm, .figure = cell->figure};
    if (form == ATTN_PAPER_TEXT && cell->text)
        snprintf(out->shown, sizeof out->shown, "%s", cell->text);
    else if (form != ATTN_PAPER_TEXT && arm && cell->figure)
        show_result(form, cell, arm, out);
}

bool attn_paper_record(const struct attn_reproduction *r, const struct attn_paper_table *table, int row, int column,
                       struct attn_paper_value *value, struct attn_record *out) {
    if (table->columns[column].form == ATTN_PAPER_TEXT) return false;
    attn_paper_value(r, table, row, column, value);
    if (value->seeds == 0) return false;
    *out = (struct attn_record){.count = 0};
    attn_record_text(out, "record", "cell");
    attn_record_text(out, "system", r->system->name);
    attn_record_text(out, "scale", attn_scale_names[r->scale]);
    attn_record_text(out, "table", table->name);
    for (int c = 0; c < table->column_count; c++)
        if (table->columns[c].form == ATTN_PAPER_TEXT) attn_record_text(out, table->columns[c].title, table->rows[row].cell[c].text);
    attn_record_text(out, "column", table->columns[column].title);
    attn_record_text(out, "experiment", table->rows[row].at[r->scale]->name);
    attn_record_text(out, "arm", value->arm);
    attn_record_text(out, "figure", value->figure);
    attn_record_real(out, "value", value->value);
    attn_record_real(out, "error", value->error);
    attn_record_integer(out, "seeds", value->seeds);
    attn_record_text(out, "shown", value->shown);
    return true;
}
