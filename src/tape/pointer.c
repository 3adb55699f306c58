#include "tape/pointer.h"

#include <math.h>
#include <string.h>

/* ------------------------------------------------------------------------------------------------------ opening */

static bool fits(int64_t x) {
    return x > 0 && x <= INT32_MAX;
}

/* False: a tensor does not fit. */
static bool shapes_fit(const attn_tensor *q, const attn_tensor *k, const attn_tensor *v, const attn_tensor *values) {
    if (q->dims != 3 || k->dims != 3 || v->dims != 1 || (values && values->dims != 3)) return false;
    return q->size[0] == k->size[0] && q->size[2] == k->size[2] && v->size[0] == q->size[2] && fits(v->size[0]) &&
           q->size[0] <= INT32_MAX && q->size[1] <= INT32_MAX && k->size[1] <= INT32_MAX &&
           (!values || (values->size[0] == k->size[0] && values->size[1] == k->size[1] && fits(values->size[2])));
}

/* [B, T, D] as [B, T, 1, D]. */
static attn_tensor *one_head(attn_tensor *x) {
    attn_tensor *view = attn_tensor_view(x, 0);
    if (!view) return NULL;
    view->dims = 4;
    view->size[3] = x->size[2];
    view->step[3] = x->step[2];
    view->size[2] = 1;
    view->step[2] = x->step[1];
    return view;
}

/* The keys' copy. False: the sentence is written. */
static bool copy_keys(struct attn_pointer *p, const char *name, const int32_t *keys) {
    if (!keys) return true;
    int32_t *copy = attn_tape_take(p->q->tape, (size_t)p->batch * sizeof *copy);
    for (int64_t b = 0; b < p->batch && copy; b++) {
        if (keys[b] < 0 || keys[b] > p->keys_most) {
            attn_tape_fail(p->q->tape, ATTN_EINVAL, "%s: keys[%lld] is %d; there are %lld keys", name, (long long)b, keys[b],
                           (long long)p->keys_most);
            return false;
        }
        copy[b] = keys[b];
    }
    p->keys = copy;
    return copy != NULL;
}

bool attn_pointer_open(struct attn_pointer *p, const char *name, attn_tensor *q, attn_tensor *k, attn_tensor *v, attn_tensor *values,
                       bool with_values, const int32_t *keys) {
    char text_q[ATTN_SHAPE_TEXT], text_k[ATTN_SHAPE_TEXT], text_v[ATTN_SHAPE_TEXT], text_values[ATTN_SHAPE_TEXT] = "";
    *p = (struct attn_pointer){.count = with_values ? 4 : 3};
    attn_tensor *const usable[] = {q, k, v, values};
    if (!attn_usable(p->count, usable)) return false;
    if (!shapes_fit(q, k, v, values)) {
        attn_tape_fail(q->tape, ATTN_ESHAPE, "%s: q [B, M, D], k [B, N, D], v [D]%s are needed; they are %s, %s, %s%s%s", name,
                       values ? " and values [B, N, E]" : "", attn_shape_text(q, text_q), attn_shape_text(k, text_k),
                       attn_shape_text(v, text_v), values ? " and " : "", values ? attn_shape_text(values, text_values) : "");
        return false;
    }
    for (int i = 0; i < p->count; i++) p->inputs[i] = i == 2 ? attn_contiguous(v) : attn_plan_readable(usable[i]);
    if (!attn_usable(p->count, p->inputs)) return false;
    p->q = one_head(p->inputs[0]);
    p->k = one_head(p->inputs[1]);
    p->v = p->inputs[2];
    p->values = values ? one_head(p->inputs[3]) : NULL;
    if (q->tape->status) return false;
    p->batch = q->size[0];
    p->queries = q->size[1];
    p->keys_most = k->size[1];
    p->dim = q->size[2];
    p->functions = attn_functions_for(q->tape->ctx);
    return copy_keys(p, name, keys);
}

