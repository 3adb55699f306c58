/* The softmax pass over logits held as 16 queries a key: maximum, 2^(s - m) and its sum, soft-cap. Excluded pairs are selected away by lane
 * masks: neither a logit of theirs nor a NaN in it is ever used. The sum runs in the order of the keys, so that the fused form in
 * logits_f32_template.h gives the same bits. A part of forward_f32_template.h.
 */

static void max(const float *s, const uint32_t *words, int64_t n, float *max) {
    for (int v = 0; v < VECTORS; v++) {
        vec m = vec_load(max + v * VEC_LANES);
        for (int64_t j = 0; j < n; j++) {
            const vec x = vec_load(s + j * LANES + v * VEC_LANES);
            m = vec_max(words ? vec_select(vec_bits(words[j] >> v * VEC_LANES), x, m) : x, m);
        }
        vec_store(max + v * VEC_LANES, m);
    }
}

VEC_INLINE void weights_of(bool masked, const float *s, const uint32_t *words, int64_t n, const float *m, float *p, float *sum) {
    for (int v = 0; v < VECTORS; v++) {
        const vec shift = vec_load(m + v * VEC_LANES);
        vec total = vec_load(sum + v * VEC_LANES);
        for (int64_t j = 0; j < n; j++) {
            const int64_t at = j * LANES + v * VEC_LANES;
            vec y = vec_exp2(vec_sub(vec_load(s + at), shift));
            if (masked) y = vec_keep(vec_bits(words[j] >> v * VEC_LANES), y);
            vec_store(p + at, y);
            total = vec_add(total, y);
        }
        vec_store(sum + v * VEC_LANES, total);
    }
}

static void weights(const float *s, const uint32_t *words, int64_t n, const float *m, void *p, float *sum) {
    if (words)
        weights_of(true, s, words, n, m, p, sum);
    else
        weights_of(false, s, words, n, m, p, sum);
}

static void softcap(float *s, int64_t n, float cap) {
    for (int64_t i = 0; i < n * LANES; i += VEC_LANES) vec_store(s + i, vec_softcap(vec_load(s + i), cap));
}
