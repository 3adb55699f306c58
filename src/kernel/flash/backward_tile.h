/* What the files of the backward pass share: the state of one execution, the memory of one worker, one tile. */
#ifndef ATTN_KERNEL_FLASH_BACKWARD_TILE_H
#define ATTN_KERNEL_FLASH_BACKWARD_TILE_H

#include "kernel/flash/backward_ops.h"
#include "kernel/flash/backward_pairs.h"

enum {
    ATTN_BACKWARD_QUERIES = 128,
    ATTN_BACKWARD_KEYS = 256,
    ATTN_TILE_PANELS = ATTN_BACKWARD_KEYS / ATTN_PANEL,
    ATTN_TILE_STRIDE = ATTN_BACKWARD_KEYS + 16, /* of P and dS; not a power of two, so that rows fall into different cache sets */
    ATTN_ROW_BLOCK = 8,
    ATTN_TILE_BLOCKS = ATTN_BACKWARD_QUERIES / ATTN_ROW_BLOCK
};

#define ATTN_LOG2E 0x1.71547652b82fep+0

/* Everything that depends on the shape alone: sizes, the split into units and the places in the workspace (byte offsets). */
struct attn_backward_layout {
    int d_pad, e_pad;
    bool general; /* the feature epilogue is needed */
    /* A unit is (batch group, head group, chunk of key tiles); a group is one sequence or kv head, or all of them where several
     * would write the same element of dBias. */
    int64_t batch_groups, head_groups, chunks;
    bool together; /* some group holds several of them */
    int64_t rows;  /* query rows of one head, over all sequences */
    /* Gradients of 16 bits are summed in the worker's memory: dQ of a head where the unit alone writes it, dK and dV of a group's keys. */
    bool dq_apart, dkv_apart;
    int worker_count;
    size_t order, chunk, delta, touched, dq, dalibi, dsink, workers, worker_bytes, bytes;
};
void attn_backward_layout_init(struct attn_backward_layout *l, const struct attn_shape *shape);

/* Keys [begin, end) of a kv head, and the mask's area over them. */
struct attn_chunk {
    int64_t begin, end;
    double area;
};

struct attn_backward {
    const struct attn_exec *x;
    const struct attn_flash_backward_ops *ops;
    const struct attn_flash_pair_ops *pairs; /* NULL, or the arrays are bfloat16, and multiplied in pairs (backward_pairs.h) */
    struct attn_backward_layout l;
    int group;                 /* query heads of a kv head */
    double k_factor, v_factor; /* folded into the packed panels */
    float *delta;              /* [heads][rows]: rowsum(dO O) - dLSE */
    uint8_t *touched;          /* [chunks][heads][rows]: dQ of this row holds sums */
    float *dq;                 /* [chunks][heads][rows][d_pad] if chunks > 1 */
    double *dalibi;            /* [batch][heads][chunks] */
    double *dsink;             /* [batch][heads] */
    int32_t *order;            /* units, the longest first */
    struct attn_chunk *chunk;  /* of each unit, if chunks > 1 and borders follow the mask */
};

/* Buffers of one worker. */
struct attn_backward_worker {
    float *kt, *vt; /* [panel][dim][ATTN_PANEL], factors folded in */
    /* Padded rows of a key tile, where the caller's cannot be used in place: keys [ATTN_BACKWARD_KEYS][d_pad], and the sums (with dkv_apart
     * those of all [kv_len] keys). */
    float *k_rows, *dk, *dv;
    float *p, *ds;                     /* [ATTN_BACKWARD_QUERIES][ATTN_TILE_STRIDE] */
    float *q_rows, *do_rows, *dq_rows; /* padded copies where the caller's rows cannot be used in place */
    float *start_p, *start_rest;       /* [ATTN_BACKWARD_QUERIES]: -LSE in base 2, and what it lost in rounding */
    float *start_ds;                   /* [ATTN_BACKWARD_QUERIES]: -delta, times v_factor */
    uint32_t *words;                   /* [panel][ATTN_BACKWARD_QUERIES] */
    float *dq_sums;                    /* with dq_apart: [q_len][d_pad] */
};
/* Places the buffers in memory (NULL: only counts). Returns the bytes. */
size_t attn_backward_worker_init(struct attn_backward_worker *w, const struct attn_shape *shape, const struct attn_backward_layout *l,
                                 char *memory);

/* Rows [begin, end) of one panel that some pair needs, begin and end multiples of ATTN_ROW_BLOCK (or the tile's end); its pairs lie in
 * the rows [first, last). */
struct attn_row_span {
    int begin, end, first, last;
    bool full;
};

/* One tile: queries [i0, i0 + rows) of sequence b and head h against the key tile at k0. */
struct attn_backward_tile {
    int64_t b, i0, k0;
    int32_t h;
    int rows, keys, panels;
    bool full;
    int64_t alibi_shift;
    double *d_slope; /* sum of this unit's gradient of the head's slope */
    int span_count[ATTN_TILE_PANELS];
    struct attn_row_span spans[ATTN_TILE_PANELS][ATTN_TILE_BLOCKS];
};

/* What is fixed for one key tile of one kv head, and what becomes of it. */
struct attn_key_tile {
    int64_t b, k0;
    int32_t kv_head;
    int keys;
    bool finite;
    struct attn_seq seq;
    int64_t first_row; /* of the sequence, in delta and in touched */
    const float *k;    /* rows d_pad apart */
    float *dk, *dv;    /* sums, rows d_pad and e_pad apart */
    uint32_t begun;    /* bit p: the sums of panel p have begun; the others hold anything */
};

