/* The public way to a stream: tasks are those of the systems. */
#include "system/systems.h"
#include "train/model_stream.h"

attn_status attn_model_stream_open(attn_ctx *ctx, const char *path, int64_t tokens, attn_model_stream **out) {
    if (out) *out = NULL;
    if (!ctx || !path || !out)
        return attn_fail(ctx, ATTN_EINVAL, "stream: %s is NULL", !ctx ? "the context" : !path ? "path" : "the place for the stream");
    return attn_model_stream_find(ctx, attn_task_named, path, NULL, 0, tokens, out);
}
