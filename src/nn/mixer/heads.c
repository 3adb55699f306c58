/* Heads of softmax attention: projections, and a state of keys and values. */
#include "nn/mixer/heads.h"

#include <string.h>

bool attn_heads_divide(attn_model *model, const char *mixer, int64_t heads, int64_t width) {
    if (width % heads == 0) return true;
    attn_tape_fail(attn_model_tape(model), ATTN_EINVAL, "mixer %s: heads=%lld must divide the width, %lld", mixer, (long long)heads,
                   (long long)width);
    return false;
}

void attn_heads_make(struct attn_heads *h, attn_model *model, const char *mixer, const attn_mixer_place *place, int64_t heads) {
    const int64_t width = place->width;
    if (!attn_heads_divide(model, mixer, heads, width)) return;
    h->count = heads;
    h->width = width;
    h->qkv = attn_projection_make(model, "qkv", width, 3 * width, true, 0.02);
    h->out = attn_projection_make(model, "out_proj", width, width, true, 0.02 / sqrt(2.0 * (double)place->layers));
}

attn_tensor *attn_heads_project(const struct attn_heads *h, attn_tensor *u) {
    return attn_reshape(attn_project(&h->qkv, u), 4,
                        (const int64_t[]){attn_size(u, 0), attn_size(u, 1), 3 * h->count, h->width / h->count});
}

attn_tensor *attn_heads_part(const struct attn_heads *h, attn_tensor *x, int which) {
    return attn_narrow(x, 2, which * h->count, h->count);
}

attn_tensor *attn_heads_join(const struct attn_heads *h, attn_tensor *o) {
    return attn_project(&h->out, attn_reshape(o, 3, (const int64_t[]){attn_size(o, 0), attn_size(o, 1), h->width}));
}

attn_tensor *attn_heads_attend(const struct attn_heads *h, attn_tensor *x, const attn_attention_config *config) {
    return attn_heads_join(h, attn_attention(attn_heads_part(h, x, 0), attn_heads_part(h, x, 1), attn_heads_part(h, x, 2), config));
}

void attn_heads_store(const struct attn_heads *h, attn_tensor *x, attn_real *state, int64_t stride, int64_t slot) {
    const int64_t batch = x ? x->size[0] : 0, row = 2 * h->width;
    for (int64_t b = 0; b < batch; b++)
        memcpy(state + b * stride + slot * row, attn_data(x) + b * 3 * h->width + h->width, (size_t)row * sizeof *state);
}

attn_tensor *attn_heads_stored(const struct attn_heads *h, attn_tensor *x, attn_real *state, int64_t stride, int64_t slots) {
    if (!x) return NULL;
    attn_tensor *all = attn_tensor_input(x->tape, 2, (const int64_t[]){x->size[0], stride}, state);
    all = attn_narrow(all, 1, 0, slots * 2 * h->width);
    if (!all) return NULL;
    attn_tensor *kv = attn_tensor_view(all, 0);
    if (!kv) return NULL;
    const int64_t d = h->width / h->count, size[] = {x->size[0], slots, 2 * h->count, d}, step[] = {stride, 2 * h->width, d, 1};
    kv->dims = 4;
    memcpy(kv->size, size, sizeof size);
    memcpy(kv->step, step, sizeof step);
    return kv;
}

attn_tensor *attn_heads_look(const struct attn_heads *h, attn_tensor *x, attn_tensor *kv) {
    return attn_heads_join(h, attn_attention(attn_heads_part(h, x, 0), attn_heads_part(h, kv, 0), attn_heads_part(h, kv, 1), NULL));
}
