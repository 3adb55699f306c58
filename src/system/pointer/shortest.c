#include "system/pointer/shortest.h"

#include "system/pointer/rollout.h"

#include <math.h>

struct search {
    attn_ctx *ctx;
    const struct attn_pointer_problem *problem;
    const struct attn_pointer_batch *batch;
    struct attn_pointer_answers *answers;
    attn_real *x;   /* [B, N, 2], turned */
    int32_t *tours; /* [B, N] */
    double *length; /* [B] */
    void *scratch;
};

static attn_status open_search(struct search *s, const struct attn_transformer *m) {
    const size_t count = (size_t)s->batch->count, points = count * (size_t)s->batch->points,
                 scratch = attn_rollout_scratch(&m->config, s->batch->points) * (size_t)s->ctx->config.threads;
    s->x = attn_alloc(s->ctx, 2 * points * sizeof *s->x);
    s->tours = attn_alloc(s->ctx, points * sizeof *s->tours);
    s->length = attn_alloc(s->ctx, count * sizeof *s->length);
    s->scratch = attn_alloc(s->ctx, scratch);
    return s->x && s->tours && s->length && s->scratch ? ATTN_OK : attn_no_memory(s->ctx, "tours to choose from", points * 20 + scratch);
}

static void close_search(struct search *s) {
    void *const arrays[] = {s->x, s->tours, s->length, s->scratch};
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++) attn_free(s->ctx, arrays[i]);
}

/* x to 1 - x, y to 1 - y, and x and y exchanged. */
static void turn(struct search *s, int64_t symmetry) {
    for (int64_t i = 0; i < s->batch->count * s->batch->points; i++)
        for (int64_t k = 0; k < 2; k++) {
            const int64_t from = symmetry & 4 ? 1 - k : k;
            const attn_real x = s->batch->x[2 * i + from];
            s->x[2 * i + k] = symmetry >> from & 1 ? 1 - x : x;
        }
}

/* From point 1 on. */
static void keep_shorter(struct search *s) {
    const int64_t n = s->batch->points;
    for (int64_t b = 0; b < s->batch->count; b++) {
        const int32_t *tour = s->tours + b * n;
        int32_t *tokens = s->answers->tokens + b * s->answers->room;
        int64_t at = 0;
        if (!(-s->length[b] > s->answers->score[b])) continue;
        while (tour[at] != 0) at++;
        for (int64_t i = 0; i < n; i++) tokens[i] = tour[(at + i) % n] + 1;
        if (s->problem->close) tokens[n] = tokens[0];
        s->answers->score[b] = -s->length[b];
    }
}

int64_t attn_pointer_starts(int64_t points) {
    return attn_min64(points, attn_max64(1, ((int64_t)1 << 24) / (points * points)));
}

attn_status attn_pointer_shortest(attn_ctx *ctx, const struct attn_transformer *m, const struct attn_pointer_problem *problem,
                                  int64_t augment, const struct attn_pointer_batch *batch, struct attn_pointer_answers *answers) {
    struct search s = {.ctx = ctx, .problem = problem, .batch = batch, .answers = answers};
    const int64_t starts = m->config.any_start ? attn_pointer_starts(batch->points) : 1;
    attn_status status = open_search(&s, m);
    for (int64_t b = 0; b < batch->count; b++) {
        answers->length[b] = batch->points + problem->close;
        answers->ended[b] = true;
        answers->score[b] = -(double)INFINITY;
    }
    for (int64_t a = 0; a < augment && !status; a++) {
        struct attn_transformer_encoding e;
        turn(&s, a);
        attn_tape_reset(m->tape);
        if (!attn_transformer_encode(m, batch->count, batch->points, s.x, &e)) status = attn_tape_status(m->tape);
        for (int64_t k = 0; k < starts && !status; k++) {
            const struct attn_rollout how = {.tours = 1, .every_start = m->config.any_start, .begin = k * batch->points / starts};
            attn_rollout_tours(ctx, &e, batch, &how, s.scratch, s.tours, s.length);
            keep_shorter(&s);
        }
    }
    close_search(&s);
    return status;
}
