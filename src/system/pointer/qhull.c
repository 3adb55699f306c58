/* Qhull's reentrant library. */
#include "system/pointer/qhull.h"

#include "base/context.h"

#if defined(ATTN_HAVE_QHULL)
#include "system/pointer/delaunay.h"

#include <libqhull_r/qhull_ra.h>
#include <string.h>

/* One run: Qhull's state, and our memory of `bytes` behind a copy of the points, which Qhull may write to. */
struct run {
    qhT state;
    double *points;
    void *rest;
};

bool attn_qhull_built(void) {
    return true;
}

static void end(attn_ctx *ctx, struct run *run) {
    int left, bytes;
    qh_freeqhull(&run->state, !qh_ALL);
    qh_memfreeshort(&run->state, &left, &bytes);
    attn_free(ctx, run->points);
}

/* What Qhull says about points that it cannot use goes nowhere. */
static attn_status begin(attn_ctx *ctx, struct run *run, const double *xy, int64_t n, const char *options, size_t bytes) {
    char command[32];
    if (n < 3 || n > INT32_MAX) return attn_fail(ctx, ATTN_EINVAL, "Qhull: %lld points; 3 to 2^31 - 1 are needed", (long long)n);
    const size_t points = 2 * (size_t)n * sizeof(double);
    run->points = attn_alloc(ctx, points + bytes);
    if (!run->points) return attn_no_memory(ctx, "Qhull", points + bytes);
    FILE *nowhere = fopen("/dev/null", "w");
    if (!nowhere) {
        attn_free(ctx, run->points);
        return attn_fail(ctx, ATTN_ESYSTEM, "Qhull: /dev/null cannot be opened");
    }
    run->rest = run->points + 2 * n;
    memcpy(run->points, xy, points);
    memcpy(command, options, strlen(options) + 1);
    qh_zero(&run->state, nowhere);
    const int refused = qh_new_qhull(&run->state, 2, (int)n, run->points, False, command, NULL, nowhere);
    run->state.ferr = NULL;
    fclose(nowhere);
    if (!refused) return ATTN_OK;
    end(ctx, run);
    return attn_fail(ctx, ATTN_EINVAL, "Qhull: error %d of %lld points; three that are not nearly on a line are needed", refused,
                     (long long)n);
}

/* The corners of an edge or triangle; false where it has another number of them, or one that is none of the points, as Qhull's own at infinity. */
static bool take(struct run *run, const facetT *facet, int64_t n, int count, int32_t *corner) {
    int found = 0;
    for (vertexT **vertex = SETaddr_(facet->vertices, vertexT); *vertex; vertex++, found++) {
        const int point = qh_pointid(&run->state, (*vertex)->point);
        if (found == count || point < 0 || point >= n) return false;
        corner[found] = point;
    }
    return found == count;
}

/* Edges lie in no order: from each corner to the next one counter-clockwise, then along these from the lowest corner on. */
attn_status attn_qhull_hull(attn_ctx *ctx, const double *xy, int64_t n, int32_t *hull, int64_t *count) {
    struct run run;
    const attn_status status = begin(ctx, &run, xy, n, "qhull Pp", (size_t)n * sizeof(int32_t));
    if (status) return status;
    int32_t *next = run.rest, ends[2];
    int64_t lowest = n, found = 0;
    memset(next, 0, (size_t)n * sizeof *next);
    for (const facetT *facet = run.state.facet_list; facet && facet->next; facet = facet->next) { /* the last one ends the list */
        if (!take(&run, facet, n, 2, ends)) continue;
        const bool forwards = (facet->toporient ^ qh_ORIENTclock) != 0;
        next[ends[!forwards]] = ends[forwards];
        for (int i = 0; i < 2; i++)
            if (ends[i] < lowest) lowest = ends[i];
    }
    for (int64_t corner = lowest; corner < n && found < n && (found == 0 || corner != lowest); corner = next[corner])
        hull[found++] = (int32_t)corner;
    *count = found;
    end(ctx, &run);
    return ATTN_OK;
}

attn_status attn_qhull_delaunay(attn_ctx *ctx, const double *xy, int64_t n, int32_t *triangles, int64_t *count) {
    struct run run;
    const int64_t most = attn_delaunay_most(n);
    const attn_status status = begin(ctx, &run, xy, n, "qhull d Qbb Qt Qz Pp", attn_delaunay_order_scratch(most));
    if (status) return status;
    int64_t found = 0;
    for (const facetT *facet = run.state.facet_list; facet && facet->next; facet = facet->next)
        if (!facet->upperdelaunay && found < most && take(&run, facet, n, 3, triangles + 3 * found)) found++;
    attn_delaunay_order(xy, triangles, found, run.rest);
    *count = found;
    end(ctx, &run);
    return ATTN_OK;
}

#else

bool attn_qhull_built(void) {
    return false;
}

static attn_status missing(attn_ctx *ctx) {
    return attn_fail(ctx, ATTN_EUNSUPPORTED, "Qhull: this program was built without it; install libqhull-dev and build again");
}

attn_status attn_qhull_hull(attn_ctx *ctx, const double *xy, int64_t n, int32_t *hull, int64_t *count) {
    (void)xy, (void)n, (void)hull, (void)count;
    return missing(ctx);
}

attn_status attn_qhull_delaunay(attn_ctx *ctx, const double *xy, int64_t n, int32_t *triangles, int64_t *count) {
    (void)xy, (void)n, (void)triangles, (void)count;
    return missing(ctx);
}
#endif
