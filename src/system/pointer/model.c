#include "system/pointer/model.h"

#include "metric/tour.h"
#include "tape/tape.h"

#include <math.h>
#include <string.h>

static int64_t hidden_of(const struct attn_pointer_model *m) {
    return m->config.hidden;
}

/* ------------------------------------------------------------------------------------------------------- parameters */

static attn_tensor *parameter(attn_model *model, const struct attn_pointer_config *c, const char *name, int dims, const int64_t *size) {
    attn_tensor *x = attn_model_parameter(model, name, dims, size);
    attn_fill_uniform(x, -c->range, c->range, attn_model_seed(model));
    return x;
}

static attn_tensor *row(attn_model *model, const struct attn_pointer_config *c, const char *name, int64_t n) {
    return parameter(model, c, name, 1, &n);
}

static attn_tensor *matrix(attn_model *model, const struct attn_pointer_config *c, const char *name, int64_t rows, int64_t columns) {
    return parameter(model, c, name, 2, (const int64_t[]){rows, columns});
}

/* One bias, as the paper's cell has. */
static attn_recurrent_weights lstm(attn_model *model, const struct attn_pointer_config *c, const char *name, int64_t in) {
    attn_recurrent_weights w = {NULL, NULL, NULL, NULL};
    attn_model_enter(model, "%s", name);
    w.input = matrix(model, c, "input", 4 * c->hidden, in);
    w.recurrent = matrix(model, c, "recurrent", 4 * c->hidden, c->hidden);
    w.input_bias = row(model, c, "bias", 4 * c->hidden);
    attn_model_leave(model);
    return w;
}

void attn_pointer_model_make(attn_model *model, const struct attn_pointer_config *c, struct attn_pointer_model *out) {
    const int64_t h = c->hidden, fed = c->feed_words ? h : 2;
    struct attn_pointer_model m = {.config = *c, .tape = attn_model_tape(model)};
    m.encoder = lstm(model, c, "encoder", 2);
    m.decoder = lstm(model, c, "decoder", fed + (c->net == ATTN_ATTENDING ? h : 0));
    if (c->learned_start) {
        m.first_h = row(model, c, "first_h", h);
        m.first_c = row(model, c, "first_c", h);
    }
    if (c->feed_words)
        m.words = matrix(model, c, "words", c->dictionary + 2, h);
    else
        m.start = row(model, c, "start", 2);
    if (c->net != ATTN_SEQ2SEQ) {
        m.w1 = matrix(model, c, "w1", h, h);
        m.w2 = matrix(model, c, "w2", h, h);
        m.v = row(model, c, "v", h);
    }
    if (c->net == ATTN_PTRNET && !c->no_end) m.end = c->tied_end ? m.first_h : row(model, c, "end", h);
    if (c->net != ATTN_PTRNET) {
        m.out = matrix(model, c, "out", c->dictionary + 1, c->net == ATTN_ATTENDING ? 2 * h : h);
        m.out_bias = row(model, c, "out_bias", c->dictionary + 1);
    }
    *out = m;
}

/* ---------------------------------------------------------------------------------------------------------- encoder */

/* A row for each of n examples: [n, size of the row]. */
static attn_tensor *repeat(const struct attn_pointer_model *m, attn_tensor *x, int64_t n) {
    const int64_t width = attn_size(x, 0);
    return attn_add(attn_constant(m->tape, 2, (const int64_t[]){n, width}, 0), x);
}

/* The end's vector, where there is one, and then the points'. */
static attn_tensor *with_end(const struct attn_pointer_model *m, attn_tensor *encoded, int64_t batch) {
    const int64_t h = hidden_of(m);
    if (!m->end) return encoded;
    attn_tensor *end = attn_reshape(repeat(m, m->end, batch), 3, (const int64_t[]){batch, 1, h});
    return attn_concat(2, (attn_tensor *const[]){end, encoded}, 1);
}

void attn_pointer_encode(const struct attn_pointer_model *m, const struct attn_pointer_batch *b, struct attn_pointer_encoding *out,
                         struct attn_pointer_states *states) {
    attn_tensor *x = attn_tensor_input(m->tape, 3, (const int64_t[]){b->count, b->points, 2}, b->x);
    attn_tensor *h = m->first_h ? repeat(m, m->first_h, b->count) : NULL, *c = m->first_c ? repeat(m, m->first_c, b->count) : NULL;
    *out = (struct attn_pointer_encoding){.batch = b->count, .points = b->points, .beams = 1, .length = b->length, .slots = b->slots};
    *states = (struct attn_pointer_states){NULL, NULL, NULL};
    out->encoded = attn_lstm_lengths(x, h, c, &m->encoder, attn_pointer_own_lengths(b), &states->h, &states->c);
    states->h = states->h ? attn_contiguous(states->h) : NULL;
    if (m->config.net == ATTN_PTRNET) out->keys = attn_linear(with_end(m, out->encoded, b->count), m->w1, NULL);
    if (m->config.net == ATTN_ATTENDING) {
        out->keys = attn_linear(out->encoded, m->w1, NULL);
        states->glimpse = attn_constant(m->tape, 2, (const int64_t[]){b->count, hidden_of(m)}, 0);
    }
}

