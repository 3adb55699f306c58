/* One step of all answers at a time. The encoding stays on the tape, and what a step has taken there is given back before the next.
 *
 * Answers that are finished leave: the others close ranks, and example[place] says whose states, slots and logits stand at a place. Beams and tokens stay with
 * their example. With ATTN_ATTENDING, whose glimpses want all examples' keys, places stay and nothing is computed of the keys of finished answers. */
#include "system/pointer/decode.h"

#include "base/parallel.h"
#include "system/pointer/shortest.h"
#include "system/pointer/steps.h"
#include "tape/tape.h"

#include <math.h>
#include <string.h>

/* A beginning of an answer. */
struct beam {
    double score;
    int32_t last;   /* token; -1: nothing yet */
    int32_t parent; /* among the beams before */
    bool live, ended;
    int64_t length;
};

struct decoder {
    attn_ctx *ctx;
    const struct attn_pointer_model *model;
    const struct attn_pointer_problem *problem;
    const struct attn_pointer_decoding *how;
    const struct attn_pointer_batch *batch;
    const struct attn_functions *functions;
    const int32_t *limits;            /* attn_pointer_answers */
    bool steps_alone;                 /* ATTN_PTRNET: without the tape */
    int64_t beams, most, wide, width; /* k, tokens of an answer with the end, N + 1, numbers of a state */
    struct attn_pointer_encoding encoding;
    struct attn_pointer_steps steps;         /* of ATTN_PTRNET */
    struct attn_arena_mark encoded;          /* behind the encoding */
    int64_t places;                          /* P: of answers that go on */
    int32_t *example, *from;                 /* [P]: whose place it is; the place it had before this step */
    int32_t *length, *slots;                 /* [P]: the batch's, 0 of answers that are finished */
    int32_t *row_example, *row_slots;        /* [P, k]: the same for each beam */
    attn_real *state;                        /* [3][P, k, H]: h, c, d' */
    const attn_real *next[3];                /* [P, k, H]: the same behind this step, before beams are chosen */
    attn_real *fresh_state;                  /* room for two of them; of ATTN_PTRNET */
    attn_real *x;                            /* [P, k, 2] */
    int32_t *last;                           /* [P, k] */
    struct beam *beam, *fresh;               /* [B, k] */
    int32_t *path, *paths;                   /* [B, k, most] */
    unsigned char *allowed;                  /* [B, N + 1] */
    const attn_real *logits;                 /* [P, k, N + 1] */
    struct attn_transformer_encoding cities; /* of the transformer, whose states are the tours so far */
    attn_real *own, *room;                   /* logits of the transformer and of ATTN_PTRNET; the first one's room for each worker */
    double *weights;                         /* of this step; NULL */
    int64_t taken;                           /* steps so far */
    bool *busy;                              /* [B] */
};

attn_status attn_pointer_answers_open(attn_ctx *ctx, const struct attn_pointer_problem *problem, int64_t count, int64_t points,
                                      struct attn_pointer_answers *out) {
    *out = (struct attn_pointer_answers){.room = attn_pointer_most_tokens(problem, points)};
    const size_t words = (size_t)(count * out->room) * sizeof *out->tokens;
    out->tokens = attn_alloc(ctx, words);
    out->length = attn_alloc(ctx, (size_t)count * sizeof *out->length);
    out->ended = attn_alloc(ctx, (size_t)count * sizeof *out->ended);
    out->score = attn_alloc(ctx, (size_t)count * sizeof *out->score);
    return out->tokens && out->length && out->ended && out->score ? ATTN_OK : attn_no_memory(ctx, "answers", words);
}

void attn_pointer_answers_close(attn_ctx *ctx, struct attn_pointer_answers *answers) {
    void *const arrays[] = {answers->tokens, answers->length, answers->ended, answers->score};
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++) attn_free(ctx, arrays[i]);
    *answers = (struct attn_pointer_answers){.room = 0};
}

/* ----------------------------------------------------------------------------------------------------------- set-up */

static void *take(struct decoder *d, attn_status *status, int64_t count, size_t size) {
    const size_t bytes = (size_t)attn_max64(count, 1) * size;
    void *memory = *status ? NULL : attn_alloc(d->ctx, bytes);
    if (!memory && !*status) *status = attn_no_memory(d->ctx, "decoding", bytes);
    return memory;
}

/* A tour, and what the transformer needs. */
static int64_t room_of(const struct decoder *d) {
    return d->batch->points + attn_transformer_room(&d->cities);
}

