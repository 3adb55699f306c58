#include "train/checkpoint.h"

#include "io/record.h"
#include "nn/model.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static attn_status place_text(attn_ctx *ctx, const struct attn_place *p, char *text, size_t size) {
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
    if (!file) return attn_no_memory(ctx, "the place in the training", size);
    attn_json_line(file, &r);
    return fclose(file) == 0 ? ATTN_OK : attn_no_memory(ctx, "the place in the training", size);
}

attn_status attn_checkpoint_write(const struct attn_job *job, const struct attn_file_system *system, const char *path,
                                  const struct attn_model_file_state *content, const struct attn_place *place) {
    char text[1024] = "";
    struct attn_model_file_state whole = *content;
    whole.state = text;
    const attn_status status = place_text(job->ctx, place, text, sizeof text);
    return status ? status : attn_model_file_write(job, system, path, &whole);
}

/* ------------------------------------------------------------------------------------------------------ reading */

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

static attn_status read_place(attn_ctx *ctx, const char *path, const char *text, struct attn_place *p) {
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

static attn_status same_recipe(const struct attn_job *job, const struct attn_safetensors_reader *reader) {
    char *saved = NULL, *own = attn_recipe_text(job->recipe);
    attn_status status = own ? attn_safetensors_metadata(job->ctx, &reader->list, "attn_recipe", &saved) : ATTN_ENOMEM;
    if (!status && (!saved || !attn_recipe_is(job->recipe, own, saved)))
        status = attn_fail(job->ctx, ATTN_EINVAL, "%s: found the checkpoint of another recipe than the run's recipe.json", reader->path);
    attn_free(job->ctx, saved);
    attn_free(job->ctx, own);
    return status;
}

static attn_status check_place(attn_ctx *ctx, const char *path, const struct attn_place *p, const attn_optimizer *optimizer,
                               int64_t steps) {
    const int64_t done = attn_optimizer_steps(optimizer);
    if (p->step <= steps && done == p->step) return ATTN_OK;
    return attn_fail(ctx, ATTN_EINVAL, "%s: found step %lld, and %lld steps of the optimiser; expected the same, and at most %lld", path,
                     (long long)p->step, (long long)done, (long long)steps);
}

attn_status attn_checkpoint_read(struct attn_job *job, const struct attn_file_system *system, const char *path,
                                 const struct attn_model_file_state *content, int64_t steps, struct attn_place *place) {
    char *text = NULL;
    struct attn_safetensors_reader reader;
    attn_status status = attn_safetensors_open(job->ctx, system, path, &reader);
    if (status) return status;
    status = same_recipe(job, &reader);
    if (!status) status = attn_safetensors_metadata(job->ctx, &reader.list, "attn_state", &text);
    if (!status) status = read_place(job->ctx, path, text, place);
    if (!status) status = attn_model_file_read(job, &reader, content);
    if (!status) status = check_place(job->ctx, path, place, content->optimizer, steps);
    attn_free(job->ctx, text);
    attn_safetensors_close(job->ctx, &reader);
    return status;
}

/* ------------------------------------------------------------------------------------------------------ sharing */

static attn_status share_optimizer(attn_ctx *ctx, const struct attn_ranks *ranks, attn_optimizer *optimizer, int64_t step) {
    const size_t bytes = attn_optimizer_bytes(optimizer);
    void *state = attn_alloc(ctx, bytes);
    attn_status status = state ? attn_optimizer_save(optimizer, state, bytes) : attn_no_memory(ctx, "the optimiser's numbers", bytes);
    if (!status) status = attn_ranks_share(ranks, ctx, "optimiser", step, state, bytes);
    if (!status) status = attn_optimizer_restore(optimizer, state, bytes);
    attn_free(ctx, state);
    return status;
}

attn_status attn_checkpoint_share(struct attn_job *job, const struct attn_ranks *ranks, const struct attn_model_file_state *content,
                                  struct attn_place *place) {
    const size_t bytes = (size_t)attn_model_elements(job->model) * sizeof(attn_real);
    if (!ranks) return ATTN_OK;
    attn_status status = attn_ranks_share(ranks, job->ctx, "place", 0, place, sizeof *place);
    const int64_t step = place->step;
    for (const struct attn_model_entry *e = attn_model_first(job->model); e && !status; e = e->next)
        status = attn_ranks_share(ranks, job->ctx, e->name, step, e->tensor->data, (size_t)e->tensor->count * sizeof(attn_real));
    for (int i = 0; i < content->copies && !status; i++)
        status = attn_ranks_share(ranks, job->ctx, content->copy[i].prefix, step, content->copy[i].at, bytes);
    return status ? status : share_optimizer(job->ctx, ranks, content->optimizer, step);
}
