/* Attention over the ranks of a split: as attention.c, with an attn_cp in the place of a plan.
 *
 * forward   attn_cp_forward; O and LSE of this rank's places stay for
 * backward  attn_cp_backward; all ranks come to both in the same order, that of the tape
 */
#include "tape/token_split_attention.h"

#include "dist/cp/cp.h"

#include <string.h>

struct attention {
    struct attn_node node;
    attn_tensor *x[3];
    struct attn_cp *cp;
    attn_args args;
};

/* ------------------------------------------------------------------------------------------------------------- plans */

struct attn_token_split_plan {
    struct attn_plan_shape shape; /* of the whole */
    const attn_mask *mask;
    struct attn_cp *cp;
    struct attn_token_split_plan *before;
};

void attn_token_split_free_plans(struct attn_token_split *split) {
    for (struct attn_token_split_plan *p = split->plans, *before; p; p = before) {
        before = p->before;
        attn_cp_close(p->cp);
        attn_free(split->ctx, p);
    }
    split->plans = NULL;
}

/* What the embedding, the positions and the labels have been cut by is what attention cuts by. */
static attn_status compare_tokens(const struct attn_token_split *split, const struct attn_cp *cp) {
    const struct attn_token_split_layout *l = split->current;
    int64_t *token = attn_alloc(split->ctx, (size_t)cp->places * sizeof *token);
    if (!token) return attn_no_memory(split->ctx, "tokens of a rank", (size_t)cp->places * sizeof *token);
    attn_cp_tokens(cp, token);
    bool same = cp->places == l->places;
    for (int64_t i = 0; same && i < l->places; i++) same = token[i] == l->token[i];
    attn_free(split->ctx, token);
    return same ? ATTN_OK : attn_fail(split->ctx, ATTN_EINVAL, "attention over ranks: its tokens are not those of the sequences");
}

static attn_status make_plan(struct attn_token_split *split, struct attn_token_split_plan *p) {
    const struct attn_cp_config config = {.grid = split->grid, .sharding = attn_token_split_sharding(split), .exchanges = 1};
    attn_problem problem;
    attn_plan_problem(&p->shape, &problem);
    attn_status status = attn_cp_open(split->ctx, &problem, p->mask, &config, split->transport, &p->cp);
    if (!status) status = compare_tokens(split, p->cp);
    return status;
}

/* NULL: the tape is spoiled. */
static struct attn_cp *plan_of(attn_tape *tape, const struct attn_plan_shape *shape, const attn_mask *mask) {
    struct attn_token_split *split = tape->split;
    for (const struct attn_token_split_plan *p = split->plans; p; p = p->before)
        if (p->mask == mask && attn_plan_same_shape(&p->shape, shape)) return p->cp;
    struct attn_token_split_plan *fresh = attn_alloc(split->ctx, sizeof *fresh);
    if (!fresh) {
        attn_tape_fail(tape, ATTN_ENOMEM, "attention over ranks: no memory for a plan");
        return NULL;
    }
    *fresh = (struct attn_token_split_plan){.shape = *shape, .mask = mask, .before = split->plans};
    tape->status = make_plan(split, fresh);
    if (tape->status) {
        if (fresh->cp) attn_cp_close(fresh->cp);
        attn_free(split->ctx, fresh);
        return NULL;
    }
    split->plans = fresh;
    return fresh->cp;
}

/* ---------------------------------------------------------------------------------------------------------- backward */

/* Numbers beside the gradient: cp writes all of them. False: the tape is spoiled. */
static bool open_gradient(struct attn_plan_gradient *g) {
    g->beside = attn_tape_take(g->x->tape, (size_t)g->x->count * sizeof(attn_real));
    return g->beside != NULL;
}

