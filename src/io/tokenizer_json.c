/* A tokenizer as JSON:
 *   {"format": "attn tokenizer", "version": 1, "kind": "bpe", "special": ["<|endoftext|>"], "tokens": ["!", ...], "merges": ["\u0120 t", ...]}
 * The number of a token is its place. Tokens and merges of bpe are in the alphabet of bpe_alphabet.h. jansson takes its memory from the C
 * library, as its allocator can be set for a whole process only. */
#include "io/bpe_alphabet.h"
#include "io/text.h"
#include "io/tokenizer_parts.h"
#include "io/utf8.h"

#include <stdio.h>
#include <string.h>

#if defined(ATTN_HAVE_JANSSON)
#include <jansson.h>

enum { FILE_BYTES = 256 << 20, TOKEN = ATTN_TOKENIZER_WORD_BYTES };

/* ---------------------------------------------------------------------------------------------------------- writing */

/* A token as a string of JSON; NULL: no memory. */
static json_t *string_of(attn_ctx *ctx, const struct attn_tokenizer *t, int32_t number) {
    size_t length;
    const char *token = attn_vocabulary_get(&t->vocabulary, number, &length);
    if (t->kind != ATTN_TOKENIZER_BPE) return json_stringn(token, length);
    char *letters = attn_alloc(ctx, 2 * length);
    json_t *string = letters == NULL ? NULL : json_stringn(letters, attn_bpe_to_letters(token, length, letters));
    attn_free(ctx, letters);
    return string;
}

static json_t *merge_of(attn_ctx *ctx, const struct attn_tokenizer *t, const struct attn_merge *merge) {
    size_t a, b;
    const char *left = attn_vocabulary_get(&t->vocabulary, merge->left, &a), *right = attn_vocabulary_get(&t->vocabulary, merge->right, &b);
    char *letters = attn_alloc(ctx, 2 * (a + b) + 1);
    if (letters == NULL) return NULL;
    size_t used = attn_bpe_to_letters(left, a, letters);
    letters[used++] = ' ';
    used += attn_bpe_to_letters(right, b, letters + used);
    json_t *string = json_stringn(letters, used);
    attn_free(ctx, letters);
    return string;
}

/* Puts the arrays into the object, which owns them at once. False: no memory. */
static bool fill(attn_ctx *ctx, const struct attn_tokenizer *t, json_t *root) {
    const bool bpe = t->kind == ATTN_TOKENIZER_BPE;
    json_t *special = json_array(), *tokens = json_array(), *merges = bpe ? json_array() : NULL;
    bool good = json_object_set_new(root, "format", json_string("attn tokenizer")) == 0;
    good = json_object_set_new(root, "version", json_integer(1)) == 0 && good;
    good = json_object_set_new(root, "kind", json_string(attn_tokenizer_kind_name(t->kind))) == 0 && good;
    good = json_object_set_new(root, "special", special) == 0 && good;
    good = json_object_set_new(root, "tokens", tokens) == 0 && good;
    if (bpe) good = json_object_set_new(root, "merges", merges) == 0 && good;
    for (int i = 0; i < t->special_count && good; i++) good = json_array_append_new(special, string_of(ctx, t, t->special[i])) == 0;
    for (int32_t i = 0; i < t->vocabulary.count && good; i++) good = json_array_append_new(tokens, string_of(ctx, t, i)) == 0;
    for (int32_t i = 0; i < t->merges.count && good; i++) good = json_array_append_new(merges, merge_of(ctx, t, &t->merges.list[i])) == 0;
    return good;
}

attn_status attn_tokenizer_text(attn_ctx *ctx, const struct attn_tokenizer *t, char **text, size_t *size) {
    const size_t flags = JSON_INDENT(1);
    json_t *root = json_object();
    attn_status status = ATTN_OK;
    size_t bytes = 0;
    char *all = NULL;
    if (root == NULL || !fill(ctx, t, root)) status = attn_no_memory(ctx, "a tokenizer as JSON", t->vocabulary.used);
    if (status == ATTN_OK) bytes = json_dumpb(root, NULL, 0, flags);
    if (status == ATTN_OK && (all = attn_alloc(ctx, bytes + 2)) == NULL) status = attn_no_memory(ctx, "a tokenizer as JSON", bytes + 2);
    if (status == ATTN_OK) {
        json_dumpb(root, all, bytes, flags);
        memcpy(all + bytes, "\n", 2);
        *text = all;
        *size = bytes + 1;
    }
    json_decref(root);
    return status;
}

/* ---------------------------------------------------------------------------------------------------------- reading */

struct source {
    attn_ctx *ctx;
    const char *name;
    struct attn_tokenizer *t;
};

