/* Random documents and block maps of the Long-Context Attention Benchmark (Bu et al. 2025), for benches, tests and the text form.
 * Everything is a function of its arguments: the same seed gives the same mask on every machine. */
#ifndef ATTN_MASK_GENERATE_H
#define ATTN_MASK_GENERATE_H

#include "mask/lengths.h"

/* Distributions of document lengths. */
enum attn_corpus { ATTN_CORPUS_PILE, ATTN_CORPUS_PROLONG64K, ATTN_CORPUS_PROLONG512K, ATTN_CORPUS_COUNT };
const char *attn_corpus_name(enum attn_corpus corpus);
int attn_corpus_find(const char *name); /* its number; -1: no corpus has that name */

/* The benchmark's choice: pile to 12K tokens, prolong64k to 64K, then prolong512k. */
enum attn_corpus attn_corpus_for(int64_t total);

/* Sampler A: lengths drawn until there are `total` tokens; the last document is cut. Appended to `out`. */
attn_status attn_generate_documents(enum attn_corpus corpus, int64_t total, uint64_t seed, struct attn_lengths *out);

/* The long variant: two fifths of the tokens from the corpus, the rest documents of 8192 to 30720 tokens, shuffled. */
attn_status attn_generate_long_documents(enum attn_corpus corpus, int64_t total, uint64_t seed, struct attn_lengths *out);

/* Sampler B: documents cut to a quarter of `total`, shuffled, packed one after the other into `packs` packs of `total` tokens, the packs
 * shuffled. pack[packs] are empty lists with their context set. */
attn_status attn_generate_packs(int64_t total, int64_t packs, uint64_t seed, struct attn_lengths *pack);

/* The benchmark's mask `name` (one of attn_generate_pattern_names) for `total` tokens as text for attn_mask_parse, its lengths and
 * parameters drawn; in memory of the context: attn_free. corpus: an enum attn_corpus for the documents' lengths, -1: that of
 * attn_corpus_for. share_question and causal_blockwise get at least two documents if total allows. */
attn_status attn_generate_pattern(attn_ctx *ctx, const char *name, int corpus, int64_t total, uint64_t seed, char **text);
bool attn_generate_knows(const char *name); /* is it one of attn_generate_pattern_names? */
enum { ATTN_PATTERN_COUNT = 12 };
extern const char *const attn_generate_pattern_names[ATTN_PATTERN_COUNT];

/* Blocks of one size, the last one cut: cuts[0 .. attn_div_up(total, block)]. */
void attn_generate_even_cuts(int64_t total, int64_t block, int64_t *cuts);
/* `blocks` blocks of random sizes, each at least `least`, blocks * least <= total: cuts[0 .. blocks]. */
attn_status attn_generate_cuts(attn_ctx *ctx, int64_t total, int64_t blocks, int64_t least, uint64_t seed, int64_t *cuts);

/* Scores uniform in [0, 1), of each query block the best max(1, floor(ratio * key blocks)) kept. */
attn_status attn_generate_block_map(attn_ctx *ctx, const int64_t *q_cuts, int64_t q_blocks, const int64_t *k_cuts, int64_t k_blocks,
                                    double ratio, uint64_t seed, attn_mask **out);
/* The same over all blocks at once: query blocks without any key occur. */
attn_status attn_generate_global_block_map(attn_ctx *ctx, const int64_t *q_cuts, int64_t q_blocks, const int64_t *k_cuts, int64_t k_blocks,
                                           double ratio, uint64_t seed, attn_mask **out);
/* Even blocks with a canonical text (may be NULL). */
attn_status attn_generate_block_sparse(attn_ctx *ctx, int64_t q_len, int64_t k_len, int64_t block, double ratio, uint64_t seed,
                                       const char *text, attn_mask **out);

#endif
