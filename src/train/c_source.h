/* The C of a model that is being written (train/export.h): constants, weights, the members of the state, functions, and the bodies of init and push, to each
 * of which a task and its parts add what is theirs (attn_task.export_c).
 *
 * In the written source `state` is the type of the state and `s` the one that init and push are given; the numbers of inputs and outputs are INPUTS and OUTPUTS.
 * A linear layer or a table is a constant of `struct linear`; the functions below may be called in what is added once attn_c_use has asked for them.
 *
 * The first failure is kept: nothing is added behind it, and attn_export_write returns it. */
#ifndef ATTN_TRAIN_C_SOURCE_H
#define ATTN_TRAIN_C_SOURCE_H

#include "attn_train.h"
#include "base/context.h"

struct attn_c_text {
    char *at; /* NULL, or a text with a 0 behind it */
    size_t bytes, room;
};

/* Functions of the written source, of float, beside `linear(const struct linear *l, const float *x, float *y)`, which is y = weight x + bias. */
enum attn_c_function {
    ATTN_C_DOT = 1 << 0,          /* dot(n, a, x) */
    ATTN_C_ROW = 1 << 1,          /* add_row(l, r, y): row r of a table is added to y */
    ATTN_C_EXP = 1 << 2,          /* exponential(x) */
    ATTN_C_ROOT = 1 << 3,         /* root(x) */
    ATTN_C_ERF = 1 << 4,          /* error_function(x) */
    ATTN_C_TANH = 1 << 5,         /* hyperbolic_tangent(x) */
    ATTN_C_LOG = 1 << 6,          /* logarithm(x) */
    ATTN_C_SINE = 1 << 7,         /* sine(turns): of 2 pi turns, within a half of 0 */
    ATTN_C_KNOWN = 1 << 8,        /* is_known(x), double: no NaN, and within FARTHEST of 0 */
    ATTN_C_NORM = 1 << 9,         /* layer_norm(gain, bias, epsilon, x, y) of WIDTH numbers */
    ATTN_C_COMPENSATED = 1 << 10, /* add(pair, x): to a number that is the sum of two */
    ATTN_C_SHARES = 1 << 11       /* shares(n, x): e^x over their sum, in place */
};

/* A matrix of the model that is written as 8-bit numbers: rows of a parameter. */
struct attn_c_matrix {
    attn_tensor *weight;
    int64_t first, rows, columns;
};
enum { ATTN_C_MATRICES = 4096 };

struct attn_c_source {
    attn_ctx *ctx;
    bool int8;    /* matrices are, with a factor for each row */
    bool no_libm; /* functions of its own take the place of <math.h> */
    attn_status status;
    struct attn_c_text sizes, weights, wide, narrow, functions, init, push;
    struct attn_c_text inputs, outputs; /* their names, one a line, with what is to be said of them */
    int64_t input_count, output_count;
    int64_t weight_bytes, products;   /* of all arrays; multiplications of weights in one push */
    int64_t wide_count, narrow_count; /* members of 8 and of 4 bytes */
    unsigned used;                    /* enum attn_c_function */
    struct attn_c_matrix *matrix;     /* of int8 */
    int matrix_count;
};
void attn_c_open(attn_ctx *ctx, bool int8, bool no_libm, struct attn_c_source *out);
void attn_c_close(struct attn_c_source *c);

/* A failure of what is written. Returns status. */
attn_status attn_c_fail(struct attn_c_source *c, attn_status status, const char *format, ...) ATTN_PRINTF(3, 4);

/* Adds to one of the texts. */
void attn_c_add(struct attn_c_source *c, struct attn_c_text *to, const char *format, ...) ATTN_PRINTF(3, 4);
/* The same of a text without formats, of any length. */
void attn_c_add_text(struct attn_c_source *c, struct attn_c_text *to, const char *text);
/* The name of an input or output, made harmless in a comment, and what is to be said of it ("" for nothing). */
void attn_c_input(struct attn_c_source *c, const char *name, const char *note);
void attn_c_output(struct attn_c_source *c, const char *name, const char *note);
void attn_c_use(struct attn_c_source *c, unsigned functions);

/* A constant: enum { NAME = value }. */
void attn_c_size(struct attn_c_source *c, const char *name, int64_t value);

/* Constant arrays, exact to the bit; ATTN_EINVAL where a number is not finite. factor: each is multiplied by it before it is rounded to float. */
void attn_c_floats(struct attn_c_source *c, const char *name, int64_t count, const attn_real *value, double factor);
void attn_c_doubles(struct attn_c_source *c, const char *name, int64_t count, const double *value);
/* Rows [first, first + rows) of a layer of linear numbers as `static const struct linear NAME`. bias NULL: none. Their products are counted `times` a push; a table's
 * rows, which are only added, 0 times. */
void attn_c_linear(struct attn_c_source *c, const char *name, const attn_projection *layer, int64_t first, int64_t rows, int64_t times);
/* NAME_gain and NAME_bias. */
void attn_c_norm(struct attn_c_source *c, const char *name, const attn_norm *norm);

/* Members of the state: `count` (0: one, and no array) numbers of 8 bytes (double, int64_t) or 4 (float, int32_t, uint32_t), zeros after init where init says nothing else. */
void attn_c_wide(struct attn_c_source *c, const char *type, const char *name, int64_t count);
void attn_c_narrow(struct attn_c_source *c, const char *type, const char *name, int64_t count);

/* Rounds the matrices of an int8 source in the model itself, so that what it computes from here on is what the written program does. */
void attn_c_round_weights(const struct attn_c_source *c);

/* The type struct linear, and the functions that are used, as text: c_runtime.c. */
const char *attn_c_struct_linear(const struct attn_c_source *c);
void attn_c_runtime(struct attn_c_source *c, struct attn_c_text *to);

#endif
