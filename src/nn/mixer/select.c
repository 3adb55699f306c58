/* Input-dependent sparse attention (Arora et al. 2023, sec. 5): y[i] = u[i] + f[i] attention(u)[i], where f says which positions get attention; keys are all
 * tokens up to each.
 *
 *   full          f = 1
 *   random        k positions at random, by the model's seed and the tokens so far
 *   programmatic  1 where the token has occurred before
 *   sigmoid       p = sigmoid(u . w). Training: f = p for all tokens, and the penalty * max(0, mean(p) - k / T) is added to the loss. Evaluation: f = p at
 *                 the k greatest of each sequence, else 0
 *   softmax       the same with p the softmax of u . w over the tokens of a sequence, and no penalty
 *   two_way       the same with p the second of softmax((W u + b) / temperature), which is learned and begins with 0.3 sqrt(D), and no penalty
 *
 * The learned ones look at tokens behind: softmax always, the k greatest in evaluation. They have no form that goes token by token.
 *
 * Where fewer than an eighth of the positions are chosen, and how many is known before, as by random and by the k greatest, queries of these alone
 * are multiplied with all keys: with more of them, attention to the keys before each costs less. programmatic chooses as many as the tokens repeat, in
 * every sequence others: it computes all.
 */
#include "nn/mixer/heads.h"
#include "nn/mixer/selection.h"

enum selector { FULL, RANDOM, PROGRAMMATIC, SIGMOID, SOFTMAX, TWO_WAY };
static const char *const selector_names[] = {"full", "random", "programmatic", "sigmoid", "softmax", "two_way", NULL};

struct selection {
    struct attn_heads heads;
    attn_attention_config config;
    attn_projection score; /* of the learned ones */
    attn_tensor *temperature;
    enum selector selector;
    int64_t k;
    double penalty;
    uint64_t seed;
};

enum { SELECTOR, K, PENALTY, HEADS, DROPOUT };
static const attn_mixer_option options[] = {
    [SELECTOR] =
        {"selector",
         "which positions get attention: full (all), random, programmatic (tokens that have occurred before), or learned: sigmoid, "
         "softmax, two_way",
         SIGMOID, 0, 0, true, selector_names},
    [K] = {"k", "positions with attention of each sequence (random, learned); 0: the square root of its length, rounded up", 0, 0, 1000000,
           true, NULL},
    [PENALTY] = {"penalty", "weight in the loss of what sigmoid selects beyond k", 0.001, 0, 1e6, false, NULL},
    [HEADS] = ATTN_HEADS_OPTION,
    [DROPOUT] = ATTN_WEIGHTS_DROPOUT_OPTION,
};

static void make(void *mixer, attn_model *model, const attn_mixer_place *place, const double *option) {
    struct selection *s = mixer;
    s->selector = (enum selector)(int)option[SELECTOR];
    s->k = (int64_t)option[K];
    s->penalty = option[PENALTY];
    attn_heads_make(&s->heads, model, "select", place, (int64_t)option[HEADS]);
    attn_attention_config_init(&s->config);
    s->config.mask = attn_model_causal(model, ATTN_UNLIMITED);
    s->config.dropout = option[DROPOUT];
    s->seed = attn_model_seed(model);
    if (s->selector >= SIGMOID)
        s->score = attn_projection_make(model, "select", place->width, s->selector == TWO_WAY ? 2 : 1, s->selector == TWO_WAY, 0.02);
    if (s->selector == TWO_WAY) {
        s->temperature = attn_model_parameter(model, "temperature", 1, (const int64_t[]){1});
        attn_fill(s->temperature, (attn_real)(0.3 * sqrt((double)place->width)));
    }
}

static int64_t count_of(const struct selection *s, int64_t tokens) {
    const int64_t k = s->k > 0 ? s->k : (int64_t)ceil(sqrt((double)tokens));
    return attn_min64(k, tokens);
}

/* ------------------------------------------------------------------------------------------------ which positions */

