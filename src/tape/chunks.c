/* Products and states of chunks of tokens. */
#include "tape/chunks.h"

struct attn_chunks attn_chunks_of(attn_tape *tape, int64_t sequences, int64_t length, int64_t features, int64_t columns) {
    return (struct attn_chunks){tape, sequences, length, attn_div_up(length, ATTN_CHUNK), features, columns};
}

static int64_t place_of(const struct attn_chunks *c, struct attn_chunk_matrix x, int64_t sequence, int64_t chunk) {
    return x.state ? (sequence * c->count + chunk) * c->features * x.ld : (sequence * c->length + chunk * ATTN_CHUNK) * x.ld;
}

/* Of chunks [begin, end) of every sequence, which have this many tokens. */
static void products_of(const struct attn_chunks *c, int64_t begin, int64_t end, int64_t tokens, struct attn_product p,
                        struct attn_chunk_matrix left, struct attn_chunk_matrix right, struct attn_chunk_matrix to, attn_real *result) {
    const int64_t count = end > begin ? c->sequences * (end - begin) : 0;
    struct attn_product_place *places = count > 0 ? attn_tape_take(c->tape, (size_t)count * sizeof *places) : NULL;
    if (!places) return;
    for (int64_t i = 0; i < count; i++) {
        const int64_t sequence = i / (end - begin), chunk = begin + i % (end - begin);
        places[i] = (struct attn_product_place){place_of(c, left, sequence, chunk), place_of(c, right, sequence, chunk),
                                                place_of(c, to, sequence, chunk)};
    }
    if (p.m == 0) p.m = tokens;
    if (p.n == 0) p.n = tokens;
    if (p.k == 0) p.k = tokens;
    c->tape->status = attn_products(c->tape->ctx, &p, count, places, left.at, right.at, result);
    attn_tape_add_products(c->tape, count, p.m, p.n, p.k);
}

/* Of chunks [begin, end). */
static void products_in(const struct attn_chunks *c, int64_t begin, int64_t end, struct attn_product p, struct attn_chunk_matrix left,
                        struct attn_chunk_matrix right, struct attn_chunk_matrix to, attn_real *result) {
    const int64_t whole = c->length / ATTN_CHUNK; /* the chunk behind these is shorter */
    p.transpose_a = left.transposed;
    p.transpose_b = right.transposed;
    p.lda = left.ld;
    p.ldb = right.ld;
    p.ldc = to.ld;
    products_of(c, begin, attn_min64(end, whole), ATTN_CHUNK, p, left, right, to, result);
    products_of(c, attn_max64(begin, whole), end, c->length % ATTN_CHUNK, p, left, right, to, result);
}

void attn_chunk_products(const struct attn_chunks *c, struct attn_product p, struct attn_chunk_matrix left, struct attn_chunk_matrix right,
                         struct attn_chunk_matrix to, attn_real *result) {
    products_in(c, 0, c->count, p, left, right, to, result);
}

void attn_chunk_products_across(const struct attn_chunks *c, bool behind, struct attn_product p, struct attn_chunk_matrix left,
                                struct attn_chunk_matrix right, struct attn_chunk_matrix to, attn_real *result) {
    p.keep = 1;
    products_in(c, behind ? 0 : 1, behind ? c->count - 1 : c->count, p, left, right, to, result);
}

/* Each chunk's state becomes the sum of those before it, or behind it. */
struct sums {
    const struct attn_chunks *c;
    attn_real *state;
    const attn_real *decay;
    int64_t decays, numbers; /* numbers: of a state */
    bool behind;
};

static void sum_states(void *arg, int64_t begin, int64_t end) {
    const struct sums *s = arg;
    const int64_t chunks = s->c->count;
    for (int64_t i = begin; i < end; i++) {
        const int64_t sequence = i / s->numbers;
        const attn_real decay = s->decay ? s->decay[sequence % s->decays] : 1;
        attn_real *first = s->state + sequence * chunks * s->numbers + i % s->numbers, sum = 0;
        for (int64_t n = 0; n < chunks; n++) {
            attn_real *at = first + (s->behind ? chunks - 1 - n : n) * s->numbers;
            const attn_real own = n < chunks - 1 ? *at : 0; /* the last one's no chunk sees */
            *at = sum;
            sum = decay * sum + own;
        }
    }
}

attn_real *attn_chunk_states(const struct attn_chunks *c, struct attn_chunk_matrix left, struct attn_chunk_matrix right, bool behind,
                             const attn_real *decay, int64_t decays) {
    struct sums s = {.c = c, .decay = decay, .decays = decays, .numbers = c->features * c->columns, .behind = behind};
    s.state = attn_tape_take(c->tape, (size_t)(c->sequences * c->count * s.numbers) * sizeof *s.state);
    if (!s.state || c->count == 1) return s.state;
    products_in(c, behind ? 1 : 0, behind ? c->count : c->count - 1, (struct attn_product){.m = c->features, .n = c->columns},
                attn_chunk_transpose(left), right, attn_chunk_state(c, NULL), s.state);
    attn_range(c->tape, c->sequences * s.numbers, attn_max64(1, ATTN_PIECE / c->count), sum_states, &s);
    return s.state;
}

void attn_chunk_each_row(const struct attn_chunks *c, int64_t columns, attn_range_fn body, void *arg) {
    attn_range(c->tape, c->sequences * c->length, attn_max64(1, ATTN_PIECE / columns), body, arg);
}
