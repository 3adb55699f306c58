/* Feature maps of linear attention. */
#include "nn/mixer/features.h"

#include "base/random.h"

const char *const attn_feature_map_names[] = {"taylor", "elu", "relu", "square", "softmax", "performer", "cosformer", "polynomial", NULL};

/* ------------------------------------------------------------------------------------------------------ tables */

/* Number i of phi is (left_i . x + left_bias_i) (right_i . x + right_bias_i). */
static void make_taylor(struct attn_features *f) {
    const double root = sqrt((double)f->width), linear = 1 / sqrt(root), square = 1 / sqrt(2 * root * root), cross = 1 / root;
    int64_t at = 0;
    for (int64_t i = 0; i < f->count; i++) f->left_bias[i] = f->right_bias[i] = 0;
    f->left_bias[at] = f->right_bias[at] = 1;
    at++;
    for (int64_t i = 0; i < f->width; i++, at++) {
        f->left[at * f->width + i] = (attn_real)linear;
        f->right_bias[at] = 1;
    }
    for (int64_t i = 0; i < f->width; i++)
        for (int64_t j = i; j < f->width; j++, at++) {
            f->left[at * f->width + i] = (attn_real)(i == j ? square : cross);
            f->right[at * f->width + j] = 1;
        }
}

/* Takes from v what lies along the `count` rows of unit length behind `rows`. */
static void make_orthogonal(double *v, const double *rows, int64_t count, int64_t width) {
    for (int64_t r = 0; r < count; r++) {
        double along = 0;
        for (int64_t i = 0; i < width; i++) along += v[i] * rows[r * width + i];
        for (int64_t i = 0; i < width; i++) v[i] -= along * rows[r * width + i];
    }
}

static double length_of(const double *v, int64_t n) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += v[i] * v[i];
    return sqrt(sum);
}

static void draw_normal(struct attn_random *random, double *v, int64_t n) {
    for (int64_t i = 0; i < n; i++) v[i] = attn_random_normal(random);
}

/* Directions of normal vectors made orthogonal within each group of f, with the lengths of others: each w by itself is normal. Twice made
 * orthogonal is exact up to rounding. */
static void make_performer(struct attn_features *f, double *group, uint64_t seed) {
    const int64_t width = f->width;
    double *other = group + width * width;
    struct attn_random random;
    attn_random_init(&random, seed);
    for (int64_t i = 0; i < f->count; i++) {
        double *v = group + i % width * width;
        do {
            draw_normal(&random, v, width);
            make_orthogonal(v, group, i % width, width);
        } while (length_of(v, width) < 1e-6);
        make_orthogonal(v, group, i % width, width);
        draw_normal(&random, other, width);
        const double unit = 1 / length_of(v, width), length = length_of(other, width);
        for (int64_t c = 0; c < width; c++) {
            v[c] *= unit;
            f->left[i * width + c] = (attn_real)(length * v[c]);
        }
    }
}

static void make_cosformer(struct attn_features *f) {
    for (int64_t t = 0; t < f->length; t++) {
        const double angle = acos(0.0) * (double)(t + 1) / (double)f->length;
        f->sine[t] = (attn_real)sin(angle);
        f->cosine[t] = (attn_real)cos(angle);
    }
}

/* ------------------------------------------------------------------------------------------------------ making */

static attn_real *table_of(attn_model *model, int64_t n) {
    return attn_model_memory(model, (size_t)n * sizeof(attn_real));
}

static int64_t count_of(enum attn_feature_map map, int64_t f, int64_t m) {
    return map == ATTN_MAP_TAYLOR ? 1 + f + f * (f + 1) / 2 : map == ATTN_MAP_PERFORMER ? m : map == ATTN_MAP_COSFORMER ? 2 * f : f;
}

static void make_polynomial(struct attn_features *f, attn_model *model) {
    attn_model_enter(model, "features");
    f->linear = attn_model_parameter(model, "linear", 2, (const int64_t[]){f->count, f->width});
    attn_fill_normal(f->linear, 0, 1 / sqrt((double)f->width), attn_model_seed(model));
    f->squares = attn_model_parameter(model, "squares", 2, (const int64_t[]){f->count, f->width});
    attn_model_leave(model);
}

