/* One loop: a step, its line, now and then an evaluation and a checkpoint. What the loop knows beyond the parameters is in struct attn_place,
 * which a checkpoint holds too. */
#include "train/trainer.h"

#include "base/clock.h"
#include "base/folder.h"
#include "base/hash.h"
#include "nn/model.h"
#include "train/checkpoint.h"
#include "train/context_parallel.h"
#include "train/cost.h"
#include "train/sum.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LINES = 1000 }; /* of steps in a run, about */

struct trainer {
    struct attn_job *job;
    struct attn_run *run;
    const struct attn_train_options *options;
    attn_optimizer *optimizer;
    attn_schedule schedule;
    struct attn_context_parallel context;
    struct attn_gradient_sum sum;
    attn_real *average, *best; /* of all parameters; NULL: the recipe wants none */
    double average_share;
    int64_t steps, micros;
    struct attn_place place;
    struct attn_figures figures;
    double last_saved;   /* clock */
    double last_seconds; /* clock of the last count of seconds */
    int64_t saved_step;  /* -1: none in this run */
};

static const struct attn_ranks *ranks_of(const struct trainer *t) {
    return t->options->ranks && t->options->ranks->count > 1 ? t->options->ranks : NULL;
}

/* ------------------------------------------------------------------------------------------------------- setting up */

attn_status attn_train_steps(const struct attn_job *job, int64_t *steps) {
    const struct attn_recipe *r = job->recipe;
    *steps = attn_recipe_whole(r, "steps");
    if (*steps > 0) return ATTN_OK;
    if (attn_recipe_whole(r, "epochs") > 0 && job->epoch_steps > 0) {
        *steps = attn_recipe_whole(r, "epochs") * job->epoch_steps;
        return ATTN_OK;
    }
    return attn_fail(job->ctx, ATTN_EINVAL, "recipe: steps=0 and epochs=%lld%s: expected a number of steps",
                     (long long)attn_recipe_whole(r, "epochs"), job->epoch_steps > 0 ? "" : ", and the data have no epochs");
}

static attn_schedule schedule_of(const struct attn_job *job, int64_t steps) {
    const struct attn_recipe *r = job->recipe;
    const int64_t period = attn_recipe_whole(r, "period");
    return (attn_schedule){.kind = (attn_schedule_kind)attn_recipe_whole(r, "schedule"),
                           .peak = attn_recipe_number(r, "lr"),
                           .warmup = attn_recipe_whole(r, "warmup"),
                           .total = steps,
                           .period = period > 0 ? period : attn_max64(1, job->epoch_steps),
                           .floor = attn_recipe_number(r, "floor"),
                           .gamma = attn_recipe_number(r, "gamma"),
                           .hold = attn_recipe_number(r, "hold")};
}

static attn_status make_optimizer(struct attn_job *job, attn_optimizer **out) {
    const struct attn_recipe *r = job->recipe;
    attn_optimizer_config config;
    attn_optimizer_config_init(&config);
    config.kind = (attn_optimizer_kind)attn_recipe_whole(r, "optimizer");
    config.momentum = attn_recipe_number(r, "momentum");
    config.beta1 = attn_recipe_number(r, "beta1");
    config.beta2 = attn_recipe_number(r, "beta2");
    config.epsilon = attn_recipe_number(r, "epsilon");
    return attn_model_optimizer(job->model, &config, attn_recipe_number(r, "decay"), out);
}

/* The parameters' numbers, one behind the other. */
static void copy_out(const attn_model *model, attn_real *to) {
    for (const struct attn_model_entry *e = attn_model_first(model); e; to += e->tensor->count, e = e->next)
        memcpy(to, e->tensor->data, (size_t)e->tensor->count * sizeof *to);
}

static void swap_in(const attn_model *model, attn_real *other) {
    for (const struct attn_model_entry *e = attn_model_first(model); e; e = e->next)
        for (int64_t i = 0; i < e->tensor->count; i++, other++) {
            const attn_real kept = e->tensor->data[i];
            e->tensor->data[i] = *other;
            *other = kept;
        }
}

