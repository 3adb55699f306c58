/* The values of one field of a sweep, being read. */
#ifndef ATTN_TRAIN_SWEEP_VALUES_H
#define ATTN_TRAIN_SWEEP_VALUES_H

#include "train/sweep.h"

/* Values as they come; `axis` grows. */
struct attn_sweep_values {
    attn_ctx *ctx;
    const char *place; /* where they were found, for messages */
    struct attn_sweep_axis axis;
    size_t used, room; /* bytes of axis.text */
    int64_t places;    /* of axis.begin */
};
attn_status attn_sweep_values_add(struct attn_sweep_values *values, const char *text, size_t bytes);
/* The numbers of "A..B". *is false: the text is no such range. ATTN_EINVAL: it has no numbers, or too many. */
attn_status attn_sweep_values_add_range(struct attn_sweep_values *values, const char *text, size_t bytes, bool *is);

/* What stands behind "FIELD=" on a command line; ranges: A..B are several. The caller frees what *axis has, also after a failure. */
attn_status attn_sweep_values_read(attn_ctx *ctx, const char *assignment, const char *text, bool ranges, struct attn_sweep_axis *axis);

/* Puts the values in the place of what the field has; takes them over where it keeps them, and leaves the rest to be freed. */
attn_status attn_sweep_put(attn_ctx *ctx, struct attn_sweep *sweep, const char *place, struct attn_sweep_axis *axis);

#endif
