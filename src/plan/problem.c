/* Defaults of the structs that a caller fills in, and the names of their values. */
#include "plan/plan.h"

#include <math.h>

void attn_problem_init(attn_problem *problem) {
    *problem = (attn_problem){
        .size = sizeof(*problem),
        .dtype = ATTN_F32,
        .layout = ATTN_BHTD,
        .score = ATTN_SCORE_DOT,
        .weighting = ATTN_SOFTMAX,
        .kv_heads = -1,
        .v_dim = -1,
        .batch = 1,
        .q_len = -1,
        .kv_len = -1,
        .q_tokens = -1,
        .kv_tokens = -1,
        .scale = (double)NAN,
        .softcap = (double)INFINITY,
        .alibi_align = ATTN_BOTTOM_RIGHT,
        .effort = ATTN_ESTIMATE,
        .measure_seconds = 1.0,
        .o_dtype = ATTN_DTYPE_SAME,
        .grad_dtype = ATTN_DTYPE_SAME,
        .kv_dtype = ATTN_DTYPE_SAME,
    };
}

void attn_args_init(attn_args *args) {
    *args = (attn_args){
        .size = sizeof(*args), .batch = -1, .q_len = -1, .kv_len = -1, .global_q_len = -1, .global_kv_len = -1, .max_blocks = -1};
}

void attn_gradients_init(attn_gradients *gradients) {
    *gradients = (attn_gradients){.size = sizeof(*gradients)};
}

const char *attn_dtype_name(attn_dtype dtype) {
    static const char *const names[] = {"f32", "f64", "bf16", "f16", "q8_0"};
    return names[dtype];
}

const char *attn_score_name(attn_score score) {
    static const char *const names[] = {"dot", "additive", "learned-query"};
    return names[score];
}

const char *attn_layout_name(attn_layout layout) {
    static const char *const names[] = {"bhtd", "bthd", "thd"};
    return names[layout];
}
