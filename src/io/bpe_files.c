/* Byte pairs from files: lists of merges, and GPT-2's encoder.json and vocab.bpe. */
#include "io/bpe_alphabet.h"
#include "io/text.h"
#include "io/tokenizer_parts.h"

#include <stdio.h>
#include <string.h>

enum { LINE = 4096, FILE_BYTES = 256 << 20 };

/* The token that letters stand for; -1: there is none. */
static int32_t find_letters(const struct attn_tokenizer *t, const char *letters, size_t length, char *bytes, size_t *size) {
    *size = attn_bpe_to_bytes(letters, length, bytes);
    return *size == SIZE_MAX ? -1 : attn_vocabulary_find(&t->vocabulary, bytes, *size);
}

attn_status attn_bpe_add_merge(attn_ctx *ctx, struct attn_tokenizer *t, const char *place, const char *line, size_t length) {
    char bytes[LINE];
    size_t a, b;
    const char *blank = memchr(line, ' ', length);
    const size_t left_length = blank == NULL ? 0 : (size_t)(blank - line), shown = length < 64 ? length : 64;
    if (length > LINE) return attn_fail(ctx, ATTN_EINVAL, "%s: found a merge of %zu bytes, expected at most %d", place, length, LINE);
    if (left_length == 0 || left_length + 1 == length || memchr(blank + 1, ' ', length - left_length - 1) != NULL)
        return attn_fail(ctx, ATTN_EINVAL, "%s: found \"%.*s\", expected two tokens with a blank between them", place, (int)shown, line);
    const int32_t left = find_letters(t, line, left_length, bytes, &a);
    const int32_t right = left < 0 ? -1 : find_letters(t, blank + 1, length - left_length - 1, bytes + a, &b);
    if (left < 0 || right < 0)
        return attn_fail(ctx, ATTN_EINVAL, "%s: found \"%.*s\", of which the %s is no token, expected tokens of the vocabulary", place,
                         (int)shown, line, left < 0 ? "first" : "second");
    const int32_t product = attn_vocabulary_find(&t->vocabulary, bytes, a + b);
    if (product < 0)
        return attn_fail(ctx, ATTN_EINVAL, "%s: found \"%.*s\", which together are no token, expected a token of the vocabulary", place,
                         (int)shown, line);
    if (attn_merges_find(&t->merges, left, right) >= 0)
        return attn_fail(ctx, ATTN_EINVAL, "%s: found \"%.*s\" a second time, expected different merges", place, (int)shown, line);
    return attn_merges_add(ctx, &t->merges, left, right, product);
}

/* A token that nothing makes: special, or a mistake. */
static attn_status judge(attn_ctx *ctx, struct attn_tokenizer *t, const char *name, bool add, int32_t number) {
    size_t length;
    const char *token = attn_vocabulary_get(&t->vocabulary, number, &length);
    if (attn_tokenizer_is_special(t, number)) return ATTN_OK;
    if (add) return attn_tokenizer_mark_special(ctx, t, name, number);
    return attn_fail(ctx, ATTN_EINVAL, "%s: token %d, \"%.*s\": found no merge that makes it, expected one, or that it is special", name,
                     (int)number, (int)(length < 64 ? length : 64), token);
}

attn_status attn_bpe_finish(attn_ctx *ctx, struct attn_tokenizer *t, const char *name, bool add) {
    attn_status status = ATTN_OK;
    for (int byte = 0; byte < 256; byte++) {
        const char text = (char)byte;
        t->byte[byte] = attn_vocabulary_find(&t->vocabulary, &text, 1);
        if (t->byte[byte] < 0)
            return attn_fail(ctx, ATTN_EINVAL, "%s: found no token for the byte 0x%02x, expected one for each byte", name, (unsigned)byte);
    }
    bool *made = attn_alloc(ctx, (size_t)t->vocabulary.count * sizeof *made);
    if (made == NULL) return attn_no_memory(ctx, name, (size_t)t->vocabulary.count * sizeof *made);
    memset(made, 0, (size_t)t->vocabulary.count * sizeof *made);
    for (int byte = 0; byte < 256; byte++) made[t->byte[byte]] = true;
    for (int32_t i = 0; i < t->merges.count; i++) made[t->merges.list[i].product] = true;
    for (int32_t i = 0; i < t->vocabulary.count && status == ATTN_OK; i++)
        if (!made[i]) status = judge(ctx, t, name, add, i);
    attn_free(ctx, made);
    return status;
}

#if defined(ATTN_HAVE_JANSSON)
#include <jansson.h>

static attn_status wrong_number(attn_ctx *ctx, const char *name, const char *key, size_t count) {
    return attn_fail(ctx, ATTN_EINVAL,
                     "%s: key \"%.64s\": found no number, or one that is there twice, expected one of its own from 0 to %zu", name, key,
                     count - 1);
}

