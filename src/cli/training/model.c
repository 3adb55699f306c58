/* attn eval, attn predict, attn data: what a saved model is worth, what it answers, and what a task's data are. */
#include "base/clock.h"
#include "cli/cli.h"
#include "cli/options.h"
#include "cli/training/training.h"
#include "io/text.h"
#include "report/picture.h"
#include "system/systems.h"
#include "train/logits.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

/* A command about one saved model. */
struct command {
    const char *name, *store;
    int64_t threads;
    struct attn_words words, plugins;
    attn_ctx *ctx;
    const attn_mixer_kind **kinds;
    int kind_count;
    bool reads_files; /* the recipe's, not its model alone */
    bool answers;     /* a file: --input */
    struct attn_sources sources;
    struct attn_saved_model model;
};

static attn_status open_saved(struct command *c, const char *name, struct attn_saved_model *out) {
    char path[ATTN_FILE_PATH];
    const attn_status status = attn_cli_model_path(c->ctx, attn_cli_store(c->store), name, path);
    if (!status) attn_cli_compare_sources(c->ctx, path, c->reads_files, &c->sources);
    return status ? status : attn_work_open_model(c->ctx, attn_task_named, path, c->kinds, c->kind_count, out);
}

/* Opens the saved model that the command's word names; -1, or an exit status. */
static int open_model(struct command *c) {
    int status = ATTN_EXIT_DONE;
    if (c->words.count > 1 && c->answers && !strchr(c->words.item[1], '='))
        return attn_complain("%s: found '%s' behind the model, expected one model alone: --input FILE names what is to be answered",
                             c->name, c->words.item[1]);
    if (c->words.count > 1)
        return attn_complain("%s: found '%s' behind the model, expected one model alone: what it was trained with stays", c->name,
                             c->words.item[1]);
    if (c->words.count != 1) return attn_complain("%s: expected one model: a file, a run's folder or its id", c->name);
    c->ctx = attn_cli_context((int)c->threads, &status);
    if (!c->ctx) return status;
    attn_sources_open(c->ctx, &c->sources);
    attn_status opened = attn_cli_plugins(c->ctx, &c->plugins, &c->sources, &c->kinds, &c->kind_count);
    if (!opened) opened = open_saved(c, c->words.item[0], &c->model);
    if (!opened) return -1;
    status = attn_complain_status(c->ctx, opened);
    attn_sources_close(&c->sources);
    attn_free(c->ctx, c->kinds);
    attn_ctx_destroy(c->ctx);
    return status;
}

static int close_model(struct command *c, attn_status status) {
    const int exit_status = status ? attn_complain_status(c->ctx, status) : ATTN_EXIT_DONE;
    attn_work_close_model(&c->model);
    attn_sources_close(&c->sources);
    attn_free(c->ctx, c->kinds);
    attn_ctx_destroy(c->ctx);
    return exit_status;
}

struct eval {
    struct command c;
    const char *data, *against;
    bool json, csv, bins;
};

static struct attn_report report_of(const struct eval *e, const struct attn_column *columns, int count) {
    return (struct attn_report){.file = stdout,
                                .form = e->json  ? ATTN_FORM_JSON
                                        : e->csv ? ATTN_FORM_CSV
                                                 : ATTN_FORM_TABLE,
                                .columns = columns,
                                .column_count = count};
}

static void print_figures(const struct eval *e, const struct attn_figures *figures) {
    static const struct attn_column columns[] = {{"figure", "figure", 24, 0, 0}, {"value", "value", 12, 6, 0}};
    struct attn_report report = report_of(e, columns, sizeof columns / sizeof columns[0]);
    struct attn_record all = {.count = 0};
    attn_record_text(&all, "task", e->c.model.job.task->name);
    for (int i = 0; i < figures->count; i++) {
        struct attn_record r = {.count = 0};
        attn_record_text(&r, "figure", figures->at[i].name);
        attn_record_real(&r, "value", figures->at[i].value);
        attn_record_real(&all, figures->at[i].name, figures->at[i].value);
        if (!e->json) attn_report_row(&report, &r);
    }
    if (e->json) attn_report_row(&report, &all);
}

static double perplexity_of(const struct attn_loss_sum *sum) {
    return sum->tokens > 0 ? exp(sum->loss / (double)sum->tokens) : (double)NAN;
}

