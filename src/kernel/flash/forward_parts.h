/* What the files of the flash forward pass share: the state of one worker on one chunk. */
#ifndef ATTN_KERNEL_FLASH_FORWARD_PARTS_H
#define ATTN_KERNEL_FLASH_FORWARD_PARTS_H

#include "kernel/flash/forward_ops.h"

enum { ATTN_CHUNK_MAX = 512 /* queries of a chunk */ };

struct attn_flash_work {
    const struct attn_exec *x;
    const struct attn_flash_forward_ops *ops;
    struct attn_seq seq;
    struct attn_mask_view view;
    int64_t sequence, kv_row; /* kv_row: token row of local key 0 */
    int32_t head, kv_head;
    int64_t dim, v_dim, columns; /* columns: v_dim up to a multiple of 4 */
    bool features, has_sink;     /* features: logits change after the dot product */
    float sink;                  /* log2 units */
    /* the worker's memory */
    void *q;          /* panels of R lanes: [chunk / R], of attn_flash_query_words each */
    float *o, *m, *l; /* o[chunk / R][columns][R], m, l [chunk] */
    float *s;         /* logits [ATTN_KEY_TILE][R] */
    void *p;          /* weights: s again, or pairs [ATTN_KEY_TILE / 2][R] */
    void *v;          /* packed values: panels of 16 columns, of attn_flash_key_words each */
    void *k, *row;    /* copies of rows that cannot be used in place: [ATTN_KEY_TILE][dim] of keys, [R][max(dim, v_dim)] of rows */
    uint32_t *words;  /* [ATTN_MASK_SPAN] */
};

/* forward.c: O and LSE of the queries [q0, q1). */
void attn_flash_forward_chunk(struct attn_flash_work *w, int64_t q0, int64_t q1);

/* forward_runs.c: moves the borders of a panel's runs to where the microkernels are fast, and for paired ones to whole pairs of keys.
 * n: keys of the tile; words become valid for keys that change to a partial run. Returns the new number of runs. */
int attn_flash_align_runs(const struct attn_flash_forward_ops *ops, struct attn_mask_run *runs, int count, int64_t n, uint32_t *words,
                          int lanes);

/* forward_arrays.c: between the caller's arrays, at any strides, and the panels. */
void attn_flash_pack_queries(const struct attn_flash_work *w, int64_t row, int lanes, void *q);
const void *attn_flash_keys(const struct attn_flash_work *w, int64_t begin, int64_t n, ptrdiff_t *stride);
bool attn_flash_pack_values(const struct attn_flash_work *w, int64_t begin, int64_t n);
void attn_flash_store(const struct attn_flash_work *w, const float *o, const float *scale, const float *keep, int64_t row, int lanes);
float *attn_flash_lse(const struct attn_flash_work *w, int64_t row); /* NULL: not wanted */
struct attn_next_rows attn_flash_next_rows(const struct attn_flash_work *w, const struct attn_array *a, int64_t row);

/* forward_features.c: soft-cap, ALiBi and bias on the logits of n keys from `key`; dropout on the weights of a tile's runs. */
void attn_flash_adjust_logits(const struct attn_flash_work *w, float *s, int64_t row, int lanes, int64_t key, int64_t n);
void attn_flash_drop_weights(const struct attn_flash_work *w, int64_t row, int lanes, int64_t key, const struct attn_mask_run *runs,
                             int count);

#endif
