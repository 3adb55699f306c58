/* Causal attention whose weights are dot products of features: no softmax, so what is past is one matrix, not its tokens.
 *
 * v' is v with a column of ones, so that the normaliser is one more column of the numerator. In chunks of tokens, with S the sum of
 * fk^T v' over the chunks before, R that of fq^T dn over those behind, and A = fq fk^T of a chunk, 0 where the key comes after the query:
 *
 * forward   n = A v' + fq S,  y = n[: E] / (n[E] + epsilon)
 * backward  dn[: E] = dy / (n[E] + epsilon),  dn[E] = -(dy . y) / (n[E] + epsilon);  dA = dn v'^T, 0 where A is
 *           dfq += dA fk + dn S^T;  dfk += dA^T fq + v' R^T;  dv += A^T dn[: E] + fk R[: E]
 *
 * All chunks of all sequences are multiplied at once.
 */
#include "tape/chunks.h"

#include <string.h>

static const attn_real epsilon = (attn_real)1e-12;

struct linear_attention {
    struct attn_node node;
    attn_tensor *q, *k, *v;
    int64_t columns;           /* of v */
    struct attn_chunks chunks; /* states are [features, columns + 1] */
    attn_real *ones;           /* v', [sequence, token, columns + 1] */
    attn_real *weight;         /* A, [sequence, token, ATTN_CHUNK] */
    attn_real *state;          /* S */
    attn_real *n;              /* as v' */
};

/* --------------------------------------------------------------------------------------------- pieces of rows */

struct job {
    const struct linear_attention *a;
    const attn_real *y, *dy;
    attn_real *to;
};

static void append_ones(void *arg, int64_t begin, int64_t end) {
    const struct job *job = arg;
    const int64_t columns = job->a->columns;
    for (int64_t r = begin; r < end; r++) {
        attn_real *to = job->to + r * (columns + 1);
        memcpy(to, job->a->v->data + r * columns, (size_t)columns * sizeof *to);
        to[columns] = 1;
    }
}

/* Weights of keys behind the query, within a chunk. */
static void drop_later(void *arg, int64_t begin, int64_t end) {
    const struct job *job = arg;
    for (int64_t r = begin; r < end; r++) {
        const int64_t own = r % job->a->chunks.length % ATTN_CHUNK;
        for (int64_t j = own + 1; j < ATTN_CHUNK; j++) job->to[r * ATTN_CHUNK + j] = 0;
    }
}

static void normalise(void *arg, int64_t begin, int64_t end) {
    const struct job *job = arg;
    const int64_t columns = job->a->columns;
    for (int64_t r = begin; r < end; r++) {
        const attn_real *n = job->a->n + r * (columns + 1);
        for (int64_t e = 0; e < columns; e++) job->to[r * columns + e] = n[e] / (n[columns] + epsilon);
    }
}

static void differentiate(void *arg, int64_t begin, int64_t end) {
    const struct job *job = arg;
    const int64_t columns = job->a->columns;
    for (int64_t r = begin; r < end; r++) {
        const attn_real *dy = job->dy + r * columns, *y = job->y + r * columns;
        const attn_real scale = 1 / (job->a->n[r * (columns + 1) + columns] + epsilon);
        attn_real *dn = job->to + r * (columns + 1), along = 0;
        for (int64_t e = 0; e < columns; e++) {
            dn[e] = scale * dy[e];
            along += dy[e] * y[e];
        }
        dn[columns] = -scale * along;
    }
}

static void each_row(const struct linear_attention *a, int64_t columns, attn_range_fn body, struct job job) {
    attn_chunk_each_row(&a->chunks, columns, body, &job);
}

/* ------------------------------------------------------------------------------------------------------ passes */

static bool compute(struct linear_attention *a, attn_tensor *out) {
    attn_tape *tape = out->tape;
    const struct attn_chunks *c = &a->chunks;
    const int64_t rows = c->sequences * c->length, wide = c->columns, f = c->features;
    const struct attn_chunk_matrix q = attn_chunk_rows(a->q->data, f), k = attn_chunk_rows(a->k->data, f);
    a->ones = attn_tape_take(tape, (size_t)(rows * wide) * sizeof *a->ones);
    a->weight = attn_tape_take(tape, (size_t)(rows * ATTN_CHUNK) * sizeof *a->weight);
    a->n = attn_tape_take(tape, (size_t)(rows * wide) * sizeof *a->n);
    if (!a->ones || !a->weight || !a->n) return false;
    each_row(a, wide, append_ones, (struct job){.a = a, .to = a->ones});
    const struct attn_chunk_matrix ones = attn_chunk_rows(a->ones, wide), weight = attn_chunk_rows(a->weight, ATTN_CHUNK),
                                   n = attn_chunk_rows(a->n, wide);
    a->state = attn_chunk_states(c, k, ones, false, NULL, 0);
    if (!a->state) return false;
    attn_chunk_products(c, (struct attn_product){.k = f}, q, attn_chunk_transpose(k), weight, a->weight);
    each_row(a, ATTN_CHUNK, drop_later, (struct job){.a = a, .to = a->weight});
    attn_chunk_products(c, (struct attn_product){.n = wide}, weight, ones, n, a->n);
    attn_chunk_products_across(c, false, (struct attn_product){.n = wide, .k = f}, q, attn_chunk_state(c, a->state), n, a->n);
    each_row(a, wide, normalise, (struct job){.a = a, .to = out->data});
    return !tape->status;
}