static void print_bins(const struct eval *e, const struct attn_loss_bins *bins) {
    static const struct attn_column columns[] = {{"times_in_training", "in training", 12, 0, 0},
                                                 {"tokens_repeated", "repeated", 10, 0, 0},
                                                 {"perplexity_repeated", "perplexity", 12, 3, 0},
                                                 {"tokens_other", "other", 10, 0, 0},
                                                 {"perplexity_other", "perplexity", 12, 3, 0}};
    struct attn_report report = report_of(e, columns, sizeof columns / sizeof columns[0]);
    for (int i = 0; i < bins->count; i++) {
        const struct attn_loss_bin *bin = &bins->at[i];
        struct attn_record r = {.count = 0};
        attn_record_text(&r, "times_in_training", bin->name);
        attn_record_integer(&r, "tokens_repeated", bin->repeated.tokens);
        attn_record_real(&r, "perplexity_repeated", perplexity_of(&bin->repeated));
        attn_record_integer(&r, "tokens_other", bin->fresh.tokens);
        attn_record_real(&r, "perplexity_other", perplexity_of(&bin->fresh));
        attn_report_row(&report, &r);
    }
}

static attn_status compare(struct eval *e, struct attn_figures *figures) {
    struct attn_saved_model other;
    struct attn_job *job = &e->c.model.job;
    attn_status status = open_saved(&e->c, e->against, &other);
    if (status) return status;
    if (other.job.task != job->task)
        status = attn_fail(e->c.ctx, ATTN_EINVAL, "%s: found a model of %s, expected one of %s, as the first", e->against,
                           other.job.task->name, job->task->name);
    else if (!job->task->compare)
        status = attn_fail(e->c.ctx, ATTN_EUNSUPPORTED, "eval: %s compares no models", job->task->name);
    else
        status = job->task->compare(job, &other.job, e->data, figures);
    attn_work_close_model(&other);
    return status;
}

static attn_status evaluate(struct eval *e) {
    struct attn_job *job = &e->c.model.job;
    struct attn_figures figures = {.count = 0};
    struct attn_loss_bins bins = {.count = 0};
    if (e->bins && !job->task->bins)
        return attn_fail(e->c.ctx, ATTN_EUNSUPPORTED, "eval: %s has no bins by what training has seen", job->task->name);
    if (e->bins) {
        const attn_status status = job->task->bins(job, e->data, &bins);
        if (!status) print_bins(e, &bins);
        return status;
    }
    const attn_status status = e->against ? compare(e, &figures) : job->task->evaluate(job, e->data, &figures);
    if (!status) print_figures(e, &figures);
    return status;
}

int attn_cmd_eval(int argc, char **argv) {
    struct eval e = {.c = {.name = "eval", .reads_files = true}};
    const struct attn_option options[] = {
        {"data", ATTN_OPTION_TEXT, &e.data, "FILE", "data of your own in the task's format, in place of the recipe's", 0, 0},
        {"against", ATTN_OPTION_TEXT, &e.against, "MODEL",
         "a language model to be compared with: perplexities of both on the same tokens, differences of their logarithms, and the share of "
         "the difference that recalled tokens make",
         0, 0},
        {"bins", ATTN_OPTION_FLAG, &e.bins, NULL,
         "perplexity of a language model by how often training has seen a token's pair, apart for tokens that repeat one of their context",
         0, 0},
        {"plugin", ATTN_OPTION_WORDS, &e.c.plugins, "FILE", "a shared object with mixers of your own; may be given again", 0, 0},
        {"store", ATTN_OPTION_TEXT, &e.c.store, "DIR", "where runs are; default: ATTN_RUNS, else runs", 0, 0},
        {"threads", ATTN_OPTION_INTEGER, &e.c.threads, "N", "threads; default: all processors", 1, 4096},
        {"json", ATTN_OPTION_FLAG, &e.json, NULL, "one JSON object with all figures; of --bins, one a bin", 0, 0},
        {"csv", ATTN_OPTION_FLAG, &e.csv, NULL, "CSV", 0, 0},
    };
    const struct attn_usage usage = {"eval",
                                     "MODEL",
                                     "Evaluates a saved model: a file, a run's folder, or the id of a run in the store.",
                                     "attn eval runs/zoology-mqar-20260101-120000-1a2b",
                                     options,
                                     sizeof options / sizeof options[0]};
    int status = attn_options_parse(&usage, argc, argv, &e.c.words);
    if (status < 0 && e.bins && e.against) return attn_complain("eval: --bins is of one model, --against of two: expected one of them");
    if (status < 0) status = open_model(&e.c);
    return status >= 0 ? status : close_model(&e.c, evaluate(&e));
}

/* How far the search for a right answer has come. */
struct wait {
    double begun, first, share, shown; /* when its first share was told, and which; the newest; when a line was shown */
    bool announced;
};

