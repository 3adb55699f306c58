/* attn bench cp: what its files share. */
#ifndef ATTN_CLI_BENCH_CP_H
#define ATTN_CLI_BENCH_CP_H

#include "bench/cp.h"
#include "cli/bench_cp_charts.h"
#include "cli/bench_rows.h"
#include "dist/cp/predict.h"

enum { ATTN_CP_RANK_COUNTS = ATTN_CP_CHART_POINTS };

/* What was asked for. */
struct attn_bench_cp {
    bool simulate, choose, json, csv, sparse, exchange_again;
    struct attn_words mask;
    const char *protocol, *mechanism, *dtype, *sharding, *pass, *ranks, *topology, *rates, *memory, *delay, *figures, *measure;
    int64_t len, tokens_per_rank, heads, kv_heads, dim, ulysses, windows, exchanges, capacity, local_ranks, threads, repeat, masks, seed;
    double tflops;

    /* Resolved. */
    attn_ctx *ctx;
    struct attn_bench_output out;
    attn_dtype type;
    enum attn_sharding how;
    bool wanted[ATTN_CP_MECHANISMS], backward;
    struct attn_words names; /* masks */
    int rank_count, rank[ATTN_CP_RANK_COUNTS];
    struct attn_cp_machine machine;
    struct attn_rates table;
};

/* A mask at a length. */
struct attn_bench_cp_mask {
    attn_mask *mask; /* compiled */
    struct attn_document *document;
    int64_t documents;
};
/* name: any text for attn_mask_parse; one of the twelve patterns, or full_document_long or causal_document_long, is drawn by the seed. */
attn_status attn_bench_cp_mask_open(attn_ctx *ctx, const char *name, int64_t len, uint64_t seed, struct attn_bench_cp_mask *out);
void attn_bench_cp_mask_close(attn_ctx *ctx, struct attn_bench_cp_mask *mask);

/* The problem at a length, checked. */
attn_status attn_bench_cp_problem(const struct attn_bench_cp *b, int64_t len, attn_problem *out);
/* A mechanism on so many ranks. Where it has no grid: ATTN_EUNSUPPORTED with a sentence. */
attn_status attn_bench_cp_config(const struct attn_bench_cp *b, enum attn_mechanism mechanism, int ranks,
                                 const struct attn_bench_cp_mask *mask, struct attn_cp_config *out);
/* Kernel rates where no file and no rate is given: the planner's for this problem. */
attn_status attn_bench_cp_speed(struct attn_bench_cp *b, const attn_problem *problem);

/* "4x2", "8x12, 3 windows": U x R. */
const char *attn_bench_cp_grid(const struct attn_grid *grid, char *text, size_t size);

/* A row of what is predicted. place 0: none. */
void attn_bench_cp_print(struct attn_bench_cp *b, const char *mask, int64_t len, const struct attn_cp_config *config,
                         const struct attn_cp_prediction *prediction, int place);
extern const struct attn_column attn_bench_cp_columns[];
extern const int attn_bench_cp_column_count;

/* The forms of the command; each returns an exit status. */
int attn_bench_cp_simulate(struct attn_bench_cp *b);
int attn_bench_cp_choose(struct attn_bench_cp *b);
int attn_bench_cp_protocol(struct attn_bench_cp *b);
int attn_bench_cp_measure(struct attn_bench_cp *b);

#endif
