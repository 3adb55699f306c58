#include "system/aaren/control_episodes.h"

#include "io/record.h"

#include <string.h>

/* Memory for `count` numbers of `bytes` bytes, zeros; a count that no memory can hold is none. */
static void *zeros(attn_ctx *ctx, int64_t count, size_t bytes) {
    size_t size;
    void *memory = attn_mul_size((size_t)count, bytes, &size) ? attn_alloc(ctx, size) : NULL;
    if (memory) memset(memory, 0, size);
    return memory;
}

attn_status attn_aaren_episodes_make(attn_ctx *ctx, int64_t observations, int64_t actions, int64_t count, int64_t steps,
                                     struct attn_aaren_episodes *out) {
    struct attn_aaren_episodes e = {.observations = observations, .actions = actions, .count = count, .steps = steps};
    e.first = zeros(ctx, count + 1, sizeof *e.first);
    e.observation = zeros(ctx, steps, (size_t)observations * sizeof *e.observation);
    e.action = zeros(ctx, steps, (size_t)actions * sizeof *e.action);
    e.reward = zeros(ctx, steps, sizeof *e.reward);
    e.to_go = zeros(ctx, steps, sizeof *e.to_go);
    if (e.first && e.observation && e.action && e.reward && e.to_go) {
        *out = e;
        return ATTN_OK;
    }
    attn_aaren_episodes_free(ctx, &e);
    return attn_no_memory(ctx, "episodes", (size_t)steps * ((size_t)(observations + actions) * sizeof(float) + 2 * sizeof(double)));
}

void attn_aaren_episodes_free(attn_ctx *ctx, struct attn_aaren_episodes *episodes) {
    attn_free(ctx, episodes->first);
    attn_free(ctx, episodes->observation);
    attn_free(ctx, episodes->action);
    attn_free(ctx, episodes->reward);
    attn_free(ctx, episodes->to_go);
    *episodes = (struct attn_aaren_episodes){.count = 0};
}

void attn_aaren_episodes_sum(struct attn_aaren_episodes *e) {
    for (int64_t i = 0; i < e->count; i++) {
        double sum = 0;
        for (int64_t t = e->first[i + 1] - 1; t >= e->first[i]; t--) e->to_go[t] = sum += e->reward[t];
    }
}

double attn_aaren_episode_return(const struct attn_aaren_episodes *episodes, int64_t index) {
    return episodes->to_go[episodes->first[index]];
}

double attn_aaren_episodes_return(const struct attn_aaren_episodes *episodes) {
    double sum = 0;
    for (int64_t i = 0; i < episodes->count; i++) sum += attn_aaren_episode_return(episodes, i);
    return sum / (double)episodes->count;
}

int64_t attn_aaren_episodes_longest(const struct attn_aaren_episodes *episodes) {
    int64_t most = 0;
    for (int64_t i = 0; i < episodes->count; i++) most = attn_max64(most, episodes->first[i + 1] - episodes->first[i]);
    return most;
}

/* ---------------------------------------------------------------------------------------------------------- as text */

static void write_numbers(const float *x, int64_t count, FILE *out) {
    for (int64_t i = 0; i < count; i++) fprintf(out, "%.9g,", (double)x[i]); /* 9 digits say a float */
}

attn_status attn_aaren_episodes_write(attn_ctx *ctx, const struct attn_aaren_episodes *e, int64_t count, FILE *out) {
    char text[40];
    fprintf(out, "trajectory,step,");
    for (int64_t i = 0; i < e->observations; i++) fprintf(out, "obs%lld,", (long long)i);
    for (int64_t i = 0; i < e->actions; i++) fprintf(out, "act%lld,", (long long)i);
    fprintf(out, "reward\n");
    for (int64_t i = 0; i < attn_min64(count, e->count) && !ferror(out); i++)
        for (int64_t t = e->first[i]; t < e->first[i + 1]; t++) {
            fprintf(out, "%lld,%lld,", (long long)i, (long long)(t - e->first[i]));
            write_numbers(e->observation + t * e->observations, e->observations, out);
            write_numbers(e->action + t * e->actions, e->actions, out);
            fprintf(out, "%s\n", attn_real_text(e->reward[t], text, sizeof text));
        }
    return fflush(out) != 0 || ferror(out) ? attn_fail(ctx, ATTN_ESYSTEM, "writing the episodes failed") : ATTN_OK;
}
