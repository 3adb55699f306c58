/* The backward pass of the flash schedule: its entry points, and the table of microkernels that an instruction set gives it.
 *
 * Tiles are rows of queries and columns of keys: P and dS are kept [query][key]. Keys come in panels of ATTN_PANEL; K^T and V^T
 * are packed [dim][ATTN_PANEL], so that logits have the lanes keys. All other products have the lanes head dimensions, whose
 * rows are padded to ATTN_DIM_PAD: no microkernel ever meets a rest of columns.
 */
#ifndef ATTN_KERNEL_FLASH_BACKWARD_OPS_H
#define ATTN_KERNEL_FLASH_BACKWARD_OPS_H

#include "kernel/kernel.h"

enum { ATTN_PANEL = 32, ATTN_DIM_PAD = 16 };

/* A product of query rows with one panel: x[r][l] = sum over c < dim of a[r][c] * b[c][l] + start[r], and what becomes of it. (Accumulators
 * that begin at `start` would save an addition, which costs nothing beside the multiply-adds, and round every partial sum to its size.) */
struct attn_panel_product {
    int rows, dim;
    const float *a; /* [rows][dim], a_stride elements apart */
    int64_t a_stride;
    const float *b;          /* [dim][ATTN_PANEL] */
    const float *start;      /* [rows] */
    const float *start_rest; /* [rows]: what start lost in rounding; read by `weights` */
    const uint32_t *words;   /* [rows]: lanes whose bit is clear become 0, whatever x is; NULL: all lanes are wanted */
    const float *p;          /* second operand of `gradients`, rows out_stride apart */
    float *out;              /* [rows][ATTN_PANEL], out_stride elements apart */
    int64_t out_stride;
    /* What is wanted soon: next_lines lines of each of next_rows <= rows rows, next_stride bytes apart. One is fetched with each row. */
    const char *next;
    int64_t next_stride;
    int next_rows, next_lines;
};

/* c[m][n] = (add ? c[m][n] : 0) + sum over p < depth of a(m, p) * b[p][n]; columns is a multiple of ATTN_DIM_PAD. */
struct attn_tile_product {
    int rows, columns, depth;
    bool add;
    const float *a;
    int64_t a_stride;
    const float *b;
    int64_t b_stride;
    float *c;
    int64_t c_stride;
};

/* The general epilogue of one panel, for everything that stands between the dot product and the weight. On entry p holds
 * log2(e) scale q.k and ds holds dO.v; on return p holds P keep / (1 - dropout) and ds holds scale times the gradient of q.k. */
struct attn_panel_features {
    int rows, lanes; /* lanes: keys that exist */
    float *p, *ds;
    int64_t stride;
    const uint32_t *words, *kept;      /* [rows]; words NULL: all pairs are allowed; kept NULL: no dropout */
    const float *start_p, *start_rest; /* [rows]: -log2(e) LSE, and what it lost in rounding */
    const float *start_ds;             /* [rows]: -delta */
    float scale, grow;                 /* grow: 1 / (1 - dropout) */
    float cap;                         /* of the soft-cap, in base 2; 0: none */
    float slope;                       /* of ALiBi, in base 2; 0: none */
    int64_t distance;                  /* of row 0 to lane 0, signed */
    double *d_slope;                   /* += gradient of the natural slope; NULL: not wanted */
    const float *bias;                 /* of row 0 and lane 0; NULL: none */
    int64_t bias_row, bias_lane;
    float *d_bias; /* += gradient; NULL: not wanted */
    int64_t d_bias_row, d_bias_lane;
};

struct attn_flash_backward_ops {
    void (*weights)(const struct attn_panel_product *t);   /* out = exp2(x) */
    void (*gradients)(const struct attn_panel_product *t); /* out = p * x */
    void (*logits)(const struct attn_panel_product *t);    /* out = x without start; words are not applied */
    void (*by_keys)(const struct attn_tile_product *t);    /* a(m, p) = a[p * a_stride + m]: dV += P^T dO, dK += dS^T Q */
    void (*by_queries)(const struct attn_tile_product *t); /* a(m, p) = a[m * a_stride + p]: dQ += dS K */
    void (*features)(const struct attn_panel_features *t);
    /* panel[c][l] = factor * x[l * stride + c] for l < keys, 0 for the other lanes. */
    void (*pack)(const float *x, int64_t stride, int keys, int dim, double factor, float *panel);
    /* No element is NaN or infinite. */
    bool (*finite)(const float *x, int64_t stride, int rows, int dim);
};

extern const struct attn_flash_backward_ops attn_flash_backward_ops__portable;
#if defined(ATTN_HAVE_NEON)
extern const struct attn_flash_backward_ops attn_flash_backward_ops__neon;
#endif
#if defined(ATTN_HAVE_AVX2)
extern const struct attn_flash_backward_ops attn_flash_backward_ops__avx2;
#endif
#if defined(ATTN_HAVE_AVX512)
extern const struct attn_flash_backward_ops attn_flash_backward_ops__avx512;
#endif

/* Bytes of workspace for any execution of this shape; exact. */
size_t attn_flash_backward_workspace(const struct attn_shape *shape);

/* pairs: NULL, or what bfloat16 arrays are multiplied with where no feature stands between the products (backward_pairs.h). */
struct attn_flash_pair_ops;
void attn_flash_backward(const struct attn_exec *x, const struct attn_flash_backward_ops *ops, const struct attn_flash_pair_ops *pairs);

#endif
