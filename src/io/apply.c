/* attn_apply_files: which options belong together, then read, plan, mask, execute, write. */
#include "io/apply.h"

#include "base/clock.h"
#include "io/apply_job.h"
#include "kernel/search/search.h"

#include <math.h>
#include <string.h>

/* Every output has a place of its own: a .npy file, or a name in a safetensors file that is no .npy file too. Names are plain. */
static attn_status check_outputs(struct attn_apply_job *job) {
    const struct attn_apply *a = job->apply;
    struct attn_place place[ATTN_APPLY_OUTPUTS];
    for (int i = 0; i < ATTN_APPLY_OUTPUTS; i++) {
        if (a->out[i] == NULL) continue;
        attn_apply_place(a->out[i], attn_apply_output_names[i], &place[i]);
        const char *name = place[i].tensor;
        bool plain = name == NULL || (name[0] != '\0' && strcmp(name, "__metadata__") != 0);
        for (const char *at = name; at != NULL && *at != '\0'; at++)
            plain = plain && *at >= 0x20 && *at < 0x7F && *at != '"' && *at != '\\';
        if (!plain)
            return attn_fail(job->ctx, ATTN_EINVAL, "apply: --%s %s: expected the name of a tensor behind the colon, in plain letters",
                             attn_apply_output_names[i], a->out[i]);
        for (int j = 0; j < ATTN_APPLY_INPUTS; j++) {
            struct attn_place input;
            if (a->in[j] == NULL) continue;
            attn_apply_place(a->in[j], attn_apply_input_names[j], &input);
            if (attn_file_same(place[i].path, input.path))
                return attn_fail(job->ctx, ATTN_EINVAL, "apply: --%s %s: expected another file than that of --%s, which it would replace",
                                 attn_apply_output_names[i], a->out[i], attn_apply_input_names[j]);
        }
        for (int j = 0; j < i; j++)
            if (a->out[j] != NULL && attn_file_same(place[i].path, place[j].path) &&
                (name == NULL || place[j].tensor == NULL || strcmp(name, place[j].tensor) == 0))
                return attn_fail(job->ctx, ATTN_EINVAL, "apply: --%s and --%s are the same file %s", attn_apply_output_names[j],
                                 attn_apply_output_names[i], a->out[i]);
    }
    return ATTN_OK;
}

/* What belongs to the additive score alone, and what it needs. */
static attn_status check_additive(const struct attn_apply_job *job) {
    const struct attn_apply *a = job->apply;
    static const int alone[] = {ATTN_IN_W, ATTN_IN_DWEIGHTS};
    for (int i = 0; i < 2 && !job->additive; i++)
        if (a->in[alone[i]] != NULL)
            return attn_fail(job->ctx, ATTN_EINVAL, "apply: --%s is given, expected it only with --score additive",
                             attn_apply_input_names[alone[i]]);
    if (!job->additive && a->out[ATTN_OUT_WEIGHTS] != NULL)
        return attn_fail(job->ctx, ATTN_EINVAL, "apply: --weights is given, expected it only with --score additive");
    if (!job->additive) return ATTN_OK;
    if (a->in[ATTN_IN_W] == NULL)
        return attn_fail(job->ctx, ATTN_EINVAL, "apply: --w is missing; --score additive expects the vector of each head");
    if (a->in[ATTN_IN_V] == NULL && (a->out[ATTN_OUT_O] != NULL || a->in[ATTN_IN_DO] != NULL))
        return attn_fail(job->ctx, ATTN_EINVAL, "apply: --%s is given without --v, which the output is the sum of",
                         a->out[ATTN_OUT_O] != NULL ? "out" : "do");
    return ATTN_OK;
}

/* Gradients that need --do otherwise. */
static bool may_come_from_weights(const struct attn_apply_job *job, int out, int in) {
    return job->apply->in[ATTN_IN_DWEIGHTS] != NULL && in == ATTN_IN_DO && out != ATTN_OUT_DV;
}

