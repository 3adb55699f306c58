/* Jobs: the trainer's fields, opening and closing. */
#include "train/job.h"

#include <math.h>
#include <string.h>

static const char *const optimizers[] = {"sgd", "adam", "adamw", "radam", "adafactor", NULL};
static const char *const schedules[] = {"constant", "cosine", "cosine_epoch", "inverse_root", "steps", "linear", NULL};

static const char *const contexts[] = {"none", "ring", "allgather", "ulysses", "usp", "loongtrain", NULL};
static const struct attn_field_condition trainer_conditions[] = {
    {"context_ranks", "context_parallel", "ring+allgather+ulysses+usp+loongtrain"}, {NULL, NULL, NULL}};

const struct attn_recipe_field attn_trainer_fields[] = {
    {"seed", "of the first weights, the data and dropout", ATTN_WHOLE, "1", 0, 2147483647.0, NULL},
    {"steps", "steps of the optimiser; 0: as many as `epochs` have", ATTN_WHOLE, "0", 0, 1e12, NULL},
    {"epochs", "passes over the data, where steps=0", ATTN_WHOLE, "0", 0, 1e6, NULL},
    {"batch", "examples of a step", ATTN_WHOLE, "64", 1, 1e6, NULL},
    {"micro_batches", "pieces of a batch, a power of two: memory for one at a time, and the most processes that share a step", ATTN_WHOLE,
     "1", 1, 4096, NULL},
    {"optimizer", "what makes a step of a gradient", ATTN_WORD, "adamw", 0, 0, optimizers},
    {"lr", "learning rate, at its peak", ATTN_NUMBER, "0.001", 0, 1000, NULL},
    {"decay", "weight decay", ATTN_NUMBER, "0.1", 0, 1000, NULL},
    {"momentum", "of sgd", ATTN_NUMBER, "0", 0, 0.999999, NULL},
    {"beta1", "share of the old mean of gradients that a step keeps", ATTN_NUMBER, "0.9", 0, 0.999999, NULL},
    {"beta2", "the same of their squares", ATTN_NUMBER, "0.999", 0, 0.99999999, NULL},
    {"epsilon", "added to the root of the squares", ATTN_NUMBER, "1e-8", 0, 1, NULL},
    {"clip", "greatest norm of the whole gradient; 0: any", ATTN_NUMBER, "0", 0, 1e12, NULL},
    {"schedule", "how the rate goes after the warm-up", ATTN_WORD, "cosine", 0, 0, schedules},
    {"warmup", "steps in which the rate rises to lr", ATTN_WHOLE, "0", 0, 1e12, NULL},
    {"floor", "share of lr at which cosine and linear end", ATTN_NUMBER, "0", 0, 1, NULL},
    {"period", "steps of an epoch for cosine_epoch, and between falls for steps; 0: a pass over the data", ATTN_WHOLE, "0", 0, 1e12, NULL},
    {"gamma", "factor of each fall of schedule=steps", ATTN_NUMBER, "0.1", 0, 1, NULL},
    {"hold", "share of the steps behind the warm-up in which schedule=linear stays at lr", ATTN_NUMBER, "0", 0, 1, NULL},
    {"ema", "weights are averaged over steps, each keeping this share of the average, and the average is evaluated and saved; 0: no",
     ATTN_NUMBER, "0", 0, 0.9999999, NULL},
    {"eval_every", "steps between evaluations; 0: one at the end", ATTN_WHOLE, "0", 0, 1e12, NULL},
    {"patience", "evaluations without a better figure after which training stops, with the best weights; 0: none", ATTN_WHOLE, "0", 0, 1e6,
     NULL},
    {"target", "figure at which training stops; 0: none", ATTN_NUMBER, "0", -1e12, 1e12, NULL},
    {"context_parallel", "processes of attn-mpi share the tokens of each sequence, and attention is over them: by which mechanism",
     ATTN_WORD, "none", 0, 0, contexts},
    {"context_ranks", "processes that share a sequence; groups of so many share a step's micro-batches. 0: all processes", ATTN_WHOLE, "0",
     0, 65536, NULL},
};
const int attn_trainer_field_count = sizeof attn_trainer_fields / sizeof attn_trainer_fields[0];

