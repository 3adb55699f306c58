/* A scan measured against memory: every run stands beside a run of the triad, which reads and writes memory in the same proportion (forward
 * reads k and v and writes o; backward reads k, v, o and dO and writes dk and dv), and beside its peer's.
 */
#ifndef ATTN_BENCH_SCAN_H
#define ATTN_BENCH_SCAN_H

#include "bench/oracle.h"
#include "bench/peers/peer.h"

struct attn_scan_spec {
    struct attn_case_spec spec; /* learned, one sequence, of equal lengths */
    enum attn_direction pass;   /* ATTN_FWD or ATTN_BWD */
    int repeats;
    const struct attn_peer *peer; /* NULL: none */
    bool (*stopped)(void);        /* may be NULL */
};

struct attn_scan_figures {
    char kernel[32], isa[16], peer[32]; /* peer: "" where there is none; what of it ran */
    char message[1024];                 /* why there is no kernel, or no peer */
    bool wrong;                         /* the check failed: nothing was timed */
    int repeats;
    double median, min, p80;     /* seconds */
    double bytes, rate;          /* that must be moved, each once; bytes a second at the median */
    double triad, fraction;      /* bytes a second of the triads beside the runs; median of each run's rate over its own triad's */
    double peer_median, speedup; /* seconds; median of the peer's time over ours beside it. NaN: no peer */
    double max_error, peer_difference;
    size_t workspace;
};

/* Seconds that attn_scan_measure will take, by the planner's cost model: 0 where the kernel has no form for the problem. */
double attn_scan_guess(attn_ctx *ctx, const struct attn_scan_spec *scan);

/* ATTN_EUNSUPPORTED and ATTN_EINVAL of the kernel come with figures->message; other failures too. */
attn_status attn_scan_measure(attn_ctx *ctx, const struct attn_scan_spec *scan, struct attn_scan_figures *figures);

#endif
