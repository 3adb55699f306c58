/* attn train: a recipe, or a sweep of them, becomes runs in the store. */
#include "base/cpu.h"
#include "base/folder.h"
#include "cli/cli.h"
#include "cli/options.h"
#include "cli/ranks.h"
#include "cli/training/training.h"
#include "system/systems.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RECIPE_LIMIT = 1 << 20 };

/* The table of a sweep; `figure` is shown under the task's own name for it. */
enum { FIGURE = 4, COLUMNS = 7 };
static const struct attn_column all_columns[COLUMNS] = {
    {"sweep", "recipe", 40, 0, 0}, {"state", "state", 8, 0, 0}, {"step", "step", 8, 0, 0}, {"seconds", "seconds", 8, 1, 0},
    {"figure", "figure", 8, 4, 0}, {"loss", "loss", 8, 4, 0},   {"run", "run", 0, 0, 0},
};

struct train {
    const char *store, *resume, *recipe_file, *sweep_file, *time_limit, *checkpoint_every, *shard;
    struct attn_words plugins;
    struct attn_sources sources;
    const attn_mixer_kind **kinds;
    int64_t threads, jobs;
    bool quiet, json, csv, again, dry_run;
    attn_ctx *ctx;
    const struct attn_task *task;
    struct attn_sweep sweep;
    struct attn_work work;
    struct attn_report report;
    struct attn_column columns[COLUMNS];
    double last_line;
    char name[160];
};

static bool stop_asked(void *user) {
    (void)user;
    return attn_stop_asked();
}

/* ------------------------------------------------------------------------------------------------------- progress */

static void show_progress(void *user, const struct attn_train_progress *p) {
    struct train *t = user;
    char line[256], left[32];
    if (t->quiet) return;
    if (p->figures && p->figures->count > 0)
        snprintf(t->name, sizeof t->name, ", %s %.4f", p->figures->at[0].name, p->figures->at[0].value);
    if (!p->figures && p->seconds - t->last_line < 0.2) return;
    t->last_line = p->seconds;
    snprintf(line, sizeof line, "step %lld of %lld, loss %.4f%s, %.1f steps/s, %s left", (long long)p->step, (long long)p->steps, p->loss,
             t->name, p->rate, attn_cli_duration(p->left, left));
    attn_progress(line);
}

static void say_begun(void *user, const struct attn_run *run, const struct attn_job *job, bool resumed) {
    const struct train *t = user;
    if (t->quiet || t->json || t->csv) return;
    char path[ATTN_FILE_PATH], count[64], forward[32], all[32];
    int64_t steps = 0;
    if (attn_train_steps(job, &steps)) return; /* the trainer says why */
    const bool anew = !attn_path_exists(attn_run_path(run, ATTN_CHECKPOINT_FILE, path));
    printf("%s %s, %s",
           !resumed ? "training"
           : anew   ? "there is no checkpoint: beginning anew with"
                    : "going on with",
           run->folder, attn_cli_count(steps, "step", count));
    printf(", %s", attn_cli_count(attn_model_elements(job->model), "parameter", count));
    if (job->costed && isfinite(job->cost.step_flops))
        printf(", %s forward and %s a step for each example", attn_cli_flops(job->cost.forward_flops, forward),
               attn_cli_flops(job->cost.step_flops, all));
    if (job->costed && job->cost.state_bytes >= 0) printf(", %lld bytes of state", (long long)job->cost.state_bytes);
    printf("\n");
    fflush(stdout);
}

/* --------------------------------------------------------------------------------------------------------- results */

/* The command that goes on with a run needs the plugins again. */
static void say_resume(const struct train *t, const char *folder) {
    printf("attn train --resume %s", folder);
    for (int i = 0; i < t->plugins.count; i++) printf(" --plugin %s", t->plugins.item[i]);
    printf(" goes on with it\n");
}

static void print_run(struct train *t, const char *label, const struct attn_run_summary *s) {
    struct attn_record r = {.count = 0};
    if (label) attn_record_text(&r, "sweep", label);
    attn_cli_run_record(&r, s);
    if (!t->json && !t->csv) attn_record_real(&r, "figure", attn_figures_get(&s->figures, t->task->figure));
    attn_report_row(&t->report, &r);
    if (s->state == ATTN_RUN_FAILED) attn_complain("train: %s: %s", label && label[0] ? label : s->id, s->message);
}

