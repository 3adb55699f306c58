/* Convolution and pooling of images: loops in double over every window. */
#include "support/sequences.h"

#include <math.h>

typedef const int64_t (*sizes)[ATTN_TENSOR_DIMS];

static int64_t count_of(const int64_t *size) {
    int64_t count = 1;
    for (int i = 0; i < ATTN_TENSOR_DIMS && size[i] > 0; i++) count *= size[i];
    return count;
}

/* --------------------------------------------------------------------------------------------------------- images */

/* Every window by itself, of a stride and a padding. */
struct window {
    int64_t batch, rows, columns, channels, size[2], stride, padding, out[2];
};
static struct window window_of(const int64_t *x, int64_t rows, int64_t columns, int64_t stride, int64_t padding) {
    struct window w = {x[0], x[1], x[2], x[3], {rows, columns}, stride, padding, {0, 0}};
    w.out[0] = (w.rows + 2 * padding - rows) / stride + 1;
    w.out[1] = (w.columns + 2 * padding - columns) / stride + 1;
    return w;
}
/* x at row r, column c of window (i, j); NAN beyond the image. */
static double within(const struct window *w, const double *x, int64_t b, int64_t i, int64_t j, int64_t r, int64_t c, int64_t channel) {
    const int64_t row = i * w->stride + r - w->padding, column = j * w->stride + c - w->padding;
    if (row < 0 || row >= w->rows || column < 0 || column >= w->columns) return (double)NAN;
    return x[((b * w->rows + row) * w->columns + column) * w->channels + channel];
}

static double convolve_at(const struct window *w, const double *x, const double *filter, int64_t b, int64_t i, int64_t j) {
    double sum = 0;
    for (int64_t r = 0; r < w->size[0]; r++)
        for (int64_t s = 0; s < w->size[1]; s++)
            for (int64_t c = 0; c < w->channels; c++) {
                const double at = within(w, x, b, i, j, r, s, c);
                if (!isnan(at)) sum += at * filter[(r * w->size[1] + s) * w->channels + c];
            }
    return sum;
}
static void naive_conv(const double *const *x, sizes size, int64_t stride, int64_t padding, bool bias, double *y) {
    const struct window w = window_of(size[0], size[1][1], size[1][2], stride, padding);
    const int64_t each = w.size[0] * w.size[1] * w.channels;
    for (int64_t b = 0; b < w.batch; b++)
        for (int64_t i = 0; i < w.out[0]; i++)
            for (int64_t j = 0; j < w.out[1]; j++)
                for (int64_t o = 0; o < size[1][0]; o++) *y++ = convolve_at(&w, x[0], x[1] + o * each, b, i, j) + (bias ? x[2][o] : 0);
}
static void naive_pool(const double *x, const struct window *w, bool greatest, double *y) {
    for (int64_t b = 0; b < w->batch; b++)
        for (int64_t i = 0; i < w->out[0]; i++)
            for (int64_t j = 0; j < w->out[1]; j++)
                for (int64_t c = 0; c < w->channels; c++) {
                    double most = -(double)INFINITY, sum = 0;
                    int count = 0;
                    for (int64_t r = 0; r < w->size[0] * w->size[1]; r++) {
                        const double at = within(w, x, b, i, j, r / w->size[1], r % w->size[1], c);
                        if (isnan(at)) continue;
                        most = fmax(most, at);
                        sum += at;
                        count++;
                    }
                    *y++ = greatest ? most : sum / count;
                }
}

