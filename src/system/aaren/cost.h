/* What streams cost (the paper's central figure): tokens are pushed one by one through a stack of blocks, Aaren's or a Transformer's with its cache of keys and
 * values, and time and state are taken along the way. Seconds are those that the calling thread has had of a processor. */
#ifndef ATTN_SYSTEM_AAREN_COST_H
#define ATTN_SYSTEM_AAREN_COST_H

#include "base/context.h"

struct attn_aaren_cost_spec {
    const char *mixer; /* "aaren:heads=4" */
    int64_t width, ffn, layers;
    uint64_t seed;
    bool (*stopped)(void); /* asked now and then; NULL: never */
};

struct attn_aaren_cost {
    int64_t tokens;
    int64_t state_bytes;      /* what the allocator gave for the state of a stream of so many tokens */
    int64_t working_bytes;    /* what it gave besides, the model apart, for tokens to be pushed at the end of that stream */
    double seconds;           /* to push all of them through the stack */
    double attention_seconds; /* the mixers alone, with their projections, in a pass of their own */
    double token_seconds;     /* of one token there: the median over the window that ends there */
};

/* The bytes alone, at `count` numbers of tokens, rising, in out[].tokens: nothing is timed, and no stream is pushed but for its end. */
attn_status attn_aaren_cost_bytes(attn_ctx *ctx, const struct attn_aaren_cost_spec *spec, struct attn_aaren_cost *out, int count);

/* The same and the seconds. ctx: of one thread. Figures at `count` numbers of tokens, as above. *done: figures that were taken, `count` unless it was stopped. */
attn_status attn_aaren_cost_measure(attn_ctx *ctx, const struct attn_aaren_cost_spec *spec, struct attn_aaren_cost *out, int count,
                                    int *done);

/* The slope of the line through the logarithms of x and y (least squares), of those with x at least a tenth of the last. NaN: fewer than two. */
double attn_aaren_cost_slope(int count, const double *x, const double *y);

/* The specification's sec. 10.2: width 128, 4 layers, 4 heads, 256 to 8192 tokens, one thread. Of each the value should be at least what stands behind it. The
 * streams of the last three are timed once in a process, by the first that is asked; they are not for two threads at once. */
enum { ATTN_AAREN_COST_FIGURES = 6 };
attn_status attn_aaren_check_state(attn_ctx *ctx,
                                   double *value); /* 1: the least bytes of Aaren, with its working memory, over the greatest */
attn_status attn_aaren_check_cache(attn_ctx *ctx,
                                   double *value); /* 1: minus the greatest relative distance of the cache from 2 L d 4 N bytes */
attn_status attn_aaren_check_slope(attn_ctx *ctx, double *value);       /* -0.1: minus the distance of the slope of Aaren's mixers from 1 */
attn_status attn_aaren_check_cache_slope(attn_ctx *ctx, double *value); /* 1.6: the slope of the Transformer's mixers */
attn_status attn_aaren_check_faster(attn_ctx *ctx,
                                    double *value); /* 1: the Transformer's seconds over Aaren's, all in all, at 8192 tokens */

/* That measurement itself, at 256, 512, ..., 8192 tokens: [ATTN_AAREN_COST_FIGURES], for as long as the process lives. */
attn_status attn_aaren_cost_both(attn_ctx *ctx, const struct attn_aaren_cost **aaren, const struct attn_aaren_cost **transformer);

#endif