static void say_ready(void *user, int64_t index, const struct attn_run_summary *summary) {
    struct train *t = user;
    char label[512];
    attn_sweep_label(&t->sweep, index, label, sizeof label);
    print_run(t, label, summary);
}

static int say_one(struct train *t, const struct attn_run_summary *s) {
    char seconds[32], count[64];
    attn_progress(NULL);
    if (s->state == ATTN_RUN_RUNNING) return attn_complain("train: %s: another process is training it", s->folder);
    if (t->json || t->csv) {
        print_run(t, NULL, s);
    } else if (!t->quiet) {
        printf("%s after %s, %s", attn_run_state_name(s->state), attn_cli_count(s->step, "step", count),
               attn_cli_duration(s->seconds, seconds));
        for (int i = 0; i < s->figures.count; i++) printf(", %s %.4f", s->figures.at[i].name, s->figures.at[i].value);
        printf("\n");
        if (s->state == ATTN_RUN_DONE && !t->task->measure) printf("%s/%s\n", s->folder, ATTN_MODEL_FILE);
        if (s->state == ATTN_RUN_STOPPED) say_resume(t, s->folder);
    }
    return s->state == ATTN_RUN_STOPPED ? ATTN_EXIT_STOPPED : ATTN_EXIT_DONE;
}

/* ------------------------------------------------------------------------------------------------------------ work */

static int resume(struct train *t) {
    char folder[ATTN_FILE_PATH / 2], *text = NULL;
    size_t bytes;
    struct attn_run_summary summary;
    struct attn_recipe *recipe = NULL;
    attn_status status = attn_store_folder(t->ctx, t->work.store, t->resume, folder);
    if (!status) status = attn_store_recipe(t->ctx, folder, &text, &bytes);
    if (!status) status = attn_cli_recipe(t->ctx, folder, text, bytes, &t->task, &recipe);
    t->work.task = t->task;
    if (!status) status = attn_work_one(t->ctx, &t->work, recipe, folder, say_begun, &summary);
    attn_progress(NULL);
    attn_free(t->ctx, text);
    attn_free(t->ctx, recipe);
    return status ? attn_complain_status(t->ctx, status) : say_one(t, &summary);
}

static int train_one(struct train *t) {
    struct attn_run_summary summary;
    const attn_status status = attn_work_one(t->ctx, &t->work, attn_sweep_recipe(&t->sweep, 0), NULL, say_begun, &summary);
    attn_progress(NULL);
    return status ? attn_complain_status(t->ctx, status) : say_one(t, &summary);
}

/* "2/4": the second of four jobs that share the sweep. */
static int take_shard(const struct train *t, int64_t *first, int64_t *step) {
    long long i = 1, n = 1;
    int used = 0;
    if (t->shard && (sscanf(t->shard, "%lld/%lld%n", &i, &n, &used) != 2 || t->shard[used] || i < 1 || i > n || n > ATTN_SWEEP_MOST))
        return attn_complain("train: --shard %s: expected I/N with I from 1 to N", t->shard);
    *first = i - 1;
    *step = n;
    return -1;
}

/* A mistake in a recipe is told before another one has trained for hours. */
static attn_status check_recipes(struct train *t, int64_t first, int64_t step) {
    char sentence[1024], label[512];
    attn_status status = ATTN_OK;
    for (int64_t i = first; i < t->sweep.count && !status; i += step) {
        status = attn_work_check(t->ctx, &t->work, attn_sweep_recipe(&t->sweep, i));
        if (!status) continue;
        attn_sweep_label(&t->sweep, i, label, sizeof label);
        attn_fail(t->ctx, status, "%s: %s", label, attn_ctx_error(t->ctx, sentence, sizeof sentence));
    }
    return status;
}

static void say_left(const struct train *t, const struct attn_work_count *count) {
    char recipes[64];
    if (t->quiet || t->json || t->csv || count->left == 0) return;
    printf("%s stopped, %lld not begun; the same command goes on\n", attn_cli_count(count->left - count->waiting, "recipe", recipes),
           (long long)count->waiting);
}