static attn_tensor *conv(attn_tensor *const *x) {
    return attn_conv2d(x[0], x[1], x[2], 1, 1);
}
static attn_tensor *conv_by_two(attn_tensor *const *x) {
    return attn_conv2d(x[0], x[1], NULL, 2, 0);
}
static attn_tensor *conv_of_a_view(attn_tensor *const *x) { /* channels come first, and the input is its own gate */
    attn_tensor *image = attn_permute(x[0], (const int[]){0, 2, 3, 1});
    return attn_mul(attn_conv2d(image, x[1], NULL, 1, 1), image);
}
static attn_tensor *max_pool(attn_tensor *const *x) {
    return attn_max_pool2d(x[0], 2, 2, 0);
}
static attn_tensor *max_pool_over(attn_tensor *const *x) {
    return attn_max_pool2d(x[0], 3, 2, 1);
}
static attn_tensor *avg_pool(attn_tensor *const *x) {
    return attn_mul(attn_avg_pool2d(x[0], 3, 1, 1), x[0]);
}
static void naive_conv_plain(const double *const *x, sizes size, double *y) {
    naive_conv(x, size, 1, 1, true, y);
}
static void naive_conv_by_two(const double *const *x, sizes size, double *y) {
    naive_conv(x, size, 2, 0, false, y);
}
static void naive_conv_of_a_view(const double *const *x, sizes size, double *y) {
    static double turned[4096];
    const int64_t b = size[0][0], c = size[0][1], pixels = size[0][2] * size[0][3];
    for (int64_t i = 0; i < b * pixels * c; i++) turned[i] = x[0][(i / c / pixels * c + i % c) * pixels + i / c % pixels];
    const int64_t image[][ATTN_TENSOR_DIMS] = {{b, size[0][2], size[0][3], c}, {size[1][0], size[1][1], size[1][2], size[1][3]}};
    naive_conv((const double *const[]){turned, x[1]}, image, 1, 1, false, y);
    for (int64_t i = 0; i < b * pixels * c; i++) y[i] *= turned[i];
}
static void naive_max_pool(const double *const *x, sizes size, double *y) {
    const struct window w = window_of(size[0], 2, 2, 2, 0);
    naive_pool(x[0], &w, true, y);
}
static void naive_max_pool_over(const double *const *x, sizes size, double *y) {
    const struct window w = window_of(size[0], 3, 3, 2, 1);
    naive_pool(x[0], &w, true, y);
}
static void naive_avg_pool(const double *const *x, sizes size, double *y) {
    const struct window w = window_of(size[0], 3, 3, 1, 1);
    naive_pool(x[0], &w, false, y);
    for (int64_t i = 0; i < count_of(size[0]); i++) y[i] *= x[0][i];
}

/* ---------------------------------------------------------------------------------------------------------- cases */

const struct test_sequence test_images[] = {
    {"convolution of images", conv, naive_conv_plain, {{2, 4, 5, 2}, {3, 3, 2, 2}, {3}}, true},
    {"convolution by step two", conv_by_two, naive_conv_by_two, {{2, 6, 5, 2}, {2, 2, 3, 2}}, true},
    {"convolution of single pixels by step two", conv_by_two, naive_conv_by_two, {{1, 5, 4, 3}, {2, 1, 1, 3}}, true},
    {"convolution of an image of one window", conv_by_two, naive_conv_by_two, {{1, 3, 2, 2}, {2, 3, 2, 2}}, true},
    {"convolution of channels first, times itself", conv_of_a_view, naive_conv_of_a_view, {{2, 2, 3, 4}, {2, 3, 3, 2}}, true},
    {"convolution of many pixels", conv, naive_conv_plain, {{3, 25, 40, 9}, {34, 3, 3, 9}, {34}}, false},
    {"max pooling", max_pool, naive_max_pool, {{2, 5, 4, 3}}, true},
    {"max pooling over the edge", max_pool_over, naive_max_pool_over, {{2, 5, 4, 2}}, true},
    {"max pooling of many pixels", max_pool_over, naive_max_pool_over, {{3, 33, 20, 40}}, false},
    {"mean pooling over the edge, times itself", avg_pool, naive_avg_pool, {{2, 4, 3, 2}}, true},
    {"mean pooling of many pixels", avg_pool, naive_avg_pool, {{3, 33, 20, 40}}, false},
};
const int test_images_count = (int)(sizeof test_images / sizeof *test_images);
