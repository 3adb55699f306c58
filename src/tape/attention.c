/* Attention by libattn's plans, which the tape keeps: one for each shape class that it has met.
 *
 * forward   attn_forward; O and LSE stay for
 * backward  attn_backward, which adds to the gradients in place, along the strides of q, k and v
 */
#include "tape/walk.h"

#include "base/random.h"
#include "plan/plan.h"

#include <string.h>

/* What a plan is made for. */
struct shape {
    int64_t batch, q_len, kv_len;
    int32_t heads, kv_heads, dim, v_dim;
    bool backward;
    double scale, softcap, dropout;
};

struct attn_kept_plan {
    struct shape shape;
    attn_plan *plan;
    struct attn_kept_plan *before;
};

struct attention {
    struct attn_node node;
    attn_tensor *q, *k, *v;
    const attn_plan *plan;
    attn_args args;
    double flops; /* of backward, where they are counted */
};

void attn_attention_config_init(attn_attention_config *config) {
    *config = (attn_attention_config){.size = sizeof *config, .scale = (double)NAN, .softcap = (double)INFINITY};
}

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

static bool same_shape(const struct shape *a, const struct shape *b) {
    return a->batch == b->batch && a->q_len == b->q_len && a->kv_len == b->kv_len && a->heads == b->heads && a->kv_heads == b->kv_heads &&
           a->dim == b->dim && a->v_dim == b->v_dim && a->backward == b->backward && same_number(a->scale, b->scale) &&
           same_number(a->softcap, b->softcap) && same_number(a->dropout, b->dropout);
}

static attn_status make_plan(attn_ctx *ctx, const struct shape *shape, attn_plan **out) {
    attn_problem problem;
    attn_problem_init(&problem);
    problem.dtype = sizeof(attn_real) == sizeof(double) ? ATTN_F64 : ATTN_F32;
    problem.layout = ATTN_BTHD;
    problem.features = (shape->backward ? ATTN_BACKWARD : 0u) | (shape->dropout > 0 ? ATTN_DROPOUT : 0u);
    problem.heads = shape->heads;
    problem.kv_heads = shape->kv_heads;
    problem.dim = shape->dim;
    problem.v_dim = shape->v_dim;
    problem.batch = shape->batch;
    problem.q_len = shape->q_len;
    problem.kv_len = shape->kv_len;
    problem.scale = shape->scale;
    problem.softcap = shape->softcap;
    problem.dropout = shape->dropout;
    return attn_plan_create(ctx, &problem, out);
}

