/* The block table of paged keys and values: given where the plan has pages, long enough for each sequence, every entry that is read a block
 * of the pools. O(blocks of all sequences). */
#include "plan/plan.h"

static attn_status check_sequence(const attn_plan *plan, const attn_args *args, const struct attn_exec *x, int64_t b) {
    const struct attn_seq s = attn_exec_seq(x, b);
    const int64_t size = plan->shape.block_tokens, stride = x->block_table_stride;
    const int64_t first = s.k_row / size, needed = s.k_len ? attn_div_up(s.k_row + s.k_len, size) : 0;
    if (needed > stride)
        return attn_fail(plan->ctx, ATTN_ESHAPE,
                         "execute: sequence %lld has keys up to %lld, which need %lld blocks; args.max_blocks is %lld", (long long)b,
                         (long long)(s.k_row + s.k_len), (long long)needed, (long long)stride);
    for (int64_t n = first; n < needed; n++) {
        const int32_t block = args->block_table[b * stride + n];
        if (block < 0 || block >= args->blocks)
            return attn_fail(plan->ctx, ATTN_ESHAPE, "execute: args.block_table gives sequence %lld block %d at %lld, expected 0 to %lld",
                             (long long)b, block, (long long)n, (long long)args->blocks - 1);
    }
    return ATTN_OK;
}

attn_status attn_bind_blocks(const attn_plan *plan, const attn_args *args, struct attn_exec *x) {
    attn_ctx *ctx = plan->ctx;
    const int32_t size = plan->shape.block_tokens;
    if (!size && args->block_table)
        return attn_fail(ctx, ATTN_EINVAL, "execute: args.block_table is given, but the plan is not paged; set problem.block_tokens");
    if (!size) return ATTN_OK;
    x->block_table_stride = args->max_blocks == -1 ? attn_div_up(plan->problem.kv_len, size) : args->max_blocks;
    if (x->block_table_stride < 0 || x->block_table_stride > INT32_MAX)
        return attn_fail(ctx, ATTN_EINVAL, "execute: args.max_blocks is %lld, expected 0 to %d, or -1 for those of problem.kv_len",
                         (long long)args->max_blocks, INT32_MAX);
    if (args->blocks < 0 || args->blocks > INT32_MAX)
        return attn_fail(ctx, ATTN_EINVAL, "execute: args.blocks is %lld, expected the number of blocks in the pools, at most %d",
                         (long long)args->blocks, INT32_MAX);
    if (!args->block_table && x->batch > 0 && x->block_table_stride > 0)
        return attn_fail(ctx, ATTN_EINVAL, "execute: args.block_table is NULL, expected a table, as the plan has block_tokens %d", size);
    attn_status status = ATTN_OK;
    for (int64_t b = 0; b < x->batch && !status; b++) status = check_sequence(plan, args, x, b);
    x->block_table = args->block_table;
    x->blocks = args->blocks;
    return status;
}
