/* Dropout by counter: whether element i of a tape's call number c is dropped depends on seed, c and i alone.
 *
 * forward   y_i = x_i keep_i / (1 - p)
 * backward  dx_i = dy_i keep_i / (1 - p), with the same keep_i
 */
#include "tape/tape.h"

#include "base/random.h"

struct dropout {
    struct attn_node node;
    attn_tensor *x;
    uint64_t seed, call;
    uint32_t threshold; /* of 32 random bits: below it an element is dropped */
    attn_real factor;
};

struct job {
    const struct dropout *n;
    const attn_real *from;
    attn_real *to;
    bool add;
};

enum { WORDS = 4 }; /* of one counter */

static void piece(void *arg, int64_t begin, int64_t end) {
    const struct job *job = arg;
    const struct dropout *n = job->n;
    const uint32_t key[2] = {(uint32_t)n->seed, (uint32_t)(n->seed >> 32)};
    for (int64_t i = begin; i < end; i += WORDS) { /* begin is a multiple of WORDS */
        const uint64_t at = (uint64_t)i / WORDS;
        const uint32_t counter[4] = {(uint32_t)at, (uint32_t)(at >> 32), (uint32_t)n->call, (uint32_t)(n->call >> 32)};
        uint32_t word[WORDS];
        attn_philox(key, counter, word);
        for (int64_t j = i; j < i + WORDS && j < end; j++) {
            const attn_real kept = word[j - i] < n->threshold ? 0 : job->from[j] * n->factor;
            job->to[j] = job->add ? job->to[j] + kept : kept;
        }
    }
}

static void backward(struct attn_node *node) {
    const struct dropout *n = (struct dropout *)node;
    struct job job = {.n = n, .from = attn_grad_of(node->out)};
    job.to = attn_grad_write(n->x, &job.add);
    if (job.to) attn_range(n->x->tape, n->x->count, ATTN_PIECE, piece, &job);
}

attn_tensor *attn_dropout(attn_tensor *x, double p) {
    if (!attn_usable(1, &x)) return NULL;
    attn_tape *tape = x->tape;
    if (!(p >= 0 && p < 1)) return attn_tape_fail(tape, ATTN_EINVAL, "dropout: probability %g; 0 <= p < 1 is needed", p);
    if (!tape->record || p == 0) return x;
    x = attn_contiguous(x);
    attn_tensor *out = x ? attn_tensor_like(x) : NULL;
    if (!out) return NULL;
    struct dropout here = {
        .x = x, .seed = tape->seed, .call = tape->draws++, .threshold = (uint32_t)(p * 4294967296.0), .factor = (attn_real)(1 / (1 - p))};
    attn_range(tape, x->count, ATTN_PIECE, piece, &(struct job){.n = &here, .from = x->data, .to = out->data});
    if (attn_recording(out, 1, &x)) {
        struct dropout *n = attn_node_new(out, sizeof *n, backward);
        if (!n) return NULL;
        here.node = n->node;
        *n = here;
    }
    return tape->status ? NULL : out;
}
