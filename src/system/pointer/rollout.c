#include "system/pointer/rollout.h"

#include "base/parallel.h"
#include "base/random.h"
#include "metric/tour.h"
#include "tape/real.h"

struct rollouts {
    const struct attn_transformer_encoding *encoding;
    const struct attn_pointer_batch *batch;
    const struct attn_rollout *how;
    unsigned char *scratch;
    size_t scratch_bytes;
    int32_t *tours;
    double *length;
};

/* Logits and the model's room. */
size_t attn_rollout_scratch(const struct attn_transformer_config *config, int64_t points) {
    const struct attn_transformer model = {.config = *config};
    const struct attn_transformer_encoding e = {.model = &model, .points = points};
    return (size_t)(points + attn_transformer_room(&e)) * sizeof(attn_real);
}

/* In [0, 1), a number of its own for each example, tour and city of a step, and none that the examples of this seed are drawn by. */
static double draw(const struct attn_rollout *how, int64_t example, int64_t tour, int64_t city) {
    const uint32_t key[2] = {(uint32_t)how->seed, (uint32_t)(how->seed >> 32)},
                   counter[4] = {(uint32_t)how->step, (uint32_t)(how->first + example), (uint32_t)tour, UINT32_MAX - (uint32_t)city};
    uint32_t word[4];
    attn_philox(key, counter, word);
    return ((double)(word[0] >> 5) * 67108864.0 + (double)(word[1] >> 6)) / 9007199254740992.0;
}

static int32_t likeliest(const attn_real *logits, int64_t n) {
    int32_t best = 0;
    for (int64_t j = 1; j < n; j++)
        if (logits[j] > logits[best]) best = (int32_t)j;
    return best;
}

/* The first city at which the probabilities so far are more than u; roundings can leave none, and the last that is left is taken. share: room for [n]. */
static int32_t chosen(const attn_real *logits, int64_t n, double u, attn_real *share) {
    const attn_real most = logits[likeliest(logits, n)];
    double all = 0, sum = 0;
    int32_t last = 0;
    for (int64_t j = 0; j < n; j++) {
        share[j] = real_exp(logits[j] - most);
        all += (double)share[j];
    }
    for (int64_t j = 0; j < n && sum <= u * all; j++) {
        sum += (double)share[j];
        if (share[j] > 0) last = (int32_t)j;
    }
    return last;
}

static void roll_out(void *arg, int64_t b, int worker) {
    const struct rollouts *r = arg;
    const struct attn_rollout *how = r->how;
    const int64_t n = r->encoding->points;
    attn_real *logits = (attn_real *)(void *)(r->scratch + (size_t)worker * r->scratch_bytes);
    for (int64_t k = 0; k < how->tours; k++) {
        int32_t *tour = r->tours + (b * how->tours + k) * n;
        if (how->every_start) tour[0] = (int32_t)(how->begin + k);
        for (int64_t t = how->every_start; t < n; t++) {
            attn_transformer_logits(r->encoding, b, tour, t, logits, logits + n);
            tour[t] = how->drawn ? chosen(logits, n, draw(how, b, k, t), logits + n) : likeliest(logits, n);
        }
        r->length[b * how->tours + k] = attn_tour_length(r->batch->xy + 2 * b * n, tour, n);
    }
}

void attn_rollout_tours(attn_ctx *ctx, const struct attn_transformer_encoding *encoding, const struct attn_pointer_batch *batch,
                        const struct attn_rollout *how, void *scratch, int32_t *tours, double *length) {
    struct rollouts r = {.encoding = encoding,
                         .batch = batch,
                         .how = how,
                         .scratch = scratch,
                         .scratch_bytes = attn_rollout_scratch(&encoding->model->config, encoding->points),
                         .tours = tours,
                         .length = length};
    attn_parallel(ctx, encoding->batch, ctx->config.threads, roll_out, &r);
}
