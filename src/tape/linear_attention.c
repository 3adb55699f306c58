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
#include "tape/blas.h"
#include "tape/tape.h"

#include <string.h>

enum { CHUNK = 64 };

static const attn_real epsilon = (attn_real)1e-12;

struct linear_attention {
    struct attn_node node;
    attn_tensor *q, *k, *v;
    int64_t sequences, length, features, columns; /* columns: of v */
    int64_t chunks;
    attn_real *ones;   /* v', [sequence, token, columns + 1] */
    attn_real *weight; /* A, [sequence, token, CHUNK] */
    attn_real *state;  /* S, [sequence, chunk, features, columns + 1] */
    attn_real *n;      /* as v' */
};

/* An operand of a product for every chunk: a matrix of a chunk's rows, or of a state's. */
struct matrix {
    const attn_real *at;
    int64_t ld;
    bool transposed;
    bool state; /* one matrix for each chunk; else rows of tokens */
};

static struct matrix rows_of(const attn_real *at, int64_t ld) {
    return (struct matrix){at, ld, false, false};
}
static struct matrix state_of(const attn_real *at, int64_t ld) {
    return (struct matrix){at, ld, false, true};
}
static struct matrix transpose(struct matrix x) {
    x.transposed = !x.transposed;
    return x;
}

static int64_t place_of(const struct linear_attention *a, struct matrix x, int64_t sequence, int64_t chunk) {
    return x.state ? (sequence * a->chunks + chunk) * a->features * x.ld : (sequence * a->length + chunk * CHUNK) * x.ld;
}

/* c = a b (keep: c +) of chunks [begin, end) of every sequence, which have this many tokens; 0 stands for them in m, n, k. */
static void products_of(const struct linear_attention *a, int64_t begin, int64_t end, int64_t tokens, struct attn_product p,
                        struct matrix left, struct matrix right, struct matrix to, attn_real *c) {
    attn_tape *tape = a->q->tape;
    const int64_t count = a->sequences * (end - begin);
    struct attn_product_place *places = count > 0 ? attn_tape_take(tape, (size_t)count * sizeof *places) : NULL;
    if (!places) return;
    for (int64_t i = 0; i < count; i++) {
        const int64_t sequence = i / (end - begin), chunk = begin + i % (end - begin);
        places[i] = (struct attn_product_place){place_of(a, left, sequence, chunk), place_of(a, right, sequence, chunk),
                                                place_of(a, to, sequence, chunk)};
    }
    if (p.m == 0) p.m = tokens;
    if (p.n == 0) p.n = tokens;
    if (p.k == 0) p.k = tokens;
    tape->status = attn_products(tape->ctx, &p, count, places, left.at, right.at, c);
}

static void products(const struct linear_attention *a, struct attn_product p, struct matrix left, struct matrix right, struct matrix to,
                     attn_real *c) {
    const int64_t whole = a->length / CHUNK;
    p.transpose_a = left.transposed;
    p.transpose_b = right.transposed;
    p.lda = left.ld;
    p.ldb = right.ld;
    p.ldc = to.ld;
    products_of(a, 0, whole, CHUNK, p, left, right, to, c);
    products_of(a, whole, a->chunks, a->length % CHUNK, p, left, right, to, c);
}

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
        const int64_t own = r % job->a->length % CHUNK;
        for (int64_t j = own + 1; j < CHUNK; j++) job->to[r * CHUNK + j] = 0;
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
    attn_range(a->q->tape, a->sequences * a->length, attn_max64(1, ATTN_PIECE / columns), body, &job);
}

/* Each chunk's state becomes the sum of those before it, or behind it. */
struct sums {
    const struct linear_attention *a;
    attn_real *state;
    int64_t count; /* numbers of a state */
    bool behind;
};

static void sum_states(void *arg, int64_t begin, int64_t end) {
    const struct sums *s = arg;
    const int64_t chunks = s->a->chunks;
    for (int64_t i = begin; i < end; i++) {
        attn_real *first = s->state + i / s->count * chunks * s->count + i % s->count, sum = 0;
        for (int64_t n = 0; n < chunks; n++) {
            attn_real *at = first + (s->behind ? chunks - 1 - n : n) * s->count;
            const attn_real own = *at;
            *at = sum;
            sum += own;
        }
    }
}

/* [sequence, chunk, features, columns + 1] of left^T right summed. NULL: the tape is spoiled. */
static attn_real *states_of(const struct linear_attention *a, struct matrix left, struct matrix right, bool behind) {
    attn_tape *tape = a->q->tape;
    struct sums s = {.a = a, .count = a->features * (a->columns + 1), .behind = behind};
    s.state = attn_tape_take(tape, (size_t)(a->sequences * a->chunks * s.count) * sizeof *s.state);
    if (!s.state) return NULL;
    products(a, (struct attn_product){.m = a->features, .n = a->columns + 1}, transpose(left), right, state_of(NULL, a->columns + 1),
             s.state);
    attn_range(tape, a->sequences * s.count, attn_max64(1, ATTN_PIECE / a->chunks), sum_states, &s);
    return s.state;
}

