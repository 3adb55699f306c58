/* attn stream: a saved model answers rows as they come. */
#include "cli/cli.h"
#include "cli/options.h"
#include "cli/training/training.h"
#include "system/systems.h"
#include "train/stream_serve.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct command {
    struct attn_words words, plugins;
    const char *store, *restore;
    int64_t threads, tokens;
    bool json, quiet, describe;
    struct attn_serve_options serve;
    attn_ctx *ctx;
    const attn_mixer_kind **kinds;
    int kind_count;
    struct attn_sources sources;
    attn_model_stream *stream;
};

static attn_status open_stream(struct command *c) {
    char path[ATTN_FILE_PATH];
    attn_status status = attn_cli_plugins(c->ctx, &c->plugins, &c->sources, &c->kinds, &c->kind_count);
    if (!status) status = attn_cli_model_path(c->ctx, attn_cli_store(c->store), c->words.item[0], path);
    if (status) return status;
    attn_cli_compare_sources(c->ctx, path, false, &c->sources);
    status = attn_model_stream_find(c->ctx, attn_task_named, path, c->kinds, c->kind_count, c->tokens, &c->stream);
    return status || !c->restore ? status : attn_serve_restore(c->ctx, c->stream, NULL, c->restore);
}

/* ------------------------------------------------------------------------------------------------------------ describing */

static void describe_json(const struct command *c) {
    struct attn_record r = {.count = 0};
    attn_record_text(&r, "task", attn_model_stream_job(c->stream)->task->name);
    attn_record_integer(&r, "inputs", attn_model_stream_inputs(c->stream));
    attn_record_integer(&r, "outputs", attn_model_stream_outputs(c->stream));
    attn_record_integer(&r, "state_bytes", (int64_t)attn_model_stream_state_bytes(c->stream));
    attn_record_integer(&r, "limit", attn_model_stream_limit(c->stream));
    attn_record_integer(&r, "rows", attn_model_stream_rows(c->stream));
    attn_json_line(stdout, &r);
    for (int i = 0; i < attn_model_stream_inputs(c->stream) + attn_model_stream_outputs(c->stream); i++) {
        const int output = i - attn_model_stream_inputs(c->stream);
        struct attn_record column = {.count = 0};
        attn_record_text(&column, output < 0 ? "input" : "output",
                         output < 0 ? attn_model_stream_input_name(c->stream, i) : attn_model_stream_output_name(c->stream, output));
        attn_json_line(stdout, &column);
    }
}

static void print_names(const char *title, const attn_model_stream *stream, int count,
                        const char *(*name)(const attn_model_stream *stream, int column)) {
    printf("%s", title);
    for (int i = 0; i < count; i++) printf("%s%s", i > 0 ? ", " : "", name(stream, i));
    printf("\n");
}

static void describe(const struct command *c) {
    const long long limit = attn_model_stream_limit(c->stream), rows = attn_model_stream_rows(c->stream);
    if (c->json) {
        describe_json(c);
        return;
    }
    printf("task     %s\n", attn_model_stream_job(c->stream)->task->name);
    print_names("inputs   ", c->stream, attn_model_stream_inputs(c->stream), attn_model_stream_input_name);
    print_names("outputs  ", c->stream, attn_model_stream_outputs(c->stream), attn_model_stream_output_name);
    printf("units    those of the file that the model was trained on\n");
    printf("state    %zu bytes%s\n", attn_model_stream_state_bytes(c->stream), limit ? "" : " after any number of rows");
    if (limit) printf("rows     at most %lld\n", limit);
    if (c->restore) printf("so far   %lld rows\n", rows);
}

/* --------------------------------------------------------------------------------------------------------------- serving */

static void say(void *user, const char *text) {
    (void)user;
    attn_complain("stream: %s", text);
}

static void print_summary(const struct command *c, const struct attn_serve_counts *counts) {
    char rows[64], bad[64], rate[64] = "";
    if (c->quiet) return;
    if (counts->rows > 0 && counts->seconds > 0) attn_append(rate, sizeof rate, ", %.0f rows/s", (double)counts->rows / counts->seconds);
    fprintf(stderr, "attn: stream: %s, %s%s, %zu bytes of state\n", attn_cli_count(counts->rows, "row", rows),
            attn_cli_count(counts->bad, "bad line", bad), rate, attn_model_stream_state_bytes(c->stream));
}

