/* attn systems: what there is, one line each; of one task, its fields; the mixers. */
#include "cli/cli.h"
#include "cli/options.h"
#include "cli/training/training.h"
#include "nn/mixer_trial.h"
#include "system/systems.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *words_of(const char *const *words, const char *between, char *text, size_t size) {
    text[0] = '\0';
    for (int i = 0; words[i]; i++) attn_append(text, size, "%s%s", i > 0 ? between : "", words[i]);
    return text;
}

/* Texts of a record, which keeps none itself. */
struct texts {
    char value[ATTN_RECIPE_TEXT], takes[ATTN_RECIPE_TEXT], meaning[2 * ATTN_RECIPE_TEXT];
};

static void field_record(struct attn_record *r, const struct attn_recipe_value *v, bool table, struct texts *t) {
    const struct attn_recipe_field *f = v->field;
    t->takes[0] = t->meaning[0] = '\0';
    if (f->type == ATTN_WORD)
        words_of(f->words, "|", t->takes, sizeof t->takes);
    else if (f->type == ATTN_TRUTH)
        attn_append(t->takes, sizeof t->takes, "true|false");
    else if (f->type == ATTN_TEXT)
        attn_append(t->takes, sizeof t->takes, "text");
    else if (f->type == ATTN_FILE)
        attn_append(t->takes, sizeof t->takes, f->words ? "folder" : "file");
    else
        attn_append(t->takes, sizeof t->takes, "%g to %g", f->low, f->high);
    const bool words = table && (f->type == ATTN_WORD || f->type == ATTN_TRUTH);
    attn_append(t->meaning, sizeof t->meaning, "%s%s%s%s", f->meaning, words ? " (" : "", words ? t->takes : "", words ? ")" : "");
    attn_record_text(r, "field", f->name);
    attn_record_text(r, "default", attn_recipe_value_text(v, t->value, sizeof t->value));
    attn_record_text(r, "takes", t->takes);
    attn_record_text(r, "meaning", t->meaning);
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
            struct texts texts;
            struct attn_record r = {.count = 0};
            field_record(&r, &recipe->value[i], report->form == ATTN_FORM_TABLE, &texts);
            attn_report_row(report, &r);
        }
        attn_free(ctx, recipe);
    }
    attn_ctx_destroy(ctx);
    return status;
}

static const char *default_of(const attn_mixer_option *option, char text[64]) {
    text[0] = '\0';
    if (option->words)
        attn_append(text, 64, "%s", option->words[(int)option->value]);
    else
        attn_append(text, 64, "%.15g", option->value);
    return text;
}

/* A line of the list: of a mixer, or of one of its options. */
static void print_line(struct attn_report *report, const char *mixer, const char *options, const char *summary,
                       const attn_mixer_option *option) {
    char value[64], takes[512] = "", name[128] = "";
    struct attn_record r = {.count = 0};
    if (option && option->words)
        words_of(option->words, "|", takes, sizeof takes);
    else if (option)
        attn_append(takes, sizeof takes, "%s%.15g to %.15g", option->whole ? "whole " : "", option->low, option->high);
    if (report->form == ATTN_FORM_TABLE) {
        attn_append(name, sizeof name, "%s%s%s", option ? "  :" : mixer, option ? option->name : "", option ? "=" : "");
        if (option) attn_append(name, sizeof name, "%s", default_of(option, value));
        attn_record_text(&r, "mixer", name);
        attn_record_text(&r, "takes", takes);
        attn_record_text(&r, "summary", option ? option->meaning : summary);
    } else {
        attn_record_text(&r, "mixer", mixer);
        attn_record_text(&r, "options", options);
        attn_record_text(&r, "summary", summary);
        attn_record_text(&r, "option", option ? option->name : NULL);
        attn_record_text(&r, "default", option ? default_of(option, value) : NULL);
        attn_record_text(&r, "takes", option ? takes : NULL);
        attn_record_text(&r, "meaning", option ? option->meaning : NULL);
    }
    attn_report_row(report, &r);
}

static void print_mixer(struct attn_report *report, const attn_mixer_kind *kind) {
    char options[512] = "", value[64];
    for (int o = 0; o < kind->option_count; o++)
        attn_append(options, sizeof options, "%s%s=%s", o > 0 ? " " : "", kind->options[o].name, default_of(&kind->options[o], value));
    print_line(report, kind->name, options, kind->summary, NULL);
    for (int o = 0; o < kind->option_count; o++) print_line(report, kind->name, NULL, NULL, &kind->options[o]);
}

