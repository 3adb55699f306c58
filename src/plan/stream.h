/* A stream's inside. It lies in one piece of memory: this struct, the scaled query, the cells. */
#ifndef ATTN_PLAN_STREAM_H
#define ATTN_PLAN_STREAM_H

#include "base/context.h"
#include "kernel/scan/cell.h"

struct attn_stream {
    attn_ctx *ctx;
    bool owned; /* by the context's allocator */
    int32_t heads, kv_heads, dim, v_dim;
    int64_t q_stride; /* of the padded query */
    int64_t tokens;
    float *q;      /* [H, q_stride], scaled */
    double *cells; /* [H, E + 2]: m, c, o */
};

static inline struct attn_cell attn_stream_cell(const attn_stream *stream, int32_t h) {
    double *at = stream->cells + (int64_t)h * (stream->v_dim + 2);
    return (struct attn_cell){at, at + 1, at + 2, stream->v_dim};
}

#endif
