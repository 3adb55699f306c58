/* The flash schedule as the planner sees it. */
#include "kernel/flash/flash.h"

#include "kernel/flash/backward_tile.h"
#include "kernel/flash/forward_ops.h"

size_t attn_flash_workspace(const struct attn_shape *shape, const struct attn_flash_forward_ops *ops) {
    size_t forward = attn_flash_forward_workspace(shape, ops);
    size_t backward = shape->features & ATTN_BACKWARD ? attn_flash_backward_workspace(shape) : 0;
    return forward > backward ? forward : backward;
}

void attn_flash_describe(const struct attn_shape *shape, const struct attn_flash_forward_ops *ops, char *text, size_t size) {
    struct attn_shape serial = *shape;
    struct attn_backward_layout l;
    serial.threads = 0;
    text[0] = 0;
    const size_t forward = attn_flash_forward_workspace(shape, ops), list = attn_flash_forward_workspace(&serial, ops);
    attn_append(text, size,
                "forward: chunks of %lld queries in panels of %d x tiles of %d keys, %zu bytes of workspace: threads x %zu + %zu",
                (long long)attn_flash_forward_chunk_rows(shape), ops->lanes, ATTN_KEY_TILE, forward,
                (forward - list) / (size_t)shape->threads, list);
    if (!(shape->features & ATTN_BACKWARD)) return;
    attn_backward_layout_init(&l, shape);
    attn_append(text, size, "; backward: %zu bytes: workers x %zu + %zu, %d of these for %lld chunks of keys", l.bytes, l.worker_bytes,
                l.workers, l.worker_count, (long long)l.chunks);
}