/* The time that it will take where that is long, and what is left on a terminal. */
static void show_wait(void *user, double share) {
    enum { LONG = 10 };
    struct wait *w = user;
    const double now = attn_clock();
    char line[80], duration[32];
    if (!(share > w->share)) *w = (struct wait){.share = -1}; /* another search */
    if (w->share < 0) {
        w->begun = now;
        w->first = share;
    }
    w->share = share;
    if (share >= 1) attn_progress(NULL);
    if (share >= 1 || now - w->begun < 0.5 || now - w->shown < 0.2) return;
    const double left = (now - w->begun) / (share - w->first) * (1 - share);
    if (!w->announced && now - w->begun + left > LONG)
        attn_complain("predict: --check takes about %s for this set", attn_cli_duration(now - w->begun + left, duration));
    w->announced = true;
    w->shown = now;
    snprintf(line, sizeof line, "the right answer: %.0f%%, %s left", 100 * share, attn_cli_duration(left, duration));
    attn_progress(line);
}

struct predict {
    struct command c;
    const char *data, *logits, *input, *svg;
    struct attn_predict_options options;
};

/* The input; of a file that gzip has packed, its text in memory. */
static attn_status open_input(const struct predict *p, struct attn_text *text, FILE **in) {
    enum { GZIP = 0x1F /* no text begins with it */, MOST_BYTES = 1 << 30 };
    *in = p->input ? fopen(p->input, "rb") : stdin;
    if (*in && p->input) {
        const int first = getc(*in);
        if (first != EOF) ungetc(first, *in);
        if (first == GZIP) {
            fclose(*in);
            const attn_status status = attn_text_read(p->c.ctx, NULL, p->input, MOST_BYTES, text);
            if (status) return status;
            *in = fmemopen(text->bytes, text->size, "rb");
        }
    }
    return *in ? ATTN_OK : attn_fail(p->c.ctx, ATTN_EINVAL, "%s: cannot be read: %s", p->input, strerror(errno));
}

/* A place where no picture can be written is found before the answers, which may take long. */
static attn_status check_svg(const struct predict *p) {
    struct attn_file_writer writer;
    if (!p->svg) return ATTN_OK;
    const attn_status status = attn_file_begin(p->c.ctx, NULL, p->svg, &writer);
    if (!status) attn_file_abort(&writer);
    return status;
}

/* Answers what the input holds, and draws the first answer where a picture is wanted. */
static attn_status answer(struct predict *p) {
    struct attn_job *job = &p->c.model.job;
    struct attn_picture picture = {.points = 0};
    struct attn_predict_options options = p->options;
    struct wait wait = {.share = -1};
    const struct attn_watch watch = {show_wait, &wait};
    struct attn_text text = {NULL, 0};
    FILE *in;
    if (!job->task->predict)
        return attn_fail(p->c.ctx, ATTN_EUNSUPPORTED, "predict: %s answers no input of one's own; attn eval measures its models",
                         job->task->name);
    options.input = p->input ? p->input : "standard input";
    options.picture = p->svg ? &picture : NULL;
    options.watch = &watch;
    attn_status status = check_svg(p);
    if (!status) status = open_input(p, &text, &in);
    if (status) return status;
    status = job->task->predict(job, &options, in, stdout);
    if (p->input) fclose(in);
    attn_text_free(p->c.ctx, &text);
    if (!status && p->svg && attn_picture_empty(&picture))
        status = attn_fail(p->c.ctx, ATTN_EINVAL, "%s: found nothing to answer, expected something to draw in %s", options.input, p->svg);
    if (!status && p->svg) status = attn_picture_write(p->c.ctx, &picture, p->svg);
    attn_picture_free(p->c.ctx, &picture);
    return status;
}

/* Options that go together, or do not; -1: all is well. */
static int check_predict(const struct predict *p) {
    if (!p->data != !p->logits) return attn_complain("predict: --data and --logits are given together or not at all");
    if (p->logits && (p->input || p->svg || p->options.check))
        return attn_complain("predict: --logits takes its tokens from --data; --input, --svg and --check are of answers");
    if (p->data && attn_file_same(p->data, p->logits))
        return attn_complain("predict: --logits %s: expected another file than that of --data, which it would replace", p->logits);
    return -1;
}

