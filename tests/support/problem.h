/* Random problems, and their execution in guarded memory.
 *
 * A test_case holds the VALUES of a problem: canonical float arrays [plane, head, token, dim], planes are sequences (packed: one), and
 * the truth of its mask as plain bytes. Its values are exact in the type it is stored in, so that float64 computes with the same ones.
 * test_run lays the values out (data type, layout, strides with gaps, guard pages), executes forward and, if announced, backward, checks
 * that nothing but the outputs' own elements was written, and gives the outputs as canonical doubles. So the same case runs on any
 * kernel, and a reference can be written on values alone.
 *
 * Tokens that belong to no sequence and the gaps between elements hold NaN.
 */
#ifndef TEST_SUPPORT_PROBLEM_H
#define TEST_SUPPORT_PROBLEM_H

#include "attn.h"
#include "base/random.h"

#include <stdbool.h>

enum {
    TEST_O,
    TEST_LSE,
    TEST_DQ,
    TEST_DK,
    TEST_DV,
    TEST_DBIAS,
    TEST_DALIBI,
    TEST_DSINK,
    TEST_DSTATE_O,
    TEST_DSTATE_LSE,
    TEST_WEIGHTS,
    TEST_DW,
    TEST_OUTPUTS
};
extern const char *const test_output_names[TEST_OUTPUTS];

enum test_mask_kind {
    TEST_MASK_ANY = -1,
    TEST_MASK_NONE,
    TEST_MASK_CAUSAL,       /* top-left */
    TEST_MASK_BOTTOM_RIGHT, /* causal */
    TEST_MASK_WINDOW,
    TEST_MASK_BITS,   /* random pairs */
    TEST_MASK_SLICES, /* random bands in rectangles */
    TEST_MASK_BLOCKS,
    TEST_MASK_KINDS
};

struct test_options {
    uint32_t features; /* that may appear; default all */
    uint32_t always;   /* that must appear; default none */
    int64_t max_batch, max_len;
    int32_t max_heads, max_dim;
    enum test_mask_kind mask; /* default TEST_MASK_ANY */
    int layout;               /* an attn_layout, or -1 (default): any */
    int bias_broadcast;       /* ATTN_SHARE_*, or -1 (default): any */
    bool plain;               /* no ragged lengths, offsets, gaps, accumulation */
    attn_dtype storage;       /* the type that q, k, v, dO and initial outputs are rounded to; default ATTN_F32 */
    bool learned;             /* ATTN_SCORE_LEARNED_QUERY: of the features backward alone, no mask */
    bool additive;            /* ATTN_SCORE_ADDITIVE: of the features backward alone */
};
void test_options_init(struct test_options *options);

struct test_case {
    uint64_t seed;
    attn_ctx *ctx;
    attn_problem problem; /* dtype, kernel and threads are those of a run, o_dtype and grad_dtype of runs in `storage` */
    attn_dtype storage;
    int64_t batch, planes;
    int64_t q_len, kv_len;                                           /* of the token axes; packed: tokens of all sequences */
    int32_t *q_lens, *kv_lens, *q_starts, *kv_starts, *cu_q, *cu_kv; /* as in attn_args; NULL where not given */
    int64_t q_offset, kv_offset, global_q_len, global_kv_len, batch_offset;
    int32_t head_offset;
    uint64_t dropout_seed;
    uint32_t accumulate;
    bool gaps, at_begin, per_batch;                       /* strides with gaps; guard page in front; alibi and sink are [batch, heads] */
    float *q, *k, *v, *d_o, *d_lse, *alibi, *bias, *sink; /* NULL: absent */
    float *state_o, *state_lse;                           /* [batch, head, v_dim], [batch, head] */
    float *w, *d_weights;                                 /* [1 or batch, head, dim], [plane, head, q_len, weights_len] */
    int64_t weights_len;                                  /* keys of a row of weights */
    bool additive, pointer;                               /* pointer: only weights come out; v, o and their gradients are not given */
    bool learned; /* q is [1 or (per_batch) batch, head, dim]; lengths of keys are those of queries, and not given */
    int64_t bias_extent[4];
    attn_mask *mask;
    enum test_mask_kind mask_kind;
    int64_t mask_batch, mask_window[2];
    int32_t mask_heads;
    uint8_t **allowed; /* [mask_batch * mask_heads] of global_q * global_k bytes, for the masks made of such */
};

void test_case_make(struct test_case *c, attn_ctx *ctx, uint64_t seed, const struct test_options *options);
void test_case_free(struct test_case *c);
void test_case_print(const struct test_case *c); /* one line to stderr: seed and shape, to replay a failure */

/* Sequence b: first token, length, global length. side 0: queries, 1: keys. */
struct test_span {
    int64_t plane, first, length, global;
};
struct test_span test_span_of(const struct test_case *c, int64_t b, int side);

/* The truth of the mask: is local pair (i, j) of sequence b and query head h allowed? Independent of src/mask. */
bool test_allowed(const struct test_case *c, int64_t b, int32_t h, int64_t i, int64_t j);

/* What an accumulating output of n elements holds before the run; NULL: it does not accumulate. Freed by the caller. Values of tokens
 * that belong to no sequence are not used. */
float *test_initial(const struct test_case *c, int which, int64_t n);

struct test_result {
    double *data[TEST_OUTPUTS]; /* NULL: not an output of this case; tokens of no sequence are 0 */
    int64_t count[TEST_OUTPUTS];
    double rounding; /* of the kernel's weights */
};

/* Runs the case; false (and a line on stderr) if a status was not ATTN_OK or memory outside the outputs changed. */
bool test_run(const struct test_case *c, attn_dtype dtype, const char *kernel, int threads, struct test_result *out);
/* The same by brute force in double, from the formulas of attn.h on whole T x S matrices; shares no code with the library but
 * the random generator. */
void test_brute(const struct test_case *c, struct test_result *out);
void test_result_free(struct test_result *r);

/* Every output of `got` within the error bound against `want` (double) and `plain` (the naive kernel on arrays of the same type). */
bool test_result_bounded(const struct test_case *c, const struct test_result *got, const struct test_result *want,
                         const struct test_result *plain);
/* The same bits in every output. */
bool test_result_same(const struct test_result *a, const struct test_result *b);

/* A context on the library's own executor with `threads` workers; stops the program if there is none. */
attn_ctx *test_context(int threads);

/* Do times mean anything in this build? Not with asserts, sanitizers or under valgrind. */
bool test_times_count(void);

/* Seeds of a test's rounds: test_share(rounds) of them, or the one in the environment variable ATTN_TEST_SEED. */
int64_t test_rounds(int64_t rounds, uint64_t *first_seed);

#endif
