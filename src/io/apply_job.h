/* What the parts of attn_apply_files share. */
#ifndef ATTN_IO_APPLY_JOB_H
#define ATTN_IO_APPLY_JOB_H

#include "io/apply.h"
#include "io/safetensors.h"

/* Where an array stands: a .npy file, or a tensor of a safetensors file. */
struct attn_place {
    char path[ATTN_FILE_PATH];
    const char *tensor; /* NULL: a .npy file */
};
/* From "FILE", "FILE.safetensors:NAME", or "FILE.safetensors", whose tensor is called as `role`. */
void attn_apply_place(const char *text, const char *role, struct attn_place *out);

/* A result: its memory, type and shape, as it will be written. */
struct attn_result {
    void *data;
    enum attn_npy_type type;
    int rank;
    int64_t shape[4];
    size_t count;
};

struct attn_apply_job {
    attn_ctx *ctx;
    const struct attn_apply *apply;
    bool packed, backward, ragged, additive, learned, search; /* ragged: sequences have numbers of keys of their own */
    struct attn_npy array[ATTN_APPLY_INPUTS];                 /* as read; data NULL: not given */
    void *input[ATTN_APPLY_INPUTS];                           /* converted to the type that is computed in */
    struct attn_result result[ATTN_APPLY_OUTPUTS];

    /* the problem's sizes, found in the shapes */
    int64_t batch, q_len, kv_len, q_tokens, kv_tokens;
    int32_t heads, kv_heads, dim, v_dim;
    uint32_t bias_shared; /* ATTN_SHARE_* */
    int32_t block_tokens; /* 0: not paged */
    int64_t blocks, max_blocks;

    attn_mask *mask;      /* what is executed */
    attn_mask **compiled; /* its parts, kept until the end */
    int64_t compiled_count;
    attn_plan *plan;
    void *workspace;
};

/* Reads all inputs, checks their shapes against each other and converts them. */
attn_status attn_apply_read(struct attn_apply_job *job);
/* Rounds k and v to the type they are stored in; after the plan, which knows what fits. */
attn_status attn_apply_store(struct attn_apply_job *job);
/* What a search cannot be given; and the search itself. */
attn_status attn_apply_search_check(const struct attn_apply_job *job);
attn_status attn_apply_search(struct attn_apply_job *job);
/* Shape of the output: that of k with q's heads and v's width. */
void attn_apply_output_shape(const struct attn_apply_job *job, int64_t shape[4]);
/* Memory and shapes of the results. */
attn_status attn_apply_results(struct attn_apply_job *job);
/* Writes the wanted results: all to temporary files, then all renamed. *stopped: the user asked, nothing was written. */
attn_status attn_apply_write(struct attn_apply_job *job, bool *stopped);

#endif