static attn_status array_of_all(struct trainer *t, attn_real **out) {
    const size_t bytes = (size_t)attn_model_elements(t->job->model) * sizeof **out;
    *out = attn_alloc(t->job->ctx, bytes);
    if (!*out) return attn_no_memory(t->job->ctx, "a copy of the weights", bytes);
    copy_out(t->job->model, *out);
    return ATTN_OK;
}

/* Processes that share a micro-batch count as one. */
static attn_status check_micros(attn_ctx *ctx, const struct attn_recipe *r, int processes) {
    int group;
    const attn_status status = attn_context_groups(ctx, r, processes, &group);
    const int groups = processes / group;
    if (status) return status;
    const int64_t micros = attn_recipe_whole(r, "micro_batches"), batch = attn_recipe_whole(r, "batch");
    if ((micros & (micros - 1)) != 0 || batch % micros != 0)
        return attn_fail(ctx, ATTN_EINVAL, "recipe: micro_batches=%lld: expected a power of two that divides batch=%lld", (long long)micros,
                         (long long)batch);
    if ((processes & (processes - 1)) != 0 || groups > micros)
        return attn_fail(ctx, ATTN_EINVAL, "%d %s share micro_batches=%lld: expected a power of two, at most as many", groups,
                         group > 1 ? "groups of processes" : "processes", (long long)micros);
    return ATTN_OK;
}

/* What stops a training by its evaluations has no effect on one that is evaluated at its end. */
static attn_status check_evaluations(attn_ctx *ctx, const struct attn_recipe *r) {
    const bool patience = attn_recipe_whole(r, "patience") > 0;
    if (attn_recipe_whole(r, "eval_every") > 0 || (!patience && attn_recipe_number(r, "target") == 0.0)) return ATTN_OK;
    return attn_fail(ctx, ATTN_EINVAL, "recipe: %s is set, and eval_every=0: expected a number of steps between evaluations",
                     patience ? "patience" : "target");
}

attn_status attn_train_check_recipe(attn_ctx *ctx, const struct attn_recipe *recipe, const struct attn_ranks *ranks) {
    const attn_status status = check_micros(ctx, recipe, ranks ? ranks->count : 1);
    return status ? status : check_evaluations(ctx, recipe);
}

attn_status attn_train_check(const struct attn_job *job, const struct attn_ranks *ranks) {
    int64_t steps;
    attn_status status = attn_train_steps(job, &steps);
    if (!status) status = attn_train_check_recipe(job->ctx, job->recipe, ranks);
    return status ? status : attn_context_check(job, ranks ? ranks->count : 1);
}

static attn_status open_trainer(struct trainer *t) {
    const struct attn_recipe *r = t->job->recipe;
    attn_status status = attn_train_check(t->job, ranks_of(t));
    if (!status) status = attn_train_steps(t->job, &t->steps);
    if (!status) status = attn_context_open(t->job, ranks_of(t), &t->context);
    if (!status) t->micros = attn_recipe_whole(r, "micro_batches") / t->context.groups;
    if (!status) status = make_optimizer(t->job, &t->optimizer);
    if (!status) status = attn_gradient_sum_open(t->job->ctx, t->job->model, t->micros, ranks_of(t), t->context.group, &t->sum);
    t->schedule = schedule_of(t->job, t->steps);
    t->average_share = attn_recipe_number(r, "ema");
    if (!status && t->average_share > 0) status = array_of_all(t, &t->average);
    if (!status && attn_recipe_whole(r, "patience") > 0) status = array_of_all(t, &t->best);
    t->place.best = (double)NAN;
    t->saved_step = -1;
    t->last_saved = t->last_seconds = attn_clock();
    return status;
}

