/* The decode schedule as the planner sees it: few queries over a long cache of keys and values, which may be stored in fewer bits than the
 * problem is computed in, and in blocks that lie anywhere (paged). Forward only. */
#ifndef ATTN_KERNEL_DECODE_DECODE_H
#define ATTN_KERNEL_DECODE_DECODE_H

#include "kernel/kernel.h"

struct attn_decode_ops;
struct attn_decode_q8_ops;

const char *attn_decode_lacks(const struct attn_shape *shape);
size_t attn_decode_workspace(const struct attn_shape *shape);
/* q8: how ATTN_Q8_0 is read; NULL: by ops, exactly. */
void attn_decode_forward(const struct attn_exec *x, const struct attn_decode_ops *ops, const struct attn_decode_q8_ops *q8);
void attn_decode_describe(const struct attn_shape *shape, char *text, size_t size);

#endif