static const attn_plan *plan_for(attn_tape *tape, const struct shape *shape) {
    for (const struct attn_kept_plan *p = tape->plans; p; p = p->before)
        if (same_shape(&p->shape, shape)) return p->plan;
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

/* x's last axis contiguous, as plans read it fastest. */
static attn_tensor *readable(attn_tensor *x) {
    return !x || x->step[x->dims - 1] == 1 || x->size[x->dims - 1] == 1 ? x : attn_contiguous(x);
}

static attn_input input_of(const attn_tensor *x) {
    return (attn_input){x->data, {x->step[0], x->step[2], x->step[1], 1}};
}

/* --------------------------------------------------------------------------------------------------- backward */

/* Where the gradient of x goes: in place, or, where x needs none or shares elements with another of the three, beside. */
struct target {
    attn_tensor *x;
    attn_real *in_place, *beside;
};

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

static bool open_target(struct target *t, const struct target *others, int count) {
    attn_tensor *x = t->x;
    bool shared = false;
    if (attn_wants(x)) {
        t->in_place = attn_grad_add(x);
        if (!t->in_place) return false;
    }
    for (int i = 0; i < count; i++) shared = shared || (t->in_place && others[i].in_place && !are_apart(x, others[i].x));
    if (t->in_place && !shared) return true;
    t->beside = attn_tape_take(x->tape, (size_t)x->count * sizeof(attn_real));
    return t->beside != NULL;
}

static attn_output output_of(const struct target *t) {
    if (t->beside) return (attn_output){t->beside, {0}};
    return (attn_output){t->in_place, {t->x->step[0], t->x->step[2], t->x->step[1], 1}};
}

/* What went beside, to its place. */
static void close_target(const struct target *t) {
    const attn_tensor *x = t->x;
    const int64_t step[] = {x->size[1] * x->size[2] * x->size[3], x->size[2] * x->size[3], x->size[3], 1};
    if (t->beside && t->in_place) attn_add_along(x->tape, x->dims, x->size, x->step, t->in_place, step, t->beside);
}

static void backward(struct attn_node *node) {
    const struct attention *n = (struct attention *)node;
    struct target target[3] = {{.x = n->q}, {.x = n->k}, {.x = n->v}};
    attn_gradients g;
    attn_args args = n->args;
    attn_gradients_init(&g);
    for (int i = 0; i < 3; i++) /* what stays, before the mark */
        if (attn_wants(target[i].x) && !attn_grad_add(target[i].x)) return;
    const struct attn_arena_mark mark = attn_arena_mark(&node->out->tape->step);
    for (int i = 0; i < 3; i++)
        if (!open_target(&target[i], target, i)) return;
    g.d_o = (attn_input){attn_grad_of(node->out), {0}};
    g.dq = output_of(&target[0]);
    g.dk = output_of(&target[1]);
    g.dv = output_of(&target[2]);
    args.accumulate = (target[0].beside ? 0u : ATTN_ACCUMULATE_DQ) | (target[1].beside ? 0u : ATTN_ACCUMULATE_DK) |
                      (target[2].beside ? 0u : ATTN_ACCUMULATE_DV);
    args.workspace = attn_tape_take(node->out->tape, args.workspace_bytes);
    if (!args.workspace) return;
    node->out->tape->status = attn_backward(n->plan, &args, &g);
    attn_tape_add_flops(node->out->tape, n->flops);
    for (int i = 0; i < 3 && !node->out->tape->status; i++) close_target(&target[i]);
    attn_arena_back(&node->out->tape->step, mark);
}

/* ---------------------------------------------------------------------------------------------------- forward */

static bool fits(int64_t x) {
    return x > 0 && x <= INT32_MAX;
}

/* False: the sentence is written. */
static bool shape_of(const attn_tensor *q, const attn_tensor *k, const attn_tensor *v, struct shape *shape) {
    char text_q[ATTN_SHAPE_TEXT], text_k[ATTN_SHAPE_TEXT], text_v[ATTN_SHAPE_TEXT];
    const bool four = q->dims == 4 && k->dims == 4 && v->dims == 4;
    if (!four || q->size[0] != k->size[0] || q->size[3] != k->size[3] || k->size[0] != v->size[0] || k->size[1] != v->size[1] ||
        k->size[2] != v->size[2] || !fits(k->size[2]) || q->size[2] % k->size[2] != 0 || !fits(q->size[2]) || !fits(q->size[3]) ||
        !fits(v->size[3])) {
        attn_tape_fail(
            q->tape, ATTN_ESHAPE,
            "attention: q [B, T, H, D], k [B, S, G, D] and v [B, S, G, E], H a multiple of G, are needed; they are %s, %s and %s",
            attn_shape_text(q, text_q), attn_shape_text(k, text_k), attn_shape_text(v, text_v));
        return false;
    }
    *shape = (struct shape){.batch = q->size[0],
                            .q_len = q->size[1],
                            .kv_len = k->size[1],
                            .heads = (int32_t)q->size[2],
                            .kv_heads = (int32_t)k->size[2],
                            .dim = (int32_t)q->size[3],
                            .v_dim = (int32_t)v->size[3]};
    return true;
}

/* A seed of its own for each call. */
static uint64_t draw_seed(attn_tape *tape) {
    const uint32_t key[2] = {(uint32_t)tape->seed, (uint32_t)(tape->seed >> 32)};
    const uint64_t call = tape->draws++;
    const uint32_t counter[4] = {UINT32_MAX, UINT32_MAX, (uint32_t)call, (uint32_t)(call >> 32)}; /* no element of attn_dropout has it */
    uint32_t word[4];
    attn_philox(key, counter, word);
    return word[0] | (uint64_t)word[1] << 32;
}

/* Binds and executes; args is then what backward needs. */
static void execute(const attn_plan *plan, attn_args *args, attn_tensor *const x[3], attn_tensor *out, const attn_mask *mask,
                    uint64_t seed) {
    attn_tape *tape = out->tape;
    attn_args_init(args);
    args->q = input_of(x[0]);
    args->k = input_of(x[1]);
    args->v = input_of(x[2]);
    args->o = (attn_output){out->data, {0}};
    args->lse.data = attn_tape_take(tape, (size_t)(x[0]->size[0] * x[0]->size[1] * x[0]->size[2]) * sizeof(attn_real));
    args->mask = mask;
    args->seed = seed;
    args->workspace_bytes = attn_plan_workspace(plan);
    const struct attn_arena_mark mark = attn_arena_mark(&tape->step);
    args->workspace = attn_tape_take(tape, args->workspace_bytes);
    if (!tape->status) tape->status = attn_forward(plan, args);
    attn_arena_back(&tape->step, mark);
}

/* Counts forward; returns what backward takes. Plans go through the mask to say it: only where it is asked for. */
static double add_flops(attn_tape *tape, const attn_plan *plan, const attn_args *args) {
    attn_estimate estimate;
    attn_estimate_init(&estimate);
    if (!tape->counting || tape->status || attn_plan_estimate(plan, args, &estimate)) return 0;
    attn_tape_add_flops(tape, estimate.forward_flops);
    return estimate.backward_flops;
}

attn_tensor *attn_attention(attn_tensor *q, attn_tensor *k, attn_tensor *v, const attn_attention_config *config) {
    attn_attention_config usual;
    attn_tensor *const x[] = {readable(q), readable(k), readable(v)};
    struct shape shape;
    attn_args args;
    attn_attention_config_init(&usual);
    if (!config) config = &usual;
    if (!attn_usable(3, x)) return NULL;
    if (config->size != sizeof *config || !(config->dropout >= 0 && config->dropout < 1))
        return attn_tape_fail(x[0]->tape, ATTN_EINVAL,
                              "attention: config must be set by attn_attention_config_init, and its dropout, %g, lie in [0, 1)",
                              config->dropout);
    if (!shape_of(x[0], x[1], x[2], &shape)) return NULL;
    attn_tape *tape = x[0]->tape;
    shape.backward = tape->record && !tape->quiet && (attn_wants(x[0]) || attn_wants(x[1]) || attn_wants(x[2]));
    shape.scale = config->scale;
    shape.softcap = config->softcap;
    shape.dropout = tape->record ? config->dropout : 0;
    const attn_plan *plan = plan_for(tape, &shape);
    attn_tensor *out = attn_tensor_new(tape, 4, (const int64_t[]){shape.batch, shape.q_len, shape.heads, shape.v_dim});
    if (!plan || !out) return NULL;
    execute(plan, &args, x, out, config->mask, shape.dropout > 0 ? draw_seed(tape) : 0);
    const double backward_flops = add_flops(tape, plan, &args);
    if (attn_recording(out, 3, x)) {
        struct attention *n = attn_node_new(out, sizeof *n, backward);
        if (!n) return NULL;
        n->q = x[0];
        n->k = x[1];
        n->v = x[2];
        n->plan = plan;
        n->args = args;
        n->flops = backward_flops;
    }
    return tape->status ? NULL : out;
}