static void list_mixer_options(struct attn_report *report, const attn_mixer_kind *const *kinds, int count) {
    static const struct attn_column columns[] = {
        {"mixer", "mixer, option=default", 22, 0, 0}, {"takes", "takes", 24, 0, 0}, {"summary", "what it is", 0, 0, 0}};
    report->columns = columns;
    report->column_count = sizeof columns / sizeof columns[0];
    for (int i = 0; i < attn_mixer_count(); i++) print_mixer(report, attn_mixer_at(i));
    for (int i = 0; i < count; i++) print_mixer(report, kinds[i]);
}

/* ------------------------------------------------------------------------------------------------------------- trials */

/* ATTN_EXIT_SURPRISE: the mixer does not keep what it promises. */
static int try_mixer(attn_ctx *ctx, struct attn_report *report, const attn_mixer_kind *kind) {
    struct attn_mixer_trial trial;
    struct attn_record r = {.count = 0};
    const attn_status status = attn_mixer_try(ctx, kind, &trial);
    if (status) return attn_complain_status(ctx, status);
    const bool causal = trial.leak <= ATTN_TRIAL_LEAK, steps = !isnan(trial.apart), equal = !steps || trial.apart <= ATTN_TRIAL_APART;
    attn_record_text(&r, "mixer", kind->name);
    attn_record_text(&r, "causal", causal ? "yes" : "no");
    attn_record_real(&r, "leak", trial.leak);
    attn_record_text(&r, "token_by_token", !steps ? "none" : equal ? "equal" : "differs");
    attn_record_real(&r, "difference", trial.apart);
    attn_report_row(report, &r);
    if (!causal)
        attn_complain("mixer %s: outputs depend on later tokens: by %.2g of the greatest output, expected at most %g", kind->name,
                      trial.leak, ATTN_TRIAL_LEAK);
    if (!equal)
        attn_complain("mixer %s: step and mix differ by %.2g of the greatest output, expected at most %g", kind->name, trial.apart,
                      ATTN_TRIAL_APART);
    return causal && equal ? ATTN_EXIT_DONE : ATTN_EXIT_SURPRISE;
}

static int try_mixers(attn_ctx *ctx, struct attn_report *report, const attn_mixer_kind *const *kinds, int count) {
    static const struct attn_column columns[] = {{"mixer", "mixer", 14, 0, 0},
                                                 {"causal", "causal", 6, 0, 0},
                                                 {"leak", "leak", 10, 7, 0},
                                                 {"token_by_token", "token by token", 14, 0, 0},
                                                 {"difference", "difference", 10, 7, 0}};
    int status = ATTN_EXIT_DONE;
    report->columns = columns;
    report->column_count = sizeof columns / sizeof columns[0];
    for (int i = 0; i < count; i++) status = (int)attn_max64(status, try_mixer(ctx, report, kinds[i]));
    return status;
}

static int show_mixers(struct attn_report *report, const struct attn_words *plugins, bool check) {
    int status = ATTN_EXIT_DONE, count = 0;
    const attn_mixer_kind **kinds;
    attn_ctx *ctx = attn_cli_context(0, &status);
    if (!ctx) return status;
    const attn_status opened = attn_cli_plugins(ctx, plugins, NULL, &kinds, &count);
    if (opened)
        status = attn_complain_status(ctx, opened);
    else if (check)
        status = try_mixers(ctx, report, kinds, count);
    else
        list_mixer_options(report, kinds, count);
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
    bool json = false, csv = false, mixers = false, check = false;
    struct attn_words words = {.count = 0}, plugins = {.count = 0};
    const struct attn_option options[] = {
        {"plugin", ATTN_OPTION_WORDS, &plugins, "FILE", "a shared object with mixers of your own, for --mixers; may be given again", 0, 0},
        {"mixers", ATTN_OPTION_FLAG, &mixers, NULL, "list the mixers instead, each with its options, what they take and mean", 0, 0},
        {"check", ATTN_OPTION_FLAG, &check, NULL,
         "with --mixers: try those of the plugins on random numbers: is each causal, and step equal to mix? Exit 1: one is not", 0, 0},
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
    if (check && (!mixers || plugins.count == 0))
        return attn_complain("systems: --check is of the mixers of plugins: expected --mixers --plugin FILE");
    struct attn_report report = {.file = stdout, .form = json ? ATTN_FORM_JSON : csv ? ATTN_FORM_CSV : ATTN_FORM_TABLE};
    return mixers ? show_mixers(&report, &plugins, check) : words.count == 1 ? list_fields(&report, words.item[0]) : list_systems(&report);
}
