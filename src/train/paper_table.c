#include "train/paper_table.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Where a cell's runs are. */
struct source {
    const struct attn_experiment *experiment; /* NULL: r has none */
    const struct attn_arm_result *arm;        /* NULL: none of its arms */
    const char *name;                         /* the arm's */
};

/* ---------------------------------------------------------------------------------------------------- by conditions */

static bool is_piece(const char *text, size_t length, const char *want) {
    return strlen(want) == length && memcmp(text, want, length) == 0;
}

static bool meets(const struct attn_recipe *recipe, const char *condition) {
    char room[ATTN_RECIPE_TEXT];
    const size_t name = strcspn(condition, "=");
    const char *want = condition + name + 1;
    for (int i = 0; i < recipe->count; i++) {
        const struct attn_recipe_field *field = recipe->value[i].field;
        if (!is_piece(condition, name, field->name)) continue;
        const char *text = attn_recipe_value_text(&recipe->value[i], room, sizeof room), *slash = strrchr(text, '/');
        if (field->type != ATTN_FILE) return strcmp(text, want) == 0 || is_piece(text, strcspn(text, ":"), want);
        text = slash ? slash + 1 : text;
        return is_piece(text, strcspn(text, "."), want);
    }
    return false;
}

static bool meets_all(const struct attn_recipe *recipe, const char *const *conditions) {
    for (int i = 0; i < ATTN_PAPER_CONDITIONS && conditions[i]; i++)
        if (!meets(recipe, conditions[i])) return false;
    return true;
}

/* Of the arms that meet the conditions the first that has run, else the first. */
static struct source find(const struct attn_reproduction *r, const struct attn_task *task, const struct attn_paper_row *row,
                          const struct attn_paper_cell *cell) {
    struct source found = {NULL, NULL, NULL};
    for (int i = 0; i < r->count; i++) {
        const struct attn_experiment *e = r->experiment[i];
        for (int k = 0; e->task == task && k < e->arm_count; k++) {
            const struct attn_arm_result *arm = &r->result[i][k];
            if ((found.arm && arm->done + arm->failed == 0) || !meets_all(&arm->recipe, row->where) ||
                !meets_all(&arm->recipe, cell->where))
                continue;
            const bool run = arm->done + arm->failed > 0;
            if (!found.arm || run) found = (struct source){e, arm, e->arms[k].name};
            if (run) return found;
        }
    }
    return found;
}

/* ------------------------------------------------------------------------------------------------------- of experiments */

/* The number of a row's experiment; -1: r has none at its scale. */
static int experiment_of(const struct attn_reproduction *r, const struct attn_paper_row *row) {
    for (int i = 0; i < r->count && row->at[r->scale]; i++)
        if (r->experiment[i] == row->at[r->scale]) return i;
    return -1;
}

static struct source named(const struct attn_reproduction *r, const struct attn_paper_row *row, const char *arm) {
    const int number = experiment_of(r, row);
    struct source found = {number < 0 ? NULL : r->experiment[number], NULL, arm};
    for (int i = 0; found.experiment && arm && i < found.experiment->arm_count; i++)
        if (strcmp(found.experiment->arms[i].name, arm) == 0) found.arm = &r->result[number][i];
    return found;
}

/* Whether r has runs to make for a row, or has made them. */
static bool measures(const struct attn_reproduction *r, const struct attn_paper_table *table, const struct attn_paper_row *row) {
    if (!table->task) return experiment_of(r, row) >= 0;
    for (int c = 0; c < table->column_count; c++)
        if (row->cell[c].figure && find(r, table->task, row, &row->cell[c]).arm) return true;
    return false;
}

bool attn_paper_measured(const struct attn_reproduction *r, const struct attn_paper_table *table) {
    for (int i = 0; i < table->row_count; i++)
        if (measures(r, table, &table->rows[i])) return true;
    return false;
}

bool attn_paper_shows(const struct attn_reproduction *r, const struct attn_paper_table *table, int row) {
    return table->rows[row].paper || measures(r, table, &table->rows[row]);
}

/* --------------------------------------------------------------------------------------------------------------- values */

/* `digits` behind the point, fewer of great numbers. */
static void show_spread(int digits, double times, const struct attn_paper_value *of, char *shown, size_t size) {
    while (digits > 0 && fabs(times * of->value) * pow(10, digits) >= 1e5) digits--;
    if (isnan(of->deviation))
        snprintf(shown, size, "%.*f", digits, times * of->value);
    else
        snprintf(shown, size, "%.*f ± %.*f", digits, times * of->value, digits, times * of->deviation);
}

static void show_mean(enum attn_paper_form form, const struct attn_interval *i, struct attn_paper_value *out) {
    const size_t size = sizeof out->shown;
    out->value = i->mean;
    if (i->count > 1) {
        out->deviation = i->deviation;
        out->error = i->deviation / sqrt((double)i->count);
    }
    switch (form) {
    case ATTN_PAPER_TEXT:
        break;
    case ATTN_PAPER_PERCENT:
        if (i->count > 1)
            snprintf(out->shown, size, "%.1f ± %.1f %%", 100 * out->value, 100 * out->error);
        else
            snprintf(out->shown, size, "%.1f %%", 100 * out->value);
        break;
    case ATTN_PAPER_NUMBER:
        snprintf(out->shown, size, "%.3f", out->value);
        break;
    case ATTN_PAPER_SPREAD:
        show_spread(3, 1, out, out->shown, size);
        break;
    case ATTN_PAPER_SPREAD_SCORE:
        show_spread(1, 1, out, out->shown, size);
        break;
    case ATTN_PAPER_SPREAD_PERCENT:
        show_spread(1, 100, out, out->shown, size);
        break;
    }
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
    if (arm->done + arm->failed == 0) {
        snprintf(out->shown, sizeof out->shown, "not run");
    } else if (open > 0) {
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
    const struct attn_paper_row *about = &table->rows[row];
    const struct attn_paper_cell *cell = &about->cell[column];
    *out = (struct attn_paper_value){
        .shown = "-", .value = (double)NAN, .error = (double)NAN, .deviation = (double)NAN, .figure = cell->figure};
    if (table->columns[column].form == ATTN_PAPER_TEXT) {
        if (cell->text) snprintf(out->shown, sizeof out->shown, "%s", cell->text);
        return;
    }
    if (!cell->figure) return;
    const struct source of = table->task ? find(r, table->task, about, cell) : named(r, about, cell->arm);
    out->experiment = of.experiment ? of.experiment->name : NULL;
    out->arm = of.name;
    if (of.arm)
        show_result(table->columns[column].form, cell, of.arm, out);
    else if (table->task)
        snprintf(out->shown, sizeof out->shown, "not run");
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
    attn_record_text(out, "experiment", value->experiment);
    attn_record_text(out, "arm", value->arm);
    attn_record_text(out, "figure", value->figure);
    attn_record_real(out, "value", value->value);
    attn_record_real(out, "deviation", value->deviation);
    attn_record_real(out, "error", value->error);
    attn_record_integer(out, "seeds", value->seeds);
    attn_record_text(out, "shown", value->shown);
    return true;
}
