/* Feature maps of linear attention: phi(x) of queries and keys x [B, H, T, f], so that phi(q) . phi(k) takes the place of softmax's e^(q . k).
 *
 *   taylor      1 + s + s^2 / 2 = phi(q) . phi(k) with s = q . k / sqrt(f): 1, x_i / f^(1/4), x_i^2 / sqrt(2 f) and x_i x_j / sqrt(f), i < j
 *               (Arora et al. 2024)
 *   elu         elu(x) + 1 (Katharopoulos et al. 2020)
 *   relu        max(x, 0)
 *   square      x^2
 *   softmax     e^x over its sum, along the features (Zhang et al. 2024)
 *   performer   exp(w_i . y - |y|^2 / 2) / sqrt(m), y = x / f^(1/4): m random w, normal, in groups of f orthogonal ones; not trained
 *               (Choromanski et al. 2021)
 *   cosformer   max(x, 0) sin a and max(x, 0) cos a, a = pi t / (2 N) for token t = 1, 2, ..., N (Qin et al. 2022)
 *   polynomial  ((P x)^2 + Q x^2) / sqrt(2), P and Q learned, f features. P begins with N(0, 1 / f), Q with 0, where features are positive
 */
#ifndef ATTN_NN_MIXER_FEATURES_H
#define ATTN_NN_MIXER_FEATURES_H

#include "nn/mixer.h"

enum attn_feature_map {
    ATTN_MAP_TAYLOR,
    ATTN_MAP_ELU,
    ATTN_MAP_RELU,
    ATTN_MAP_SQUARE,
    ATTN_MAP_SOFTMAX,
    ATTN_MAP_PERFORMER,
    ATTN_MAP_COSFORMER,
    ATTN_MAP_POLYNOMIAL
};
/* Their names, NULL behind the last. */
extern const char *const attn_feature_map_names[];

struct attn_features {
    enum attn_feature_map map;
    int64_t width, count;              /* f; numbers of phi(x) */
    int64_t length;                    /* cosformer: N */
    attn_real *left, *right;           /* taylor: two linear layers [count, f], whose results are multiplied; performer: w in left */
    attn_real *left_bias, *right_bias; /* [count] */
    attn_real *sine, *cosine;          /* cosformer: [N] */
    attn_tensor *linear, *squares;     /* polynomial: P, Q [count, f] */
};

/* length: the greatest number of tokens; m: of performer. Parameters are named "features...". */
void attn_features_make(struct attn_features *f, attn_model *model, enum attn_feature_map map, int64_t width, int64_t m, int64_t length);
/* phi of x [B, H, T, f], whose first token is number `position`: [B, H, T, count]. */
attn_tensor *attn_features_of(const struct attn_features *f, attn_tensor *x, int64_t position);

#endif
