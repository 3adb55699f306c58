/* Building and running one case. Inputs lie outside the counting context, so that its peak is what attention itself needs: mask, plan,
 * workspace, outputs. */
#include "bench/case.h"

#include "base/context.h"
#include "base/random.h"
#include "kernel/convert/convert.h"
#include "kernel/kernel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *attn_direction_name(enum attn_direction pass) {
    static const char *const names[] = {"fwd", "bwd", "fwd+bwd"};
    return names[pass];
}

static attn_status fail(struct attn_case *c, attn_status status) {
    attn_ctx_error(c->ctx, c->message, sizeof c->message);
    return status;
}

/* N(0, sigma) in the case's data type: the same floats for all types, rounded to 16 bits for those. */
static void *random_array(const struct attn_case *c, int64_t count, double sigma, uint64_t stream) {
    enum { PAGE = 4096, PIECE = 1024 };
    struct attn_random random;
    float piece[PIECE];
    const attn_dtype type = c->spec.dtype;
    char *data = aligned_alloc(PAGE, ((size_t)count * attn_dtype_bytes(type) / PAGE + 1) * PAGE);
    if (data == NULL) return NULL;
    attn_random_init(&random, c->spec.seed * 16 + stream);
    for (int64_t at = 0; at < count; at += PIECE) {
        const int64_t n = attn_min64(PIECE, count - at);
        attn_random_fill_normal(&random, piece, n, (float)sigma);
        for (int64_t i = 0; i < n; i++)
            if (type == ATTN_F64)
                ((double *)(void *)data)[at + i] = (double)piece[i];
            else if (type == ATTN_F32)
                ((float *)(void *)data)[at + i] = piece[i];
            else
                ((uint16_t *)(void *)data)[at + i] = attn_half_of_f32(type, piece[i]);
    }
    return data;
}

attn_status attn_case_open(struct attn_case *c, const struct attn_case_spec *spec) {
    memset(c, 0, sizeof *c);
    c->spec = *spec;
    const attn_status status = attn_memory_context(&c->memory, spec->threads, &c->ctx, c->message, sizeof c->message);
    if (status != ATTN_OK) return status;
    const int64_t q_rows = spec->batch * spec->heads * spec->q_len, kv_rows = spec->batch * spec->kv_heads * spec->kv_len;
    c->q = random_array(c, (spec->learned ? spec->heads : q_rows) * spec->dim, spec->gain, 0);
    c->k = random_array(c, kv_rows * spec->dim, 1.0, 1);
    c->v = random_array(c, kv_rows * spec->v_dim, 1.0, 2);
    c->d_o = spec->backward ? random_array(c, q_rows * spec->v_dim, 1.0, 3) : NULL;
    if (c->q == NULL || c->k == NULL || c->v == NULL || (spec->backward && c->d_o == NULL))
        return fail(c, attn_fail(c->ctx, ATTN_ENOMEM, "bench: no memory for inputs of %lld tokens", (long long)spec->q_len));
    return ATTN_OK;
}

attn_status attn_case_mask_list(struct attn_case *c, attn_mask *const *masks, int count) {
    attn_status status = ATTN_OK;
    c->masks = attn_alloc(c->ctx, (size_t)count * sizeof(attn_mask *));
    if (c->masks == NULL) status = attn_no_memory(c->ctx, "masks", (size_t)count * sizeof(attn_mask *));
    for (int i = 0; i < count; i++) {
        if (status == ATTN_OK) status = attn_mask_compile(c->ctx, masks[i], c->spec.q_len, c->spec.kv_len, &c->masks[i]);
        if (status == ATTN_OK) {
            c->mask_count++;
            const int64_t heads_each = c->spec.heads / count;
            c->pairs += (double)attn_mask_area(c->masks[i]) * (double)heads_each * (double)c->spec.batch;
        }
        attn_mask_destroy(masks[i]);
    }
    if (status == ATTN_OK && count > 1) status = attn_mask_stack(c->ctx, 1, count, (const attn_mask *const *)c->masks, &c->stack);
    return status == ATTN_OK ? ATTN_OK : fail(c, status);
}

attn_status attn_case_mask_text(struct attn_case *c, const char *text) {
    attn_mask *mask;
    const attn_status status = attn_mask_parse(c->ctx, text, &mask);
    return status == ATTN_OK ? attn_case_mask_list(c, &mask, 1) : fail(c, status);
}

const attn_mask *attn_case_mask_of(const struct attn_case *c, int32_t head) {
    return c->masks[c->mask_count == 1 ? 0 : head / (c->spec.heads / c->mask_count)];
}

