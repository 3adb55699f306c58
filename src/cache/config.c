/* A cache's description: defaults, checks, and where its parts lie in memory. */
#include "cache/cache.h"
#include "plan/plan.h"

#include <math.h>

void attn_cache_config_init(attn_cache_config *config) {
    *config = (attn_cache_config){.size = sizeof(*config),
                                  .v_dim = -1,
                                  .dtype = ATTN_F32,
                                  .block_tokens = 64,
                                  .sequences = 1,
                                  .max_tokens = -1,
                                  .rotary = ATTN_ROTARY_NONE,
                                  .rotary_base = 10000,
                                  .rotary_dim = -1};
}

static attn_status check_sizes(attn_ctx *ctx, const attn_cache_config *c) {
    const struct {
        const char *name;
        int64_t value;
    } sizes[] = {{"kv_heads", c->kv_heads},         {"dim", c->dim},       {"v_dim", c->v_dim},
                 {"block_tokens", c->block_tokens}, {"blocks", c->blocks}, {"sequences", c->sequences}};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        if (sizes[i].value < 1 || sizes[i].value > INT32_MAX)
            return attn_fail(ctx, ATTN_EINVAL, "cache: config.%s is %lld, expected 1 to %d", sizes[i].name, (long long)sizes[i].value,
                             INT32_MAX);
    if (c->dtype == ATTN_F64) return attn_fail(ctx, ATTN_EINVAL, "cache: config.dtype is f64, expected f32, bf16, f16 or q8_0");
    if (c->dtype < ATTN_F32 || c->dtype > ATTN_Q8_0)
        return attn_fail(ctx, ATTN_EINVAL, "cache: config.dtype is %d, expected ATTN_F32, ATTN_BF16, ATTN_F16 or ATTN_Q8_0", (int)c->dtype);
    if (c->dtype == ATTN_Q8_0 && (c->dim % ATTN_Q8_BLOCK || c->v_dim % ATTN_Q8_BLOCK))
        return attn_fail(ctx, ATTN_ESHAPE, "cache: config.%s is %d, expected a multiple of %d, the block of ATTN_Q8_0",
                         c->dim % ATTN_Q8_BLOCK ? "dim" : "v_dim", c->dim % ATTN_Q8_BLOCK ? c->dim : c->v_dim, ATTN_Q8_BLOCK);
    if (c->max_tokens < 0 || c->max_tokens > INT32_MAX)
        return attn_fail(ctx, ATTN_EINVAL, "cache: config.max_tokens is %lld, expected 0 to %d, or -1 for what the pool holds",
                         (long long)c->max_tokens, INT32_MAX);
    return ATTN_OK;
}

static attn_status check_rotary(attn_ctx *ctx, const attn_cache_config *c) {
    if ((unsigned)c->rotary > ATTN_ROTARY_HALVES)
        return attn_fail(ctx, ATTN_EINVAL, "cache: config.rotary is %d, expected ATTN_ROTARY_NONE, _INTERLEAVED or _HALVES",
                         (int)c->rotary);
    if (c->rotary == ATTN_ROTARY_NONE) return ATTN_OK;
    if (c->rotary_dim < 2 || c->rotary_dim % 2 || c->rotary_dim > c->dim)
        return attn_fail(ctx, ATTN_EINVAL, "cache: config.rotary_dim is %d, expected an even number from 2 to dim, %d, or -1 for dim",
                         c->rotary_dim, c->dim);
    if (!(c->rotary_base > 0) || isinf(c->rotary_base))
        return attn_fail(ctx, ATTN_EINVAL, "cache: config.rotary_base is %g, expected a finite number greater than 0", c->rotary_base);
    return ATTN_OK;
}

/* The next part: `count` times `bytes`, from a multiple of 64 on. False: past what a size can say. */
static bool place(struct attn_cache_layout *y, size_t *at, size_t count, size_t bytes) {
    size_t n;
    *at = y->total;
    if (!attn_mul_size(count, bytes, &n) || n > SIZE_MAX / 4 || y->total > SIZE_MAX / 4) return false;
    y->total += attn_round64(n);
    return true;
}