/* p [B, T, 1] of the learned selectors. */
static attn_tensor *scores_of(const struct selection *s, attn_tensor *u) {
    attn_tensor *x = attn_project(&s->score, u);
    if (s->selector == SIGMOID) return attn_sigmoid(x);
    if (s->selector == TWO_WAY) return attn_narrow(attn_softmax(attn_div(x, s->temperature)), 2, 1, 1);
    x = attn_softmax(attn_reshape(x, 2, (const int64_t[]){u->size[0], u->size[1]}));
    return attn_reshape(x, 3, (const int64_t[]){u->size[0], u->size[1], 1});
}

/* f of every token [B, T], where it is 0 or 1. NULL: the tape is spoiled. */
static bool *choose(const struct selection *s, const attn_mixer_call *call, attn_tensor *p) {
    const int64_t batch = call->u->size[0], tokens = call->u->size[1], count = count_of(s, tokens);
    bool *selected = attn_tape_take(call->u->tape, (size_t)(batch * tokens) * sizeof *selected);
    for (int64_t b = 0; selected && b < batch; b++) {
        const int32_t *token = call->tokens ? call->tokens + b * tokens : NULL;
        bool *own = selected + b * tokens;
        if (s->selector == RANDOM)
            attn_select_random(tokens, count, s->seed, tokens, token, own);
        else if (s->selector == PROGRAMMATIC)
            for (int64_t i = 0; i < tokens; i++) own[i] = attn_select_repeat(token, i);
        else
            attn_select_greatest(tokens, p->data + b * tokens, count, own);
    }
    return selected;
}

static double share_of(const bool *selected, int64_t n) {
    int64_t count = 0;
    for (int64_t i = 0; i < n; i++) count += selected[i];
    return n > 0 ? (double)count / (double)n : 0;
}

/* ------------------------------------------------------------------------------------- attention of chosen queries */

/* The chosen positions of all sequences, `count` of each. */
struct places {
    int64_t count;
    int32_t *row;          /* [B, count]: in the tokens of all sequences */
    int32_t *back;         /* [B, T]: the place's number, or B count */
    attn_real *visibility; /* [B, 1, count, T]: 0 up to the place, then -inf */
};

static bool open_places(struct places *p, attn_tape *tape, int64_t batch, int64_t tokens, int64_t count, const bool *selected) {
    *p = (struct places){.count = count};
    p->row = attn_tape_take(tape, (size_t)(batch * count) * sizeof *p->row);
    p->back = attn_tape_take(tape, (size_t)(batch * tokens) * sizeof *p->back);
    p->visibility = attn_tape_take(tape, (size_t)(batch * count * tokens) * sizeof *p->visibility);
    if (!p->row || !p->back || !p->visibility) return false;
    int64_t n = 0;
    for (int64_t i = 0; i < batch * tokens; i++) {
        p->back[i] = (int32_t)(selected[i] ? n : batch * count);
        if (!selected[i]) continue;
        for (int64_t j = 0; j < tokens; j++) p->visibility[n * tokens + j] = j <= i % tokens ? 0 : -(attn_real)INFINITY;
        p->row[n++] = (int32_t)i;
    }
    return true;
}

/* [B, H, n, d] of part `which` of x [B, n, 3 H, d]. */
static attn_tensor *by_heads(const struct selection *s, attn_tensor *x, int which) {
    return attn_permute(attn_heads_part(&s->heads, x, which), (const int[]){0, 2, 1, 3});
}

