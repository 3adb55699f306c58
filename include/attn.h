/* attn.h - attention in C: the fastest exact attention on a CPU, forward and backward, under any mask.
 *
 * SPDX-License-Identifier: Apache-2.0
 *
 * Every attention is computed in three steps, as FFTW users know them:
 *
 *   describe   attn_problem says WHAT: data type, heads, head sizes, the greatest lengths, the features in use.
 *   plan       attn_plan_create decides HOW, once: it checks the problem and chooses a kernel. A plan is immutable.
 *   execute    attn_forward and attn_backward run a plan on arrays. They allocate nothing and never print.
 *
 * The letters of this manual: B sequences, H query heads, G key/value heads (H is a multiple of G), T queries, S keys,
 * D head size of query and key, E head size of value and output. Query head h reads key/value head h / (H / G).
 *
 * What is computed, for each sequence and head (Vaswani et al. 2017, eq. 1; Dao 2023, sec. 3):
 *
 *   s_ij  = scale * q_i . k_j                            the logit
 *   s_ij  = softcap * tanh(s_ij / softcap)               if the problem has a soft-cap
 *   s_ij += - alibi_h * |i + align - j|                  if it has ALiBi slopes (Press et al. 2022)
 *   s_ij += bias_ij                                      if it has an additive bias
 *   LSE_i = log( sum over allowed j of exp(s_ij)  + exp(sink_h) )       the sink term only if there is a sink
 *   O_i   = sum over allowed j of exp(s_ij - LSE_i) * keep_ij / (1 - p) * v_j        keep and p only with dropout
 *
 * The pair (i, j) is allowed where the mask says so. Exclusion is exact: an excluded pair contributes no bit of k_j, v_j,
 * bias_ij to row i, even where those are NaN or infinite. A row with no allowed key has O = 0 and LSE = -inf (with a sink:
 * the sink's logit), and all its gradients are 0 (with a sink, dLSE goes to the sink).
 *
 * Results depend on the plan and the inputs alone: the same bits come out for any number of threads.
 */
#ifndef ATTN_H
#define ATTN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define ATTN_API     __attribute__((visibility("default")))
#define ATTN_CHECKED __attribute__((warn_unused_result))
#else
#define ATTN_API
#define ATTN_CHECKED
#endif

/* ------------------------------------------------------------------------------------------------ version */

#define ATTN_VERSION_MAJOR 0
#define ATTN_VERSION_MINOR 1
#define ATTN_VERSION_PATCH 0
#define ATTN_VERSION       (ATTN_VERSION_MAJOR * 10000 + ATTN_VERSION_MINOR * 100 + ATTN_VERSION_PATCH)

/* The version of the library that was linked; compare it with ATTN_VERSION. Thread-safe. */
ATTN_API int attn_version(void);

/* "attn 0.1.0, gcc 12.2.0, openmp, kernels: portable avx2 avx512": version, compiler, executor, instruction sets compiled in.
 * A static string. Thread-safe. */
ATTN_API const char *attn_version_string(void);

/* ------------------------------------------------------------------------------------------------- status */

/* What a call answers. 0 is success; outputs are written only on success. A user's mistake and the environment's failure
 * are statuses; a broken invariant of the library is an assert. attn_ctx_error gives the sentence. NULL for a context, plan, struct or
 * array that is needed is ATTN_EINVAL; functions that return no status need a valid object. */
typedef enum attn_status {
    ATTN_OK = 0,
    ATTN_EINVAL = 1,       /* an argument is wrong: NULL where an array is needed, a size that is negative, a stride */
    ATTN_ESHAPE = 2,       /* lengths, heads or head sizes do not fit each other, or pass the plan's capacities */
    ATTN_EUNSUPPORTED = 3, /* a legal request that this version has no kernel for; the sentence names the nearest one */
    ATTN_EMASK = 4,        /* a mask's text is wrong, or its lengths are not those of the execution */
    ATTN_EWORKSPACE = 5,   /* the workspace is missing, misaligned or too small */
    ATTN_ENOMEM = 6,       /* the context's allocator gave no memory */
    ATTN_ESYSTEM = 7,      /* the operating system refused: a thread, a file */
    ATTN_EFULL = 8         /* a cache of keys and values has too few free blocks */
} attn_status;

/* "ATTN_OK", "ATTN_EINVAL", ...; "unknown status" for another number. A static string. Thread-safe. */
ATTN_API const char *attn_status_name(attn_status status);

/* ------------------------------------------------------------------------------------------------ context */

/* A context owns what calls share: allocator, executor, log, wisdom, the text of the last error. There is no other state; two
 * contexts may disagree in everything. A context may be used from many threads at once; the last error is then that of
 * whichever call failed last. */
typedef struct attn_ctx attn_ctx;

/* One piece of a parallel loop: `index` of the loop, `worker` who runs it. */
typedef void (*attn_task_fn)(void *arg, int64_t index, int worker);

/* A parallel loop: must call task(arg, i, w) exactly once for every i in [0, count), with 0 <= w < workers, never two calls
 * at once with the same w, and return when all are done. Any order, any thread. */
typedef void (*attn_parallel_fn)(void *executor, int64_t count, int workers, attn_task_fn task, void *arg);

typedef enum attn_log_level { ATTN_LOG_ERROR = 0, ATTN_LOG_WARN = 1, ATTN_LOG_INFO = 2, ATTN_LOG_DEBUG = 3 } attn_log_level;

