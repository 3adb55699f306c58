/* Gradient checkpointing.
 *
 * forward   y = f(x), without nodes; the arena goes back to where it was, and y is moved there
 * backward  y' = f(x) once more, with nodes; dy goes into y', those nodes run, the arena goes back
 *
 * What f takes lies behind the mark in the arena, so y is moved towards it or stays. Gradients of x must lie before the mark: they are made before.
 */
#include "tape/walk.h"

#include <string.h>

enum { MOST = 8 };

struct checkpoint {
    struct attn_node node;
    attn_compute_fn compute;
    void *user;
    uint64_t seed, draws; /* of dropout, where it began */
    int count;
    attn_tensor *x[MOST];
};

static bool same_shape(const attn_tensor *a, const attn_tensor *b) {
    bool same = a && a->dims == b->dims;
    for (int i = 0; same && i < a->dims; i++) same = a->size[i] == b->size[i];
    return same;
}

static void backward(struct attn_node *node) {
    const struct checkpoint *n = (struct checkpoint *)node;
    attn_tape *tape = node->out->tape;
    const attn_tape before = *tape; /* what the piece sees of the tape is as it was in forward */
    for (int i = 0; i < n->count; i++)
        if (attn_wants(n->x[i]) && !attn_grad_add(n->x[i])) return;
    const struct attn_arena_mark mark = attn_arena_mark(&tape->step);
    tape->newest = NULL;
    tape->seed = n->seed;
    tape->draws = n->draws;
    tape->record = true;
    attn_tensor *again = attn_contiguous(n->compute(n->user, n->x));
    if (!same_shape(again, node->out)) {
        attn_tape_fail(tape, ATTN_EINVAL, "checkpoint: the function gave another shape, or nothing, when it was computed again");
    } else if (attn_wants(again)) {
        attn_real *to = attn_grad_add(again);
        if (to) attn_add_along(tape, again->dims, again->size, again->step, to, node->out->step, attn_grad_of(node->out));
        attn_walk_back(tape);
    }
    tape->newest = before.newest;
    tape->seed = before.seed;
    tape->draws = before.draws;
    tape->record = before.record;
    attn_arena_back(&tape->step, mark);
}

/* The result's shape and numbers, at the mark. */
static attn_tensor *keep(attn_tape *tape, struct attn_arena_mark mark, const attn_tensor *y) {
    const attn_tensor copy = *y; /* its own place may be written over */
    attn_arena_back(&tape->step, mark);
    attn_tensor *out = attn_tensor_new(tape, copy.dims, copy.size);
    if (out) memmove(out->data, copy.data, (size_t)copy.count * sizeof *copy.data);
    return out;
}

attn_tensor *attn_checkpoint(attn_compute_fn compute, void *user, int count, attn_tensor *const *x) {
    if (!attn_usable(count < 1 ? 1 : count < MOST ? count : MOST, x)) return NULL;
    attn_tape *tape = x[0]->tape;
    if (count < 1 || count > MOST || !compute)
        return attn_tape_fail(tape, ATTN_EINVAL, "checkpoint: %d inputs; 1 to %d and a function are needed", count, MOST);
    if (!tape->record || tape->quiet) return compute(user, x);
    const struct attn_arena_mark mark = attn_arena_mark(&tape->step);
    const uint64_t seed = tape->seed, draws = tape->draws;
    tape->quiet = true;
    const attn_tensor *y = attn_contiguous(compute(user, x));
    tape->quiet = false;
    if (!y) return attn_tape_fail(tape, ATTN_EINVAL, "checkpoint: the function gave nothing");
    attn_tensor *out = !tape->status ? keep(tape, mark, y) : NULL;
    /* Parameters inside want gradients even where no input does. */
    if (!out || (out->gradient = attn_tape_take(tape, sizeof *out->gradient)) == NULL) return NULL;
    *out->gradient = (struct attn_gradient){.count = out->count};
    struct checkpoint *n = attn_node_new(out, sizeof *n, backward);
    if (!n) return NULL;
    n->compute = compute;
    n->user = user;
    n->seed = seed;
    n->draws = draws;
    n->count = count;
    memcpy(n->x, x, (size_t)count * sizeof *x);
    return out;
}
