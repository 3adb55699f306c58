/* Results of attn_apply_files. All are written and synced as temporary files first; only then are they renamed, so that an error on the way
 * leaves every name as it was. */
#include "io/apply_job.h"

#include <string.h>

const char *const attn_apply_output_names[ATTN_APPLY_OUTPUTS] = {"out",   "lse",   "dq",      "dk", "dv",        "dalibi",
                                                                 "dbias", "dsink", "weights", "dw", "out-index", "out-score"};

static void shape_like(struct attn_result *result, const struct attn_npy *array) {
    result->rank = array->rank;
    memcpy(result->shape, array->shape, (size_t)array->rank * sizeof(int64_t));
}

static bool goes_to_npy(const struct attn_apply_job *job, int which) {
    struct attn_place place;
    if (job->apply->out[which] == NULL) return false;
    attn_apply_place(job->apply->out[which], attn_apply_output_names[which], &place);
    return place.tensor == NULL;
}

/* O and its kind are of the type that is computed in; bfloat16 has no place in a .npy file, so there they stay the float32 that they were
 * computed as, the three gradients alike. */
static enum attn_npy_type type_of(const struct attn_apply_job *job, int which) {
    const bool gradient = which != ATTN_OUT_O;
    if (which >= ATTN_OUT_INDEX) return which == ATTN_OUT_INDEX ? ATTN_NPY_I64 : ATTN_NPY_F32;
    if (which == ATTN_OUT_LSE || which >= ATTN_OUT_WEIGHTS) return job->apply->dtype == ATTN_F64 ? ATTN_NPY_F64 : ATTN_NPY_F32;
    if (which >= ATTN_OUT_DALIBI) return ATTN_NPY_F32;
    switch (job->apply->dtype) {
    case ATTN_F64:
        return ATTN_NPY_F64;
    case ATTN_F16:
        return ATTN_NPY_F16;
    case ATTN_BF16:
        for (int i = gradient ? ATTN_OUT_DQ : ATTN_OUT_O; i <= (gradient ? ATTN_OUT_DV : ATTN_OUT_O); i++)
            if (goes_to_npy(job, i)) return ATTN_NPY_F32;
        return ATTN_NPY_BF16;
    default:
        return ATTN_NPY_F32;
    }
}

/* Shape and type of a result; false: it is not computed. */
static bool describe(const struct attn_apply_job *job, int which, struct attn_result *result) {
    static const int gradient_of[] = {
        [ATTN_OUT_DQ] = ATTN_IN_Q,       [ATTN_OUT_DK] = ATTN_IN_K,       [ATTN_OUT_DV] = ATTN_IN_V, [ATTN_OUT_DALIBI] = ATTN_IN_ALIBI,
        [ATTN_OUT_DBIAS] = ATTN_IN_BIAS, [ATTN_OUT_DSINK] = ATTN_IN_SINK, [ATTN_OUT_DW] = ATTN_IN_W};
    const int64_t lse[3] = {job->batch, job->heads, job->q_tokens};
    const int skip = job->packed ? 1 : 0;
    result->type = type_of(job, which);
    if (job->search != (which >= ATTN_OUT_INDEX)) return false;
    if (job->search) {
        const int64_t best[4] = {job->batch, job->heads, job->q_tokens, job->apply->top};
        result->rank = 4 - skip;
        memcpy(result->shape, best + skip, (size_t)result->rank * sizeof(int64_t));
        return which == ATTN_OUT_INDEX || job->apply->out[which] != NULL;
    }
    if (which == ATTN_OUT_O) {
        if (job->additive && job->apply->in[ATTN_IN_V] == NULL) return false;
        result->rank = job->packed ? 3 : 4;
        attn_apply_output_shape(job, result->shape);
        return true;
    }
    if (which == ATTN_OUT_LSE) {
        result->rank = 3 - skip;
        memcpy(result->shape, lse + skip, (size_t)result->rank * sizeof(int64_t));
        return true;
    }
    if (which == ATTN_OUT_WEIGHTS) {
        const int64_t weights[4] = {job->batch, job->heads, job->q_tokens, job->kv_len};
        result->rank = 4 - skip;
        memcpy(result->shape, weights + skip, (size_t)result->rank * sizeof(int64_t));
        return job->apply->out[which] != NULL;
    }
    if (which == ATTN_OUT_DV && job->apply->in[ATTN_IN_DO] == NULL) return false;
    const struct attn_npy *input = &job->array[gradient_of[which]];
    /* dq, dk, dv are computed whether wanted or not: backward has no use for less; the others on demand */
    if (!job->backward || job->apply->in[gradient_of[which]] == NULL || (which >= ATTN_OUT_DALIBI && job->apply->out[which] == NULL))
        return false;
    shape_like(result, input);
    return true;
}

