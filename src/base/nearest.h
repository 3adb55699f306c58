/* For complaints: did you mean that? */
#ifndef ATTN_BASE_NEAREST_H
#define ATTN_BASE_NEAREST_H

/* The candidate nearest to `word`, or NULL if none is near enough to be meant. */
const char *attn_nearest(const char *word, const char *const *candidates, int count);

#endif
