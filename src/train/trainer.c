/* One loop: a step, its line, now and then an evaluation and a checkpoint. What the loop knows beyond the parameters is in struct place, which a
 * checkpoint holds as JSON. */
#include "train/trainer.h"

#include "base/clock.h"
#include "base/folder.h"
#include "base/hash.h"
#include "nn/model.h"
#include "train/model_file.h"
#include "train/sum.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LINES = 1000 }; /* of steps in a run, about */

/* Where training stands. */
struct place {
    int64_t step, best_step, worse; /* done; of the best evaluation; evaluations since */
    double loss_sum, norm_sum;      /* since the last line, of loss_count steps */
    int64_t loss_count;
    double best, seconds;
    bool ended; /* by patience or target */
};

struct trainer {
    struct attn_job *job;
    struct attn_run *run;
    const struct attn_train_options *options;
    attn_optimizer *optimizer;
    attn_schedule schedule;
    struct attn_gradient_sum sum;
    attn_real *average, *best; /* of all parameters; NULL: the recipe wants none */
    double average_share;
    int64_t steps, micros;
    struct place place;
    struct attn_figures figures;
    double last_saved;   /* clock */
    double last_seconds; /* clock of the last count of seconds */
    int64_t saved_step;  /* -1: none in this run */
};

static const struct attn_ranks *ranks_of(const struct trainer *t) {
    return t->options->ranks && t->options->ranks->count > 1 ? t->options->ranks : NULL;
}

static bool is_first(const struct trainer *t) {
    return !ranks_of(t) || ranks_of(t)->rank == 0;
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
                           .gamma = attn_recipe_number(r, "gamma")};
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

static attn_status check_micros(struct trainer *t) {
    const struct attn_recipe *r = t->job->recipe;
    const struct attn_ranks *ranks = ranks_of(t);
    const int64_t micros = attn_recipe_whole(r, "micro_batches"), batch = attn_recipe_whole(r, "batch"), count = ranks ? ranks->count : 1;
    if ((micros & (micros - 1)) != 0 || batch % micros != 0)
        return attn_fail(t->job->ctx, ATTN_EINVAL, "recipe: micro_batches=%lld: expected a power of two that divides batch=%lld",
                         (long long)micros, (long long)batch);
    if ((count & (count - 1)) != 0 || count > micros)
        return attn_fail(t->job->ctx, ATTN_EINVAL, "%lld processes share micro_batches=%lld: expected a power of two, at most as many",
                         (long long)count, (long long)micros);
    t->micros = micros / count;
    return ATTN_OK;
}