/* ------------------------------------------------------------------------------------------------------ passes */

static bool compute(struct linear_attention *a, attn_tensor *out) {
    attn_tape *tape = out->tape;
    const int64_t rows = a->sequences * a->length, wide = a->columns + 1;
    const struct matrix q = rows_of(a->q->data, a->features), k = rows_of(a->k->data, a->features);
    a->ones = attn_tape_take(tape, (size_t)(rows * wide) * sizeof *a->ones);
    a->weight = attn_tape_take(tape, (size_t)(rows * CHUNK) * sizeof *a->weight);
    a->n = attn_tape_take(tape, (size_t)(rows * wide) * sizeof *a->n);
    if (!a->ones || !a->weight || !a->n) return false;
    each_row(a, wide, append_ones, (struct job){.a = a, .to = a->ones});
    const struct matrix ones = rows_of(a->ones, wide), weight = rows_of(a->weight, CHUNK), n = rows_of(a->n, wide);
    a->state = states_of(a, k, ones, false);
    if (!a->state) return false;
    products(a, (struct attn_product){.k = a->features}, q, transpose(k), weight, a->weight);
    each_row(a, CHUNK, drop_later, (struct job){.a = a, .to = a->weight});
    products(a, (struct attn_product){.n = wide}, weight, ones, n, a->n);
    products(a, (struct attn_product){.n = wide, .k = a->features, .keep = 1}, q, state_of(a->state, wide), n, a->n);
    each_row(a, wide, normalise, (struct job){.a = a, .to = out->data});
    return !tape->status;
}

static void backward_features(const struct linear_attention *a, struct matrix dn, const attn_real *behind) {
    attn_tape *tape = a->q->tape;
    const int64_t wide = a->columns + 1, f = a->features;
    const struct matrix ones = rows_of(a->ones, wide), to = rows_of(NULL, f);
    attn_real *d = attn_tape_take(tape, (size_t)(a->sequences * a->length * CHUNK) * sizeof *d), *dq, *dk;
    if (!d) return;
    const struct matrix d_weight = rows_of(d, CHUNK);
    products(a, (struct attn_product){.k = wide}, dn, transpose(ones), d_weight, d);
    each_row(a, CHUNK, drop_later, (struct job){.a = a, .to = d});
    if (attn_wants(a->q) && (dq = attn_grad_add(a->q)) != NULL) {
        products(a, (struct attn_product){.n = f, .keep = 1}, d_weight, rows_of(a->k->data, f), to, dq);
        products(a, (struct attn_product){.n = f, .k = wide, .keep = 1}, dn, transpose(state_of(a->state, wide)), to, dq);
    }
    if (attn_wants(a->k) && (dk = attn_grad_add(a->k)) != NULL) {
        products(a, (struct attn_product){.n = f, .keep = 1}, transpose(d_weight), rows_of(a->q->data, f), to, dk);
        products(a, (struct attn_product){.n = f, .k = wide, .keep = 1}, ones, transpose(state_of(behind, wide)), to, dk);
    }
}

static void backward(struct attn_node *node) {
    const struct linear_attention *a = (struct linear_attention *)node;
    attn_tape *tape = a->q->tape;
    const int64_t wide = a->columns + 1;
    attn_real *d = attn_tape_take(tape, (size_t)(a->sequences * a->length * wide) * sizeof *d), *dv;
    if (!d) return;
    each_row(a, wide, differentiate, (struct job){.a = a, .y = node->out->data, .dy = attn_grad_of(node->out), .to = d});
    const struct matrix dn = rows_of(d, wide);
    const attn_real *behind = states_of(a, rows_of(a->q->data, a->features), dn, true);
    if (!behind) return;
    if (attn_wants(a->q) || attn_wants(a->k)) backward_features(a, dn, behind);
    if (attn_wants(a->v) && (dv = attn_grad_add(a->v)) != NULL) {
        const struct matrix to = rows_of(NULL, a->columns);
        products(a, (struct attn_product){.n = a->columns, .keep = 1}, transpose(rows_of(a->weight, CHUNK)), dn, to, dv);
        products(a, (struct attn_product){.n = a->columns, .k = a->features, .keep = 1}, rows_of(a->k->data, a->features),
                 state_of(behind, wide), to, dv);
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
    here.features = here.q->size[here.q->dims - 1];
    here.columns = here.v->size[here.v->dims - 1];
    here.length = here.v->size[here.v->dims - 2];
    here.sequences = out->count / (here.length * here.columns);
    here.chunks = attn_div_up(here.length, CHUNK);
    if (!compute(&here, out)) return NULL;
    if (attn_recording(out, 3, inputs)) {
        struct linear_attention *a = attn_node_new(out, sizeof *a, backward);
        if (!a) return NULL;
        here.node = a->node;
        *a = here;
    }
    return tape->status ? NULL : out;
}