typedef struct attn_ctx_config {
    size_t size; /* sizeof(attn_ctx_config), set by attn_ctx_config_init */

    /* Memory: allocate returns `bytes` bytes aligned to `alignment` (a power of two, at most 4096) or NULL. Both NULL: the
     * C library's. Both or neither must be set. They may be called from any thread that calls into the context. */
    void *(*allocate)(void *user, size_t bytes, size_t alignment);
    void (*release)(void *user, void *memory);
    void *allocator_user;

    /* Threads: the caller's own parallel loop; NULL: the library's (OpenMP, pthreads or serial, as it was built). */
    attn_parallel_fn parallel;
    void *executor;
    int threads; /* greatest number of workers; 0: ATTN_THREADS if set, else one for each processor this process may use */

    /* Log: NULL is silence. The library never prints by itself. Called from any thread that calls into the context, perhaps from
     * several at once; `text` is valid until it returns. */
    void (*log)(void *user, attn_log_level level, const char *text);
    void *log_user;
} attn_ctx_config;

/* Sets every field to its default. */
ATTN_API void attn_ctx_config_init(attn_ctx_config *config);

/* Makes a context; config NULL means all defaults. *out is owned by the caller: attn_ctx_destroy. The environment variable
 * ATTN_ISA (portable, neon, avx2, avx512, avx512_bf16) forces an instruction set; one that the processor or the build lacks is ATTN_EUNSUPPORTED.
 * On failure *out is NULL and there is no context to ask, so the sentence goes to `error` (error_size bytes; may be NULL). */
ATTN_API attn_status attn_ctx_create(const attn_ctx_config *config, attn_ctx **out, char *error, size_t error_size) ATTN_CHECKED;

/* Frees a context. Every plan and mask made with it must have been destroyed before. NULL is allowed. */
ATTN_API void attn_ctx_destroy(attn_ctx *ctx);

/* The sentence of the last failed call: what, where, what to do. Empty if none failed. Copied under a lock into `text` (at most
 * text_size bytes with the final 0; 1024 hold any). Returns `text`. Thread-safe. */
ATTN_API const char *attn_ctx_error(attn_ctx *ctx, char *text, size_t text_size);

/* Greatest number of workers of this context's executor. */
ATTN_API int attn_ctx_threads(const attn_ctx *ctx);

/* The instruction set that kernels are taken from: "portable", "neon", "avx2", "avx512",
 * "avx512_bf16". A static string. */
ATTN_API const char *attn_ctx_isa(const attn_ctx *ctx);

/* -------------------------------------------------------------------------------------------------- masks */

/* A mask says which pairs (query i, key j) exist. It is an immutable value: building a mask from others keeps them alive,
 * so each may be destroyed at once. Masks may be shared by threads, and all functions of masks are thread-safe. Those that make one
 * write *out on success alone; it is owned by the caller: attn_mask_destroy. Their statuses: ATTN_EINVAL (NULL, negative lengths),
 * ATTN_EMASK (a text, a cut, a limit, lengths that do not agree), ATTN_ENOMEM.
 *
 * A mask is FREE (it holds for any lengths: full, causal, windows, their algebra) or BOUND to lengths T x S (all others, and
 * every compiled one). A free mask that is a single band (full, causal, a window, and `and` of such) can be executed as it
 * is, at any lengths. All other masks are compiled first, by attn_mask_compile: the work is then done once.
 */
typedef struct attn_mask attn_mask;

/* How the diagonal lies when T != S: query i sees itself at key i (top-left), or the last query at the last key (bottom-right). */
typedef enum attn_align { ATTN_TOP_LEFT = 0, ATTN_BOTTOM_RIGHT = 1 } attn_align;

#define ATTN_UNLIMITED INT64_MAX /* a window side or band side without limit */

/* Parses the text form of a mask, for example
 *   "full"  "causal"  "causal:bottom-right"  "sliding_window_causal:127"  "causal & (document:512,300,212 | cols:0,4)"
 * Windows count the keys beside the query's own: sliding_window_causal:127 sees 128 keys. A diagonal that does not say :top-left or
 * :bottom-right ("causal", a window) is ATTN_EMASK where it meets a sequence with T != S: no reading of it is usual enough to guess.
 * The grammar and all names are in attn-mask(7); the twelve patterns carry the names of the Long-Context Attention Benchmark.
 * On a mistake: ATTN_EMASK, and the sentence shows the text with a caret under the wrong character. `document:@FILE` reads
 * lengths from a file; one that cannot be read is ATTN_EINVAL. *out is owned by the caller. */
ATTN_API attn_status attn_mask_parse(attn_ctx *ctx, const char *text, attn_mask **out) ATTN_CHECKED;

/* A band: all pairs with low <= j - i <= high; with ATTN_BOTTOM_RIGHT, j - i - (S - T). ATTN_UNLIMITED in high, -ATTN_UNLIMITED
 * in low take a side away. full: (-ATTN_UNLIMITED, ATTN_UNLIMITED); causal: (-ATTN_UNLIMITED, 0); a window of l keys to the
 * left and r to the right of the diagonal (l + r + 1 keys): (-l, r). Free. */
ATTN_API attn_status attn_mask_band(attn_ctx *ctx, int64_t low, int64_t high, attn_align align, attn_mask **out) ATTN_CHECKED;

/* One slice of the general mask (benchmark specification, sec. 3): the rectangle of queries [q_begin, q_end) and keys
 * [k_begin, k_end), cut by low <= j - i <= high in the indices of the whole sequence. */
typedef struct attn_slice {
    int64_t q_begin, q_end, k_begin, k_end, low, high;
} attn_slice;

/* The union of `count` slices of a T x S mask. Slices may overlap. Bound to T x S. Compiling takes O(count log count) time and memory
 * while few slices share a row, as in documents, and at worst O(count^2 log count): n rectangles at random places have O(n^2)
 * intervals. A union that is not found in 2^28 steps (about ten seconds), or has more than 2^25 intervals over all rows, is ATTN_EMASK
 * when it is compiled. The array is copied. */
ATTN_API attn_status attn_mask_slices(attn_ctx *ctx, int64_t q_len, int64_t kv_len, const attn_slice *slices, int64_t count,
                                      attn_mask **out) ATTN_CHECKED;

