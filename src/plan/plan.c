/* Plans: made from a checked problem, asked, printed, freed. */
#include "plan/measure.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

struct attn_shape attn_shape_of(const attn_problem *p) {
    return (struct attn_shape){
        .dtype = p->dtype,
        .o_dtype = p->o_dtype,
        .grad_dtype = p->grad_dtype,
        .kv_dtype = p->kv_dtype,
        .block_tokens = p->block_tokens,
        .score = p->score,
        .packed = p->layout == ATTN_THD,
        .features = p->features,
        .heads = p->heads,
        .kv_heads = p->kv_heads,
        .dim = p->dim,
        .v_dim = p->v_dim,
        .batch = p->batch,
        .q_len = p->q_len,
        .kv_len = p->kv_len,
        .q_tokens = p->q_tokens,
        .kv_tokens = p->kv_tokens,
        .scale = p->scale,
        .softcap = p->softcap,
        .dropout = p->dropout,
        .alibi_align = p->alibi_align,
        .bias_broadcast = p->bias_broadcast,
        .threads = p->threads,
    };
}

static const char predicted[] = "the least predicted time with this data type on the context's instruction set";

attn_status attn_plan_create(attn_ctx *ctx, const attn_problem *problem, attn_plan **out) {
    if (!ctx) return ATTN_EINVAL;
    if (!out) return attn_fail(ctx, ATTN_EINVAL, "plan: out is NULL, expected a place for the plan");
    *out = NULL;
    attn_plan made = {.ctx = ctx};
    attn_status status = attn_problem_check(ctx, problem, &made.problem);
    if (status) return status;
    made.shape = attn_shape_of(&made.problem);
    status = attn_choose_kernel(ctx, &made.problem, &made.shape, &made.kernel);
    snprintf(made.why, sizeof(made.why), "%s", made.problem.kernel ? "the problem names it" : predicted);
    const bool stored_otherwise = made.shape.kv_dtype != made.shape.dtype || made.shape.block_tokens; /* one kernel alone has that */
    if (!status && !made.problem.kernel && !stored_otherwise && made.problem.effort != ATTN_ESTIMATE)
        status = attn_choose_measured(ctx, &made.problem, &made.kernel, made.why, sizeof(made.why));
    if (status) return status;
    made.problem.kernel = NULL;
    made.workspace = attn_round64(made.kernel->workspace(&made.shape));
    attn_plan *plan = attn_alloc(ctx, sizeof(*plan));
    if (!plan) return attn_no_memory(ctx, "plan", sizeof(*plan));
    *plan = made;
    *out = plan;
    return ATTN_OK;
}

void attn_plan_destroy(attn_plan *plan) {
    if (plan) attn_free(plan->ctx, plan);
}

size_t attn_plan_workspace(const attn_plan *plan) {
    return plan->workspace;
}
const char *attn_plan_kernel(const attn_plan *plan) {
    return plan->kernel->name;
}
const char *attn_plan_isa(const attn_plan *plan) {
    return plan->kernel->isa;
}

/* Text that grows to its end in a buffer of any size: `needed` goes on where the buffer is full. */
struct text {
    char *at;
    size_t size, needed;
};

static void add(struct text *t, const char *format, ...) ATTN_PRINTF(2, 3);
static void add(struct text *t, const char *format, ...) {
    va_list args;
    va_start(args, format);
    const bool room = t->needed < t->size;
    const int n = vsnprintf(room ? t->at + t->needed : NULL, room ? t->size - t->needed : 0, format, args);
    va_end(args);
    t->needed += n > 0 ? (size_t)n : 0;
}

static void add_features(struct text *t, const attn_problem *p) {
    static const struct {
        uint32_t bit;
        const char *name;
    } features[] = {{ATTN_BACKWARD, "backward"},
                    {ATTN_ALIBI, "ALiBi"},
                    {ATTN_BIAS, "bias"},
                    {ATTN_BIAS_GRAD, "gradient of the bias"},
                    {ATTN_SINK, "sink"},
                    {ATTN_DROPOUT, "dropout"},
                    {ATTN_DIM_STRIDE, "dim stride"}};
    add(t, "features   ");
    const char *comma = "";
    for (size_t i = 0; i < sizeof(features) / sizeof(features[0]); i++)
        if (p->features & features[i].bit) {
            add(t, "%s%s", comma, features[i].name);
            comma = ", ";
        }
    if (p->softcap < (double)INFINITY) {
        add(t, "%ssoft-cap %g", comma, p->softcap);
        comma = ", ";
    }
    add(t, "%s\n", *comma ? "" : "none");
}

size_t attn_plan_text(const attn_plan *plan, char *text, size_t size) {
    const attn_problem *p = &plan->problem;
    struct text t = {text, size, 0};
    char kernel[512];
    const double keys = p->score == ATTN_SCORE_LEARNED_QUERY ? 1 : (double)p->kv_len; /* a scan reads each key once */
    const double pairs = (double)p->heads * fmax((double)p->q_tokens, 0) * keys;
    const double flops = 2.0 * pairs * ((double)p->dim + (double)p->v_dim);
    const double backward = 2.0 * pairs * (3.0 * (double)p->dim + 2.0 * (double)p->v_dim);
    plan->kernel->describe(&plan->shape, kernel, sizeof(kernel));
    add(&t, "problem    %s %s, %s%d heads on %d key/value heads, head sizes %d and %d, scale %g\n", attn_dtype_name(p->dtype),
        attn_layout_name(p->layout),
        p->score == ATTN_SCORE_DOT        ? ""
        : p->score == ATTN_SCORE_ADDITIVE ? "additive score, "
                                          : "a learned query a head, ",
        p->heads, p->kv_heads, p->dim, p->v_dim, p->scale);
    add(&t, "capacity   %lld sequence%s of %lld queries and %lld keys; %lld queries and %lld keys in all\n", (long long)p->batch,
        p->batch == 1 ? "" : "s", (long long)p->q_len, (long long)p->kv_len, (long long)p->q_tokens, (long long)p->kv_tokens);
    if (p->kv_dtype != p->dtype || p->block_tokens)
        add(&t, p->block_tokens ? "storage    keys and values in %s, in blocks of %d tokens\n" : "storage    keys and values in %s\n",
            attn_dtype_name(p->kv_dtype), p->block_tokens);
    add_features(&t, p);
    add(&t, "kernel     %s, %s: %s\n", plan->kernel->name, plan->kernel->isa, kernel);
    add(&t, "why        %s\n", plan->why);
    add(&t, "work       at the capacities without a mask: forward %.6g GFLOP", flops * 1e-9);
    if (p->features & ATTN_BACKWARD) add(&t, ", backward %.6g GFLOP", backward * 1e-9);
    add(&t, "\npredicted  on one core, all of that: forward %.3g s",
        attn_seconds_at_capacity(attn_plan_cost(plan->kernel->forward_cost), &plan->shape));
    if (p->features & ATTN_BACKWARD)
        add(&t, ", backward %.3g s", attn_seconds_at_capacity(attn_plan_cost(plan->kernel->backward_cost), &plan->shape));
    add(&t, "\nworkspace  %zu bytes for each execution at once, %d threads\n", plan->workspace, p->threads);
    return t.needed;
}