/* What an option needs beside it. */
static attn_status check_together(struct attn_apply_job *job) {
    const struct attn_apply *a = job->apply;
    static const struct {
        int out, in;
    } needs[] = {{ATTN_OUT_DQ, ATTN_IN_DO},        {ATTN_OUT_DK, ATTN_IN_DO},      {ATTN_OUT_DV, ATTN_IN_DO},
                 {ATTN_OUT_DALIBI, ATTN_IN_DO},    {ATTN_OUT_DBIAS, ATTN_IN_DO},   {ATTN_OUT_DSINK, ATTN_IN_DO},
                 {ATTN_OUT_DALIBI, ATTN_IN_ALIBI}, {ATTN_OUT_DBIAS, ATTN_IN_BIAS}, {ATTN_OUT_DSINK, ATTN_IN_SINK},
                 {ATTN_OUT_DW, ATTN_IN_DO},        {ATTN_OUT_DW, ATTN_IN_W},       {ATTN_OUT_WEIGHTS, ATTN_IN_W}};
    const attn_status alone = job->search ? attn_apply_search_check(job) : check_additive(job);
    if (alone != ATTN_OK) return alone;
    for (int which = ATTN_OUT_INDEX; which <= ATTN_OUT_SCORE && !job->search; which++)
        if (a->out[which] != NULL)
            return attn_fail(job->ctx, ATTN_EINVAL, "apply: --%s is given without --top, the number of keys wanted",
                             attn_apply_output_names[which]);
    for (int which = ATTN_IN_Q; which <= ATTN_IN_V; which++)
        if (a->in[which] == NULL && !(which == ATTN_IN_V && (job->additive || job->search)))
            return attn_fail(job->ctx, ATTN_EINVAL, "apply: --%s is missing; expected the .npy or .safetensors file of an array",
                             attn_apply_input_names[which]);
    for (size_t i = 0; i < sizeof needs / sizeof needs[0]; i++)
        if (a->out[needs[i].out] != NULL && a->in[needs[i].in] == NULL && !may_come_from_weights(job, needs[i].out, needs[i].in))
            return attn_fail(job->ctx, ATTN_EINVAL, "apply: --%s is given without --%s, which it is computed from",
                             attn_apply_output_names[needs[i].out], attn_apply_input_names[needs[i].in]);
    if (a->in[ATTN_IN_DLSE] != NULL && !job->backward)
        return attn_fail(job->ctx, ATTN_EINVAL, "apply: --dlse is given without --do; give a --do of zeros if there is none");
    for (int which = ATTN_IN_CU_Q; which <= ATTN_IN_CU_K; which++)
        if ((a->in[which] != NULL) != (job->packed && !(job->learned && which == ATTN_IN_CU_Q)))
            return attn_fail(job->ctx, ATTN_EINVAL, "apply: --%s %s --layout thd", attn_apply_input_names[which],
                             job->packed && job->learned && which == ATTN_IN_CU_Q
                                 ? "is given, whose rows --cu-k cuts with --score learned-query in"
                             : job->packed ? "is missing; it cuts the sequences of"
                                           : "is given, expected it only with");
    for (int which = ATTN_IN_KV_LENS; which <= ATTN_IN_BLOCK_TABLE; which++)
        if (a->in[which] != NULL && job->packed)
            return attn_fail(job->ctx, ATTN_EINVAL, "apply: --%s is given with --layout thd, expected bhtd or bthd",
                             attn_apply_input_names[which]);
    if (a->in[ATTN_IN_BLOCK_TABLE] != NULL && a->in[ATTN_IN_KV_LENS] == NULL)
        return attn_fail(job->ctx, ATTN_EINVAL, "apply: --block-table is given without --kv-lens, the keys of each sequence");
    return check_outputs(job);
}

static attn_status plan(struct attn_apply_job *job) {
    const struct attn_apply *a = job->apply;
    attn_problem p;
    attn_problem_init(&p);
    p.dtype = a->dtype;
    if (job->result[ATTN_OUT_O].type == ATTN_NPY_F32) p.o_dtype = ATTN_F32; /* of bfloat16, too */
    if (job->backward && job->result[ATTN_OUT_DQ].type == ATTN_NPY_F32) p.grad_dtype = ATTN_F32;
    p.layout = a->layout;
    p.score = a->score;
    p.heads = job->heads;
    p.kv_heads = job->kv_heads;
    p.dim = job->dim;
    p.v_dim = job->v_dim;
    p.batch = job->batch;
    p.q_len = job->q_len;
    p.kv_len = job->kv_len;
    if (job->packed) {
        p.q_tokens = job->q_tokens;
        p.kv_tokens = job->kv_tokens;
    }
    p.scale = a->scale;
    p.softcap = a->softcap;
    p.dropout = a->dropout;
    p.bias_broadcast = job->bias_shared;
    p.threads = a->threads;
    p.kernel = a->kernel;
    p.effort = a->effort;
    p.kv_dtype = a->kv_dtype;
    p.block_tokens = job->block_tokens;
    p.features = (job->backward ? ATTN_BACKWARD : 0u) | (job->input[ATTN_IN_ALIBI] != NULL ? ATTN_ALIBI : 0u) |
                 (job->input[ATTN_IN_BIAS] != NULL ? ATTN_BIAS : 0u) | (job->input[ATTN_IN_SINK] != NULL ? ATTN_SINK : 0u) |
                 (a->dropout > 0.0 ? ATTN_DROPOUT : 0u) | (job->result[ATTN_OUT_DBIAS].data != NULL ? ATTN_BIAS_GRAD : 0u);
    attn_status status = attn_plan_create(job->ctx, &p, &job->plan);
    if (status == ATTN_OK && (job->workspace = attn_alloc(job->ctx, attn_plan_workspace(job->plan))) == NULL)
        status = attn_no_memory(job->ctx, "workspace", attn_plan_workspace(job->plan));
    return status;
}

