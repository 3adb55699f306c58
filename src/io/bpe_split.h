/* GPT-2's division of a text into pieces, inside which bytes merge: contractions, words, numbers and other characters, each with the blank
 * before it, and runs of blanks. Every byte is in one piece; bytes that are no UTF-8 make pieces of their own. */
#ifndef ATTN_IO_BPE_SPLIT_H
#define ATTN_IO_BPE_SPLIT_H

#include "base/context.h"

struct attn_splitter; /* compiled once; any number of threads may split by it */

/* Without PCRE2: ATTN_EUNSUPPORTED. */
attn_status attn_splitter_create(attn_ctx *ctx, struct attn_splitter **out);
void attn_splitter_free(attn_ctx *ctx, struct attn_splitter *splitter); /* NULL is allowed */

/* A text on its way. */
struct attn_split {
    const struct attn_splitter *splitter;
    void *match;
    const char *text;
    size_t at, valid, size; /* the next piece begins at `at`; up to `valid` all is UTF-8 */
};
attn_status attn_split_begin(attn_ctx *ctx, const struct attn_splitter *splitter, const char *text, size_t size, struct attn_split *out);
/* *piece NULL: there is none any more. */
attn_status attn_split_next(attn_ctx *ctx, struct attn_split *split, const char **piece, size_t *length);
void attn_split_end(struct attn_split *split);

#endif
