/* One attention that is timed: its arrays, of N(0, 1), its mask, and either a plan of the library or the computation that materialises the scores. */
#ifndef ATTN_SYSTEM_LONGCTX_TIMED_H
#define ATTN_SYSTEM_LONGCTX_TIMED_H

#include "base/memory.h"
#include "system/longctx/materialised.h"

struct attn_timed_spec {
    const char *kernel; /* of the library; "": the plan's choice; "materialised" */
    const char *mask;   /* a text; "full": none is made */
    bool bf16;          /* arrays of bfloat16, not of attn_real; not "materialised" */
    int32_t heads, kv_heads, dim;
    int64_t tokens;
    bool backward; /* the pass that is timed; forward has then run before */
    uint64_t seed;
};

struct attn_timed {
    struct attn_timed_spec spec;
    attn_ctx *outside; /* of the inputs */
    attn_ctx *ctx;     /* of one thread, counting; of everything but the inputs */
    struct attn_memory memory;
    attn_mask *mask; /* compiled; NULL: full */
    double flops;    /* of the timed pass: useful ones, of allowed pairs */
    void *q, *k, *v, *d_o;
    void *o, *lse, *dq, *dk, *dv, *workspace;
    attn_plan *plan; /* NULL: dense is used */
    attn_args args;
    attn_gradients gradients;
    struct attn_materialised dense;
    int times; /* runs of a sample, so that it is long enough to be timed */
};

/* Runs it once, which tells how often a sample runs it. A failure leaves nothing; its sentence is ctx's. */
attn_status attn_timed_open(attn_ctx *ctx, const struct attn_timed_spec *spec, struct attn_timed *out);
void attn_timed_close(struct attn_timed *s);

/* Seconds that this thread had of a processor for one run, as the mean of a sample. */
attn_status attn_timed_sample(struct attn_timed *s, double *seconds);

/* The most that it has held above its inputs so far: outputs, mask, workspace or scores. */
double attn_timed_bytes(const struct attn_timed *s);

/* ATTN_EINVAL unless the two, of one shape and of attn_real, computed the same: O, or where backward is timed dQ, within 1e-4 of N(0, 1) inputs. */
attn_status attn_timed_compare(attn_ctx *ctx, const struct attn_timed *a, const struct attn_timed *b);

/* Seconds that a sample takes, about, of a mask with this share of all pairs. */
double attn_timed_guess(const struct attn_timed_spec *spec, double share);

#endif
