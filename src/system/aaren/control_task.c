/* The task aaren/control: its fields, and training. */
#include "base/hash.h"
#include "system/aaren/aaren.h"
#include "system/aaren/control.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const behaviours[] = {"medium", "replay", "expert", NULL};
static const char *const worlds[] = {"auto", "none", "point", "pendulum", "cartpole", NULL};
static const char *const bounds[] = {"auto", "true", "false", NULL};
enum { AUTO, NONE_OR_TRUE };
static const struct attn_aaren_world *const world_list[] = {NULL, NULL, &attn_aaren_point, &attn_aaren_pendulum, &attn_aaren_cartpole};

static const struct attn_recipe_field fields[] = {
    {"data", "episodes to learn from, CSV or npz; none: the point mass's own", ATTN_FILE, "", 0, 0, NULL},
    {"behaviour", "of the point mass's episodes: a weak regulator, many weaker ones, or the weak one and the best in turn", ATTN_WORD,
     "medium", 0, 0, behaviours},
    {"episodes", "of the point mass", ATTN_WHOLE, "500", 2, 1e6, NULL},
    {"held", "share of the episodes that evaluations have and training has not", ATTN_NUMBER, "0.1", 0, 0.9, NULL},
    {"world", "where the model is tried; auto: the point mass, where its episodes are learned from", ATTN_WORD, "auto", 0, 0, worlds},
    {"rollouts", "episodes of a trial", ATTN_WHOLE, "100", 1, 10000, NULL},
    {"context", "steps that the model sees, its own among them (K)", ATTN_WHOLE, "20", 1, 4096, NULL},
    {"tanh", "actions have bounds, those of the data; auto: but for the point mass's", ATTN_WORD, "auto", 0, 0, bounds},
    {"horizon", "steps of an episode with a learned vector of their own; 0: as many as the longest has", ATTN_WHOLE, "0", 0,
     ATTN_CONTROL_STEPS, NULL},
    {"return_scale", "what returns are divided by; 0: the greatest amount that one has", ATTN_NUMBER, "0", 0, 1e12, NULL},
    {"target_return", "what trials and streams go for: a number, or \"best\", the best episode's", ATTN_TEXT, "best", 0, 0, NULL},
    ATTN_AAREN_STACK_FIELDS,
};

/* The paper's sizes; its training, of 100,000 steps at 1e-4 behind 10,000 of warm-up, is shortened to minutes. */
static const char *const changes[] = {"mixer=aaren:heads=1", "width=128",    "ffn=512",    "layers=3",   "dropout=0.1",
                                      "optimizer=adamw",     "decay=0.0001", "lr=0.001",   "clip=0.25",  "batch=64",
                                      "schedule=linear",     "warmup=100",   "steps=2000", "floor=0.05", NULL};

static const struct attn_field_condition conditions[] = {
    {"behaviour+episodes", "data", ""},
    {NULL, NULL, NULL},
};

/* ------------------------------------------------------------------------------------------------------ setting up */

static bool generated(const struct attn_job *job) {
    return attn_recipe_words(job->recipe, "data")[0] == '\0';
}

static const struct attn_aaren_world *world_of(const struct attn_job *job) {
    const int64_t word = attn_recipe_whole(job->recipe, "world");
    return word == AUTO && generated(job) ? &attn_aaren_point : world_list[word];
}

static bool is_bounded(const struct attn_job *job) {
    const int64_t word = attn_recipe_whole(job->recipe, "tanh");
    return word == AUTO ? !generated(job) : word == NONE_OR_TRUE;
}

attn_status attn_aaren_control_episodes(struct attn_job *job) {
    struct attn_aaren_control *s = job->self;
    const struct attn_recipe *r = job->recipe;
    if (s->source.trained > 0) return ATTN_OK;
    return attn_aaren_control_source_open(job->ctx, attn_recipe_words(r, "data"),
                                          (enum attn_aaren_behaviour)attn_recipe_whole(r, "behaviour"), s->seed,
                                          attn_recipe_whole(r, "episodes"), attn_recipe_number(r, "held"), &s->source);
}

static attn_status read_target(const struct attn_job *job, double *target) {
    const char *text = attn_recipe_words(job->recipe, "target_return");
    char *end;
    *target = (double)NAN;
    if (strcmp(text, "best") == 0) return ATTN_OK;
    *target = strtod(text, &end);
    if (end != text && *end == '\0' && isfinite(*target)) return ATTN_OK;
    return attn_fail(job->ctx, ATTN_EINVAL, "recipe: target_return=%s: expected a number, or \"best\"", text);
}