static attn_status open_trainer(struct trainer *t) {
    const struct attn_recipe *r = t->job->recipe;
    attn_status status = attn_train_steps(t->job, &t->steps);
    if (!status) status = check_micros(t);
    if (!status) status = make_optimizer(t->job, &t->optimizer);
    if (!status) status = attn_gradient_sum_open(t->job->ctx, t->job->model, t->micros, ranks_of(t), &t->sum);
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

static struct attn_model_file_state file_state(struct trainer *t, const char *state) {
    struct attn_model_file_state s = {.state = state, .optimizer = t->optimizer};
    if (t->average) s.copy[s.copies++] = (struct attn_model_copy){"attn.ema.", t->average};
    if (t->best) s.copy[s.copies++] = (struct attn_model_copy){"attn.best.", t->best};
    return s;
}

static void place_text(const struct place *p, char *text, size_t size) {
    struct attn_record r = {.count = 0};
    attn_record_integer(&r, "step", p->step);
    attn_record_integer(&r, "best_step", p->best_step);
    attn_record_integer(&r, "worse", p->worse);
    attn_record_real(&r, "best", p->best);
    attn_record_real(&r, "loss_sum", p->loss_sum);
    attn_record_real(&r, "norm_sum", p->norm_sum);
    attn_record_integer(&r, "loss_count", p->loss_count);
    attn_record_real(&r, "seconds", p->seconds);
    attn_record_bool(&r, "ended", p->ended);
    FILE *file = fmemopen(text, size, "w");
    if (!file) return;
    attn_json_line(file, &r);
    fclose(file);
}

static attn_status save_checkpoint(struct trainer *t) {
    char text[1024] = "", path[ATTN_FILE_PATH];
    if (!is_first(t)) return ATTN_OK;
    count_seconds(t);
    place_text(&t->place, text, sizeof text);
    const struct attn_model_file_state state = file_state(t, text);
    attn_status status = attn_journal_sync(t->job->ctx, &t->run->metrics);
    if (!status) status = attn_model_file_write(t->job, t->options->system, attn_run_path(t->run, ATTN_CHECKPOINT_FILE, path), &state);
    t->last_saved = attn_clock();
    if (!status) t->saved_step = t->place.step;
    return status;
}

static bool whole_of(const json_t *root, const char *key, int64_t *out) {
    const json_t *value = json_object_get(root, key);
    *out = json_integer_value(value);
    return json_is_integer(value) && *out >= 0;
}

static bool number_of(const json_t *root, const char *key, double *out) {
    const json_t *value = json_object_get(root, key);
    *out = json_is_null(value) ? (double)NAN : json_number_value(value);
    return value && (json_is_null(value) || json_is_number(value));
}

static attn_status read_place(attn_ctx *ctx, const char *path, const char *text, struct place *p) {
    json_error_t error;
    json_t *root = text ? json_loads(text, JSON_REJECT_DUPLICATES, &error) : NULL;
    const bool good = root && whole_of(root, "step", &p->step) && whole_of(root, "best_step", &p->best_step) &&
                      whole_of(root, "worse", &p->worse) && whole_of(root, "loss_count", &p->loss_count) &&
                      number_of(root, "best", &p->best) && number_of(root, "loss_sum", &p->loss_sum) &&
                      number_of(root, "norm_sum", &p->norm_sum) && number_of(root, "seconds", &p->seconds) &&
                      json_is_boolean(json_object_get(root, "ended"));
    if (good) p->ended = json_is_true(json_object_get(root, "ended"));
    json_decref(root);
    return good ? ATTN_OK : attn_fail(ctx, ATTN_EINVAL, "%s: found no place in a training (\"attn_state\"), expected a checkpoint", path);
}

static attn_status same_recipe(const struct trainer *t, const struct attn_safetensors_reader *reader) {
    char *saved = NULL, *own = attn_recipe_text(t->job->recipe);
    attn_status status = own ? attn_safetensors_metadata(t->job->ctx, &reader->list, "attn_recipe", &saved) : ATTN_ENOMEM;
    if (!status && (!saved || strcmp(saved, own) != 0))
        status = attn_fail(t->job->ctx, ATTN_EINVAL, "%s: found the checkpoint of another recipe than the run's recipe.json", reader->path);
    attn_free(t->job->ctx, saved);
    attn_free(t->job->ctx, own);
    return status;
}

/* A run that was stopped before its first checkpoint begins again. */
static attn_status load_checkpoint(struct trainer *t) {
    char path[ATTN_FILE_PATH], *text = NULL;
    struct attn_safetensors_reader reader;
    attn_ctx *ctx = t->job->ctx;
    if (!attn_path_exists(attn_run_path(t->run, ATTN_CHECKPOINT_FILE, path))) return ATTN_OK;
    attn_status status = attn_safetensors_open(ctx, t->options->system, path, &reader);
    if (status) return status;
    const struct attn_model_file_state state = file_state(t, NULL);
    status = same_recipe(t, &reader);
    if (!status) status = attn_safetensors_metadata(ctx, &reader.list, "attn_state", &text);
    if (!status) status = read_place(ctx, path, text, &t->place);
    if (!status) status = attn_model_file_read(t->job, &reader, &state);
    if (!status) t->saved_step = t->place.step;
    attn_free(ctx, text);
    attn_safetensors_close(ctx, &reader);
    return status;
}

/* ------------------------------------------------------------------------------------------------------------ lines */

static attn_status log_event(struct trainer *t, const char *event, const char *message) {
    struct attn_record r = {.count = 0};
    if (!is_first(t)) return ATTN_OK;
    count_seconds(t);
    attn_record_text(&r, "event", event);
    attn_record_integer(&r, "step", t->place.step);
    attn_record_real(&r, "seconds", t->place.seconds);
    if (message) attn_record_text(&r, "message", message);
    if (strcmp(event, "start") == 0) {
        attn_record_integer(&r, "steps", t->steps);
        attn_record_integer(&r, "parameters", attn_model_elements(t->job->model));
    }
    const bool figures = strcmp(event, "evaluation") == 0 || strcmp(event, "done") == 0;
    for (int i = 0; figures && i < t->figures.count; i++) attn_record_real(&r, t->figures.at[i].name, t->figures.at[i].value);
    return attn_run_log(t->run, &r);
}

static attn_status log_step(struct trainer *t, double rate) {
    struct attn_record r = {.count = 0};
    struct place *p = &t->place;
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
    return is_first(t) ? attn_run_log(t->run, &r) : ATTN_OK;
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
    return attn_fail(t->job->ctx, ATTN_EINVAL, "step %lld: the %s is %g%s%s; %s", (long long)t->place.step + 1, what, value,
                     where[0] ? "; first in " : "", where, last_checkpoint(t, checkpoint));
}

static attn_status take_micro_batch(struct trainer *t, int64_t micro) {
    attn_tape *tape = attn_model_tape(t->job->model);
    const int64_t key[] = {attn_recipe_whole(t->job->recipe, "seed"), t->place.step, micro};
    char where[ATTN_SHAPE_TEXT];
    attn_tape_reset(tape);
    attn_tape_seed(tape, attn_hash(ATTN_HASH_START, key, sizeof key));
    attn_tensor *loss = t->job->task->loss(t->job, t->place.step, micro, attn_recipe_whole(t->job->recipe, "micro_batches"));
    if (!loss) return attn_tape_status(tape) ? attn_tape_status(tape) : ATTN_EINVAL;
    const double value = (double)attn_data(loss)[0];
    if (!isfinite(value)) {
        attn_tape_first_bad(tape, where);
        return not_finite(t, "loss", value, where);
    }
    const attn_status status = attn_tape_backward(loss);
    if (!status) attn_gradient_sum_take(&t->sum, value);
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
    for (int64_t i = 0; i < t->micros && !status; i++) status = take_micro_batch(t, (ranks ? ranks->rank * t->micros : 0) + i);
    if (status) return status;
    if (t->sum.levels > 0) attn_tape_reset(attn_model_tape(t->job->model));
    status = attn_gradient_sum_finish(&t->sum, ranks, loss);
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

static bool better(const struct trainer *t, double a, double b) {
    return isnan(b) || (t->job->task->lower ? a < b : a > b);
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
    const attn_status status = t->job->task->evaluate(t->job, NULL, &t->figures);
    attn_tape_reset(tape);
    attn_tape_record(tape, true);
    return status;
}

static attn_status evaluate(struct trainer *t) {
    if (t->average) swap_in(t->job->model, t->average);
    const attn_status status = measure(t);
    if (!status) judge(t);
    if (t->average) swap_in(t->job->model, t->average);
    return status ? status : log_event(t, "evaluation", NULL);
}

/* ------------------------------------------------------------------------------------------------------------- loop */

/* What any process wants, all of them do. */
static attn_status agree(struct trainer *t, bool *stop) {
    const struct attn_ranks *ranks = ranks_of(t);
    attn_status status = ATTN_OK;
    for (int stride = 1; ranks && stride < ranks->count && !status; stride *= 2) {
        bool other = false;
        status = ranks->exchange(ranks->user, t->job->ctx, ranks->rank ^ stride, stop, &other, sizeof other);
        *stop = *stop || other;
    }
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
    const struct attn_train_options *o = t->options;
    const double begun = attn_clock();
    const int64_t first = t->place.step, every = attn_recipe_whole(t->job->recipe, "eval_every");
    attn_status status = ATTN_OK;
    *end = ATTN_TRAIN_DONE;
    while (t->place.step < t->steps && !t->place.ended) {
        double loss;
        status = take_step(t, &loss);
        const bool due = !status && (t->place.step == t->steps || (every > 0 && t->place.step % every == 0));
        if (due) status = evaluate(t);
        if (status) return status;
        report(t, loss, begun, first, due ? &t->figures : NULL);
        const double now = attn_clock();
        bool stop = (o->stop && o->stop(o->user)) || (o->time_limit > 0 && now - begun >= o->time_limit);
        status = agree(t, &stop);
        stop = stop && t->place.step < t->steps && !t->place.ended;
        if (!status && (stop || (o->checkpoint_seconds > 0 && now - t->last_saved >= o->checkpoint_seconds))) status = save_checkpoint(t);
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
    if (!is_first(t)) return status;
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
    if (!status) status = log_event(&t, resume ? "resume" : "start", NULL);
    if (!status) status = loop(&t, end);
    if (!status && *end == ATTN_TRAIN_DONE) status = finish(&t);
    if (status) {
        char text[1024]; /* what could not be said on the disk is said to the caller */
        attn_ctx_error(job->ctx, text, sizeof text);
        if (t.optimizer && log_event(&t, "failed", text)) attn_fail(job->ctx, status, "%s", text);
    }
    *figures = t.figures;
    close_trainer(&t);
    return status;
}