static attn_status open_decoder(struct decoder *d) {
    attn_status status = ATTN_OK;
    const int64_t count = d->batch->count, rows = count * d->beams;
    const bool steps = d->steps_alone;
    d->example = take(d, &status, count, sizeof *d->example);
    d->from = take(d, &status, count, sizeof *d->from);
    d->length = take(d, &status, count, sizeof *d->length);
    d->slots = take(d, &status, count, sizeof *d->slots);
    d->row_example = take(d, &status, rows, sizeof *d->row_example);
    d->row_slots = take(d, &status, rows, sizeof *d->row_slots);
    d->state = take(d, &status, 3 * rows * d->width, sizeof *d->state);
    d->fresh_state = take(d, &status, steps ? 2 * rows * d->width : 0, sizeof *d->fresh_state);
    d->x = take(d, &status, 2 * rows, sizeof *d->x);
    d->last = take(d, &status, rows, sizeof *d->last);
    d->beam = take(d, &status, rows, sizeof *d->beam);
    d->fresh = take(d, &status, rows, sizeof *d->fresh);
    d->path = take(d, &status, rows * d->most, sizeof *d->path);
    d->paths = take(d, &status, rows * d->most, sizeof *d->paths);
    d->allowed = take(d, &status, count * d->wide, sizeof *d->allowed);
    d->busy = take(d, &status, count, sizeof *d->busy);
    d->cities = (struct attn_transformer_encoding){.model = d->model->transformer, .points = d->batch->points};
    d->own = take(d, &status, steps || d->cities.model ? rows * d->wide : 0, sizeof *d->own);
    d->room = take(d, &status, d->cities.model ? d->ctx->config.threads * room_of(d) : 0, sizeof *d->room);
    return status;
}

static void close_decoder(struct decoder *d) {
    void *const arrays[] = {d->example, d->from, d->length, d->slots, d->row_example, d->row_slots, d->state, d->fresh_state, d->x,
                            d->last,    d->beam, d->fresh,  d->path,  d->paths,       d->allowed,   d->busy,  d->own,         d->room};
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++) attn_free(d->ctx, arrays[i]);
}

/* Whose answer place i is. */
static void put(struct decoder *d, int64_t i, int32_t example) {
    d->example[i] = example;
    d->length[i] = d->busy[example] ? d->batch->length[example] : 0;
    d->slots[i] = d->busy[example] ? d->batch->slots[example] : 0;
    for (int64_t row = i * d->beams; row < (i + 1) * d->beams; row++) {
        d->row_example[row] = example;
        d->row_slots[row] = d->slots[i];
    }
}

/* The first beginning is one, not k equal ones. */
static void first_beams(struct decoder *d) {
    const attn_real *start = d->steps_alone ? attn_data(d->model->start) : NULL;
    d->places = d->batch->count;
    for (int64_t r = 0; r < d->places * d->beams; r++) {
        d->beam[r] = (struct beam){.last = -1, .live = r % d->beams == 0};
        d->last[r] = -1;
        for (int c = 0; c < 2; c++) d->x[2 * r + c] = start ? start[c] : 0;
    }
    for (int64_t i = 0; i < d->places; i++) {
        d->busy[i] = true;
        put(d, i, (int32_t)i);
    }
}

/* All beams of an example begin with the encoder's states. */
static void begin_with(struct decoder *d, int part, const attn_real *states) {
    const int64_t h = d->width, rows = d->batch->count * d->beams;
    for (int64_t r = 0; r < rows; r++) memcpy(d->state + (part * rows + r) * h, states + r / d->beams * h, (size_t)h * sizeof *states);
}

static attn_status encode(struct decoder *d) {
    struct attn_pointer_states s;
    attn_tape *tape = d->model->tape;
    attn_tape_reset(tape);
    if (d->model->transformer) {
        attn_transformer_encode(d->model->transformer, d->batch->count, d->batch->points, d->batch->x, &d->cities);
        return attn_tape_status(tape);
    }
    if (d->steps_alone) {
        if (!attn_pointer_steps_open(d->model, d->batch, &d->steps)) return attn_tape_status(tape);
        begin_with(d, 0, d->steps.h);
        begin_with(d, 1, d->steps.c);
        return ATTN_OK;
    }
    attn_pointer_encode(d->model, d->batch, &d->encoding, &s);
    d->encoding.beams = d->beams;
    d->encoding.length = d->length;
    d->encoding.slots = d->slots;
    if (attn_tape_status(tape)) return attn_tape_status(tape);
    attn_tensor *const part[3] = {s.h, s.c, s.glimpse};
    for (int p = 0; p < 3 && part[p]; p++) begin_with(d, p, attn_data(part[p]));
    d->encoded = attn_arena_mark(&tape->step);
    return ATTN_OK;
}

