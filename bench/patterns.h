/* The twelve masks of the Long-Context Attention Benchmark as texts: a bare name gets its parameters drawn as the benchmark does. */
#ifndef ATTN_BENCH_PATTERNS_H
#define ATTN_BENCH_PATTERNS_H

#include "attn.h"

struct attn_pattern {
    char name[64];     /* "causal_document"; of algebra its text, cut */
    char text[262144]; /* with its parameters, for attn_mask_parse */
};

/* All twelve with ';' between, in the order of the benchmark. */
void attn_pattern_list(char *text, size_t size);

/* How bare names are completed. */
struct attn_pattern_draw {
    int64_t q_len, kv_len;
    uint64_t seed;
    int corpus; /* of document lengths: an enum attn_corpus, or -1 for the benchmark's choice by length */
};

/* `spec` is any mask text; if it is the bare name of one of the twelve, document lengths (sec. 8) and other parameters are drawn. With
 * other key than query lengths a bare causal or window is aligned bottom-right. */
attn_status attn_pattern_make(attn_ctx *ctx, const char *spec, const struct attn_pattern_draw *draw, struct attn_pattern *out);

#endif