attn_status attn_apply_results(struct attn_apply_job *job) {
    for (int which = 0; which < ATTN_APPLY_OUTPUTS; which++) {
        struct attn_result *result = &job->result[which];
        if (!describe(job, which, result)) continue;
        size_t bytes = attn_npy_size(result->type);
        result->count = 1;
        bool fits = true; /* an empty v may claim any width, so the product is not that of a file */
        for (int axis = 0; axis < result->rank; axis++)
            fits = fits && attn_mul_size(result->count, (size_t)result->shape[axis], &result->count);
        if (!fits || !attn_mul_size(bytes, result->count, &bytes) || (result->data = attn_alloc(job->ctx, bytes)) == NULL)
            return attn_no_memory(job->ctx, attn_apply_output_names[which], bytes);
        memset(result->data, 0, bytes);
    }
    return ATTN_OK;
}

/* The safetensors file of result `which` holds all others that go there too; the first of them writes it. */
static attn_status prepare_tensors(struct attn_apply_job *job, int which, const struct attn_place *places,
                                   struct attn_file_writer *writer) {
    struct attn_safetensors_source tensors[ATTN_APPLY_OUTPUTS];
    int count = 0;
    for (int i = 0; i < ATTN_APPLY_OUTPUTS; i++) {
        const struct attn_result *r = &job->result[i];
        if (job->apply->out[i] == NULL || places[i].tensor == NULL || !attn_file_same(places[i].path, places[which].path)) continue;
        if (i < which) return ATTN_OK;
        tensors[count++] = (struct attn_safetensors_source){places[i].tensor, r->type, r->rank, r->shape, r->data};
    }
    attn_status status = attn_file_begin(job->ctx, NULL, places[which].path, writer);
    if (status == ATTN_OK) status = attn_safetensors_write(job->ctx, writer, NULL, 0, tensors, count);
    return status == ATTN_OK ? attn_file_sync(job->ctx, writer) : status;
}

static attn_status prepare(struct attn_apply_job *job, int which, const struct attn_place *places, struct attn_file_writer *writer) {
    const struct attn_result *result = &job->result[which];
    if (places[which].tensor != NULL) return prepare_tensors(job, which, places, writer);
    attn_status status = attn_file_begin(job->ctx, NULL, job->apply->out[which], writer);
    if (status == ATTN_OK) status = attn_npy_write(job->ctx, writer, result->type, result->rank, result->shape, result->data);
    return status == ATTN_OK ? attn_file_sync(job->ctx, writer) : status;
}

attn_status attn_apply_write(struct attn_apply_job *job, bool *stopped) {
    const struct attn_apply *apply = job->apply;
    struct attn_place places[ATTN_APPLY_OUTPUTS];
    attn_status status = ATTN_OK;
    struct attn_file_writer *writers = attn_alloc(job->ctx, ATTN_APPLY_OUTPUTS * sizeof *writers);
    if (writers == NULL) return attn_no_memory(job->ctx, "output files", ATTN_APPLY_OUTPUTS * sizeof *writers);
    memset(writers, 0, ATTN_APPLY_OUTPUTS * sizeof *writers);
    for (int which = 0; which < ATTN_APPLY_OUTPUTS; which++)
        if (apply->out[which] != NULL) attn_apply_place(apply->out[which], attn_apply_output_names[which], &places[which]);
    for (int which = 0; which < ATTN_APPLY_OUTPUTS && status == ATTN_OK; which++)
        if (apply->out[which] != NULL) status = prepare(job, which, places, &writers[which]);
    *stopped = apply->stopped != NULL && apply->stopped();
    if (status == ATTN_OK && !*stopped) status = attn_file_commit_all(job->ctx, writers, ATTN_APPLY_OUTPUTS);
    for (int which = 0; which < ATTN_APPLY_OUTPUTS; which++) attn_file_abort(&writers[which]);
    attn_free(job->ctx, writers);
    return status;
}
