/* Binding a mask to an execution: which band or which form a sequence and head see, in local indices.
 *
 * A single band is bound by arithmetic alone, a compiled mask by two shifts: nothing is looked up, nothing allocated.
 */
#include "mask/mask.h"

static int64_t member_index(const attn_mask *stack, int64_t b, int32_t h, int32_t heads) {
    int64_t head = stack->heads == 1 ? 0 : stack->heads == heads ? h : h / (heads / stack->heads);
    return (stack->batch == 1 ? 0 : b) * stack->heads + head;
}

void attn_mask_view_init(struct attn_mask_view *view, const attn_mask *mask, int64_t b, int32_t h, int32_t heads, int32_t kv_heads,
                         int64_t q_len, int64_t k_len, int64_t q_off, int64_t k_off, int64_t global_q, int64_t global_k) {
    (void)kv_heads;
    if (mask && mask->kind == ATTN_MASK_STACK) mask = mask->member[member_index(mask, b, h, heads)];
    *view = (struct attn_mask_view){.q_len = q_len, .k_len = k_len};
    view->band = (attn_slice){.q_end = q_len, .k_end = k_len, .low = -ATTN_FAR, .high = ATTN_FAR - 1};
    if (!mask) return;
    if (mask->kind == ATTN_MASK_COMPILED) {
        view->form = mask->form;
        view->q_shift = q_off + mask->q_shift;
        view->k_shift = k_off + mask->k_shift;
        return;
    }
    /* j - i in local indices = j - i in global ones + q_off - k_off; bottom-right counts j - i - (S - T). */
    int64_t shift = global_k - global_q, local = q_off - k_off;
    int64_t low = attn_max64(mask->low[ATTN_TOP_LEFT], attn_far_add(mask->low[ATTN_BOTTOM_RIGHT], shift));
    int64_t high = attn_min64(mask->high[ATTN_TOP_LEFT], attn_far_add(mask->high[ATTN_BOTTOM_RIGHT], shift));
    if (low > -ATTN_FAR) view->band.low = attn_far_add(low, local);
    if (high < ATTN_FAR) view->band.high = attn_min64(attn_far_add(high, local), ATTN_FAR - 1);
}

int64_t attn_mask_batch(const attn_mask *mask) {
    return mask && mask->kind == ATTN_MASK_STACK ? mask->batch : 1;
}

int32_t attn_mask_heads(const attn_mask *mask) {
    return mask && mask->kind == ATTN_MASK_STACK ? mask->heads : 1;
}

static attn_status member_fits(attn_ctx *ctx, const attn_mask *m, int64_t q_len, int64_t k_len, int64_t q_off, int64_t k_off,
                               int64_t global_q, int64_t global_k) {
    if (m->kind != ATTN_MASK_COMPILED && !m->single)
        return attn_fail(ctx, ATTN_EMASK, "mask: it is not a single band; compile it for %lld x %lld with attn_mask_compile",
                         (long long)global_q, (long long)global_k);
    if (m->kind == ATTN_MASK_COMPILED && (m->q_len != global_q || m->k_len != global_k) && (q_off != 0 || k_off != 0))
        return attn_fail(ctx, ATTN_EMASK,
                         "mask: it is bound to %lld queries x %lld keys, the part ends at %lld x %lld; say the lengths of the whole in "
                         "global_q_len and global_kv_len",
                         (long long)m->q_len, (long long)m->k_len, (long long)global_q, (long long)global_k);
    attn_status status = attn_mask_check_lengths(ctx, m, global_q, global_k);
    if (status == ATTN_OK && m->kind == ATTN_MASK_COMPILED &&
        (q_off < 0 || k_off < 0 || q_off > m->q_len - q_len || k_off > m->k_len - k_len))
        status =
            attn_fail(ctx, ATTN_EMASK, "mask: queries from %lld, %lld of them, and keys from %lld, %lld of them, leave its %lld x %lld",
                      (long long)q_off, (long long)q_len, (long long)k_off, (long long)k_len, (long long)m->q_len, (long long)m->k_len);
    return status;
}

attn_status attn_mask_fits(attn_ctx *ctx, const attn_mask *mask, int64_t b, int64_t batch, int32_t heads, int32_t kv_heads, int64_t q_len,
                           int64_t k_len, int64_t q_off, int64_t k_off, int64_t global_q, int64_t global_k) {
    if (!mask) return ATTN_OK;
    if (mask->kind != ATTN_MASK_STACK) return member_fits(ctx, mask, q_len, k_len, q_off, k_off, global_q, global_k);
    if (mask->batch != 1 && mask->batch != batch)
        return attn_fail(ctx, ATTN_EMASK, "mask: a stack for %lld sequences, the execution has %lld; it must be 1 or as many",
                         (long long)mask->batch, (long long)batch);
    if (mask->heads != 1 && mask->heads != kv_heads && mask->heads != heads)
        return attn_fail(ctx, ATTN_EMASK, "mask: a stack for %d heads; it must be 1, %d (key/value heads) or %d (query heads)",
                         (int)mask->heads, (int)kv_heads, (int)heads);
    attn_status status = ATTN_OK;
    const attn_mask *const *member = (const attn_mask *const *)mask->member + (mask->batch == 1 ? 0 : b) * mask->heads;
    for (int32_t h = 0; h < mask->heads && status == ATTN_OK; h++)
        status = member_fits(ctx, member[h], q_len, k_len, q_off, k_off, global_q, global_k);
    return status;
}
