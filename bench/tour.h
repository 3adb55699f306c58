/* How fast hulls, triangulations and tours of uniform points are found: instances a second on one thread, and the memory that each works in. */
#ifndef ATTN_BENCH_TOUR_H
#define ATTN_BENCH_TOUR_H

#include "attn.h"

#include <stdbool.h>

/* One way to find one of them. */
struct attn_tour_method {
    const char *name;
    const char *answer;           /* what the mean is of: "corners", "triangles", "length" */
    int64_t least, most;          /* points */
    size_t (*scratch)(int64_t n); /* NULL: memory is taken while it runs */
    attn_status (*run)(attn_ctx *ctx, const double *xy, int64_t n, uint64_t number, int32_t *answer, int64_t *count, void *scratch);
    bool (*check)(const double *xy, int64_t n, const int32_t *answer, int64_t count, void *scratch); /* in 64 n bytes */
};
extern const struct attn_tour_method attn_tour_methods[];
extern const int attn_tour_method_count;

/* A method with instances of n points, multiples of 2^-24, and its memory. */
struct attn_tour_case {
    attn_ctx *ctx;
    const struct attn_tour_method *method;
    int64_t n, instances;
    double *xy;
    int32_t *answer;
    void *scratch, *check;
    size_t scratch_bytes; /* 0: not known */
};

/* On failure the sentence is in ctx; attn_tour_case_close is always called. */
attn_status attn_tour_case_open(struct attn_tour_case *c, attn_ctx *ctx, const struct attn_tour_method *method, int64_t n, uint64_t seed);
void attn_tour_case_close(struct attn_tour_case *c);

/* Answers every instance once, until `stopped` (may be NULL) says so. *valid: every answer is one; *mean: of corners, triangles or lengths. */
attn_status attn_tour_case_check(struct attn_tour_case *c, bool (*stopped)(void), bool *valid, double *mean);

/* Seconds an instance of one run of at least `seconds`, but at least one instance, going on with the next one after `*next`. */
attn_status attn_tour_case_time(struct attn_tour_case *c, double seconds, int64_t *next, double *each);

#endif