/* Block-sparse: rows are cut at q_cuts[0..q_blocks] (q_cuts[0] = 0, q_cuts[q_blocks] = T, increasing), columns at
 * k_cuts[0..k_blocks]; block (a, b) is kept where keep[a * k_blocks + b] is not 0. Bound to T x S. O(blocks). Copied. */
ATTN_API attn_status attn_mask_blocks(attn_ctx *ctx, const int64_t *q_cuts, int64_t q_blocks, const int64_t *k_cuts, int64_t k_blocks,
                                      const uint8_t *keep, attn_mask **out) ATTN_CHECKED;

/* Top-k blocks of each query block: scores[a * k_blocks + b], the k greatest of each row are kept, ties to the lower index. */
ATTN_API attn_status attn_mask_top_blocks(attn_ctx *ctx, const int64_t *q_cuts, int64_t q_blocks, const int64_t *k_cuts, int64_t k_blocks,
                                          const float *scores, int64_t k, attn_mask **out) ATTN_CHECKED;

/* Scores of attn_mask_top_blocks from data: mean of the queries of a block times mean of the keys of a block. q is [T, D] with
 * q_stride elements between tokens, k is [S, D] with k_stride; scores [q_blocks, k_blocks] is written. O((T + S + q_blocks k_blocks) D). */
ATTN_API attn_status attn_mask_pool_scores(attn_ctx *ctx, const float *q, int64_t q_stride, const float *k, int64_t k_stride, int32_t dim,
                                           const int64_t *q_cuts, int64_t q_blocks, const int64_t *k_cuts, int64_t k_blocks,
                                           float *scores) ATTN_CHECKED;

/* A user's rule. `allowed` is asked for single pairs, `hint` (may be NULL) for whole rectangles [q0, q1) x [k0, k1) first: it
 * answers 0 none, 1 all, 2 ask for each pair. Both must be pure and are called only while compiling, from one thread. Bound. */
typedef int (*attn_mask_pair_fn)(void *user, int64_t q, int64_t k);
typedef int (*attn_mask_hint_fn)(void *user, int64_t q0, int64_t q1, int64_t k0, int64_t k1);
ATTN_API attn_status attn_mask_predicate(attn_ctx *ctx, int64_t q_len, int64_t kv_len, attn_mask_pair_fn allowed, attn_mask_hint_fn hint,
                                         void *user, attn_mask **out) ATTN_CHECKED;

/* Dense bits: pair (i, j) is allowed where bit (j % 8) of bits[i * row_bytes + j / 8] is set. Copied. Bound to T x S. */
ATTN_API attn_status attn_mask_bits(attn_ctx *ctx, int64_t q_len, int64_t kv_len, const uint8_t *bits, size_t row_bytes,
                                    attn_mask **out) ATTN_CHECKED;

/* Algebra. Free masks stay free; a bound one binds the result; two bound ones must agree in T and S. Operands stay the caller's. */
ATTN_API attn_status attn_mask_and(attn_ctx *ctx, const attn_mask *a, const attn_mask *b, attn_mask **out) ATTN_CHECKED;
ATTN_API attn_status attn_mask_or(attn_ctx *ctx, const attn_mask *a, const attn_mask *b, attn_mask **out) ATTN_CHECKED;
ATTN_API attn_status attn_mask_not(attn_ctx *ctx, const attn_mask *a, attn_mask **out) ATTN_CHECKED;

/* One mask for each sequence and head: masks[b * heads + h], b in [0, batch), h in [0, heads). An extent of 1 is shared by all.
 * `heads` is 1, the number of key/value heads G, or the number of query heads H of the problem. Sequences may differ in
 * lengths. Every mask must be compiled or executable as it is. */
ATTN_API attn_status attn_mask_stack(attn_ctx *ctx, int64_t batch, int32_t heads, const attn_mask *const *masks,
                                     attn_mask **out) ATTN_CHECKED;

/* Compiles a mask for T queries and S keys: rows, columns and a tile map, so that execution skips what is empty and tests
 * only what is partial. Static patterns, bands and their algebra (at most 256 intervals a row) take time and memory
 * proportional to their pieces; what does not fit is held as a tile map with bitmaps for partial 64 x 64 tiles only. A bound mask must be
 * given its own T and S. *out is bound to T x S. */
ATTN_API attn_status attn_mask_compile(attn_ctx *ctx, const attn_mask *mask, int64_t q_len, int64_t kv_len, attn_mask **out) ATTN_CHECKED;

/* The same into memory of the caller: attn_mask_compile_size states the bytes (an upper bound), `memory` is aligned to 64. The
 * result is valid as long as the memory; destroying it frees nothing. */
ATTN_API attn_status attn_mask_compile_size(attn_ctx *ctx, const attn_mask *mask, int64_t q_len, int64_t kv_len,
                                            size_t *bytes) ATTN_CHECKED;
ATTN_API attn_status attn_mask_compile_into(attn_ctx *ctx, const attn_mask *mask, int64_t q_len, int64_t kv_len, void *memory, size_t bytes,
                                            attn_mask **out) ATTN_CHECKED;

/* Cuts a compiled mask by the rectangle of queries [q0, q1) and keys [k0, k1); indices of the result begin at 0. */
ATTN_API attn_status attn_mask_cut(attn_ctx *ctx, const attn_mask *mask, int64_t q0, int64_t q1, int64_t k0, int64_t k1,
                                   attn_mask **out) ATTN_CHECKED;

/* Frees a mask. NULL is allowed. */
ATTN_API void attn_mask_destroy(attn_mask *mask);

/* Questions to a compiled mask (of a stack: to its first member). One that is not compiled answers -1, and its lengths are -1
 * if it is free. An area beyond 2^63 - 1 is INT64_MAX. */
ATTN_API void attn_mask_lengths(const attn_mask *mask, int64_t *q_len, int64_t *kv_len);
ATTN_API int64_t attn_mask_area(const attn_mask *mask);                     /* number of allowed pairs */
ATTN_API int attn_mask_allows(const attn_mask *mask, int64_t q, int64_t k); /* 1 or 0 */
ATTN_API size_t attn_mask_bytes(const attn_mask *mask);                     /* memory held */

