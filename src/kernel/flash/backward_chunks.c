/* Which keys belong to which chunk of a backward execution.
 *
 * Borders are where the mask's area reaches equal parts. They lie at multiples of less than a key tile: under a causal mask the first tile
 * of a few thousand keys is already larger than a fair share. Each step counts one row more than it has, so that keys that no query sees
 * are spread too. */
#include "kernel/flash/backward_tile.h"

enum { BORDER = 2 * ATTN_PANEL };

/* Units of several sequences or heads, which share columns of dBias, have the same borders in all of them: a column must not belong to two
 * units. */
static struct attn_chunk equal_chunk(const struct attn_backward *s, int64_t k_len, int64_t chunk) {
    const int64_t most = attn_div_up(s->x->shape->kv_len, ATTN_BACKWARD_KEYS);
    const int64_t begin = most * chunk / s->l.chunks * ATTN_BACKWARD_KEYS, end = most * (chunk + 1) / s->l.chunks * ATTN_BACKWARD_KEYS;
    return (struct attn_chunk){.begin = attn_min64(begin, k_len), .end = attn_min64(end, k_len)};
}

struct attn_chunk attn_backward_chunk(const struct attn_backward *s, int64_t b, int32_t kv_head, int64_t chunk) {
    const struct attn_seq seq = attn_exec_seq(s->x, b);
    const int64_t chunks = s->l.chunks;
    struct attn_chunk found = {.begin = 0, .end = seq.k_len};
    struct attn_mask_view view;
    double total = 0.0;
    if (chunks == 1) return found;
    if (s->l.together) return equal_chunk(s, seq.k_len, chunk);
    attn_exec_view(s->x, b, kv_head * s->group, &seq, &view);
    for (int pass = 0; pass < 2; pass++) {
        double sum = 0.0;
        found = (struct attn_chunk){0};
        for (int64_t k0 = 0; k0 < seq.k_len; k0 += BORDER) {
            const int64_t k1 = attn_min64(k0 + BORDER, seq.k_len);
            const double area = (double)attn_mask_view_area(&view, 0, seq.q_len, k0, k1) + BORDER;
            if (pass) {
                const int64_t owner = attn_min64((int64_t)((sum + 0.5 * area) * (double)chunks / total), chunks - 1);
                if (owner < chunk) found.begin = k1;
                if (owner <= chunk) found.end = k1;
                if (owner == chunk) found.area += area;
            }
            sum += area;
        }
        total = sum;
    }
    return found;
}
