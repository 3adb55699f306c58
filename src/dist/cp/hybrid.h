/* Groups of ranks for documents (hybrid context parallelism; benchmark specification, sec. 7.7): each document gets a power of two of ranks, in rounds
 * that all ranks begin together. The same on all ranks: a function of its arguments. */
#ifndef ATTN_DIST_CP_HYBRID_H
#define ATTN_DIST_CP_HYBRID_H

#include "dist/cp/shard.h"

struct attn_hybrid_group {
    int first, count;            /* ranks [first, first + count) */
    int64_t document, documents; /* documents[document ..] of the schedule, in the order in which they were given to the group */
};

struct attn_hybrid {
    attn_ctx *ctx;
    int64_t rounds;
    int64_t *round;                  /* [rounds + 1]: first group of each round */
    struct attn_hybrid_group *group; /* groups of a round are disjoint, by rising first rank */
    int64_t *document;               /* numbers of documents */
};

enum { ATTN_HYBRID_CAPACITY = 8192 }; /* the usual */

/* capacity: tokens of a document that one rank takes alone. ATTN_EINVAL, ATTN_ENOMEM. */
attn_status attn_hybrid_open(attn_ctx *ctx, int ranks, const struct attn_document *document, int64_t documents, int64_t capacity,
                             struct attn_hybrid *out);
void attn_hybrid_close(struct attn_hybrid *hybrid);
/* The documents of a group by rising begin: out[group->documents]. */
void attn_hybrid_documents(const struct attn_hybrid *hybrid, const struct attn_hybrid_group *group, const struct attn_document *document,
                           struct attn_document *out);

enum { ATTN_DOCUMENTS_MOST = 1 << 22 };

/* The finest cut of [0, T) that no allowed pair crosses: documents of a mask, of one token each where nothing is seen. Where they would be more than
 * ATTN_DOCUMENTS_MOST, short ones are joined. mask: compiled, a single band, or a stack of such with batch 1; NULL: one document. *document is in
 * memory of the context: attn_free. Time about the pieces of the mask. ATTN_EMASK, ATTN_EINVAL, ATTN_ENOMEM. */
attn_status attn_mask_documents(attn_ctx *ctx, const attn_mask *mask, int64_t mask_len, struct attn_document **document,
                                int64_t *documents);
/* Groups are rings over their documents alone, so pairs of two documents would be lost. ATTN_EUNSUPPORTED where the mask has some. Documents follow one
 * another and fill the sequence. */
attn_status attn_documents_check(attn_ctx *ctx, const attn_mask *mask, int64_t mask_len, const struct attn_document *document,
                                 int64_t documents);

#endif
