#include "train/corpus.h"

#include "base/hash.h"
#include "base/random.h"
#include "io/npy.h"
#include "io/text.h"

#include <string.h>

enum { TEXT_LIMIT = INT32_MAX - 1, BYTE_PAIRS = 4096, EVALUATION_SHARE = 20 };
enum { BPE, WORD, CHARACTER, GPT2, NUMBERS };
const char *const attn_tokenizer_words[] = {"bpe", "word", "character", "gpt2", "numbers", NULL};
const char *const attn_gpt2_files[] = {"encoder.json", "vocab.bpe", NULL};

/* ---------------------------------------------------------------------------------------------------------- tokenizer */

static attn_status learn(attn_ctx *ctx, const struct attn_recipe *r, int64_t kind, struct attn_corpus *out) {
    static const enum attn_tokenizer_kind kinds[] = {ATTN_TOKENIZER_BPE, ATTN_TOKENIZER_WORD, ATTN_TOKENIZER_CHARACTER};
    static const char *const unknown[] = {"<unk>"};
    const char *path = attn_recipe_words(r, "data");
    const int64_t most = attn_recipe_whole(r, "vocabulary");
    struct attn_text text;
    attn_status status = attn_text_read(ctx, NULL, path, TEXT_LIMIT, &text);
    if (status) return status;
    const struct attn_tokenizer_options options = {.most = (int32_t)(most > 0      ? most
                                                                     : kind == BPE ? BYTE_PAIRS
                                                                                   : 0),
                                                   .special = unknown,
                                                   .special_count = kind == CHARACTER};
    status = attn_tokenizer_make(ctx, kinds[kind], path, text.bytes, text.size, &options, &out->tokenizer);
    attn_text_free(ctx, &text);
    return status;
}

static attn_status gpt2(attn_ctx *ctx, const struct attn_recipe *r, struct attn_corpus *out) {
    char encoder[ATTN_FILE_PATH] = "", merges[ATTN_FILE_PATH] = "";
    const char *folder = attn_recipe_words(r, "tokenizer_files");
    if (!folder[0])
        return attn_fail(ctx, ATTN_EINVAL, "recipe: tokenizer=gpt2 needs tokenizer_files=FOLDER with encoder.json and vocab.bpe");
    attn_append(encoder, sizeof encoder, "%s/%s", folder, attn_gpt2_files[0]);
    attn_append(merges, sizeof merges, "%s/%s", folder, attn_gpt2_files[1]);
    return attn_tokenizer_gpt2(ctx, NULL, encoder, merges, &out->tokenizer);
}

static bool is_array(const char *path) {
    const size_t length = strlen(path);
    return length > 4 && strcmp(path + length - 4, ".npy") == 0;
}

static attn_status make_tokenizer(struct attn_job *job, struct attn_corpus *out) {
    const struct attn_recipe *r = job->recipe;
    const int64_t kind = attn_recipe_whole(r, "tokenizer");
    if (kind != NUMBERS && !job->saved && is_array(attn_recipe_words(r, "data")))
        return attn_fail(job->ctx, ATTN_EINVAL, "%s: found an array and tokenizer=%s, expected tokenizer=numbers vocabulary=N with it",
                         attn_recipe_words(r, "data"), attn_tokenizer_words[kind]);
    if (kind == NUMBERS) {
        out->vocabulary = attn_recipe_whole(r, "vocabulary");
        return out->vocabulary > 0 ? ATTN_OK : attn_fail(job->ctx, ATTN_EINVAL, "recipe: tokenizer=numbers needs vocabulary=N");
    }
    attn_status status;
    if (job->saved)
        status = attn_tokenizer_parse(job->ctx, "the model's tokenizer", job->saved, strlen(job->saved), &out->tokenizer);
    else
        status = kind == GPT2 ? gpt2(job->ctx, r, out) : learn(job->ctx, r, kind, out);
    if (!status) out->vocabulary = attn_tokenizer_vocabulary(out->tokenizer);
    return status;
}

attn_status attn_corpus_extra(attn_ctx *ctx, const struct attn_corpus *corpus, char **text) {
    size_t size;
    *text = NULL;
    return corpus->tokenizer ? attn_tokenizer_text(ctx, corpus->tokenizer, text, &size) : ATTN_OK;
}

/* ------------------------------------------------------------------------------------------------------------- tokens */

static attn_status read_numbers(attn_ctx *ctx, const struct attn_corpus *c, const char *path, int32_t **token, size_t *count) {
    struct attn_npy array;
    attn_status status = attn_npy_read(ctx, NULL, path, &array);
    if (status) return status;
    *count = array.count;
    status = attn_npy_to_i32(ctx, path, &array, token);
    attn_npy_free(ctx, &array);
    for (size_t i = 0; !status && i < *count; i++)
        if ((*token)[i] < 0 || (*token)[i] >= c->vocabulary) {
            status = attn_fail(ctx, ATTN_EINVAL, "%s: element %zu: found %d, expected a token in [0, %lld)", path, i, (*token)[i],
                               (long long)c->vocabulary);
            attn_free(ctx, *token);
            *token = NULL; /* a job that is closed frees its tokens */
        }
    return status;
}

