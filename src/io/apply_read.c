/* Inputs of attn_apply_files. Every extent has one array that defines it; the others must agree, and a message names both files, the axis
 * and both numbers. */
#include "io/apply_job.h"
#include "kernel/convert/convert.h"
#include "kernel/kernel.h"

#include <stdio.h>
#include <string.h>

const char *const attn_apply_input_names[ATTN_APPLY_INPUTS] = {"q",    "k", "v",        "do",   "dlse", "alibi",   "bias",
                                                               "sink", "w", "dweights", "cu-q", "cu-k", "kv-lens", "block-table"};

/* Axes of an array in the three layouts: where batch, head, token and dim stand; -1: there is none. */
enum { BATCH, HEAD, TOKEN, DIM };
static int axis_of(const struct attn_apply_job *job, int what) {
    static const int places[3][4] = {[ATTN_BHTD] = {0, 1, 2, 3}, [ATTN_BTHD] = {0, 2, 1, 3}, [ATTN_THD] = {-1, 1, 0, 2}};
    return places[job->apply->layout][what];
}

static attn_status wrong_rank(struct attn_apply_job *job, int which, int expected, const char *axes) {
    return attn_fail(job->ctx, ATTN_ESHAPE, "apply: --%s %s: found %d axes, expected %d: %s", attn_apply_input_names[which],
                     job->apply->in[which], job->array[which].rank, expected, axes);
}

/* Axis `axis` of an input must be `expected`, as `because` says. */
static attn_status agree(struct attn_apply_job *job, int which, int axis, const char *name, int64_t expected, const char *because) {
    const int64_t found = job->array[which].shape[axis];
    if (found == expected) return ATTN_OK;
    return attn_fail(job->ctx, ATTN_ESHAPE, "apply: --%s %s: axis %d (%s) is %lld, expected %lld, as %s", attn_apply_input_names[which],
                     job->apply->in[which], axis, name, (long long)found, (long long)expected, because);
}

void attn_apply_place(const char *text, const char *role, struct attn_place *out) {
    static const char suffix[] = ".safetensors";
    const char *end = NULL;
    for (const char *at = strstr(text, suffix); at != NULL; at = strstr(at + 1, suffix)) {
        const char after = at[sizeof suffix - 1];
        if (after == '\0' || after == ':') end = at + sizeof suffix - 1;
    }
    const size_t length = end != NULL ? (size_t)(end - text) : 0;
    out->tensor = end == NULL || length >= sizeof out->path ? NULL : *end == ':' ? end + 1 : role;
    snprintf(out->path, sizeof out->path, "%.*s", out->tensor != NULL ? (int)length : (int)sizeof out->path - 1, text);
}

/* The input in the type that is computed in. */
static attn_status convert(struct attn_apply_job *job, int which) {
    const char *path = job->apply->in[which];
    const bool whole = which >= ATTN_IN_CU_Q;
    const struct attn_npy *array = &job->array[which];
    if (whole) return attn_npy_to_i32(job->ctx, path, array, (int32_t **)&job->input[which]);
    if (array->type > ATTN_NPY_F64)
        return attn_fail(job->ctx, ATTN_EINVAL, "apply: --%s %s: found elements of %s, expected float16, bfloat16, float32 or float64",
                         attn_apply_input_names[which], path, attn_npy_name(array->type));
    const bool always_float = which == ATTN_IN_ALIBI || which == ATTN_IN_BIAS || which == ATTN_IN_SINK;
    if (attn_dtype_is_half(job->apply->dtype) && !always_float && which != ATTN_IN_DLSE)
        return attn_npy_to_half(job->ctx, array, job->apply->dtype, (uint16_t **)&job->input[which]);
    if (job->apply->dtype == ATTN_F64 && !always_float) return attn_npy_to_f64(job->ctx, array, (double **)&job->input[which]);
    return attn_npy_to_f32(job->ctx, array, (float **)&job->input[which]);
}

