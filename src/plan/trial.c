/* Arrays for a trial, laid one behind the other into one piece of memory. Their numbers repeat with a prime period: attention takes the
 * same time for any data but huge scores, and drawing each number would take longer than the trial. */
#include "plan/trial.h"

#include "base/clock.h"
#include "base/random.h"
#include "kernel/convert/convert.h"

#include <assert.h>
#include <string.h>

enum { PERIOD = 4093, ARRAYS = 20 };

enum content { NUMBERS, FLOATS, NOTHING, Q_TOKENS, KV_TOKENS }; /* NUMBERS are of the problem's type */

struct array {
    void **place;
    double count; /* elements */
    size_t element;
    enum content content;
};

struct arrays {
    struct array item[ARRAYS];
    int count;
};

static void add(struct arrays *a, void **place, double count, size_t element, enum content content) {
    assert(a->count < ARRAYS);
    a->item[a->count++] = (struct array){place, count, element, content};
}

/* attn_input points to const; a trial writes what it points to before it is read. */
static void **input(attn_input *in) {
    return (void **)(uintptr_t)&in->data;
}

static double bias_elements(const attn_problem *p) {
    const double extent[4] = {(double)p->batch, (double)p->heads, (double)p->q_len, (double)p->kv_len};
    double elements = 1;
    for (int axis = 0; axis < 4; axis++) elements *= p->bias_broadcast & (1u << axis) ? 1 : extent[axis];
    return elements;
}

static void list_backward(const attn_problem *p, attn_gradients *g, struct arrays *a) {
    const double queries = (double)p->q_tokens * p->heads, keys = (double)p->kv_tokens * p->kv_heads;
    const size_t element = attn_dtype_bytes(p->grad_dtype);
    add(a, input(&g->d_o), queries * p->v_dim, attn_dtype_bytes(p->dtype), NUMBERS);
    add(a, &g->dq.data, queries * p->dim, element, NOTHING);
    add(a, &g->dk.data, keys * p->dim, element, NOTHING);
    add(a, &g->dv.data, keys * p->v_dim, element, NOTHING);
    if (p->score == ATTN_SCORE_ADDITIVE) add(a, &g->dw.data, (double)p->heads * p->dim, element, NOTHING);
    if (p->features & ATTN_BIAS_GRAD) add(a, &g->dbias.data, bias_elements(p), sizeof(float), NOTHING);
    if (p->features & ATTN_ALIBI) add(a, &g->dalibi.data, p->heads, sizeof(float), NOTHING);
    if (p->features & ATTN_SINK) add(a, &g->dsink.data, p->heads, sizeof(float), NOTHING);
}

/* Every array of an execution, with its place in the arguments. */
static void list(const attn_problem *p, size_t workspace, attn_args *args, attn_gradients *g, struct arrays *a) {
    const double queries = (double)p->q_tokens * p->heads, keys = (double)p->kv_tokens * p->kv_heads;
    const size_t element = attn_dtype_bytes(p->dtype);
    a->count = 0;
    add(a, input(&args->q), queries * p->dim, element, NUMBERS);
    add(a, input(&args->k), keys * p->dim, element, NUMBERS);
    add(a, input(&args->v), keys * p->v_dim, element, NUMBERS);
    add(a, &args->o.data, queries * p->v_dim, attn_dtype_bytes(p->o_dtype), NOTHING);
    add(a, &args->lse.data, queries, p->dtype == ATTN_F64 ? sizeof(double) : sizeof(float), NOTHING);
    if (p->score == ATTN_SCORE_ADDITIVE) add(a, input(&args->w), (double)p->heads * p->dim, element, NUMBERS);
    if (p->features & ATTN_ALIBI) add(a, input(&args->alibi), p->heads, sizeof(float), FLOATS);
    if (p->features & ATTN_BIAS) add(a, input(&args->bias), bias_elements(p), sizeof(float), FLOATS);
    if (p->features & ATTN_SINK) add(a, input(&args->sink), p->heads, sizeof(float), FLOATS);
    if (p->layout == ATTN_THD) {
        add(a, (void **)(uintptr_t)&args->cu_q, (double)p->batch + 1, sizeof(int32_t), Q_TOKENS);
        add(a, (void **)(uintptr_t)&args->cu_kv, (double)p->batch + 1, sizeof(int32_t), KV_TOKENS);
    }
    if (p->features & ATTN_BACKWARD) list_backward(p, g, a);
    add(a, &args->workspace, (double)workspace, 1, NOTHING);
}