/* From the episodes of a new model. */
static attn_status measure(struct attn_job *job) {
    struct attn_aaren_control *s = job->self;
    struct attn_aaren_control_wish wish = {.returns = attn_recipe_number(job->recipe, "return_scale"),
                                           .horizon = attn_recipe_whole(job->recipe, "horizon"),
                                           .bounded = is_bounded(job)};
    attn_status status = read_target(job, &wish.target);
    if (!status) status = attn_aaren_control_episodes(job);
    if (status) return status;
    if (wish.horizon == 0) {
        wish.horizon = attn_aaren_episodes_longest(&s->source.episodes);
        if (s->world) wish.horizon = attn_max64(wish.horizon, s->world->steps);
    }
    return attn_aaren_control_scale_make(job->ctx, &s->source.episodes, s->source.train, &wish, &s->scale);
}

static attn_status fits(const struct attn_job *job) {
    const struct attn_aaren_control *s = job->self;
    if (!s->world || (s->world->observations == s->scale.observations && s->world->actions == s->scale.actions)) return ATTN_OK;
    return attn_fail(job->ctx, ATTN_EINVAL, "recipe: world=%s: expected episodes of %d observations and %d actions, found %lld and %lld",
                     s->world->name, s->world->observations, s->world->actions, (long long)s->scale.observations,
                     (long long)s->scale.actions);
}

static attn_status make_names(attn_ctx *ctx, struct attn_aaren_control *s) {
    enum { NAME = 16 };
    const int64_t count = 1 + s->scale.observations + s->scale.actions;
    const size_t bytes = (size_t)count * (sizeof *s->name + NAME);
    s->name = attn_alloc(ctx, bytes);
    if (!s->name) return attn_no_memory(ctx, "names", bytes);
    char *text = (char *)(s->name + count);
    for (int64_t i = 0; i < count; i++, text += NAME) {
        const int64_t action = i - 1 - s->scale.observations;
        s->name[i] = text;
        text[0] = '\0';
        if (i == 0)
            attn_append(text, NAME, "reward");
        else
            attn_append(text, NAME, action < 0 ? "obs%lld" : "act%lld", (long long)(action < 0 ? i - 1 : action));
    }
    return ATTN_OK;
}

/* A batch's steps have numbers of 32 bits. */
static attn_status check_batch(const struct attn_job *job) {
    const struct attn_aaren_control *s = job->self;
    if (s->examples * s->context <= INT32_MAX) return ATTN_OK;
    return attn_fail(job->ctx, ATTN_EINVAL, "recipe: batch=%lld and context=%lld: expected less than 2^31 steps in all",
                     (long long)s->examples, (long long)s->context);
}

static attn_status make_room(attn_ctx *ctx, struct attn_aaren_control *s) {
    const size_t steps = (size_t)(s->examples * s->context), actions = (size_t)s->scale.actions;
    attn_status status = attn_aaren_control_batch_open(ctx, &s->scale, attn_max64(s->examples, ATTN_CONTROL_ROWS), s->context, &s->batch);
    if (status) return status;
    s->row = attn_alloc(ctx, steps * sizeof *s->row);
    s->action = attn_alloc(ctx, steps * actions * sizeof *s->action);
    s->before = attn_alloc(ctx, ATTN_CONTROL_ROWS * actions * sizeof *s->before);
    if (s->row && s->action && s->before) return make_names(ctx, s);
    return attn_no_memory(ctx, "a batch of actions", steps * (sizeof *s->row + actions * sizeof *s->action));
}

static attn_status open_task(struct attn_job *job) {
    struct attn_aaren_control *s = job->self;
    const struct attn_recipe *r = job->recipe;
    s->world = world_of(job);
    s->seed = (uint64_t)attn_recipe_whole(r, "seed");
    s->examples = attn_recipe_whole(r, "batch");
    s->context = attn_recipe_whole(r, "context");
    job->length = s->context;
    attn_status status = check_batch(job);
    if (!status) status = job->saved ? attn_aaren_control_scale_parse(job->ctx, job->saved, &s->scale) : measure(job);
    if (!status) status = fits(job);
    if (!status) status = make_room(job->ctx, s);
    if (status) return status;
    struct attn_aaren_stack *stack = attn_aaren_stack_from_recipe(job, ATTN_CONTROL_TOKENS * s->context, true, true, true, 1e-5);
    attn_aaren_decision_make(job->model, &s->scale, stack, attn_recipe_whole(r, "width"), is_bounded(job), &s->model);
    return ATTN_OK; /* or what the tape says */
}