/* ------------------------------------------------------------------------------------------------------------- a step */

/* Log of the sum of e^logits over what counts, kept relative to the greatest; -inf of nothing. */
static double log_sum(const struct decoder *d, const attn_real *logits, const unsigned char *allowed, int64_t count) {
    double most = -(double)INFINITY, sum = 0;
    if (!allowed) {
        const attn_real greatest = d->functions->greatest(count, logits);
        if (greatest == -(attn_real)INFINITY) return most;
        return (double)greatest + log((double)d->functions->exp_sum(count, logits, greatest, NULL));
    }
    for (int64_t j = 0; j < count; j++)
        if (allowed[j] && (double)logits[j] > most) most = (double)logits[j];
    if (most == -(double)INFINITY) return most;
    for (int64_t j = 0; j < count; j++)
        if (allowed[j]) sum += exp((double)logits[j] - most);
    return most + log(sum);
}

/* Puts a candidate where it belongs among the k best so far; those that came before it are ahead of equal ones. */
static void offer(struct beam *best, int64_t k, int64_t *count, const struct beam *candidate) {
    int64_t at = *count;
    while (at > 0 && best[at - 1].score < candidate->score) at--;
    if (at == k) return;
    if (*count < k) (*count)++;
    memmove(best + at + 1, best + at, (size_t)(*count - 1 - at) * sizeof *best);
    best[at] = *candidate;
}

/* What may follow a beginning that is valid so far. */
static void allow(const struct decoder *d, int64_t row, const attn_real *logits, int64_t slots, unsigned char *allowed) {
    if (d->cities.model)
        for (int64_t j = 0; j < slots; j++) allowed[j] = logits[j] > -(attn_real)INFINITY;
    else
        attn_pointer_allow(d->problem, d->path + row * d->most, d->beam[row].length, slots - 1, allowed);
}

/* Whether a token is the last one behind a beginning. */
static bool ends(const struct decoder *d, int64_t row, int64_t token) {
    if (!d->problem->closing_ends) return token == ATTN_POINTER_END;
    return d->beam[row].length > 0 && token == d->path[row * d->most];
}

/* What may follow beam `parent` of place i. */
static void offer_next(const struct decoder *d, int64_t i, int64_t parent, struct beam *best, int64_t *count) {
    const int64_t b = d->example[i], row = b * d->beams + parent, slots = d->batch->slots[b];
    const struct beam *from = &d->beam[row];
    const attn_real *logits = d->logits + (i * d->beams + parent) * d->wide;
    unsigned char *allowed = d->how->constrained || d->cities.model ? d->allowed + b * d->wide : NULL;
    if (allowed) allow(d, row, logits, slots, allowed);
    const double all = log_sum(d, logits, d->how->renormalised ? allowed : NULL, slots);
    if (d->weights) memset(d->weights, 0, (size_t)slots * sizeof *d->weights);
    for (int64_t j = d->problem->closing_ends; j < slots; j++) {
        if (allowed && !allowed[j]) continue;
        const struct beam next = {.score = from->score + ((double)logits[j] - all),
                                  .last = (int32_t)j,
                                  .parent = (int32_t)parent,
                                  .live = true,
                                  .ended = ends(d, row, j),
                                  .length = from->length + (j != ATTN_POINTER_END)};
        offer(best, d->beams, count, &next);
        if (d->weights) d->weights[j] = exp((double)logits[j] - all);
    }
}

/* Tokens that an answer may have. */
static int64_t most_of(const struct decoder *d, int64_t b) {
    const int64_t most = attn_min64(d->most, attn_pointer_most_tokens(d->problem, d->batch->length[b]));
    return d->limits ? attn_min64(most, d->limits[b]) : most;
}

