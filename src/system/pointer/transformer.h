/* The attention model (Kool, van Hoof and Welling 2019, sec. 3): a transformer that encodes cities, and a decoder that points at one city after the other.
 *
 * Encoder: cities' coordinates, projected to D numbers; layers of x = norm(x + self-attention(x)), x = norm(x + W2 relu(W1 x)), W1 to 4 D. The norms are layer norms; the
 * paper's are batch norms, which take a city's numbers from the batch that it stands in, and need running means for answers.
 * Decoder: with x[j] of the cities and their mean x', the query for city t of a tour is W x' + F x[first] + L x[last], a learned vector in the place of the last two before
 * the first city; attention of H heads from it to the cities that are left gives g (eq. 5, 6), and city j of those has the logit clip tanh(g . P x[j] / sqrt(D))
 * (eq. 7). The paper's projections of g and of x[j] enter as their product alone, which is one matrix here, P.
 * No state goes from city to city: the decoder's logits depend on the tour so far, and those of all cities of a known tour are computed together. */
#ifndef ATTN_SYSTEM_POINTER_TRANSFORMER_H
#define ATTN_SYSTEM_POINTER_TRANSFORMER_H

#include "attn_train.h"

struct attn_transformer_config {
    int64_t width, layers, heads; /* D, a multiple of the heads */
    double clip;                  /* of logits, at most ATTN_TRANSFORMER_CLIP */
    bool any_start;               /* a tour's first city is not the model's choice: every one is as likely (Kwon et al. 2020) */
};
enum { ATTN_TRANSFORMER_CLIP = 40, ATTN_TRANSFORMER_LAYERS = 64 };

struct attn_transformer_layer {
    attn_projection inward, outward, up, down; /* inward: to queries, keys and values */
    attn_norm attended, fed;
};

struct attn_transformer {
    struct attn_transformer_config config;
    attn_tape *tape;
    attn_projection embedding;
    struct attn_transformer_layer *layer;
    /* Of each city: a glimpse's key and value, the logit's key, what it is as the first and as the last city; [5 D, D] */
    attn_projection cities;
    attn_projection graph; /* of their mean */
    attn_tensor *start;    /* [D] */
    const attn_mask *left; /* of cities in a tour's order: those that are left */
};

/* Makes its parameters; frozen ones are not changed by training. */
void attn_transformer_make(attn_model *model, const struct attn_transformer_config *config, bool frozen, struct attn_transformer *out);

/* What the decoder reads, until the tape is reset. */
struct attn_transformer_encoding {
    const struct attn_transformer *model;
    int64_t batch, points; /* B, N */
    attn_tensor *cities;   /* [B, N, 5 D] */
    attn_tensor *graph;    /* [B, D] */
};

/* Of coordinates x [B, N, 2], which are needed until the tape is reset; recorded where the tape records. False: the tape says why. */
bool attn_transformer_encode(const struct attn_transformer *m, int64_t batch, int64_t points, const attn_real *x,
                             struct attn_transformer_encoding *out);

/* Logarithms of the probabilities of tours [B, K, N], cities' numbers from 0 on: [B K]. K tours of each example; each must visit every city. */
attn_tensor *attn_transformer_tours(const struct attn_transformer_encoding *e, int64_t count, const int32_t *tours);

/* The logits [N] of the city behind the first `done` < N of a tour of example b; -inf of those that it has visited. Nothing is recorded. room: as many numbers as
 * attn_transformer_room says. Threads may call it with rooms of their own. */
int64_t attn_transformer_room(const struct attn_transformer_encoding *e);
void attn_transformer_logits(const struct attn_transformer_encoding *e, int64_t b, const int32_t *tour, int64_t done, attn_real *logits,
                             attn_real *room);

#endif
