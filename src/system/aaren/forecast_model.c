#include "system/aaren/forecast_model.h"

#include "base/context.h"

#include <math.h>

/* ------------------------------------------------------------------------------------------------------------- making */

/* A layer of `in` numbers as the Library begins them: uniform in +-1 / sqrt(in) has this deviation. */
static double linear_deviation(int64_t in) {
    return 1 / sqrt(3.0 * (double)attn_max64(1, in));
}

struct attn_forecast_embedding attn_forecast_embedding_make(attn_model *model, const char *name, const struct attn_forecast_shape *shape,
                                                            int64_t width) {
    struct attn_forecast_embedding e = {.marks = {NULL, NULL}};
    const int64_t wide = shape->kernel * shape->channels;
    attn_model_enter(model, "%s", name);
    e.rows = attn_projection_make(model, "rows", wide, width, false, sqrt(2 / (double)wide)); /* He et al. 2015, as for ReLU */
    if (shape->marks > 0) e.marks = attn_projection_make(model, "marks", shape->marks, width, false, linear_deviation(shape->marks));
    attn_model_leave(model);
    return e;
}

/* Sines and cosines in turns (Vaswani et al. 2017, sec. 3.5). */
static attn_real *make_positions(attn_model *model, int64_t rows, int64_t width) {
    attn_real *table = attn_model_memory(model, (size_t)(rows * width) * sizeof *table);
    for (int64_t t = 0; table && t < rows; t++)
        for (int64_t i = 0; i < width; i++) {
            const double angle = (double)t * pow(10000, -(double)(i - i % 2) / (double)width);
            table[t * width + i] = (attn_real)(i % 2 == 0 ? sin(angle) : cos(angle));
        }
    return table;
}

void attn_forecast_model_make(attn_model *model, const struct attn_forecast_config *config, struct attn_forecast_model *out) {
    const struct attn_forecast_shape *s = &config->shape;
    const int64_t width = config->stack.width, layers = s->label < 0 ? 0 : config->decoder_layers;
    *out = (struct attn_forecast_model){.shape = *s,
                                        .tape = attn_model_tape(model),
                                        .width = width,
                                        .heads = config->heads,
                                        .layers = layers,
                                        .dropout = config->stack.dropout};
    out->positions = make_positions(model, attn_max64(s->length, attn_forecast_decoded(s)), width);
    out->embedding = attn_forecast_embedding_make(model, "embedding", s, width);
    out->stack = attn_aaren_stack_make(model, &config->stack);
    if (layers > 0) attn_forecast_decoder_make(model, config, out);
    out->head =
        attn_projection_make(model, "head", width, layers > 0 ? s->channels : s->horizon * s->channels, true, linear_deviation(width));
}

/* ------------------------------------------------------------------------------------------------------------ running */

attn_tensor *attn_forecast_embed(const struct attn_forecast_model *m, const struct attn_forecast_embedding *e, int64_t batch, int64_t rows,
                                 const attn_real *token, const attn_real *mark, int64_t position, bool training) {
    const int64_t wide = m->shape.kernel * m->shape.channels;
    if (!m->positions) return NULL;
    attn_tensor *x = attn_project(&e->rows, attn_tensor_input(m->tape, 3, (const int64_t[]){batch, rows, wide}, token));
    if (m->shape.marks > 0)
        x = attn_add(x, attn_project(&e->marks, attn_tensor_input(m->tape, 3, (const int64_t[]){batch, rows, m->shape.marks}, mark)));
    x = attn_add(x, attn_tensor_input(m->tape, 2, (const int64_t[]){rows, m->width}, m->positions + position * m->width));
    return training ? attn_dropout(x, m->dropout) : x;
}

/* The forecast in the channels' own place and scale. */
static attn_tensor *turn_back(const struct attn_forecast_model *m, const struct attn_forecast_batch *b, attn_tensor *y) {
    const struct attn_forecast_shape *s = &b->shape;
    const int64_t places = attn_forecast_places(s), size[] = {b->count, places, s->horizon, s->channels},
                  each[] = {b->count, places, 1, s->channels};
    y = attn_reshape(y, 4, size);
    if (s->normal == ATTN_FORECAST_PLAIN) return y;
    y = attn_mul(y, attn_tensor_input(m->tape, 4, each, b->scale));
    return attn_add(y, attn_tensor_input(m->tape, 4, each, b->mean));
}

attn_tensor *attn_forecast_model_forward(struct attn_forecast_model *m, const struct attn_forecast_batch *b, bool training) {
    const struct attn_forecast_shape *s = &m->shape;
    attn_tensor *x = attn_forecast_embed(m, &m->embedding, b->count, s->length, b->token, b->mark, 0, training);
    x = attn_aaren_stack_forward(m->stack, x, NULL, training);
    if (m->layers > 0)
        x = attn_forecast_decode(m, x, b, training);
    else if (!b->shape.every)
        x = attn_narrow(x, 1, s->length - 1, 1);
    return turn_back(m, b, attn_project(&m->head, x));
}

attn_tensor *attn_forecast_model_step(struct attn_forecast_model *m, const attn_real *token, const attn_real *mark, int64_t steps,
                                      attn_real *state, int64_t tokens, int64_t position) {
    const int64_t numbers = steps * m->shape.channels;
    attn_tensor *x = attn_forecast_embed(m, &m->embedding, 1, 1, token, mark, attn_min64(position, m->shape.length - 1), false);
    x = attn_aaren_stack_step(m->stack, x, NULL, state, tokens, position);
    const attn_projection head = {attn_narrow(m->head.weight, 0, 0, numbers), attn_narrow(m->head.bias, 0, 0, numbers)};
    return attn_reshape(attn_project(&head, x), 1, &numbers);
}