static attn_status wrong_item(const struct source *s, const char *array, size_t at, const char *expected) {
    return attn_fail(s->ctx, ATTN_EINVAL, "%s: \"%s\"[%zu]: found something else, expected %s", s->name, array, at, expected);
}

static attn_status take_kind(struct source *s, json_t *root) {
    static const char *const keys[] = {"format", "version", "kind", "special", "tokens", "merges"};
    json_t *format = json_object_get(root, "format"), *version = json_object_get(root, "version"), *kind = json_object_get(root, "kind");
    const char *key, *text = kind == NULL ? NULL : json_string_value(kind);
    json_t *value;
    int which = ATTN_TOKENIZER_WORD;
    if (!json_is_object(root) || !json_is_string(format) || strcmp(json_string_value(format), "attn tokenizer") != 0)
        return attn_fail(s->ctx, ATTN_EINVAL, "%s: key \"format\": found no tokenizer, expected \"attn tokenizer\"", s->name);
    if (!json_is_integer(version) || json_integer_value(version) != 1)
        return attn_fail(s->ctx, ATTN_EINVAL, "%s: key \"version\": found another, expected 1", s->name);
    json_object_foreach(root, key, value) {
        size_t i = 0;
        while (i < sizeof keys / sizeof keys[0] && strcmp(key, keys[i]) != 0) i++;
        if (i == sizeof keys / sizeof keys[0])
            return attn_fail(s->ctx, ATTN_EINVAL, "%s: found the key \"%.64s\", expected format, version, kind, special, tokens and merges",
                             s->name, key);
    }
    while (text != NULL && which <= ATTN_TOKENIZER_BPE && strcmp(text, attn_tokenizer_kind_name((enum attn_tokenizer_kind)which)) != 0)
        which++;
    if (text == NULL || which > ATTN_TOKENIZER_BPE)
        return attn_fail(s->ctx, ATTN_EINVAL, "%s: key \"kind\": found \"%.64s\", expected word, character or bpe", s->name,
                         text == NULL ? "no text" : text);
    if ((json_object_get(root, "merges") != NULL) != (which == ATTN_TOKENIZER_BPE))
        return attn_fail(s->ctx, ATTN_EINVAL, "%s: key \"merges\": found it with the kind %s, expected it with bpe alone", s->name, text);
    return attn_tokenizer_new(s->ctx, (enum attn_tokenizer_kind)which, &s->t);
}

/* The bytes of a string, which may be letters of bpe. SIZE_MAX: it is none, or empty, or too long. */
static size_t bytes_of(const struct source *s, json_t *item, char bytes[TOKEN]) {
    const char *text = json_string_value(item);
    const size_t length = json_string_length(item);
    if (text == NULL || length == 0 || length > TOKEN) return SIZE_MAX;
    if (s->t->kind == ATTN_TOKENIZER_BPE) return attn_bpe_to_bytes(text, length, bytes);
    memcpy(bytes, text, length);
    return length;
}

static attn_status take_tokens(struct source *s, json_t *array) {
    const size_t count = json_array_size(array);
    char bytes[TOKEN];
    if (!json_is_array(array) || count == 0 || count >= INT32_MAX)
        return attn_fail(s->ctx, ATTN_EINVAL, "%s: key \"tokens\": found no list of them, expected one", s->name);
    for (size_t i = 0; i < count; i++) {
        int32_t number;
        const size_t size = bytes_of(s, json_array_get(array, i), bytes);
        if (size == SIZE_MAX) return wrong_item(s, "tokens", i, "a text of 1 to 4096 bytes");
        const attn_status status = attn_vocabulary_add(s->ctx, &s->t->vocabulary, bytes, size, &number);
        if (status != ATTN_OK) return status;
        if ((size_t)number != i) return wrong_item(s, "tokens", i, "a token that was not there before");
    }
    return ATTN_OK;
}

static attn_status take_special(struct source *s, json_t *array) {
    char bytes[TOKEN];
    if (!json_is_array(array)) return attn_fail(s->ctx, ATTN_EINVAL, "%s: key \"special\": found no list, expected one", s->name);
    for (size_t i = 0; i < json_array_size(array); i++) {
        const size_t size = bytes_of(s, json_array_get(array, i), bytes);
        const int32_t number = size == SIZE_MAX ? -1 : attn_vocabulary_find(&s->t->vocabulary, bytes, size);
        if (number < 0 || attn_tokenizer_is_special(s->t, number)) return wrong_item(s, "special", i, "one of the tokens, once");
        const attn_status status = attn_tokenizer_mark_special(s->ctx, s->t, s->name, number);
        if (status != ATTN_OK) return status;
    }
    attn_tokenizer_find_marks(s->t);
    if (s->t->kind == ATTN_TOKENIZER_WORD && (s->t->unknown < 0 || s->t->end_of_line < 0))
        return attn_fail(s->ctx, ATTN_EINVAL, "%s: key \"special\": found no <unk> or no <eos>, expected both with the kind word", s->name);
    return ATTN_OK;
}

