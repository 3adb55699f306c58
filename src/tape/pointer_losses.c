/* Losses of pointers (Vinyals et al. 2015), fused with the softmax over the keys.
 *
 * forward   L[b, m] = LSE - u_target, LSE = log sum over n < keys[b] of e^u_n: the target's probability, which could be 0, is not needed
 * backward  du_n = dL (p_n - [n = target]), with the probabilities p that the plan gives beside LSE; then as in pointer_logits.c
 *
 * A row without a target is passed over whatever its query holds.
 */
#include "tape/pointer.h"

#include <string.h>

struct losses {
    struct attn_node node;
    struct attn_pointer p;
    const int32_t *target;    /* [B, M] */
    attn_real *probabilities; /* [B, M, N]; in backward du. NULL: nothing is recorded */
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
    const attn_real *lse = p->args.lse.data;
    for (int64_t i = begin; i < end; i++) {
        const int32_t target = job->n->target[i];
        job->loss[i] = 0;
        if (target < 0) continue;
        const struct attn_pointer_keys row = attn_pointer_row(p, i / p->queries, i % p->queries, target, 1);
        attn_real u;
        p->functions->pointer_logits(&row, &u);
        job->loss[i] = lse[i] - u;
    }
}

static void backward_sequences(void *arg, int64_t begin, int64_t end) {
    const struct job *job = arg;
    const struct attn_pointer *p = &job->n->p;
    for (int64_t i = begin * p->queries; i < end * p->queries; i++) {
        const int64_t b = i / p->queries, count = attn_pointer_keys_of(p, b);
        attn_real *du = job->n->probabilities + i * p->keys_most;
        if (job->n->target[i] < 0) continue;
        for (int64_t n = 0; n < count; n++) du[n] *= job->d_loss[i];
        du[job->n->target[i]] -= job->d_loss[i];
        attn_pointer_gradients_row(p, job->g, b, i % p->queries, count, du);
    }
}

static void backward(struct attn_node *node) {
    const struct losses *n = (struct losses *)node;
    const struct attn_pointer *p = &n->p;
    struct attn_pointer_gradients g;
    struct job job = {.n = n, .d_loss = attn_grad_of(node->out), .g = &g};
    if (!attn_pointer_gradients_open(p, &g)) return;
    attn_range(p->q->tape, p->batch, 1, backward_sequences, &job);
    attn_pointer_add_flops(p, 3, 0);
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
    if (!target) return attn_tape_fail(tape, ATTN_EINVAL, "pointer losses: no targets");
    attn_tensor *out = attn_tensor_new(tape, 2, (const int64_t[]){p->batch, p->queries});
    if (!out || !copy_targets(&here, target)) return NULL;
    const bool recording = attn_recording(out, p->count, p->inputs);
    if (recording) here.probabilities = attn_tape_take(tape, (size_t)(out->count * p->keys_most) * sizeof *here.probabilities);
    if (!attn_pointer_execute(p, NULL, here.probabilities, false)) return NULL;
    attn_range(tape, out->count, attn_max64(1, ATTN_PIECE / p->dim), forward_rows, &(struct job){.n = &here, .loss = out->data});
    if (recording) {
        struct losses *n = attn_node_new(out, sizeof *n, backward);
        if (!n) return NULL;
        here.node = n->node;
        *n = here;
    }
    return tape->status ? NULL : out;
}
