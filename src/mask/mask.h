/* The inside of attn_mask: an expression of reference-counted, immutable nodes.
 *
 *   band, slices, bits, predicate      leaves
 *   and, or, not                       algebra over leaves and compiled masks
 *   compiled                           a form: the segment lists by rows and by columns; or a rectangle cut from one
 *   stack                              masks by sequence and head
 *
 * Compiling lowers an expression to segments (segments.h); what has no short segments becomes 64 x 64 tiles (tiles.h).
 */
#ifndef ATTN_MASK_MASK_H
#define ATTN_MASK_MASK_H

#include "mask/segments.h"
#include "mask/view.h"

struct attn_form {
    int64_t q_len, k_len;
    struct attn_side rows, cols;
    int64_t tiles; /* bitmaps */
};

enum attn_mask_kind {
    ATTN_MASK_BAND,
    ATTN_MASK_SLICES,
    ATTN_MASK_BITS,
    ATTN_MASK_PREDICATE,
    ATTN_MASK_AND,
    ATTN_MASK_OR,
    ATTN_MASK_NOT,
    ATTN_MASK_COMPILED,
    ATTN_MASK_STACK
};

enum {
    ATTN_MASK_NODES = 16384, /* of an expression, counted as a tree */
    ATTN_MASK_DEPTH = 2048   /* of its longest chain of operands: they are walked by recursion, 700 bytes of stack each at most */
};

struct attn_mask {
    attn_ctx *ctx;
    atomic_int references;
    enum attn_mask_kind kind;
    bool borrowed; /* lies in memory of the caller: freeing it frees nothing */
    bool square;   /* holds for T = S only: a diagonal whose alignment was not named, or a pattern defined so */
    int nodes, depth;
    int64_t q_len, k_len; /* -1: free */
    size_t bytes;         /* of this node with its arrays */
    attn_mask *parent[2]; /* operands; compiled: whose form this is, if not its own */
    attn_mask *next_dead; /* list of nodes being freed */
    char *text;           /* canonical text of a leaf; NULL: none */

    int64_t low[2], high[2]; /* band: by attn_align; a pair must lie within both. Set for every mask that is one band */
    bool single;             /* is one band, executable as it is */
    attn_slice *slices;      /* slices */
    const uint8_t *bits;     /* bits */
    size_t row_bytes;
    attn_mask_pair_fn allowed; /* predicate */
    attn_mask_hint_fn hint;
    void *user;
    const struct attn_form *form; /* compiled */
    int64_t q_shift, k_shift;     /* compiled: index here + shift = index in form */
    attn_mask *const *member;     /* stack: [batch * heads] */
    int64_t batch, count;         /* stack: sequences; slices: how many */
    int32_t heads;
};

/* A node with one more array of `extra` bytes behind it (at attn_mask_extra), zeroed. text may be NULL; it is copied. */
attn_status attn_mask_node(attn_ctx *ctx, enum attn_mask_kind kind, size_t extra, const char *text, attn_mask **out);
static inline void *attn_mask_extra(attn_mask *m) {
    return (char *)m + attn_round64(sizeof *m);
}
attn_mask *attn_mask_retain(const attn_mask *m);

/* A number that compiled masks and single bands share where they were built alike; NULL: full. */
uint64_t attn_mask_hash(const attn_mask *mask);

/* A side of a band as text: a number, "inf" or "-inf". */
enum { ATTN_MASK_SIDE = 24 };
void attn_mask_print_side(char text[ATTN_MASK_SIDE], int64_t side);

/* Leaves with their canonical text: for the parser. Slices may be free (q_len = -1) and reach beyond any length. */
attn_status attn_mask_make_band(attn_ctx *ctx, int64_t low, int64_t high, attn_align align, bool square, const char *text, attn_mask **out);
attn_status attn_mask_make_slices(attn_ctx *ctx, int64_t q_len, int64_t k_len, const attn_slice *slices, int64_t count, bool square,
                                  const char *text, attn_mask **out);

/* Marks the k best of n scores: the greatest, ties to the lower index. heap has room for k. O(n log k). */
void attn_mask_keep_best(const float *row, int64_t n, int64_t k, int64_t *heap, uint8_t *keep);

/* An expression lowered for lengths T x S: where it has short segments they are in `side`, else it is an operation on lowered
 * operands, or a leaf that is asked pair by pair. */
struct attn_lowered {
    const attn_mask *mask;
    bool listed; /* side is the mask */
    struct attn_segs segs;
    struct attn_side side;
    struct attn_lowered *operand[2];
};
attn_status attn_mask_lower(attn_ctx *ctx, const attn_mask *m, int64_t q_len, int64_t k_len, int64_t *steps, struct attn_lowered **out);
void attn_lowered_free(attn_ctx *ctx, struct attn_lowered *l);

/* May this mask be compiled for these lengths? */
attn_status attn_mask_check_lengths(attn_ctx *ctx, const attn_mask *m, int64_t q_len, int64_t k_len);

/* The tile map of a lowered expression: rows and columns with bitmaps. */
struct attn_tile_map {
    struct attn_segs rows, cols;
    uint64_t *by_key, *by_query; /* 64 words each tile: of a key its queries, of a query its keys */
    int64_t tiles, capacity;
    int64_t visit_steps; /* that asking the expression for a rectangle counts */
};
attn_status attn_tile_map_build(attn_ctx *ctx, const struct attn_lowered *l, int64_t q_len, int64_t k_len, int64_t *steps,
                                struct attn_tile_map *map);
void attn_tile_map_free(attn_ctx *ctx, struct attn_tile_map *map);

#endif