static size_t row_bytes(attn_dtype dtype, int32_t dim) {
    if (dtype == ATTN_Q8_0) return (size_t)dim / ATTN_Q8_BLOCK * sizeof(struct attn_q8);
    return (size_t)dim * (dtype == ATTN_F32 ? sizeof(float) : sizeof(uint16_t));
}

static bool lay_out(const attn_cache_config *c, struct attn_cache_layout *y) {
    const size_t sequences = (size_t)c->sequences, blocks = (size_t)c->blocks;
    *y = (struct attn_cache_layout){.total = attn_round64(sizeof(struct attn_cache))};
    y->max_blocks = attn_div_up(c->max_tokens, c->block_tokens);
    y->row_bytes[ATTN_CACHE_KEYS] = row_bytes(c->dtype, c->dim);
    y->row_bytes[ATTN_CACHE_VALUES] = row_bytes(c->dtype, c->v_dim);
    size_t entries, rows;
    return attn_mul_size(sequences, (size_t)y->max_blocks, &entries) && attn_mul_size(blocks, (size_t)c->kv_heads, &rows) &&
           attn_mul_size(rows, (size_t)c->block_tokens, &rows) && rows <= (size_t)1 << 59 &&
           place(y, &y->frequencies, c->rotary ? (size_t)c->rotary_dim / 2 : 0, sizeof(double)) &&
           place(y, &y->table, entries, sizeof(int32_t)) && place(y, &y->spare, entries, sizeof(int32_t)) &&
           place(y, &y->lengths, sequences, sizeof(int32_t)) && place(y, &y->spare_lengths, sequences, sizeof(int32_t)) &&
           place(y, &y->positions, sequences, sizeof(int64_t)) && place(y, &y->spare_positions, sequences, sizeof(int64_t)) &&
           place(y, &y->holders, blocks, sizeof(int32_t)) && place(y, &y->free_list, blocks, sizeof(int32_t)) &&
           place(y, &y->token, c->rotary ? (size_t)c->kv_heads * (size_t)c->dim : 0, sizeof(float)) &&
           place(y, &y->pool[0], rows, y->row_bytes[0]) && place(y, &y->pool[1], rows, y->row_bytes[1]);
}

attn_status attn_cache_check(attn_ctx *ctx, const attn_cache_config *in, attn_cache_config *out, struct attn_cache_layout *layout) {
    if (!in || in->size != sizeof(*in))
        return attn_fail(ctx, ATTN_EINVAL, "cache: config is %s; call attn_cache_config_init first", in ? "not initialised" : "NULL");
    *out = *in;
    if (out->v_dim == -1) out->v_dim = out->dim;
    if (out->rotary_dim == -1) out->rotary_dim = out->dim;
    if (out->max_tokens == -1 && out->blocks > 0 && out->block_tokens > 0)
        out->max_tokens = out->blocks > INT32_MAX / out->block_tokens ? INT32_MAX : out->blocks * out->block_tokens;
    attn_status status = check_sizes(ctx, out);
    if (!status) status = check_rotary(ctx, out);
    if (!status && !lay_out(out, layout))
        status = attn_fail(ctx, ATTN_ESHAPE, "cache: %lld blocks of %d tokens, %d heads of %d and %d numbers do not fit memory's addresses",
                           (long long)out->blocks, out->block_tokens, out->kv_heads, out->dim, out->v_dim);
    return status;
}

attn_status attn_cache_bytes(attn_ctx *ctx, const attn_cache_config *config, size_t *bytes) {
    attn_cache_config checked;
    struct attn_cache_layout layout;
    if (!ctx) return ATTN_EINVAL;
    if (!bytes) return attn_fail(ctx, ATTN_EINVAL, "cache: bytes is NULL, expected a place for the number");
    const attn_status status = attn_cache_check(ctx, config, &checked, &layout);
    if (!status) *bytes = layout.total;
    return status;
}
