#include "train/model_file.h"

#include "nn/model.h"

#include <stdio.h>
#include <string.h>

enum { NAME = 280 };
static const enum attn_npy_type real_type = sizeof(attn_real) == sizeof(float) ? ATTN_NPY_F32 : ATTN_NPY_F64;
static const char optimizer_name[] = "attn.optimizer";

/* ------------------------------------------------------------------------------------------------------ writing */

/* Everything that is written, with the memory that it takes. */
struct content {
    struct attn_safetensors_source *tensors;
    char (*names)[NAME]; /* of copies */
    uint8_t *optimizer;
    int64_t optimizer_bytes;
    int count;
};

static struct attn_safetensors_source source_of(const char *name, const attn_tensor *x, const void *data) {
    return (struct attn_safetensors_source){name, real_type, x->dims, x->size, data};
}

static attn_status gather(const struct attn_job *job, const struct attn_model_file_state *s, struct content *c) {
    attn_ctx *ctx = job->ctx;
    const size_t parameters = (size_t)attn_model_count(job->model), copies = (size_t)s->copies * parameters;
    c->tensors = attn_alloc(ctx, (parameters + copies + 1) * sizeof *c->tensors);
    c->names = attn_alloc(ctx, copies * sizeof *c->names);
    c->optimizer_bytes = s->optimizer ? (int64_t)attn_optimizer_bytes(s->optimizer) : 0;
    c->optimizer = attn_alloc(ctx, (size_t)c->optimizer_bytes);
    if (!c->tensors || !c->names || !c->optimizer) return attn_no_memory(ctx, "a checkpoint", (size_t)c->optimizer_bytes);
    for (const struct attn_model_entry *e = attn_model_first(job->model); e; e = e->next)
        c->tensors[c->count++] = source_of(e->name, e->tensor, e->tensor->data);
    char(*name)[NAME] = c->names;
    for (int i = 0; i < s->copies; i++) {
        const attn_real *at = s->copy[i].at;
        for (const struct attn_model_entry *e = attn_model_first(job->model); e; e = e->next, name++) {
            snprintf(*name, NAME, "%s%s", s->copy[i].prefix, e->name);
            c->tensors[c->count++] = source_of(*name, e->tensor, at);
            at += e->tensor->count;
        }
    }
    if (!s->optimizer) return ATTN_OK;
    c->tensors[c->count++] = (struct attn_safetensors_source){optimizer_name, ATTN_NPY_U8, 1, &c->optimizer_bytes, c->optimizer};
    return attn_optimizer_save(s->optimizer, c->optimizer, (size_t)c->optimizer_bytes);
}

static attn_status write_file(const struct attn_job *job, const struct attn_file_system *system, const char *path, const struct content *c,
                              const struct attn_safetensors_text *texts, int count) {
    struct attn_file_writer writer;
    attn_status status = attn_file_begin(job->ctx, system, path, &writer);
    if (status) return status;
    status = attn_safetensors_write(job->ctx, &writer, texts, count, c->tensors, c->count);
    if (!status) status = attn_file_sync(job->ctx, &writer);
    if (!status) status = attn_file_commit(job->ctx, &writer);
    if (status) attn_file_abort(&writer);
    return status;
}

attn_status attn_model_file_write(const struct attn_job *job, const struct attn_file_system *system, const char *path,
                                  const struct attn_model_file_state *state) {
    struct content c = {.count = 0};
    struct attn_safetensors_text texts[3];
    int count = 0;
    char *recipe = attn_recipe_text(job->recipe), *extra = NULL;
    attn_status status = recipe ? gather(job, state, &c) : ATTN_ENOMEM;
    if (!status && job->task->extra) status = job->task->extra((struct attn_job *)job, &extra);
    if (!status) {
        texts[count++] = (struct attn_safetensors_text){"attn_recipe", recipe};
        if (extra) texts[count++] = (struct attn_safetensors_text){"attn_extra", extra};
        if (state->state) texts[count++] = (struct attn_safetensors_text){"attn_state", state->state};
        status = write_file(job, system, path, &c, texts, count);
    }
    attn_free(job->ctx, c.tensors);
    attn_free(job->ctx, c.names);
    attn_free(job->ctx, c.optimizer);
    attn_free(job->ctx, recipe);
    attn_free(job->ctx, extra);
    return status;
}

/* ------------------------------------------------------------------------------------------------------ reading */

static attn_status read_array(attn_ctx *ctx, const struct attn_safetensors_reader *reader, const char *name, const attn_tensor *like,
                              attn_real *to) {
    struct attn_npy array;
    attn_status status = attn_safetensors_take(ctx, reader, name, &array);
    if (status) return status;
    bool same = array.type == real_type && array.rank == like->dims;
    for (int i = 0; same && i < like->dims; i++) same = array.shape[i] == like->size[i];
    if (same)
        memcpy(to, array.data, array.count * sizeof *to);
    else
        status =
            attn_fail(ctx, ATTN_EINVAL, "%s: tensor \"%s\": found another shape or type than the recipe's model has", reader->path, name);
    attn_npy_free(ctx, &array);
    return status;
}

static attn_status read_optimizer(attn_ctx *ctx, const struct attn_safetensors_reader *reader, attn_optimizer *optimizer) {
    struct attn_npy array;
    attn_status status = attn_safetensors_take(ctx, reader, optimizer_name, &array);
    if (status) return status;
    if (array.type == ATTN_NPY_U8)
        status = attn_optimizer_restore(optimizer, array.data, array.count);
    else
        status = attn_fail(ctx, ATTN_EINVAL, "%s: tensor \"%s\": found %s, expected bytes", reader->path, optimizer_name,
                           attn_npy_name(array.type));
    attn_npy_free(ctx, &array);
    return status;
}

static attn_status read_copy(struct attn_job *job, const struct attn_safetensors_reader *reader, const struct attn_model_copy *copy) {
    attn_status status = ATTN_OK;
    attn_real *at = copy->at;
    for (const struct attn_model_entry *e = attn_model_first(job->model); e && !status; e = e->next) {
        char name[NAME];
        snprintf(name, sizeof name, "%s%s", copy->prefix, e->name);
        status = read_array(job->ctx, reader, name, e->tensor, at);
        at += e->tensor->count;
    }
    return status;
}

attn_status attn_model_file_read(struct attn_job *job, const struct attn_safetensors_reader *reader,
                                 const struct attn_model_file_state *state) {
    attn_status status = ATTN_OK;
    const size_t count = (size_t)attn_model_count(job->model) * (1 + (size_t)state->copies) + (state->optimizer ? 1 : 0);
    if (reader->list.count != count)
        status = attn_fail(job->ctx, ATTN_EINVAL, "%s: found %zu tensors, expected %zu, which the recipe's model has", reader->path,
                           reader->list.count, count);
    for (const struct attn_model_entry *e = attn_model_first(job->model); e && !status; e = e->next)
        status = read_array(job->ctx, reader, e->name, e->tensor, e->tensor->data);
    for (int i = 0; i < state->copies && !status; i++) status = read_copy(job, reader, &state->copy[i]);
    return status || !state->optimizer ? status : read_optimizer(job->ctx, reader, state->optimizer);
}
