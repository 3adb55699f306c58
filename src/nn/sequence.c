/* A model over tokens: embedding, blocks of a mixer and a state mixer, a last norm, a head that is usually the embedding again. */
#include "nn/sequence.h"

#include "nn/mixer/heads.h"
#include "tape/token_split.h"

struct block {
    attn_norm mixer_norm, state_norm;
    attn_mixer *mixer;
    attn_projection in, gate, out; /* of the state mixer, as far as it has them */
};

struct attn_sequence {
    attn_tape *tape;
    attn_sequence_config config;
    attn_tensor *embedding, *head, *positions;
    struct block *blocks;
    attn_norm last_norm;
};

void attn_sequence_config_init(attn_sequence_config *config) {
    *config = (attn_sequence_config){.size = sizeof *config, .mixer = "attention"};
}

static bool check(attn_tape *tape, const attn_sequence_config *c) {
    if (c->size != sizeof *c || !c->mixer)
        attn_tape_fail(tape, ATTN_EINVAL, "sequence model: the config was not set by attn_sequence_config_init");
    else if (c->vocabulary < 1 || c->width < 1 || c->layers < 1 || c->length < 1)
        attn_tape_fail(tape, ATTN_EINVAL, "sequence model: vocabulary %lld, width %lld, layers %lld, length %lld; each must be at least 1",
                       (long long)c->vocabulary, (long long)c->width, (long long)c->layers, (long long)c->length);
    else if (!(c->dropout >= 0 && c->dropout < 1))
        attn_tape_fail(tape, ATTN_EINVAL, "sequence model: dropout %g; it must be in [0, 1)", c->dropout);
    return tape->status == ATTN_OK;
}

/* --------------------------------------------------------------------------------------------------- making it */

/* A hidden width of 8/3 D in multiples of 8 gives the gated form the size of the plain one with 4 D. */
static void make_state(attn_model *model, const attn_sequence_config *c, struct block *b) {
    const double deviation = 0.02, deep = deviation / sqrt(2.0 * (double)c->layers);
    const bool gated = c->state == ATTN_STATE_SWIGLU;
    const int64_t hidden = gated ? attn_div_up(8 * c->width, 24) * 8 : 4 * c->width;
    if (c->state == ATTN_STATE_NONE) return;
    b->state_norm = attn_norm_make(model, "state_norm", c->width, 1e-5, c->rms);
    if (c->state == ATTN_STATE_IDENTITY) return;
    attn_model_enter(model, "state");
    b->in = attn_projection_make(model, "in", c->width, hidden, !gated, deviation);
    if (gated) b->gate = attn_projection_make(model, "gate", c->width, hidden, false, deviation);
    b->out = attn_projection_make(model, "out", hidden, c->width, !gated, deep);
    attn_model_leave(model);
}

static attn_tensor *make_table(attn_model *model, const char *name, int64_t rows, int64_t width) {
    attn_tensor *table = attn_model_parameter(model, name, 2, (const int64_t[]){rows, width});
    attn_fill_normal(table, 0, 0.02, attn_model_seed(model));
    return table;
}

attn_sequence *attn_sequence_make(attn_model *model, const attn_sequence_config *config) {
    attn_tape *tape = attn_model_tape(model);
    if (!check(tape, config)) return NULL;
    attn_sequence *s = attn_model_memory(model, sizeof *s);
    struct block *blocks = attn_model_memory(model, (size_t)config->layers * sizeof *blocks);
    if (!s || !blocks) return NULL;
    *s = (attn_sequence){.tape = tape, .config = *config, .blocks = blocks};
    s->embedding = make_table(model, "embedding.weight", config->vocabulary, config->width);
    if (config->positions) s->positions = make_table(model, "positions.weight", config->length, config->width);
    for (int64_t i = 0; i < config->layers; i++) {
        const attn_mixer_place place = {config->width, config->length, i, config->layers};
        attn_model_enter(model, "blocks.%lld", (long long)i);
        blocks[i].mixer_norm = attn_norm_make(model, "mixer_norm", config->width, 1e-5, config->rms);
        attn_model_enter(model, "mixer");
        blocks[i].mixer = attn_mixer_make(model, config->mixer, &place, config->kinds, config->kind_count);
        attn_model_leave(model);
        make_state(model, config, &blocks[i]);
        attn_model_leave(model);
    }
    s->last_norm = attn_norm_make(model, "norm", config->width, 1e-5, config->rms);
    s->head = config->untied ? make_table(model, "head.weight", config->vocabulary, config->width) : s->embedding;
    s->config.mixer = NULL; /* the caller's text, no longer needed */
    return tape->status ? NULL : s;
}