static attn_status read_one(struct attn_apply_job *job, int which) {
    const char *path = job->apply->in[which];
    struct attn_place place;
    struct attn_npy *array = &job->array[which];
    if (path == NULL) return ATTN_OK;
    attn_apply_place(path, attn_apply_input_names[which], &place);
    attn_status status = place.tensor == NULL ? attn_npy_read(job->ctx, NULL, path, array)
                                              : attn_safetensors_read(job->ctx, NULL, place.path, place.tensor, array);
    if (status == ATTN_OK) status = convert(job, which);
    return status;
}

/* A learned query: [head, dim], or [batch, head, dim]. */
static attn_status check_query(struct attn_apply_job *job) {
    const struct attn_npy *q = &job->array[ATTN_IN_Q];
    if (q->rank != 2 && q->rank != 3) return wrong_rank(job, ATTN_IN_Q, 2, "head, dim (or batch, head, dim), as --score is learned-query");
    for (int axis = q->rank - 2; axis < q->rank; axis++)
        if (q->shape[axis] < 1 || q->shape[axis] > INT32_MAX)
            return attn_fail(job->ctx, ATTN_ESHAPE, "apply: --q %s: axis %d (%s) is %lld, expected 1 to 2147483647",
                             job->apply->in[ATTN_IN_Q], axis, axis == q->rank - 1 ? "dim" : "head", (long long)q->shape[axis]);
    return ATTN_OK;
}

/* q, k or v: rank, and extents that fit 32 bits where the problem wants that. */
static attn_status check_tensor(struct attn_apply_job *job, int which) {
    const struct attn_npy *array = &job->array[which];
    static const char *const axes[] = {"batch, head, token, dim", "batch, token, head, dim", "token, head, dim"};
    const int rank = job->packed ? 3 : 4;
    if (array->rank != rank) return wrong_rank(job, which, rank, axes[job->apply->layout]);
    for (int what = HEAD; what <= DIM; what += 2) {
        const int64_t found = array->shape[axis_of(job, what)];
        if (found < 1 || found > INT32_MAX)
            return attn_fail(job->ctx, ATTN_ESHAPE, "apply: --%s %s: axis %d (%s) is %lld, expected 1 to 2147483647",
                             attn_apply_input_names[which], job->apply->in[which], axis_of(job, what), what == HEAD ? "head" : "dim",
                             (long long)found);
    }
    return ATTN_OK;
}

/* Cumulative lengths: 0 first, rising, the token axis last. Finds batch and the greatest length. */
static attn_status check_cumulative(struct attn_apply_job *job, int which, int64_t tokens, int64_t *greatest) {
    const struct attn_npy *array = &job->array[which];
    const int32_t *cu = job->input[which];
    const char *option = attn_apply_input_names[which], *path = job->apply->in[which];
    if (array->rank != 1 || array->count < 1)
        return attn_fail(job->ctx, ATTN_ESHAPE, "apply: --%s %s: expected one axis of at least one number: the cumulative lengths from 0",
                         option, path);
    *greatest = 0;
    for (size_t i = 0; i < array->count; i++) {
        const int32_t before = i == 0 ? 0 : cu[i - 1];
        if (cu[i] < before || (i == 0 && cu[i] != 0))
            return attn_fail(job->ctx, ATTN_EINVAL, "apply: --%s %s: element %zu is %d, expected %s%d", option, path, i, cu[i],
                             i == 0 ? "" : "at least ", before);
        *greatest = attn_max64(*greatest, cu[i] - before);
    }
    if (cu[array->count - 1] != tokens)
        return attn_fail(job->ctx, ATTN_ESHAPE, "apply: --%s %s: the last element is %d, expected %lld, the tokens of --%s", option, path,
                         cu[array->count - 1], (long long)tokens, which == ATTN_IN_CU_Q ? "q" : "k");
    return ATTN_OK;
}

static attn_status check_packed(struct attn_apply_job *job) {
    attn_status status = job->learned ? ATTN_OK : check_cumulative(job, ATTN_IN_CU_Q, job->q_tokens, &job->q_len);
    if (status == ATTN_OK) status = check_cumulative(job, ATTN_IN_CU_K, job->kv_tokens, &job->kv_len);
    job->batch = (int64_t)job->array[job->learned ? ATTN_IN_CU_K : ATTN_IN_CU_Q].count - 1;
    if (job->learned) job->q_len = job->kv_len;
    return status == ATTN_OK && !job->learned ? agree(job, ATTN_IN_CU_K, 0, "sequences + 1", job->batch + 1, "--cu-q has so many") : status;
}