static int train_sweep(struct train *t) {
    int64_t first = 0, step = 1;
    struct attn_work_count count;
    const int exit_status = take_shard(t, &first, &step);
    if (exit_status >= 0) return exit_status;
    if (attn_cli_ranks()) return attn_complain("train: a sweep is not shared by processes of MPI; --shard I/N is for jobs");
    const int cores = t->threads > 0 ? (int)t->threads : attn_cpu_count(), jobs = t->jobs > 0 ? (int)t->jobs : cores;
    t->work.options.progress = NULL;
    t->columns[FIGURE].title = t->task->figure;
    attn_status status = check_recipes(t, first, step);
    if (!status)
        status = attn_work_sweep(t->ctx, &t->work, &t->sweep, first, step, jobs, cores / jobs > 0 ? cores / jobs : 1, say_ready, t, &count);
    if (status) return attn_complain_status(t->ctx, status);
    say_left(t, &count);
    return count.failed > 0 ? ATTN_EXIT_USAGE : count.left > 0 ? ATTN_EXIT_STOPPED : ATTN_EXIT_DONE;
}

/* "1000 parameters, 10 steps", or how long a measurement takes; in 160 bytes. */
static attn_status effort_of(const struct train *t, const struct attn_recipe *recipe, char *out) {
    struct attn_job job;
    char parameters[64], count[64];
    int64_t steps = 0;
    if (t->task->measure) {
        snprintf(out, 160, "measured in about %s", attn_cli_duration(t->task->seconds(recipe), count));
        return ATTN_OK;
    }
    attn_status status = attn_job_open(t->ctx, t->task, recipe, t->work.kinds, t->work.kind_count, NULL, &job);
    if (!status) status = attn_train_check(&job, attn_cli_ranks());
    if (!status) status = attn_train_steps(&job, &steps);
    if (!status)
        snprintf(out, 160, "%s, %s", attn_cli_count(attn_model_elements(job.model), "parameter", parameters),
                 attn_cli_count(steps, "step", count));
    attn_job_close(&job);
    return status;
}

/* What would be trained: the recipe, its size and steps. */
static int dry_run(struct train *t) {
    char count[64], effort[160];
    attn_status status = ATTN_OK;
    for (int64_t i = 0; i < t->sweep.count && !status; i++) {
        status = effort_of(t, attn_sweep_recipe(&t->sweep, i), effort);
        char *text = status ? NULL : attn_recipe_text(attn_sweep_recipe(&t->sweep, i));
        if (text) printf("%s", text);
        if (text && !t->json) printf("%s\n", effort);
        attn_free(t->ctx, text);
    }
    if (!status && !t->json && t->sweep.count > 1) printf("%s\n", attn_cli_count(t->sweep.count, "recipe", count));
    return status ? attn_complain_status(t->ctx, status) : ATTN_EXIT_DONE;
}

static attn_status read_sweep(struct train *t) {
    uint8_t *text;
    size_t bytes;
    attn_status status = attn_file_read(t->ctx, NULL, t->sweep_file, RECIPE_LIMIT, &text, &bytes);
    if (status) return status;
    status = attn_sweep_parse(t->ctx, &t->sweep, t->sweep_file, (const char *)text, bytes);
    attn_free(t->ctx, text);
    return status;
}

/* A list of the sweep's file that a word of the command line takes the place of. */
static void say_replaced(const struct train *t, const char *word) {
    const struct attn_sweep_part *file = t->sweep.part;
    const size_t n = strcspn(word, "=");
    for (int a = 0; a < file->axes; a++) {
        const char *name = file->base->value[file->axis[a].field].field->name;
        if (strlen(name) == n && memcmp(name, word, n) == 0) attn_complain("%s: %s is replaced by the command line", t->sweep_file, name);
    }
}