/* --------------------------------------------------------------------------------------------------------------- loss */

/* The start symbol for each of `rows` answers: [rows, 2] or [rows, H]. */
static attn_tensor *start_of(const struct attn_pointer_model *m, int64_t rows) {
    if (!m->words) return repeat(m, m->start, rows);
    return repeat(m, attn_reshape(attn_narrow(m->words, 0, m->config.dictionary + 1, 1), 1, (const int64_t[]){-1}), rows);
}

/* What the decoder takes under teacher forcing: [B, M, 2] or [B, M, H]. */
static attn_tensor *fed(const struct attn_pointer_model *m, const struct attn_pointer_batch *b) {
    attn_tensor *start = attn_reshape(start_of(m, b->count), 3, (const int64_t[]){b->count, 1, -1});
    if (b->tokens == 1) return start;
    attn_tensor *given = m->words ? attn_rows(m->words, 2, (const int64_t[]){b->count, b->tokens}, b->pointed)
                                  : attn_tensor_input(m->tape, 3, (const int64_t[]){b->count, b->tokens, 2}, b->given);
    return attn_concat(2, (attn_tensor *const[]){start, attn_narrow(given, 1, 1, b->tokens - 1)}, 1);
}

/* The sum of the rows' losses; cross-entropy is their mean. */
static attn_tensor *dictionary_loss(const struct attn_pointer_model *m, const struct attn_pointer_batch *b, attn_tensor *hidden) {
    int64_t labels = 0;
    for (int64_t i = 0; i < b->count * b->tokens; i++) labels += b->target[i] >= 0;
    return attn_affine(attn_cross_entropy(attn_linear(hidden, m->out, m->out_bias), b->target), (attn_real)labels, 0);
}

/* With what attention gave fed to the next step there is no way but step by step. */
static attn_tensor *attending_hidden(const struct attn_pointer_model *m, const struct attn_pointer_batch *b,
                                     const struct attn_pointer_encoding *e, struct attn_pointer_states *s, attn_tensor *x) {
    const int64_t h = hidden_of(m);
    attn_tensor **row = attn_tape_take(m->tape, (size_t)b->tokens * sizeof *row);
    for (int64_t t = 0; row && t < b->tokens; t++) {
        attn_tensor *now = attn_reshape(attn_contiguous(attn_narrow(x, 1, t, 1)), 2, (const int64_t[]){b->count, -1});
        s->h = attn_lstm(attn_concat(2, (attn_tensor *const[]){now, s->glimpse}, 1), s->h, s->c, &m->decoder, NULL, &s->c);
        attn_tensor *query = attn_reshape(attn_linear(s->h, m->w2, NULL), 3, (const int64_t[]){b->count, 1, h});
        attn_tensor *glimpse = attn_pointer_attention(query, e->keys, m->v, e->encoded, e->length);
        s->glimpse = attn_reshape(glimpse, 2, (const int64_t[]){b->count, h});
        row[t] = attn_reshape(attn_concat(2, (attn_tensor *const[]){s->h, s->glimpse}, 1), 3, (const int64_t[]){b->count, 1, 2 * h});
    }
    return row ? attn_concat((int)b->tokens, row, 1) : NULL;
}

/* [B, M]. Without an end the first key is point 1's. */
static attn_tensor *pointer_losses(const struct attn_pointer_model *m, const struct attn_pointer_batch *b, attn_tensor *queries,
                                   attn_tensor *keys) {
    const int32_t *lengths = attn_pointer_own_lengths(b);
    if (m->end) return attn_pointer_losses(queries, keys, m->v, lengths ? b->slots : NULL, b->target);
    const int64_t labels = b->count * b->tokens;
    int32_t *target = attn_tape_take(m->tape, (size_t)labels * sizeof *target);
    for (int64_t i = 0; target && i < labels; i++) target[i] = b->target[i] > 0 ? b->target[i] - 1 : -1;
    return target ? attn_pointer_losses(queries, keys, m->v, lengths, target) : NULL;
}

/* The tour of a label, or, where it is none, any; whether it is one. */
static bool label_tour(const struct attn_pointer_batch *b, int64_t example, int32_t *tour, unsigned char *scratch) {
    const int64_t n = b->points;
    for (int64_t i = 0; i < n; i++) tour[i] = i < b->tokens ? b->target[example * b->tokens + i] - 1 : -1;
    const bool valid = attn_tour_valid(tour, n, n, scratch);
    for (int64_t i = 0; i < n && !valid; i++) tour[i] = (int32_t)i;
    return valid;
}

