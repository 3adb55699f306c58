/* Linear attention (Katharopoulos et al. 2020): y[i] = sum over j <= i of (phi(q_i) . phi(k_j)) v_j over (phi(q_i) . (sum over j <= i of phi(k_j)) + 1e-12),
 * for each head. Queries and keys have f numbers a head, values D / H; no biases. Based (Arora et al. 2024) is its Taylor map. */
#include "nn/mixer/features.h"
#include "nn/mixer/heads.h"
#include "tape/chunks.h"

struct linear {
    attn_projection q, k, v, out;
    struct attn_features features;
    int64_t heads, width;
};

enum { HEADS, F, MAP, M };
static const attn_mixer_option linear_options[] = {
    [HEADS] = ATTN_HEADS_OPTION,
    [F] = {"f", "numbers of a query and of a key in each head", 8, 1, 256, true, NULL},
    [MAP] = {"map",
             "feature map of queries and keys: taylor (Based), elu, relu, square, softmax along the features, performer (random features), "
             "cosformer, polynomial (learned)",
             ATTN_MAP_ELU, 0, 0, true, attn_feature_map_names},
    [M] = {"m", "random features of map=performer", 256, 1, 65536, true, NULL},
};
static const attn_mixer_option based_options[] = {
    [HEADS] = ATTN_HEADS_OPTION,
    [F] = {"f", "numbers of a query and of a key in each head, which become (f + 1) (f + 2) / 2 features", 8, 1, 256, true, NULL},
};

static void make_of(struct linear *l, attn_model *model, const char *name, const attn_mixer_place *place, const double *option,
                    enum attn_feature_map map, int64_t m) {
    const int64_t heads = (int64_t)option[HEADS], f = (int64_t)option[F], width = place->width;
    if (!attn_heads_divide(model, name, heads, width)) return;
    l->heads = heads;
    l->width = width;
    l->q = attn_projection_make(model, "q", width, heads * f, false, 0.02);
    l->k = attn_projection_make(model, "k", width, heads * f, false, 0.02);
    l->v = attn_projection_make(model, "v", width, width, false, 0.02);
    l->out = attn_projection_make(model, "out", width, width, false, 0.02);
    attn_features_make(&l->features, model, map, f, m, place->length);
}

static void make_linear(void *mixer, attn_model *model, const attn_mixer_place *place, const double *option) {
    make_of(mixer, model, "linear", place, option, (enum attn_feature_map)(int)option[MAP], (int64_t)option[M]);
}

static void make_based(void *mixer, attn_model *model, const attn_mixer_place *place, const double *option) {
    make_of(mixer, model, "based", place, option, ATTN_MAP_TAYLOR, 0);
}

/* [B, H, T, ...] of the heads that lie side by side in x [B, T, ...]. */
static attn_tensor *in_heads(const struct linear *l, attn_tensor *x) {
    if (!x) return NULL;
    x = attn_reshape(x, 4, (const int64_t[]){x->size[0], x->size[1], l->heads, -1});
    return attn_permute(x, (const int[]){0, 2, 1, 3});
}

/* Whether the weights of all T^2 pairs are less work than the features: multiply-adds of a token, by attn_taylor_attention and by attn_linear_attention. */
static bool weighs_pairs(const struct linear *l, int64_t tokens) {
    const int64_t f = l->features.width, count = l->features.count, columns = l->width / l->heads;
    return l->features.map == ATTN_MAP_TAYLOR && tokens * (f + columns) <= ATTN_CHUNK * (count + columns) + 2 * count * columns;
}

static attn_tensor *features_of(const struct linear *l, const attn_projection *p, attn_tensor *u, int64_t position) {
    return attn_features_of(&l->features, attn_contiguous(in_heads(l, attn_project(p, u))), position);
}

static attn_tensor *mix(void *mixer, attn_mixer_call *call) {
    const struct linear *l = mixer;
    attn_tensor *u = call->u, *v = in_heads(l, attn_project(&l->v, u)), *y;
    if (weighs_pairs(l, u->size[1]))
        y = attn_taylor_attention(in_heads(l, attn_project(&l->q, u)), in_heads(l, attn_project(&l->k, u)), v);
    else
        y = attn_linear_attention(features_of(l, &l->q, u, 0), features_of(l, &l->k, u, 0), v);
    y = attn_contiguous(attn_permute(y, (const int[]){0, 2, 1, 3}));
    return attn_project(&l->out, attn_reshape(y, 3, u->size));
}

/* Of each head sums of phi(k) v^T and of phi(k): phi D + phi H. */
static int64_t state_size(const void *mixer, int64_t tokens) {
    const struct linear *l = mixer;
    (void)tokens;
    return l->features.count * (l->width + l->heads);
}

/* Of one head: d F + F. */
static int64_t paper_size(const void *mixer, int64_t tokens) {
    const struct linear *l = mixer;
    (void)tokens;
    return l->features.count * (l->width + 1);
}

/* One head's token: sums [count, columns + 1] are brought up to date, y [columns] is computed. */
static void advance(int64_t count, int64_t columns, const attn_real *q, const attn_real *k, const attn_real *v, attn_real *sums,
                    attn_real *y) {
    attn_real total = (attn_real)1e-12;
    for (int64_t c = 0; c < columns; c++) y[c] = 0;
    for (int64_t i = 0; i < count; i++) {
        attn_real *row = sums + i * (columns + 1);
        for (int64_t c = 0; c < columns; c++) {
            row[c] += k[i] * v[c];
            y[c] += q[i] * row[c];
        }
        row[columns] += k[i];
        total += q[i] * row[columns];
    }
    for (int64_t c = 0; c < columns; c++) y[c] /= total;
}

static attn_tensor *step(void *mixer, attn_mixer_call *call, attn_real *state, int64_t tokens, int64_t position) {
    const struct linear *l = mixer;
    attn_tensor *u = call->u, *q = features_of(l, &l->q, u, position), *k = features_of(l, &l->k, u, position);
    attn_tensor *v = attn_project(&l->v, u), *y = attn_constant(u->tape, 3, u->size, 0);
    const int64_t count = l->features.count, columns = l->width / l->heads;
    (void)tokens;
    if (!q || !k || !v || !y) return NULL;
    for (int64_t i = 0; i < u->size[0] * l->heads; i++)
        advance(count, columns, q->data + i * count, k->data + i * count, v->data + i * columns, state + i * count * (columns + 1),
                y->data + i * columns);
    return attn_project(&l->out, y);
}

const attn_mixer_kind attn_mixer_linear = {.size = sizeof(attn_mixer_kind),
                                           .name = "linear",
                                           .summary = "linear attention with a choice of feature maps (Katharopoulos et al. 2020)",
                                           .options = linear_options,
                                           .option_count = sizeof linear_options / sizeof linear_options[0],
                                           .bytes = sizeof(struct linear),
                                           .make = make_linear,
                                           .mix = mix,
                                           .state_size = state_size,
                                           .step = step,
                                           .paper_size = paper_size};

const attn_mixer_kind attn_mixer_based = {.size = sizeof(attn_mixer_kind),
                                          .name = "based",
                                          .summary = "linear attention with the second-order Taylor map of Based (Arora et al. 2024)",
                                          .options = based_options,
                                          .option_count = sizeof based_options / sizeof based_options[0],
                                          .bytes = sizeof(struct linear),
                                          .make = make_based,
                                          .mix = mix,
                                          .state_size = state_size,
                                          .step = step,
                                          .paper_size = paper_size};
