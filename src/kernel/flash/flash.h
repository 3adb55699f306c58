/* What the entries of the flash schedule in the kernel table share: one for each instruction set, over the same loops. */
#ifndef ATTN_KERNEL_FLASH_FLASH_H
#define ATTN_KERNEL_FLASH_FLASH_H

#include "kernel/kernel.h"

/* Bytes of workspace: forward and backward use the same memory, one after the other. */
size_t attn_flash_workspace(const struct attn_shape *shape);

void attn_flash_describe(const struct attn_shape *shape, char *text, size_t size);

#endif