/* [B, count, D]. */
static attn_tensor *attend_places(const struct selection *s, attn_tensor *x, const struct places *p) {
    const int64_t batch = x->size[0], tokens = x->size[1], *size = x->size;
    attn_tensor *chosen =
        attn_rows(attn_reshape(x, 2, (const int64_t[]){batch * tokens, size[2] * size[3]}), 2, (const int64_t[]){batch, p->count}, p->row);
    chosen = attn_reshape(chosen, 4, (const int64_t[]){batch, p->count, size[2], size[3]});
    attn_tensor *visibility = attn_tensor_input(x->tape, 4, (const int64_t[]){batch, 1, p->count, tokens}, p->visibility);
    attn_tensor *logits = attn_matmul(by_heads(s, chosen, 0), false, by_heads(s, x, 1), true);
    logits = attn_add(attn_affine(logits, (attn_real)(1 / sqrt((double)size[3])), 0), visibility);
    attn_tensor *o = attn_matmul(attn_dropout(attn_softmax(logits), s->config.dropout), false, by_heads(s, x, 2), false);
    return attn_heads_join(&s->heads, attn_contiguous(attn_permute(o, (const int[]){0, 2, 1, 3})));
}

/* Rows [B, count, D] at their places, 0 elsewhere: [B, T, D]. */
static attn_tensor *spread(attn_tensor *rows, const struct places *p, int64_t tokens) {
    if (!rows) return NULL;
    const int64_t batch = rows->size[0], width = rows->size[2];
    attn_tensor *nothing = attn_constant(rows->tape, 2, (const int64_t[]){1, width}, 0);
    rows = attn_reshape(rows, 2, (const int64_t[]){batch * p->count, width});
    return attn_rows(attn_concat(2, (attn_tensor *const[]){rows, nothing}, 0), 2, (const int64_t[]){batch, tokens}, p->back);
}

/* f attention(u) for f = p (NULL: 1) at what is selected, else 0. */
static attn_tensor *attend_selected(const struct selection *s, attn_tensor *u, attn_tensor *p, const bool *selected, bool all) {
    const int64_t batch = u->size[0], tokens = u->size[1], count = count_of(s, tokens);
    attn_tensor *x = attn_heads_project(&s->heads, u);
    if (!x) return NULL;
    if (all || 8 * count >= tokens) {
        attn_tensor *f = attn_constant(u->tape, 3, (const int64_t[]){batch, tokens, 1}, 0);
        for (int64_t i = 0; f && i < batch * tokens; i++) f->data[i] = selected[i];
        return attn_mul(attn_heads_attend(&s->heads, x, &s->config), p ? attn_mul(f, p) : f);
    }
    struct places places;
    if (!open_places(&places, u->tape, batch, tokens, count, selected)) return NULL;
    attn_tensor *rows = attend_places(s, x, &places);
    if (p) {
        p = attn_reshape(attn_contiguous(p), 2, (const int64_t[]){batch * tokens, 1});
        rows = attn_mul(rows, attn_rows(p, 2, (const int64_t[]){batch, count}, places.row));
    }
    return spread(rows, &places, tokens);
}

/* ------------------------------------------------------------------------------------------------------- calls */

/* What a learned selector takes in training for every token; share is then the mean of p. */
static attn_tensor *attend_softly(const struct selection *s, attn_mixer_call *call, attn_tensor *p) {
    attn_tensor *u = call->u, *mean = attn_mean_all(p);
    if (!mean) return NULL;
    call->share = (double)mean->data[0];
    if (s->selector == SIGMOID && s->penalty > 0) {
        const double tokens = (double)u->size[1], k = s->k > 0 ? (double)s->k : sqrt(tokens);
        call->penalty = attn_affine(attn_relu(attn_affine(mean, 1, (attn_real)(-k / tokens))), (attn_real)s->penalty, 0);
    }
    return attn_mul(attn_heads_attend(&s->heads, attn_heads_project(&s->heads, u), &s->config), p);
}

static bool knows_tokens(const struct selection *s, const attn_mixer_call *call) {
    if (s->selector != PROGRAMMATIC || call->tokens) return true;
    attn_tape_fail(call->u->tape, ATTN_EINVAL,
                   "mixer select: selector=programmatic compares tokens, and was given rows without their tokens");
    return false;
}

