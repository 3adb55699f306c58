/* One attention on arrays from files: reads, checks that the shapes fit each other, computes forward and, where a gradient is asked for,
 * backward, or the best keys of each query instead, and writes all results or none. */
#ifndef ATTN_IO_APPLY_H
#define ATTN_IO_APPLY_H

#include "io/npy.h"

/* Inputs and outputs by role. */
enum attn_apply_input {
    ATTN_IN_Q,
    ATTN_IN_K,
    ATTN_IN_V,
    ATTN_IN_DO,
    ATTN_IN_DLSE,
    ATTN_IN_ALIBI,
    ATTN_IN_BIAS,
    ATTN_IN_SINK,
    ATTN_IN_W,
    ATTN_IN_DWEIGHTS,
    ATTN_IN_CU_Q,
    ATTN_IN_CU_K,
    ATTN_IN_KV_LENS,
    ATTN_IN_BLOCK_TABLE,
    ATTN_APPLY_INPUTS
};
enum attn_apply_output {
    ATTN_OUT_O,
    ATTN_OUT_LSE,
    ATTN_OUT_DQ,
    ATTN_OUT_DK,
    ATTN_OUT_DV,
    ATTN_OUT_DALIBI,
    ATTN_OUT_DBIAS,
    ATTN_OUT_DSINK,
    ATTN_OUT_WEIGHTS,
    ATTN_OUT_DW,
    ATTN_OUT_INDEX,
    ATTN_OUT_SCORE,
    ATTN_APPLY_OUTPUTS
};
extern const char *const attn_apply_input_names[ATTN_APPLY_INPUTS];   /* "q", "k", ..., as the options are called */
extern const char *const attn_apply_output_names[ATTN_APPLY_OUTPUTS]; /* "out", "lse", ... */

struct attn_apply {
    const char *in[ATTN_APPLY_INPUTS];   /* paths; NULL: not given */
    const char *out[ATTN_APPLY_OUTPUTS]; /* paths; NULL: not wanted */
    const char *mask;                    /* text; NULL: full */
    attn_layout layout;
    attn_score score;
    attn_dtype dtype;      /* what is computed in */
    attn_dtype kv_dtype;   /* what k and v are stored in while it is computed; ATTN_DTYPE_SAME: dtype */
    const char *kernel;    /* NULL: the planner's choice */
    attn_effort effort;    /* of the planner */
    double scale, softcap; /* NaN, INFINITY: the defaults */
    double dropout;        /* 0: none */
    uint64_t seed;
    int64_t top; /* keys wanted for each query: a search instead of attention; 0: attention */
    int threads;
    bool (*stopped)(void); /* asked before results are committed; may be NULL */
};

struct attn_apply_report {
    int64_t batch, q_len, kv_len; /* packed: the greatest lengths */
    int32_t heads, kv_heads, dim, v_dim;
    const char *kernel, *isa;
    double seconds; /* forward and backward, without files */
    bool backward, stopped;
};

attn_status attn_apply_files(attn_ctx *ctx, const struct attn_apply *apply, struct attn_apply_report *report);

#endif
