/* The search schedule: what it is given (checked by the plan floor: kernels only assert), and its microkernels. */
#ifndef ATTN_KERNEL_SEARCH_SEARCH_H
#define ATTN_KERNEL_SEARCH_SEARCH_H

#include "attn_search.h"
#include "kernel/search/list.h"

/* So many neighbours of one key range are searched for in another way than more of them, whose scores then have other roundings. */
enum { ATTN_SEARCH_FEW = 4 };

/* Some keys and the queries that are compared with them. */
struct attn_search_chunk {
    const float *k; /* the first key */
    int64_t k_stride;
    int64_t keys, behind; /* how many; how many follow them in the range, which may be fetched */
    uint32_t first;       /* index of the first key */
    const float *q;
    int64_t q_stride;
    int32_t queries, dim, top;
    bool few;                       /* the range is that of at most ATTN_SEARCH_FEW neighbours */
    struct attn_search_list *lists; /* of the queries */
    uint64_t *scratch;
    float *panel; /* room for ATTN_SEARCH_PANEL keys */
};

/* What an instruction set provides. */
struct attn_search_ops {
    const char *isa;
    uint32_t isa_bits; /* what it needs of attn_ctx.isa; 0: nothing */

    /* Scores of every query and key, whose bits depend on these two and `few` alone; those that pass a query's bound go to its list. */
    void (*scan)(const struct attn_search_chunk *chunk);
};

/* The list expands into prototypes and the table, slowest first: X(symbol). */
#if defined(ATTN_HAVE_AVX512)
#define ATTN_SEARCH_LIST_AVX512(X) X(attn_search_ops__avx512)
#else
#define ATTN_SEARCH_LIST_AVX512(X)
#endif
#if defined(ATTN_HAVE_AVX2)
#define ATTN_SEARCH_LIST_AVX2(X) X(attn_search_ops__avx2)
#else
#define ATTN_SEARCH_LIST_AVX2(X)
#endif
#if defined(ATTN_HAVE_NEON)
#define ATTN_SEARCH_LIST_NEON(X) X(attn_search_ops__neon)
#else
#define ATTN_SEARCH_LIST_NEON(X)
#endif
#define ATTN_SEARCH_LIST(X) X(attn_search_ops__portable) ATTN_SEARCH_LIST_NEON(X) ATTN_SEARCH_LIST_AVX2(X) ATTN_SEARCH_LIST_AVX512(X)

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
