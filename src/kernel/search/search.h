/* The search schedule: what it is given (checked by the plan floor: kernels only assert), and its microkernels. */
#ifndef ATTN_KERNEL_SEARCH_SEARCH_H
#define ATTN_KERNEL_SEARCH_SEARCH_H

#include "attn_search.h"
#include "kernel/search/list.h"

/* Some queries against one panel of keys. */
struct attn_search_panel {
    const float *keys; /* packed: [dim][panel keys], lanes are keys */
    uint32_t first;    /* index of the panel's first key */
    uint64_t valid;    /* bit of each key that exists */
    const float *q;
    int64_t q_stride, queries;
    int32_t dim, top;
    struct attn_search_list *lists; /* of the queries */
    uint64_t *scratch;
    const float *ahead; /* a panel of keys that is read next, fetched while the scores are computed; NULL: none */
    int64_t ahead_stride;
};

/* What an instruction set provides. */
struct attn_search_ops {
    const char *isa;
    uint32_t isa_bits; /* what it needs of attn_ctx.isa; 0: nothing */
    int panel;         /* keys of a panel, at most ATTN_SEARCH_PANEL */

    /* Packs `keys` rows of keys, at most a panel; what is missing is 0. `ahead`: rows that are read next, may be fetched; NULL: none. */
    void (*pack)(const float *k, int64_t stride, int keys, int32_t dim, float *panel, const float *ahead);

    /* Scores of every query and key of the panel, summed in the order of the dimensions; those that pass a query's bound go to its list. */
    void (*score)(const struct attn_search_panel *panel);
};

/* The list expands into prototypes and the table, slowest first: X(symbol). */
#if defined(ATTN_HAVE_AVX512)
#define ATTN_SEARCH_LIST_AVX512(X) X(attn_search_ops__avx512)
#else
#define ATTN_SEARCH_LIST_AVX512(X)
#endif
#define ATTN_SEARCH_LIST(X) X(attn_search_ops__portable) ATTN_SEARCH_LIST_AVX512(X)

#define X(symbol) extern const struct attn_search_ops symbol;
ATTN_SEARCH_LIST(X)
#undef X

/* Those that the context's instruction set has. */
const struct attn_search_ops *attn_search_choose(const attn_ctx *ctx);

/* Bytes of workspace; false: more than memory has addresses. `workers` at least 1. */
bool attn_search_bytes(const attn_search *search, int workers, size_t *bytes);

/* Searches with the microkernels of `ops`. */
void attn_search_scan(attn_ctx *ctx, const struct attn_search_ops *ops, const attn_search *search, int workers);

/* The reference: one query after the other, every score a sum in double, rounded once. */
void attn_search_naive(attn_ctx *ctx, const attn_search *search, int workers);

#endif
