#include "system/pointer/steps.h"

#include "base/parallel.h"
#include "tape/recurrent.h"

#include <math.h>
#include <string.h>

enum { MOST = ATTN_RECURRENT_STRIP };

/* A worker's room: sums of gates, keys or queries [MOST, H], one query's powers [H], and coordinates [MOST, 2]. */
struct room {
    attn_real *gates, *rows, *power, *x;
};
static struct room room_of(const struct attn_pointer_steps *s, int worker) {
    attn_real *gates = s->room + worker * s->room_of_each, *rows = gates + attn_lstm_states_room(&s->encoder, MOST);
    return (struct room){gates, rows, rows + MOST * s->hidden, rows + (MOST + 1) * s->hidden};
}

/* ---------------------------------------------------------------------------------------------------------- encoder */

struct encoding {
    struct attn_pointer_steps *s;
    int64_t strip;
};

static void put_key(const struct attn_pointer_steps *s, int64_t place, const attn_real *key) {
    const struct attn_functions *f = s->encoder.functions;
    attn_real *to = s->keys + place * s->hidden;
    s->powers[place] = f->pointer_powers && f->pointer_powers(s->hidden, key, to);
    if (!s->powers[place]) memcpy(to, key, (size_t)s->hidden * sizeof *to);
}

/* Token t of positions [begin, end), whose keys and, at its end, states go to their sequence. */
static void encode_token(const struct attn_pointer_steps *s, const struct room *room, int64_t t, int64_t begin, int64_t end) {
    const struct attn_packing *p = &s->packing;
    const int64_t h = s->hidden, count = end - begin, go_on = t + 1 < p->length ? attn_packing_active(p, t + 1) : 0;
    const size_t bytes = (size_t)h * sizeof(attn_real);
    attn_real *before = s->state[t % 2] + begin * h, *state = s->state[(t + 1) % 2] + begin * h, *c = s->state[2] + begin * h;
    for (int64_t i = 0; i < count; i++)
        memcpy(room->x + 2 * i, s->x + 2 * (attn_packing_sequence(p, begin + i) * s->points + t), 2 * sizeof(attn_real));
    const struct attn_lstm_rows rows = {.rows = count, .x_step = 2, .step = h, .x = room->x, .before = c, .c = c, .h = state};
    attn_lstm_states_step(&s->encoder, &rows, t > 0 || s->learned ? before : NULL, room->gates);
    attn_packed_product(&s->w1, count, state, h, room->rows, h, false);
    for (int64_t i = 0; i < count; i++) {
        const int64_t b = attn_packing_sequence(p, begin + i);
        put_key(s, b * (s->points + 1) + 1 + t, room->rows + i * h);
        if (begin + i < go_on) continue;
        memcpy(s->h + b * h, state + i * h, bytes);
        memcpy(s->c + b * h, c + i * h, bytes);
    }
}

static void encode_strip(void *arg, int64_t index, int worker) {
    const struct encoding *e = arg;
    const struct attn_packing *p = &e->s->packing;
    const int64_t begin = index * e->strip;
    const struct room room = room_of(e->s, worker);
    for (int64_t t = 0; t < p->length && attn_packing_active(p, t) > begin; t++)
        encode_token(e->s, &room, t, begin, attn_min64(begin + e->strip, attn_packing_active(p, t)));
}

/* Of all positions, from zeros or x [H]. */
static void first_states(const struct attn_pointer_steps *s, const attn_tensor *x, attn_real *to) {
    for (int64_t i = 0; i < s->packing.batch; i++)
        for (int64_t l = 0; l < s->hidden; l++) to[i * s->hidden + l] = x ? x->data[l] : 0;
}

/* The end's key is the same in all examples. */
static void put_end(const struct attn_pointer_steps *s, const attn_tensor *end) {
    attn_real *key = s->room;
    attn_packed_product(&s->w1, 1, end->data, s->hidden, key, s->hidden, false);
    for (int64_t b = 0; b < s->packing.batch; b++) put_key(s, b * (s->points + 1), key);
}

static attn_real *take(attn_tape *tape, int64_t count) {
    return attn_tape_take(tape, (size_t)count * sizeof(attn_real));
}

