/* Attention by libattn's plans, which the tape keeps (plans.h), or, of sequences over ranks, by dist/cp's (token_split_attention.h).
 *
 * forward   attn_forward; O and LSE stay for
 * backward  attn_backward, which adds to the gradients in place, along the strides of q, k and v
 *
 * All ranks come to both in the same order, that of the tape.
 */
#include "base/random.h"
#include "dist/cp/cp.h"
#include "tape/token_split_attention.h"

#include <math.h>

struct attention {
    struct attn_node node;
    attn_tensor *q, *k, *v;
    const attn_plan *plan; /* one of both is NULL */
    struct attn_cp *cp;
    attn_args args;
    double flops; /* of backward, where they are counted */
};

void attn_attention_config_init(attn_attention_config *config) {
    *config = (attn_attention_config){.size = sizeof *config, .scale = (double)NAN, .softcap = (double)INFINITY};
}

/* --------------------------------------------------------------------------------------------------- backward */

static void backward(struct attn_node *node) {
    const struct attention *n = (struct attention *)node;
    struct attn_plan_gradient target[3] = {{.x = n->q}, {.x = n->k}, {.x = n->v}};
    attn_gradients g;
    attn_args args = n->args;
    attn_gradients_init(&g);
    for (int i = 0; i < 3; i++) /* what stays, before the mark */
        if (attn_wants(target[i].x) && !attn_grad_add(target[i].x)) return;
    const struct attn_arena_mark mark = attn_arena_mark(&node->out->tape->step);
    if (!attn_plan_gradients_open(target, 3)) return;
    g.d_o = (attn_input){attn_grad_of(node->out), {0}};
    g.dq = attn_plan_output(&target[0]);
    g.dk = attn_plan_output(&target[1]);
    g.dv = attn_plan_output(&target[2]);
    args.accumulate = (target[0].beside ? 0u : ATTN_ACCUMULATE_DQ) | (target[1].beside ? 0u : ATTN_ACCUMULATE_DK) |
                      (target[2].beside ? 0u : ATTN_ACCUMULATE_DV);
    args.workspace = attn_tape_take(node->out->tape, args.workspace_bytes);
    if (!args.workspace) return;
    node->out->tape->status = n->cp ? attn_cp_backward(n->cp, &args, &g) : attn_backward(n->plan, &args, &g);
    attn_tape_add_flops(node->out->tape, n->flops);
    for (int i = 0; i < 3 && !node->out->tape->status; i++) attn_plan_gradient_close(&target[i]);
    attn_arena_back(&node->out->tape->step, mark);
}

/* ---------------------------------------------------------------------------------------------------- forward */

static bool fits(int64_t x) {
    return x > 0 && x <= INT32_MAX;
}

/* False: the sentence is written. */
static bool shape_of(const attn_tensor *q, const attn_tensor *k, const attn_tensor *v, struct attn_plan_shape *shape) {
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
    *shape = (struct attn_plan_shape){.batch = q->size[0],
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

/* Binds and executes; n->args is then what backward needs. */
static void execute(struct attention *n, attn_tensor *out, const attn_mask *mask, uint64_t seed) {
    attn_tape *tape = out->tape;
    attn_args *args = &n->args;
    const int64_t rows = n->q->size[0] * n->q->size[1] * n->q->size[2];
    attn_args_init(args);
    args->q = attn_plan_input(n->q);
    args->k = attn_plan_input(n->k);
    args->v = attn_plan_input(n->v);
    args->o = (attn_output){out->data, {0}};
    if (n->cp) {
        n->flops = attn_token_split_forward(tape, n->cp, args, rows);
        return;
    }
    args->mask = mask;
    args->seed = seed;
    attn_plan_forward(tape, n->plan, args, rows);
    n->flops = attn_plan_add_flops(tape, n->plan, args);
}

attn_tensor *attn_attention(attn_tensor *q, attn_tensor *k, attn_tensor *v, const attn_attention_config *config) {
    attn_attention_config usual;
    attn_tensor *const x[] = {attn_plan_readable(q), attn_plan_readable(k), attn_plan_readable(v)};
    struct attn_plan_shape shape;
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
    struct attention here = {.q = x[0], .k = x[1], .v = x[2]};
    if (tape->split)
        here.cp = attn_token_split_plan(tape, config, &shape);
    else
        here.plan = attn_tape_plan(tape, &shape);
    attn_tensor *out = attn_tensor_new(tape, 4, (const int64_t[]){shape.batch, shape.q_len, shape.heads, shape.v_dim});
    if ((!here.plan && !here.cp) || !out) return NULL;
    execute(&here, out, config->mask, shape.dropout > 0 ? draw_seed(tape) : 0);
    if (attn_recording(out, 3, x)) {
        struct attention *n = attn_node_new(out, sizeof *n, backward);
        if (!n) return NULL;
        here.node = n->node;
        *n = here;
    }
    return tape->status ? NULL : out;
}
