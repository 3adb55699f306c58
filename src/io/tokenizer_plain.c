/* Tokenizers of words and of characters: a vocabulary by counts, and its use. */
#include "io/text.h"
#include "io/tokenizer_parts.h"
#include "io/utf8.h"

#include <stdlib.h>
#include <string.h>

/* Pieces of a text by their number of first appearance, and how often each came. */
struct counts {
    struct attn_vocabulary pieces;
    int64_t *count;
    size_t room;
};

static attn_status count_piece(attn_ctx *ctx, struct counts *c, const char *piece, size_t length) {
    int32_t number;
    attn_status status = attn_vocabulary_add(ctx, &c->pieces, piece, length, &number);
    const size_t before = c->room;
    if (status == ATTN_OK) status = attn_grow(ctx, "counts", (void **)&c->count, &c->room, (size_t)c->pieces.count, sizeof *c->count);
    if (status != ATTN_OK) return status;
    if (c->room > before) memset(c->count + before, 0, (c->room - before) * sizeof *c->count);
    c->count[number]++;
    return ATTN_OK;
}

/* A piece with what it is sorted by. */
struct ranked {
    const char *bytes;
    size_t length;
    int64_t count;
};

static int by_bytes(const void *a, const void *b) {
    const struct ranked *x = a, *y = b;
    const int order = memcmp(x->bytes, y->bytes, x->length < y->length ? x->length : y->length);
    return order != 0 ? order : (x->length > y->length) - (x->length < y->length);
}

static int by_count(const void *a, const void *b) {
    const struct ranked *x = a, *y = b;
    return x->count != y->count ? (x->count < y->count) - (x->count > y->count) : by_bytes(a, b);
}

/* Adds the pieces that come often enough, at most so many that options->most holds, the most frequent first; in the order of their bytes if
 * `sorted` (which is that of code points). */
static attn_status add_frequent(attn_ctx *ctx, const char *name, const struct counts *c, const struct attn_tokenizer_options *options,
                                bool sorted, struct attn_tokenizer *t) {
    const size_t special = (size_t)t->vocabulary.count, room = options->most > 0 ? (size_t)options->most : SIZE_MAX;
    struct ranked *ranked = attn_alloc(ctx, (size_t)c->pieces.count * sizeof *ranked);
    attn_status status = ATTN_OK;
    size_t count = 0;
    if (ranked == NULL) return attn_no_memory(ctx, "a vocabulary", (size_t)c->pieces.count * sizeof *ranked);
    for (int32_t i = 0; i < c->pieces.count; i++) {
        struct ranked *r = &ranked[count];
        r->bytes = attn_vocabulary_get(&c->pieces, i, &r->length);
        r->count = c->count[i];
        if (r->count >= options->least && attn_vocabulary_find(&t->vocabulary, r->bytes, r->length) < 0) count++;
    }
    if (count > 0) qsort(ranked, count, sizeof *ranked, by_count);
    if (room < special)
        status =
            attn_fail(ctx, ATTN_EINVAL, "%s: found %zu special tokens, expected at most the %zu tokens asked for", name, special, room);
    else if (count > room - special)
        count = room - special;
    if (sorted && count > 0) qsort(ranked, count, sizeof *ranked, by_bytes);
    for (size_t i = 0; i < count && status == ATTN_OK; i++) {
        int32_t number;
        status = attn_vocabulary_add(ctx, &t->vocabulary, ranked[i].bytes, ranked[i].length, &number);
    }
    attn_free(ctx, ranked);
    return status;
}

static attn_status add_specials(attn_ctx *ctx, const char *name, const struct attn_tokenizer_options *options, struct attn_tokenizer *t) {
    attn_status status = ATTN_OK;
    for (int i = 0; i < options->special_count && status == ATTN_OK; i++)
        status = attn_tokenizer_add_special(ctx, t, name, options->special[i], strlen(options->special[i]));
    return status;
}

/* ------------------------------------------------------------------------------------------------------------ words */

static bool is_blank(char letter) {
    return letter == ' ' || letter == '\t' || letter == '\r' || letter == '\v' || letter == '\f';
}

