/* What all kinds of tokenizers share. */
#include "io/tokenizer_parts.h"

#include "io/text.h"

#include <string.h>

static const char *const kinds[] = {[ATTN_TOKENIZER_WORD] = "word", [ATTN_TOKENIZER_CHARACTER] = "character", [ATTN_TOKENIZER_BPE] = "bpe"};

attn_status attn_numbers_add(attn_ctx *ctx, struct attn_numbers *numbers, const int32_t *items, size_t count) {
    const attn_status status =
        attn_grow(ctx, "tokens", (void **)&numbers->item, &numbers->room, numbers->count + count, sizeof *numbers->item);
    if (status != ATTN_OK) return status;
    memcpy(numbers->item + numbers->count, items, count * sizeof *items);
    numbers->count += count;
    return ATTN_OK;
}

attn_status attn_tokenizer_new(attn_ctx *ctx, enum attn_tokenizer_kind kind, struct attn_tokenizer **out) {
    struct attn_tokenizer *t = attn_alloc(ctx, sizeof *t);
    if (t == NULL) return attn_no_memory(ctx, "a tokenizer", sizeof *t);
    *t = (struct attn_tokenizer){.kind = kind, .unknown = -1, .end_of_line = -1};
    const attn_status status = kind == ATTN_TOKENIZER_BPE ? attn_splitter_create(ctx, &t->splitter) : ATTN_OK;
    if (status == ATTN_OK)
        *out = t;
    else
        attn_tokenizer_free(ctx, t);
    return status;
}

void attn_tokenizer_free(attn_ctx *ctx, struct attn_tokenizer *t) {
    if (t == NULL) return;
    attn_vocabulary_free(ctx, &t->vocabulary);
    attn_merges_free(ctx, &t->merges);
    attn_splitter_free(ctx, t->splitter);
    attn_free(ctx, t->special);
    attn_free(ctx, t);
}

attn_status attn_tokenizer_mark_special(attn_ctx *ctx, struct attn_tokenizer *t, const char *name, int32_t number) {
    int at = t->special_count;
    if (t->special_count == ATTN_TOKENIZER_SPECIAL)
        return attn_fail(ctx, ATTN_EINVAL, "%s: token %d: found one special token more, expected at most %d", name, (int)number,
                         ATTN_TOKENIZER_SPECIAL);
    const attn_status status = attn_grow(ctx, "special tokens", (void **)&t->special, &t->special_room, (size_t)at + 1, sizeof *t->special);
    if (status != ATTN_OK) return status;
    for (; at > 0 && t->special[at - 1] > number; at--) t->special[at] = t->special[at - 1];
    t->special[at] = number;
    t->special_count++;
    return ATTN_OK;
}

attn_status attn_tokenizer_add_special(attn_ctx *ctx, struct attn_tokenizer *t, const char *name, const char *token, size_t length) {
    int32_t number;
    if (length == 0 || length > ATTN_TOKENIZER_NAME || attn_vocabulary_find(&t->vocabulary, token, length) >= 0)
        return attn_fail(ctx, ATTN_EINVAL, "%s: special token \"%.*s\": found it empty, too long or there already, expected a new one", name,
                         (int)(length < 64 ? length : 64), token);
    const attn_status status = attn_vocabulary_add(ctx, &t->vocabulary, token, length, &number);
    return status == ATTN_OK ? attn_tokenizer_mark_special(ctx, t, name, number) : status;
}