int attn_cmd_predict(int argc, char **argv) {
    int64_t seed = 1;
    struct predict p = {.c = {.name = "predict", .answers = true}, .options = {.tokens = 40}};
    const struct attn_option options[] = {
        {"input", ATTN_OPTION_TEXT, &p.input, "FILE", "what is to be answered, plain or packed by gzip; default: standard input", 0, 0},
        {"check", ATTN_OPTION_FLAG, &p.options.check, NULL, "the exact answer beside the model's, of tasks that have one", 0, 0},
        {"svg", ATTN_OPTION_TEXT, &p.svg, "FILE", "a picture of the first answer, of tasks that have pictures", 0, 0},
        {"tokens", ATTN_OPTION_INTEGER, &p.options.tokens, "N", "tokens of a text's continuation; default 40", 1, 1e6},
        {"temperature", ATTN_OPTION_REAL, &p.options.temperature, "T", "0 (default): the likeliest token; 1: drawn as the model says", 0,
         100},
        {"seed", ATTN_OPTION_INTEGER, &seed, "N", "of what is drawn; default 1", 0, 4294967295.0},
        {"data", ATTN_OPTION_TEXT, &p.data, "FILE", "tokens [B, T] as .npy, for --logits, in the place of lines", 0, 0},
        {"logits", ATTN_OPTION_TEXT, &p.logits, "FILE", "writes the logits at these tokens, [B, T, vocabulary], as .npy", 0, 0},
        {"plugin", ATTN_OPTION_WORDS, &p.c.plugins, "FILE", "a shared object with mixers of your own; may be given again", 0, 0},
        {"store", ATTN_OPTION_TEXT, &p.c.store, "DIR", "where runs are; default: ATTN_RUNS, else runs", 0, 0},
        {"threads", ATTN_OPTION_INTEGER, &p.c.threads, "N", "threads; default: all processors", 1, 4096},
    };
    const struct attn_usage usage = {
        "predict",
        "MODEL",
        "Reads lines and writes a saved model's answer to each. zoology/mqar: keys and values, then '?' and the keys "
        "asked for, as \"a 1 b 2 ? b\". pointer/hull, delaunay, tsp: points as CSV (an empty line ends a set) or TSPLIB; pointer/sort: "
        "numbers.",
        "echo 'apple red grass green ? grass' | attn predict runs/zoology-mqar-20260101-120000-1a2b",
        options,
        sizeof options / sizeof options[0]};
    int status = attn_options_parse(&usage, argc, argv, &p.c.words);
    if (status < 0) status = check_predict(&p);
    if (status < 0) status = open_model(&p.c);
    if (status >= 0) return status;
    signal(SIGPIPE, SIG_IGN); /* where nobody reads the answers, writing fails and says so */
    p.options.seed = (uint64_t)seed;
    return close_model(&p.c, p.logits ? attn_logits_write(&p.c.model.job, p.data, p.logits) : answer(&p));
}

int attn_cmd_data(int argc, char **argv) {
    int64_t count = 10;
    struct attn_words words = {.count = 0};
    struct attn_sweep sweep;
    struct attn_job job;
    const struct attn_option options[] = {
        {"count", ATTN_OPTION_INTEGER, &count, "N", "examples; default 10", 1, 1e12},
    };
    const struct attn_usage usage = {
        "data",
        "TASK [FIELD=VALUE...]",
        "Writes the examples that training would see, one JSON object a line, or in the paper's format (pointer).",
        "attn data zoology/mqar vocabulary=64 length=16 pairs=4 --count 3",
        options,
        sizeof options / sizeof options[0]};
    int status = attn_options_parse(&usage, argc, argv, &words);
    if (status >= 0) return status;
    if (words.count == 0) return attn_complain("data: expected a task; attn systems lists them");
    attn_ctx *ctx = attn_cli_context(0, &status);
    if (!ctx) return status;
    const struct attn_task *task = attn_task_named(ctx, words.item[0]);
    attn_status done = task ? attn_sweep_expand(ctx, task, NULL, words.item + 1, words.count - 1, &sweep) : ATTN_EINVAL;
    if (!done) {
        done = attn_job_open(ctx, task, attn_sweep_recipe(&sweep, 0), NULL, 0, NULL, &job);
        if (!done && sweep.count > 1)
            done = attn_fail(ctx, ATTN_EINVAL, "data: found %lld recipes, expected one value of each field", (long long)sweep.count);
        if (!done && !task->generate) done = attn_fail(ctx, ATTN_EUNSUPPORTED, "data: the data of %s are not generated", task->name);
        if (!done) done = task->generate(&job, count, stdout);
        attn_job_close(&job);
        attn_sweep_free(ctx, &sweep);
    }
    status = done ? attn_complain_status(ctx, done) : ATTN_EXIT_DONE;
    attn_ctx_destroy(ctx);
    return status;
}