/* Keys of row q (queries of column k) as sorted disjoint half-open intervals; writes at most `capacity` pairs begin, end into
 * `intervals` and returns how many there are. */
ATTN_API int64_t attn_mask_row(const attn_mask *mask, int64_t q, int64_t *intervals, int64_t capacity);
ATTN_API int64_t attn_mask_column(const attn_mask *mask, int64_t k, int64_t *intervals, int64_t capacity);

/* Class of a rectangle: 0 empty, 1 full, 2 partial. */
ATTN_API int attn_mask_tile(const attn_mask *mask, int64_t q0, int64_t q1, int64_t k0, int64_t k1);

/* The canonical text of a mask that was built from text or bands ("?" for the parts that have none). Writes at most size bytes
 * with the final 0, returns the bytes needed without it. */
ATTN_API size_t attn_mask_text(const attn_mask *mask, char *text, size_t size);

/* ------------------------------------------------------------------------------------------------ problem */

/* Of these enums version 0.1 has kernels for all data types (ATTN_F64 through the reference kernel), all scores
 * (ATTN_SCORE_ADDITIVE: float32 and float64) and ATTN_SOFTMAX; the other values are ATTN_EUNSUPPORTED, by name.
 *
 * bfloat16 (1 sign, 8 exponent, 7 fraction bits) and float16 (IEEE 754 binary16) are types of storage: every number is taken exactly, all
 * sums are float32, and an output is rounded once, to nearest, ties to even. What passes float16's range, 65504, becomes infinite. LSE and
 * its gradient, bias, slopes and sinks and their gradients are float32. All arithmetic is float32, but for the kernel "flash-pairs": it
 * rounds weights and the gradients of logits to bfloat16 before it multiplies them, and takes denormal numbers (below 2^-126) as 0.
 *
 * ATTN_Q8_0 stores keys and values only (attn_problem.kv_dtype): blocks of 32 numbers along the head dimension, each 34 bytes without
 * padding between, a float16 scale and then 32 signed bytes; the number is scale * byte. It is the layout that ggml calls q8_0. With the
 * instruction set avx512_bf16, logits take queries as bytes too: of each 32 numbers, in float, x becomes round(x * 127 / m) * m / 127 where m is
 * the greatest |x|; a query with a NaN or an infinity has a row of NaN. Other sets take queries as they are; weights and values are float always. */
typedef enum attn_dtype {
    ATTN_DTYPE_SAME = -1, /* as problem.dtype; of o_dtype, grad_dtype and kv_dtype alone */
    ATTN_F32 = 0,
    ATTN_F64 = 1,
    ATTN_BF16 = 2,
    ATTN_F16 = 3,
    ATTN_Q8_0 = 4
} attn_dtype;

/* Order of the axes of a contiguous array; strides in the arguments override it.
 *   ATTN_BHTD  [batch, head, token, dim]      ATTN_BTHD  [batch, token, head, dim]
 *   ATTN_THD   [token, head, dim]: sequences packed one after the other, cut by cumulative lengths. Nothing is seen across a cut, and
 *              every sequence counts its tokens from 0: the same mask is laid on each, none is needed for the cutting itself */
typedef enum attn_layout { ATTN_BHTD = 0, ATTN_BTHD = 1, ATTN_THD = 2 } attn_layout;

/* How much a query likes a key.
 *   ATTN_SCORE_DOT            scale * q_i . k_j
 *   ATTN_SCORE_ADDITIVE       scale * w_h . tanh(q_i + k_j), q and k projected already, scale 1 by default: the pointer (Vinyals et al. 2015,
 *              eq. 3), whose output is the weights themselves, with args.weights; O of the glimpse on demand, with both args.v and args.o,
 *              else neither. Of the features it has ATTN_BACKWARD alone; no soft-cap, no ATTN_ACCUMULATE_O; masks, layouts, lengths and
 *              grouped heads as for the dot product. attn_backward does not read args.o, and of d_o and d_weights takes what is given; d_o
 *              goes with args.v and dv. The kernel "pointer" computes tanh to 3.6e-7 of itself, exactly +-1 from 9.02 on
 *   ATTN_SCORE_LEARNED_QUERY  scale * q_h . k_j: one query for each head, the same in all rows; row i sees the keys 0 to i. O is the scan
 *              of the prefixes (Feng et al. 2024, "Attention as an RNN"), T = S, computed in O(T (D + E)) both ways, without overflow at
 *              scores of any size. q and dq are [H,D]: strides batch (default 0: one query for all sequences, dq is their sum), head,
 *              unused, dim, in every layout. Lengths, starts and cumulative lengths of keys that are not given are those of queries. Of
 *              the features it has ATTN_BACKWARD alone; no soft-cap, no mask, no ATTN_ACCUMULATE_O. Offsets have no effect. */
typedef enum attn_score { ATTN_SCORE_DOT = 0, ATTN_SCORE_ADDITIVE = 1, ATTN_SCORE_LEARNED_QUERY = 2 } attn_score;
typedef enum attn_weighting { ATTN_SOFTMAX = 0, ATTN_SIGMOID = 1, ATTN_RAW = 2 } attn_weighting;

/* How a plan chooses its kernel where the problem does not name one.
 *   ATTN_ESTIMATE  by a cost model: at once, the same on every machine of a kind, whatever the context knows
 *   ATTN_MEASURE   by the context's wisdom; where that has nothing for the problem, by timing the kernels on arrays of its own, which
 *                  takes up to measure_seconds and becomes wisdom
 *   ATTN_WISDOM    by the context's wisdom; where that has nothing, by the cost model. Nothing is timed
 * A kv_dtype of its own and pages are always chosen for by the cost model */
