/* Losses of pointers (Vinyals et al. 2015), fused with the softmax over the keys.
 *
 * forward   L[b, m] = LSE - u_target, LSE = log sum over n < keys[b] of e^u_n: no probability is formed, which could be 0
 * backward  du_n = dL (p_n - [n = target]): p_n by the plan, from dLSE = dL, and the target's own term here
 *
 * A row without a target has LSE = -inf from here on, which backward passes over whatever its query holds.
 */
#include "tape/pointer.h"

#include <string.h>

struct losses {
    struct attn_node node;
    struct attn_pointer p;
    const int32_t *target; /* [B, M] */
};

struct job {
    const struct losses *n;
    attn_real *loss;
    const attn_real *d_loss;
    const struct attn_pointer_gradients *g;
};

static void forward_rows(void *arg, int64_t begin, int64_t end) {
    const struct job *job = arg;
    const struct attn_pointer *p = &job->n->p;
    attn_real *lse = p->args.lse.data;
    for (int64_t i = begin; i < end; i++) {
        const int32_t target = job->n->target[i];
        job->loss[i] = 0;
        if (target < 0) {
            lse[i] = -(attn_real)INFINITY;
            continue;
        }
        const struct attn_pointer_keys row = attn_pointer_row(p, i / p->queries, i % p->queries, target, 1);
        attn_real u;
        p->functions->pointer_logits(&row, &u);
        job->loss[i] = lse[i] - u;
    }
}

static void backward_sequences(void *arg, int64_t begin, int64_t end) {
    const struct job *job = arg;
    const struct attn_pointer *p = &job->n->p;
    for (int64_t b = begin; b < end; b++)
        for (int64_t m = 0; m < p->queries; m++) {
            const int32_t target = job->n->target[b * p->queries + m];
            const attn_real du = -job->d_loss[b * p->queries + m];
            if (target >= 0) attn_pointer_gradients_row(p, job->g, b, m, target, 1, &du);
        }
}

static void backward(struct attn_node *node) {
    const struct losses *n = (struct losses *)node;
    const struct attn_pointer *p = &n->p;
    struct attn_pointer_gradients g;
    struct job job = {.n = n, .d_loss = attn_grad_of(node->out), .g = &g};
    if (!attn_pointer_gradients_open(p, &g)) return;
    attn_pointer_gradients_plan(p, &g, NULL, job.d_loss);
    if (!node->out->tape->status) attn_range(p->q->tape, p->batch, 1, backward_sequences, &job);
    attn_pointer_gradients_close(p, &g);
}

/* The targets' copy, and how many rows of each sequence there are up to its last target. False: the sentence is written. */
static bool copy_targets(struct losses *n, const int32_t *target) {
    struct attn_pointer *p = &n->p;
    attn_tape *tape = p->q->tape;
    const int64_t count = p->batch * p->queries;
    int32_t *copy = attn_tape_take(tape, (size_t)count * sizeof *copy), *rows = attn_tape_take(tape, (size_t)p->batch * sizeof *rows);
    if (!copy || !rows) return false;
    for (int64_t b = 0; b < p->batch; b++) {
        rows[b] = 0;
        for (int64_t m = 0; m < p->queries; m++) {
            const int32_t at = target[b * p->queries + m];
            if (at >= attn_pointer_keys_of(p, b)) {
                attn_tape_fail(tape, ATTN_EINVAL, "pointer losses: target %lld of sequence %lld is %d; the sequence has %lld keys",
                               (long long)m, (long long)b, at, (long long)attn_pointer_keys_of(p, b));
                return false;
            }
            if (at >= 0) rows[b] = (int32_t)m + 1;
        }
    }
    if (count > 0) memcpy(copy, target, (size_t)count * sizeof *copy);
    n->target = copy;
    p->rows = rows;
    return true;
}

attn_tensor *attn_pointer_losses(attn_tensor *q, attn_tensor *k, attn_tensor *v, const int32_t *keys, const int32_t *target) {
    struct losses here = {.target = NULL};
    struct attn_pointer *p = &here.p;
    if (!attn_pointer_open(p, "pointer losses", q, k, v, NULL, false, keys)) return NULL;
    attn_tape *tape = p->q->tape;
    if (!target && p->batch * p->queries > 0) return attn_tape_fail(tape, ATTN_EINVAL, "pointer losses: no targets");
    attn_tensor *out = attn_tensor_new(tape, 2, (const int64_t[]){p->batch, p->queries});
    if (!out || !copy_targets(&here, target) || !attn_pointer_execute(p, NULL)) return NULL;
    attn_range(tape, out->count, attn_max64(1, ATTN_PIECE / p->dim), forward_rows, &(struct job){.n = &here, .loss = out->data});
    if (attn_recording(out, p->count, p->inputs)) {
        struct losses *n = attn_node_new(out, sizeof *n, backward);
        if (!n) return NULL;
        here.node = n->node;
        *n = here;
    }
    return tape->status ? NULL : out;
}
