/* Attentions over the ranks of a split, which it keeps: one for each shape and mask that it has met. */
#include "tape/token_split_attention.h"

#include "dist/cp/cp.h"

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
    const struct attn_cp_config config = {
        .grid = split->grid, .sharding = attn_token_split_sharding(split), .exchanges = 1, .sparse = true};
    attn_problem problem;
    attn_plan_problem(&p->shape, &problem);
    attn_status status = attn_cp_open(split->ctx, &problem, p->mask, &config, split->transport, &p->cp);
    if (!status) status = compare_tokens(split, p->cp);
    return status;
}

/* NULL: the tape is spoiled. */
static struct attn_cp *find_plan(attn_tape *tape, const struct attn_plan_shape *shape, const attn_mask *mask) {
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

struct attn_cp *attn_token_split_plan(attn_tape *tape, const attn_attention_config *config, const struct attn_plan_shape *shape) {
    if (!check(tape, config, shape)) return NULL;
    struct attn_plan_shape whole = *shape;
    whole.q_len = whole.kv_len = tape->split->current->tokens;
    whole.dropout = 0;
    return find_plan(tape, &whole, config->mask);
}

double attn_token_split_forward(attn_tape *tape, struct attn_cp *cp, attn_args *args, int64_t rows) {
    args->lse.data = attn_tape_take(tape, (size_t)rows * sizeof(attn_real));
    args->workspace_bytes = cp->workspace;
    const struct attn_arena_mark mark = attn_arena_mark(&tape->step);
    args->workspace = attn_tape_take(tape, args->workspace_bytes);
    if (!tape->status) tape->status = attn_cp_forward(cp, args);
    attn_arena_back(&tape->step, mark);
    const double d = cp->problem.dim, v = cp->problem.v_dim;
    attn_tape_add_flops(tape, 2 * (d + v) * cp->own_area);
    return 2 * (3 * d + 2 * v) * cp->own_area;
}