static attn_tensor *transformer_loss(const struct attn_pointer_model *m, const struct attn_pointer_batch *b) {
    const int64_t n = b->points, count = b->count;
    struct attn_transformer_encoding e;
    int32_t *tours = attn_tape_take(m->tape, (size_t)(count * n) * sizeof *tours);
    attn_real *counts = attn_tape_take(m->tape, (size_t)count * sizeof *counts);
    void *scratch = attn_tape_take(m->tape, attn_tour_valid_scratch(n));
    if (!tours || !counts || !scratch || !attn_transformer_encode(m->transformer, count, n, b->x, &e)) return NULL;
    for (int64_t i = 0; i < count; i++) counts[i] = label_tour(b, i, tours + i * n, scratch) ? -1 : 0;
    return attn_sum_all(attn_mul(attn_transformer_tours(&e, 1, tours), attn_tensor_input(m->tape, 1, &count, counts)));
}

attn_tensor *attn_pointer_model_loss(const struct attn_pointer_model *m, const struct attn_pointer_batch *b) {
    struct attn_pointer_encoding e;
    struct attn_pointer_states s;
    if (m->transformer) return transformer_loss(m, b);
    attn_pointer_encode(m, b, &e, &s);
    attn_tensor *x = fed(m, b);
    if (m->config.net == ATTN_ATTENDING) return dictionary_loss(m, b, attending_hidden(m, b, &e, &s, x));
    attn_tensor *hidden = attn_lstm(x, s.h, s.c, &m->decoder, NULL, NULL);
    if (m->config.net == ATTN_SEQ2SEQ) return dictionary_loss(m, b, hidden);
    return attn_sum_all(pointer_losses(m, b, attn_linear(hidden, m->w2, NULL), e.keys));
}

/* --------------------------------------------------------------------------------------------------------------- steps */

/* What each answer is fed: [R, 2] or [R, H]. */
static attn_tensor *fed_now(const struct attn_pointer_model *m, const int32_t *last, const attn_real *x, int64_t rows) {
    if (last[0] < 0) return start_of(m, rows); /* all answers begin together */
    return m->words ? attn_rows(m->words, 1, &rows, last) : attn_tensor_input(m->tape, 2, (const int64_t[]){rows, 2}, x);
}

/* Entries of the dictionary beyond an example's points are out of the question, points beyond the dictionary cannot be said. */
static attn_tensor *within_points(const struct attn_pointer_model *m, const struct attn_pointer_encoding *e, attn_tensor *logits) {
    const int64_t words = m->config.dictionary + 1, wide = e->points + 1;
    attn_tensor *out = attn_constant(m->tape, 3, (const int64_t[]){e->batch, e->beams, wide}, -(attn_real)INFINITY);
    if (!out || !logits) return NULL;
    for (int64_t r = 0; r < e->batch * e->beams; r++) {
        const int64_t n = attn_min64(words, e->length[r / e->beams] + 1);
        memcpy(attn_data(out) + r * wide, attn_data(logits) + r * words, (size_t)n * sizeof(attn_real));
    }
    return out;
}

/* [B, beams, N + 1]; an end that there is not has -inf. */
static attn_tensor *pointer_logits(const struct attn_pointer_model *m, const struct attn_pointer_encoding *e, attn_tensor *query) {
    if (m->end) return attn_pointer_logits(query, e->keys, m->v, e->slots);
    attn_tensor *end = attn_constant(m->tape, 3, (const int64_t[]){e->batch, e->beams, 1}, -(attn_real)INFINITY);
    return attn_concat(2, (attn_tensor *const[]){end, attn_pointer_logits(query, e->keys, m->v, e->length)}, 2);
}

attn_tensor *attn_pointer_step(const struct attn_pointer_model *m, const struct attn_pointer_encoding *e, const int32_t *last,
                               const attn_real *x, struct attn_pointer_states *s) {
    const int64_t rows = e->batch * e->beams, h = hidden_of(m), shape[3] = {e->batch, e->beams, h};
    attn_tensor *now = fed_now(m, last, x, rows);
    if (m->config.net == ATTN_ATTENDING) now = attn_concat(2, (attn_tensor *const[]){now, s->glimpse}, 1);
    s->h = attn_lstm(now, s->h, s->c, &m->decoder, NULL, &s->c);
    if (m->config.net == ATTN_SEQ2SEQ) return within_points(m, e, attn_linear(s->h, m->out, m->out_bias));
    attn_tensor *query = attn_reshape(attn_linear(s->h, m->w2, NULL), 3, shape);
    if (m->config.net == ATTN_PTRNET) return pointer_logits(m, e, query);
    s->glimpse = attn_reshape(attn_pointer_attention(query, e->keys, m->v, e->encoded, e->length), 2, (const int64_t[]){rows, h});
    attn_tensor *both = attn_concat(2, (attn_tensor *const[]){s->h, s->glimpse}, 1);
    return within_points(m, e, attn_linear(both, m->out, m->out_bias));
}