/* ----------------------------------------------------------------------------------------------------- running */

static attn_tensor *state_of(const attn_sequence *s, const struct block *b, attn_tensor *r) {
    attn_tensor *x = attn_normalize(&b->state_norm, r);
    if (s->config.state == ATTN_STATE_IDENTITY) return x;
    if (s->config.state == ATTN_STATE_SWIGLU)
        return attn_project(&b->out, attn_mul(attn_silu(attn_project(&b->gate, x)), attn_project(&b->in, x)));
    return attn_project(&b->out, attn_gelu(attn_project(&b->in, x)));
}

/* Dropout of a branch: only models with an MLP have it. */
static attn_tensor *dropped(const attn_sequence *s, attn_tensor *x, bool training) {
    const bool has = s->config.state == ATTN_STATE_MLP || s->config.state == ATTN_STATE_SWIGLU;
    return training && has ? attn_dropout(x, s->config.dropout) : x;
}

static attn_tensor *add_state(const attn_sequence *s, const struct block *b, attn_tensor *r, bool training) {
    return s->config.state == ATTN_STATE_NONE ? r : attn_add(r, dropped(s, state_of(s, b, r), training));
}

attn_tensor *attn_sequence_blocks(attn_sequence *s, attn_tensor *r, const int32_t *token, bool training, attn_tensor **penalty) {
    attn_tensor *sum = NULL;
    if (!s) return NULL;
    if (training) r = attn_dropout(r, s->config.dropout);
    for (int64_t i = 0; i < s->config.layers; i++) {
        const struct block *b = &s->blocks[i];
        attn_mixer_call call = {.u = attn_normalize(&b->mixer_norm, r), .tokens = token, .training = training, .share = (double)NAN};
        r = attn_add(r, dropped(s, attn_mix(b->mixer, &call), training));
        r = add_state(s, b, r, training);
        if (call.penalty) sum = sum ? attn_add(sum, call.penalty) : call.penalty;
    }
    if (penalty) *penalty = sum;
    return attn_normalize(&s->last_norm, r);
}

/* Rows of the first `tokens` positions, or of one. */
static attn_tensor *with_positions(const attn_sequence *s, attn_tensor *r, int64_t first, int64_t tokens) {
    if (!s->positions) return r;
    return attn_add(r, attn_narrow(s->positions, 0, first, tokens));
}

/* Those of this rank's tokens. */
static attn_tensor *with_own_positions(const attn_sequence *s, attn_tensor *r, int64_t tokens) {
    if (!s->positions || !s->tape->split || !r) return with_positions(s, r, 0, tokens);
    const struct attn_token_split_layout *l = s->tape->split->current;
    attn_tensor *table = attn_reshape(s->positions, 3, (const int64_t[]){1, s->config.length, s->config.width});
    return attn_add(r, attn_gather(table, l->places, l->token));
}

static bool in_length(attn_sequence *s, int64_t end) {
    if (end <= s->config.length) return true;
    attn_tape_fail(s->tape, ATTN_ESHAPE, "sequence model: %lld tokens; it was made for at most %lld", (long long)end,
                   (long long)s->config.length);
    return false;
}

