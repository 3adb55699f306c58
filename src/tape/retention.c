/* Retention (Sun et al. 2023): causal attention whose weights are dot products, which decay with the distance by a factor for each head; no softmax and no
 * normaliser.
 *
 * g is the head's decay. In chunks of C = 64 tokens, i and j a token's number within its own, n the chunk's tokens, with q~_i = g^(i + 1) q_i, k~_j =
 * g^(n - 1 - j) k_j, D_ij = g^(i - j), 0 where j > i, S the sum of k~^T v over the chunks before, that of the one m before times g^(C (m - 1)), R that
 * of q~^T dy over those behind:
 *
 * forward   A = q k^T * D,  y = A v + q~ S
 * backward  dA = dy v^T * D;  dq += dA k + g^(i + 1) dy S^T;  dk += dA^T q + g^(n - 1 - j) v R^T;  dv += A^T dy + k~ R
 */
#include "tape/chunks.h"

struct retention {
    struct attn_node node;
    attn_tensor *q, *k, *v;
    struct attn_chunks chunks;
    int64_t heads;
    attn_real *power;  /* [head, ATTN_CHUNK + 1]: g^0, g^1, ... */
    attn_real *far;    /* [head]: g^ATTN_CHUNK */
    attn_real *weight; /* A, [sequence, token, ATTN_CHUNK] */
    attn_real *state;  /* S */
};

/* ---------------------------------------------------------------------------------------------- pieces of rows */

struct job {
    const struct retention *a;
    const attn_real *from;
    attn_real *to;
    int64_t columns;
    bool ahead; /* g^(n - 1 - j); else g^(i + 1) */
};

/* Powers of the head that row r belongs to. */
static const attn_real *powers_of(const struct retention *a, int64_t r) {
    return a->power + r / a->chunks.length % a->heads * (ATTN_CHUNK + 1);
}

static attn_real decay_of(const struct job *job, int64_t r) {
    const int64_t token = r % job->a->chunks.length, own = token % ATTN_CHUNK;
    const int64_t tokens = attn_min64(ATTN_CHUNK, job->a->chunks.length - (token - own));
    return powers_of(job->a, r)[job->ahead ? tokens - 1 - own : own + 1];
}

static void scale(void *arg, int64_t begin, int64_t end) {
    const struct job *job = arg;
    for (int64_t r = begin; r < end; r++) {
        const attn_real decay = decay_of(job, r);
        for (int64_t c = r * job->columns; c < (r + 1) * job->columns; c++) job->to[c] = decay * job->from[c];
    }
}

/* Times D. */
static void decay_weights(void *arg, int64_t begin, int64_t end) {
    const struct job *job = arg;
    for (int64_t r = begin; r < end; r++) {
        const attn_real *power = powers_of(job->a, r);
        const int64_t own = r % job->a->chunks.length % ATTN_CHUNK;
        attn_real *row = job->to + r * ATTN_CHUNK;
        for (int64_t j = 0; j <= own; j++) row[j] *= power[own - j];
        for (int64_t j = own + 1; j < ATTN_CHUNK; j++) row[j] = 0;
    }
}

/* Rows of x times their decays. NULL: the tape is spoiled. */
static attn_real *scaled(const struct retention *a, const attn_real *x, int64_t columns, bool ahead) {
    const struct attn_chunks *c = &a->chunks;
    attn_real *to = attn_tape_take(c->tape, (size_t)(c->sequences * c->length * columns) * sizeof *to);
    if (to) attn_chunk_each_row(c, columns, scale, &(struct job){.a = a, .from = x, .to = to, .columns = columns, .ahead = ahead});
    return to;
}

