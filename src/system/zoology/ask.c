#include "system/zoology/ask.h"

#include "base/context.h"

#include <string.h>

/* Key number i is token 1 + i, value number i the i-th of the upper half: which tokens stand for words is all the same to the model. */
static int32_t key_token(int i) {
    return 1 + i;
}

static int32_t value_token(const struct attn_mqar *task, int i) {
    return task->vocabulary / 2 + i;
}

const char *attn_ask_word(const struct attn_mqar *task, const struct attn_ask *ask, int32_t token) {
    const int32_t i = token - task->vocabulary / 2;
    return i >= 0 && i < ask->pairs ? ask->value[i] : NULL;
}

static int cut_words(char *line, const char *word[2 * ATTN_ASK_WORDS]) {
    int count = 0;
    char *rest;
    for (char *w = strtok_r(line, " \t\r\n", &rest); w; w = strtok_r(NULL, " \t\r\n", &rest)) {
        if (count == 2 * ATTN_ASK_WORDS) return -1;
        word[count++] = w;
    }
    return count;
}

/* The pair with this key; -1: none has it. */
static int find(const struct attn_ask *ask, const char *word) {
    for (int i = 0; i < ask->pairs; i++)
        if (strcmp(ask->key[i], word) == 0) return i;
    return -1;
}

static attn_status take_pairs(attn_ctx *ctx, const struct attn_mqar *task, const char *const *word, int count, int32_t *tokens,
                              struct attn_ask *out) {
    if (count == 0 || count % 2 != 0 || count / 2 > task->pairs)
        return attn_fail(ctx, ATTN_EINVAL, "found %d words before '?', expected 1 to %lld pairs of a key and its value", count,
                         (long long)task->pairs);
    for (int i = 0; i < count / 2; i++) {
        if (find(out, word[2 * i]) >= 0)
            return attn_fail(ctx, ATTN_EINVAL, "found the key '%s' twice, expected different keys", word[2 * i]);
        out->key[i] = word[2 * i];
        out->value[i] = word[2 * i + 1];
        out->pairs++;
        tokens[2 * i] = key_token(i);
        tokens[2 * i + 1] = value_token(task, i);
    }
    return ATTN_OK;
}

static attn_status take_questions(attn_ctx *ctx, const struct attn_mqar *task, bool single, const char *const *word, int count,
                                  int32_t *tokens, struct attn_ask *out) {
    const int64_t slots = single ? 1 : (task->length - 2 * out->pairs) / 2;
    if (count == 0 || count > slots || count > ATTN_ASK_WORDS)
        return attn_fail(ctx, ATTN_EINVAL, "found %d words after '?', expected 1 to %lld keys", count, (long long)slots);
    for (int i = 0; i < count; i++) {
        const int which = find(out, word[i]);
        if (which < 0) return attn_fail(ctx, ATTN_EINVAL, "found '%s' after '?', expected one of the keys before it", word[i]);
        out->place[out->questions] = single ? task->length - 1 : 2 * (out->pairs + i);
        tokens[out->place[out->questions++]] = key_token(which);
    }
    return ATTN_OK;
}

attn_status attn_ask_parse(attn_ctx *ctx, const struct attn_mqar *task, bool single, char *line, int32_t *tokens, struct attn_ask *out) {
    const char *word[2 * ATTN_ASK_WORDS];
    const int count = cut_words(line, word);
    int mark = 0;
    *out = (struct attn_ask){.pairs = 0};
    if (count < 0) return attn_fail(ctx, ATTN_EINVAL, "found more than %d words, expected a shorter line", 2 * ATTN_ASK_WORDS);
    while (mark < count && strcmp(word[mark], "?") != 0) mark++;
    if (mark == count) return attn_fail(ctx, ATTN_EINVAL, "found no '?' among %d words, expected pairs, '?' and keys", count);
    memset(tokens, 0, (size_t)task->length * sizeof *tokens);
    const attn_status status = take_pairs(ctx, task, word, mark, tokens, out);
    return status ? status : take_questions(ctx, task, single, word + mark + 1, count - mark - 1, tokens, out);
}
