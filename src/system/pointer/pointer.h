/* Pointer Networks (Vinyals, Fortunato and Jaitly 2015): sequences of positions in the input, learned from examples. */
#ifndef ATTN_SYSTEM_POINTER_POINTER_H
#define ATTN_SYSTEM_POINTER_POINTER_H

#include "train/system.h"

extern const struct attn_system attn_system_pointer;
extern const struct attn_task attn_pointer_hull, attn_pointer_delaunay, attn_pointer_tsp, attn_pointer_sort;

#endif