static void close_trainer(struct trainer *t) {
    attn_context_close(&t->context);
    attn_optimizer_destroy(t->optimizer);
    attn_gradient_sum_close(&t->sum);
    attn_free(t->job->ctx, t->average);
    attn_free(t->job->ctx, t->best);
}

/* ------------------------------------------------------------------------------------------------------ checkpoints */

static void count_seconds(struct trainer *t) {
    const double now = attn_clock();
    t->place.seconds += round((now - t->last_seconds) * 1e6) * 1e-6;
    t->last_seconds = now;
}

static struct attn_model_file_state content_of(const struct trainer *t) {
    struct attn_model_file_state s = {.optimizer = t->optimizer};
    if (t->average) s.copy[s.copies++] = (struct attn_model_copy){"attn.ema.", t->average};
    if (t->best) s.copy[s.copies++] = (struct attn_model_copy){"attn.best.", t->best};
    return s;
}

static attn_status save_checkpoint(struct trainer *t) {
    char path[ATTN_FILE_PATH];
    const struct attn_model_file_state content = content_of(t);
    attn_status status = ATTN_OK;
    if (t->run) {
        count_seconds(t);
        status = attn_journal_sync(t->job->ctx, &t->run->metrics);
        if (!status)
            status =
                attn_checkpoint_write(t->job, t->options->system, attn_run_path(t->run, ATTN_CHECKPOINT_FILE, path), &content, &t->place);
    }
    t->last_saved = attn_clock();
    if (!status) t->saved_step = t->place.step;
    return status;
}

/* A run that was stopped before its first checkpoint begins again. */
static attn_status load_checkpoint(struct trainer *t) {
    char path[ATTN_FILE_PATH];
    attn_ctx *ctx = t->job->ctx;
    const struct attn_model_file_state content = content_of(t);
    attn_status status = ATTN_OK;
    if (t->run && attn_path_exists(attn_run_path(t->run, ATTN_CHECKPOINT_FILE, path)))
        status = attn_checkpoint_read(t->job, t->options->system, path, &content, t->steps, &t->place);
    status = attn_ranks_agree(ranks_of(t), ctx, "checkpoint", 0, status);
    if (!status) status = attn_checkpoint_share(t->job, ranks_of(t), &content, &t->place);
    if (!status && t->place.step > 0) t->saved_step = t->place.step;
    return status;
}

/* Silent divergence, of a broken machine or of another library, is found at the next evaluation. */
static attn_status compare_weights(const struct trainer *t) {
    char text[32];
    uint64_t hash = ATTN_HASH_START;
    if (!ranks_of(t)) return ATTN_OK;
    for (const struct attn_model_entry *e = attn_model_first(t->job->model); e; e = e->next)
        hash = attn_hash(hash, e->tensor->data, (size_t)e->tensor->count * sizeof(attn_real));
    snprintf(text, sizeof text, "%016llx", (unsigned long long)hash);
    return attn_ranks_compare(ranks_of(t), t->job->ctx, "hash of the weights", t->place.step, text);
}

/* ------------------------------------------------------------------------------------------------------------ lines */

static attn_status log_event(struct trainer *t, const char *event, const char *message) {
    struct attn_record r = {.count = 0};
    if (!t->run) return ATTN_OK;
    count_seconds(t);
    attn_record_text(&r, "event", event);
    attn_record_integer(&r, "step", t->place.step);
    attn_record_real(&r, "seconds", t->place.seconds);
    if (message) attn_record_text(&r, "message", message);
    if (strcmp(event, "start") == 0 || strcmp(event, "resume") == 0) {
        attn_record_integer(&r, "steps", t->steps);
        attn_record_integer(&r, "parameters", attn_model_elements(t->job->model));
        if (event[0] == 's') attn_cost_record(&r, &t->job->cost);
    }
    const bool figures = strcmp(event, "evaluation") == 0 || strcmp(event, "done") == 0;
    for (int i = 0; figures && i < t->figures.count; i++) attn_record_real(&r, t->figures.at[i].name, t->figures.at[i].value);
    return attn_run_log(t->run, &r);
}

