/* Which keys belong to which chunk of a backward execution.
 *
 * Borders are where the mask's area reaches equal parts. They lie at multiples of less than a key tile: under a causal mask the first tile
 * of a few thousand keys is already larger than a fair share. Each step counts one row more than it has, so that keys that no query sees
 * are spread too. */
#include "kernel/flash/backward_tile.h"

enum { BORDER = 2 * ATTN_PANEL };

void attn_backward_cut_keys(const struct attn_backward *s, int64_t b, int32_t kv_head, struct attn_chunk *chunk) {
    const struct attn_seq seq = attn_exec_seq(s->x, b);
    const int64_t chunks = s->l.chunks;
    struct attn_mask_view view;
    double total = 0.0;
    attn_exec_view(s->x, b, kv_head * s->group, &seq, &view);
    for (int pass = 0; pass < 2; pass++) {
        double sum = 0.0;
        int64_t c = 0;
        chunk[0] = (struct attn_chunk){.begin = 0, .end = seq.k_len};
        for (int64_t k0 = 0; k0 < seq.k_len; k0 += BORDER) {
            const int64_t k1 = attn_min64(k0 + BORDER, seq.k_len);
            const double area = (double)attn_mask_view_area(&view, 0, seq.q_len, k0, k1) + BORDER;
            while (pass && c < chunks - 1 && (sum + 0.5 * area) * (double)chunks >= (double)(c + 1) * total) {
                chunk[c].end = k0;
                chunk[++c] = (struct attn_chunk){.begin = k0, .end = seq.k_len};
            }
            if (pass) chunk[c].area += area;
            sum += area;
        }
        while (pass && c < chunks - 1) chunk[++c] = (struct attn_chunk){.begin = seq.k_len, .end = seq.k_len};
        total = sum;
    }
}

/* Units of several sequences or heads, which share columns of dBias, have the same borders in all of them: a column must not belong to two
 * units. */
static struct attn_chunk equal_chunk(const struct attn_backward *s, int64_t k_len, int64_t chunk) {
    const int64_t most = attn_div_up(s->x->shape->kv_len, ATTN_BACKWARD_KEYS);
    const int64_t begin = most * chunk / s->l.chunks * ATTN_BACKWARD_KEYS, end = most * (chunk + 1) / s->l.chunks * ATTN_BACKWARD_KEYS;
    return (struct attn_chunk){.begin = attn_min64(begin, k_len), .end = attn_min64(end, k_len)};
}

struct attn_chunk attn_backward_chunk(const struct attn_backward *s, int64_t b, int32_t kv_head, int64_t chunk) {
    const int64_t k_len = attn_exec_seq(s->x, b).k_len;
    if (s->l.chunks == 1) return (struct attn_chunk){.begin = 0, .end = k_len};
    if (s->l.together) return equal_chunk(s, k_len, chunk);
    return s->chunk[(b * s->l.head_groups + kv_head) * s->l.chunks + chunk];
}
