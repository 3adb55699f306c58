/* One ring of ranks over some documents, as one of its ranks sees it; and an execution of it.
 *
 * Arrays of the caller are [B, places, heads, width] by strides. Attention is computed on arrays of the stage's own, for a chunk of the heads at a
 * time: [B, heads of the chunk, tokens, width], tokens = U t those of a ring position, in order of the pieces. So packing is where head and token
 * exchange their places, and where types change; messages and kernels see plain memory, in which a head's rows lie side by side: with many heads
 * between them they would share a few sets of the cache. */
#ifndef ATTN_DIST_CP_STAGE_H
#define ATTN_DIST_CP_STAGE_H

#include "dist/cp/cp.h"
#include "dist/cp/progress.h"
#include "kernel/convert/convert.h"

/* Offsets in the workspace. Those of a chunk are times its number. */
enum attn_cp_room {
    /* What forward leaves for backward (config.keep) */
    ATTN_CP_Q,   /* [C][B, heads, tokens, D] */
    ATTN_CP_KV,  /* [C]: K [B, kv_heads, tokens, D], then V [.., E] */
    ATTN_CP_LSE, /* [C][B, heads, tokens] float */
    /* Forward */
    ATTN_CP_O, /* [C][B, heads, tokens, E] float */
    /* Backward */
    ATTN_CP_DO,    /* as O, of the problem's type */
    ATTN_CP_DELTA, /* as LSE: dLSE - dO . O */
    ATTN_CP_DQ,    /* as Q, float */
    ATTN_CP_DKV,   /* as KV, float */
    ATTN_CP_ZERO,  /* a row of O = 0 */
    /* Along the ring; gathered: all positions but the own one */
    ATTN_CP_RING_KV,
    ATTN_CP_RING_DKV,
    /* Staging of the all-to-all: sent, received */
    ATTN_CP_SEND,
    ATTN_CP_RECEIVE,
    ATTN_CP_SUM, /* dk and dv of all copies of the own places, float: [B, t, copies of heads, D], then E */
    ATTN_CP_PLAN,
    ATTN_CP_ROOMS
};
struct attn_cp_rooms {
    size_t at[ATTN_CP_ROOMS], each[ATTN_CP_ROOMS]; /* each: bytes of a chunk, or of one buffer */
    size_t bytes;
};
/* Messages under way. */
struct attn_cp_list {
    int *ticket;
    int count, capacity;
};

struct attn_cp_stage {
    struct attn_cp *cp;
    struct attn_grid grid;
    int u, y; /* this rank's piece and position */
    struct attn_shards shards;
    int64_t first_place;     /* of this stage in this rank's arrays */
    int64_t places, tokens;  /* t of a rank, U t of a position */
    int chunks;              /* C */
    int32_t heads, kv_heads; /* of a chunk: H / (U C), lcm(G, U) / (U C) */
    int32_t copies;          /* of each key/value head that are sent */
    int steps;               /* R; of the all-gather 2 at most: own keys, all others */
    attn_mask **mask;        /* [steps * C]; NULL: no pair */
    /* Own keys backward: rows up to `cut` while the first keys are on their way, the rest while the last gradients are. NULL: all at first */
    attn_mask *early, *late;
    int64_t cut;
    int *last;       /* [R]: last step at which somebody needs the keys of this position; R - 1 but with config.sparse */
    attn_plan *plan; /* of a chunk; NULL where the transport only counts */
    struct attn_cp_list coming[2], going, around; /* under way: to two chunks, back from all, along the ring */
    struct attn_cp_rooms rooms;
};

attn_status attn_cp_stage_open(struct attn_cp *cp, const attn_mask *mask, const struct attn_grid *grid, enum attn_sharding sharding,
                               const struct attn_document *document, int64_t documents, struct attn_cp_stage *out);
void attn_cp_stage_close(struct attn_cp_stage *stage);
/* Allowed pairs of all heads and sequences that this rank computes. */
double attn_cp_stage_area(const struct attn_cp_stage *stage);

/* False: more than memory's addresses. */
bool attn_cp_lay_out(const struct attn_cp_stage *stage, struct attn_cp_rooms *rooms);
/* Keys and gradients along a ring, and where it has windows. */
enum { ATTN_CP_RING_BUFFERS = 2, ATTN_CP_RING_GRADIENTS = 4, ATTN_CP_WINDOW_BUFFERS = 4, ATTN_CP_WINDOW_GRADIENTS = 5 };

struct attn_cp_pass {
    struct attn_cp_stage *stage;
    char *base; /* of the workspace; NULL: the transport only counts */
    struct attn_link_call call;
    struct attn_exec x;    /* the caller's arrays, of all places */
    struct attn_array lse; /* x.lse, to be read */
};