void attn_features_make(struct attn_features *f, attn_model *model, enum attn_feature_map map, int64_t width, int64_t m, int64_t length) {
    *f = (struct attn_features){.map = map, .width = width, .count = count_of(map, width, m), .length = length};
    const int64_t numbers = f->count * width;
    if (map == ATTN_MAP_TAYLOR) {
        f->left = table_of(model, numbers);
        f->right = table_of(model, numbers);
        f->left_bias = table_of(model, f->count);
        f->right_bias = table_of(model, f->count);
        if (f->right_bias) make_taylor(f);
    } else if (map == ATTN_MAP_PERFORMER) {
        double *group = attn_model_memory(model, (size_t)((width + 1) * width) * sizeof *group);
        f->left = table_of(model, numbers);
        if (f->left) make_performer(f, group, attn_model_seed(model));
    } else if (map == ATTN_MAP_COSFORMER) {
        f->sine = table_of(model, length);
        f->cosine = table_of(model, length);
        if (f->cosine) make_cosformer(f);
    } else if (map == ATTN_MAP_POLYNOMIAL) {
        make_polynomial(f, model);
    }
}

/* ----------------------------------------------------------------------------------------------------- running */

static attn_tensor *matrix_of(const struct attn_features *f, attn_tensor *x, const attn_real *table) {
    return attn_tensor_input(x->tape, 2, (const int64_t[]){f->count, f->width}, table);
}

static attn_tensor *taylor(const struct attn_features *f, attn_tensor *x) {
    attn_tensor *left_bias = attn_tensor_input(x->tape, 1, &f->count, f->left_bias);
    attn_tensor *right_bias = attn_tensor_input(x->tape, 1, &f->count, f->right_bias);
    return attn_mul(attn_linear(x, matrix_of(f, x, f->left), left_bias), attn_linear(x, matrix_of(f, x, f->right), right_bias));
}

static attn_tensor *performer(const struct attn_features *f, attn_tensor *x) {
    const double scale = pow((double)f->width, -0.25);
    x = attn_affine(x, (attn_real)scale, 0);
    attn_tensor *half = attn_affine(attn_sum(attn_square(x), -1), (attn_real)-0.5, 0);
    if (!half) return NULL;
    half = attn_reshape(half, 4, (const int64_t[]){half->size[0], half->size[1], half->size[2], 1});
    attn_tensor *power = attn_add(attn_linear(x, matrix_of(f, x, f->left), NULL), half);
    return attn_affine(attn_exp(power), (attn_real)(1 / sqrt((double)f->count)), 0);
}

/* x times a number for each of its tokens. */
static attn_tensor *weighted(const struct attn_features *f, attn_tensor *x, const attn_real *table, int64_t position) {
    attn_tensor *weights = attn_tensor_input(x->tape, 2, (const int64_t[]){f->length, 1}, table);
    return attn_mul(x, attn_narrow(weights, 0, position, x->size[2]));
}

static attn_tensor *cosformer(const struct attn_features *f, attn_tensor *x, int64_t position) {
    const int64_t end = position + x->size[2];
    if (end > f->length)
        return attn_tape_fail(x->tape, ATTN_ESHAPE, "mixer linear: map=cosformer: %lld tokens; it was made for at most %lld",
                              (long long)end, (long long)f->length);
    x = attn_relu(x);
    if (!x) return NULL;
    attn_tensor *const halves[] = {weighted(f, x, f->sine, position), weighted(f, x, f->cosine, position)};
    return attn_concat(2, halves, -1);
}

static attn_tensor *polynomial(const struct attn_features *f, attn_tensor *x) {
    attn_tensor *sum = attn_add(attn_square(attn_linear(x, f->linear, NULL)), attn_linear(attn_square(x), f->squares, NULL));
    return attn_affine(sum, (attn_real)sqrt(0.5), 0);
}

attn_tensor *attn_features_of(const struct attn_features *f, attn_tensor *x, int64_t position) {
    if (!x) return NULL;
    switch (f->map) {
    case ATTN_MAP_TAYLOR:
        return taylor(f, x);
    case ATTN_MAP_ELU:
        return attn_affine(attn_elu(x), 1, 1);
    case ATTN_MAP_RELU:
        return attn_relu(x);
    case ATTN_MAP_SQUARE:
        return attn_square(x);
    case ATTN_MAP_SOFTMAX:
        return attn_softmax(x);
    case ATTN_MAP_PERFORMER:
        return performer(f, x);
    case ATTN_MAP_COSFORMER:
        return cosformer(f, x, position);
    case ATTN_MAP_POLYNOMIAL:
        return polynomial(f, x);
    }
    return NULL;
}
