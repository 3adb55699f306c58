/* The inside of a tokenizer, and what its kinds give. */
#ifndef ATTN_IO_TOKENIZER_PARTS_H
#define ATTN_IO_TOKENIZER_PARTS_H

#include "io/bpe_merges.h"
#include "io/bpe_split.h"
#include "io/tokenizer.h"
#include "io/vocabulary.h"

enum {
    ATTN_TOKENIZER_SPECIAL = 4096, /* special tokens at most */
    ATTN_TOKENIZER_NAME = 1024,    /* bytes of the name of one */
    ATTN_TOKENIZER_WORD_BYTES = 4096
};

struct attn_tokenizer {
    enum attn_tokenizer_kind kind;
    struct attn_vocabulary vocabulary;
    int32_t *special; /* [special_count], rising */
    int special_count;
    size_t special_room;
    int32_t unknown, end_of_line; /* -1: none */
    int32_t byte[256];            /* bpe: the token of each */
    struct attn_merges merges;
    struct attn_splitter *splitter;
};

/* Numbers that grow. */
struct attn_numbers {
    int32_t *item;
    size_t count, room;
};
attn_status attn_numbers_add(attn_ctx *ctx, struct attn_numbers *numbers, const int32_t *items, size_t count);

/* An empty tokenizer of a kind. */
attn_status attn_tokenizer_new(attn_ctx *ctx, enum attn_tokenizer_kind kind, struct attn_tokenizer **out);
/* Adds a special token that must be new; `name` stands for the source in messages. */
attn_status attn_tokenizer_add_special(attn_ctx *ctx, struct attn_tokenizer *t, const char *name, const char *token, size_t length);
/* Makes a token of the vocabulary a special one. */
attn_status attn_tokenizer_mark_special(attn_ctx *ctx, struct attn_tokenizer *t, const char *name, int32_t number);
bool attn_tokenizer_is_special(const struct attn_tokenizer *t, int32_t number);
/* Finds <unk> and <eos> among the special tokens. */
void attn_tokenizer_find_marks(struct attn_tokenizer *t);

attn_status attn_word_make(attn_ctx *ctx, const char *name, const char *text, size_t size, const struct attn_tokenizer_options *options,
                           struct attn_tokenizer *t);
attn_status attn_character_make(attn_ctx *ctx, const char *name, const char *text, size_t size,
                                const struct attn_tokenizer_options *options, struct attn_tokenizer *t);
attn_status attn_bpe_make(attn_ctx *ctx, const char *name, const char *text, size_t size, const struct attn_tokenizer_options *options,
                          struct attn_tokenizer *t);

attn_status attn_word_encode(attn_ctx *ctx, const struct attn_tokenizer *t, const char *text, size_t size, struct attn_numbers *out);
attn_status attn_character_encode(attn_ctx *ctx, const struct attn_tokenizer *t, const char *name, const char *text, size_t size,
                                  struct attn_numbers *out);
attn_status attn_bpe_encode(attn_ctx *ctx, const struct attn_tokenizer *t, const char *text, size_t size, struct attn_numbers *out);

/* A line of a list of merges, "left right", in the alphabet of bpe_alphabet.h. `place` stands for the line in messages. */
attn_status attn_bpe_add_merge(attn_ctx *ctx, struct attn_tokenizer *t, const char *place, const char *line, size_t length);
/* The two files of GPT-2, from their texts: the first must be taken first. */
attn_status attn_bpe_take_encoder(attn_ctx *ctx, const char *name, const char *text, size_t size, struct attn_tokenizer *t);
attn_status attn_bpe_take_merges(attn_ctx *ctx, const char *name, const char *text, size_t size, struct attn_tokenizer *t);
/* Each byte has its token, and each token is a byte, made by a merge, or special (added here, if `add`; refused, if not). */
attn_status attn_bpe_finish(attn_ctx *ctx, struct attn_tokenizer *t, const char *name, bool add);

#endif