/* left right^T * D, of rows of `columns` numbers. NULL: the tape is spoiled. */
static attn_real *weights_of(const struct retention *a, struct attn_chunk_matrix left, struct attn_chunk_matrix right, int64_t columns) {
    const struct attn_chunks *c = &a->chunks;
    attn_real *to = attn_tape_take(c->tape, (size_t)(c->sequences * c->length * ATTN_CHUNK) * sizeof *to);
    if (!to) return NULL;
    attn_chunk_products(c, (struct attn_product){.k = columns}, left, attn_chunk_transpose(right), attn_chunk_rows(NULL, ATTN_CHUNK), to);
    attn_chunk_each_row(c, ATTN_CHUNK, decay_weights, &(struct job){.a = a, .to = to});
    return to;
}

/* ------------------------------------------------------------------------------------------------------ passes */

static bool make_powers(struct retention *a, const double *decay) {
    a->power = attn_tape_take(a->chunks.tape, (size_t)(a->heads * (ATTN_CHUNK + 1)) * sizeof *a->power);
    a->far = attn_tape_take(a->chunks.tape, (size_t)a->heads * sizeof *a->far);
    if (!a->power || !a->far) return false;
    for (int64_t h = 0; h < a->heads; h++) {
        for (int64_t i = 0; i <= ATTN_CHUNK; i++) a->power[h * (ATTN_CHUNK + 1) + i] = (attn_real)pow(decay[h], (double)i);
        a->far[h] = a->power[h * (ATTN_CHUNK + 1) + ATTN_CHUNK];
    }
    return true;
}

static bool compute(struct retention *a, attn_tensor *out) {
    const struct attn_chunks *c = &a->chunks;
    const int64_t f = c->features, columns = c->columns;
    const struct attn_chunk_matrix q = attn_chunk_rows(a->q->data, f), k = attn_chunk_rows(a->k->data, f),
                                   v = attn_chunk_rows(a->v->data, columns), y = attn_chunk_rows(NULL, columns);
    const attn_real *far_q = scaled(a, a->q->data, f, false), *far_k = scaled(a, a->k->data, f, true);
    a->weight = weights_of(a, q, k, f);
    if (!far_q || !far_k || !a->weight) return false;
    a->state = attn_chunk_states(c, attn_chunk_rows(far_k, f), v, false, a->far, a->heads);
    if (!a->state) return false;
    attn_chunk_products(c, (struct attn_product){.n = columns}, attn_chunk_rows(a->weight, ATTN_CHUNK), v, y, out->data);
    attn_chunk_products_across(c, false, (struct attn_product){.n = columns, .k = f}, attn_chunk_rows(far_q, f),
                               attn_chunk_state(c, a->state), y, out->data);
    return !c->tape->status;
}

static void backward_features(const struct retention *a, const attn_real *dy, struct attn_chunk_matrix behind) {
    const struct attn_chunks *c = &a->chunks;
    const int64_t f = c->features, columns = c->columns;
    const attn_real *far_dy = scaled(a, dy, columns, false), *far_v = scaled(a, a->v->data, columns, true);
    const attn_real *d = weights_of(a, attn_chunk_rows(dy, columns), attn_chunk_rows(a->v->data, columns), columns);
    attn_real *dq, *dk;
    if (!far_dy || !far_v || !d) return;
    const struct attn_chunk_matrix d_weight = attn_chunk_rows(d, ATTN_CHUNK), to = attn_chunk_rows(NULL, f);
    const struct attn_product own = {.n = f, .keep = 1}, across = {.n = f, .k = columns, .keep = 1};
    if (attn_wants(a->q) && (dq = attn_grad_add(a->q)) != NULL) {
        attn_chunk_products(c, own, d_weight, attn_chunk_rows(a->k->data, f), to, dq);
        attn_chunk_products_across(c, false, across, attn_chunk_rows(far_dy, columns), attn_chunk_transpose(attn_chunk_state(c, a->state)),
                                   to, dq);
    }
    if (attn_wants(a->k) && (dk = attn_grad_add(a->k)) != NULL) {
        attn_chunk_products(c, own, attn_chunk_transpose(d_weight), attn_chunk_rows(a->q->data, f), to, dk);
        attn_chunk_products_across(c, true, across, attn_chunk_rows(far_v, columns), attn_chunk_transpose(behind), to, dk);
    }
}

