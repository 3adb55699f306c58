/* A pointer network with its instances. */
#include "bench/answer.h"

#include "base/clock.h"
#include "base/context.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

double attn_answer_case_products(const struct attn_answer_shape *s, double tokens) {
    const double h = (double)s->hidden, points = (double)s->points;
    return points * 4 * h * (h + 2) + (points + 1) * h * h + tokens * (4 * h * (h + 2) + h * h);
}

double attn_answer_case_tanhs(const struct attn_answer_shape *s, double tokens) {
    return tokens * (double)(s->points + 1) * (double)s->hidden;
}

/* e[0] = -W1^T v, long: W1 e[0] is then far from v, and e[0] the key that is pointed at least; not longer than those of models that were trained. */
static void make_end_unlikely(struct attn_answer_case *c) {
    const attn_real *w1 = attn_data(c->net.w1), *v = attn_data(c->net.v);
    attn_real *end = attn_data(c->net.end);
    const int64_t h = c->shape.hidden;
    for (int64_t i = 0; i < h; i++) {
        double sum = 0;
        for (int64_t j = 0; j < h; j++) sum += (double)w1[j * h + i] * (double)v[j];
        end[i] = (attn_real)(-100 * sum);
    }
}

/* Points of each instance, and the tokens of its answer: of its hull unless all have as many. */
static void draw(struct attn_answer_case *c, uint64_t seed, double *xy, int32_t *numbers, void *scratch) {
    const int64_t n = c->shape.points, most = c->answers.room;
    int64_t longest = 1, sum = 0;
    for (int64_t i = 0; i < c->shape.instances; i++) {
        int64_t tokens = c->shape.tokens;
        attn_pointer_draw(&c->problem, n, seed, (uint64_t)i, xy);
        for (int64_t k = 0; k < 2 * n; k++) c->x[i * 2 * n + k] = (float)xy[k];
        if (tokens == 0) tokens = attn_pointer_solve(&c->problem, xy, n, numbers, scratch, NULL) + 2; /* the first again, and the end */
        c->tokens[i] = (int32_t)attn_min64(tokens, most);
        longest = attn_max64(longest, c->tokens[i]);
        sum += c->tokens[i];
    }
    c->shape.tokens = longest;
    c->tokens_mean = (double)sum / (double)c->shape.instances;
}

static attn_status draw_instances(struct attn_answer_case *c, uint64_t seed) {
    const int64_t n = c->shape.points;
    const size_t room = (size_t)attn_pointer_most_numbers(&c->problem, n) * sizeof(int32_t), scratch = attn_pointer_scratch(&c->problem, n);
    const size_t points = (size_t)(2 * c->shape.instances * n) * sizeof *c->x;
    double *xy = attn_alloc(c->ctx, (size_t)(2 * n) * sizeof *xy);
    int32_t *numbers = attn_alloc(c->ctx, room);
    void *work = attn_alloc(c->ctx, scratch);
    c->x = attn_alloc(c->ctx, points);
    c->tokens = attn_alloc(c->ctx, (size_t)c->shape.instances * sizeof *c->tokens);
    const bool there = xy && numbers && work && c->x && c->tokens;
    if (there) draw(c, seed, xy, numbers, work);
    attn_free(c->ctx, xy);
    attn_free(c->ctx, numbers);
    attn_free(c->ctx, work);
    return there ? ATTN_OK : attn_no_memory(c->ctx, "points of instances", points);
}

attn_status attn_answer_case_open(struct attn_answer_case *c, attn_ctx *ctx, const struct attn_answer_shape *shape, uint64_t seed) {
    const struct attn_pointer_config config = {.net = ATTN_PTRNET, .hidden = shape->hidden, .range = 0.08};
    *c = (struct attn_answer_case){.ctx = ctx, .shape = *shape, .problem = {.kind = ATTN_POINTER_HULL, .close = true}};
    struct attn_answer_shape *s = &c->shape;
    s->batch = attn_min64(s->batch, s->instances);
    attn_status status = attn_model_create(ctx, seed, &c->model);
    if (status) return status;
    attn_pointer_model_make(c->model, &config, &c->net);
    attn_tape_record(c->net.tape, false);
    status = attn_tape_status(c->net.tape);
    if (!status) make_end_unlikely(c);
    if (!status) status = attn_pointer_answers_open(ctx, &c->problem, s->batch, s->points, &c->answers);
    if (!status) status = draw_instances(c, seed);
    return status ? status : attn_pointer_batch_open(ctx, s->batch, s->points, s->tokens, &c->batch);
}

