#include "system/aaren/stack.h"

#include "system/aaren/stack_parts.h"
#include "tape/tape.h"

/* --------------------------------------------------------------------------------------------------- making it */

static void make_block(attn_model *model, const struct attn_aaren_stack_config *c, int64_t index, struct attn_aaren_block *b) {
    const attn_mixer_place place = {c->width, c->length, index, c->layers};
    attn_model_enter(model, "blocks.%lld", (long long)index);
    b->mixer_norm = attn_norm_make(model, "mixer_norm", c->width, c->epsilon, false);
    attn_model_enter(model, "mixer");
    b->mixer = attn_mixer_make(model, c->mixer, &place, c->kinds, c->kind_count);
    attn_model_leave(model);
    b->ffn_norm = attn_norm_make(model, "ffn_norm", c->width, c->epsilon, false);
    attn_model_enter(model, "ffn");
    b->in = attn_projection_make(model, "in", c->width, c->ffn, true, 0.02);
    b->out = attn_projection_make(model, "out", c->ffn, c->width, true, 0.02 / sqrt(2.0 * (double)c->layers));
    attn_model_leave(model);
    attn_model_leave(model);
}

struct attn_aaren_stack *attn_aaren_stack_make(attn_model *model, const struct attn_aaren_stack_config *config) {
    attn_tape *tape = attn_model_tape(model);
    struct attn_aaren_stack *s = attn_model_memory(model, sizeof *s);
    struct attn_aaren_block *blocks = attn_model_memory(model, (size_t)config->layers * sizeof *blocks);
    if (!s || !blocks) return NULL;
    *s = (struct attn_aaren_stack){.tape = tape, .config = *config, .blocks = blocks};
    for (int64_t i = 0; i < config->layers; i++) make_block(model, config, i, &blocks[i]);
    if (config->final_norm) s->norm = attn_norm_make(model, "norm", config->width, config->epsilon, false);
    s->config.mixer = NULL; /* the caller's text, no longer needed */
    return attn_tape_status(tape) ? NULL : s;
}

/* ----------------------------------------------------------------------------------------------------- running */

static attn_tensor *dropped(const struct attn_aaren_stack *s, attn_tensor *x, bool training) {
    return training ? attn_dropout(x, s->config.dropout) : x;
}

static attn_tensor *ffn(const struct attn_aaren_stack *s, const struct attn_aaren_block *b, attn_tensor *x, bool training) {
    attn_tensor *hidden = attn_project(&b->in, x);
    hidden = s->config.relu ? attn_relu(hidden) : attn_gelu(hidden);
    if (!s->config.pre_norm) hidden = dropped(s, hidden, training);
    return attn_project(&b->out, hidden);
}

/* How a token goes through a mixer: with all others, or by the state of those before. */
struct way {
    bool training, alone;
    attn_real *state; /* alone */
    int64_t tokens, position;
};

static attn_tensor *mixed(const struct attn_aaren_block *b, attn_tensor *x, const struct way *way) {
    attn_mixer_call call = {.u = x, .training = way->training, .share = (double)NAN};
    return way->alone ? attn_mixer_step(b->mixer, &call, way->state, way->tokens, way->position) : attn_mix(b->mixer, &call);
}

static attn_tensor *through(const struct attn_aaren_stack *s, const struct attn_aaren_block *b, attn_tensor *r, const struct way *way) {
    const bool pre = s->config.pre_norm;
    r = attn_add(r, dropped(s, mixed(b, pre ? attn_normalize(&b->mixer_norm, r) : r, way), way->training));
    if (!pre) r = attn_normalize(&b->mixer_norm, r);
    r = attn_add(r, dropped(s, ffn(s, b, pre ? attn_normalize(&b->ffn_norm, r) : r, way->training), way->training));
    return pre ? r : attn_normalize(&b->ffn_norm, r);
}

static attn_tensor *run(const struct attn_aaren_stack *s, attn_tensor *r, attn_tensor *each, struct way way) {
    for (int64_t i = 0; i < s->config.layers; i++) {
        const struct attn_aaren_block *b = &s->blocks[i];
        if (each) r = attn_add(r, each);
        r = through(s, b, r, &way);
        if (!r) return NULL;
        if (way.alone) way.state += attn_size(r, 0) * attn_mixer_state(b->mixer, way.tokens);
    }
    return s->config.final_norm ? attn_normalize(&s->norm, r) : r;
}

attn_tensor *attn_aaren_stack_forward(struct attn_aaren_stack *s, attn_tensor *x, attn_tensor *each, bool training) {
    if (!s || !x) return NULL;
    if (x->dims == 3 && x->size[1] > s->config.length)
        return attn_tape_fail(s->tape, ATTN_ESHAPE, "aaren: %lld tokens; the model was made for at most %lld", (long long)x->size[1],
                              (long long)s->config.length);
    return run(s, x, each, (struct way){.training = training});
}

/* ---------------------------------------------------------------------------------------------- token by token */

int64_t attn_aaren_stack_state(const struct attn_aaren_stack *s, int64_t tokens) {
    int64_t sum = 0;
    for (int64_t i = 0; i < s->config.layers; i++) {
        const int64_t n = attn_mixer_state(s->blocks[i].mixer, tokens);
        if (n < 0) return -1;
        sum += n;
    }
    return sum;
}

bool attn_aaren_stack_constant(const struct attn_aaren_stack *s) {
    const int64_t many = INT64_C(1) << 30, state = attn_aaren_stack_state(s, many);
    return state >= 0 && attn_aaren_stack_state(s, 2 * many) == state;
}

attn_tensor *attn_aaren_stack_step(struct attn_aaren_stack *s, attn_tensor *x, attn_tensor *each, attn_real *state, int64_t tokens,
                                   int64_t position) {
    if (!s || !x) return NULL;
    const bool record = s->tape->record;
    attn_tape_record(s->tape, false);
    attn_tensor *y = run(s, x, each, (struct way){.alone = true, .state = state, .tokens = tokens, .position = position});
    attn_tape_record(s->tape, record);
    return y;
}

struct attn_aaren_stack *attn_aaren_stack_from_recipe(struct attn_job *job, int64_t length, bool pre_norm, bool relu, bool final_norm,
                                                      double epsilon) {
    const struct attn_recipe *r = job->recipe;
    return attn_aaren_stack_make(job->model, &(struct attn_aaren_stack_config){.width = attn_recipe_whole(r, "width"),
                                                                               .ffn = attn_recipe_whole(r, "ffn"),
                                                                               .layers = attn_recipe_whole(r, "layers"),
                                                                               .length = length,
                                                                               .mixer = attn_recipe_words(r, "mixer"),
                                                                               .kinds = job->kinds,
                                                                               .kind_count = job->kind_count,
                                                                               .pre_norm = pre_norm,
                                                                               .relu = relu,
                                                                               .final_norm = final_norm,
                                                                               .epsilon = epsilon,
                                                                               .dropout = attn_recipe_number(r, "dropout")});
}