double attn_trial_bytes(const attn_problem *problem, size_t workspace) {
    attn_args args;
    attn_gradients gradients;
    struct arrays a;
    double bytes = 0;
    list(problem, workspace, &args, &gradients, &a);
    for (int i = 0; i < a.count; i++) bytes += a.item[i].count * (double)a.item[i].element + 64;
    return bytes;
}

static void fill(const attn_problem *p, const float *numbers, const struct array *array, char *at) {
    const size_t count = (size_t)array->count;
    if (array->content == Q_TOKENS || array->content == KV_TOKENS) {
        const int64_t length = array->content == Q_TOKENS ? p->q_len : p->kv_len;
        const int64_t tokens = array->content == Q_TOKENS ? p->q_tokens : p->kv_tokens;
        for (size_t b = 0; b < count; b++) ((int32_t *)at)[b] = (int32_t)attn_min64((int64_t)b * length, tokens);
    } else if (array->content == NOTHING) {
        memset(at, 0, count * array->element); /* the first touch is no part of a run */
    } else if (array->element == sizeof(double)) {
        for (size_t i = 0; i < count; i++) ((double *)at)[i] = (double)numbers[i % PERIOD];
    } else if (array->element == sizeof(uint16_t)) {
        uint16_t *half = (uint16_t *)at;
        for (size_t i = 0; i < count; i++) half[i] = i < PERIOD ? attn_half_of_f32(p->dtype, numbers[i]) : half[i - PERIOD];
    } else {
        for (size_t i = 0; i < count; i += PERIOD)
            memcpy(at + i * sizeof(float), numbers, (count - i < PERIOD ? count - i : PERIOD) * sizeof(float));
    }
}

/* What an array takes: an empty one has a place of its own too. */
static size_t room_of(const struct array *a, size_t alignment) {
    const size_t bytes = (size_t)a->count * a->element;
    return (bytes / alignment + 1) * alignment;
}

attn_status attn_trial_open(attn_ctx *ctx, const attn_problem *problem, size_t workspace, size_t alignment, struct attn_trial *trial) {
    struct arrays a;
    struct attn_random random;
    float numbers[PERIOD];
    *trial = (struct attn_trial){.plan = {.ctx = ctx, .problem = *problem, .workspace = workspace}};
    trial->plan.problem.threads = 1;
    trial->plan.shape = attn_shape_of(&trial->plan.problem);
    attn_args_init(&trial->args);
    attn_gradients_init(&trial->gradients);
    list(problem, workspace, &trial->args, &trial->gradients, &a);
    size_t bytes = alignment; /* the context's memory is aligned to 64 only */
    for (int i = 0; i < a.count; i++) bytes += room_of(&a.item[i], alignment);
    trial->memory = attn_alloc(ctx, bytes);
    if (!trial->memory) return attn_no_memory(ctx, "plan: arrays to measure on", bytes);
    attn_random_init(&random, 1);
    attn_random_fill_normal(&random, numbers, PERIOD, 1.0f);
    char *at = (char *)trial->memory + (alignment - (uintptr_t)trial->memory % alignment) % alignment;
    for (int i = 0; i < a.count; i++) {
        *a.item[i].place = at;
        fill(problem, numbers, &a.item[i], at);
        at += room_of(&a.item[i], alignment);
    }
    trial->args.workspace_bytes = workspace;
    trial->args.seed = 1;
    return ATTN_OK;
}

void attn_trial_close(struct attn_trial *trial) {
    attn_free(trial->plan.ctx, trial->memory);
    trial->memory = NULL;
}

double attn_trial_run(struct attn_trial *trial, const struct attn_kernel *kernel, int times) {
    trial->plan.kernel = kernel;
    attn_status status = ATTN_OK;
    const double start = attn_clock();
    for (int i = 0; i < times && !status; i++) {
        status = attn_forward(&trial->plan, &trial->args);
        if (!status && (trial->plan.problem.features & ATTN_BACKWARD))
            status = attn_backward(&trial->plan, &trial->args, &trial->gradients);
    }
    const double seconds = attn_clock() - start;
    assert(!status); /* the arguments are ours */
    return seconds / times;
}