void attn_figures_add(struct attn_figures *figures, const char *name, double value) {
    if (figures->count == ATTN_FIGURES) return;
    struct attn_figure *f = &figures->at[figures->count++];
    f->name[0] = '\0';
    attn_append(f->name, sizeof f->name, "%s", name);
    f->value = value;
}

double attn_figures_get(const struct attn_figures *figures, const char *name) {
    for (int i = 0; i < figures->count; i++)
        if (strcmp(figures->at[i].name, name) == 0) return figures->at[i].value;
    return (double)NAN;
}

attn_status attn_task_recipe(attn_ctx *ctx, const struct attn_task *task, struct attn_recipe **out) {
    const struct attn_recipe_field *const lists[] = {task->fields, attn_trainer_fields};
    const int counts[] = {task->field_count, task->measure ? 1 : attn_trainer_field_count};
    return attn_recipe_create(ctx, task->name, lists, counts, 2, task->changes, out);
}

/* Whether a text is one of those with '+' between. */
static bool is_one_of(const char *text, const char *list) {
    const size_t length = strlen(text);
    for (const char *at = list;; at++) {
        const size_t n = strcspn(at, "+");
        if (n == length && memcmp(at, text, n) == 0) return true;
        at += n;
        if (*at == '\0') return false;
    }
}

static const struct attn_recipe_value *unread_by(const struct attn_field_condition *c, const struct attn_recipe *recipe,
                                                 const char *field) {
    for (; c && c->fields; c++) {
        char text[ATTN_RECIPE_TEXT];
        int by;
        if (!is_one_of(field, c->fields) || attn_recipe_field_of(recipe, "recipe", c->by, &by)) continue;
        const struct attn_recipe_value *value = &recipe->value[by];
        if (!is_one_of(attn_recipe_value_text(value, text, sizeof text), c->values)) return value;
    }
    return NULL;
}

const struct attn_recipe_value *attn_task_unread(const struct attn_task *task, const struct attn_recipe *recipe, const char *field) {
    const struct attn_recipe_value *value = unread_by(task->conditions, recipe, field);
    return value ? value : unread_by(trainer_conditions, recipe, field);
}

attn_status attn_job_open(attn_ctx *ctx, const struct attn_task *task, const struct attn_recipe *recipe,
                          const attn_mixer_kind *const *kinds, int kind_count, const char *extra, struct attn_job *out) {
    *out = (struct attn_job){.ctx = ctx, .task = task, .recipe = recipe, .kinds = kinds, .kind_count = kind_count, .saved = extra};
    if (task->measure) return attn_fail(ctx, ATTN_EUNSUPPORTED, "%s is measured, not trained: it has no model and no data", task->name);
    attn_status status = attn_model_create(ctx, (uint64_t)attn_recipe_whole(recipe, "seed"), &out->model);
    if (status) return status;
    out->self = attn_alloc(ctx, task->bytes);
    if (!out->self) return attn_no_memory(ctx, task->name, task->bytes);
    memset(out->self, 0, task->bytes);
    status = task->open(out);
    out->saved = NULL;
    return status ? status : attn_tape_status(attn_model_tape(out->model));
}

attn_status attn_predict_plain(const struct attn_job *job, const struct attn_predict_options *options) {
    const char *name = job->task->name;
    if (options->check) return attn_fail(job->ctx, ATTN_EUNSUPPORTED, "predict: %s has no exact answers to set beside the model's", name);
    if (options->picture) return attn_fail(job->ctx, ATTN_EUNSUPPORTED, "predict: %s has no pictures of its answers", name);
    return ATTN_OK;
}

void attn_job_close(struct attn_job *job) {
    if (job->self && job->task->close) job->task->close(job);
    attn_free(job->ctx, job->self);
    attn_model_destroy(job->model);
    *job = (struct attn_job){.ctx = job->ctx};
}