/* Could this token come out of a text at all? */
static attn_status check_tokens(const struct source *s) {
    for (int32_t i = 0; i < s->t->vocabulary.count; i++) {
        size_t length;
        const char *token = attn_vocabulary_get(&s->t->vocabulary, i, &length);
        bool good = true;
        if (attn_tokenizer_is_special(s->t, i)) continue;
        if (s->t->kind == ATTN_TOKENIZER_CHARACTER) good = attn_utf8_length((const uint8_t *)token, length) == length;
        for (size_t j = 0; j < length && s->t->kind == ATTN_TOKENIZER_WORD; j++) good = good && strchr(" \t\r\v\f\n", token[j]) == NULL;
        if (!good)
            return wrong_item(s, "tokens", (size_t)i, s->t->kind == ATTN_TOKENIZER_WORD ? "a word without blanks" : "a single character");
    }
    return ATTN_OK;
}

static attn_status take_merges(struct source *s, json_t *array) {
    if (!json_is_array(array)) return attn_fail(s->ctx, ATTN_EINVAL, "%s: key \"merges\": found no list, expected one", s->name);
    for (size_t i = 0; i < json_array_size(array); i++) {
        json_t *item = json_array_get(array, i);
        char place[512];
        if (!json_is_string(item)) return wrong_item(s, "merges", i, "two tokens with a blank between them");
        snprintf(place, sizeof place, "%.400s: \"merges\"[%zu]", s->name, i);
        const attn_status status = attn_bpe_add_merge(s->ctx, s->t, place, json_string_value(item), json_string_length(item));
        if (status != ATTN_OK) return status;
    }
    return attn_bpe_finish(s->ctx, s->t, s->name, false);
}

attn_status attn_tokenizer_parse(attn_ctx *ctx, const char *name, const char *text, size_t size, struct attn_tokenizer **out) {
    struct source s = {ctx, name, NULL};
    json_error_t error;
    attn_status status = attn_text_check(ctx, name, text, size);
    if (status != ATTN_OK) return status;
    json_t *root = json_loadb(text, size, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    if (root == NULL) return attn_fail(ctx, ATTN_EINVAL, "%s: line %d, column %d: %s", name, error.line, error.column, error.text);
    status = take_kind(&s, root);
    if (status == ATTN_OK) status = take_tokens(&s, json_object_get(root, "tokens"));
    if (status == ATTN_OK) status = take_special(&s, json_object_get(root, "special"));
    if (status == ATTN_OK) status = s.t->kind == ATTN_TOKENIZER_BPE ? take_merges(&s, json_object_get(root, "merges")) : check_tokens(&s);
    json_decref(root);
    if (status == ATTN_OK)
        *out = s.t;
    else
        attn_tokenizer_free(ctx, s.t);
    return status;
}

attn_status attn_tokenizer_load(attn_ctx *ctx, const struct attn_file_system *system, const char *path, struct attn_tokenizer **out) {
    struct attn_text text;
    attn_status status = attn_text_read(ctx, system, path, FILE_BYTES, &text);
    if (status != ATTN_OK) return status;
    status = attn_tokenizer_parse(ctx, path, text.bytes, text.size, out);
    attn_text_free(ctx, &text);
    return status;
}
#else
static attn_status no_jansson(attn_ctx *ctx, const char *name) {
    return attn_fail(ctx, ATTN_EUNSUPPORTED, "%s: this program was built without jansson; install libjansson-dev and build again", name);
}

attn_status attn_tokenizer_text(attn_ctx *ctx, const struct attn_tokenizer *t, char **text, size_t *size) {
    (void)t, (void)text, (void)size;
    return no_jansson(ctx, "a tokenizer as JSON");
}

attn_status attn_tokenizer_parse(attn_ctx *ctx, const char *name, const char *text, size_t size, struct attn_tokenizer **out) {
    (void)text, (void)size, (void)out;
    return no_jansson(ctx, name);
}

attn_status attn_tokenizer_load(attn_ctx *ctx, const struct attn_file_system *system, const char *path, struct attn_tokenizer **out) {
    (void)system, (void)out;
    return no_jansson(ctx, path);
}
#endif

attn_status attn_tokenizer_save(attn_ctx *ctx, const struct attn_tokenizer *t, struct attn_file_writer *writer) {
    char *text = NULL;
    size_t size = 0;
    attn_status status = attn_tokenizer_text(ctx, t, &text, &size);
    if (status == ATTN_OK) status = attn_file_write(ctx, writer, text, size);
    attn_free(ctx, text);
    return status;
}
