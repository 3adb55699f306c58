/* The logits of a pointer themselves, for decoding and for weights of the caller's own.
 *
 * forward   u[b, m, n] = v . tanh(q[b, m] + k[b, n]), -inf from keys[b] on
 * backward  with t = tanh(q + k): dq, dk += du v (1 - t^2), dv += du t, for n < keys[b]
 */
#include "tape/pointer.h"

struct logits {
    struct attn_node node;
    struct attn_pointer p;
};

struct job {
    const struct attn_pointer *p;
    attn_real *u;
    const attn_real *du;
    const struct attn_pointer_gradients *g;
};

static void forward_rows(void *arg, int64_t begin, int64_t end) {
    const struct job *job = arg;
    const struct attn_pointer *p = job->p;
    for (int64_t i = begin; i < end; i++) {
        const int64_t b = i / p->queries, count = attn_pointer_keys_of(p, b);
        const struct attn_pointer_keys row = attn_pointer_row(p, b, i % p->queries, 0, count);
        attn_real *u = job->u + i * p->keys_most;
        p->functions->pointer_logits(&row, u);
        for (int64_t n = count; n < p->keys_most; n++) u[n] = -(attn_real)INFINITY;
    }
}

static void backward_sequences(void *arg, int64_t begin, int64_t end) {
    const struct job *job = arg;
    const struct attn_pointer *p = job->p;
    for (int64_t b = begin; b < end; b++)
        for (int64_t m = 0; m < p->queries; m++)
            attn_pointer_gradients_row(p, job->g, b, m, attn_pointer_keys_of(p, b), job->du + (b * p->queries + m) * p->keys_most);
}

static void backward(struct attn_node *node) {
    const struct attn_pointer *p = &((struct logits *)node)->p;
    struct attn_pointer_gradients g;
    struct job job = {.p = p, .du = attn_grad_of(node->out), .g = &g};
    if (!attn_pointer_gradients_open(p, &g)) return;
    attn_range(p->q->tape, p->batch, 1, backward_sequences, &job);
    attn_pointer_add_flops(p, 3, 0);
    attn_pointer_gradients_close(p, &g);
}

attn_tensor *attn_pointer_logits(attn_tensor *q, attn_tensor *k, attn_tensor *v, const int32_t *keys) {
    struct attn_pointer p;
    if (!attn_pointer_open(&p, "pointer logits", q, k, v, NULL, false, keys)) return NULL;
    attn_tape *tape = p.q->tape;
    attn_tensor *out = attn_tensor_new(tape, 3, (const int64_t[]){p.batch, p.queries, p.keys_most});
    if (!out) return NULL;
    attn_range(tape, p.batch * p.queries, attn_max64(1, ATTN_PIECE / (p.dim * attn_max64(1, p.keys_most))), forward_rows,
               &(struct job){.p = &p, .u = out->data});
    attn_pointer_add_flops(&p, 1, 0);
    if (attn_recording(out, p.count, p.inputs)) {
        struct logits *n = attn_node_new(out, sizeof *n, backward);
        if (!n) return NULL;
        n->p = p;
    }
    return tape->status ? NULL : out;
}
