/* attn export: a saved model as C for a microcontroller. */
#include "cli/cli.h"
#include "cli/options.h"
#include "cli/training/training.h"
#include "system/systems.h"
#include "train/export.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

struct command {
    struct attn_words words, plugins;
    const char *store;
    int64_t threads;
    bool json;
    struct attn_export_options export;
    attn_ctx *ctx;
    const attn_mixer_kind **kinds;
    int kind_count;
    struct attn_sources sources;
    struct attn_saved_model model;
    bool opened;
};

/* ------------------------------------------------------------------------------------------------------------- printing */

static void print_json(const struct command *c, const struct attn_export_report *r) {
    struct attn_record all = {.count = 0};
    attn_record_text(&all, "source", r->source);
    attn_record_text(&all, "header", r->header);
    attn_record_integer(&all, "inputs", r->inputs);
    attn_record_integer(&all, "outputs", r->outputs);
    attn_record_integer(&all, "weight_bytes", r->weight_bytes);
    attn_record_integer(&all, "state_bytes", r->state_bytes);
    attn_record_integer(&all, "multiplications", r->products);
    attn_record_real(&all, "flash_bytes", r->flash_bytes < 0 ? (double)NAN : (double)r->flash_bytes);
    attn_record_bool(&all, "int8", c->export.int8);
    attn_json_line(stdout, &all);
    for (int i = 0; i < r->after.count; i++) {
        struct attn_record figure = {.count = 0};
        attn_record_text(&figure, "figure", r->after.at[i].name);
        attn_record_real(&figure, "float", attn_figures_get(&r->before, r->after.at[i].name));
        attn_record_real(&figure, "int8", r->after.at[i].value);
        attn_json_line(stdout, &figure);
    }
}

static void print_figures(const struct attn_export_report *r) {
    static const struct attn_column columns[] = {{"figure", "figure", 24, 0, 0}, {"float", "float", 12, 6, 0}, {"int8", "int8", 12, 6, 0}};
    struct attn_report report = {
        .file = stdout, .form = ATTN_FORM_TABLE, .columns = columns, .column_count = sizeof columns / sizeof columns[0]};
    for (int i = 0; i < r->after.count; i++) {
        struct attn_record figure = {.count = 0};
        attn_record_text(&figure, "figure", r->after.at[i].name);
        attn_record_real(&figure, "float", attn_figures_get(&r->before, r->after.at[i].name));
        attn_record_real(&figure, "int8", r->after.at[i].value);
        attn_report_row(&report, &figure);
    }
}

static void print(const struct command *c, const struct attn_export_report *r) {
    if (r->unmeasured[0]) attn_complain("export: the loss of accuracy was not measured (--data FILE names data): %s", r->unmeasured);
    if (c->json) {
        print_json(c, r);
        return;
    }
    printf("wrote    %s\n         %s\n", r->source, r->header);
    printf("row      %lld numbers in, %lld out, %lld multiplications of weights\n", (long long)r->inputs, (long long)r->outputs,
           (long long)r->products);
    printf("flash    %lld bytes of weights\n", (long long)r->weight_bytes);
    if (r->flash_bytes >= 0)
        printf("         %lld bytes with the code, by %s\n", (long long)r->flash_bytes, attn_export_compiler);
    else
        printf("         and the code, a few thousand bytes: not measured, as there is no arm-none-eabi-gcc here (Debian: "
               "gcc-arm-none-eabi)\n");
    printf("RAM      %lld bytes for each state, after any number of rows\n", (long long)r->state_bytes);
    if (r->after.count > 0) print_figures(r);
}

/* -------------------------------------------------------------------------------------------------------------- command */

/* "forecast" of "aaren/forecast", where no name is given. */
static void choose_name(struct command *c) {
    const char *task = c->model.job.task->name, *slash = strrchr(task, '/');
    if (!c->export.name) c->export.name = slash ? slash + 1 : task;
}

