/* Tokenizers: texts as numbers of tokens, and back. Three kinds behind one struct:
 *   word       what blanks separate; each line end is the token <eos>, a word that the vocabulary lacks the token <unk>: the convention of
 *              WikiText-2, whose token counts come out exactly. Numbers: <unk>, <eos>, further special tokens, then words by falling
 *              counts, ties by their bytes (none above 4096 bytes). Decoding puts one blank between words.
 *   character  code points in their order. One that the vocabulary lacks is the special token <unk>, if there is one, else ATTN_EINVAL.
 *   bpe        byte pairs merged in the order of a list (Sennrich, Haddow, Birch 2016, "Neural Machine Translation of Rare Words with
 *              Subword Units"), over bytes and inside pieces of text, as GPT-2 has it (Radford et al. 2019). Any bytes round-trip.
 * A special token comes out of a text only where its name stands there as a word, or character, of its own, and never of one by bpe; callers
 * put special tokens in by number. There are at most 4096.
 *
 * A tokenizer does not change once it is made: any number of threads may use it. Freed by attn_tokenizer_free. */
#ifndef ATTN_IO_TOKENIZER_H
#define ATTN_IO_TOKENIZER_H

#include "base/file.h"

struct attn_tokenizer;

enum attn_tokenizer_kind { ATTN_TOKENIZER_WORD, ATTN_TOKENIZER_CHARACTER, ATTN_TOKENIZER_BPE };

/* What making a tokenizer from a text may be told; all zeros: the defaults. */
struct attn_tokenizer_options {
    int64_t least;              /* occurrences that a word, character or pair must have; default 1, for pairs 2 */
    int32_t most;               /* tokens in all; default as many as there are, for bpe 4096. Below what every text needs: ATTN_EINVAL */
    const char *const *special; /* names of special tokens, each once */
    int special_count;
};

/* From a text, which must be UTF-8 for words and characters; `name` stands for it in messages. bpe: ties between pairs are broken by the lower
 * first, then second number; pieces are counted in parts of at most 1024 bytes. ATTN_EUNSUPPORTED: bpe in a build without PCRE2. */
attn_status attn_tokenizer_make(attn_ctx *ctx, enum attn_tokenizer_kind kind, const char *name, const char *text, size_t size,
                                const struct attn_tokenizer_options *options, struct attn_tokenizer **out);

/* GPT-2's two files: encoder.json, tokens and their numbers, and vocab.bpe, merges. Tokens that are no byte and no merge make
 * ("<|endoftext|>") are special. ATTN_EUNSUPPORTED without PCRE2 or jansson. */
attn_status attn_tokenizer_gpt2(attn_ctx *ctx, const struct attn_file_system *system, const char *encoder, const char *merges,
                                struct attn_tokenizer **out);

/* One JSON file that says its kind. Saving writes into a writer that was begun. Without jansson: ATTN_EUNSUPPORTED. */
attn_status attn_tokenizer_save(attn_ctx *ctx, const struct attn_tokenizer *tokenizer, struct attn_file_writer *writer);
attn_status attn_tokenizer_load(attn_ctx *ctx, const struct attn_file_system *system, const char *path, struct attn_tokenizer **out);
/* The same as a text in memory, so that another file can hold it: *text is freed by attn_free. */
attn_status attn_tokenizer_text(attn_ctx *ctx, const struct attn_tokenizer *tokenizer, char **text, size_t *size);
attn_status attn_tokenizer_parse(attn_ctx *ctx, const char *name, const char *text, size_t size, struct attn_tokenizer **out);

void attn_tokenizer_free(attn_ctx *ctx, struct attn_tokenizer *tokenizer); /* NULL is allowed */

enum attn_tokenizer_kind attn_tokenizer_kind(const struct attn_tokenizer *tokenizer);
const char *attn_tokenizer_kind_name(enum attn_tokenizer_kind kind);       /* "word", "character", "bpe" */
int32_t attn_tokenizer_vocabulary(const struct attn_tokenizer *tokenizer); /* tokens: numbers are below it */
/* The bytes of a token, without a 0 behind them. */
const char *attn_tokenizer_token(const struct attn_tokenizer *tokenizer, int32_t number, size_t *length);
/* The number of a token by its bytes, special ones too; -1: there is none. */
int32_t attn_tokenizer_number(const struct attn_tokenizer *tokenizer, const char *token);
int attn_tokenizer_special_count(const struct attn_tokenizer *tokenizer);
int32_t attn_tokenizer_special(const struct attn_tokenizer *tokenizer, int which); /* in rising order */

/* A text of at most 2^31 - 1 bytes as numbers, freed by attn_free. */
attn_status attn_tokenizer_encode(attn_ctx *ctx, const struct attn_tokenizer *tokenizer, const char *name, const char *text, size_t size,
                                  int32_t **numbers, size_t *count);
/* And back, with a 0 behind it, freed by attn_free. A number that is no token is ATTN_EINVAL with its place. */
attn_status attn_tokenizer_decode(attn_ctx *ctx, const struct attn_tokenizer *tokenizer, const int32_t *numbers, size_t count, char **text,
                                  size_t *size);

#endif
