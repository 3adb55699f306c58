/* Numbers drawn without replacement. */
#ifndef ATTN_SYSTEM_ZOOLOGY_DISTINCT_H
#define ATTN_SYSTEM_ZOOLOGY_DISTINCT_H

#include "base/random.h"

#include <stddef.h>

/* `count` different numbers of [low, high), at most as many as there are, in the order of their draws; seen: attn_distinct_scratch(high - low) bytes. */
void attn_draw_distinct(struct attn_random *random, int32_t low, int32_t high, int64_t count, unsigned char *seen, int32_t *to);
size_t attn_distinct_scratch(int64_t numbers);

#endif
