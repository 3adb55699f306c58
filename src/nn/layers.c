/* Linear layers and norms: parameters with the field's names. */
#include "nn/model.h"

attn_projection attn_projection_make(attn_model *model, const char *name, int64_t in, int64_t out, bool bias, double deviation) {
    attn_projection p = {NULL, NULL};
    attn_model_enter(model, "%s", name);
    p.weight = attn_model_parameter(model, "weight", 2, (const int64_t[]){out, in});
    attn_fill_normal(p.weight, 0, deviation, attn_model_seed(model));
    if (bias) p.bias = attn_model_parameter(model, "bias", 1, &out);
    attn_model_leave(model);
    return p;
}

attn_tensor *attn_project(const attn_projection *p, attn_tensor *x) {
    return attn_linear(x, p->weight, p->bias);
}

attn_norm attn_norm_make(attn_model *model, const char *name, int64_t width, double epsilon, bool rms) {
    attn_norm n = {.epsilon = epsilon, .rms = rms};
    attn_model_enter(model, "%s", name);
    n.gain = attn_model_parameter(model, "weight", 1, &width);
    attn_fill(n.gain, 1);
    if (!rms) n.bias = attn_model_parameter(model, "bias", 1, &width);
    attn_model_leave(model);
    return n;
}

attn_tensor *attn_normalize(const attn_norm *n, attn_tensor *x) {
    return n->rms ? attn_rms_norm(x, n->gain, (attn_real)n->epsilon) : attn_layer_norm(x, n->gain, n->bias, (attn_real)n->epsilon);
}