void attn_answer_case_close(struct attn_answer_case *c) {
    attn_free(c->ctx, c->x);
    attn_free(c->ctx, c->tokens);
    attn_pointer_answers_close(c->ctx, &c->answers);
    attn_pointer_batch_close(c->ctx, &c->batch);
    attn_model_destroy(c->model);
}

/* Instances from `first` on, as many as a batch has and there are. */
static attn_status answer(struct attn_answer_case *c, int64_t first) {
    static const struct attn_pointer_decoding greedy = {.beams = 1};
    const int64_t points = c->shape.points, count = attn_min64(c->shape.batch, c->shape.instances - first);
    attn_pointer_batch_begin(&c->batch, count, points, c->shape.tokens);
    for (int64_t i = 0; i < count; i++) {
        c->batch.length[i] = (int32_t)points;
        c->batch.slots[i] = (int32_t)points + 1;
    }
    memcpy(c->batch.x, c->x + first * points * 2, (size_t)(count * points * 2) * sizeof *c->x);
    c->answers.limits = c->tokens + first;
    return attn_pointer_decode(c->ctx, &c->net, &c->problem, &greedy, &c->batch, &c->answers, NULL);
}

/* Gives the first batch its answers for targets. False: one of them has not the number of tokens that it should have. */
static bool answers_as_targets(struct attn_answer_case *c) {
    struct attn_pointer_batch *b = &c->batch;
    double *xy = b->xy; /* in the place of points that are not read */
    for (int64_t i = 0; i < b->count; i++) {
        for (int64_t k = 0; k < 2 * b->points; k++) xy[i * 2 * b->points + k] = (double)c->x[i * 2 * b->points + k];
        attn_pointer_batch_put(b, i, xy + i * 2 * b->points, b->points, c->answers.tokens + i * c->answers.room, c->answers.length[i]);
        if (c->answers.length[i] != c->tokens[i]) return false;
    }
    return true;
}

attn_status attn_answer_case_check(struct attn_answer_case *c, double *error) {
    attn_status status = answer(c, 0);
    *error = (double)INFINITY;
    c->score = 0;
    for (int64_t i = 0; i < c->batch.count && !status; i++) c->score += c->answers.score[i] / (double)c->batch.count;
    if (status || !answers_as_targets(c)) return status;
    attn_tape_reset(c->net.tape);
    attn_tensor *loss = attn_pointer_model_loss(&c->net, &c->batch);
    if (attn_tape_status(c->net.tape)) return attn_tape_status(c->net.tape);
    *error = fabs((double)attn_data(loss)[0] / (double)c->batch.count + c->score) / fabs(c->score);
    return ATTN_OK;
}

attn_status attn_answer_case_torch(void *self, struct attn_torch *torch, char *name, size_t size, double *difference) {
    const struct attn_answer_case *c = self;
    const struct attn_answer_shape *s = &c->shape;
    char answer[64] = "", score[40] = "";
    attn_status status = attn_torch_give(torch, "x", ATTN_NPY_F32, 3, (const int64_t[]){s->instances, s->points, 2}, c->x);
    if (!status) status = attn_torch_give(torch, "tokens", ATTN_NPY_I32, 1, &s->instances, c->tokens);
    for (int64_t i = 0; i < attn_model_count(c->model) && !status; i++) {
        attn_tensor *w = attn_model_tensor(c->model, i);
        const int64_t shape[] = {attn_size(w, 0), attn_dims(w) > 1 ? attn_size(w, 1) : 1};
        status = attn_torch_give(torch, attn_model_name(c->model, i), ATTN_NPY_F32, attn_dims(w), shape, attn_data(w));
    }
    if (!status)
        status = attn_torch_ask(torch, answer, sizeof answer, "answer %s %d %lld %s", torch->folder, torch->threads, (long long)s->batch,
                                s->together ? "together" : "leaving");
    if (status) return status;
    const size_t word = strcspn(answer, " ");
    snprintf(name, size, "%.*s", (int)word, answer);
    snprintf(score, sizeof score, "%s", answer + word);
    *difference = fabs(strtod(score, NULL) - c->score) / fabs(c->score);
    return ATTN_OK;
}

attn_status attn_answer_case_run(void *self, enum attn_direction pass, double *seconds) {
    struct attn_answer_case *c = self;
    attn_status status = ATTN_OK;
    (void)pass;
    const double start = attn_clock();
    for (int64_t first = 0; first < c->shape.instances && !status; first += c->shape.batch) status = answer(c, first);
    *seconds = attn_clock() - start;
    return status;
}
