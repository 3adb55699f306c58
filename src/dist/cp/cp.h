/* One attention over ranks, forward and backward: planned once, executed on the parts that the ranks hold. What attn_mpi.h offers over MPI, over any
 * transport. */
#ifndef ATTN_DIST_CP_CP_H
#define ATTN_DIST_CP_CP_H

#include "dist/cp/cut.h"
#include "dist/cp/grid.h"
#include "dist/cp/hybrid.h"
#include "dist/cp/transport.h"
#include "plan/plan.h"

struct attn_cp_config {
    struct attn_grid grid; /* of hybrid: ring = ranks, the rest 1 */
    enum attn_sharding sharding;
    const struct attn_document *document; /* NULL: one of all tokens. Of hybrid: no pair may leave its document, which is checked */
    int64_t documents;
    int64_t chunks;   /* ATTN_SHARD_MINHEAP */
    int64_t capacity; /* hybrid: tokens of a document that one rank takes alone; 0: 8192 */
    int exchanges;    /* all-to-all in so many pieces by heads, each exchanged while the one before is computed. 1: none */
    bool sparse;      /* ring, usp: keys and values that no rank further on needs are not passed on */
    bool keep;        /* backward follows forward with the same workspace, left as it is: what forward has exchanged is not sent again */
};

struct attn_cp_stage; /* stage.h: a ring of some ranks over some documents. Without hybrid there is one, of all */

struct attn_cp {
    attn_ctx *ctx, *child;        /* child: whose loops let messages go on */
    attn_problem problem;         /* of the whole, defaults filled in: q_len = kv_len = T */
    struct attn_cp_config config; /* documents and their number are not kept */
    struct attn_transport *transport;
    attn_plan *binding; /* a plan of this rank's arrays: it checks what an execution is given; NULL where the transport only counts */
    struct attn_cp_stage *stage;
    int64_t stages;
    int64_t places;        /* tokens of this rank's arrays, padding and all */
    double area, own_area; /* allowed pairs of all query heads and sequences; of this rank */
    size_t workspace;
    int64_t step; /* executions so far */
};
/* mask: of T x T, compiled, one band, or a stack with batch 1; NULL: full. It and the documents may be freed afterwards. problem: layout ATTN_BHTD or
 * ATTN_BTHD, q_len = kv_len = T, scores of dot products, float32, bfloat16 or float16; features ATTN_BACKWARD and ATTN_SINK at most; softcap as it is.
 * The transport must outlive *out. Collective: a mistake on one rank becomes that of all. */
attn_status attn_cp_open(attn_ctx *ctx, const attn_problem *problem, const attn_mask *mask, const struct attn_cp_config *config,
                         struct attn_transport *transport, struct attn_cp **out);
void attn_cp_close(struct attn_cp *cp);

/* The global token at each of this rank's places, -1: padding. token[places]. */
void attn_cp_tokens(const struct attn_cp *cp, int64_t *token);

/* args: arrays of this rank's places ([B, places, H, D] or [B, H, places, D], by the layout and strides). Rows of padding get O = 0, LSE = -inf,
 * gradients 0. lse is needed by backward. A mistake in the arguments of one rank is that of all, before anything is written. What fails later is not told
 * to the others: they miss this rank, and its transport is lost. */
attn_status attn_cp_forward(struct attn_cp *cp, const attn_args *args);
attn_status attn_cp_backward(struct attn_cp *cp, const attn_args *args, const attn_gradients *gradients);

#endif