static attn_status log_step(struct trainer *t, double rate) {
    struct attn_record r = {.count = 0};
    struct attn_place *p = &t->place;
    if (p->step % attn_max64(1, t->steps / LINES) != 0 && p->step != t->steps) return ATTN_OK;
    count_seconds(t);
    attn_record_text(&r, "event", "step");
    attn_record_integer(&r, "step", p->step);
    attn_record_real(&r, "loss", p->loss_sum / (double)p->loss_count);
    attn_record_real(&r, "gradient_norm", p->norm_sum / (double)p->loss_count);
    attn_record_real(&r, "rate", rate);
    attn_record_real(&r, "seconds", p->seconds);
    p->loss_sum = p->norm_sum = 0;
    p->loss_count = 0;
    return t->run ? attn_run_log(t->run, &r) : ATTN_OK;
}

/* ------------------------------------------------------------------------------------------------------------ steps */

static const char *last_checkpoint(const struct trainer *t, char text[128]) {
    if (t->saved_step < 0)
        snprintf(text, 128, "there is no checkpoint");
    else
        snprintf(text, 128, "%s holds step %lld", ATTN_CHECKPOINT_FILE, (long long)t->saved_step);
    return text;
}

static attn_status not_finite(struct trainer *t, const char *what, double value, const char *where) {
    char checkpoint[128];
    return attn_fail(t->job->ctx, ATTN_EINVAL, "step %lld: the %s is %g%s%s; %s", (long long)t->place.step + 1, what,
                     isnan(value) ? (double)NAN : value, where[0] ? "; first in " : "", where, last_checkpoint(t, checkpoint));
}

/* The loss of this process's part of a micro-batch, recorded. */
static attn_status compute_loss(struct trainer *t, int64_t micro, attn_tensor **loss) {
    attn_tape *tape = attn_model_tape(t->job->model);
    const int64_t seed = attn_recipe_whole(t->job->recipe, "seed"), step = t->place.step;
    char where[ATTN_SHAPE_TEXT];
    attn_tape_reset(tape);
    attn_tape_seed(tape, attn_hash(attn_hash(attn_hash(ATTN_HASH_START, &seed, sizeof seed), &step, sizeof step), &micro, sizeof micro));
    attn_context_split(&t->context, t->job, true);
    *loss = t->job->task->loss(t->job, step, micro, attn_recipe_whole(t->job->recipe, "micro_batches"));
    if (!*loss) return attn_tape_status(tape) ? attn_tape_status(tape) : ATTN_EINVAL;
    const double value = (double)attn_data(*loss)[0];
    if (isfinite(value)) return ATTN_OK;
    attn_tape_first_bad(tape, where);
    return not_finite(t, "loss", value, where);
}

static attn_status take_micro_batch(struct trainer *t, int64_t micro) {
    attn_tensor *loss;
    attn_status status = compute_loss(t, micro, &loss);
    status = attn_context_agree(&t->context, t->job->ctx, t->place.step, status); /* or the others would wait in backward */
    if (!status) status = attn_tape_backward(loss);
    attn_context_split(&t->context, t->job, false);
    if (!status) attn_gradient_sum_take(&t->sum, (double)attn_data(loss)[0]);
    return status;
}

static const char *first_bad_gradient(const attn_model *model) {
    for (const struct attn_model_entry *e = attn_model_first(model); e; e = e->next)
        for (int64_t i = 0; i < e->tensor->count; i++)
            if (!isfinite(attn_grad(e->tensor)[i])) return e->name;
    return "";
}

static void update_average(struct trainer *t) {
    const attn_real keep = (attn_real)t->average_share, take = (attn_real)(1 - t->average_share);
    attn_real *a = t->average;
    for (const struct attn_model_entry *e = attn_model_first(t->job->model); e && a; e = e->next)
        for (int64_t i = 0; i < e->tensor->count; i++, a++) *a = keep * *a + take * e->tensor->data[i];
}