struct attn_pointer_keys attn_pointer_row(const struct attn_pointer *p, int64_t b, int64_t m, int64_t first, int64_t count) {
    return (struct attn_pointer_keys){.count = count,
                                      .dim = p->dim,
                                      .k_step = p->k->step[1],
                                      .q = p->q->data + b * p->q->step[0] + m * p->q->step[1],
                                      .k = p->k->data + b * p->k->step[0] + first * p->k->step[1],
                                      .w = p->v->data};
}

void attn_pointer_add_flops(const struct attn_pointer *p, int keys, int values) {
    double pairs = 0;
    if (!p->q->tape->counting) return;
    for (int64_t b = 0; b < p->batch; b++) pairs += (double)(p->rows ? p->rows[b] : p->queries) * (double)attn_pointer_keys_of(p, b);
    attn_tape_add_flops(p->q->tape, 2 * pairs * ((double)keys * (double)p->dim + (p->values ? values * (double)p->values->size[3] : 0)));
}

/* ------------------------------------------------------------------------------------------------------ forward */

/* Lengths change from step to step: plans are made for powers of two. */
static int64_t capacity(int64_t n) {
    int64_t power = 1;
    while (power < n) power *= 2;
    return power;
}

bool attn_pointer_execute(struct attn_pointer *p, attn_real *o, attn_real *probabilities, bool backward) {
    attn_tape *tape = p->q->tape;
    attn_args *args = &p->args;
    const struct attn_plan_shape shape = {.score = ATTN_SCORE_ADDITIVE,
                                          .batch = capacity(p->batch),
                                          .q_len = capacity(p->queries),
                                          .kv_len = capacity(p->keys_most),
                                          .heads = 1,
                                          .kv_heads = 1,
                                          .dim = (int32_t)p->dim,
                                          .v_dim = p->values ? (int32_t)p->values->size[3] : 1,
                                          .backward = backward,
                                          .scale = 1,
                                          .softcap = (double)INFINITY};
    p->plan = attn_tape_plan(tape, &shape);
    if (!p->plan) return false;
    attn_args_init(args);
    args->batch = p->batch;
    args->q_len = p->queries;
    args->kv_len = p->keys_most;
    args->q_lens = p->rows;
    args->kv_lens = p->keys;
    args->q = attn_plan_input(p->q);
    args->k = attn_plan_input(p->k);
    args->w = (attn_input){p->v->data, {0}};
    if (p->values) args->v = attn_plan_input(p->values);
    args->o = (attn_output){o, {0}};
    args->weights = (attn_output){probabilities, {0}};
    args->lse.data = attn_tape_take(tape, (size_t)(p->batch * p->queries) * sizeof(attn_real));
    args->workspace_bytes = attn_plan_workspace(p->plan);
    const struct attn_arena_mark mark = attn_arena_mark(&tape->step);
    args->workspace = attn_tape_take(tape, args->workspace_bytes);
    if (!tape->status) tape->status = attn_forward(p->plan, args);
    attn_arena_back(&tape->step, mark);
    attn_pointer_add_flops(p, 1, 1);
    return !tape->status;
}

/* --------------------------------------------------------------------------------------------------- backward */

bool attn_pointer_gradients_open(const struct attn_pointer *p, struct attn_pointer_gradients *g) {
    attn_tape *tape = p->q->tape;
    *g = (struct attn_pointer_gradients){.of = {{.x = p->q}, {.x = p->k}, {.x = p->values}}, .count = p->values ? 3 : 2};
    for (int i = 0; i < p->count; i++) /* what stays, before the mark */
        if (attn_wants(p->inputs[i]) && !attn_grad_add(p->inputs[i])) return false;
    g->mark = attn_arena_mark(&tape->step);
    if (!attn_plan_gradients_open(g->of, g->count)) return false;
    for (int i = 0; i < g->count; i++) /* rows of padding are not written */
        if (g->of[i].beside) memset(g->of[i].beside, 0, (size_t)g->of[i].x->count * sizeof(attn_real));
    const size_t bytes = (size_t)((p->batch + 1) * p->dim) * sizeof *g->dw;
    g->dw = attn_tape_take(tape, bytes);
    if (g->dw) memset(g->dw, 0, bytes);
    return g->dw != NULL;
}

