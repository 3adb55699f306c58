/* Streams: their memory, and what is taken in and read out. Every mistake of a caller is found here. */
#include "plan/stream.h"

#include <math.h>
#include <string.h>

void attn_stream_config_init(attn_stream_config *config) {
    *config = (attn_stream_config){.size = sizeof(*config), .kv_heads = -1, .v_dim = -1, .scale = (double)NAN};
}

enum { MOST = 1 << 20 };

static attn_status check_number(attn_ctx *ctx, const char *field, int32_t value, const char *meaning) {
    if (value < 1 || value > MOST)
        return attn_fail(ctx, ATTN_EINVAL, "stream: config.%s is %d, expected %s, 1 to %d", field, value, meaning, MOST);
    return ATTN_OK;
}

/* Writes the configuration with its defaults filled in. */
static attn_status check_config(attn_ctx *ctx, const attn_stream_config *in, attn_stream_config *out) {
    if (!in) return attn_fail(ctx, ATTN_EINVAL, "stream: config is NULL, expected one set by attn_stream_config_init");
    if (in->size != sizeof(*in))
        return attn_fail(ctx, ATTN_EINVAL, "stream: config.size is %zu, expected %zu; call attn_stream_config_init first", in->size,
                         sizeof(*in));
    *out = *in;
    if (out->kv_heads == -1) out->kv_heads = out->heads;
    if (out->v_dim == -1) out->v_dim = out->dim;
    attn_status status = check_number(ctx, "heads", out->heads, "the number of query heads");
    if (!status) status = check_number(ctx, "kv_heads", out->kv_heads, "the number of key/value heads, or -1 for as heads:");
    if (!status) status = check_number(ctx, "dim", out->dim, "the head size of query and key");
    if (!status) status = check_number(ctx, "v_dim", out->v_dim, "the head size of the value, or -1 for as dim:");
    if (status) return status;
    if (out->heads % out->kv_heads)
        return attn_fail(ctx, ATTN_ESHAPE, "stream: config.kv_heads is %d, expected a divisor of config.heads, %d", out->kv_heads,
                         out->heads);
    if (isinf(out->scale))
        return attn_fail(ctx, ATTN_EINVAL, "stream: config.scale is %g, expected a finite number, or NaN for 1 / sqrt(dim)", out->scale);
    if (isnan(out->scale)) out->scale = 1 / sqrt((double)out->dim);
    if (out->q_stride == 0) out->q_stride = out->dim;
    if (out->q_stride < out->dim)
        return attn_fail(ctx, ATTN_EINVAL, "stream: config.q_stride is %lld, expected at least dim, %d, or 0 for that",
                         (long long)out->q_stride, out->dim);
    return ATTN_OK;
}

static size_t query_bytes(const attn_stream_config *c) {
    return (size_t)c->heads * attn_round64((size_t)c->dim * sizeof(float)); /* at most 2^42 */
}

static size_t all_bytes(const attn_stream_config *c) {
    return attn_round64(sizeof(attn_stream)) + query_bytes(c) + attn_round64((size_t)c->heads * ((size_t)c->v_dim + 2) * sizeof(double));
}

attn_status attn_stream_bytes(attn_ctx *ctx, const attn_stream_config *config, size_t *bytes) {
    attn_stream_config c = {0};
    if (!ctx) return ATTN_EINVAL;
    if (!bytes) return attn_fail(ctx, ATTN_EINVAL, "stream: bytes is NULL, expected a place for the number");
    const attn_status status = check_config(ctx, config, &c);
    if (!status) *bytes = all_bytes(&c);
    return status;
}

static attn_stream *make(attn_ctx *ctx, const attn_stream_config *c, void *memory, bool owned) {
    attn_stream *stream = memory;
    char *at = (char *)memory + attn_round64(sizeof *stream);
    *stream = (attn_stream){.ctx = ctx, .owned = owned, .heads = c->heads, .kv_heads = c->kv_heads, .dim = c->dim, .v_dim = c->v_dim};
    stream->q_stride = (int64_t)(attn_round64((size_t)c->dim * sizeof(float)) / sizeof(float));
    stream->q = (float *)at;
    stream->cells = (double *)(at + query_bytes(c));
    memset(stream->q, 0, query_bytes(c));
    for (int32_t h = 0; h < c->heads; h++)
        for (int32_t d = 0; d < c->dim; d++) stream->q[h * stream->q_stride + d] = (float)(c->scale * (double)c->q[h * c->q_stride + d]);
    attn_stream_reset(stream);
    return stream;
}

static attn_status check_new(attn_ctx *ctx, const attn_stream_config *config, attn_stream_config *c, attn_stream **out) {
    if (!out) return attn_fail(ctx, ATTN_EINVAL, "stream: out is NULL, expected a place for the stream");
    *out = NULL;
    const attn_status status = check_config(ctx, config, c);
    if (!status && !c->q) return attn_fail(ctx, ATTN_EINVAL, "stream: config.q is NULL, expected a query for each head");
    return status;
}