static attn_status take_step(struct trainer *t, double *loss) {
    const struct attn_ranks *ranks = ranks_of(t);
    const double clip = attn_recipe_number(t->job->recipe, "clip"), rate = attn_schedule_rate(&t->schedule, t->place.step);
    attn_status status = ATTN_OK;
    for (int64_t i = 0; i < t->micros && !status; i++) status = take_micro_batch(t, t->context.number * t->micros + i);
    if (attn_context_refused(&t->context, status)) return status;
    status = attn_ranks_agree(ranks, t->job->ctx, "micro-batches", t->place.step, status);
    if (status) return status;
    if (t->sum.levels > 0) attn_tape_reset(attn_model_tape(t->job->model));
    status = attn_gradient_sum_finish(&t->sum, ranks, t->place.step, loss);
    if (status) return status;
    const double norm = attn_clip_norm(t->optimizer, clip > 0 ? clip : -1);
    if (!isfinite(norm)) return not_finite(t, "norm of the gradient", norm, first_bad_gradient(t->job->model));
    attn_optimizer_step(t->optimizer, rate);
    update_average(t);
    t->place.step++;
    t->place.loss_sum += *loss;
    t->place.norm_sum += norm;
    t->place.loss_count++;
    return log_step(t, rate);
}

/* ------------------------------------------------------------------------------------------------------ evaluations */

/* What is no number is never better: of the best, JSON could not say which it was. */
static bool better(const struct trainer *t, double a, double b) {
    return isfinite(a) && (isnan(b) || (t->job->task->lower ? a < b : a > b));
}

static void judge(struct trainer *t) {
    const struct attn_recipe *r = t->job->recipe;
    const int64_t patience = attn_recipe_whole(r, "patience");
    const double target = attn_recipe_number(r, "target"), value = attn_figures_get(&t->figures, t->job->task->figure);
    if (better(t, value, t->place.best)) {
        t->place.best = value;
        t->place.best_step = t->place.step;
        t->place.worse = 0;
        if (t->best) copy_out(t->job->model, t->best);
    } else {
        t->place.worse++;
    }
    const bool reached = target != 0.0 && (value == target || better(t, value, target));
    t->place.ended = reached || (patience > 0 && t->place.worse >= patience);
}

/* The figures of the parameters as they are. */
static attn_status measure(struct trainer *t) {
    attn_tape *tape = attn_model_tape(t->job->model);
    t->figures.count = 0;
    attn_tape_reset(tape);
    attn_tape_record(tape, false);
    attn_context_split(&t->context, t->job, true);
    const attn_status status = t->job->task->evaluate(t->job, NULL, &t->figures);
    attn_context_split(&t->context, t->job, false);
    attn_tape_reset(tape);
    attn_tape_record(tape, true);
    return status;
}

static attn_status evaluate(struct trainer *t) {
    const attn_status same = compare_weights(t);
    if (same) return same;
    if (t->average) swap_in(t->job->model, t->average);
    const attn_status status = measure(t);
    if (!status) judge(t);
    if (t->average) swap_in(t->job->model, t->average);
    return status ? status : log_event(t, "evaluation", NULL);
}

/* ------------------------------------------------------------------------------------------------------------- loop */

enum { STOP = 1, SAVE = 2 };

/* What is to be done behind a step; what any process wants, all of them do. */
static attn_status decide(struct trainer *t, double begun, bool *stop, bool *save) {
    const struct attn_train_options *o = t->options;
    const double now = attn_clock();
    const bool asked = (o->stop && o->stop(o->user)) || (o->time_limit > 0 && now - begun >= o->time_limit);
    const bool due = t->run && o->checkpoint_seconds > 0 && now - t->last_saved >= o->checkpoint_seconds;
    uint32_t bits = (asked ? STOP : 0) | (due ? SAVE : 0);
    const attn_status status = attn_ranks_any(ranks_of(t), t->job->ctx, "decision", t->place.step, &bits);
    *stop = (bits & STOP) != 0 && t->place.step < t->steps && !t->place.ended;
    *save = *stop || (bits & SAVE) != 0;
    return status;
}

