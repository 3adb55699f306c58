/* Rows by number, of each sequence its own.
 *
 * gather   y[b, i] = x[b, index[b, i]], 0 where that is negative
 * scatter  y[b, j] = sum of x[b, i] over the i with index[b, i] = j, in the order of i
 *
 * Each is the other's backward pass.
 */
#include "tape/tape.h"

#include <string.h>

/* What an index chooses from, and who does. */
struct choice {
    const int32_t *index; /* [batch, chosen] */
    int64_t batch, length, chosen, columns;
};

struct gather {
    struct attn_node node;
    attn_tensor *x;
    struct choice choice;
    bool scatter;
};

struct job {
    const struct choice *choice;
    const attn_real *from;
    attn_real *to;
    bool add;
    int64_t pieces, piece; /* of columns, where sequences are cut */
};

/* Rows of the chosen ones: each is written, or added to, once. */
static void gather_rows(void *arg, int64_t begin, int64_t end) {
    const struct job *job = arg;
    const struct choice *c = job->choice;
    for (int64_t i = begin; i < end; i++) {
        attn_real *to = job->to + i * c->columns;
        if (c->index[i] < 0) {
            if (!job->add) memset(to, 0, (size_t)c->columns * sizeof *to);
            continue;
        }
        const attn_real *from = job->from + (i / c->chosen * c->length + c->index[i]) * c->columns;
        if (job->add) {
            for (int64_t n = 0; n < c->columns; n++) to[n] += from[n];
        } else {
            memcpy(to, from, (size_t)c->columns * sizeof *to);
        }
    }
}

/* Pieces of columns of one sequence; what has been chosen twice gets both. */
static void scatter_pieces(void *arg, int64_t begin, int64_t end) {
    const struct job *job = arg;
    const struct choice *c = job->choice;
    for (int64_t index = begin; index < end; index++) {
        const int64_t b = index / job->pieces, first = index % job->pieces * job->piece;
        const int64_t n = attn_min64(job->piece, c->columns - first);
        for (int64_t i = b * c->chosen; i < (b + 1) * c->chosen; i++) {
            if (c->index[i] < 0) continue;
            attn_real *to = job->to + (b * c->length + c->index[i]) * c->columns + first;
            const attn_real *from = job->from + i * c->columns + first;
            for (int64_t l = 0; l < n; l++) to[l] += from[l];
        }
    }
}

static void gather(attn_tape *tape, struct job *job) {
    const struct choice *c = job->choice;
    attn_range(tape, c->batch * c->chosen, attn_max64(1, ATTN_PIECE / attn_max64(1, c->columns)), gather_rows, job);
}

static void scatter(attn_tape *tape, struct job *job) {
    enum { WIDE = 64 };
    const struct choice *c = job->choice;
    job->piece = attn_min64(attn_max64(1, c->columns), WIDE);
    job->pieces = attn_div_up(c->columns, job->piece);
    attn_range(tape, c->batch * job->pieces, attn_max64(1, ATTN_PIECE / (job->piece * attn_max64(1, c->chosen))), scatter_pieces, job);
}

static void backward(struct attn_node *node) {
    const struct gather *n = (struct gather *)node;
    struct job job = {.choice = &n->choice, .from = attn_grad_of(node->out)};
    job.to = n->scatter ? attn_grad_write(n->x, &job.add) : attn_grad_add(n->x);
    if (job.to) (n->scatter ? gather : scatter)(n->x->tape, &job);
}

/* The numbers' copy. NULL: the sentence is written. */
static const int32_t *copy_index(attn_tape *tape, const char *name, const struct choice *c, const int32_t *index) {
    const int64_t count = c->batch * c->chosen;
    for (int64_t i = 0; i < count; i++)
        if (index[i] >= c->length) {
            attn_tape_fail(tape, ATTN_EINVAL, "%s: index %lld of sequence %lld is %d; there are %lld rows", name,
                           (long long)(i % c->chosen), (long long)(i / c->chosen), index[i], (long long)c->length);
            return NULL;
        }
    int32_t *copy = attn_tape_take(tape, (size_t)count * sizeof *copy);
    if (copy && count > 0) memcpy(copy, index, (size_t)count * sizeof *copy);
    return copy;
}

/* `rows` of the result's sequences, where x has x->size[1]. */
static attn_tensor *move(attn_tensor *x, int64_t rows, const int32_t *index, bool is_scatter) {
    const char *name = is_scatter ? "scatter" : "gather";
    char text[ATTN_SHAPE_TEXT];
    int64_t size[ATTN_TENSOR_DIMS];
    x = attn_contiguous(x);
    if (!x) return NULL;
    attn_tape *tape = x->tape;
    if (x->dims < 2 || rows < 0 || (!index && x->size[0] * (is_scatter ? x->size[1] : rows) > 0))
        return attn_tape_fail(tape, ATTN_ESHAPE, "%s: x [B, T, ...], an index and a number of rows are needed; x is %s, the number %lld",
                              name, attn_shape_text(x, text), (long long)rows);
    for (int i = 0; i < x->dims; i++) size[i] = i == 1 ? rows : x->size[i];
    attn_tensor *out = attn_tensor_new(tape, x->dims, size);
    if (!out) return NULL;
    struct gather here = {.x = x, .scatter = is_scatter};
    here.choice = (struct choice){
        .batch = x->size[0], .length = is_scatter ? rows : x->size[1], .chosen = is_scatter ? x->size[1] : rows, .columns = 1};
    for (int i = 2; i < x->dims; i++) here.choice.columns *= x->size[i];
    here.choice.index = copy_index(tape, name, &here.choice, index);
    if (!here.choice.index) return NULL;
    if (is_scatter && out->count > 0) memset(out->data, 0, (size_t)out->count * sizeof *out->data);
    (is_scatter ? scatter : gather)(tape, &(struct job){.choice = &here.choice, .from = x->data, .to = out->data});
    if (attn_recording(out, 1, &x)) {
        struct gather *n = attn_node_new(out, sizeof *n, backward);
        if (!n) return NULL;
        here.node = n->node;
        *n = here;
    }
    return tape->status ? NULL : out;
}

attn_tensor *attn_gather(attn_tensor *x, int64_t count, const int32_t *index) {
    return move(x, count, index, false);
}
attn_tensor *attn_scatter(attn_tensor *x, int64_t length, const int32_t *index) {
    return move(x, length, index, true);
}