attn_status attn_corpus_encode(attn_ctx *ctx, const struct attn_corpus *c, const char *path, int32_t **token, size_t *count) {
    struct attn_text text;
    if (!c->tokenizer) return read_numbers(ctx, c, path, token, count);
    attn_status status = attn_text_read(ctx, NULL, path, TEXT_LIMIT, &text);
    if (status) return status;
    status = attn_tokenizer_encode(ctx, c->tokenizer, path, text.bytes, text.size, token, count);
    attn_text_free(ctx, &text);
    return status;
}

static attn_status join(attn_ctx *ctx, struct attn_corpus *c, int32_t *more, size_t count) {
    int32_t *both = attn_alloc(ctx, (c->training + count) * sizeof *both);
    if (both) {
        /* an empty text may have no memory */
        if (c->token) memcpy(both, c->token, c->training * sizeof *both);
        if (more) memcpy(both + c->training, more, count * sizeof *both);
        attn_free(ctx, c->token);
        c->token = both;
        c->evaluation = count;
    }
    attn_free(ctx, more);
    return both ? ATTN_OK : attn_no_memory(ctx, "a text's tokens", (c->training + count) * sizeof *both);
}

static attn_status read_texts(attn_ctx *ctx, const struct attn_recipe *r, struct attn_corpus *c) {
    const char *data = attn_recipe_words(r, "data"), *valid = attn_recipe_words(r, "valid");
    int32_t *more;
    size_t count;
    attn_status status = attn_corpus_encode(ctx, c, data, &c->token, &c->training);
    if (!status && valid[0]) {
        status = attn_corpus_encode(ctx, c, valid, &more, &count);
        if (!status) status = join(ctx, c, more, count);
    } else if (!status) {
        c->evaluation = c->training / EVALUATION_SHARE;
        c->training -= c->evaluation;
    }
    if (status) return status;
    c->windows = ((int64_t)c->training - 1) / c->length;
    if (c->windows >= c->batch && c->evaluation < 2 && valid[0])
        return attn_fail(ctx, ATTN_EINVAL, "%s: found %zu tokens to evaluate, expected at least 2", valid, c->evaluation);
    if (c->windows < c->batch || c->evaluation < 2)
        return attn_fail(ctx, ATTN_EINVAL,
                         "%s: found %zu tokens to train on and %zu to evaluate, expected at least batch x length + 1 = %lld and 2", data,
                         c->training, c->evaluation, (long long)(c->batch * c->length + 1));
    c->order = attn_alloc(ctx, (size_t)c->windows * sizeof *c->order);
    return c->order ? ATTN_OK : attn_no_memory(ctx, "the order of the windows", (size_t)c->windows * sizeof *c->order);
}

attn_status attn_corpus_load(struct attn_job *job, struct attn_corpus *c) {
    if (c->token) return ATTN_OK;
    const attn_status status = read_texts(job->ctx, job->recipe, c);
    if (status) { /* what was read in part is not taken for loaded */
        attn_free(job->ctx, c->token);
        c->token = NULL;
    }
    return status;
}

attn_status attn_corpus_open(struct attn_job *job, struct attn_corpus *out) {
    const struct attn_recipe *r = job->recipe;
    *out = (struct attn_corpus){.length = attn_recipe_whole(r, "length"),
                                .batch = attn_recipe_whole(r, "batch"),
                                .seed = (uint64_t)attn_recipe_whole(r, "seed"),
                                .pass = -1};
    if (!attn_recipe_words(r, "data")[0]) return attn_fail(job->ctx, ATTN_EINVAL, "recipe: data=FILE is needed: the training text");
    attn_status status = make_tokenizer(job, out);
    if (!status && !job->saved) status = attn_corpus_load(job, out);
    return status;
}

void attn_corpus_close(attn_ctx *ctx, struct attn_corpus *c) {
    attn_tokenizer_free(ctx, c->tokenizer);
    attn_free(ctx, c->token);
    attn_free(ctx, c->order);
    *c = (struct attn_corpus){.tokenizer = NULL};
}

/* ------------------------------------------------------------------------------------------------------------ windows */

int64_t attn_corpus_steps(const struct attn_corpus *c) {
    return c->windows / c->batch;
}

static void shuffle(struct attn_corpus *c, int64_t pass) {
    struct attn_random random;
    attn_random_init(&random, attn_hash(attn_hash(ATTN_HASH_START, &c->seed, sizeof c->seed), &pass, sizeof pass));
    for (int64_t i = 0; i < c->windows; i++) c->order[i] = (int32_t)i;
    for (int64_t i = c->windows - 1; i > 0; i--) {
        const int64_t j = (int64_t)attn_random_below(&random, (uint64_t)i + 1);
        const int32_t kept = c->order[i];
        c->order[i] = c->order[j];
        c->order[j] = kept;
    }
    c->pass = pass;
}

void attn_corpus_batch(struct attn_corpus *c, int64_t step, int64_t first, int64_t count, int32_t *input, int32_t *target) {
    const int64_t steps = attn_corpus_steps(c), pass = step / steps, at = step % steps * c->batch + first;
    const size_t bytes = (size_t)c->length * sizeof *input;
    if (pass != c->pass) shuffle(c, pass);
    for (int64_t i = 0; i < count; i++) {
        const int32_t *window = c->token + (int64_t)c->order[at + i] * c->length;
        memcpy(input + i * c->length, window, bytes);
        memcpy(target + i * c->length, window + 1, bytes);
    }
}
