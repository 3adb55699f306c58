/* attn systems: what there is, one line each; of one task, its fields; the mixers. */
#include "cli/cli.h"
#include "cli/options.h"
#include "cli/training/training.h"
#include "system/systems.h"

#include <stdio.h>
#include <string.h>

static void field_record(struct attn_record *r, const struct attn_recipe_value *v, char value[ATTN_RECIPE_TEXT],
                         char takes[ATTN_RECIPE_TEXT]) {
    const struct attn_recipe_field *f = v->field;
    takes[0] = '\0';
    if (f->type == ATTN_WORD)
        for (int i = 0; f->words[i]; i++) attn_append(takes, ATTN_RECIPE_TEXT, "%s%s", i > 0 ? "|" : "", f->words[i]);
    else if (f->type == ATTN_TRUTH)
        attn_append(takes, ATTN_RECIPE_TEXT, "true|false");
    else if (f->type == ATTN_TEXT)
        attn_append(takes, ATTN_RECIPE_TEXT, "text");
    else if (f->type == ATTN_FILE)
        attn_append(takes, ATTN_RECIPE_TEXT, f->words ? "folder" : "file");
    else
        attn_append(takes, ATTN_RECIPE_TEXT, "%g to %g", f->low, f->high);
    attn_record_text(r, "field", f->name);
    attn_record_text(r, "default", attn_recipe_value_text(v, value, ATTN_RECIPE_TEXT));
    attn_record_text(r, "takes", takes);
    attn_record_text(r, "meaning", f->meaning);
}

static int list_fields(struct attn_report *report, const char *name) {
    static const struct attn_column columns[] = {
        {"field", "field", 16, 0, 0}, {"default", "default", 16, 0, 0}, {"meaning", "meaning", 0, 0, 0}};
    int status = ATTN_EXIT_DONE;
    struct attn_recipe *recipe;
    attn_ctx *ctx = attn_cli_context(0, &status);
    if (!ctx) return status;
    const struct attn_task *task = attn_task_named(ctx, name);
    const attn_status made = task ? attn_task_recipe(ctx, task, &recipe) : ATTN_EINVAL;
    report->columns = columns;
    report->column_count = sizeof columns / sizeof columns[0];
    if (made) {
        status = attn_complain_status(ctx, made);
    } else {
        if (report->form == ATTN_FORM_TABLE) printf("%s: %s\n\n", task->name, task->summary);
        for (int i = 0; i < recipe->count; i++) {
            char value[ATTN_RECIPE_TEXT], takes[ATTN_RECIPE_TEXT];
            struct attn_record r = {.count = 0};
            field_record(&r, &recipe->value[i], value, takes);
            attn_report_row(report, &r);
        }
        attn_free(ctx, recipe);
    }
    attn_ctx_destroy(ctx);
    return status;
}

static void print_mixer(struct attn_report *report, const attn_mixer_kind *kind) {
    char options[512] = "";
    struct attn_record r = {.count = 0};
    for (int o = 0; o < kind->option_count; o++) {
        const attn_mixer_option *option = &kind->options[o];
        const char *space = o > 0 ? " " : "";
        if (option->words)
            attn_append(options, sizeof options, "%s%s=%s", space, option->name, option->words[(int)option->value]);
        else
            attn_append(options, sizeof options, "%s%s=%g", space, option->name, option->value);
    }
    attn_record_text(&r, "mixer", kind->name);
    attn_record_text(&r, "options", options);
    attn_record_text(&r, "summary", kind->summary);
    attn_report_row(report, &r);
}

static int list_mixers(struct attn_report *report, const struct attn_words *plugins) {
    static const struct attn_column columns[] = {
        {"mixer", "mixer", 12, 0, 0}, {"options", "options", 44, 0, 0}, {"summary", "summary", 0, 0, 0}};
    report->columns = columns;
    report->column_count = sizeof columns / sizeof columns[0];
    int status = ATTN_EXIT_DONE, count = 0;
    const attn_mixer_kind **kinds;
    attn_ctx *ctx = attn_cli_context(0, &status);
    if (!ctx) return status;
    const attn_status opened = attn_cli_plugins(ctx, plugins, NULL, &kinds, &count);
    status = opened ? attn_complain_status(ctx, opened) : ATTN_EXIT_DONE;
    for (int i = 0; i < attn_mixer_count() && !opened; i++) print_mixer(report, attn_mixer_at(i));
    for (int i = 0; i < count && !opened; i++) print_mixer(report, kinds[i]);
    attn_free(ctx, kinds);
    attn_ctx_destroy(ctx);
    return status;
}

static int list_systems(struct attn_report *report) {
    static const struct attn_column columns[] = {{"task", "task", 18, 0, 0}, {"summary", "summary", 0, 0, 0}};
    report->columns = columns;
    report->column_count = sizeof columns / sizeof columns[0];
    for (int s = 0; s < attn_system_count; s++)
        for (int t = 0; t < attn_systems[s]->task_count; t++) {
            struct attn_record r = {.count = 0};
            attn_record_text(&r, "task", attn_systems[s]->tasks[t]->name);
            attn_record_text(&r, "summary", attn_systems[s]->tasks[t]->summary);
            attn_record_text(&r, "paper", attn_systems[s]->paper);
            attn_report_row(report, &r);
        }
    return ATTN_EXIT_DONE;
}

int attn_cmd_systems(int argc, char **argv) {
    bool json = false, csv = false, mixers = false;
    struct attn_words words = {.count = 0}, plugins = {.count = 0};
    const struct attn_option options[] = {
        {"plugin", ATTN_OPTION_WORDS, &plugins, "FILE", "a shared object with mixers of your own, for --mixers; may be given again", 0, 0},
        {"mixers", ATTN_OPTION_FLAG, &mixers, NULL, "list the mixers and their options instead", 0, 0},
        {"json", ATTN_OPTION_FLAG, &json, NULL, "one JSON object a line", 0, 0},
        {"csv", ATTN_OPTION_FLAG, &csv, NULL, "CSV", 0, 0},
    };
    const struct attn_usage usage = {"systems",
                                     "[TASK]",
                                     "Lists the tasks of all systems; of a task named, the fields of its recipe.",
                                     "attn systems zoology/mqar",
                                     options,
                                     sizeof options / sizeof options[0]};
    const int status = attn_options_parse(&usage, argc, argv, &words);
    if (status >= 0) return status;
    if (words.count > 1 || (mixers && words.count > 0))
        return attn_complain("systems: found '%s', expected at most one task", words.item[words.count - 1]);
    struct attn_report report = {.file = stdout, .form = json ? ATTN_FORM_JSON : csv ? ATTN_FORM_CSV : ATTN_FORM_TABLE};
    return mixers ? list_mixers(&report, &plugins) : words.count == 1 ? list_fields(&report, words.item[0]) : list_systems(&report);
}
