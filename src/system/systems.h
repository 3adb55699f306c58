/* The systems: one room a paper, one line here. */
#ifndef ATTN_SYSTEM_SYSTEMS_H
#define ATTN_SYSTEM_SYSTEMS_H

#include "train/system.h"

extern const struct attn_system *const attn_systems[];
extern const int attn_system_count;

/* "zoology/mqar", or a short name. NULL: there is none; the sentence, with the nearest, is the context's. */
const struct attn_task *attn_task_named(attn_ctx *ctx, const char *name);

#endif