/* The best beams of example b, and whether it goes on. */
static void choose_beams(struct decoder *d, int64_t i, int64_t b) {
    const int64_t k = d->beams;
    struct beam *best = d->fresh + b * k;
    int64_t count = 0;
    bool busy = false;
    for (int64_t parent = 0; parent < k; parent++) {
        struct beam kept = d->beam[b * k + parent];
        kept.parent = (int32_t)parent;
        if (kept.live && kept.ended) offer(best, k, &count, &kept);
        if (kept.live && !kept.ended) offer_next(d, i, parent, best, &count);
    }
    for (int64_t j = 0; j < count; j++) busy = busy || !best[j].ended;
    for (int64_t j = count; j < k; j++) best[j] = (struct beam){.live = false, .parent = 0};
    d->busy[b] = busy && d->taken + 1 < most_of(d, b);
}

static void choose(void *arg, int64_t i, int worker) {
    struct decoder *d = arg;
    const int64_t b = d->example[i], k = d->beams;
    const struct beam *best = d->fresh + b * k;
    (void)worker;
    if (!d->busy[b]) return;
    choose_beams(d, i, b);
    for (int64_t j = 0; j < k; j++) {
        const int64_t from = b * k + best[j].parent, to = b * k + j;
        const bool grew = best[j].live && best[j].length > d->beam[from].length;
        memcpy(d->paths + to * d->most, d->path + from * d->most, (size_t)(best[j].length - grew) * sizeof *d->path);
        if (grew) d->paths[to * d->most + best[j].length - 1] = best[j].last;
    }
    for (int64_t row = b * k; row < (b + 1) * k; row++) {
        d->beam[row] = d->fresh[row];
        memcpy(d->path + row * d->most, d->paths + row * d->most, (size_t)d->beam[row].length * sizeof *d->path);
    }
}

/* Finished answers leave their places. */
static void close_ranks(struct decoder *d) {
    const bool stay = d->model->config.net == ATTN_ATTENDING && !d->cities.model;
    int64_t places = 0;
    bool any = false;
    for (int64_t i = 0; i < d->places; i++) {
        const int32_t b = d->example[i];
        any = any || d->busy[b];
        if (!d->busy[b] && !stay) continue;
        d->from[places] = (int32_t)i;
        put(d, places++, b);
    }
    d->places = any ? places : 0;
}

/* What the next step takes of place i. */
static void take_up(void *arg, int64_t i, int worker) {
    struct decoder *d = arg;
    const int64_t b = d->example[i], k = d->beams, all = d->batch->count * k;
    (void)worker;
    for (int64_t j = 0; j < k; j++) {
        const struct beam *beam = &d->beam[b * k + j];
        const int64_t from = d->from[i] * k + beam->parent, row = i * k + j;
        const int64_t point = 2 * (b * d->batch->points + attn_max64(beam->last, 1) - 1);
        for (int p = 0; p < 3 && d->next[p]; p++)
            memcpy(d->state + (p * all + row) * d->width, d->next[p] + from * d->width, (size_t)d->width * sizeof *d->state);
        d->last[row] = (int32_t)attn_max64(beam->last, 0);
        for (int c = 0; c < 2; c++) d->x[2 * row + c] = d->batch->x[point + c];
    }
}

/* Cities that are left; behind them the first again, where tours close, and the end. */
static void transformer_logits(void *arg, int64_t row, int worker) {
    struct decoder *d = arg;
    const int64_t n = d->batch->points, b = d->row_example[row], of = b * d->beams + row % d->beams;
    const struct beam *beam = &d->beam[of];
    const int32_t *path = d->path + of * d->most;
    attn_real *logits = d->own + row * d->wide, *room = d->room + worker * room_of(d);
    int32_t *tour = (int32_t *)(void *)room;
    if (!beam->live || beam->ended) return;
    for (int64_t j = 0; j <= n; j++) logits[j] = -(attn_real)INFINITY;
    for (int64_t i = 0; i < attn_min64(beam->length, n); i++) tour[i] = path[i] - 1;
    if (beam->length < n)
        attn_transformer_logits(&d->cities, b, tour, beam->length, logits + 1, room + n);
    else
        logits[beam->length == n && d->problem->close ? path[0] : ATTN_POINTER_END] = 0;
}

static void transformer_step(struct decoder *d) {
    attn_parallel(d->ctx, d->places * d->beams, d->ctx->config.threads, transformer_logits, d);
    d->logits = d->own;
}

static void ptrnet_step(struct decoder *d) {
    const int64_t all = d->batch->count * d->beams * d->width;
    const struct attn_pointer_tokens tokens = {.count = d->places * d->beams,
                                               .example = d->row_example,
                                               .slots = d->row_slots,
                                               .x = d->x,
                                               .h = d->state,
                                               .c = d->state + all,
                                               .new_h = d->fresh_state,
                                               .new_c = d->fresh_state + all,
                                               .logits = d->own};
    attn_pointer_steps_run(&d->steps, &tokens);
    d->next[0] = tokens.new_h;
    d->next[1] = tokens.new_c;
    d->logits = d->own;
}

