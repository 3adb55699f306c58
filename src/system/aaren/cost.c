#include "system/aaren/cost.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/random.h"
#include "system/aaren/stack.h"
#include "tape/tape.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Tokens go round among so many; times of the last of them make a median; the mark to stop is asked for that often. */
enum { INPUTS = 64, WINDOW = 257, ASK = 256 };

/* One pass: a stack, or its mixers alone. */
struct pass {
    const struct attn_aaren_cost_spec *spec;
    attn_model *model;
    attn_tape *tape;
    struct attn_aaren_stack *stack; /* NULL: mixers alone */
    attn_mixer **mixer;             /* [layers] */
    attn_real *state, *x;           /* zeros; [INPUTS, width] */
    int64_t tokens, numbers;        /* of the state of the whole */
};

/* ---------------------------------------------------------------------------------------------------------------- making */

static int64_t state_of(const struct pass *p, int64_t tokens) {
    if (p->stack) return attn_aaren_stack_state(p->stack, tokens);
    int64_t sum = 0;
    for (int64_t i = 0; i < p->spec->layers; i++) {
        const int64_t numbers = attn_mixer_state(p->mixer[i], tokens);
        if (numbers < 0) return -1;
        sum += numbers;
    }
    return sum;
}

static void make_layers(struct pass *p, bool alone) {
    const struct attn_aaren_cost_spec *s = p->spec;
    const struct attn_aaren_stack_config config = {.width = s->width,
                                                   .ffn = s->ffn,
                                                   .layers = s->layers,
                                                   .length = p->tokens,
                                                   .mixer = s->mixer,
                                                   .pre_norm = true,
                                                   .final_norm = true,
                                                   .epsilon = 1e-5};
    if (!alone) {
        p->stack = attn_aaren_stack_make(p->model, &config);
        return;
    }
    p->mixer = attn_model_memory(p->model, (size_t)s->layers * sizeof(attn_mixer *));
    for (int64_t i = 0; p->mixer && i < s->layers; i++) {
        const attn_mixer_place place = {s->width, p->tokens, i, s->layers};
        attn_model_enter(p->model, "mixers.%lld", (long long)i);
        p->mixer[i] = attn_mixer_make(p->model, s->mixer, &place, NULL, 0);
        attn_model_leave(p->model);
    }
}

static attn_status open_pass(attn_ctx *ctx, const struct attn_aaren_cost_spec *spec, int64_t tokens, bool alone, struct pass *p) {
    struct attn_random random;
    *p = (struct pass){.spec = spec, .tokens = tokens};
    attn_status status = attn_model_create(ctx, spec->seed, &p->model);
    if (status) return status;
    p->tape = attn_model_tape(p->model);
    make_layers(p, alone);
    status = attn_tape_status(p->tape);
    if (status) return status;
    p->numbers = state_of(p, tokens);
    if (p->numbers < 0) return attn_fail(ctx, ATTN_EUNSUPPORTED, "%s: it has no form that goes token by token", spec->mixer);
    const size_t inputs = (size_t)(INPUTS * spec->width) * sizeof *p->x;
    p->x = attn_alloc(ctx, inputs);
    if (!p->x) return attn_no_memory(ctx, "a stream's tokens", inputs);
    attn_random_init(&random, spec->seed);
    for (int64_t i = 0; i < INPUTS * spec->width; i++) p->x[i] = (attn_real)attn_random_normal(&random);
    attn_tape_freeze(p->tape);
    return ATTN_OK;
}

static attn_status open_state(attn_ctx *ctx, struct pass *p) {
    const size_t bytes = (size_t)p->numbers * sizeof *p->state;
    p->state = attn_alloc(ctx, bytes);
    if (!p->state) return attn_no_memory(ctx, "a stream's state", bytes);
    memset(p->state, 0, bytes);
    return ATTN_OK;
}

static void close_pass(attn_ctx *ctx, struct pass *p) {
    attn_free(ctx, p->state);
    attn_free(ctx, p->x);
    attn_model_destroy(p->model);
}

/* --------------------------------------------------------------------------------------------------------------- pushing */

static attn_tensor *push_alone(const struct pass *p, attn_tensor *x, int64_t position) {
    attn_real *state = p->state;
    for (int64_t i = 0; i < p->spec->layers; i++) {
        attn_mixer_call call = {.u = x, .share = (double)NAN};
        x = attn_mixer_step(p->mixer[i], &call, state, p->tokens, position);
        state += attn_mixer_state(p->mixer[i], p->tokens);
    }
    return x;
}