/* A field of the command line that no recipe reads: with its default the same would be trained. */
static void say_unread(const struct train *t, const char *word) {
    const struct attn_recipe_value *by = NULL;
    char name[64], text[ATTN_RECIPE_TEXT];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(word, "="), word);
    for (int64_t i = 0; i < t->sweep.count; i++) {
        by = attn_task_unread(t->task, attn_sweep_recipe(&t->sweep, i), name);
        if (!by) return;
    }
    if (by) attn_complain("train: %s is not read with %s=%s", name, by->field->name, attn_recipe_value_text(by, text, sizeof text));
}

/* The task, or the file's, and what is assigned: in the sweep's file, then on the command line. */
static attn_status make_sweep(struct train *t, const struct attn_words *words) {
    struct attn_recipe *base = NULL;
    int first = 0;
    attn_status status = ATTN_OK;
    if (t->recipe_file) {
        uint8_t *text;
        size_t bytes;
        status = attn_file_read(t->ctx, NULL, t->recipe_file, RECIPE_LIMIT, &text, &bytes);
        if (status) return status;
        status = attn_cli_recipe(t->ctx, t->recipe_file, (const char *)text, bytes, &t->task, &base);
        attn_free(t->ctx, text);
    } else {
        t->task = attn_task_named(t->ctx, words->item[first++]);
        if (!t->task) return ATTN_EINVAL;
    }
    if (!status) status = attn_sweep_open(t->ctx, t->task, base, &t->sweep);
    attn_free(t->ctx, base);
    if (!status && t->sweep_file) status = read_sweep(t);
    if (!status && t->sweep_file)
        for (int i = first; i < words->count; i++) say_replaced(t, words->item[i]);
    for (int i = first; i < words->count && !status; i++) status = attn_sweep_assign(t->ctx, &t->sweep, words->item[i]);
    for (int i = first; i < words->count && !status; i++) say_unread(t, words->item[i]);
    t->work.task = t->task;
    return status;
}

static int set_options(struct train *t) {
    const int processes = attn_cli_ranks() ? attn_cli_ranks()->count : 1;
    if (processes & (processes - 1)) return attn_complain("train: %d processes; expected a power of two", processes);
    t->work.store = attn_cli_store(t->store);
    t->work.again = t->again;
    t->work.options = (struct attn_train_options){.ranks = attn_cli_ranks(), .stop = stop_asked, .progress = show_progress, .user = t};
    t->quiet = t->quiet || (attn_cli_ranks() && attn_cli_ranks()->rank > 0);
    if (!attn_cli_seconds(t->checkpoint_every, &t->work.options.checkpoint_seconds))
        return attn_complain("train: --checkpoint-every %s: expected a time as 30s, 10m or 2h", t->checkpoint_every);
    if (t->time_limit && !attn_cli_seconds(t->time_limit, &t->work.options.time_limit))
        return attn_complain("train: --time-limit %s: expected a time as 30s, 10m or 2h", t->time_limit);
    t->report = (struct attn_report){.file = stdout,
                                     .form = t->json  ? ATTN_FORM_JSON
                                             : t->csv ? ATTN_FORM_CSV
                                                      : ATTN_FORM_TABLE,
                                     .columns = t->columns,
                                     .column_count = COLUMNS};
    memcpy(t->columns, all_columns, sizeof all_columns);
    return -1;
}

static int work(struct train *t, const struct attn_words *words) {
    attn_status status = attn_cli_plugins(t->ctx, &t->plugins, &t->sources, &t->kinds, &t->work.kind_count);
    t->work.kinds = t->kinds;
    if (!status && t->resume) return resume(t);
    if (!status) status = make_sweep(t, words);
    const int exit_status = status                             ? attn_complain_status(t->ctx, status)
                            : t->dry_run                       ? dry_run(t)
                            : t->sweep.count == 1 && !t->shard ? train_one(t)
                                                               : train_sweep(t);
    attn_sweep_free(t->ctx, &t->sweep);
    return exit_status;
}

