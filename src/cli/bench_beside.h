/* What suites have in common that measure one computation, with PyTorch in turns where it is asked for: options, the check of both, the
 * measurement, and the part of a record that every suite has. */
#ifndef ATTN_CLI_BENCH_BESIDE_H
#define ATTN_CLI_BENCH_BESIDE_H

#include "bench/peers/torch.h"
#include "cli/bench_rows.h"

struct attn_beside {
    const char *command; /* "bench search" */
    int64_t threads, repeat, seed;
    const char *peer, *python;
    bool json, csv;
    struct attn_bench_output out;
};

/* The options of all such suites; returns how many were written. */
enum { ATTN_BESIDE_OPTIONS = 7 };
int attn_beside_options(struct attn_beside *b, struct attn_option *options);

/* After the options were parsed. -1: go on. */
int attn_beside_begin(struct attn_beside *b, const struct attn_column *columns, int count);

/* Ours and the peer: opened for one shape, measured for one pass after the other. */
struct attn_beside_pair {
    struct attn_subject ours, limit; /* limit: what ours cannot be faster than, measured in turns too; run NULL: none */
    double error, difference;        /* of ours from the reference, of the peer from ours; at most 1e-5, or it is not timed */
    const char *status[2];           /* of ours and of the peer; NULL: there is none */
    struct attn_torch torch;
    char name[32]; /* of the peer: "torch-topk" */
    struct attn_timing timing[2], limit_timing;
};

/* Starts PyTorch where it is asked for; `open` gives it the arrays of the case, runs both once and compares them. A peer that is not to be had
 * is explained and left out. attn_beside_close is always called. */
attn_status attn_beside_open(struct attn_beside *b, attn_ctx *ctx, struct attn_beside_pair *p,
                             attn_status (*open)(void *self, struct attn_torch *torch, char *name, size_t size, double *difference));
void attn_beside_close(struct attn_beside_pair *p);

attn_status attn_beside_measure(const struct attn_beside *b, attn_ctx *ctx, struct attn_beside_pair *p, enum attn_direction pass,
                                double flops);

/* Figures to be printed: 1, or 2 with the peer. */
int attn_beside_figures(const struct attn_beside_pair *p);
/* A record's status and times, then what ends it; the suite's own fields stand before and between. Figure 0 is ours. True: it was timed. */
bool attn_beside_times(const struct attn_beside_pair *p, int figure, struct attn_record *r);
void attn_beside_print(struct attn_beside *b, const struct attn_beside_pair *p, int figure, struct attn_record *r);

/* Runs a suite's cases, from `one` with index 0 on, which says first how long all will take, up to a failure or Ctrl-C; the exit status. */
int attn_beside_run(const struct attn_beside *b, int count, attn_status (*one)(attn_ctx *ctx, void *suite, int index), void *suite);

#endif
