/* Dropout by counter: whether element i of a tape's call number c is dropped depends on seed, c and i alone. Of sequences over ranks i is the element's
 * number among those of all ranks.
 *
 * forward   y_i = x_i keep_i / (1 - p)
 * backward  dx_i = dy_i keep_i / (1 - p), with the same keep_i
 */
#include "tape/token_split.h"

#include "base/random.h"

struct dropout {
    struct attn_node node;
    attn_tensor *x;
    uint64_t seed, call;
    uint32_t threshold; /* of 32 random bits: below it an element is dropped */
    attn_real factor;
    const struct attn_token_split_layout *layout; /* NULL: sequences are whole */
    int64_t columns;                              /* with it: of a token */
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

/* The number of this rank's element i among those of all; -1: of padding. */
static int64_t element_of_all(const struct dropout *n, int64_t i) {
    const int64_t row = i / n->columns, b = row / n->layout->places;
    const int32_t token = n->layout->token[row % n->layout->places];
    return token < 0 ? -1 : (b * n->layout->tokens + token) * n->columns + i % n->columns;
}

static void piece_of_split(void *arg, int64_t begin, int64_t end) {
    const struct job *job = arg;
    const struct dropout *n = job->n;
    const uint32_t key[2] = {(uint32_t)n->seed, (uint32_t)(n->seed >> 32)};
    int64_t drawn = -1;
    uint32_t word[WORDS];
    for (int64_t i = begin; i < end; i++) {
        const int64_t element = element_of_all(n, i), at = element / WORDS;
        const uint32_t counter[4] = {(uint32_t)at, (uint32_t)((uint64_t)at >> 32), (uint32_t)n->call, (uint32_t)(n->call >> 32)};
        if (element >= 0 && at != drawn) attn_philox(key, counter, word);
        if (element >= 0) drawn = at;
        const attn_real kept = element < 0 || word[element % WORDS] < n->threshold ? 0 : job->from[i] * n->factor;
        job->to[i] = job->add ? job->to[i] + kept : kept;
    }
}

static void run(struct job *job) {
    const struct dropout *n = job->n;
    attn_range(n->x->tape, n->x->count, ATTN_PIECE, n->layout ? piece_of_split : piece, job);
}

static void backward(struct attn_node *node) {
    const struct dropout *n = (struct dropout *)node;
    struct job job = {.n = n, .from = attn_grad_of(node->out)};
    job.to = attn_grad_write(n->x, &job.add);
    if (job.to) run(&job);
}

/* False: the tape is spoiled. */
static bool take_layout(struct dropout *n) {
    const attn_tensor *x = n->x;
    char text[ATTN_SHAPE_TEXT];
    if (!x->tape->split) return true;
    n->layout = x->tape->split->current;
    if (n->layout && x->dims == 3 && x->size[1] == n->layout->places) {
        n->columns = x->size[2];
        return true;
    }
    attn_tape_fail(x->tape, ATTN_ESHAPE, "dropout: x is %s; of sequences over ranks [B, %lld, D] is needed", attn_shape_text(x, text),
                   (long long)(n->layout ? n->layout->places : 0));
    return false;
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
    if (!take_layout(&here)) return NULL;
    run(&(struct job){.n = &here, .from = x->data, .to = out->data});
    if (attn_recording(out, 1, &x)) {
        struct dropout *n = attn_node_new(out, sizeof *n, backward);
        if (!n) return NULL;
        here.node = n->node;
        *n = here;
    }
    return tape->status ? NULL : out;
}