static attn_status check_qkv(struct attn_apply_job *job) {
    attn_status status = ATTN_OK;
    const int head = axis_of(job, HEAD), token = axis_of(job, TOKEN), dim = axis_of(job, DIM);
    if (job->learned) status = check_query(job);
    const bool mixes = job->apply->in[ATTN_IN_V] != NULL; /* the additive score may come without values, a search does */
    for (int which = job->learned ? ATTN_IN_K : ATTN_IN_Q; which <= (mixes ? ATTN_IN_V : ATTN_IN_K) && status == ATTN_OK; which++)
        status = check_tensor(job, which);
    if (status != ATTN_OK) return status;
    const int64_t *q = job->array[ATTN_IN_Q].shape, *k = job->array[ATTN_IN_K].shape, *v = job->array[ATTN_IN_V].shape;
    const int q_rank = job->array[ATTN_IN_Q].rank;
    const int64_t q_dim = job->learned ? q[q_rank - 1] : q[dim], batch = job->learned ? k[0] : q[0];
    job->heads = (int32_t)(job->learned ? q[q_rank - 2] : q[head]);
    job->kv_heads = (int32_t)k[head];
    job->dim = (int32_t)q_dim;
    job->v_dim = mixes ? (int32_t)v[dim] : job->dim;
    job->q_tokens = job->q_len = job->learned ? k[token] : q[token];
    job->kv_tokens = job->kv_len = k[token];
    job->batch = job->packed ? 1 : batch;
    const bool paged = job->apply->in[ATTN_IN_BLOCK_TABLE] != NULL;
    status = agree(job, ATTN_IN_K, dim, "dim", q_dim, "--q has it");
    if (status == ATTN_OK && mixes) status = agree(job, ATTN_IN_V, token, "token", k[token], "--k has it");
    if (status == ATTN_OK && mixes) status = agree(job, ATTN_IN_V, head, "head", k[head], "--k has it");
    if (status == ATTN_OK && !job->packed && !paged)
        status = agree(job, ATTN_IN_K, 0, "batch", batch, job->learned ? "--k has it" : "--q has it");
    if (status == ATTN_OK && mixes && !job->packed) status = agree(job, ATTN_IN_V, 0, paged ? "block" : "batch", k[0], "--k has it");
    if (status == ATTN_OK && job->heads % job->kv_heads != 0)
        status = attn_fail(job->ctx, ATTN_ESHAPE, "apply: --k %s: axis %d (head) is %d, expected a divisor of the %d heads of --q",
                           job->apply->in[ATTN_IN_K], head, job->kv_heads, job->heads);
    if (status == ATTN_OK && job->packed) status = check_packed(job);
    if (status == ATTN_OK && job->learned && q_rank == 3)
        status = agree(job, ATTN_IN_Q, 0, "batch", job->batch, "the keys have so many sequences");
    return status;
}

void attn_apply_output_shape(const struct attn_apply_job *job, int64_t shape[4]) {
    const struct attn_npy *like = &job->array[job->learned ? ATTN_IN_K : ATTN_IN_Q];
    memcpy(shape, like->shape, (size_t)like->rank * sizeof *shape);
    shape[axis_of(job, HEAD)] = job->heads;
    shape[axis_of(job, DIM)] = job->v_dim;
}