static attn_status push(const struct pass *p, int64_t position) {
    attn_tape_reset(p->tape);
    attn_tensor *x = attn_tensor_input(p->tape, 3, (const int64_t[]){1, 1, p->spec->width}, p->x + position % INPUTS * p->spec->width);
    attn_tensor *y = p->stack ? attn_aaren_stack_step(p->stack, x, NULL, p->state, p->tokens, position) : push_alone(p, x, position);
    return y ? ATTN_OK : attn_tape_status(p->tape);
}

/* ---------------------------------------------------------------------------------------------------------------- bytes */

/* As many tokens as it takes until pushes of this stream allocate nothing more; what the state holds has no part in it. */
static attn_status measure_bytes(attn_ctx *ctx, const struct attn_memory *memory, struct pass *p, struct attn_aaren_cost *out) {
    enum { PUSHED = 3 };
    const size_t before = atomic_load(&memory->live);
    attn_status status = open_state(ctx, p);
    const size_t given = atomic_load(&memory->live);
    for (int i = 0; i < PUSHED && !status; i++) status = push(p, out->tokens - 1);
    out->state_bytes = (int64_t)(given - before);
    out->working_bytes = (int64_t)(atomic_load(&memory->live) - given);
    return status;
}

attn_status attn_aaren_cost_bytes(attn_ctx *ctx, const struct attn_aaren_cost_spec *spec, struct attn_aaren_cost *out, int count) {
    struct attn_memory memory;
    attn_ctx *counting;
    char error[1024];
    attn_status status = attn_memory_context(&memory, 1, &counting, error, sizeof error);
    if (status) return attn_fail(ctx, status, "%s", error);
    for (int i = 0; i < count && !status; i++) {
        struct pass p;
        status = open_pass(counting, spec, out[i].tokens, false, &p);
        if (!status) status = measure_bytes(counting, &memory, &p, &out[i]);
        close_pass(counting, &p);
    }
    if (status) attn_fail(ctx, status, "%s", attn_ctx_error(counting, error, sizeof error));
    attn_ctx_destroy(counting);
    return status;
}

/* -------------------------------------------------------------------------------------------------------------- seconds */

static int by_size(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median_of(const double *window, int64_t count) {
    double sorted[WINDOW];
    const int n = (int)attn_min64(count, WINDOW);
    memcpy(sorted, window, (size_t)n * sizeof *sorted);
    qsort(sorted, (size_t)n, sizeof *sorted, by_size);
    return sorted[n / 2];
}

/* Pushes all tokens; figures of the stack, or of the mixers alone. */
static attn_status run(struct pass *p, struct attn_aaren_cost *out, int count, int *done) {
    double window[WINDOW], all = 0, before = attn_clock_processor();
    *done = 0;
    for (int64_t i = 0; *done < count; i++) {
        const attn_status status = push(p, i);
        if (status) return status;
        const double now = attn_clock_processor(), took = now - before;
        before = now;
        all += took;
        window[i % WINDOW] = took;
        if (i % ASK == 0 && p->spec->stopped && p->spec->stopped()) return ATTN_OK;
        if (i + 1 < out[*done].tokens) continue;
        if (p->stack) {
            out[*done].seconds = all;
            out[*done].token_seconds = median_of(window, i + 1);
        } else {
            out[*done].attention_seconds = all;
        }
        ++*done;
        before = attn_clock_processor();
    }
    return ATTN_OK;
}

attn_status attn_aaren_cost_measure(attn_ctx *ctx, const struct attn_aaren_cost_spec *spec, struct attn_aaren_cost *out, int count,
                                    int *done) {
    attn_status status = attn_aaren_cost_bytes(ctx, spec, out, count);
    *done = count;
    for (int alone = 0; alone < 2 && !status; alone++) {
        struct pass p;
        int taken = 0;
        status = open_pass(ctx, spec, out[count - 1].tokens, alone == 1, &p);
        if (!status) status = open_state(ctx, &p);
        if (!status) status = run(&p, out, *done, &taken);
        close_pass(ctx, &p);
        *done = taken;
    }
    return status;
}

double attn_aaren_cost_slope(int count, const double *x, const double *y) {
    double n = 0, sx = 0, sy = 0, sxx = 0, sxy = 0;
    for (int i = 0; i < count; i++) {
        if (x[i] * 10 < x[count - 1] * (1 - 1e-9)) continue;
        const double a = log(x[i]), b = log(y[i]);
        n++;
        sx += a;
        sy += b;
        sxx += a * a;
        sxy += a * b;
    }
    return n >= 2 ? (n * sxy - sx * sy) / (n * sxx - sx * sx) : (double)NAN;
}
