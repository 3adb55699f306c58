/* One experiment from question to figures: builds the case, runs it once, checks it, and only then times it,
 * with its peers between the runs. */
#ifndef ATTN_BENCH_EXPERIMENT_H
#define ATTN_BENCH_EXPERIMENT_H

#include "bench/measure.h"
#include "bench/peers/peer.h"

struct attn_experiment {
    struct attn_case_spec spec;
    const char *mask; /* text; NULL: `make_masks` builds them */
    /* Builds masks with c->ctx, fills masks[] (room for kv_heads) and *count. */
    attn_status (*make_masks)(struct attn_case *c, void *user, attn_mask **masks, int *count);
    void *user;
    enum attn_direction pass;
    struct attn_protocol protocol;
    const struct attn_peer *peers[ATTN_SUBJECTS - 1];
    int peer_count;
};

/* Words of the column "status". */
#define ATTN_STATUS_OK          "ok"
#define ATTN_STATUS_UNSUPPORTED "unsupported"
#define ATTN_STATUS_OOM         "oom"
#define ATTN_STATUS_BUDGET      "skipped_budget"
#define ATTN_STATUS_WRONG       "wrong" /* the check failed: it was not timed */

/* Figures of our kernel (index 0 of an outcome) or of a peer. */
struct attn_figures {
    char name[32];    /* "flash", "torch-sdpa" */
    const char *isa;  /* "avx512"; a peer has none */
    const char *peer; /* "torch"; NULL: our kernel */
    const char *status;
    char message[1024]; /* why it is not ok */
    struct attn_timing timing;
    double max_error;
    size_t peak_bytes;
};

struct attn_outcome {
    struct attn_figures figures[ATTN_SUBJECTS];
    int count;
    double area; /* allowed pairs of a sequence and head, the mean of them; NaN: the mask was not made */
    double flops;
};

/* Seconds that one run will take, guessed from its FLOPs; for the prediction that is printed first. */
double attn_experiment_guess(const struct attn_experiment *e, double pairs);

/* ATTN_OK: the outcome says how it went. Anything else is a mistake of the user or of the environment, with `message` (1024 bytes). */
attn_status attn_experiment_run(attn_ctx *ctx, const struct attn_experiment *e, struct attn_outcome *outcome, char *message);

#endif