/* The keys of the object, put in the order of their numbers. */
static attn_status sort_keys(attn_ctx *ctx, const char *name, json_t *root, const char **keys, size_t count) {
    const char *key;
    json_t *value;
    memset(keys, 0, count * sizeof *keys);
    json_object_foreach(root, key, value) {
        const json_int_t number = json_is_integer(value) ? json_integer_value(value) : -1;
        if (number < 0 || (unsigned long long)number >= count || keys[number] != NULL) return wrong_number(ctx, name, key, count);
        keys[number] = key;
    }
    return ATTN_OK;
}

static attn_status add_key(attn_ctx *ctx, const char *name, struct attn_tokenizer *t, const char *key, size_t number) {
    char bytes[LINE];
    int32_t added;
    const size_t length = strlen(key), size = length > LINE ? SIZE_MAX : attn_bpe_to_bytes(key, length, bytes);
    if (size == SIZE_MAX || size == 0)
        return attn_fail(ctx, ATTN_EINVAL, "%s: key \"%.64s\": found letters that stand for no bytes, expected 1 to %d of GPT-2's alphabet",
                         name, key, LINE);
    const attn_status status = attn_vocabulary_add(ctx, &t->vocabulary, bytes, size, &added);
    if (status == ATTN_OK && (size_t)added != number) return wrong_number(ctx, name, key, number + 1);
    return status;
}

static attn_status take_keys(attn_ctx *ctx, const char *name, json_t *root, struct attn_tokenizer *t) {
    const size_t count = json_object_size(root);
    const char **keys = attn_alloc(ctx, count * sizeof *keys);
    if (keys == NULL) return attn_no_memory(ctx, name, count * sizeof *keys);
    attn_status status = sort_keys(ctx, name, root, keys, count);
    for (size_t i = 0; i < count && status == ATTN_OK; i++) status = add_key(ctx, name, t, keys[i], i);
    attn_free(ctx, (void *)keys);
    return status;
}

attn_status attn_bpe_take_encoder(attn_ctx *ctx, const char *name, const char *text, size_t size, struct attn_tokenizer *t) {
    json_error_t error;
    json_t *root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
    attn_status status;
    if (root == NULL) return attn_fail(ctx, ATTN_EINVAL, "%s: line %d, column %d: %s", name, error.line, error.column, error.text);
    if (json_is_object(root))
        status = take_keys(ctx, name, root, t);
    else
        status = attn_fail(ctx, ATTN_EINVAL, "%s: line 1: found no object, expected tokens with their numbers", name);
    json_decref(root);
    return status;
}
#else
attn_status attn_bpe_take_encoder(attn_ctx *ctx, const char *name, const char *text, size_t size, struct attn_tokenizer *t) {
    (void)text, (void)size, (void)t;
    return attn_fail(ctx, ATTN_EUNSUPPORTED, "%s: this program was built without jansson; install libjansson-dev and build again", name);
}
#endif

attn_status attn_bpe_take_merges(attn_ctx *ctx, const char *name, const char *text, size_t size, struct attn_tokenizer *t) {
    struct attn_lines lines = attn_lines_of(text, size);
    attn_status status = ATTN_OK;
    const char *line;
    size_t length;
    if (!attn_lines_next(&lines, &line, &length) || length < 8 || memcmp(line, "#version", 8) != 0)
        return attn_fail(ctx, ATTN_EINVAL, "%s: line 1: found no version, expected \"#version: \" and a number", name);
    while (status == ATTN_OK && attn_lines_next(&lines, &line, &length)) {
        char place[512];
        snprintf(place, sizeof place, "%.400s: line %zu", name, lines.number);
        status = attn_bpe_add_merge(ctx, t, place, line, length);
    }
    return status;
}

attn_status attn_tokenizer_gpt2(attn_ctx *ctx, const struct attn_file_system *system, const char *encoder, const char *merges,
                                struct attn_tokenizer **out) {
    struct attn_tokenizer *t = NULL;
    struct attn_text text = {NULL, 0};
    attn_status status = attn_tokenizer_new(ctx, ATTN_TOKENIZER_BPE, &t);
    if (status == ATTN_OK) status = attn_text_read(ctx, system, encoder, FILE_BYTES, &text);
    if (status == ATTN_OK) status = attn_bpe_take_encoder(ctx, encoder, text.bytes, text.size, t);
    attn_text_free(ctx, &text);
    if (status == ATTN_OK) status = attn_text_read(ctx, system, merges, FILE_BYTES, &text);
    if (status == ATTN_OK) status = attn_bpe_take_merges(ctx, merges, text.bytes, text.size, t);
    attn_text_free(ctx, &text);
    if (status == ATTN_OK) status = attn_bpe_finish(ctx, t, encoder, true);
    if (status == ATTN_OK)
        *out = t;
    else
        attn_tokenizer_free(ctx, t);
    return status;
}
