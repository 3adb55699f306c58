#include "train/logits.h"

#include "io/npy.h"

static const enum attn_npy_type real_type = sizeof(attn_real) == sizeof(float) ? ATTN_NPY_F32 : ATTN_NPY_F64;

/* All sequences; the header goes before the first, which says how many logits a token has. */
static attn_status write_all(struct attn_job *job, const struct attn_npy *shape, const int32_t *token, struct attn_file_writer *writer) {
    attn_tape *tape = attn_model_tape(job->model);
    const int last = shape->rank - 1;
    const int64_t batch = last > 0 ? shape->shape[0] : 1, tokens = shape->shape[last];
    attn_status status = ATTN_OK;
    for (int64_t b = 0; b < batch && !status; b++) {
        attn_tape_reset(tape);
        attn_tensor *logits = job->task->logits(job, tokens, token + b * tokens);
        if (!logits) return attn_tape_status(tape);
        const int64_t size[] = {batch, tokens, attn_size(logits, -1)};
        char header[ATTN_NPY_COMPOSED];
        if (b == 0)
            status = attn_file_write(job->ctx, writer, header, attn_npy_compose(header, real_type, shape->rank + 1, size + 1 - last));
        if (!status) status = attn_file_write(job->ctx, writer, attn_data(logits), (size_t)attn_count(logits) * sizeof(attn_real));
    }
    return status;
}

static attn_status write_file(struct attn_job *job, const char *path, const struct attn_npy *shape, const int32_t *token) {
    struct attn_file_writer writer;
    attn_status status = attn_file_begin(job->ctx, NULL, path, &writer);
    if (status) return status;
    status = write_all(job, shape, token, &writer);
    if (!status) status = attn_file_sync(job->ctx, &writer);
    if (!status) status = attn_file_commit(job->ctx, &writer);
    attn_file_abort(&writer);
    return status;
}

/* Which the model would refuse too, but without the place. */
static attn_status check_tokens(const struct attn_job *job, const char *path, const struct attn_npy *array, const int32_t *token) {
    const int64_t vocabulary = job->sequence ? attn_size(attn_sequence_embedding(job->sequence), 0) : INT32_MAX;
    const int64_t tokens = array->shape[array->rank - 1];
    if (job->sequence && tokens > job->length)
        return attn_fail(job->ctx, ATTN_EINVAL, "%s: found sequences of %lld tokens, expected at most %lld, for which the model was made",
                         path, (long long)tokens, (long long)job->length);
    for (size_t i = 0; i < array->count; i++)
        if (token[i] < 0 || token[i] >= vocabulary)
            return attn_fail(job->ctx, ATTN_EINVAL, "%s: element %zu: found %d, expected a token in [0, %lld)", path, i, token[i],
                             (long long)vocabulary);
    return ATTN_OK;
}

attn_status attn_logits_write(struct attn_job *job, const char *tokens, const char *logits) {
    struct attn_npy array;
    int32_t *token = NULL;
    if (!job->task->logits)
        return attn_fail(job->ctx, ATTN_EUNSUPPORTED, "%s: its examples are no tokens, whose logits could be written", job->task->name);
    attn_status status = attn_npy_read(job->ctx, NULL, tokens, &array);
    if (status) return status;
    if (array.rank < 1 || array.rank > 2 || array.count == 0)
        status = attn_fail(job->ctx, ATTN_EINVAL, "%s: found an array of %d axes and %zu elements, expected tokens [B, T] or [T]", tokens,
                           array.rank, array.count);
    if (!status) status = attn_npy_to_i32(job->ctx, tokens, &array, &token);
    if (!status) status = check_tokens(job, tokens, &array, token);
    if (!status) status = write_file(job, logits, &array, token);
    attn_free(job->ctx, token);
    attn_npy_free(job->ctx, &array);
    return status;
}