attn_status attn_stream_init(attn_ctx *ctx, const attn_stream_config *config, void *memory, size_t bytes, attn_stream **out) {
    attn_stream_config c = {0};
    if (!ctx) return ATTN_EINVAL;
    const attn_status status = check_new(ctx, config, &c, out);
    if (status) return status;
    if (!memory || (uintptr_t)memory % 64)
        return attn_fail(ctx, ATTN_EWORKSPACE, "stream: memory is at %p, expected %zu bytes aligned to 64", memory, all_bytes(&c));
    if (bytes < all_bytes(&c))
        return attn_fail(ctx, ATTN_EWORKSPACE, "stream: bytes is %zu, expected at least %zu (attn_stream_bytes)", bytes, all_bytes(&c));
    *out = make(ctx, &c, memory, false);
    return ATTN_OK;
}

attn_status attn_stream_create(attn_ctx *ctx, const attn_stream_config *config, attn_stream **out) {
    attn_stream_config c = {0};
    if (!ctx) return ATTN_EINVAL;
    const attn_status status = check_new(ctx, config, &c, out);
    if (status) return status;
    void *memory = attn_alloc(ctx, all_bytes(&c));
    if (!memory) return attn_no_memory(ctx, "stream", all_bytes(&c));
    *out = make(ctx, &c, memory, true);
    return ATTN_OK;
}

void attn_stream_destroy(attn_stream *stream) {
    if (stream && stream->owned) attn_free(stream->ctx, stream);
}

void attn_stream_reset(attn_stream *stream) {
    stream->tokens = 0;
    for (int32_t h = 0; h < stream->heads; h++) {
        const struct attn_cell cell = attn_stream_cell(stream, h);
        attn_cell_clear(&cell);
    }
}

int64_t attn_stream_tokens(const attn_stream *stream) {
    return stream->tokens;
}

static attn_status check_block(attn_ctx *ctx, const char *name, const float *data, int64_t tokens, int64_t token, int64_t *stride) {
    if (!data && tokens > 0) return attn_fail(ctx, ATTN_EINVAL, "stream: %s is NULL, expected %lld tokens", name, (long long)tokens);
    if (*stride == 0) *stride = token;
    if (*stride < token && tokens > 1)
        return attn_fail(ctx, ATTN_EINVAL, "stream: %s_stride is %lld, expected at least the size of a token, %lld, or 0 for that", name,
                         (long long)*stride, (long long)token);
    return ATTN_OK;
}

attn_status attn_stream_push(attn_stream *stream, int64_t tokens, const float *k, int64_t k_stride, const float *v, int64_t v_stride) {
    if (!stream) return ATTN_EINVAL;
    if (tokens < 0 || tokens > INT64_MAX - stream->tokens)
        return attn_fail(stream->ctx, ATTN_EINVAL, "stream: tokens is %lld, expected at least 0, and a sum below 2^63", (long long)tokens);
    attn_status status = check_block(stream->ctx, "k", k, tokens, (int64_t)stream->kv_heads * stream->dim, &k_stride);
    if (!status) status = check_block(stream->ctx, "v", v, tokens, (int64_t)stream->kv_heads * stream->v_dim, &v_stride);
    if (status) return status;
    const int32_t group = stream->heads / stream->kv_heads;
    for (int64_t t = 0; t < tokens; t++, k += k_stride, v += v_stride)
        for (int32_t h = 0; h < stream->heads; h++) {
            const struct attn_cell cell = attn_stream_cell(stream, h);
            const float *key = k + (int64_t)(h / group) * stream->dim, *value = v + (int64_t)(h / group) * stream->v_dim;
            attn_cell_push(&cell, attn_cell_score(stream->q + h * stream->q_stride, key, stream->dim), value);
        }
    stream->tokens += tokens;
    return ATTN_OK;
}

attn_status attn_stream_read(const attn_stream *stream, float *o, float *lse) {
    if (!stream) return ATTN_EINVAL;
    for (int32_t h = 0; h < stream->heads; h++) {
        const struct attn_cell cell = attn_stream_cell(stream, h);
        for (int32_t e = 0; o && e < stream->v_dim; e++) o[(int64_t)h * stream->v_dim + e] = (float)cell.o[e];
        if (lse) lse[h] = (float)attn_cell_lse(&cell);
    }
    return ATTN_OK;
}

attn_status attn_stream_merge(attn_stream *stream, const attn_stream *from) {
    if (!stream) return ATTN_EINVAL;
    if (!from || from == stream)
        return attn_fail(stream->ctx, ATTN_EINVAL, "stream: from is %s, expected another stream", from ? "the stream itself" : "NULL");
    if (from->heads != stream->heads || from->kv_heads != stream->kv_heads || from->dim != stream->dim || from->v_dim != stream->v_dim)
        return attn_fail(stream->ctx, ATTN_ESHAPE, "stream: from has heads %d:%d of %d and %d, expected %d:%d of %d and %d", from->heads,
                         from->kv_heads, from->dim, from->v_dim, stream->heads, stream->kv_heads, stream->dim, stream->v_dim);
    if (memcmp(from->q, stream->q, (size_t)(stream->heads * stream->q_stride) * sizeof(float)) != 0)
        return attn_fail(stream->ctx, ATTN_EINVAL, "stream: from has another query, or another scale; expected the same");
    if (from->tokens > INT64_MAX - stream->tokens)
        return attn_fail(stream->ctx, ATTN_EINVAL, "stream: from has %lld tokens, expected a sum below 2^63", (long long)from->tokens);
    for (int32_t h = 0; h < stream->heads; h++) {
        const struct attn_cell to = attn_stream_cell(stream, h), part = attn_stream_cell(from, h);
        attn_cell_merge(&to, &part);
    }
    stream->tokens += from->tokens;
    return ATTN_OK;
}