static int run(struct train *t, const struct attn_words *words) {
    if (t->resume && words->count > 0)
        return attn_complain("train: --resume takes the recipe from the run; found '%s' besides", words->item[0]);
    if (t->resume && (t->recipe_file || t->sweep_file || t->shard || t->again || t->dry_run || t->jobs > 0))
        return attn_complain(
            "train: --resume goes on with one run as it is: expected no --recipe, --sweep, --shard, --jobs, --again or --dry-run");
    if (!t->resume && !t->recipe_file && words->count == 0) return attn_complain("train: expected a task; attn systems lists them");
    int status = set_options(t);
    if (status >= 0) return status;
    t->ctx = attn_cli_context((int)t->threads, &status);
    if (!t->ctx) return status;
    attn_stop_catch();
    attn_sources_open(t->ctx, &t->sources);
    t->work.sources = &t->sources;
    status = work(t, words);
    attn_sources_close(&t->sources);
    attn_free(t->ctx, t->kinds);
    attn_ctx_destroy(t->ctx);
    return status;
}

int attn_cmd_train(int argc, char **argv) {
    struct train t = {.checkpoint_every = "60s"};
    struct attn_words words = {.count = 0};
    const struct attn_option options[] = {
        {"resume", ATTN_OPTION_TEXT, &t.resume, "RUN", "go on with a run: its folder or its id", 0, 0},
        {"recipe", ATTN_OPTION_TEXT, &t.recipe_file, "FILE", "a recipe as JSON in the task's place; FIELD=VALUE words change it", 0, 0},
        {"sweep", ATTN_OPTION_TEXT, &t.sweep_file, "FILE",
         "fields with lists of values as JSON: {\"lr\": [1e-4, 1e-3], \"seed\": \"1..3\"}; a field that is named on the command line too "
         "has "
         "the values there",
         0, 0},
        {"plugin", ATTN_OPTION_WORDS, &t.plugins, "FILE", "a shared object with mixers of your own; may be given again", 0, 0},
        {"store", ATTN_OPTION_TEXT, &t.store, "DIR", "where runs are; default: ATTN_RUNS, else runs", 0, 0},
        {"threads", ATTN_OPTION_INTEGER, &t.threads, "N", "threads, of a sweep: to be shared; default: all processors", 1, 4096},
        {"jobs", ATTN_OPTION_INTEGER, &t.jobs, "N", "recipes of a sweep at once; default: as many as threads", 1, 256},
        {"shard", ATTN_OPTION_TEXT, &t.shard, "I/N", "recipes I, I + N, ... of the sweep only, so that N jobs share it", 0, 0},
        {"time-limit", ATTN_OPTION_TEXT, &t.time_limit, "TIME", "save and stop after so long, as 45m or 2h", 0, 0},
        {"checkpoint-every", ATTN_OPTION_TEXT, &t.checkpoint_every, "TIME", "time between checkpoints; default 60s; 0: only when stopped",
         0, 0},
        {"again", ATTN_OPTION_FLAG, &t.again, NULL, "train what the store has already", 0, 0},
        {"dry-run", ATTN_OPTION_FLAG, &t.dry_run, NULL, "print the recipes, their parameters and steps, and how many there are, and stop",
         0, 0},
        {"quiet", ATTN_OPTION_FLAG, &t.quiet, NULL, "print nothing but results of a sweep and mistakes", 0, 0},
        {"json", ATTN_OPTION_FLAG, &t.json, NULL, "one JSON object a run on stdout", 0, 0},
        {"csv", ATTN_OPTION_FLAG, &t.csv, NULL, "results as CSV", 0, 0},
    };
    const struct attn_usage usage = {
        "train",
        "TASK [FIELD=VALUE...]",
        "Trains a model and keeps it in a store of runs. A recipe that the store has is not trained again; one that it has in part goes "
        "on. "
        "Several values of a field, lr=1e-4,1e-3 seed=1..3, are a sweep of all combinations; a value with a comma stands in double "
        "quotes, 'data=\"a,b.txt\"'. Ctrl-C, SIGTERM, SIGUSR1 and --time-limit "
        "save a "
        "checkpoint and stop; attn systems TASK lists the fields.",
        "attn train zoology/mqar mixer=baseconv:kernel=3+attention vocabulary=256 length=32 width=32 batch=64 steps=500 train_examples=0",
        options,
        sizeof options / sizeof options[0]};
    const int status = attn_options_parse(&usage, argc, argv, &words);
    return status >= 0 ? status : run(&t, &words);
}