typedef enum attn_effort { ATTN_ESTIMATE = 0, ATTN_MEASURE = 1, ATTN_WISDOM = 2 } attn_effort;

/* Features, or-ed into attn_problem.features. What is not announced here is refused at execution. */
enum {
    ATTN_BACKWARD = 1,    /* attn_backward will be called */
    ATTN_ALIBI = 2,       /* slopes are given */
    ATTN_BIAS = 4,        /* an additive bias is given; see bias_broadcast */
    ATTN_SINK = 8,        /* a sink logit for each query head is given */
    ATTN_DROPOUT = 16,    /* attn_problem.dropout is in force */
    ATTN_DIM_STRIDE = 32, /* an array has a stride other than 1 along the head dimension: costs a copy through the workspace */
    ATTN_BIAS_GRAD = 64   /* attn_backward returns the gradient of the bias */
};

/* Axes over which the bias is shared (its stride there is 0, its extent 1); or-ed into bias_broadcast. */
enum { ATTN_SHARE_BATCH = 1, ATTN_SHARE_HEAD = 2, ATTN_SHARE_QUERY = 4, ATTN_SHARE_KEY = 8 };

typedef struct attn_problem {
    size_t size; /* sizeof(attn_problem), set by attn_problem_init */

    attn_dtype dtype;         /* of q, k, v, dO, and of o, dq, dk, dv where o_dtype, grad_dtype do not say otherwise. Default ATTN_F32 */
    attn_layout layout;       /* default ATTN_BHTD */
    attn_score score;         /* default ATTN_SCORE_DOT */
    attn_weighting weighting; /* default ATTN_SOFTMAX */
    uint32_t features;        /* default 0 */

    int32_t heads;    /* H; no default: must be set */
    int32_t kv_heads; /* G; default -1: as many as heads */
    int32_t dim;      /* D; no default: must be set; any size from 1 up */
    int32_t v_dim;    /* E; default -1: as dim */

    int64_t batch;     /* capacity: sequences. Default 1 */
    int64_t q_len;     /* capacity: queries of a sequence (the longest one, also of ATTN_THD); must be set */
    int64_t kv_len;    /* capacity: keys of a sequence; default -1: as q_len */
    int64_t q_tokens;  /* capacity, ATTN_THD: queries of all sequences; default -1: batch * q_len */
    int64_t kv_tokens; /* capacity, ATTN_THD: keys of all sequences; default -1: batch * kv_len (of a learned query q_tokens) */

    double scale;            /* default NaN: 1 / sqrt(dim); 1 with ATTN_SCORE_ADDITIVE */
    double softcap;          /* default INFINITY: none; else > 0 */
    double dropout;          /* probability of dropping, in [0, 1); read with ATTN_DROPOUT. Default 0 */
    attn_align alibi_align;  /* where ALiBi's distance 0 lies when T != S. Default ATTN_BOTTOM_RIGHT */
    uint32_t bias_broadcast; /* default 0: the bias is [B, H, T, S] */

    int threads;        /* greatest number of workers of an execution, at most the context's; 0 (default): the context's */
    attn_effort effort; /* default ATTN_ESTIMATE */
    const char *kernel; /* NULL (default): the planner chooses; else a kernel's name: "flash", "flash32", "flash-pairs", "decode", "naive";
                           of the additive score "pointer", "naive"; of a learned query "scan", "scan-serial", "scan-hillis-steele", "scan-blelloch", "naive"; or with its instruction set: "flash/avx512" */

    double measure_seconds; /* of ATTN_MEASURE: greatest time for a plan. Default 1; INFINITY: no limit */

    /* Types of o and of dq, dk, dv; with ATTN_BF16 and ATTN_F16 they may be ATTN_F32. That is for partial results, which ATTN_ACCUMULATE_*
     * add up: in 16 bits each part would be rounded anew. Default ATTN_DTYPE_SAME: as dtype */
    attn_dtype o_dtype, grad_dtype;

    /* What keys and values are stored in, where it is not dtype: with ATTN_F32 also ATTN_BF16, ATTN_F16 and ATTN_Q8_0 (dim and v_dim
     * multiples of 32). Queries and outputs are of dtype; the stored numbers are taken as they are, exactly (queries are not always: see
     * ATTN_Q8_0). Forward only. Default ATTN_DTYPE_SAME */
    attn_dtype kv_dtype;
    /* Paged keys and values: k and v are pools of blocks of so many tokens, which attn_args.block_table gives to the sequences. Results are
     * to the bit those of the same keys side by side. Forward only, of dtype ATTN_F32; not with ATTN_THD. Default 0: not paged */
    int32_t block_tokens;
} attn_problem;

/* Sets every field to the defaults above. */
ATTN_API void attn_problem_init(attn_problem *problem);

/* --------------------------------------------------------------------------------------------------- plan */

/* Immutable; may be executed by many threads at once, each with a workspace of its own. */
typedef struct attn_plan attn_plan;

/* Checks the problem and chooses a kernel. Under 10 us for small problems, but with ATTN_MEASURE. *out is owned by the caller. A mistake is
 * ATTN_EINVAL, ATTN_ESHAPE or ATTN_EUNSUPPORTED with a sentence that names field, value and the nearest supported case. Thread-safe.
 *
 * Measuring runs the kernels in turns, forward and, if announced, backward, without a mask, on contiguous arrays of random numbers at the
 * capacities, on one thread: the choice is for any number of threads, and so are the results. A kernel that the cost model predicts to be
 * 8 times slower than the best is not run. The model's choice stays unless another is faster by more than the spread of the times. Arrays
 * and workspace (256 MiB at most) come from the context's allocator and are freed before the call returns; ATTN_ENOMEM if there is no
 * memory. A problem that takes too much time or memory is measured smaller: with fewer sequences, then fewer heads, then shorter. What
 * decided is printed by attn_plan_text. Do nothing else meanwhile with the processor; a plan for which even the least shape takes
 * longer than measure_seconds ends with the run that passes it. */