static int serve(struct command *c) {
    struct attn_serve_counts counts;
    c->serve.in = STDIN_FILENO;
    c->serve.out = STDOUT_FILENO;
    c->serve.json = c->json;
    c->serve.header = !c->quiet;
    c->serve.stopped = attn_stop_asked;
    c->serve.say = say;
    signal(SIGPIPE, SIG_IGN); /* writing says so */
    attn_stop_catch();
    const attn_status status = attn_serve(c->ctx, c->stream, &c->serve, &counts);
    print_summary(c, &counts);
    if (status) return attn_complain_status(c->ctx, status);
    return counts.stopped ? ATTN_EXIT_STOPPED : ATTN_EXIT_DONE;
}

static int run(struct command *c) {
    int exit_status;
    c->ctx = attn_cli_context((int)c->threads, &exit_status);
    if (!c->ctx) return exit_status;
    attn_sources_open(c->ctx, &c->sources);
    const attn_status opened = open_stream(c);
    if (opened) {
        exit_status = attn_complain_status(c->ctx, opened);
    } else if (c->describe) {
        describe(c);
        exit_status = ATTN_EXIT_DONE;
    } else {
        exit_status = serve(c);
    }
    attn_model_stream_close(c->stream);
    attn_sources_close(&c->sources);
    attn_free(c->ctx, c->kinds);
    attn_ctx_destroy(c->ctx);
    return exit_status;
}

static int check(const struct command *c) {
    if (c->words.count != 1)
        return attn_complain("stream: found %d models, expected one: a file, a run's folder or its id", c->words.count);
    if (c->serve.save_every > 0 && !c->serve.save) return attn_complain("stream: --save-every: expected --save FILE beside it");
    return -1;
}

int attn_cmd_stream(int argc, char **argv) {
    struct command c = {.threads = 1, .serve = {.every = 1}};
    const struct attn_option options[] = {
        {"tokens", ATTN_OPTION_INTEGER, &c.tokens, "N", "the most rows, for models that keep what they have seen (attention)", 1, 1e12},
        {"save", ATTN_OPTION_TEXT, &c.serve.save, "FILE", "write the state there at the end, also when told to stop", 0, 0},
        {"save-every", ATTN_OPTION_INTEGER, &c.serve.save_every, "N", "and after every N rows", 1, 1e15},
        {"restore", ATTN_OPTION_TEXT, &c.restore, "FILE", "go on from a state that was saved", 0, 0},
        {"every", ATTN_OPTION_INTEGER, &c.serve.every, "N", "answer every Nth row alone (default 1)", 1, 1e15},
        {"allow-missing", ATTN_OPTION_FLAG, &c.serve.allow_missing, NULL, "columns that a header does not name are not known", 0, 0},
        {"strict", ATTN_OPTION_FLAG, &c.serve.strict, NULL, "the first bad line is the end, with exit status 2", 0, 0},
        {"describe", ATTN_OPTION_FLAG, &c.describe, NULL, "print names of inputs and outputs and the size of the state, and end", 0, 0},
        {"quiet", ATTN_OPTION_FLAG, &c.quiet, NULL, "no line of names, no line about the rows at the end", 0, 0},
        {"json", ATTN_OPTION_FLAG, &c.json, NULL, "one JSON object a line, with the number of the line that is answered", 0, 0},
        {"store", ATTN_OPTION_TEXT, &c.store, "DIR", "where a run's id is looked for (default ATTN_RUNS, else runs)", 0, 0},
        {"plugin", ATTN_OPTION_WORDS, &c.plugins, "FILE", "mixers of a shared object", 0, 0},
        {"threads", ATTN_OPTION_INTEGER, &c.threads, "N", "worker threads (default 1: a row is small work)", 1, 4096},
    };
    const struct attn_usage usage = {"stream",
                                     "MODEL",
                                     "Reads rows of numbers as they come, CSV, and answers each at once by a row of the model's outputs. A "
                                     "header may name the columns, in any order; "
                                     "others\nare passed over, and a column 'date' stands for 'unix_time'. An empty cell is a number that "
                                     "is not known. A bad line is told of, counted and "
                                     "passed over.",
                                     "tail -n +1 -f sensors.csv | attn stream runs/20260101-120000-abcd --save sensors.state",
                                     options,
                                     sizeof options / sizeof options[0]};
    int status = attn_options_parse(&usage, argc, argv, &c.words);
    if (status < 0) status = check(&c);
    return status >= 0 ? status : run(&c);
}
