/* What the entries of the flash schedule in the kernel table share: one for each instruction set, over the same loops. */
#ifndef ATTN_KERNEL_FLASH_FLASH_H
#define ATTN_KERNEL_FLASH_FLASH_H

#include "kernel/flash/forward_ops.h"

/* Bytes of workspace: forward and backward use the same memory, one after the other. */
size_t attn_flash_workspace(const struct attn_shape *shape, const struct attn_flash_forward_ops *ops);

void attn_flash_describe(const struct attn_shape *shape, const struct attn_flash_forward_ops *ops, char *text, size_t size);

#endif