static void backward(struct attn_node *node) {
    const struct retention *a = (struct retention *)node;
    const struct attn_chunks *c = &a->chunks;
    const int64_t f = c->features, columns = c->columns;
    const attn_real *dy = attn_grad_of(node->out), *far_q = scaled(a, a->q->data, f, false), *far_k = scaled(a, a->k->data, f, true);
    const struct attn_chunk_matrix dy_rows = attn_chunk_rows(dy, columns), to = attn_chunk_rows(NULL, columns);
    attn_real *dv;
    if (!far_q || !far_k) return;
    const attn_real *sums = attn_chunk_states(c, attn_chunk_rows(far_q, f), dy_rows, true, a->far, a->heads);
    if (!sums) return;
    const struct attn_chunk_matrix behind = attn_chunk_state(c, sums);
    if (attn_wants(a->q) || attn_wants(a->k)) backward_features(a, dy, behind);
    if (attn_wants(a->v) && (dv = attn_grad_add(a->v)) != NULL) {
        const struct attn_chunk_matrix weight = attn_chunk_rows(a->weight, ATTN_CHUNK);
        attn_chunk_products(c, (struct attn_product){.n = columns, .keep = 1}, attn_chunk_transpose(weight), dy_rows, to, dv);
        attn_chunk_products_across(c, true, (struct attn_product){.n = columns, .k = f}, attn_chunk_rows(far_k, f), behind, to, dv);
    }
}

static bool shapes_fit(const attn_tensor *q, const attn_tensor *k, const attn_tensor *v) {
    bool fit = q->dims >= 3 && k->dims == q->dims && v->dims == q->dims;
    for (int i = 0; fit && i < q->dims; i++) fit = q->size[i] == k->size[i] && (i == q->dims - 1 || q->size[i] == v->size[i]);
    return fit && q->size[q->dims - 1] > 0;
}

static bool decays_fit(attn_tape *tape, int64_t heads, const double *decay) {
    for (int64_t h = 0; h < heads; h++)
        if (!decay || !(decay[h] > 0 && decay[h] <= 1)) {
            attn_tape_fail(tape, ATTN_EINVAL, "retention: decay[%lld] is %g; it must be in (0, 1]", (long long)h,
                           decay ? decay[h] : (double)NAN);
            return false;
        }
    return true;
}

attn_tensor *attn_retention(attn_tensor *q, attn_tensor *k, attn_tensor *v, const double *decay) {
    attn_tensor *inputs[] = {attn_contiguous(q), attn_contiguous(k), attn_contiguous(v)};
    char text_q[ATTN_SHAPE_TEXT], text_k[ATTN_SHAPE_TEXT], text_v[ATTN_SHAPE_TEXT];
    if (!attn_usable(3, inputs)) return NULL;
    struct retention here = {.q = inputs[0], .k = inputs[1], .v = inputs[2]};
    attn_tape *tape = here.q->tape;
    if (!shapes_fit(here.q, here.k, here.v))
        return attn_tape_fail(tape, ATTN_ESHAPE, "retention: q and k must be [..., H, T, F], v [..., H, T, E]; q is %s, k %s, v %s",
                              attn_shape_text(here.q, text_q), attn_shape_text(here.k, text_k), attn_shape_text(here.v, text_v));
    attn_tensor *out = attn_tensor_like(here.v);
    if (!out || out->count == 0) return out;
    const int64_t *size = here.v->size + here.v->dims - 3; /* H, T, E */
    here.heads = size[0];
    here.chunks = attn_chunks_of(tape, out->count / (size[1] * size[2]), size[1], here.q->size[here.q->dims - 1], size[2]);
    if (!decays_fit(tape, here.heads, decay) || !make_powers(&here, decay) || !compute(&here, out)) return NULL;
    if (attn_recording(out, 3, inputs)) {
        struct retention *a = attn_node_new(out, sizeof *a, backward);
        if (!a) return NULL;
        here.node = a->node;
        *a = here;
    }
    return tape->status ? NULL : out;
}
