/* What the suites of `attn bench` print: one record for each kernel or peer of an experiment, with the same keys in every suite. */
#ifndef ATTN_CLI_BENCH_ROWS_H
#define ATTN_CLI_BENCH_ROWS_H

#include "bench/experiment.h"
#include "cli/options.h"
#include "cli/print.h"

/* Kernels of the score dot, for the help of --kernel. */
#define ATTN_DOT_KERNELS "flash, flash32, flash-pairs, decode, naive"

struct attn_bench_output {
    struct attn_report report;
    char cpu[128], compiler[64], version[32];
    double sgemm;  /* GFLOP/s at the experiment's threads; NaN without a BLAS */
    bool own_rows; /* in a table: our kernel's rows only; the suite shows peers as ratios */
    bool surprised, explained;
};

/* Sets the form from the flags. False after a complaint: both were given. */
bool attn_bench_output_init(struct attn_bench_output *out, bool json, bool csv, const struct attn_column *columns, int count);

/* Prints a record for each figure of the outcome; explains on stderr what is not ok. `fill` (may be NULL) adds fields of the suite. */
void attn_bench_print(struct attn_bench_output *out, const struct attn_experiment *e, const struct attn_outcome *outcome, const char *mask,
                      const char *spec, void (*fill)(struct attn_record *record, void *user, int figure), void *user);

/* Names to numbers, with a complaint that lists what there is. -1: go on. */
int attn_bench_dtype(const char *command, const char *name, attn_dtype *out);
int attn_bench_pass(const char *command, const char *name, enum attn_direction *out);
int attn_bench_peers(const char *command, const char *names, struct attn_experiment *e);

/* Allowed pairs of the experiment's mask, of one head; also whether that mask is one. -1: go on. */
int attn_bench_pairs(attn_ctx *ctx, const struct attn_experiment *e, double *pairs);

/* Seconds of an experiment with its peers, for the prediction; `pairs` of one head. */
double attn_bench_cost(const struct attn_experiment *e, double pairs);

/* Runs an experiment with a progress line. -1: go on, with the outcome; else the exit status. */
int attn_bench_run(attn_ctx *ctx, const struct attn_experiment *e, const char *progress, struct attn_outcome *outcome);

/* What suites of one shape are asked for. */
struct attn_bench_shape {
    int64_t len, heads, kv_heads, dim, threads, repeat, seed; /* kv_heads 0: as heads; threads 0: all processors */
    const char *kernel;                                       /* NULL: the planner's choice */
    bool json, csv;
};
/* Their options but --len and --heads; returns how many were written. */
enum { ATTN_BENCH_SHAPE_OPTIONS = 8 };
int attn_bench_shape_options(struct attn_bench_shape *shape, struct attn_option *options);
/* The experiments' common part: float32, one sequence, self-attention, the median of `repeat` runs. */
void attn_bench_shape_experiment(const attn_ctx *ctx, const struct attn_bench_shape *shape, struct attn_experiment *e);

/* Checks heads and key/value heads (0: as heads). -1: go on. */
int attn_bench_heads(const char *command, int64_t heads, int64_t kv_heads);

/* "about 3 minutes", for the line that is printed before long work. */
void attn_predict(const char *command, int measurements, double seconds);

/* GFLOP/s of sgemm on so many threads, NaN without a BLAS. */
double attn_bench_sgemm(attn_ctx *ctx, int threads);
/* Whose kernels it runs, NULL if that is not known. */
const char *attn_bench_blas_core(void);

#endif