static void backward(struct attn_node *node) {
    const struct attention *n = (struct attention *)node;
    attn_tape *tape = node->out->tape;
    struct attn_plan_gradient target[3] = {{.x = n->x[0]}, {.x = n->x[1]}, {.x = n->x[2]}};
    attn_gradients g;
    attn_args args = n->args;
    attn_gradients_init(&g);
    for (int i = 0; i < 3; i++) /* what stays, before the mark */
        if (attn_wants(n->x[i]) && !(target[i].in_place = attn_grad_add(n->x[i]))) return;
    const struct attn_arena_mark mark = attn_arena_mark(&tape->step);
    for (int i = 0; i < 3; i++)
        if (!open_gradient(&target[i])) return;
    g.d_o = (attn_input){attn_grad_of(node->out), {0}};
    g.dq = attn_plan_output(&target[0]);
    g.dk = attn_plan_output(&target[1]);
    g.dv = attn_plan_output(&target[2]);
    args.workspace = attn_tape_take(tape, args.workspace_bytes);
    if (!args.workspace) return;
    tape->status = attn_cp_backward(n->cp, &args, &g);
    for (int i = 0; i < 3 && !tape->status; i++) attn_plan_gradient_close(&target[i]);
    attn_tape_add_flops(tape, 2.5 * n->cp->own_area * 2 * (double)(n->x[0]->size[3] + n->x[2]->size[3]));
    attn_arena_back(&tape->step, mark);
}

/* ----------------------------------------------------------------------------------------------------------- forward */

/* False: the sentence is written. */
static bool check(attn_tape *tape, const attn_attention_config *config, const struct attn_plan_shape *shape) {
    const struct attn_token_split_layout *l = tape->split->current;
    if (!l || shape->q_len != l->places || shape->kv_len != l->places)
        attn_tape_fail(tape, ATTN_ESHAPE,
                       "attention over ranks: %lld queries and %lld keys, expected the places of this rank's tokens, %lld",
                       (long long)shape->q_len, (long long)shape->kv_len, (long long)(l ? l->places : 0));
    else if (config->dropout > 0)
        attn_tape_fail(tape, ATTN_EUNSUPPORTED, "attention over ranks: dropout=%g of its weights is not supported, expected 0",
                       config->dropout);
    return !tape->status;
}

static void execute(attn_tape *tape, struct attn_cp *cp, attn_args *args, attn_tensor *const x[3], attn_tensor *out) {
    attn_args_init(args);
    args->q = attn_plan_input(x[0]);
    args->k = attn_plan_input(x[1]);
    args->v = attn_plan_input(x[2]);
    args->o = (attn_output){out->data, {0}};
    args->lse.data = attn_tape_take(tape, (size_t)(x[0]->count / x[0]->size[3]) * sizeof(attn_real));
    args->workspace_bytes = cp->workspace;
    const struct attn_arena_mark mark = attn_arena_mark(&tape->step);
    args->workspace = attn_tape_take(tape, args->workspace_bytes);
    if (!tape->status) tape->status = attn_cp_forward(cp, args);
    attn_arena_back(&tape->step, mark);
    attn_tape_add_flops(tape, cp->own_area * 2 * (double)(x[0]->size[3] + x[2]->size[3]));
}

attn_tensor *attn_token_split_attention(attn_tensor *const x[3], const attn_attention_config *config, const struct attn_plan_shape *shape) {
    attn_tape *tape = x[0]->tape;
    if (!check(tape, config, shape)) return NULL;
    struct attn_plan_shape whole = *shape;
    whole.q_len = whole.kv_len = tape->split->current->tokens;
    whole.dropout = 0;
    struct attn_cp *cp = plan_of(tape, &whole, config->mask);
    attn_tensor *out = attn_tensor_new(tape, 4, (const int64_t[]){shape->batch, shape->q_len, shape->heads, shape->v_dim});
    attn_args args;
    if (!cp || !out) return NULL;
    execute(tape, cp, &args, x, out);
    if (attn_recording(out, 3, x)) {
        struct attention *n = attn_node_new(out, sizeof *n, backward);
        if (!n) return NULL;
        memcpy(n->x, x, sizeof n->x);
        n->cp = cp;
        n->args = args;
    }
    return tape->status ? NULL : out;
}