ATTN_API attn_status attn_plan_create(attn_ctx *ctx, const attn_problem *problem, attn_plan **out) ATTN_CHECKED;

/* Frees a plan. NULL is allowed. */
ATTN_API void attn_plan_destroy(attn_plan *plan);

/* Bytes of workspace that one execution needs (forward or backward, whichever needs more). A multiple of 64, so that
 * aligned_alloc(64, bytes) serves. 0: none is needed, and args->workspace may be NULL. Nothing in it must be kept between executions. */
ATTN_API size_t attn_plan_workspace(const attn_plan *plan);

/* The plan in words: kernel, tiles, work at the capacities, workspace and its formula, why. Writes at most size bytes with the final 0,
 * returns the bytes needed without it. Thread-safe. */
ATTN_API size_t attn_plan_text(const attn_plan *plan, char *text, size_t size);

/* Name ("flash") and instruction set ("avx512") of the chosen kernel. Static strings. */
ATTN_API const char *attn_plan_kernel(const attn_plan *plan);
ATTN_API const char *attn_plan_isa(const attn_plan *plan);

/* ------------------------------------------------------------------------------------------------- wisdom */

/* What measuring chose is kept in the context: its wisdom. It is text, to be read, shared, joined by concatenation, and corrected by
 * deleting lines. A line is an entry, or a comment that begins with #:
 *
 *   0.1.0 | AMD EPYC, family 26, model 2 | avx512 | f32 bhtd heads 8:8 dim 64:64 batch 1 len 512:512 | flash/avx512 | whole | flash/avx512 ...
 *
 * version of the library, processor, instruction set, problem, kernel, what was measured ("whole", or the reduced shape), times. The
 * problem is a class: all features, data type, layout, heads and head sizes as they are, lengths and batch rounded up to three binary
 * digits (..., 448, 512, 640, ...). ATTN_MEASURE and ATTN_WISDOM use an entry if its first four fields are theirs and its times
 * name the kernels that this library has for the problem: an entry that a new kernel has made stale is measured again.
 *
 * Entries of other versions, processors and instruction sets, and of unknown kernels, are kept and not used; a line that is malformed is
 * left out. The log callback is told of both (ATTN_LOG_INFO; ATTN_LOG_WARN, with the number of the line). Of two entries with the
 * same first four fields the later one holds. Limits: 1 MiB, 4096 lines, 1024 bytes a line. All functions are thread-safe. */

/* Writes the wisdom: at most size bytes with the final 0; returns the bytes needed without it, 0 if there is none. */
ATTN_API size_t attn_wisdom_export(attn_ctx *ctx, char *text, size_t size);

/* Adds wisdom to the context's. Statuses: ATTN_EINVAL (NULL, a limit passed), ATTN_ENOMEM; nothing is changed then. */
ATTN_API attn_status attn_wisdom_import(attn_ctx *ctx, const char *text, size_t bytes) ATTN_CHECKED;

/* Adds the wisdom of a file. Statuses: those of attn_wisdom_import; ATTN_EINVAL for a file that cannot be opened, ATTN_ESYSTEM for one
 * that cannot be read. */
ATTN_API attn_status attn_wisdom_load(attn_ctx *ctx, const char *path) ATTN_CHECKED;

/* Writes the wisdom to a file: a temporary one beside it, synced, then renamed, so that `path` holds either what it held or all of it.
 * To keep what another process has saved meanwhile, export, load the file, import what was exported (the later entry for a problem holds), save.
 * Statuses: ATTN_EINVAL (the path), ATTN_ESYSTEM, ATTN_ENOMEM. */
ATTN_API attn_status attn_wisdom_save(attn_ctx *ctx, const char *path) ATTN_CHECKED;

/* Forgets all wisdom of the context. Plans stay as they are. */
ATTN_API void attn_wisdom_forget(attn_ctx *ctx);

/* ------------------------------------------------------------------------------------------------ execute */

/* An array to read, or to write, aligned to its elements. Inputs may overlap, k and v may be the same array; an output must not overlap
 * any other array of the call: one that begins where another does is refused, other overlaps are not noticed. Strides are counted in
 * elements, at least 0, along batch, head, token, dim. All four 0: contiguous in the problem's layout, with the lengths of this
 * execution; as soon as one is set, all four are meant as they are. The batch stride of ATTN_THD is not used. Tokens that belong to no
 * sequence (padding) are neither read nor written. */
typedef struct attn_input {
    const void *data;
    int64_t stride[4];
} attn_input;
typedef struct attn_output {
    void *data;
    int64_t stride[4];
} attn_output;

