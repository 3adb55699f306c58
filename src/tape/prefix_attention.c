/* Attention of one learned query for each head over all prefixes, by libattn's scans (Feng et al. 2024, "Attention as an RNN").
 *
 * forward   s[i] = q . k[i] / sqrt(D),  l[t] = log sum over i <= t of e^s[i],  o[t] = sum over i <= t of e^(s[i] - l[t]) v[i]
 *           attn_forward; O and l stay for
 * backward  dv[i] += e^s[i] G[i],  ds[i] = e^s[i] (G[i] . v[i] - R[i]),  dk[i] += ds[i] q / sqrt(D),  dq += sum of ds[i] k[i] / sqrt(D) over all
 *           sequences and tokens, where G[i] = sum over t >= i of e^-l[t] do[t] and R[i] the same of do[t] . o[t]: attn_backward
 */
#include "tape/plans.h"

struct prefix {
    struct attn_node node;
    attn_tensor *q, *k, *v; /* q [1, 1, H, D] */
    const attn_plan *plan;
    attn_args args;
    double flops; /* of backward, where they are counted */
};

static void backward(struct attn_node *node) {
    const struct prefix *n = (struct prefix *)node;
    attn_tape *tape = node->out->tape;
    struct attn_plan_gradient target[3] = {{.x = n->q}, {.x = n->k}, {.x = n->v}};
    attn_gradients g;
    attn_args args = n->args;
    attn_gradients_init(&g);
    for (int i = 0; i < 3; i++) /* what stays, before the mark */
        if (attn_wants(target[i].x) && !attn_grad_add(target[i].x)) return;
    const struct attn_arena_mark mark = attn_arena_mark(&tape->step);
    if (!attn_plan_gradients_open(target, 3)) return;
    g.d_o = (attn_input){attn_grad_of(node->out), {0}};
    g.dq = attn_plan_output(&target[0]);
    g.dq.stride[0] = g.dq.stride[2] = 0;
    g.dk = attn_plan_output(&target[1]);
    g.dv = attn_plan_output(&target[2]);
    args.accumulate = (target[0].beside ? 0u : ATTN_ACCUMULATE_DQ) | (target[1].beside ? 0u : ATTN_ACCUMULATE_DK) |
                      (target[2].beside ? 0u : ATTN_ACCUMULATE_DV);
    args.workspace = attn_tape_take(tape, args.workspace_bytes);
    if (!args.workspace) return;
    tape->status = attn_backward(n->plan, &args, &g);
    attn_tape_add_flops(tape, n->flops);
    for (int i = 0; i < 3 && !tape->status; i++) attn_plan_gradient_close(&target[i]);
    attn_arena_back(&tape->step, mark);
}

/* ---------------------------------------------------------------------------------------------------- forward */

static bool fits(int64_t x) {
    return x > 0 && x <= INT32_MAX;
}

/* False: the sentence is written. */
static bool shape_of(const attn_tensor *q, const attn_tensor *k, const attn_tensor *v, struct attn_plan_shape *shape) {
    char text_q[ATTN_SHAPE_TEXT], text_k[ATTN_SHAPE_TEXT], text_v[ATTN_SHAPE_TEXT];
    if (q->dims != 2 || k->dims != 4 || v->dims != 4 || k->size[0] != v->size[0] || k->size[1] != v->size[1] || k->size[2] != q->size[0] ||
        v->size[2] != q->size[0] || k->size[3] != q->size[1] || !fits(q->size[0]) || !fits(q->size[1]) || !fits(v->size[3])) {
        attn_tape_fail(q->tape, ATTN_ESHAPE,
                       "prefix attention: q [H, D], k [B, T, H, D] and v [B, T, H, E] are needed; they are %s, %s and %s",
                       attn_shape_text(q, text_q), attn_shape_text(k, text_k), attn_shape_text(v, text_v));
        return false;
    }
    *shape = (struct attn_plan_shape){.score = ATTN_SCORE_LEARNED_QUERY,
                                      .batch = k->size[0],
                                      .q_len = k->size[1],
                                      .kv_len = k->size[1],
                                      .heads = (int32_t)q->size[0],
                                      .kv_heads = (int32_t)q->size[0],
                                      .dim = (int32_t)q->size[1],
                                      .v_dim = (int32_t)v->size[3],
                                      .scale = (double)NAN,
                                      .softcap = (double)INFINITY};
    return true;
}

/* Binds and executes; args is then what backward needs. */
static void execute(const attn_plan *plan, attn_args *args, attn_tensor *const x[3], attn_tensor *out) {
    attn_tape *tape = out->tape;
    attn_args_init(args);
    args->q = attn_plan_input(x[0]);
    args->q.stride[0] = args->q.stride[2] = 0;
    args->k = attn_plan_input(x[1]);
    args->v = attn_plan_input(x[2]);
    args->o = (attn_output){out->data, {0}};
    attn_plan_forward(tape, plan, args, out->size[0] * out->size[1] * out->size[2]);
}

attn_tensor *attn_prefix_attention(attn_tensor *q, attn_tensor *k, attn_tensor *v) {
    attn_tensor *x[] = {attn_contiguous(q), attn_plan_readable(k), attn_plan_readable(v)};
    struct attn_plan_shape shape;
    attn_args args;
    if (!attn_usable(3, x) || !shape_of(x[0], x[1], x[2], &shape)) return NULL;
    attn_tape *tape = x[0]->tape;
    shape.backward = tape->record && !tape->quiet && (attn_wants(x[0]) || attn_wants(x[1]) || attn_wants(x[2]));
    x[0] = attn_reshape(x[0], 4, (const int64_t[]){1, 1, shape.heads, shape.dim});
    const attn_plan *plan = attn_tape_plan(tape, &shape);
    attn_tensor *out = attn_tensor_new(tape, 4, (const int64_t[]){shape.batch, shape.q_len, shape.heads, shape.v_dim});
    if (!x[0] || !plan || !out) return NULL;
    execute(plan, &args, x, out);
    const double backward_flops = attn_plan_add_flops(tape, plan, &args);
    if (attn_recording(out, 3, x)) {
        struct prefix *n = attn_node_new(out, sizeof *n, backward);
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
