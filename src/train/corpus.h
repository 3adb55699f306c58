/* A text as tokens, for language models: what a recipe's fields name, cut into windows.
 *
 * Training sees windows of T + 1 tokens, the last of one being the first of the next; each pass over the text takes them in an order drawn from the seed
 * and the number of the pass. Windows that do not fill a batch are left for the next pass. */
#ifndef ATTN_TRAIN_CORPUS_H
#define ATTN_TRAIN_CORPUS_H

#include "io/tokenizer.h"
#include "train/job.h"

extern const char *const attn_tokenizer_words[], *const attn_gpt2_files[];

/* For a task's list of fields. */
#define ATTN_CORPUS_FIELDS                                                                                                                 \
    {"data", "the training text (UTF-8, plain or .gz), or numbers of tokens (.npy, with tokenizer=numbers)", ATTN_FILE, "", 0, 0, NULL},   \
        {"valid", "the text of evaluations; empty: the last twentieth of data", ATTN_FILE, "", 0, 0, NULL},                                \
        {"tokenizer",                                                                                                                      \
         "what tokens are: byte pairs learned from data, words, characters, GPT-2's, or numbers",                                          \
         ATTN_WORD,                                                                                                                        \
         "bpe",                                                                                                                            \
         0,                                                                                                                                \
         0,                                                                                                                                \
         attn_tokenizer_words},                                                                                                            \
        {"vocabulary",                                                                                                                     \
         "most tokens of a tokenizer that is learned; of numbers: all. 0: 4096 byte pairs, all words or characters",                       \
         ATTN_WHOLE,                                                                                                                       \
         "0",                                                                                                                              \
         0,                                                                                                                                \
         1e8,                                                                                                                              \
         NULL},                                                                                                                            \
        {"tokenizer_files", "the folder of GPT-2's encoder.json and vocab.bpe", ATTN_FILE, "", 0, 0, attn_gpt2_files}, {                   \
        "length", "tokens of a window (T)", ATTN_WHOLE, "256", 2, 1e6, NULL                                                                \
    }

struct attn_corpus {
    struct attn_tokenizer *tokenizer; /* NULL: numbers */
    int64_t vocabulary;
    int32_t *token; /* training, then evaluation; NULL before attn_corpus_load */
    size_t training, evaluation;
    int64_t length, batch, windows;
    uint64_t seed;
    int32_t *order; /* of the windows in pass number `pass` */
    int64_t pass;
};

/* The tokenizer: a saved model's text, or made from the recipe's data, which are then loaded. */
attn_status attn_corpus_open(struct attn_job *job, struct attn_corpus *out);
/* Reads the texts, if they have not been read. */
attn_status attn_corpus_load(struct attn_job *job, struct attn_corpus *corpus);
void attn_corpus_close(attn_ctx *ctx, struct attn_corpus *corpus);

/* Steps of a pass. */
int64_t attn_corpus_steps(const struct attn_corpus *corpus);
/* The batch of a step, rows first ... first + count of it: input and target [count, T]. */
void attn_corpus_batch(struct attn_corpus *corpus, int64_t step, int64_t first, int64_t count, int32_t *input, int32_t *target);

/* A text of the user's own as tokens, freed by attn_free. */
attn_status attn_corpus_encode(attn_ctx *ctx, const struct attn_corpus *corpus, const char *path, int32_t **token, size_t *count);

/* attn_task.extra: the tokenizer. */
attn_status attn_corpus_extra(attn_ctx *ctx, const struct attn_corpus *corpus, char **text);

#endif