/* What forward and backward share. Set by attn_args_init; then fill in q, k, v and what the problem has announced. */
typedef struct attn_args {
    size_t size; /* sizeof(attn_args), set by attn_args_init */

    attn_input q, k, v; /* [B,H,T,D] [B,G,S,D] [B,G,S,E] in the problem's layout and dtype */
    attn_output o;      /* [B,H,T,E], in o_dtype; read by attn_backward */
    attn_output lse; /* float (double for ATTN_F64) [B,H,T] in both padded layouts, packed [H,tokens]; strides batch, head, token, unused.
                           NULL: not wanted by forward; needed by backward and by ATTN_ACCUMULATE_O */

    int64_t batch;                       /* sequences of this execution; -1 (default): the problem's */
    int64_t q_len, kv_len;               /* lengths of the arrays' token axes (not ATTN_THD); -1 (default): the problem's */
    const int32_t *q_lens, *kv_lens;     /* [batch] lengths of each sequence (not ATTN_THD); NULL: q_len, kv_len */
    const int32_t *q_starts, *kv_starts; /* [batch] first token of each sequence (left padding: T - length; not ATTN_THD); NULL: 0 */
    const int32_t *cu_q, *cu_kv;         /* ATTN_THD: [batch + 1] cumulative lengths, from 0; both, the same array in self-attention */

    /* NULL: full. Its query 0 and key 0 are the first ones of each sequence, wherever starts or cumulative lengths put them. */
    const attn_mask *mask;

    /* A part of longer sequences: local query i is global i + q_offset, local key j is j + kv_offset, in masks, ALiBi, bias and
     * dropout; global lengths -1 (default): offset + local length. For bottom-right alignment they must be given, unless the
     * part is the last one (with ALiBi always). */
    int64_t q_offset, kv_offset, global_q_len, global_kv_len;
    int64_t batch_offset; /* added to the sequence's, head_offset to the head's number in dropout's counter. The counter holds 32 bits of
                             query, sequence and head, 34 of key: beyond, the pattern repeats */
    int32_t head_offset;

    attn_input alibi; /* float [H], strides: batch, head (default 0, 1) */
    attn_input bias;  /* float, strides: batch, head, query, key in global indices; all 0: contiguous over the axes that are not shared,
                         of the global lengths; where those are -1, of offset + q_len, kv_len (ATTN_THD: the problem's) */
    attn_input sink;  /* float [H], strides: batch, head (default 0, 1); NULL data: this execution has no sink (ring parts) */
    uint64_t seed;    /* of dropout */

    uint32_t accumulate; /* ATTN_ACCUMULATE_*; default 0 */

    void *workspace; /* attn_plan_workspace bytes, aligned to 64; not read by attn_weights, attn_run */
    size_t workspace_bytes;

    /* Paged (problem.block_tokens): k and v are [blocks, G, block_tokens, D] and E in the problem's layout, the axis of blocks in the place of
     * the batch. Token j of sequence b is token j % block_tokens of block block_table[b * max_blocks + j / block_tokens]; entries before the
     * block of its kv_starts and beyond kv_starts + kv_lens are not read. Sequences may share blocks. */
    const int32_t *block_table;
    int64_t max_blocks; /* of a sequence; -1 (default): as many as problem.kv_len needs */
    int64_t blocks;     /* in the pools; must be set where block_table is */
    /* ATTN_SCORE_LEARNED_QUERY: O and LSE of the tokens before each sequence, such as the last rows of the piece before it (a stride of 0
     * along token); both or neither. [B,H,E] of the type of o and [B,H] of that of lse; strides batch, head, unused, dim. LSE = -inf: no
     * tokens, O is not read. */
    attn_input state_o, state_lse;

    attn_input w; /* ATTN_SCORE_ADDITIVE: [H,D] in the problem's dtype; strides batch (default 0: shared), head, unused, dim */
    /* ATTN_SCORE_ADDITIVE: exp(s_ij - LSE_i), in the problem's dtype [B,H,T,S], packed [H,tokens,kv_len of the problem]; strides batch,
     * head, query, key. Keys count from the sequence's first; where a pair is excluded, and behind the last key, 0. Not read by
     * attn_backward. NULL: not wanted */
    attn_output weights;
} attn_args;

/* What is added to what is there, instead of being set. An output of 16 bits is read, added to in float32, and rounded again.
 *   ATTN_ACCUMULATE_O     attn_forward merges its result into O and LSE, as attn_merge (before the first part: O = 0, LSE = -inf, or leave
 *                         the flag away for that part). Without meaning for attn_backward, which reads O and LSE as they are
 *   ATTN_ACCUMULATE_DQ, _DK, _DV    attn_backward adds to dq, dk, dv; ATTN_ACCUMULATE_REST to dbias, dalibi, dsink, dstate and dw. Without meaning for
 *                         attn_forward */
enum { ATTN_ACCUMULATE_O = 1, ATTN_ACCUMULATE_DQ = 2, ATTN_ACCUMULATE_DK = 4, ATTN_ACCUMULATE_DV = 8, ATTN_ACCUMULATE_REST = 16 };

/* What attn_backward reads and writes besides. Set by attn_gradients_init; d_o, dq, dk and dv must be given, with ATTN_BIAS_GRAD dbias
 * too. */
typedef struct attn_gradients {
    size_t size; /* sizeof(attn_gradients), set by attn_gradients_init */

    attn_input d_o;   /* gradient of O; as o, in problem.dtype */
    attn_input d_lse; /* gradient of LSE; as lse; data NULL: 0 */

    attn_output dq, dk, dv; /* as q, k, v, in grad_dtype */
    attn_output dbias;      /* as bias, summed over the shared axes; with ATTN_BIAS_GRAD. Elements of no pair are set to 0 */
    attn_output dalibi;     /* float [H], strides batch, head; batch stride 0: summed over sequences. NULL: not wanted */
    attn_output dsink;      /* the same */

    /* ATTN_SCORE_LEARNED_QUERY: gradients of args.state_o, in grad_dtype, and state_lse, shaped as those; NULL: not wanted. To go on backward in
     * the piece before, give them to it as d_last_o and d_last_lse. */
    attn_output dstate_o, dstate_lse;
    /* ATTN_SCORE_LEARNED_QUERY: what comes in from the piece behind: added to d_o and d_lse of each sequence's last row. Types, shapes and strides
     * are those of dstate_o and dstate_lse; NULL: 0. A sequence without a token does not read them. */
    attn_input d_last_o, d_last_lse;

    attn_input d_weights; /* ATTN_SCORE_ADDITIVE: gradient of args.weights, as those; of excluded pairs not read. NULL: 0 */
    attn_output dw;       /* as w; batch stride 0: summed over sequences. NULL: not wanted */
} attn_gradients;

ATTN_API void attn_args_init(attn_args *args);
ATTN_API void attn_gradients_init(attn_gradients *gradients);

