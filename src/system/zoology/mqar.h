/* Multi-query associative recall (Arora et al. 2023, "Zoology", sec. 4 and app.): pairs of key and value, then the keys again, far apart; at each of
 * those the value that followed the key is to be named.
 *
 *   tokens   2 8 4 7 0 0 4 0 0 0 0 0 2 0 0 0     pairs (2, 8), (4, 7); 0 is filler
 *   labels   . . . . . . 7 . . . . . 8 . . .     at the queries, -1 elsewhere
 *
 * The vocabulary's lower half but 0 are keys, its upper half values. Slot g of the places behind the pairs, two tokens apart, is
 * taken with a probability proportional to (g + 1)^(power - 1): few tokens between a pair and its query are likelier than many where power < 1. */
#ifndef ATTN_SYSTEM_ZOOLOGY_MQAR_H
#define ATTN_SYSTEM_ZOOLOGY_MQAR_H

#include "attn.h"

#include <stdbool.h>

enum { ATTN_MQAR_NO_LABEL = -1 };

struct attn_mqar {
    int32_t vocabulary; /* V, even */
    int passes;         /* how often the pairs are shown, one block after the other; usually 1 */
    int64_t length;     /* N, even, less than V */
    int64_t pairs;      /* D: 2 D (passes + 1) <= N, D < V / 2 */
    double power;       /* a > 0; the paper's 0.01 */
    bool random_filler; /* filler is any token of [0, V) instead of 0 */
};

/* Statuses: ATTN_EINVAL, with what is wrong and what would do. */
attn_status attn_mqar_check(attn_ctx *ctx, const struct attn_mqar *task);

/* What attn_mqar_example works in. */
size_t attn_mqar_scratch(const struct attn_mqar *task);

/* Example number `index` of a seed's set, of a task that has been checked: tokens and labels of task->length. It depends on nothing else: examples may be
 * made in any order, by any thread with a scratch of its own. */
void attn_mqar_example(const struct attn_mqar *task, uint64_t seed, uint64_t index, int32_t *tokens, int32_t *labels, void *scratch);

/* Recall with one query, as it was asked before (Ba et al. 2016): the pairs, filler, and at the end one of their keys, drawn evenly.
 *
 *   tokens   2 8 4 7 0 2
 *   labels   . . . . . 8
 *
 * length is any number above 2 D passes; power has no meaning. Else as the functions above, in attn_mqar_scratch bytes too. */
attn_status attn_ar_single_check(attn_ctx *ctx, const struct attn_mqar *task);
void attn_ar_single_example(const struct attn_mqar *task, uint64_t seed, uint64_t index, int32_t *tokens, int32_t *labels, void *scratch);

#endif
