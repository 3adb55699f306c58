/* The inside of the text form: what the grammar, the patterns and the lists of lengths share. */
#ifndef ATTN_MASK_PARSE_H
#define ATTN_MASK_PARSE_H

#include "mask/lengths.h"
#include "mask/mask.h"

enum {
    ATTN_PARSE_TEXT = 1 << 24,  /* bytes of a text */
    ATTN_PARSE_NESTING = 64,    /* open parentheses and nots */
    ATTN_PARSE_LEAVES = 1024,   /* patterns of one text */
    ATTN_PARSE_PIECES = 1 << 22 /* documents and blocks of one text */
};

struct attn_parser {
    attn_ctx *ctx;
    const char *text;
    size_t at;
    int64_t pieces; /* documents and blocks so far */
    int nesting, leaves;
};

/* Records what was wrong, the text, and a caret under character `at`. */
attn_status attn_parse_fail(struct attn_parser *p, size_t at, const char *format, ...) ATTN_PRINTF(3, 4);

/* Counts documents and blocks, so that no short text takes the memory of thousands of long lists; `at` is what they come from. */
attn_status attn_parse_pieces(struct attn_parser *p, size_t at, int64_t count);

void attn_parse_space(struct attn_parser *p);
bool attn_parse_accept(struct attn_parser *p, char c);         /* after spaces; steps over it */
bool attn_parse_word(struct attn_parser *p, const char *word); /* steps over the word if it stands here as a whole */
size_t attn_parse_name(const struct attn_parser *p);           /* characters of the name that begins here */
attn_status attn_parse_int(struct attn_parser *p, const char *what, int64_t least, int64_t most, int64_t *value);
attn_status attn_parse_leaf(struct attn_parser *p, attn_mask **out);

/* LENGTH[xCOUNT], ... or @FILE or @"FILE". */
attn_status attn_parse_lengths(struct attn_parser *p, struct attn_lengths *l);

#endif