/* The next word or line end ("\n") from *at on; false: there is none. */
static bool next_word(const char *text, size_t size, size_t *at, const char **word, size_t *length) {
    while (*at < size && is_blank(text[*at])) ++*at;
    if (*at == size) return false;
    const size_t begin = (*at)++;
    if (text[begin] != '\n')
        while (*at < size && !is_blank(text[*at]) && text[*at] != '\n') ++*at;
    *word = text + begin;
    *length = *at - begin;
    return true;
}

attn_status attn_word_make(attn_ctx *ctx, const char *name, const char *text, size_t size, const struct attn_tokenizer_options *options,
                           struct attn_tokenizer *t) {
    struct counts counts = {.count = NULL};
    const char *word;
    size_t at = 0, length;
    attn_status status = attn_tokenizer_add_special(ctx, t, name, "<unk>", 5);
    if (status == ATTN_OK) status = attn_tokenizer_add_special(ctx, t, name, "<eos>", 5);
    if (status == ATTN_OK) status = add_specials(ctx, name, options, t);
    while (status == ATTN_OK && next_word(text, size, &at, &word, &length))
        if (*word != '\n' && length <= ATTN_TOKENIZER_WORD_BYTES) status = count_piece(ctx, &counts, word, length);
    if (status == ATTN_OK) status = add_frequent(ctx, name, &counts, options, false, t);
    attn_vocabulary_free(ctx, &counts.pieces);
    attn_free(ctx, counts.count);
    return status;
}

attn_status attn_word_encode(attn_ctx *ctx, const struct attn_tokenizer *t, const char *text, size_t size, struct attn_numbers *out) {
    attn_status status = ATTN_OK;
    const char *word;
    size_t at = 0, length;
    while (status == ATTN_OK && next_word(text, size, &at, &word, &length)) {
        int32_t number = *word == '\n' ? t->end_of_line : attn_vocabulary_find(&t->vocabulary, word, length);
        if (number < 0) number = t->unknown;
        status = attn_numbers_add(ctx, out, &number, 1);
    }
    return status;
}

/* ------------------------------------------------------------------------------------------------------- characters */

attn_status attn_character_make(attn_ctx *ctx, const char *name, const char *text, size_t size,
                                const struct attn_tokenizer_options *options, struct attn_tokenizer *t) {
    struct counts counts = {.count = NULL};
    attn_status status = add_specials(ctx, name, options, t);
    for (size_t at = 0, length; at < size && status == ATTN_OK; at += length) {
        length = attn_utf8_length((const uint8_t *)text + at, size - at);
        status = count_piece(ctx, &counts, text + at, length);
    }
    if (status == ATTN_OK) status = add_frequent(ctx, name, &counts, options, true, t);
    attn_vocabulary_free(ctx, &counts.pieces);
    attn_free(ctx, counts.count);
    return status;
}

static attn_status unknown_character(attn_ctx *ctx, const char *name, const char *text, size_t at, size_t length) {
    size_t line = 1;
    for (const char *s = text; (s = memchr(s, '\n', at - (size_t)(s - text))) != NULL; s++) line++;
    return attn_fail(ctx, ATTN_EINVAL, "%s: line %zu, byte %zu: found the character U+%04X, expected one of the vocabulary", name, line, at,
                     (unsigned)attn_utf8_code((const uint8_t *)text + at, length));
}

attn_status attn_character_encode(attn_ctx *ctx, const struct attn_tokenizer *t, const char *name, const char *text, size_t size,
                                  struct attn_numbers *out) {
    attn_status status = attn_text_check(ctx, name, text, size);
    for (size_t at = 0, length; at < size && status == ATTN_OK; at += length) {
        length = attn_utf8_length((const uint8_t *)text + at, size - at);
        int32_t number = attn_vocabulary_find(&t->vocabulary, text + at, length);
        if (number < 0) number = t->unknown;
        status = number < 0 ? unknown_character(ctx, name, text, at, length) : attn_numbers_add(ctx, out, &number, 1);
    }
    return status;
}