/* Element of the tile's first row in k or v. */
static inline int64_t attn_first_key(const struct attn_array *a, const struct attn_key_tile *key) {
    return key->b * a->b + key->kv_head * a->h + (key->seq.k_row + key->k0) * a->t;
}

/* What is fixed for one query head of it. */
struct attn_backward_head {
    const struct attn_backward *s;
    struct attn_backward_worker *w;
    struct attn_key_tile *key;
    int32_t h;
    struct attn_mask_view view;
    int64_t q, d_o; /* element of the sequence's first row in the arrays */
    const float *lse, *delta;
    float *dq;
    int64_t dq_t, dq_d;
    uint8_t *touched;
    double *d_slope;
    bool q_in_place, do_in_place, dq_in_place, keep_dq; /* keep_dq: what is in dq is to be added to */
};

/* Rows that will be wanted soon, to be fetched a few lines with every product of a span: parts of so many rows of so many lines each. */
struct attn_ahead {
    struct {
        const char *at;
        int64_t stride; /* bytes */
        int rows, lines;
    } part[5];
    int parts;              /* so far */
    int each;               /* lines of a row that are fetched at once */
    int part_at, line, row; /* the next ones */
};
/* Rows of dim elements, the first at element `at` of the array. */
void attn_ahead_add(struct attn_ahead *ahead, const struct attn_array *a, int64_t at, int rows, int dim);
/* Spreads what was added over the products of the tile. */
void attn_ahead_spread(struct attn_ahead *ahead, const struct attn_backward_tile *tile);
/* The share of one product. */
void attn_ahead_next(struct attn_ahead *ahead, struct attn_panel_product *t);

/* Rows that may be used as a right operand as they are. */
struct attn_rows {
    const float *data;
    int64_t stride;
};

/* What the last three products of a tile multiply. Plain: floats. Paired (shift 1): a word is a pair of bfloat16, of neighbours along the axis
 * that is summed over, of which there are half as many. */
struct attn_tile_operands {
    int shift;
    void (*by_keys)(const struct attn_tile_product *t);
    void (*by_queries)(const struct attn_tile_product *t);
    const float *p, *ds;     /* [rows >> shift][ATTN_TILE_STRIDE] */
    struct attn_rows q, d_o; /* [rows >> shift] */
    const float *ds_of_keys; /* dS once more: [rows][keys >> shift], rows key_stride apart */
    int64_t key_stride;
    const float *k; /* [keys >> shift][d_pad] */
};

/* rowsum(dO O) - dLSE of n rows. */
void attn_backward_row_dots(const struct attn_exec *x, int64_t b, int32_t h, int64_t row, int n, float *delta);

/* Spans and words of a tile from its mask; tile->full if every pair is allowed. */
void attn_backward_spans(struct attn_backward_tile *tile, const struct attn_mask_view *view, uint32_t *words);

/* P and dS of the tile's spans. */
void attn_backward_scores(const struct attn_backward_head *head, const struct attn_backward_tile *tile, struct attn_rows q,
                          struct attn_rows d_o, struct attn_ahead *ahead);
/* Those operands where all is float. */
struct attn_tile_operands attn_backward_operands(const struct attn_backward_head *head, struct attn_rows q, struct attn_rows d_o,
                                                 const float *k);
/* The other three products. dq has rows `stride` apart, which are added to, or else overwritten. */
void attn_backward_products(const struct attn_backward_head *head, const struct attn_backward_tile *tile,
                            const struct attn_tile_operands *o, float *dq, int64_t stride, bool add);
/* Rows of a tile that hold a NaN or infinity. */
struct attn_taken_out {
    bool q[ATTN_BACKWARD_QUERIES], d_o[ATTN_BACKWARD_QUERIES], k[ATTN_BACKWARD_KEYS];
};
/* Adds those rows to the sums, pair by pair where the tile's words allow it. */
void attn_backward_add_taken_out(const struct attn_backward_head *head, const struct attn_backward_tile *tile,
                                 const struct attn_tile_operands *o, const struct attn_taken_out *out, float *dq, int64_t stride);
/* The same for a tile that is not full and holds a NaN or infinity. */
void attn_backward_exact_products(const struct attn_backward_head *head, const struct attn_backward_tile *tile, float *dq, int64_t stride,
                                  bool add);
/* backward_pairs.c: a key tile's operands, and all products of one of its tiles, on pairs. finite: of the key tile and of the rows' deltas. */
void attn_backward_pair_keys(const struct attn_backward_head *head);
void attn_backward_pair_tile(const struct attn_backward_head *head, const struct attn_backward_tile *tile, struct attn_ahead *ahead,
                             bool finite, float *dq, int64_t stride, bool add);
/* Sums that have not begun become 0. */
void attn_begin_sums(const struct attn_backward *s, struct attn_key_tile *key);

/* From raw products in p and ds of a span to weights and gradients. */
void attn_backward_features(const struct attn_backward *s, const struct attn_backward_worker *w, const struct attn_backward_tile *tile,
                            int panel, const struct attn_row_span *span);

/* dalibi and dsink from the sums of units and the rows; after everything else. */
void attn_backward_head_sums(const struct attn_backward *s);

/* Borders of all chunks of a kv head by the mask's area. */
void attn_backward_cut_keys(const struct attn_backward *s, int64_t b, int32_t kv_head, struct attn_chunk *chunk);
/* The keys of one. */
struct attn_chunk attn_backward_chunk(const struct attn_backward *s, int64_t b, int32_t kv_head, int64_t chunk);

/* The chunk's key tiles of all sequences and heads of one unit. */
void attn_backward_unit(const struct attn_backward *s, int64_t unit, struct attn_backward_worker *w);

#endif