/* Compiles the mask for the lengths; sequences of lengths of their own get one each, stacked. */
static attn_status compile_mask(struct attn_apply_job *job) {
    const int32_t *cu_q = job->input[ATTN_IN_CU_Q], *cu_k = job->input[ATTN_IN_CU_K], *lens = job->input[ATTN_IN_KV_LENS];
    attn_mask *parsed;
    if (job->apply->mask == NULL || job->batch == 0) return ATTN_OK;
    if (job->learned)
        return attn_fail(job->ctx, ATTN_EUNSUPPORTED,
                         "apply: --mask is given with --score learned-query, whose row i sees the keys up to i");
    attn_status status = attn_mask_parse(job->ctx, job->apply->mask, &parsed);
    if (status != ATTN_OK) return status;
    const int64_t count = job->packed || job->ragged ? job->batch : 1;
    job->compiled = attn_alloc(job->ctx, (size_t)count * sizeof(attn_mask *));
    if (job->compiled == NULL) status = attn_no_memory(job->ctx, "masks", (size_t)count * sizeof(attn_mask *));
    for (int64_t b = 0; b < count && status == ATTN_OK; b++) {
        const int64_t q_len = job->packed ? cu_q[b + 1] - cu_q[b] : job->q_len;
        const int64_t kv_len = job->packed ? cu_k[b + 1] - cu_k[b] : job->ragged ? lens[b] : job->kv_len;
        status = attn_mask_compile(job->ctx, parsed, q_len, kv_len, &job->compiled[b]);
        if (status == ATTN_OK) job->compiled_count++;
    }
    attn_mask_destroy(parsed);
    if (status == ATTN_OK && (job->packed || job->ragged))
        return attn_mask_stack(job->ctx, count, 1, (const attn_mask *const *)job->compiled, &job->mask);
    if (status == ATTN_OK) job->mask = job->compiled[0];
    return status;
}

/* An array [head] or [batch, head]: its batch stride is 0 or the heads. */
static void per_head(const struct attn_apply_job *job, int which, int64_t stride[4]) {
    stride[0] = job->array[which].rank == 2 ? job->heads : 0;
    stride[1] = 1;
}

/* A learned query, or a score vector, for each sequence. */
static void per_sequence(const struct attn_apply_job *job, int64_t stride[4]) {
    stride[0] = (int64_t)job->heads * job->dim;
    stride[1] = job->dim;
    stride[3] = 1;
}