static attn_tensor *mix(void *mixer, attn_mixer_call *call) {
    const struct selection *s = mixer;
    attn_tensor *u = call->u, *p = NULL;
    if (!knows_tokens(s, call)) return NULL;
    if (s->selector == FULL) {
        call->share = 1;
        return attn_add(u, attn_heads_attend(&s->heads, attn_heads_project(&s->heads, u), &s->config));
    }
    if (s->selector >= SIGMOID) {
        p = attn_contiguous(scores_of(s, u));
        if (!p) return NULL;
        if (call->training) return attn_add(u, attend_softly(s, call, p));
    }
    const bool *selected = choose(s, call, p);
    if (!selected) return NULL;
    call->share = share_of(selected, u->size[0] * u->size[1]);
    return attn_add(u, attend_selected(s, u, p, selected, s->selector == PROGRAMMATIC));
}

/* Keys and values of all tokens, and the tokens where they are compared: 2 D N, (2 D + 1) N. */
static int64_t state_size(const void *mixer, int64_t tokens) {
    const struct selection *s = mixer;
    if (s->selector >= SIGMOID) return -1;
    return (2 * s->heads.width + (s->selector != FULL)) * tokens;
}

/* f [B, 1, 1] of the tokens at `position`, which are kept in the state, as numbers, exact below 2^24. NULL: the tape is spoiled. */
static attn_tensor *choose_next(const struct selection *s, attn_mixer_call *call, attn_real *state, int64_t tokens, int64_t position) {
    attn_tape *tape = call->u->tape;
    const int64_t batch = call->u->size[0], stride = state_size(s, tokens), count = count_of(s, tokens);
    attn_tensor *f = attn_constant(tape, 3, (const int64_t[]){batch, 1, 1}, 0);
    int32_t *token = attn_tape_take(tape, (size_t)tokens * sizeof *token);
    bool *selected = attn_tape_take(tape, (size_t)tokens * sizeof *selected);
    if (!f || !token || !selected) return NULL;
    for (int64_t b = 0; b < batch; b++) {
        attn_real *kept = state + b * stride + 2 * s->heads.width * tokens;
        if (call->tokens) kept[position] = (attn_real)call->tokens[b];
        for (int64_t i = 0; i <= position; i++) token[i] = (int32_t)kept[i];
        if (s->selector == RANDOM) attn_select_random(tokens, count, s->seed, position + 1, call->tokens ? token : NULL, selected);
        f->data[b] = s->selector == RANDOM ? selected[position] : attn_select_repeat(token, position);
        call->share = (b > 0 ? call->share : 0) + (double)f->data[b] / (double)batch;
    }
    return f;
}

static attn_tensor *step(void *mixer, attn_mixer_call *call, attn_real *state, int64_t tokens, int64_t position) {
    const struct selection *s = mixer;
    const struct attn_heads *h = &s->heads;
    const int64_t stride = state_size(s, tokens);
    if (stride < 0)
        return attn_tape_fail(call->u->tape, ATTN_EUNSUPPORTED,
                              "mixer select: selector=%s chooses among all tokens, and has no form that goes token by token",
                              selector_names[s->selector]);
    if (!knows_tokens(s, call)) return NULL;
    attn_tensor *x = attn_heads_project(h, call->u);
    attn_heads_store(h, x, state, stride, position);
    attn_tensor *y = attn_heads_look(h, x, attn_heads_stored(h, x, state, stride, position + 1));
    call->share = 1;
    if (s->selector != FULL) y = attn_mul(y, choose_next(s, call, state, tokens, position));
    return attn_add(call->u, y);
}

const attn_mixer_kind attn_mixer_select = {.size = sizeof(attn_mixer_kind),
                                           .name = "select",
                                           .summary = "softmax attention at selected positions only (Arora et al. 2023)",
                                           .options = options,
                                           .option_count = sizeof options / sizeof options[0],
                                           .bytes = sizeof(struct selection),
                                           .make = make,
                                           .mix = mix,
                                           .state_size = state_size,
                                           .step = step};
