/* Hulls and triangulations by Qhull (Barber, Dobkin, Huhdanpaa 1996, "The quickhull algorithm for convex hulls"), to compare attn_hull and attn_delaunay with. Qhull computes
 * in double and merges what is flat within its error: points close to a side or a circle may be missed, and the answer on points on a line, on a circle or in one
 * place is not defined as ours is. */
#ifndef ATTN_SYSTEM_POINTER_QHULL_H
#define ATTN_SYSTEM_POINTER_QHULL_H

#include "attn.h"

#include <stdbool.h>

/* Whether this build has Qhull. */
bool attn_qhull_built(void);

/* As attn_hull and attn_delaunay, with as much room in hull and triangles, but memory is taken while they run. ATTN_EUNSUPPORTED: a build without Qhull;
 * ATTN_EINVAL: fewer than three points, or all as good as on a line, or Qhull gave up; ATTN_ENOMEM, ATTN_ESYSTEM. */
attn_status attn_qhull_hull(attn_ctx *ctx, const double *xy, int64_t n, int32_t *hull, int64_t *count);
attn_status attn_qhull_delaunay(attn_ctx *ctx, const double *xy, int64_t n, int32_t *triangles, int64_t *count);

#endif
