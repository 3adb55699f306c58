/* The search of attn_apply_files: the best keys of each query instead of attention, head by head. */
#include "io/apply_job.h"

#include <math.h>
#include <string.h>

attn_status attn_apply_search_check(const struct attn_apply_job *job) {
    const struct attn_apply *a = job->apply;
    for (int i = 0; i < ATTN_APPLY_INPUTS; i++)
        if (a->in[i] != NULL && i != ATTN_IN_Q && i != ATTN_IN_K && i != ATTN_IN_CU_Q && i != ATTN_IN_CU_K && i != ATTN_IN_KV_LENS)
            return attn_fail(job->ctx, ATTN_EINVAL, "apply: --%s is given with --top, which searches the keys --k alone",
                             attn_apply_input_names[i]);
    for (int i = 0; i < ATTN_APPLY_OUTPUTS; i++)
        if (a->out[i] != NULL && i != ATTN_OUT_INDEX && i != ATTN_OUT_SCORE)
            return attn_fail(job->ctx, ATTN_EINVAL, "apply: --%s is given with --top, whose results are --out-index and --out-score",
                             attn_apply_output_names[i]);
    const char *other = a->mask != NULL                  ? "mask"
                        : a->score != ATTN_SCORE_DOT     ? "score"
                        : a->kv_dtype != ATTN_DTYPE_SAME ? "kv-dtype"
                        : !isnan(a->scale)               ? "scale"
                        : a->softcap != (double)INFINITY ? "softcap"
                        : a->dropout > 0.0               ? "dropout"
                        : a->dtype != ATTN_F32           ? "dtype"
                                                         : NULL;
    if (other != NULL)
        return attn_fail(job->ctx, ATTN_EUNSUPPORTED,
                         "apply: --%s is given with --top: scores of the search are plain dot products in float32", other);
    return ATTN_OK;
}

/* Elements to the first row of a head, and from row to row. */
static const float *rows_of(const struct attn_apply_job *job, int which, int64_t b, int64_t h, int64_t token, int64_t *stride) {
    const int64_t heads = which == ATTN_IN_Q ? job->heads : job->kv_heads, length = which == ATTN_IN_Q ? job->q_len : job->kv_len;
    const float *data = job->input[which];
    *stride = job->apply->layout == ATTN_BHTD ? job->dim : heads * job->dim;
    if (job->apply->layout == ATTN_BHTD) return data + ((b * heads + h) * length + token) * job->dim;
    return data + (((job->packed ? 0 : b * length) + token) * heads + h) * job->dim;
}

static attn_status search_head(const struct attn_apply_job *job, attn_search *s, int64_t b, int64_t h) {
    const int32_t *cu_q = job->input[ATTN_IN_CU_Q], *cu_k = job->input[ATTN_IN_CU_K], *lens = job->input[ATTN_IN_KV_LENS];
    const int64_t q_row = job->packed ? cu_q[b] : 0, k_row = job->packed ? cu_k[b] : 0;
    const int64_t to = (job->packed ? h * job->q_tokens + q_row : (b * job->heads + h) * job->q_len) * s->top;
    s->queries = job->packed ? cu_q[b + 1] - q_row : job->q_len;
    s->keys = job->packed ? cu_k[b + 1] - k_row : lens != NULL ? lens[b] : job->kv_len;
    s->q = rows_of(job, ATTN_IN_Q, b, h, q_row, &s->q_stride);
    s->k = rows_of(job, ATTN_IN_K, b, h / (job->heads / job->kv_heads), k_row, &s->k_stride);
    s->index = (int64_t *)job->result[ATTN_OUT_INDEX].data + to;
    s->score = job->result[ATTN_OUT_SCORE].data != NULL ? (float *)job->result[ATTN_OUT_SCORE].data + to : NULL;
    return attn_search_run(job->ctx, s);
}

attn_status attn_apply_search(struct attn_apply_job *job) {
    const int32_t *lens = job->input[ATTN_IN_KV_LENS];
    attn_search s;
    attn_search_init(&s);
    s.queries = job->q_len;
    s.keys = job->kv_len;
    s.dim = job->dim;
    s.top = (int32_t)job->apply->top;
    s.threads = job->apply->threads;
    s.kernel = job->apply->kernel;
    for (int64_t b = 0; lens != NULL && b < job->batch; b++)
        if (lens[b] < 0 || lens[b] > job->kv_len)
            return attn_fail(job->ctx, ATTN_EINVAL, "apply: --kv-lens %s: element %lld is %d, expected 0 to %lld, the keys of --k",
                             job->apply->in[ATTN_IN_KV_LENS], (long long)b, lens[b], (long long)job->kv_len);
    attn_status status = attn_search_workspace(job->ctx, &s, &s.workspace_bytes);
    if (status == ATTN_OK && (job->workspace = attn_alloc(job->ctx, s.workspace_bytes)) == NULL)
        status = attn_no_memory(job->ctx, "workspace", s.workspace_bytes);
    s.workspace = job->workspace;
    for (int64_t b = 0; b < job->batch; b++)
        for (int64_t h = 0; h < job->heads && status == ATTN_OK; h++) status = search_head(job, &s, b, h);
    return status;
}
