/* What the operators of additive attention share (Vinyals et al. 2015, eq. 3; Bahdanau et al. 2015, app. A.1.2): u = v . tanh(q_i + k_j), q and k projected
 * already, of each sequence the keys 0 .. keys[b] - 1.
 *
 * A tensor [B, T, D] is looked at as [B, T, 1, D], one head, as plans want it. Tangents are computed again backward: nothing of B M N D numbers is kept. What
 * is not read of padding: keys beyond a sequence's, and queries beyond `rows`.
 */
#ifndef ATTN_TAPE_POINTER_H
#define ATTN_TAPE_POINTER_H

#include "tape/functions.h"
#include "tape/plans.h"

enum { ATTN_POINTER_INPUTS = 4 };

struct attn_pointer {
    attn_tensor *inputs[ATTN_POINTER_INPUTS]; /* q, k, v and, where there are any, values; as many as count */
    int count;
    attn_tensor *q, *k, *v, *values;        /* [B, M, 1, D], [B, N, 1, D], [D], [B, N, 1, E] or NULL */
    int64_t batch, queries, keys_most, dim; /* B, M, N, D */
    const int32_t *keys, *rows;             /* [B], the tape's; NULL: N; M */
    const struct attn_functions *functions;
    const attn_plan *plan;
    attn_args args;
};

/* Checks and fills in all but rows, plan and args; keys is copied. with_values: values must be there. False: the tape is spoiled. */
bool attn_pointer_open(struct attn_pointer *p, const char *name, attn_tensor *q, attn_tensor *k, attn_tensor *v, attn_tensor *values,
                       bool with_values, const int32_t *keys);
static inline int64_t attn_pointer_keys_of(const struct attn_pointer *p, int64_t b) {
    return p->keys ? p->keys[b] : p->keys_most;
}
/* Query m of sequence b, and `count` of its keys from `first` on. */
struct attn_pointer_keys attn_pointer_row(const struct attn_pointer *p, int64_t b, int64_t m, int64_t first, int64_t count);
/* Counts 2 (keys' products D + values' E) for each query below `rows` and key. */
void attn_pointer_add_flops(const struct attn_pointer *p, int keys, int values);

/* Runs a plan, which keeps what its backward needs if `backward`: p->args.lse [B, M] stays; o [B, M, E] and the probabilities [B, M, N] may be NULL. False: the
 * tape is spoiled. */
bool attn_pointer_execute(struct attn_pointer *p, attn_real *o, attn_real *probabilities, bool backward);

/* Backward: gradients of q, k and values where they go, and of v, parts of which are rows of dw: of each sequence one, and the plan's. */
struct attn_pointer_gradients {
    struct attn_plan_gradient of[3];
    int count; /* 2, or 3 with values */
    attn_real *dw;
    struct attn_arena_mark mark;
};
bool attn_pointer_gradients_open(const struct attn_pointer *p, struct attn_pointer_gradients *g);
/* Adds the plan's, of dO. */
void attn_pointer_gradients_plan(const struct attn_pointer *p, struct attn_pointer_gradients *g, const attn_real *d_o);
/* Adds those of logits du of query m and its first `count` keys; of one sequence on one thread. */
void attn_pointer_gradients_row(const struct attn_pointer *p, const struct attn_pointer_gradients *g, int64_t b, int64_t m, int64_t count,
                                const attn_real *du);
void attn_pointer_gradients_close(const struct attn_pointer *p, struct attn_pointer_gradients *g);

#endif