static void report(struct trainer *t, double loss, double begun, int64_t first, const struct attn_figures *figures) {
    if (!t->options->progress) return;
    const double seconds = attn_clock() - begun;
    const int64_t done = t->place.step - first;
    const double rate = done > 0 && seconds > 0 ? (double)done / seconds : (double)NAN;
    const struct attn_train_progress p = {t->place.step, t->steps, loss, t->place.seconds, (double)(t->steps - t->place.step) / rate,
                                          rate,          figures};
    t->options->progress(t->options->user, &p);
}

static attn_status loop(struct trainer *t, enum attn_train_end *end) {
    const double begun = attn_clock();
    const int64_t first = t->place.step, every = attn_recipe_whole(t->job->recipe, "eval_every");
    attn_status status = ATTN_OK;
    *end = ATTN_TRAIN_DONE;
    while (t->place.step < t->steps && !t->place.ended) {
        double loss;
        bool stop, save;
        status = take_step(t, &loss);
        const bool due = !status && (t->place.step == t->steps || (every > 0 && t->place.step % every == 0));
        if (due) status = evaluate(t);
        if (status) return status;
        report(t, loss, begun, first, due ? &t->figures : NULL);
        status = decide(t, begun, &stop, &save);
        if (!status && save) status = save_checkpoint(t);
        if (status) return status;
        if (stop) {
            *end = ATTN_TRAIN_STOPPED;
            return log_event(t, "stopped", NULL);
        }
    }
    return ATTN_OK;
}

/* The model that stays: the best weights where the recipe asks for them, else the average. */
static attn_status finish(struct trainer *t) {
    char path[ATTN_FILE_PATH];
    const struct attn_model_file_state none = {.state = NULL};
    attn_status status = ATTN_OK;
    if (t->best)
        swap_in(t->job->model, t->best);
    else if (t->average)
        swap_in(t->job->model, t->average);
    if (t->best || t->figures.count == 0) status = measure(t); /* of other weights than the last, or resumed behind the last step */
    if (!t->run) return status;
    if (!status) status = attn_model_file_write(t->job, t->options->system, attn_run_path(t->run, ATTN_MODEL_FILE, path), &none);
    if (!status) status = log_event(t, "done", NULL);
    if (!status) status = attn_journal_sync(t->job->ctx, &t->run->metrics);
    if (!status) status = attn_file_remove(t->job->ctx, t->options->system, attn_run_path(t->run, ATTN_CHECKPOINT_FILE, path));
    return status;
}

attn_status attn_train(struct attn_job *job, struct attn_run *run, bool resume, const struct attn_train_options *options,
                       enum attn_train_end *end, struct attn_figures *figures) {
    struct trainer t = {.job = job, .run = run, .options = options};
    attn_status status = open_trainer(&t);
    if (!status && resume) status = load_checkpoint(&t);
    if (!status && !resume && (run || t.context.group > 1)) status = attn_context_cost(&t.context, job);
    if (!status) status = log_event(&t, resume ? "resume" : "start", NULL);
    if (!status) status = loop(&t, end);
    if (!status && *end == ATTN_TRAIN_DONE) status = finish(&t);
    if (status) {
        char text[1024]; /* what could not be said on the disk is said to the caller */
        attn_ctx_error(job->ctx, text, sizeof text);
        const bool machine = status == ATTN_ENOMEM || status == ATTN_ESYSTEM; /* what it refused says nothing of the recipe */
        if (log_event(&t, machine ? "stopped" : "failed", text)) attn_fail(job->ctx, status, "%s", text);
    }
    *figures = t.figures;
    close_trainer(&t);
    return status;
}