/* dO has the shape of O: that of q with v's width. dLSE: [batch, head, token], packed [head, token]. */
static attn_status check_gradients(struct attn_apply_job *job) {
    const struct attn_npy *d_o = &job->array[ATTN_IN_DO], *d_lse = &job->array[ATTN_IN_DLSE];
    const int rank = job->packed ? 3 : 4;
    int64_t output[4];
    static const char *const names[3][4] = {{"batch", "head", "token", "dim"}, {"batch", "token", "head", "dim"}, {"token", "head", "dim"}};
    attn_status status = ATTN_OK;
    attn_apply_output_shape(job, output);
    if (d_o->data != NULL && d_o->rank != rank) return wrong_rank(job, ATTN_IN_DO, rank, "those of the output");
    for (int axis = 0; d_o->data != NULL && axis < rank && status == ATTN_OK; axis++)
        status = agree(job, ATTN_IN_DO, axis, names[job->apply->layout][axis], output[axis],
                       axis == axis_of(job, DIM) ? "--v has it" : "the output has it");
    if (status != ATTN_OK || d_lse->data == NULL) return status;
    const int64_t expected[3] = {job->batch, job->heads, job->q_tokens};
    const int skip = job->packed ? 1 : 0;
    if (d_lse->rank != 3 - skip) return wrong_rank(job, ATTN_IN_DLSE, 3 - skip, job->packed ? "head, token" : "batch, head, token");
    for (int axis = 0; axis < d_lse->rank && status == ATTN_OK; axis++)
        status = agree(job, ATTN_IN_DLSE, axis, names[0][axis + skip], expected[axis + skip], "--q has it");
    return status;
}

/* The bias: up to four axes batch, head, query, key, missing ones in front count as 1; an extent of 1 is shared. */
static attn_status check_bias(struct attn_apply_job *job) {
    const struct attn_npy *bias = &job->array[ATTN_IN_BIAS];
    const int64_t full[4] = {job->batch, job->heads, job->q_len, job->kv_len};
    static const char *const names[] = {"batch", "head", "query", "key"};
    if (bias->data == NULL) return ATTN_OK;
    if (bias->rank > 4) return wrong_rank(job, ATTN_IN_BIAS, 4, "batch, head, query, key (an extent of 1 is shared)");
    for (int axis = 0; axis < 4; axis++) {
        const int own = axis - (4 - bias->rank);
        const int64_t found = own < 0 ? 1 : bias->shape[own];
        if (found == full[axis]) continue;
        if (found != 1)
            return attn_fail(job->ctx, ATTN_ESHAPE, "apply: --bias %s: axis %d (%s) is %lld, expected %lld, or 1 to share it",
                             job->apply->in[ATTN_IN_BIAS], own, names[axis], (long long)found, (long long)full[axis]);
        job->bias_shared |= 1u << axis;
    }
    return ATTN_OK;
}

/* The score vectors of the additive score, [head, dim] or [batch, head, dim], and the gradient of its weights. */
static attn_status check_additive(struct attn_apply_job *job) {
    const struct attn_npy *w = &job->array[ATTN_IN_W], *d_weights = &job->array[ATTN_IN_DWEIGHTS];
    static const char *const names[] = {"batch", "head", "query", "key"};
    const int64_t expected[4] = {job->batch, job->heads, job->q_tokens, job->kv_len};
    const int skip = job->packed ? 1 : 0;
    attn_status status = ATTN_OK;
    if (!job->additive) return ATTN_OK;
    if (w->rank != 2 && w->rank != 3) return wrong_rank(job, ATTN_IN_W, 2, "head, dim (or batch, head, dim)");
    if (w->rank == 3) status = agree(job, ATTN_IN_W, 0, "batch", job->batch, "the keys have so many sequences");
    if (status == ATTN_OK) status = agree(job, ATTN_IN_W, w->rank - 2, "head", job->heads, "--q has it");
    if (status == ATTN_OK) status = agree(job, ATTN_IN_W, w->rank - 1, "dim", job->dim, "--q has it");
    if (status != ATTN_OK || d_weights->data == NULL) return status;
    if (d_weights->rank != 4 - skip)
        return wrong_rank(job, ATTN_IN_DWEIGHTS, 4 - skip, job->packed ? "head, token, key" : "batch, head, query, key");
    for (int axis = 0; axis < d_weights->rank && status == ATTN_OK; axis++)
        status = agree(job, ATTN_IN_DWEIGHTS, axis, names[axis + skip], expected[axis + skip], "the weights have it");
    return status;
}

