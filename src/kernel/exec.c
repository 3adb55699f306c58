/* What every schedule asks of an execution: a sequence's rows, a head's mask, where ALiBi's distance is 0. */
#include "kernel/kernel.h"

struct attn_seq attn_exec_seq(const struct attn_exec *x, int64_t b) {
    struct attn_seq s;
    if (x->shape->packed) {
        s.q_row = x->cu_q[b];
        s.k_row = x->cu_kv[b];
        s.q_len = x->cu_q[b + 1] - s.q_row;
        s.k_len = x->cu_kv[b + 1] - s.k_row;
    } else {
        s.q_row = x->q_starts ? x->q_starts[b] : 0;
        s.k_row = x->kv_starts ? x->kv_starts[b] : 0;
        s.q_len = x->q_lens ? x->q_lens[b] : x->q_len;
        s.k_len = x->kv_lens ? x->kv_lens[b] : x->kv_len;
    }
    s.global_q = x->global_q_len >= 0 ? x->global_q_len : x->q_offset + s.q_len;
    s.global_k = x->global_kv_len >= 0 ? x->global_kv_len : x->kv_offset + s.k_len;
    return s;
}

void attn_exec_view(const struct attn_exec *x, int64_t b, int32_t h, const struct attn_seq *s, struct attn_mask_view *view) {
    attn_mask_view_init(view, x->mask, b, h, x->shape->heads, x->shape->kv_heads, s->q_len, s->k_len, x->q_offset, x->kv_offset,
                        s->global_q, s->global_k);
    if (x->shape->score == ATTN_SCORE_LEARNED_QUERY) view->band.high = 0; /* row i sees the keys up to i */
}

int64_t attn_exec_alibi_shift(const struct attn_exec *x, const struct attn_seq *s) {
    return x->shape->alibi_align == ATTN_BOTTOM_RIGHT ? s->global_k - s->global_q : 0;
}
