/* Hillis and Steele's scan with ranks in the place of processors: before the step of stride s, `own` holds the s places that end with this rank's,
 * `beyond` the s - 1 before it. */
#include "dist/exscan.h"

attn_status attn_exscan_run(const struct attn_exscan *scan, struct attn_link *link, const struct attn_link_call *call) {
    const int place = scan->direction > 0 ? link->rank : link->count - 1 - link->rank;
    attn_status status = ATTN_OK;
    for (int stride = 1; stride < link->count && !status; stride *= 2) {
        const int to = place + stride < link->count ? link->rank + scan->direction * stride : -1;
        const int from = place >= stride ? link->rank - scan->direction * stride : -1;
        status =
            attn_link_pass(link, call, to, scan->own, from, scan->incoming, (size_t)(scan->elements * scan->width) * sizeof *scan->own);
        for (int64_t i = 0; i < scan->elements && from >= 0 && !status; i++) {
            const double *incoming = scan->incoming + i * scan->width;
            scan->join(scan->beyond + i * scan->width, incoming, scan->width);
            scan->join(scan->own + i * scan->width, incoming, scan->width);
        }
    }
    return status;
}
