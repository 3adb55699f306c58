/* Long-horizon forecasters as in the Time Series Library's Transformer: tokens of a few rows of all channels, sinusoidal positions and marks of time, blocks
 * with the norm behind, GELU.
 *   encoder            the last token's state, through one linear layer, is the forecast of all rows and channels. Its stream is a recurrent network where
 *                      its mixers are
 *   encoder-decoder    a decoder whose tokens are the last `label` rows of the past, and rows of zeros in the place of the horizon, looks at all states of the
 *                      encoder; each of its last tokens is a forecast of its row. The attention to the encoder is the same for every mixer, and no recurrence */
#ifndef ATTN_SYSTEM_AAREN_FORECAST_MODEL_H
#define ATTN_SYSTEM_AAREN_FORECAST_MODEL_H

#include "system/aaren/forecast_batch.h"
#include "system/aaren/stack.h"

/* Of a row's numbers to a token's. */
struct attn_forecast_embedding {
    attn_projection rows, marks;
};

/* A block of the decoder: a mixer, attention to the encoder's states, two linear layers, a norm behind each. */
struct attn_forecast_block {
    attn_mixer *mixer;
    attn_projection query, key, value, out, in, back;
    attn_norm mixer_norm, cross_norm, norm;
};

struct attn_forecast_config {
    struct attn_forecast_shape shape;
    struct attn_aaren_stack_config stack;
    int64_t decoder_layers, heads; /* of the decoder, and of its attention to the encoder */
};

struct attn_forecast_model {
    struct attn_forecast_shape shape;
    attn_tape *tape;
    int64_t width, heads, layers; /* layers: of the decoder; 0: there is none */
    double dropout;
    attn_real *positions; /* [rows, width]: of the longest sequence */
    struct attn_forecast_embedding embedding, decoder_embedding;
    struct attn_aaren_stack *stack;
    struct attn_forecast_block *block;
    attn_norm last_norm; /* of the decoder */
    attn_projection head;
};

/* Makes the parameters. Where something is wrong the tape is spoiled. */
void attn_forecast_model_make(attn_model *model, const struct attn_forecast_config *config, struct attn_forecast_model *out);
/* Forecasts [B, places, horizon, channels] for the windows of a batch. */
attn_tensor *attn_forecast_model_forward(struct attn_forecast_model *m, const struct attn_forecast_batch *batch, bool training);
/* The decoder's part: its states [B, horizon, width] of the rows that are to be forecast, from the encoder's [B, length, width]. */
attn_tensor *attn_forecast_decode(struct attn_forecast_model *m, attn_tensor *states, const struct attn_forecast_batch *batch,
                                  bool training);
void attn_forecast_decoder_make(attn_model *model, const struct attn_forecast_config *config, struct attn_forecast_model *m);

/* Tokens [B, rows, width] of rows [B, rows, kernel channels] and marks [B, rows, marks], the first at `position`. */
attn_tensor *attn_forecast_embed(const struct attn_forecast_model *m, const struct attn_forecast_embedding *e, int64_t batch, int64_t rows,
                                 const attn_real *token, const attn_real *mark, int64_t position, bool training);
struct attn_forecast_embedding attn_forecast_embedding_make(attn_model *model, const char *name, const struct attn_forecast_shape *shape,
                                                            int64_t width);

/* One row more of a stream: the first `steps` rows of its forecast, [steps * channels], not yet turned back, for a token [kernel channels] and its marks. state and
 * tokens as in attn_aaren_stack_step. Positions behind the window's last are the last. NULL: the tape says why. */
attn_tensor *attn_forecast_model_step(struct attn_forecast_model *m, const attn_real *token, const attn_real *mark, int64_t steps,
                                      attn_real *state, int64_t tokens, int64_t position);

#endif
