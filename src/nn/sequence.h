/* The inside of a model over tokens. */
#ifndef ATTN_NN_SEQUENCE_H
#define ATTN_NN_SEQUENCE_H

#include "nn/model.h"

/* Whether its sequences may be split over ranks (tape/token_split.h): every mixer is softmax attention of all tokens among themselves. *heads: the greatest
 * common divisor of their numbers of heads. ATTN_EUNSUPPORTED names the mixer. */
attn_status attn_sequence_check_split(const attn_sequence *sequence, int64_t *heads);

#endif
