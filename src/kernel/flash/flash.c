/* The flash schedule as the planner sees it. */
#include "kernel/flash/flash.h"

#include "kernel/flash/backward_ops.h"
#include "kernel/flash/forward_ops.h"

#include <stdio.h>

size_t attn_flash_workspace(const struct attn_shape *shape, const struct attn_flash_forward_ops *ops) {
    size_t forward = attn_flash_forward_workspace(shape, ops);
    size_t backward = shape->features & ATTN_BACKWARD ? attn_flash_backward_workspace(shape) : 0;
    return forward > backward ? forward : backward;
}

void attn_flash_describe(const struct attn_shape *shape, const struct attn_flash_forward_ops *ops, char *text, size_t size) {
    int at = snprintf(text, size, "forward: chunks of %lld queries in panels of %d x tiles of %d keys, %zu bytes of workspace",
                      (long long)attn_flash_forward_chunk_rows(shape), ops->lanes, ATTN_KEY_TILE, attn_flash_forward_workspace(shape, ops));
    if (shape->features & ATTN_BACKWARD && at > 0 && (size_t)at < size)
        snprintf(text + at, size - (size_t)at, "; backward: %zu bytes", attn_flash_backward_workspace(shape));
}
