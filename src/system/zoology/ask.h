/* Questions in words: "apple red grass green ? grass apple" are pairs of key and value, then keys asked for. */
#ifndef ATTN_SYSTEM_ZOOLOGY_ASK_H
#define ATTN_SYSTEM_ZOOLOGY_ASK_H

#include "system/zoology/mqar.h"

enum { ATTN_ASK_WORDS = 512 };

struct attn_ask {
    const char *key[ATTN_ASK_WORDS], *value[ATTN_ASK_WORDS]; /* the words of each pair, in the line */
    int pairs, questions;
    int64_t place[ATTN_ASK_WORDS]; /* of each question among the tokens */
};

/* Lays a line out as an example of the task: tokens [length], with the questions in the first slots, or with the one that `single` allows at the end. Words are
 * cut in place. A key that comes twice, a question that no key answers, and more than the model was made for are ATTN_EINVAL. */
attn_status attn_ask_parse(attn_ctx *ctx, const struct attn_mqar *task, bool single, char *line, int32_t *tokens, struct attn_ask *out);

/* The word that a token stands for; NULL: none of the line's values. */
const char *attn_ask_word(const struct attn_mqar *task, const struct attn_ask *ask, int32_t token);

#endif
