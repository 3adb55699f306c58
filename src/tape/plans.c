#include "tape/plans.h"

#include "plan/plan.h"
#include "tape/walk.h"

struct attn_kept_plan {
    struct attn_plan_shape shape;
    attn_plan *plan;
    struct attn_kept_plan *before;
};

void attn_tape_free_plans(attn_tape *tape) {
    for (struct attn_kept_plan *p = tape->plans, *before; p; p = before) {
        before = p->before;
        attn_plan_destroy(p->plan);
        attn_free(tape->ctx, p);
    }
    tape->plans = NULL;
}

static bool same_number(double a, double b) {
    return a == b || (isnan(a) && isnan(b));
}

bool attn_plan_same_shape(const struct attn_plan_shape *a, const struct attn_plan_shape *b) {
    return a->score == b->score && a->batch == b->batch && a->q_len == b->q_len && a->kv_len == b->kv_len && a->heads == b->heads &&
           a->kv_heads == b->kv_heads && a->dim == b->dim && a->v_dim == b->v_dim && a->backward == b->backward &&
           same_number(a->scale, b->scale) && same_number(a->softcap, b->softcap) && same_number(a->dropout, b->dropout);
}

void attn_plan_problem(const struct attn_plan_shape *shape, attn_problem *problem) {
    attn_problem_init(problem);
    problem->dtype = sizeof(attn_real) == sizeof(double) ? ATTN_F64 : ATTN_F32;
    problem->layout = ATTN_BTHD;
    problem->score = shape->score;
    if (shape->score == ATTN_SCORE_ADDITIVE && problem->dtype == ATTN_F32)
        problem->kernel = "pointer"; /* whose sums are pointer_template.h's */
    problem->features = (shape->backward ? ATTN_BACKWARD : 0u) | (shape->dropout > 0 ? ATTN_DROPOUT : 0u);
    problem->heads = shape->heads;
    problem->kv_heads = shape->kv_heads;
    problem->dim = shape->dim;
    problem->v_dim = shape->v_dim;
    problem->batch = shape->batch;
    problem->q_len = shape->q_len;
    problem->kv_len = shape->kv_len;
    problem->scale = shape->scale;
    problem->softcap = shape->softcap;
    problem->dropout = shape->dropout;
}

static attn_status make_plan(attn_ctx *ctx, const struct attn_plan_shape *shape, attn_plan **out) {
    attn_problem problem;
    attn_plan_problem(shape, &problem);
    return attn_plan_create(ctx, &problem, out);
}

const attn_plan *attn_tape_plan(attn_tape *tape, const struct attn_plan_shape *shape) {
    for (const struct attn_kept_plan *p = tape->plans; p; p = p->before)
        if (attn_plan_same_shape(&p->shape, shape)) return p->plan;
    struct attn_kept_plan *fresh = attn_alloc(tape->ctx, sizeof *fresh);
    if (!fresh) {
        attn_tape_fail(tape, ATTN_ENOMEM, "attention: no memory for a plan");
        return NULL;
    }
    *fresh = (struct attn_kept_plan){.shape = *shape, .before = tape->plans};
    const attn_status status = make_plan(tape->ctx, shape, &fresh->plan);
    if (status) {
        tape->status = status; /* with the plan's sentence */
        attn_free(tape->ctx, fresh);
        return NULL;
    }
    tape->plans = fresh;
    tape->plan_bytes += sizeof *fresh + sizeof *fresh->plan;
    tape->plan_allocations += 2;
    return fresh->plan;
}

attn_tensor *attn_plan_readable(attn_tensor *x) {
    return !x || x->step[x->dims - 1] == 1 || x->size[x->dims - 1] == 1 ? x : attn_contiguous(x);
}

/* -------------------------------------------------------------------------------------------------- gradients */

/* The elements from a's first on, `distance` before b's first, are not b's: pieces side by side along one axis of the same rows, or ranges apart. */
static bool lie_apart(const attn_tensor *a, const attn_tensor *b, int64_t distance) {
    int64_t length = 1;
    bool same_steps = true;
    for (int i = 0; i < 4; i++) {
        length += (a->size[i] - 1) * a->step[i];
        same_steps = same_steps && a->step[i] == b->step[i];
    }
    if (distance >= length) return true;
    for (int i = 1; i < 4 && same_steps; i++) {
        const int64_t step = a->step[i], rows = step > 0 ? distance / step : 0;
        if (step > 0 && distance % step == 0 && rows >= a->size[i] && (rows + b->size[i]) * step <= a->step[i - 1]) return true;
    }
    return false;
}

/* Both gradients may be added to at once. */
static bool are_apart(const attn_tensor *a, const attn_tensor *b) {
    if (a->gradient != b->gradient || a->count == 0 || b->count == 0) return true;
    return a->offset <= b->offset ? lie_apart(a, b, b->offset - a->offset) : lie_apart(b, a, a->offset - b->offset);
}

static bool open_one(struct attn_plan_gradient *g, const struct attn_plan_gradient *others, int count) {
    attn_tensor *x = g->x;
    bool shared = false;
    if (attn_wants(x)) {
        g->in_place = attn_grad_add(x);
        if (!g->in_place) return false;
    }
    for (int i = 0; i < count; i++) shared = shared || (g->in_place && others[i].in_place && !are_apart(x, others[i].x));
    if (g->in_place && !shared) return true;
    g->beside = attn_tape_take(x->tape, (size_t)x->count * sizeof(attn_real));
    return g->beside != NULL;
}

bool attn_plan_gradients_open(struct attn_plan_gradient *g, int count) {
    for (int i = 0; i < count; i++)
        if (!open_one(&g[i], g, i)) return false;
    return true;
}

attn_output attn_plan_output(const struct attn_plan_gradient *g) {
    const attn_tensor *x = g->x;
    if (g->beside) return (attn_output){g->beside, {x->size[1] * x->size[2] * x->size[3], x->size[3], x->size[2] * x->size[3], 1}};
    return (attn_output){g->in_place, {x->step[0], x->step[2], x->step[1], 1}};
}

void attn_plan_gradient_close(const struct attn_plan_gradient *g) {
    const attn_tensor *x = g->x;
    const int64_t step[] = {x->size[1] * x->size[2] * x->size[3], x->size[2] * x->size[3], x->size[3], 1};
    if (g->beside && g->in_place) attn_add_along(x->tape, x->dims, x->size, x->step, g->in_place, step, g->beside);
}

void attn_plan_forward(attn_tape *tape, const attn_plan *plan, attn_args *args, int64_t rows) {
    args->lse.data = attn_tape_take(tape, (size_t)rows * sizeof(attn_real));
    args->workspace_bytes = attn_plan_workspace(plan);
    const struct attn_arena_mark mark = attn_arena_mark(&tape->step);
    args->workspace = attn_tape_take(tape, args->workspace_bytes);
    if (!tape->status) tape->status = attn_forward(plan, args);
    attn_arena_back(&tape->step, mark);
}

double attn_plan_add_flops(attn_tape *tape, const attn_plan *plan, const attn_args *args) {
    attn_estimate estimate;
    attn_estimate_init(&estimate);
    if (!tape->counting || tape->status || attn_plan_estimate(plan, args, &estimate)) return 0;
    attn_tape_add_flops(tape, estimate.forward_flops);
    return estimate.backward_flops;
}
