#include "system/aaren/forecast_model.h"

#include "base/context.h"
#include "tape/tape.h"

#include <math.h>

static struct attn_forecast_block make_block(attn_model *model, const struct attn_forecast_config *c, int64_t layer, int64_t rows) {
    const struct attn_aaren_stack_config *s = &c->stack;
    const attn_mixer_place place = {s->width, rows, layer, c->decoder_layers};
    const double deviation = 0.02, deep = deviation / sqrt(2.0 * (double)c->decoder_layers);
    struct attn_forecast_block b;
    attn_model_enter(model, "mixer");
    b.mixer = attn_mixer_make(model, s->mixer, &place, s->kinds, s->kind_count);
    attn_model_leave(model);
    b.mixer_norm = attn_norm_make(model, "mixer_norm", s->width, s->epsilon, false);
    attn_model_enter(model, "cross");
    b.query = attn_projection_make(model, "q", s->width, s->width, true, deviation);
    b.key = attn_projection_make(model, "k", s->width, s->width, true, deviation);
    b.value = attn_projection_make(model, "v", s->width, s->width, true, deviation);
    b.out = attn_projection_make(model, "out_proj", s->width, s->width, true, deep);
    attn_model_leave(model);
    b.cross_norm = attn_norm_make(model, "cross_norm", s->width, s->epsilon, false);
    b.in = attn_projection_make(model, "in", s->width, s->ffn, true, deviation);
    b.back = attn_projection_make(model, "out", s->ffn, s->width, true, deep);
    b.norm = attn_norm_make(model, "norm", s->width, s->epsilon, false);
    return b;
}

void attn_forecast_decoder_make(attn_model *model, const struct attn_forecast_config *c, struct attn_forecast_model *m) {
    m->block = attn_model_memory(model, (size_t)c->decoder_layers * sizeof *m->block);
    if (!m->block) return;
    if (m->width % m->heads != 0) {
        attn_tape_fail(m->tape, ATTN_EINVAL, "recipe: cross_heads=%lld must divide width=%lld", (long long)m->heads, (long long)m->width);
        return;
    }
    attn_model_enter(model, "decoder");
    m->decoder_embedding = attn_forecast_embedding_make(model, "embedding", &m->shape, m->width);
    for (int64_t i = 0; i < c->decoder_layers; i++) {
        attn_model_enter(model, "blocks.%lld", (long long)i);
        m->block[i] = make_block(model, c, i, attn_forecast_decoded(&m->shape));
        attn_model_leave(model);
    }
    m->last_norm = attn_norm_make(model, "norm", m->width, c->stack.epsilon, false);
    attn_model_leave(model);
}

/* [B, T, heads, d] of x [B, T, width]. */
static attn_tensor *heads_of(const struct attn_forecast_model *m, const attn_projection *p, attn_tensor *x, int64_t batch, int64_t rows) {
    return attn_reshape(attn_project(p, x), 4, (const int64_t[]){batch, rows, m->heads, m->width / m->heads});
}

/* Every token of the decoder sees every state of the encoder: all of them are of the past. */
static attn_tensor *look(const struct attn_forecast_model *m, const struct attn_forecast_block *b, attn_tensor *x, attn_tensor *states,
                         int64_t batch) {
    const int64_t rows = attn_forecast_decoded(&m->shape), length = m->shape.length;
    attn_attention_config config;
    attn_attention_config_init(&config);
    config.dropout = m->dropout;
    attn_tensor *o = attn_attention(heads_of(m, &b->query, x, batch, rows), heads_of(m, &b->key, states, batch, length),
                                    heads_of(m, &b->value, states, batch, length), &config);
    return attn_project(&b->out, attn_reshape(o, 3, (const int64_t[]){batch, rows, m->width}));
}

/* norm(x + dropout(change)). */
static attn_tensor *add(const struct attn_forecast_model *m, const attn_norm *norm, attn_tensor *x, attn_tensor *change, bool training) {
    return attn_normalize(norm, attn_add(x, training ? attn_dropout(change, m->dropout) : change));
}

attn_tensor *attn_forecast_decode(struct attn_forecast_model *m, attn_tensor *states, const struct attn_forecast_batch *batch,
                                  bool training) {
    attn_tensor *x = attn_forecast_embed(m, &m->decoder_embedding, batch->count, attn_forecast_decoded(&m->shape), batch->decoder_token,
                                         batch->decoder_mark, 0, training);
    for (int64_t i = 0; m->block && i < m->layers; i++) {
        const struct attn_forecast_block *b = &m->block[i];
        attn_mixer_call call = {.u = x, .training = training, .share = (double)NAN};
        x = add(m, &b->mixer_norm, x, attn_mix(b->mixer, &call), training);
        x = add(m, &b->cross_norm, x, look(m, b, x, states, batch->count), training);
        attn_tensor *hidden = attn_gelu(attn_project(&b->in, x));
        if (training) hidden = attn_dropout(hidden, m->dropout);
        x = add(m, &b->norm, x, attn_project(&b->back, hidden), training);
    }
    return attn_normalize(&m->last_norm, attn_narrow(x, 1, m->shape.label, m->shape.horizon));
}