static void backward_features(const struct linear_attention *a, struct attn_chunk_matrix dn, struct attn_chunk_matrix behind) {
    const struct attn_chunks *c = &a->chunks;
    const int64_t wide = c->columns, f = c->features;
    const struct attn_chunk_matrix ones = attn_chunk_rows(a->ones, wide), to = attn_chunk_rows(NULL, f);
    attn_real *d = attn_tape_take(c->tape, (size_t)(c->sequences * c->length * ATTN_CHUNK) * sizeof *d), *dq, *dk;
    if (!d) return;
    const struct attn_chunk_matrix d_weight = attn_chunk_rows(d, ATTN_CHUNK);
    attn_chunk_products(c, (struct attn_product){.k = wide}, dn, attn_chunk_transpose(ones), d_weight, d);
    each_row(a, ATTN_CHUNK, drop_later, (struct job){.a = a, .to = d});
    if (attn_wants(a->q) && (dq = attn_grad_add(a->q)) != NULL) {
        attn_chunk_products(c, (struct attn_product){.n = f, .keep = 1}, d_weight, attn_chunk_rows(a->k->data, f), to, dq);
        attn_chunk_products_across(c, false, (struct attn_product){.n = f, .k = wide}, dn,
                                   attn_chunk_transpose(attn_chunk_state(c, a->state)), to, dq);
    }
    if (attn_wants(a->k) && (dk = attn_grad_add(a->k)) != NULL) {
        attn_chunk_products(c, (struct attn_product){.n = f, .keep = 1}, attn_chunk_transpose(d_weight), attn_chunk_rows(a->q->data, f), to,
                            dk);
        attn_chunk_products_across(c, true, (struct attn_product){.n = f, .k = wide}, ones, attn_chunk_transpose(behind), to, dk);
    }
}

static void backward(struct attn_node *node) {
    const struct linear_attention *a = (struct linear_attention *)node;
    const struct attn_chunks *c = &a->chunks;
    const int64_t wide = c->columns;
    attn_real *d = attn_tape_take(c->tape, (size_t)(c->sequences * c->length * wide) * sizeof *d), *dv;
    if (!d) return;
    each_row(a, wide, differentiate, (struct job){.a = a, .y = node->out->data, .dy = attn_grad_of(node->out), .to = d});
    const struct attn_chunk_matrix dn = attn_chunk_rows(d, wide), k = attn_chunk_rows(a->k->data, c->features);
    const attn_real *sums = attn_chunk_states(c, attn_chunk_rows(a->q->data, c->features), dn, true, NULL, 0);
    if (!sums) return;
    const struct attn_chunk_matrix behind = attn_chunk_state(c, sums);
    if (attn_wants(a->q) || attn_wants(a->k)) backward_features(a, dn, behind);
    if (attn_wants(a->v) && (dv = attn_grad_add(a->v)) != NULL) {
        const struct attn_chunk_matrix to = attn_chunk_rows(NULL, a->columns);
        const struct attn_chunk_matrix weight = attn_chunk_transpose(attn_chunk_rows(a->weight, ATTN_CHUNK));
        attn_chunk_products(c, (struct attn_product){.n = a->columns, .keep = 1}, weight, dn, to, dv);
        attn_chunk_products_across(c, true, (struct attn_product){.n = a->columns, .k = c->features}, k, behind, to, dv);
    }
}

static bool shapes_fit(const attn_tensor *q, const attn_tensor *k, const attn_tensor *v) {
    bool fit = q->dims >= 2 && k->dims == q->dims && v->dims == q->dims;
    for (int i = 0; fit && i < q->dims; i++) fit = q->size[i] == k->size[i] && (i == q->dims - 1 || q->size[i] == v->size[i]);
    return fit && q->size[q->dims - 1] > 0;
}

attn_tensor *attn_linear_attention(attn_tensor *q_features, attn_tensor *k_features, attn_tensor *v) {
    attn_tensor *inputs[] = {attn_contiguous(q_features), attn_contiguous(k_features), attn_contiguous(v)};
    char text_q[ATTN_SHAPE_TEXT], text_k[ATTN_SHAPE_TEXT], text_v[ATTN_SHAPE_TEXT];
    if (!attn_usable(3, inputs)) return NULL;
    struct linear_attention here = {.q = inputs[0], .k = inputs[1], .v = inputs[2]};
    attn_tape *tape = here.q->tape;
    if (!shapes_fit(here.q, here.k, here.v))
        return attn_tape_fail(tape, ATTN_ESHAPE, "linear attention: q and k must be [..., T, F], v [..., T, E]; q is %s, k %s, v %s",
                              attn_shape_text(here.q, text_q), attn_shape_text(here.k, text_k), attn_shape_text(here.v, text_v));
    attn_tensor *out = attn_tensor_like(here.v);
    if (!out || out->count == 0) return out;
    here.columns = here.v->size[here.v->dims - 1];
    const int64_t length = here.v->size[here.v->dims - 2], features = here.q->size[here.q->dims - 1];
    here.chunks = attn_chunks_of(tape, out->count / (length * here.columns), length, features, here.columns + 1);
    if (!compute(&here, out)) return NULL;
    if (attn_recording(out, 3, inputs)) {
        struct linear_attention *a = attn_node_new(out, sizeof *a, backward);
        if (!a) return NULL;
        here.node = a->node;
        *a = here;
    }
    return tape->status ? NULL : out;
}