static attn_status allocate_outputs(struct attn_case *c) {
    const size_t size = attn_dtype_bytes(c->spec.dtype), lse = c->spec.dtype == ATTN_F64 ? sizeof(double) : sizeof(float);
    const size_t q_rows = (size_t)(c->spec.batch * c->spec.heads * c->spec.q_len);
    const size_t kv_rows = (size_t)(c->spec.batch * c->spec.kv_heads * c->spec.kv_len), d = (size_t)c->spec.dim, e = (size_t)c->spec.v_dim;
    const struct {
        void **array;
        size_t bytes;
        bool wanted;
    } outputs[] = {{&c->o, q_rows * e * size, true},
                   {&c->lse, q_rows * lse, true},
                   {&c->dq, (c->spec.learned ? (size_t)c->spec.heads : q_rows) * d * size, c->spec.backward},
                   {&c->dk, kv_rows * d * size, c->spec.backward},
                   {&c->dv, kv_rows * e * size, c->spec.backward},
                   {&c->args.workspace, attn_plan_workspace(c->plan), true}};
    for (size_t i = 0; i < sizeof outputs / sizeof outputs[0]; i++) {
        if (!outputs[i].wanted) continue;
        *outputs[i].array = attn_alloc(c->ctx, outputs[i].bytes);
        if (*outputs[i].array == NULL) return attn_no_memory(c->ctx, "outputs and workspace", outputs[i].bytes);
        memset(*outputs[i].array, 0, outputs[i].bytes); /* first touch is not part of a run */
    }
    return ATTN_OK;
}

/* The planner's choice, by its full name in `kernel`. */
static attn_status ask_planner(struct attn_case *c, attn_problem *problem, char *kernel, size_t size) {
    attn_plan *plan;
    if (c->spec.kernel != NULL || c->spec.planner == NULL) return ATTN_OK;
    problem->effort = c->spec.effort;
    const attn_status status = attn_plan_create(c->spec.planner, problem, &plan);
    if (status != ATTN_OK) {
        attn_ctx_error(c->spec.planner, kernel, size);
        return attn_fail(c->ctx, status, "%s", kernel);
    }
    snprintf(kernel, size, "%s/%s", attn_plan_kernel(plan), attn_plan_isa(plan));
    problem->kernel = kernel;
    attn_plan_destroy(plan);
    return ATTN_OK;
}

attn_status attn_case_plan(struct attn_case *c) {
    char kernel[512];
    attn_problem problem;
    attn_problem_init(&problem);
    problem.dtype = c->spec.dtype;
    problem.kernel = c->spec.kernel;
    problem.score = c->spec.learned ? ATTN_SCORE_LEARNED_QUERY : ATTN_SCORE_DOT;
    problem.heads = c->spec.heads;
    problem.kv_heads = c->spec.kv_heads;
    problem.dim = c->spec.dim;
    problem.v_dim = c->spec.v_dim;
    problem.batch = c->spec.batch;
    problem.q_len = c->spec.q_len;
    problem.kv_len = c->spec.kv_len;
    problem.threads = c->spec.threads;
    problem.features = c->spec.backward ? ATTN_BACKWARD : 0;
    attn_args_init(&c->args);
    attn_gradients_init(&c->gradients);
    attn_status status = ask_planner(c, &problem, kernel, sizeof kernel);
    if (status == ATTN_OK) status = attn_plan_create(c->ctx, &problem, &c->plan);
    if (status == ATTN_OK) status = allocate_outputs(c);
    if (status != ATTN_OK) return fail(c, status);
    c->args.q.data = c->q;
    c->args.k.data = c->k;
    c->args.v.data = c->v;
    c->args.o.data = c->o;
    c->args.lse.data = c->lse;
    c->args.mask = c->spec.learned ? NULL : c->stack != NULL ? c->stack : c->masks[0];
    c->args.workspace_bytes = attn_plan_workspace(c->plan);
    c->gradients.d_o.data = c->d_o;
    c->gradients.dq.data = c->dq;
    c->gradients.dk.data = c->dk;
    c->gradients.dv.data = c->dv;
    return ATTN_OK;
}

attn_status attn_case_run(struct attn_case *c, enum attn_direction pass) {
    attn_status status = ATTN_OK;
    if (pass != ATTN_BWD) status = attn_forward(c->plan, &c->args);
    if (status == ATTN_OK && pass != ATTN_FWD) status = attn_backward(c->plan, &c->args, &c->gradients);
    return status == ATTN_OK ? ATTN_OK : fail(c, status);
}

double attn_case_flops(const struct attn_case *c, enum attn_direction pass) {
    const double d = c->spec.dim, e = c->spec.v_dim, forward = 2.0 * c->pairs * (d + e), backward = 2.0 * c->pairs * (3.0 * d + 2.0 * e);
    return pass == ATTN_FWD ? forward : pass == ATTN_BWD ? backward : forward + backward;
}

void attn_case_close(struct attn_case *c) {
    if (c->ctx != NULL) {
        void *const outputs[] = {c->o, c->lse, c->dq, c->dk, c->dv, c->args.workspace};
        for (size_t i = 0; i < sizeof outputs / sizeof outputs[0]; i++) attn_free(c->ctx, outputs[i]);
        attn_plan_destroy(c->plan);
        attn_mask_destroy(c->stack);
        for (int i = 0; i < c->mask_count; i++) attn_mask_destroy(c->masks[i]);
        attn_free(c->ctx, c->masks);
        attn_ctx_destroy(c->ctx);
    }
    void *const inputs[] = {c->q, c->k, c->v, c->d_o};
    for (size_t i = 0; i < sizeof inputs / sizeof inputs[0]; i++) free(inputs[i]);
    memset(c, 0, sizeof *c);
}