/* What an execution needs, and how long it should take, before it runs. */
typedef struct attn_estimate {
    size_t size; /* sizeof(attn_estimate), set by attn_estimate_init */

    /* In: FLOP/s that this machine reaches on one core in long dense forward passes (`attn bench kernels` measures it). 0 (default): the
     * rate that the kernel's costs were measured at, on a server core of the Zen 4 generation, or Zen 5 where cores are as wide. */
    double flops_per_second;

    /* Out. */
    int64_t pairs;                                  /* allowed pairs of all sequences and query heads; INT64_MAX if there are more */
    double forward_flops, backward_flops;           /* 2 (D + E) and 2 (3 D + 2 E) for each pair; learned query: for each row */
    double forward_bytes, backward_bytes;           /* q, k, v, o, lse, bias and, backward, dO and the gradients, each element once */
    int64_t tile_queries, tile_keys;                /* tiles that the kernel's forward pass computes pairs in */
    int64_t tiles_full, tiles_partial, tiles_empty; /* of all sequences and heads; those at the end of a sequence may be shorter */
    double forward_seconds, backward_seconds;       /* on one core; backward 0 without ATTN_BACKWARD */
} attn_estimate;

/* Sets every field to its default. */
ATTN_API void attn_estimate_init(attn_estimate *estimate);

/* Predicts the execution of a plan with these arguments; lengths, offsets and mask are read, arrays may be NULL. The model: seconds =
 * call + head * heads of all sequences + row * rows + pairs in full and partial tiles * (pair + element * (D + E)), with constants measured for each kernel and
 * instruction set; the plan chose its kernel by it. It leaves out soft-cap, ALiBi, bias and dropout, and threads: divide by their
 * number. Allocates nothing. Time grows with the partial tiles of a mask and, with its pieces, as their logarithm. Thread-safe.
 * Statuses: ATTN_EINVAL, ATTN_ESHAPE, ATTN_EMASK as attn_forward. */
ATTN_API attn_status attn_plan_estimate(const attn_plan *plan, const attn_args *args, attn_estimate *out) ATTN_CHECKED;

/* Computes O and LSE. 2 (D + E) multiply-add FLOPs for each allowed pair and head. Thread-safe with a workspace for each call.
 * Statuses: ATTN_EINVAL, ATTN_ESHAPE (beyond the capacities), ATTN_EMASK (the mask's lengths), ATTN_EWORKSPACE. */
ATTN_API attn_status attn_forward(const attn_plan *plan, const attn_args *args) ATTN_CHECKED;

/* Computes the gradients from q, k, v, o, lse and dO (Dao 2023, alg. 2); o and lse are the whole row's, also when keys are split.
 * All else in args is what attn_forward was given: mask, seed, offsets. 2 (3 D + 2 E) FLOPs for each allowed pair and head: 2.5 times
 * forward where D = E. Thread-safe with a workspace for each call. Statuses: those of attn_forward; ATTN_EINVAL if the problem lacks
 * ATTN_BACKWARD. */
ATTN_API attn_status attn_backward(const attn_plan *plan, const attn_args *args, const attn_gradients *gradients) ATTN_CHECKED;

/* Exact weights exp(s_ij - LSE_i) of the rows [q0, q0 + rows) of one sequence and head, without dropout, from q, k and args->lse:
 * weights[r * S + j] is the weight of key j in row q0 + r, both counted from the sequence's first token, S the sequence's number of keys;
 * excluded pairs are 0. Float (double for ATTN_F64), rows * S of them. args->v, args->o and the workspace may be NULL. O(rows * S * D). */
ATTN_API attn_status attn_weights(const attn_plan *plan, const attn_args *args, int64_t sequence, int32_t head, int64_t q0, int64_t rows,
                                  void *weights) ATTN_CHECKED;

/* Merges a partial result over other keys into (o, lse): rows of E floats, o_stride and part_stride elements apart
 *   LSE = log(exp(lse) + exp(part_lse));  O = exp(lse - LSE) o + exp(part_lse - LSE) part_o.
 * Both -inf stay -inf with O = 0. Thread-safe on disjoint rows. */
ATTN_API attn_status attn_merge(attn_ctx *ctx, int64_t rows, int32_t v_dim, float *o, int64_t o_stride, float *lse, const float *part_o,
                                int64_t part_stride, const float *part_lse) ATTN_CHECKED;

/* Plans, compiles the mask for the lengths of each sequence where it cannot be executed as it is, allocates, executes once. gradients
 * NULL: forward only, else the problem must announce ATTN_BACKWARD and args->lse must be given; both passes are checked before
 * anything is written. args->workspace is not used. For the quick start, and where time does not matter. Statuses: those of
 * attn_plan_create, attn_mask_compile, attn_forward and attn_backward. Thread-safe. */
ATTN_API attn_status attn_run(attn_ctx *ctx, const attn_problem *problem, const attn_args *args,
                              const attn_gradients *gradients) ATTN_CHECKED;

/* ---------------------------------------------------------------------------------------------- utilities */

/* Padded batches: valid[b * T + t] is not 0 for the tokens of sequence b. Writes cumulative lengths cu[batch + 1] and, for each valid
 * token in order, its place b * T + t into index (capacity batch * T; may be NULL). Left, right and scattered padding alike. ATTN_ESHAPE if
 * batch * T passes 2^31 - 1. Thread-safe. */
ATTN_API attn_status attn_cu_from_padding(attn_ctx *ctx, const uint8_t *valid, int64_t batch, int64_t tokens, int32_t *cu,
                                          int64_t *index) ATTN_CHECKED;

/* A table of what this build and machine support: one line for each kernel, instruction set and data type, and whether it is usable
 * here. Writes at most size bytes with the final 0, returns the bytes needed without it. */
ATTN_API size_t attn_support_text(const attn_ctx *ctx, char *text, size_t size);

#ifdef __cplusplus
}
#endif

#include "attn_cache.h"  /* keys and values of growing sequences, in pages */
#include "attn_search.h" /* exact top-k search */
#include "attn_stream.h" /* constant-memory streams of a learned query */

#endif
