/* The flash schedule as the planner sees it. */
#include "kernel/flash/flash.h"

#include "kernel/flash/backward_ops.h"
#include "kernel/flash/forward_ops.h"

#include <stdio.h>

size_t attn_flash_workspace(const struct attn_shape *shape) {
    size_t forward = attn_flash_forward_workspace(shape);
    size_t backward = shape->features & ATTN_BACKWARD ? attn_flash_backward_workspace(shape) : 0;
    return forward > backward ? forward : backward;
}

void attn_flash_describe(const struct attn_shape *shape, char *text, size_t size) {
    int at = snprintf(text, size, "forward: chunks of %lld queries x tiles of %d keys, %zu bytes of workspace",
                      (long long)attn_flash_forward_chunk_rows(shape), ATTN_KEY_TILE, attn_flash_forward_workspace(shape));
    if (shape->features & ATTN_BACKWARD && at > 0 && (size_t)at < size)
        snprintf(text + at, size - (size_t)at, "; backward: %zu bytes", attn_flash_backward_workspace(shape));
}
