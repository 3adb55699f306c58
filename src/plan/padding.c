/* Padded batches to packed ones: cumulative lengths, and where each valid token stands. */
#include "base/context.h"

attn_status attn_cu_from_padding(attn_ctx *ctx, const uint8_t *valid, int64_t batch, int64_t tokens, int32_t *cu, int64_t *index) {
    if (batch < 0 || tokens < 0)
        return attn_fail(ctx, ATTN_EINVAL, "padding: %s is %lld, expected at least 0", batch < 0 ? "batch" : "tokens",
                         (long long)(batch < 0 ? batch : tokens));
    int64_t total;
    if (__builtin_mul_overflow(batch, tokens, &total) || total > INT32_MAX)
        return attn_fail(ctx, ATTN_ESHAPE, "padding: batch %lld times tokens %lld is more than %d, the greatest cumulative length",
                         (long long)batch, (long long)tokens, INT32_MAX);
    if (!cu || (!valid && total > 0)) return attn_fail(ctx, ATTN_EINVAL, "padding: %s is NULL, expected an array", cu ? "valid" : "cu");
    int32_t found = 0;
    cu[0] = 0;
    for (int64_t b = 0; b < batch; b++) {
        for (int64_t place = b * tokens; place < (b + 1) * tokens; place++)
            if (valid[place]) { /* NOLINT(clang-analyzer-core.NullDereference): there is a place, so total > 0 */
                if (index) index[found] = place;
                found++;
            }
        cu[b + 1] = found;
    }
    return ATTN_OK;
}
