/* Multi-scale retention (Sun et al. 2023): queries and keys of each head are rotated by angles that grow with the position, weights q_i . k_j / sqrt(d)
 * decay by 1 - 2^(-5 - h) a token in head h, each head's output is normed by itself (group norm), and the whole is gated by SiLU. No biases.
 *
 * The paper's xPos is this rotation together with a decay; as the decay is one number for each head, it is the retention's own, and what is left is the
 * rotation, attn_rope. The paper divides weights besides by numbers that depend on the query alone; the norm takes such factors out again.
 */
#include "nn/mixer.h"

struct retnet {
    attn_projection q, k, v, gate, out;
    int64_t heads, width, wide; /* wide: of all values */
    double *decay;              /* [H] */
};

enum { HEADS, EXPAND };
static const attn_mixer_option options[] = {
    [HEADS] = {"heads", "heads, which divide the width into even parts", 4, 1, 1024, true, NULL},
    [EXPAND] = {"expand", "width of values and gate over the model's (2 in the paper's language models)", 1, 1, 8, true, NULL},
};

static void make(void *mixer, attn_model *model, const attn_mixer_place *place, const double *option) {
    struct retnet *r = mixer;
    const int64_t heads = (int64_t)option[HEADS], width = place->width, wide = width * (int64_t)option[EXPAND];
    if (width % (2 * heads) != 0) {
        attn_tape_fail(attn_model_tape(model), ATTN_EINVAL, "mixer retnet: heads=%lld must divide the width, %lld, into even parts",
                       (long long)heads, (long long)width);
        return;
    }
    *r = (struct retnet){.heads = heads, .width = width, .wide = wide};
    r->decay = attn_model_memory(model, (size_t)heads * sizeof *r->decay);
    for (int64_t h = 0; r->decay && h < heads; h++) r->decay[h] = 1 - pow(2, (double)(-5 - h));
    r->q = attn_projection_make(model, "q", width, width, false, 0.02);
    r->k = attn_projection_make(model, "k", width, width, false, 0.02);
    r->v = attn_projection_make(model, "v", width, wide, false, 0.02);
    r->gate = attn_projection_make(model, "gate", width, wide, false, 0.02);
    r->out = attn_projection_make(model, "out_proj", wide, width, false, 0.02 / sqrt(2.0 * (double)place->layers));
}

/* x [B, T, ...] with its numbers shared out among the heads: [B, T, H, ...]. */
static attn_tensor *in_heads(const struct retnet *r, attn_tensor *x) {
    return attn_reshape(x, 4, (const int64_t[]){attn_size(x, 0), attn_size(x, 1), r->heads, -1});
}

/* [B, H, T, ...] of [B, T, H, ...], and back. */
static attn_tensor *swap(attn_tensor *x) {
    return attn_permute(x, (const int[]){0, 2, 1, 3});
}

/* Queries, keys and values of u's tokens [B, H, T, ...], from position `position` on. */
struct inputs {
    attn_tensor *q, *k, *v;
};

static struct inputs inputs_of(const struct retnet *r, attn_tensor *u, int64_t position) {
    const double scale = 1 / sqrt((double)r->width / (double)r->heads);
    attn_tensor *q = attn_affine(attn_project(&r->q, u), (attn_real)scale, 0);
    return (struct inputs){swap(attn_rope(in_heads(r, q), ATTN_ROTARY_HALVES, 0, 10000, position)),
                           swap(attn_rope(in_heads(r, attn_project(&r->k, u)), ATTN_ROTARY_HALVES, 0, 10000, position)),
                           swap(in_heads(r, attn_project(&r->v, u)))};
}

/* Norm of each head, gate, projection of o [B, H, T, e]. */
static attn_tensor *finish(const struct retnet *r, attn_tensor *u, attn_tensor *o) {
    o = attn_layer_norm(o, NULL, NULL, (attn_real)1e-5);
    o = attn_reshape(attn_contiguous(swap(o)), 3, (const int64_t[]){u->size[0], u->size[1], r->wide});
    return attn_project(&r->out, attn_mul(attn_silu(attn_project(&r->gate, u)), o));
}

static attn_tensor *mix(void *mixer, attn_mixer_call *call) {
    const struct retnet *r = mixer;
    const struct inputs x = inputs_of(r, call->u, 0);
    return finish(r, call->u, attn_retention(x.q, x.k, x.v, r->decay));
}

/* A matrix of D / H by D expand / H for each head. */
static int64_t state_size(const void *mixer, int64_t tokens) {
    const struct retnet *r = mixer;
    (void)tokens;
    return r->width * r->wide / r->heads;
}

/* state = decay state + k^T v; o = q state. */
static void advance(int64_t rows, int64_t columns, double decay, const attn_real *q, const attn_real *k, const attn_real *v,
                    attn_real *state, attn_real *o) {
    for (int64_t i = 0; i < rows; i++)
        for (int64_t c = 0; c < columns; c++) {
            attn_real *s = &state[i * columns + c];
            *s = (attn_real)decay * *s + k[i] * v[c];
            o[c] += q[i] * *s;
        }
}

static attn_tensor *step(void *mixer, attn_mixer_call *call, attn_real *state, int64_t tokens, int64_t position) {
    const struct retnet *r = mixer;
    const struct inputs x = inputs_of(r, call->u, position);
    attn_tensor *q = attn_contiguous(x.q), *k = attn_contiguous(x.k), *v = attn_contiguous(x.v);
    const int64_t d = r->width / r->heads, e = r->wide / r->heads, batch = call->u->size[0];
    attn_tensor *o = attn_constant(call->u->tape, 4, (const int64_t[]){batch, r->heads, 1, e}, 0);
    (void)tokens;
    if (!q || !k || !v || !o) return NULL;
    for (int64_t i = 0; i < batch * r->heads; i++)
        advance(d, e, r->decay[i % r->heads], q->data + i * d, k->data + i * d, v->data + i * e, state + i * d * e, o->data + i * e);
    return finish(r, call->u, o);
}

const attn_mixer_kind attn_mixer_retnet = {.size = sizeof(attn_mixer_kind),
                                           .name = "retnet",
                                           .summary = "multi-scale retention: decayed linear attention, gated (Sun et al. 2023)",
                                           .options = options,
                                           .option_count = sizeof options / sizeof options[0],
                                           .bytes = sizeof(struct retnet),
                                           .make = make,
                                           .mix = mix,
                                           .state_size = state_size,
                                           .step = step};