/* Slopes and sinks: one for each head, or [batch, head]. */
static attn_status check_per_head(struct attn_apply_job *job, int which) {
    const struct attn_npy *array = &job->array[which];
    if (array->data == NULL) return ATTN_OK;
    if (array->rank != 1 && array->rank != 2) return wrong_rank(job, which, 1, "head");
    attn_status status = agree(job, which, array->rank - 1, "head", job->heads, "--q has it");
    if (status == ATTN_OK && array->rank == 2) status = agree(job, which, 0, "batch", job->batch, "--q has it");
    return status;
}

/* Lengths of the sequences, [batch]; the table of blocks, [batch, blocks of a sequence], with k and v as pools of blocks. */
static attn_status check_cache(struct attn_apply_job *job) {
    const struct attn_npy *lens = &job->array[ATTN_IN_KV_LENS], *table = &job->array[ATTN_IN_BLOCK_TABLE];
    attn_status status = ATTN_OK;
    job->ragged = lens->data != NULL;
    if (job->ragged && lens->rank != 1) return wrong_rank(job, ATTN_IN_KV_LENS, 1, "batch");
    if (job->ragged) status = agree(job, ATTN_IN_KV_LENS, 0, "batch", job->batch, "--q has it");
    if (status != ATTN_OK || table->data == NULL) return status;
    if (table->rank != 2) return wrong_rank(job, ATTN_IN_BLOCK_TABLE, 2, "batch, blocks of a sequence");
    const int64_t tokens = job->kv_len;
    if (tokens < 1 || tokens > INT32_MAX || table->shape[1] > INT32_MAX / tokens)
        return attn_fail(job->ctx, ATTN_ESHAPE,
                         "apply: --block-table %s: %lld blocks of %lld tokens, expected at least one token, at most %d",
                         job->apply->in[ATTN_IN_BLOCK_TABLE], (long long)table->shape[1], (long long)tokens, INT32_MAX);
    job->block_tokens = (int32_t)tokens;
    job->blocks = job->array[ATTN_IN_K].shape[0];
    job->max_blocks = table->shape[1];
    job->kv_tokens = job->kv_len = job->max_blocks * tokens;
    return agree(job, ATTN_IN_BLOCK_TABLE, 0, "batch", job->batch, "--q has it");
}

static attn_status store_one(struct attn_apply_job *job, int which) {
    const struct attn_convert *convert = attn_convert_for(job->ctx->isa);
    const attn_dtype type = job->apply->kv_dtype;
    const int64_t count = (int64_t)job->array[which].count;
    const float *from = job->input[which];
    void *to = attn_alloc(job->ctx, (size_t)count * sizeof(uint16_t)); /* a block of 32 has 34 bytes */
    if (to == NULL) return attn_no_memory(job->ctx, attn_apply_input_names[which], (size_t)count * sizeof(uint16_t));
    if (type == ATTN_BF16) convert->bf16_of_f32(from, count, to);
    if (type == ATTN_F16) convert->f16_of_f32(from, count, to);
    if (type == ATTN_Q8_0) convert->q8_of_f32(from, count / ATTN_Q8_BLOCK, to);
    attn_free(job->ctx, job->input[which]);
    job->input[which] = to;
    return ATTN_OK;
}

attn_status attn_apply_store(struct attn_apply_job *job) {
    if (job->apply->kv_dtype == ATTN_DTYPE_SAME || job->apply->kv_dtype == job->apply->dtype) return ATTN_OK;
    const attn_status status = store_one(job, ATTN_IN_K);
    return status == ATTN_OK ? store_one(job, ATTN_IN_V) : status;
}

attn_status attn_apply_read(struct attn_apply_job *job) {
    attn_status status = ATTN_OK;
    for (int which = 0; which < ATTN_APPLY_INPUTS && status == ATTN_OK; which++) status = read_one(job, which);
    if (status == ATTN_OK) status = check_qkv(job);
    if (status == ATTN_OK) status = check_cache(job);
    if (status == ATTN_OK) status = check_gradients(job);
    if (status == ATTN_OK) status = check_additive(job);
    if (status == ATTN_OK) status = check_bias(job);
    if (status == ATTN_OK) status = check_per_head(job, ATTN_IN_ALIBI);
    return status == ATTN_OK ? check_per_head(job, ATTN_IN_SINK) : status;
}