void attn_pointer_gradients_plan(const struct attn_pointer *p, struct attn_pointer_gradients *g, const attn_real *d_o) {
    attn_tape *tape = p->q->tape;
    attn_gradients to;
    attn_args args = p->args;
    attn_gradients_init(&to);
    to.d_o = (attn_input){d_o, {0}};
    to.dq = attn_plan_output(&g->of[0]);
    to.dk = attn_plan_output(&g->of[1]);
    to.dv = attn_plan_output(&g->of[2]);
    to.dw = (attn_output){g->dw + p->batch * p->dim, {0}};
    args.accumulate = ATTN_ACCUMULATE_DQ | ATTN_ACCUMULATE_DK | ATTN_ACCUMULATE_DV | ATTN_ACCUMULATE_REST;
    args.workspace = attn_tape_take(tape, args.workspace_bytes);
    if (!args.workspace) return;
    tape->status = attn_backward(p->plan, &args, &to);
    attn_pointer_add_flops(p, 3, 2);
}

void attn_pointer_gradients_row(const struct attn_pointer *p, const struct attn_pointer_gradients *g, int64_t b, int64_t m, int64_t count,
                                const attn_real *du) {
    const struct attn_pointer_keys row = attn_pointer_row(p, b, m, 0, count);
    const attn_output dq = attn_plan_output(&g->of[0]), dk = attn_plan_output(&g->of[1]);
    p->functions->pointer_gradients(&row, du, (attn_real *)dq.data + b * dq.stride[0] + m * dq.stride[2],
                                    (attn_real *)dk.data + b * dk.stride[0], dk.stride[2], g->dw + b * p->dim);
}

void attn_pointer_gradients_close(const struct attn_pointer *p, struct attn_pointer_gradients *g) {
    attn_tape *tape = p->q->tape;
    attn_real *dv = attn_wants(p->v) && !tape->status ? attn_grad_add(p->v) : NULL;
    for (int i = 0; i < g->count && !tape->status; i++) attn_plan_gradient_close(&g->of[i]);
    if (dv) attn_add_columns(p->batch + 1, p->dim, 0, p->dim, g->dw, dv);
    attn_arena_back(&tape->step, g->mark);
}

/* ---------------------------------------------------------------------------------------------------- glimpses */

struct attention {
    struct attn_node node;
    struct attn_pointer p;
};

static void backward(struct attn_node *node) {
    const struct attn_pointer *p = &((struct attention *)node)->p;
    struct attn_pointer_gradients g;
    if (!attn_pointer_gradients_open(p, &g)) return;
    attn_pointer_gradients_plan(p, &g, attn_grad_of(node->out));
    attn_pointer_gradients_close(p, &g);
}

attn_tensor *attn_pointer_attention(attn_tensor *q, attn_tensor *k, attn_tensor *v, attn_tensor *values, const int32_t *keys) {
    struct attn_pointer p;
    if (!attn_pointer_open(&p, "pointer attention", q, k, v, values, true, keys)) return NULL;
    attn_tape *tape = p.q->tape;
    attn_tensor *out = attn_tensor_new(tape, 3, (const int64_t[]){p.batch, p.queries, p.values->size[3]});
    const bool recording = attn_recording(out, p.count, p.inputs);
    if (!out || !attn_pointer_execute(&p, out->data, NULL, recording)) return NULL;
    if (recording) {
        struct attention *n = attn_node_new(out, sizeof *n, backward);
        if (!n) return NULL;
        n->p = p;
    }
    return tape->status ? NULL : out;
}
