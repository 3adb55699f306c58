/* Answers of the attention model that are the shortest of many greedy tours (Kwon et al. 2020, sec. 4.2): of the points turned and reflected, and, where every city was
 * as likely to be the first, from each of them. */
#ifndef ATTN_SYSTEM_POINTER_SHORTEST_H
#define ATTN_SYSTEM_POINTER_SHORTEST_H

#include "system/pointer/decode.h"

enum { ATTN_SYMMETRIES = 8 };

/* Cities that tours begin at: all of up to 256, of more as many as make 2^24 pairs of a tour's city and another, evenly spread; one at least. */
int64_t attn_pointer_starts(int64_t points);

/* Of the first `augment` of the square's symmetries, the first being none; points of the unit square. Of equal lengths the one that was found first. Scores are minus the
 * lengths. Batches of equal lengths. Resets the tape. */
attn_status attn_pointer_shortest(attn_ctx *ctx, const struct attn_transformer *model, const struct attn_pointer_problem *problem,
                                  int64_t augment, const struct attn_pointer_batch *batch, struct attn_pointer_answers *answers);

#endif
