#include "system/pointer/steps.h"

#include "base/parallel.h"
#include "tape/recurrent.h"

#include <math.h>
#include <string.h>

/* ------------------------------------------------------------------------------------------------------------- keys */

static void multiply_by_w1(const struct attn_pointer_steps *s, int64_t b, attn_real *keys) {
    const int64_t h = s->hidden, n = s->points;
    memcpy(keys, s->end_key, (size_t)h * sizeof *keys);
    attn_packed_product(&s->w1, n, s->encoded + b * n * h, h, keys + h, h, false);
}

/* Of one example. Keys that have no powers are rare enough to be made twice. */
static void make_keys(void *arg, int64_t b, int worker) {
    const struct attn_pointer_steps *s = arg;
    const struct attn_functions *f = s->lstm.functions;
    const int64_t numbers = (s->points + 1) * s->hidden;
    attn_real *keys = s->keys + b * numbers;
    (void)worker;
    multiply_by_w1(s, b, keys);
    s->powers[b] = f->pointer_powers && f->pointer_powers(numbers, keys, keys);
    if (f->pointer_powers && !s->powers[b]) multiply_by_w1(s, b, keys);
}

bool attn_pointer_steps_open(const struct attn_pointer_model *m, const struct attn_pointer_encoding *e, struct attn_pointer_steps *out) {
    attn_tape *tape = m->tape;
    const int64_t h = m->config.hidden;
    struct attn_pointer_steps s = {.ctx = tape->ctx, .batch = e->batch, .points = e->points, .hidden = h};
    attn_tensor *encoded = attn_contiguous(e->encoded);
    if (!encoded || !attn_lstm_states_open(tape, &m->decoder, &s.lstm)) return false;
    const int64_t threads = tape->ctx->config.threads;
    s.worker_room = attn_lstm_states_room(&s.lstm, ATTN_RECURRENT_STRIP) + ATTN_RECURRENT_STRIP * h;
    s.encoded = encoded->data;
    s.end = attn_data(m->end);
    s.v = attn_data(m->v);
    s.end_key = attn_tape_take(tape, (size_t)h * sizeof *s.end_key);
    s.keys = attn_tape_take(tape, (size_t)(e->batch * (e->points + 1) * h) * sizeof *s.keys);
    s.powers = attn_tape_take(tape, (size_t)e->batch * sizeof *s.powers);
    s.room = attn_tape_take(tape, (size_t)(threads * s.worker_room) * sizeof *s.room);
    if (!s.end_key || !s.keys || !s.powers || !s.room || !attn_pack(tape, attn_data(m->w1), h, true, h, h, &s.w1) ||
        !attn_pack(tape, attn_data(m->w2), h, true, h, h, &s.w2))
        return false;
    attn_packed_product(&s.w1, 1, s.end, h, s.end_key, h, false);
    attn_parallel(s.ctx, e->batch, (int)threads, make_keys, &s);
    *out = s;
    return true;
}

/* ------------------------------------------------------------------------------------------------------------ steps */

struct job {
    const struct attn_pointer_steps *s;
    const struct attn_pointer_tokens *t;
    int64_t strip; /* answers at a time: weights are read once for them */
};

/* u of answer i, whose query is used up. */
static void logits(const struct job *job, int64_t i, attn_real *query) {
    const struct attn_pointer_steps *s = job->s;
    const struct attn_functions *f = s->lstm.functions;
    const int64_t wide = s->points + 1, example = job->t->example[i], slots = job->t->slots[i];
    const struct attn_pointer_keys keys = {slots, s->hidden, s->hidden, query, s->keys + example * wide * s->hidden, s->v};
    attn_real *u = job->t->logits + i * wide;
    if (s->powers[example]) f->pointer_powers(s->hidden, query, query);
    (s->powers[example] ? f->pointer_logits_of_powers : f->pointer_logits)(&keys, u);
    for (int64_t j = slots; j < wide; j++) u[j] = -(attn_real)INFINITY;
}

static void run_strip(void *arg, int64_t index, int worker) {
    const struct job *job = arg;
    const struct attn_pointer_steps *s = job->s;
    const struct attn_pointer_tokens *t = job->t;
    const int64_t first = index * job->strip, rows = attn_min64(job->strip, t->count - first), h = s->hidden;
    attn_real *gates = s->room + worker * s->worker_room, *query = gates + attn_lstm_states_room(&s->lstm, rows);
    const struct attn_lstm_rows states = {.rows = rows,
                                          .x_step = 2,
                                          .step = h,
                                          .x = t->x + 2 * first,
                                          .before = t->c + first * h,
                                          .c = t->new_c + first * h,
                                          .h = t->new_h + first * h};
    attn_lstm_states_step(&s->lstm, &states, t->h + first * h, gates);
    attn_packed_product(&s->w2, rows, states.h, h, query, h, false);
    for (int64_t i = 0; i < rows; i++) logits(job, first + i, query + i * h);
}

void attn_pointer_steps_run(const struct attn_pointer_steps *s, const struct attn_pointer_tokens *tokens) {
    const int64_t strip = attn_recurrent_strip_of(s->ctx, tokens->count);
    attn_parallel(s->ctx, attn_div_up(tokens->count, strip), s->ctx->config.threads, run_strip, &(struct job){s, tokens, strip});
}
