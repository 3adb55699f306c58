/* Results of attn_apply_files. All are written and synced as temporary files first; only then are they renamed, so that an error on the way
 * leaves every name as it was. */
#include "io/apply_job.h"

#include <string.h>

const char *const attn_apply_output_names[ATTN_APPLY_OUTPUTS] = {"out", "lse", "dq", "dk", "dv", "dalibi", "dbias", "dsink"};

static void shape_like(struct attn_result *result, const struct attn_npy *array) {
    result->rank = array->rank;
    memcpy(result->shape, array->shape, (size_t)array->rank * sizeof(int64_t));
}

/* Shape and type of a result; false: it is not computed. */
static bool describe(const struct attn_apply_job *job, int which, struct attn_result *result) {
    static const int gradient_of[] = {[ATTN_OUT_DQ] = ATTN_IN_Q,         [ATTN_OUT_DK] = ATTN_IN_K,       [ATTN_OUT_DV] = ATTN_IN_V,
                                      [ATTN_OUT_DALIBI] = ATTN_IN_ALIBI, [ATTN_OUT_DBIAS] = ATTN_IN_BIAS, [ATTN_OUT_DSINK] = ATTN_IN_SINK};
    const int64_t lse[3] = {job->batch, job->heads, job->q_tokens};
    const int skip = job->packed ? 1 : 0;
    result->type = job->apply->dtype == ATTN_F64 && which < ATTN_OUT_DALIBI ? ATTN_NPY_F64 : ATTN_NPY_F32;
    if (job->apply->dtype == ATTN_F16 && which < ATTN_OUT_DALIBI && which != ATTN_OUT_LSE) result->type = ATTN_NPY_F16;
    if (which == ATTN_OUT_O) {
        shape_like(result, &job->array[ATTN_IN_Q]);
        result->shape[result->rank - 1] = job->v_dim;
        return true;
    }
    if (which == ATTN_OUT_LSE) {
        result->rank = 3 - skip;
        memcpy(result->shape, lse + skip, (size_t)result->rank * sizeof(int64_t));
        return true;
    }
    const struct attn_npy *input = &job->array[gradient_of[which]];
    /* dq, dk, dv are computed whether wanted or not: backward has no use for less; the others on demand */
    if (!job->backward || input->data == NULL || (which >= ATTN_OUT_DALIBI && job->apply->out[which] == NULL)) return false;
    shape_like(result, input);
    return true;
}

attn_status attn_apply_results(struct attn_apply_job *job) {
    for (int which = 0; which < ATTN_APPLY_OUTPUTS; which++) {
        struct attn_result *result = &job->result[which];
        size_t bytes = attn_npy_size(ATTN_NPY_F64);
        if (!describe(job, which, result)) continue;
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

static attn_status prepare(struct attn_apply_job *job, int which, struct attn_file_writer *writer) {
    const struct attn_result *result = &job->result[which];
    attn_status status = attn_file_begin(job->ctx, NULL, job->apply->out[which], writer);
    if (status == ATTN_OK) status = attn_npy_write(job->ctx, writer, result->type, result->rank, result->shape, result->data);
    return status == ATTN_OK ? attn_file_sync(job->ctx, writer) : status;
}

attn_status attn_apply_write(struct attn_apply_job *job, bool *stopped) {
    const struct attn_apply *apply = job->apply;
    attn_status status = ATTN_OK;
    struct attn_file_writer *writers = attn_alloc(job->ctx, ATTN_APPLY_OUTPUTS * sizeof *writers);
    if (writers == NULL) return attn_no_memory(job->ctx, "output files", ATTN_APPLY_OUTPUTS * sizeof *writers);
    memset(writers, 0, ATTN_APPLY_OUTPUTS * sizeof *writers);
    for (int which = 0; which < ATTN_APPLY_OUTPUTS && status == ATTN_OK; which++)
        if (apply->out[which] != NULL) status = prepare(job, which, &writers[which]);
    *stopped = apply->stopped != NULL && apply->stopped();
    if (status == ATTN_OK && !*stopped) status = attn_file_commit_all(job->ctx, writers, ATTN_APPLY_OUTPUTS);
    for (int which = 0; which < ATTN_APPLY_OUTPUTS; which++) attn_file_abort(&writers[which]);
    attn_free(job->ctx, writers);
    return status;
}
