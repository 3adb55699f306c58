/* What the files of the decode schedule share: how it is cut, and the state of one unit of work.
 *
 * A unit is a block of queries of all heads that share a key/value head (of one head, where every query head has a mask of its own) against
 * a chunk of keys of one sequence. Where a sequence may have several chunks, each unit leaves its part in the workspace: sums relative to
 * the part's own maximum; a second loop merges the parts of a row in the order of the keys. The cut depends on the capacities and the
 * lengths alone. */
#ifndef ATTN_KERNEL_DECODE_PARTS_H
#define ATTN_KERNEL_DECODE_PARTS_H

#include "kernel/decode/decode.h"
#include "kernel/decode/ops.h"

struct attn_decode_cut {
    int64_t group;        /* query heads of a key/value head */
    int64_t queries;      /* of a unit, at most */
    int64_t rows;         /* of a unit, at most: group * queries */
    int64_t chunk;        /* keys of a unit */
    int64_t chunks;       /* of a sequence at the capacity */
    int64_t q_row, o_row; /* padded head sizes */
    int64_t q8_row;       /* steps of a query as bytes; 0 where keys are not */
    int64_t part;         /* floats of the parts of a group: for each head o[queries][o_row], m[queries], l[queries] */
    size_t parts, worker; /* bytes of all parts (0: one chunk), of one worker's memory */
    size_t q, q8, s, own; /* offsets inside a worker's memory; own: its part where there is one chunk */
};
struct attn_decode_cut attn_decode_cut_of(const struct attn_shape *shape);

struct attn_decode_work {
    const struct attn_exec *x;
    const struct attn_decode_ops *ops;
    const struct attn_decode_q8_ops *q8_ops; /* NULL: ops reads every type */
    const struct attn_decode_cut *cut;
    struct attn_seq seq;
    struct attn_mask_view view;
    int64_t end;                   /* of the stretch of the unit's keys that is being read */
    int64_t sequence, q0, queries; /* [q0, q0 + queries) */
    int32_t kv_head, head, heads;  /* query heads [head, head + heads) */
    int64_t rows;                  /* heads * queries; row r is head r / queries, query r % queries */
    float *q, *s;                  /* [rows][q_row], scaled to logits in base 2; [rows][ATTN_DECODE_TILE] */
    struct attn_decode_q8 *q8;     /* [rows][q8_row], of q8_ops */
    float *o, *m, *l;              /* the part: sum of 2^(s - m) v, m, sum of 2^(s - m) */
};

/* unit.c: the part of the keys [k0, k1). */
void attn_decode_unit(struct attn_decode_work *w, int64_t k0, int64_t k1);

/* round.c: w->q8 from w->q. */
void attn_decode_round(const struct attn_decode_work *w);

/* features.c: soft-cap, ALiBi and bias on the logits of the keys [key, key + n). */
void attn_decode_adjust(const struct attn_decode_work *w, int64_t key, int64_t n);

/* finish.c: merges `chunks` parts, `step` floats apart from w->o on, and writes O and LSE. */
void attn_decode_finish(const struct attn_decode_work *w, int64_t chunks, int64_t step);

#endif
