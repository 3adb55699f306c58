/* Interleaved measuring: every run of every subject stands between two runs of the FMA peak loop, and the subjects take turns, so that a
 * disturbance of the machine meets all alike. */
#ifndef ATTN_BENCH_MEASURE_H
#define ATTN_BENCH_MEASURE_H

#include "bench/case.h"
#include "bench/peak.h"

/* Something that can be timed: runs once and says how long that took. */
struct attn_subject {
    const char *name;
    void *self;
    attn_status (*run)(void *self, enum attn_direction pass, double *seconds);
    double seconds; /* of a run, as its check found */
};

struct attn_protocol {
    int warmups, repeats;
    size_t flush_bytes; /* written before each run; 0: caches stay warm */
    int threads;
    const struct attn_fma *fma;
    double budget;         /* seconds; a measurement predicted to take longer is left out; 0: no limit */
    double enough, ends;   /* moments of attn_clock, 0: none. After the first run, none is begun that would pass `enough`; nothing at
                            * all is begun that would pass `ends` */
    bool (*stopped)(void); /* Ctrl-C; may be NULL */
};

struct attn_timing {
    int repeats; /* 0: over budget, or stopped */
    double median, min, p20, p80;
    double peak_gflops; /* median of the peak loops beside the runs */
    double gflops;      /* FLOPs over the median time */
    double fraction;    /* median of each run's rate over its own peak */
    double ratio;       /* median of each run's time over that of the first subject's run beside it */
};

/* The longest measurement that is kept; more repeats are refused by the options. */
enum { ATTN_REPEATS = 1000, ATTN_SUBJECTS = 8 };

/* Times `count` subjects; timing[i] belongs to subjects[i]. Fails with the first subject that fails. */
attn_status attn_measure(attn_ctx *ctx, const struct attn_subject *subjects, int count, enum attn_direction pass, double flops,
                         const struct attn_protocol *protocol, struct attn_timing *timing);

/* The library's own kernel as a subject; self is a struct attn_case. */
attn_status attn_case_subject(void *self, enum attn_direction pass, double *seconds);

#endif