bool attn_pointer_steps_open(const struct attn_pointer_model *m, const struct attn_pointer_batch *b, struct attn_pointer_steps *out) {
    attn_tape *tape = m->tape;
    attn_ctx *ctx = tape->ctx;
    const int64_t h = m->config.hidden, places = b->count * (b->points + 1), strip = attn_recurrent_strip_of(ctx, b->count);
    struct attn_pointer_steps s = {
        .ctx = ctx, .points = b->points, .hidden = h, .first = m->end ? 0 : 1, .v = m->v->data, .x = b->x, .learned = m->first_h != NULL};
    if (!attn_packing_open(tape, "Ptr-Net", b->count, b->points, attn_pointer_own_lengths(b), &s.packing) ||
        !attn_lstm_states_open(tape, &m->encoder, &s.encoder) || !attn_lstm_states_open(tape, &m->decoder, &s.decoder) ||
        !attn_pack(tape, m->w1->data, h, true, h, h, &s.w1) || !attn_pack(tape, m->w2->data, h, true, h, h, &s.w2))
        return false;
    s.room_of_each = attn_lstm_states_room(&s.encoder, MOST) + (MOST + 1) * h + 2 * MOST;
    s.room = take(tape, ctx->config.threads * s.room_of_each);
    s.keys = take(tape, places * h);
    s.powers = attn_tape_take(tape, (size_t)places * sizeof *s.powers);
    s.h = take(tape, b->count * h);
    s.c = take(tape, b->count * h);
    for (int i = 0; i < 3; i++) s.state[i] = take(tape, b->count * h);
    if (tape->status) return false;
    first_states(&s, m->first_h, s.state[0]);
    first_states(&s, m->first_c, s.state[2]);
    first_states(&s, m->first_h, s.h); /* of examples without points */
    first_states(&s, m->first_c, s.c);
    if (m->end) put_end(&s, m->end);
    attn_parallel(ctx, attn_div_up(b->count, strip), ctx->config.threads, encode_strip, &(struct encoding){&s, strip});
    *out = s;
    return true;
}

/* ---------------------------------------------------------------------------------------------------------- decoder */

struct job {
    const struct attn_pointer_steps *s;
    const struct attn_pointer_tokens *t;
    int64_t strip; /* answers at a time: weights are read once for them */
};

/* u of answer i; keys that have powers and others one stretch after the other. */
static void logits(const struct job *job, int64_t i, const attn_real *query, attn_real *power) {
    const struct attn_pointer_steps *s = job->s;
    const struct attn_functions *f = s->decoder.functions;
    const int64_t wide = s->points + 1, place = job->t->example[i] * wide, slots = job->t->slots[i];
    attn_real *u = job->t->logits + i * wide;
    if (f->pointer_powers) (void)f->pointer_powers(s->hidden, query, power);
    for (int64_t j = 0; j < s->first; j++) u[j] = -(attn_real)INFINITY;
    for (int64_t j = s->first, end; j < slots; j = end) {
        const bool powers = s->powers[place + j];
        for (end = j + 1; end < slots && s->powers[place + end] == powers;) end++;
        const struct attn_pointer_keys keys = {end - j, s->hidden, s->hidden, powers ? power : query, s->keys + (place + j) * s->hidden,
                                               s->v};
        (powers ? f->pointer_logits_of_powers : f->pointer_logits)(&keys, u + j);
    }
    for (int64_t j = slots; j < wide; j++) u[j] = -(attn_real)INFINITY;
}

static void run_strip(void *arg, int64_t index, int worker) {
    const struct job *job = arg;
    const struct attn_pointer_steps *s = job->s;
    const struct attn_pointer_tokens *t = job->t;
    const int64_t first = index * job->strip, count = attn_min64(job->strip, t->count - first), h = s->hidden;
    const struct room room = room_of(s, worker);
    const struct attn_lstm_rows rows = {.rows = count,
                                        .x_step = 2,
                                        .step = h,
                                        .x = t->x + 2 * first,
                                        .before = t->c + first * h,
                                        .c = t->new_c + first * h,
                                        .h = t->new_h + first * h};
    attn_lstm_states_step(&s->decoder, &rows, t->h + first * h, room.gates);
    attn_packed_product(&s->w2, count, rows.h, h, room.rows, h, false);
    for (int64_t i = 0; i < count; i++) logits(job, first + i, room.rows + i * h, room.power);
}

void attn_pointer_steps_run(const struct attn_pointer_steps *s, const struct attn_pointer_tokens *tokens) {
    const int64_t strip = attn_recurrent_strip_of(s->ctx, tokens->count);
    attn_parallel(s->ctx, attn_div_up(tokens->count, strip), s->ctx->config.threads, run_strip, &(struct job){s, tokens, strip});
}