bool attn_tokenizer_is_special(const struct attn_tokenizer *t, int32_t number) {
    int low = 0, high = t->special_count;
    while (low < high) {
        const int middle = low + (high - low) / 2;
        if (t->special[middle] < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low < t->special_count && t->special[low] == number;
}

void attn_tokenizer_find_marks(struct attn_tokenizer *t) {
    const int32_t unknown = attn_tokenizer_number(t, "<unk>"), end = attn_tokenizer_number(t, "<eos>");
    t->unknown = attn_tokenizer_is_special(t, unknown) ? unknown : -1;
    t->end_of_line = attn_tokenizer_is_special(t, end) ? end : -1;
}

attn_status attn_tokenizer_make(attn_ctx *ctx, enum attn_tokenizer_kind kind, const char *name, const char *text, size_t size,
                                const struct attn_tokenizer_options *options, struct attn_tokenizer **out) {
    static const struct attn_tokenizer_options none;
    static attn_status (*const makes[])(attn_ctx *, const char *, const char *, size_t, const struct attn_tokenizer_options *,
                                        struct attn_tokenizer *) = {
        [ATTN_TOKENIZER_WORD] = attn_word_make, [ATTN_TOKENIZER_CHARACTER] = attn_character_make, [ATTN_TOKENIZER_BPE] = attn_bpe_make};
    struct attn_tokenizer *t = NULL;
    if (size > INT32_MAX)
        return attn_fail(ctx, ATTN_EINVAL, "%s: found %zu bytes, expected at most %d to make a tokenizer from", name, size, INT32_MAX);
    attn_status status = kind == ATTN_TOKENIZER_BPE ? ATTN_OK : attn_text_check(ctx, name, text, size);
    if (status == ATTN_OK) status = attn_tokenizer_new(ctx, kind, &t);
    if (status == ATTN_OK) status = makes[kind](ctx, name, text, size, options != NULL ? options : &none, t);
    if (status == ATTN_OK) {
        attn_tokenizer_find_marks(t);
        *out = t;
    } else {
        attn_tokenizer_free(ctx, t);
    }
    return status;
}

enum attn_tokenizer_kind attn_tokenizer_kind(const struct attn_tokenizer *t) {
    return t->kind;
}

const char *attn_tokenizer_kind_name(enum attn_tokenizer_kind kind) {
    return kinds[kind];
}

int32_t attn_tokenizer_vocabulary(const struct attn_tokenizer *t) {
    return t->vocabulary.count;
}

const char *attn_tokenizer_token(const struct attn_tokenizer *t, int32_t number, size_t *length) {
    return attn_vocabulary_get(&t->vocabulary, number, length);
}

int32_t attn_tokenizer_number(const struct attn_tokenizer *t, const char *token) {
    return attn_vocabulary_find(&t->vocabulary, token, strlen(token));
}

int attn_tokenizer_special_count(const struct attn_tokenizer *t) {
    return t->special_count;
}

int32_t attn_tokenizer_special(const struct attn_tokenizer *t, int which) {
    return t->special[which];
}

attn_status attn_tokenizer_encode(attn_ctx *ctx, const struct attn_tokenizer *t, const char *name, const char *text, size_t size,
                                  int32_t **numbers, size_t *count) {
    struct attn_numbers all = {NULL, 0, 0};
    if (size > INT32_MAX) return attn_fail(ctx, ATTN_EINVAL, "%s: found a text of %zu bytes, expected at most %d", name, size, INT32_MAX);
    attn_status status = attn_grow(ctx, "tokens", (void **)&all.item, &all.room, size / 4, sizeof *all.item);
    if (status == ATTN_OK && t->kind == ATTN_TOKENIZER_WORD) status = attn_word_encode(ctx, t, text, size, &all);
    if (status == ATTN_OK && t->kind == ATTN_TOKENIZER_CHARACTER) status = attn_character_encode(ctx, t, name, text, size, &all);
    if (status == ATTN_OK && t->kind == ATTN_TOKENIZER_BPE) status = attn_bpe_encode(ctx, t, text, size, &all);
    if (status == ATTN_OK) {
        *numbers = all.item;
        *count = all.count;
    } else {
        attn_free(ctx, all.item);
    }
    return status;
}

/* The bytes of a text that is put together, or, with `to` NULL, only how many there are. */
static size_t put_all(const struct attn_tokenizer *t, const int32_t *numbers, size_t count, char *to) {
    const bool words = t->kind == ATTN_TOKENIZER_WORD;
    size_t used = 0;
    bool blank = false; /* does a word stand before? */
    for (size_t i = 0; i < count; i++) {
        size_t length;
        const char *token = attn_vocabulary_get(&t->vocabulary, numbers[i], &length);
        const bool line = words && numbers[i] == t->end_of_line;
        if (words && blank && !line) {
            if (to != NULL) to[used] = ' ';
            used++;
        }
        if (line) {
            token = "\n";
            length = 1;
        }
        if (to != NULL && length > 0) memcpy(to + used, token, length);
        used += length;
        blank = !line;
    }
    return used;
}

attn_status attn_tokenizer_decode(attn_ctx *ctx, const struct attn_tokenizer *t, const int32_t *numbers, size_t count, char **text,
                                  size_t *size) {
    for (size_t i = 0; i < count; i++)
        if (numbers[i] < 0 || numbers[i] >= t->vocabulary.count)
            return attn_fail(ctx, ATTN_EINVAL, "token %zu: found the number %d, expected one from 0 to %d", i, (int)numbers[i],
                             (int)t->vocabulary.count - 1);
    const size_t bytes = put_all(t, numbers, count, NULL);
    char *all = attn_alloc(ctx, bytes + 1);
    if (all == NULL) return attn_no_memory(ctx, "a text", bytes + 1);
    put_all(t, numbers, count, all);
    all[bytes] = '\0';
    *text = all;
    *size = bytes;
    return ATTN_OK;
}