static attn_status export_model(struct command *c, struct attn_export_report *report) {
    char path[ATTN_FILE_PATH];
    attn_status status = attn_cli_plugins(c->ctx, &c->plugins, &c->sources, &c->kinds, &c->kind_count);
    if (!status) status = attn_cli_model_path(c->ctx, attn_cli_store(c->store), c->words.item[0], path);
    if (status) return status;
    attn_cli_compare_sources(c->ctx, path, c->export.int8 && !c->export.data, &c->sources);
    status = attn_work_open_model(c->ctx, attn_task_named, path, c->kinds, c->kind_count, &c->model);
    if (status) return status;
    c->opened = true;
    choose_name(c);
    return attn_export(&c->model.job, &c->export, report);
}

static int run(struct command *c) {
    static struct attn_export_report report;
    int exit_status;
    c->ctx = attn_cli_context((int)c->threads, &exit_status);
    if (!c->ctx) return exit_status;
    attn_sources_open(c->ctx, &c->sources);
    const attn_status status = export_model(c, &report);
    exit_status = status ? attn_complain_status(c->ctx, status) : ATTN_EXIT_DONE;
    if (!status) print(c, &report);
    if (c->opened) attn_work_close_model(&c->model);
    attn_sources_close(&c->sources);
    attn_free(c->ctx, c->kinds);
    attn_ctx_destroy(c->ctx);
    return exit_status;
}

static int check(const struct command *c) {
    if (c->words.count != 1)
        return attn_complain("export: found %d models, expected one: a file, a run's folder or its id", c->words.count);
    if (!c->export.folder) return attn_complain("export: expected --c DIR, the folder that the source and the header are written to");
    if (c->export.data && !c->export.int8)
        return attn_complain("export: --data is what the loss of accuracy of --int8 is measured on; expected --int8 beside it");
    return -1;
}

int attn_cmd_export(int argc, char **argv) {
    struct command c = {.threads = 0};
    const struct attn_option options[] = {
        {"c", ATTN_OPTION_TEXT, &c.export.folder, "DIR", "write NAME.c and NAME.h there; the folder is made where it is missing", 0, 0},
        {"name", ATTN_OPTION_TEXT, &c.export.name, "NAME", "of the files, functions and types; default: the task's, as forecast", 0, 0},
        {"int8", ATTN_OPTION_FLAG, &c.export.int8, NULL,
         "weights of 8 bits, with a factor for each row: a quarter of the flash. The model's figures before and after are printed", 0, 0},
        {"data", ATTN_OPTION_TEXT, &c.export.data, "FILE", "with --int8: data to measure the loss of accuracy on, in place of the recipe's",
         0, 0},
        {"no-libm", ATTN_OPTION_FLAG, &c.export.no_libm, NULL, "functions of its own in the place of <math.h>", 0, 0},
        {"force", ATTN_OPTION_FLAG, &c.export.force, NULL, "over files that are there", 0, 0},
        {"plugin", ATTN_OPTION_WORDS, &c.plugins, "FILE", "a shared object with mixers of your own; may be given again", 0, 0},
        {"store", ATTN_OPTION_TEXT, &c.store, "DIR", "where a run's id is looked for (default ATTN_RUNS, else runs)", 0, 0},
        {"threads", ATTN_OPTION_INTEGER, &c.threads, "N", "threads that measure; default: all processors", 1, 4096},
        {"json", ATTN_OPTION_FLAG, &c.json, NULL, "one JSON object about the files, and one for each figure", 0, 0},
    };
    const struct attn_usage usage = {
        "export",
        "MODEL",
        "Writes a saved model as C99 for a microcontroller: one source and one header with the weights in them, no memory but that of "
        "a state whose size is\nstated, no library but libm. Models of the system aaren whose mixers are all aaren can be written.",
        "attn export runs/aaren-forecast-20260101-120000-1a2b --c firmware --int8",
        options,
        sizeof options / sizeof options[0]};
    int status = attn_options_parse(&usage, argc, argv, &c.words);
    if (status < 0) status = check(&c);
    return status >= 0 ? status : run(&c);
}