attn_tensor *attn_sequence_hidden(attn_sequence *s, int64_t batch, int64_t tokens, const int32_t *token, bool training,
                                  attn_tensor **penalty) {
    if (penalty) *penalty = NULL;
    if (!s || !in_length(s, tokens)) return NULL;
    if (s->tape->split) token = attn_token_split_rows(s->tape, batch, tokens, sizeof *token, token);
    if (s->tape->status) return NULL;
    attn_tensor *r = attn_rows(s->embedding, 2, (const int64_t[]){batch, attn_token_split_places(s->tape, tokens)}, token);
    return attn_sequence_blocks(s, with_own_positions(s, r, tokens), token, training, penalty);
}

attn_tensor *attn_sequence_logits(attn_sequence *s, attn_tensor *hidden) {
    return s ? attn_linear(hidden, s->head, NULL) : NULL;
}

attn_tensor *attn_sequence_embedding(attn_sequence *s) {
    return s ? s->embedding : NULL;
}

/* ---------------------------------------------------------------------------------------------------- over ranks */

static int64_t common_divisor(int64_t a, int64_t b) {
    while (b != 0) {
        const int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

attn_status attn_sequence_check_split(const attn_sequence *s, int64_t *heads) {
    attn_ctx *ctx = s->tape->ctx;
    *heads = 0;
    for (int64_t i = 0; i < s->config.layers; i++) {
        const attn_mixer *mixer = s->blocks[i].mixer;
        const struct attn_softmax *softmax = attn_mixer_softmax(mixer);
        const char *name = attn_mixer_kind_of(mixer)->name;
        if (!softmax)
            return attn_fail(ctx, ATTN_EUNSUPPORTED,
                             "mixer %s: its tokens cannot be split over ranks; expected attention or sliding in every layer", name);
        if (softmax->config.dropout > 0)
            return attn_fail(ctx, ATTN_EUNSUPPORTED, "mixer %s: dropout=%g of its weights over ranks is not supported; expected 0", name,
                             softmax->config.dropout);
        *heads = common_divisor(softmax->heads.count, *heads);
    }
    return ATTN_OK;
}

/* ---------------------------------------------------------------------------------------------- token by token */

static int64_t sum_states(const attn_sequence *s, int64_t tokens, int64_t (*state)(const attn_mixer *mixer, int64_t tokens)) {
    int64_t sum = 0;
    if (!s) return -1;
    for (int64_t i = 0; i < s->config.layers; i++) {
        const int64_t n = state(s->blocks[i].mixer, tokens);
        if (n < 0) return -1;
        sum += n;
    }
    return sum;
}

int64_t attn_sequence_state(const attn_sequence *s, int64_t tokens) {
    return sum_states(s, tokens, attn_mixer_state);
}

int64_t attn_sequence_paper_state(const attn_sequence *s, int64_t tokens) {
    return sum_states(s, tokens, attn_mixer_paper_state);
}

static attn_tensor *step(attn_sequence *s, int64_t batch, const int32_t *token, attn_real *state, int64_t tokens, int64_t position) {
    attn_tensor *r = attn_rows(s->embedding, 2, (const int64_t[]){batch, 1}, token);
    r = with_positions(s, r, position, 1);
    for (int64_t i = 0; i < s->config.layers; i++) { /* each layer's states of all sequences lie together */
        const struct block *b = &s->blocks[i];
        attn_mixer_call call = {.u = attn_normalize(&b->mixer_norm, r), .tokens = token, .share = (double)NAN};
        r = attn_add(r, attn_mixer_step(b->mixer, &call, state, tokens, position));
        if (!r) return NULL;
        r = add_state(s, b, r, false);
        state += batch * attn_mixer_state(b->mixer, tokens);
    }
    return attn_normalize(&s->last_norm, r);
}

attn_tensor *attn_sequence_step(attn_sequence *s, int64_t batch, const int32_t *token, attn_real *state, int64_t tokens, int64_t position) {
    if (!s || !in_length(s, tokens) || !in_length(s, position + 1)) return NULL;
    const bool record = s->tape->record;
    attn_tape_record(s->tape, false);
    attn_tensor *hidden = step(s, batch, token, state, tokens, position);
    attn_tape_record(s->tape, record);
    return hidden;
}