static void close_task(struct attn_job *job) {
    struct attn_aaren_control *s = job->self;
    attn_aaren_control_source_close(job->ctx, &s->source);
    attn_aaren_control_scale_free(job->ctx, &s->scale);
    attn_aaren_control_batch_close(job->ctx, &s->batch);
    attn_free(job->ctx, s->row);
    attn_free(job->ctx, s->action);
    attn_free(job->ctx, s->before);
    attn_free(job->ctx, s->name);
}

static attn_status extra(struct attn_job *job, char **text) {
    const struct attn_aaren_control *s = job->self;
    return attn_aaren_control_scale_text(job->ctx, &s->scale, text);
}

/* --------------------------------------------------------------------------------------------------------- running */

/* Actions of a whole step of training, which a micro-batch's loss is divided by. */
static int64_t actions_of(const struct attn_aaren_control *s, int64_t step) {
    const struct attn_aaren_episodes *e = &s->source.episodes;
    int64_t sum = 0;
    for (int64_t i = 0; i < s->examples; i++) {
        const struct attn_aaren_control_place at = attn_aaren_control_draw(&s->source, s->seed, step, i);
        sum += attn_min64(s->context, e->first[at.episode + 1] - e->first[at.episode] - at.step);
    }
    return sum * s->scale.actions;
}

/* The steps that have an action, and those. */
static int64_t list_actions(struct attn_aaren_control *s) {
    const struct attn_aaren_control_batch *b = &s->batch;
    const int64_t actions = s->scale.actions;
    int64_t count = 0;
    for (int64_t i = 0; i < b->count; i++)
        for (int64_t k = 0; k < b->length[i]; k++, count++) {
            s->row[count] = (int32_t)(i * b->steps + k);
            memcpy(s->action + count * actions, b->action + (i * b->steps + k) * actions, (size_t)actions * sizeof *s->action);
        }
    return count;
}

/* The mean square of what is wrong with the actions, over all numbers of all actions of the batch. */
static attn_tensor *loss(struct attn_job *job, int64_t step, int64_t micro, int64_t micros) {
    struct attn_aaren_control *s = job->self;
    const int64_t count = s->examples / micros, actions = s->scale.actions;
    s->batch.count = count;
    s->batch.steps = s->context;
    for (int64_t i = 0; i < count; i++)
        attn_aaren_control_fill(&s->source.episodes, &s->scale, attn_aaren_control_draw(&s->source, s->seed, step, micro * count + i), i,
                                &s->batch);
    const int64_t rows = list_actions(s);
    attn_tensor *all = attn_reshape(attn_aaren_decision_forward(&s->model, &s->batch, true), 2, (const int64_t[]){-1, actions});
    attn_tensor *said = attn_rows(all, 1, &rows, s->row);
    attn_tensor *wrong = attn_sub(said, attn_tensor_input(s->model.tape, 2, (const int64_t[]){rows, actions}, s->action));
    return attn_affine(attn_sum_all(attn_square(wrong)), (attn_real)(1 / (double)actions_of(s, step)), 0);
}

/* As CSV: the file's episodes, or as many of the point mass as are asked for. */
static attn_status generate(struct attn_job *job, int64_t count, FILE *out) {
    struct attn_aaren_control *s = job->self;
    struct attn_aaren_episodes drawn;
    if (!generated(job)) return attn_aaren_episodes_write(job->ctx, &s->source.episodes, count, out);
    attn_status status =
        attn_aaren_point_episodes(job->ctx, (enum attn_aaren_behaviour)attn_recipe_whole(job->recipe, "behaviour"), s->seed, count, &drawn);
    if (status) return status;
    status = attn_aaren_episodes_write(job->ctx, &drawn, count, out);
    attn_aaren_episodes_free(job->ctx, &drawn);
    return status;
}

const struct attn_task attn_aaren_control = {.name = "aaren/control",
                                             .summary = "actions for a wanted return, learned from recorded episodes",
                                             .fields = fields,
                                             .field_count = sizeof fields / sizeof fields[0],
                                             .changes = changes,
                                             .conditions = conditions,
                                             .figure = "validation_mse",
                                             .lower = true,
                                             .beside = true,
                                             .bytes = sizeof(struct attn_aaren_control),
                                             .open = open_task,
                                             .loss = loss,
                                             .evaluate = attn_aaren_control_evaluate,
                                             .predict = attn_aaren_control_predict,
                                             .picture = attn_aaren_control_picture,
                                             .stream = attn_aaren_control_stream,
                                             .push = attn_aaren_control_push,
                                             .export_c = attn_aaren_control_export,
                                             .generate = generate,
                                             .extra = extra,
                                             .close = close_task};