/* On the tape. */
static attn_status baseline_step(struct decoder *d) {
    attn_tape *tape = d->model->tape;
    const int64_t rows = d->places * d->beams, h = d->width, all = d->batch->count * d->beams * h;
    const bool attends = d->model->config.net == ATTN_ATTENDING;
    struct attn_pointer_states s;
    d->encoding.batch = d->places;
    attn_arena_back(&tape->step, d->encoded);
    s.h = attn_tensor_input(tape, 2, (const int64_t[]){rows, h}, d->state);
    s.c = attn_tensor_input(tape, 2, (const int64_t[]){rows, h}, d->state + all);
    s.glimpse = attends ? attn_tensor_input(tape, 2, (const int64_t[]){rows, h}, d->state + 2 * all) : NULL;
    attn_tensor *logits = attn_pointer_step(d->model, &d->encoding, d->last, d->x, &s);
    if (attn_tape_status(tape)) return attn_tape_status(tape);
    d->logits = attn_data(logits);
    d->next[0] = attn_data(s.h);
    d->next[1] = attn_data(s.c);
    d->next[2] = attends ? attn_data(s.glimpse) : NULL;
    return ATTN_OK;
}

static attn_status step(struct decoder *d) {
    attn_status status = ATTN_OK;
    if (d->cities.model)
        transformer_step(d);
    else if (d->steps_alone)
        ptrnet_step(d);
    else
        status = baseline_step(d);
    if (status) return status;
    attn_parallel(d->ctx, d->places, d->ctx->config.threads, choose, d);
    close_ranks(d);
    attn_parallel(d->ctx, d->places, d->ctx->config.threads, take_up, d);
    return ATTN_OK;
}

/* A tour has no first city: the transformer's begin where it likes, answers at point 1. One that there is no room for stays as it is. */
static void write_tour(const int32_t *path, int64_t n, int64_t length, int32_t *tokens) {
    int64_t at = 0;
    while (length >= n && path[at] != 1) at++;
    for (int64_t i = 0; i < length; i++) tokens[i] = path[(at + i) % n];
}

static void write_answers(const struct decoder *d, struct attn_pointer_answers *answers) {
    for (int64_t b = 0; b < d->batch->count; b++) {
        const struct beam *best = &d->beam[b * d->beams];
        answers->length[b] = best->length;
        answers->ended[b] = best->ended;
        answers->score[b] = best->score;
        const int32_t *path = d->path + b * d->beams * d->most;
        if (d->cities.model)
            write_tour(path, d->batch->points, best->length, answers->tokens + b * answers->room);
        else
            memcpy(answers->tokens + b * answers->room, path, (size_t)best->length * sizeof *path);
    }
}

attn_status attn_pointer_decode(attn_ctx *ctx, const struct attn_pointer_model *model, const struct attn_pointer_problem *problem,
                                const struct attn_pointer_decoding *how, const struct attn_pointer_batch *batch,
                                struct attn_pointer_answers *answers, double *weights) {
    struct decoder d = {.ctx = ctx,
                        .model = model,
                        .problem = problem,
                        .how = how,
                        .batch = batch,
                        .functions = attn_functions_for(ctx),
                        .beams = how->beams,
                        .most = attn_min64(answers->room, attn_pointer_most_tokens(problem, batch->points)),
                        .limits = answers->limits,
                        .steps_alone = model->config.net == ATTN_PTRNET && !model->transformer,
                        .wide = batch->points + 1,
                        .width = model->config.hidden};
    const bool records = model->tape->record;
    attn_tape_record(model->tape, false);
    if (model->augment > 0) {
        const attn_status found = attn_pointer_shortest(ctx, model->transformer, problem, model->augment, batch, answers);
        attn_tape_record(model->tape, records);
        return found;
    }
    attn_status status = open_decoder(&d);
    if (!status) first_beams(&d);
    if (!status) status = encode(&d);
    for (; !status && d.places > 0; d.taken++) {
        d.weights = weights ? weights + d.taken * d.wide : NULL;
        status = step(&d);
    }
    if (!status) write_answers(&d, answers);
    attn_tape_record(model->tape, records);
    close_decoder(&d);
    return status;
}