/* Memory of a room: of a chunk, or a buffer. NULL where nothing is carried. */
static inline char *attn_cp_at(const struct attn_cp_pass *p, enum attn_cp_room room, int64_t number) {
    return p->base ? p->base + p->stage->rooms.at[room] + p->stage->rooms.each[room] * (size_t)number : NULL;
}
/* Elements of the V part behind K. */
static inline int64_t attn_cp_k_count(const struct attn_cp_stage *s) {
    return s->cp->problem.batch * s->tokens * s->kv_heads * s->cp->problem.dim;
}
static inline int64_t attn_cp_v_count(const struct attn_cp_stage *s) {
    return s->cp->problem.batch * s->tokens * s->kv_heads * s->cp->problem.v_dim;
}
static inline size_t attn_cp_kv_bytes(const struct attn_cp_stage *s, size_t element) {
    return (size_t)(attn_cp_k_count(s) + attn_cp_v_count(s)) * element;
}

/* rows.c: a block of the caller's array, heads [first, first + heads) as they are sent, each of the caller's `copies` times over (packed alone), and rows of this
 * stage, to or from memory with these strides in elements: batch, head, row; of rows of one number width is 1. */
struct attn_cp_block {
    int32_t first, heads, copies, width;
    int64_t batch, place, rows;
    int64_t stride[3];
};
/* The elements as they are. */
void attn_cp_pack(const struct attn_array *from, const struct attn_cp_block *block, char *to);
/* From floats, or elements of the caller's type. add: to what is there. */
void attn_cp_store(const struct attn_convert *convert, const struct attn_cp_block *block, attn_dtype type, const char *from,
                   const struct attn_array_out *to, bool add);

/* messages.c: begun, and kept on the list; all of a list waited for. data NULL where nothing is carried. */
attn_status attn_cp_send(struct attn_cp_pass *p, struct attn_cp_list *list, enum attn_traffic_kind kind, int peer, const char *data,
                         size_t bytes);
attn_status attn_cp_receive(struct attn_cp_pass *p, struct attn_cp_list *list, enum attn_traffic_kind kind, int peer, char *data,
                            size_t bytes);
attn_status attn_cp_wait(struct attn_cp_pass *p, struct attn_cp_list *list);
/* One that was begun last is waited for apart: taken from the list. */
int attn_cp_take(struct attn_cp_list *list);
attn_status attn_cp_wait_one(struct attn_cp_pass *p, int *ticket); /* -1: none; becomes -1 */

/* bring.c, give.c: what a chunk needs comes in, what it has made goes out. The first begins, _end waits and puts in place. */
attn_status attn_cp_bring(struct attn_cp_pass *p, bool backward, int chunk);
attn_status attn_cp_bring_end(struct attn_cp_pass *p, int chunk);
attn_status attn_cp_give(struct attn_cp_pass *p, bool backward, int chunk);
attn_status attn_cp_give_end(struct attn_cp_pass *p, bool backward);

/* attend.c: one step of a chunk: its queries on `tokens` keys at kv. The first one of a row sets O, the others merge. */
attn_status attn_cp_attend(struct attn_cp_pass *p, int chunk, int step, const char *kv, int64_t tokens, bool merge);
/* dq is added to, unless it is the first; dkv is set. */
attn_status attn_cp_attend_backward(struct attn_cp_pass *p, int chunk, int step, const char *kv, int64_t tokens, char *dkv, bool first);
/* The same for the keys of one position, or dkv = 0 where the step has no pair. some: dq has been set; set by this. */
attn_status attn_cp_share(struct attn_cp_pass *p, int chunk, int step, const char *kv, char *dkv, bool *some);
/* Backward of the own keys, in two parts (stage.cut). */
attn_status attn_cp_own_early(struct attn_cp_pass *p, int chunk, bool *some);
attn_status attn_cp_own_late(struct attn_cp_pass *p, int chunk);
/* No step had a pair: O = 0, LSE = -inf; dq = 0. */
void attn_cp_nothing(struct attn_cp_pass *p, int chunk, bool backward);
/* Gradients of the keys and values of one position: to += from; to = from. */
void attn_cp_add(const struct attn_cp_pass *p, char *to, const char *from);
void attn_cp_set(const struct attn_cp_pass *p, char *to, const char *from);

/* ring.c, double_ring.c, gather.c: all steps of a chunk. */
attn_status attn_cp_ring_forward(struct attn_cp_pass *p, int chunk);
attn_status attn_cp_ring_backward(struct attn_cp_pass *p, int chunk);
attn_status attn_cp_double_ring_forward(struct attn_cp_pass *p, int chunk);
attn_status attn_cp_double_ring_backward(struct attn_cp_pass *p, int chunk);
attn_status attn_cp_gather_forward(struct attn_cp_pass *p, int chunk);
attn_status attn_cp_gather_backward(struct attn_cp_pass *p, int chunk);

#endif