static attn_status execute(struct attn_apply_job *job) {
    attn_args args;
    attn_gradients gradients;
    attn_args_init(&args);
    attn_gradients_init(&gradients);
    args.q.data = job->input[ATTN_IN_Q];
    args.k.data = job->input[ATTN_IN_K];
    args.v.data = job->input[ATTN_IN_V];
    args.o.data = job->result[ATTN_OUT_O].data;
    args.lse.data = job->result[ATTN_OUT_LSE].data;
    args.cu_q = job->input[job->learned ? ATTN_IN_CU_K : ATTN_IN_CU_Q];
    args.cu_kv = job->input[ATTN_IN_CU_K];
    args.kv_lens = job->input[ATTN_IN_KV_LENS];
    args.block_table = job->input[ATTN_IN_BLOCK_TABLE];
    args.max_blocks = job->block_tokens > 0 ? job->max_blocks : -1;
    args.blocks = job->blocks;
    args.mask = job->mask;
    args.bias.data = job->input[ATTN_IN_BIAS];
    args.alibi.data = job->input[ATTN_IN_ALIBI];
    args.sink.data = job->input[ATTN_IN_SINK];
    per_head(job, ATTN_IN_ALIBI, args.alibi.stride);
    per_head(job, ATTN_IN_SINK, args.sink.stride);
    args.w.data = job->input[ATTN_IN_W];
    if (job->array[ATTN_IN_W].rank == 3) per_sequence(job, args.w.stride);
    args.weights.data = job->result[ATTN_OUT_WEIGHTS].data;
    args.seed = job->apply->seed;
    args.workspace = job->workspace;
    args.workspace_bytes = attn_plan_workspace(job->plan);
    if (job->learned && job->array[ATTN_IN_Q].rank == 3) per_sequence(job, args.q.stride);
    attn_status status = attn_forward(job->plan, &args);
    if (status != ATTN_OK || !job->backward) return status;
    gradients.d_o.data = job->input[ATTN_IN_DO];
    gradients.d_lse.data = job->input[ATTN_IN_DLSE];
    gradients.dq.data = job->result[ATTN_OUT_DQ].data;
    memcpy(gradients.dq.stride, args.q.stride, sizeof gradients.dq.stride);
    gradients.dk.data = job->result[ATTN_OUT_DK].data;
    gradients.dv.data = job->result[ATTN_OUT_DV].data;
    gradients.dbias.data = job->result[ATTN_OUT_DBIAS].data;
    gradients.dalibi.data = job->result[ATTN_OUT_DALIBI].data;
    gradients.dsink.data = job->result[ATTN_OUT_DSINK].data;
    gradients.d_weights.data = job->input[ATTN_IN_DWEIGHTS];
    gradients.dw.data = job->result[ATTN_OUT_DW].data;
    memcpy(gradients.dw.stride, args.w.stride, sizeof gradients.dw.stride);
    per_head(job, ATTN_IN_ALIBI, gradients.dalibi.stride);
    per_head(job, ATTN_IN_SINK, gradients.dsink.stride);
    return attn_backward(job->plan, &args, &gradients);
}

static void free_job(struct attn_apply_job *job) {
    for (int which = 0; which < ATTN_APPLY_INPUTS; which++) {
        attn_npy_free(job->ctx, &job->array[which]);
        attn_free(job->ctx, job->input[which]);
    }
    for (int which = 0; which < ATTN_APPLY_OUTPUTS; which++) attn_free(job->ctx, job->result[which].data);
    if (job->packed || job->ragged) attn_mask_destroy(job->mask);
    for (int64_t b = 0; b < job->compiled_count; b++) attn_mask_destroy(job->compiled[b]);
    attn_free(job->ctx, job->compiled);
    attn_plan_destroy(job->plan);
    attn_free(job->ctx, job->workspace);
}

attn_status attn_apply_files(attn_ctx *ctx, const struct attn_apply *apply, struct attn_apply_report *report) {
    struct attn_apply_job job = {.ctx = ctx,
                                 .apply = apply,
                                 .packed = apply->layout == ATTN_THD,
                                 .backward = apply->in[ATTN_IN_DO] != NULL || apply->in[ATTN_IN_DWEIGHTS] != NULL,
                                 .additive = apply->score == ATTN_SCORE_ADDITIVE,
                                 .learned = apply->score == ATTN_SCORE_LEARNED_QUERY,
                                 .search = apply->top > 0};
    double seconds = 0.0;
    bool stopped = false;
    attn_status status = check_together(&job);
    if (status == ATTN_OK) status = attn_apply_read(&job);
    if (status == ATTN_OK) status = attn_apply_results(&job);
    if (status == ATTN_OK && !job.search) status = plan(&job);
    if (status == ATTN_OK) status = attn_apply_store(&job);
    if (status == ATTN_OK) status = compile_mask(&job);
    if (status == ATTN_OK) {
        const double start = attn_clock();
        status = job.search ? attn_apply_search(&job) : execute(&job);
        seconds = attn_clock() - start;
    }
    if (status == ATTN_OK) status = attn_apply_write(&job, &stopped);
    if (status == ATTN_OK)
        *report = (struct attn_apply_report){job.batch,
                                             job.q_len,
                                             job.kv_len,
                                             job.heads,
                                             job.kv_heads,
                                             job.dim,
                                             job.v_dim,
                                             !job.search             ? attn_plan_kernel(job.plan)
                                             : apply->kernel != NULL ? apply->kernel
                                                                     : "search",
                                             !job.search             ? attn_plan_isa(job.plan)
                                             : apply->kernel != NULL ? "portable"
                                                                     : attn_search_choose(ctx)->isa,
                                             seconds,
                                             job.backward,
                                             stopped};
    free_job(&job);
    return status;
}
