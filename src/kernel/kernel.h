/* What a schedule is given, and the table of schedules. Everything here was checked by the plan: kernels only assert. */
#ifndef ATTN_KERNEL_KERNEL_H
#define ATTN_KERNEL_KERNEL_H

#include "base/context.h"
#include "base/cpu.h"
#include "mask/view.h"

/* The part of a problem that a kernel plans on; defaults are filled in. */
struct attn_shape {
    attn_dtype dtype;
    attn_dtype kv_dtype;  /* of stored keys and values, never ATTN_DTYPE_SAME */
    int32_t block_tokens; /* 0: not paged */
    attn_score score;
    attn_dtype o_dtype, grad_dtype; /* never ATTN_DTYPE_SAME */
    bool packed;                    /* ATTN_THD */
    uint32_t features;              /* ATTN_BACKWARD, ... */
    int32_t heads, kv_heads;        /* H, G */
    int32_t dim, v_dim;             /* D, E */
    int64_t batch;                  /* capacities */
    int64_t q_len, kv_len, q_tokens, kv_tokens;
    double scale, softcap, dropout; /* softcap INFINITY: none */
    attn_align alibi_align;
    uint32_t bias_broadcast;
    int threads; /* workers of an execution, >= 1 */
};

/* An array: strides in elements, batch, head, token, dim (bias: batch, head, query, key). data NULL: absent. */
struct attn_array {
    const void *data;
    int64_t b, h, t, d;
    attn_dtype type;
};
struct attn_array_out {
    void *data;
    int64_t b, h, t, d;
    attn_dtype type;
};

static inline size_t attn_dtype_bytes(attn_dtype type) {
    return type == ATTN_F64 ? sizeof(double) : type == ATTN_F32 ? sizeof(float) : sizeof(uint16_t);
}
static inline bool attn_dtype_is_half(attn_dtype type) {
    return type == ATTN_BF16 || type == ATTN_F16;
}

/* One execution, resolved. */
struct attn_exec {
    attn_ctx *ctx;                      /* for attn_parallel and its instruction sets */
    const struct attn_convert *convert; /* of arrays of 16-bit types */
    const struct attn_shape *shape;
    const attn_mask *mask;
    struct attn_array q, k, v, alibi, bias, sink, d_o, d_lse; /* alibi, sink: b, h */
    struct attn_array_out o, lse, dq, dk, dv, dbias, dalibi, dsink;
    struct attn_array state_o, state_lse; /* ATTN_SCORE_LEARNED_QUERY: what lies before each sequence; strides b, h, d */
    struct attn_array_out dstate_o, dstate_lse;
    struct attn_array d_last_o, d_last_lse; /* more gradient of the last row of each sequence */
    /* Of a scan over ranks, whose states keep m and c apart (kernel/scan/scan_ops.h), as an LSE of 1e4 would lose what c says: state_lse is m,
     * state_c c, of the type of lse; end_m, end_c and end_o are the state behind each sequence. Else absent. */
    struct attn_array state_c;
    struct attn_array_out end_o, end_m, end_c;
    int64_t batch;
    int64_t q_len, kv_len;
    const int32_t *q_lens, *kv_lens, *q_starts, *kv_starts, *cu_q, *cu_kv;
    int64_t q_offset, kv_offset, global_q_len, global_kv_len; /* -1: offset + local length */
    const int32_t *block_table;                               /* NULL: not paged; else k and v are pools, k.b and v.b strides of blocks */
    int64_t block_table_stride, blocks;                       /* blocks: in the pools */
    int64_t batch_offset;
    int32_t head_offset;
    uint64_t seed;
    uint32_t accumulate;
    void *workspace;                /* aligned to 64, as large as the kernel stated */
    struct attn_array w, d_weights; /* ATTN_SCORE_ADDITIVE: w b, h, d; weights batch, head, query, key */
    struct attn_array_out weights, dw;
};

/* Sequence b: where its tokens begin (row of the token axis, to be multiplied by a token stride) and how many there are. The batch
 * stride is applied as well: element (b, h, i, c) of q is q.data[b * q.b + h * q.h + (q_row + i) * q.t + c * q.d]; q.b is 0 when packed.
 * LSE has the rows of q. */
struct attn_seq {
    int64_t q_row, q_len, k_row, k_len;
    int64_t global_q, global_k; /* global lengths, for alignment */
};
struct attn_seq attn_exec_seq(const struct attn_exec *x, int64_t b);

/* The mask of sequence b and query head h. */
void attn_exec_view(const struct attn_exec *x, int64_t b, int32_t h, const struct attn_seq *s, struct attn_mask_view *view);

/* Distance 0 of ALiBi: the term is -slope * |i + q_offset + shift - (j + kv_offset)|. */
int64_t attn_exec_alibi_shift(const struct attn_exec *x, const struct attn_seq *s);

/* Dropout: is pair (i, j) (global indices) kept? Counter: (i, j / 4, head, sequence), key: seed, word j % 4 against p. `head` and
 * `sequence` include the offsets. attn_dropout_words gives bit r of words[j - j0] for the rows i0 + r, r < lanes <= 32. */
bool attn_dropout_keeps(uint64_t seed, double p, int64_t sequence, int32_t head, int64_t i, int64_t j);
void attn_dropout_words(uint64_t seed, double p, int64_t sequence, int32_t head, int64_t i0, int lanes, int64_t j0, int64_t j1,
                        uint32_t *words);

/* What kernels may rely on: batch strides are 0 when packed; absent arrays are NULL (sink and dsink are absent together); offsets,
 * lengths and capacities were checked. Without ATTN_ACCUMULATE_REST, dbias, dalibi and dsink were set to 0 before the call: kernels
 * ADD to them, in an order that does not depend on the threads. dbias element of pair (i, j): global indices i + q_offset,
 * j + kv_offset; strides of shared axes are 0. Rows of no sequence are neither read nor written; rows of dk and dv that no query
 * sees are set to 0 (or kept, with their accumulate flag).
 *
 * ATTN_SCORE_LEARNED_QUERY: the token strides of q and dq are 0, there is no mask (attn_exec_view gives the causal one), and a sequence
 * has as many keys as queries. dq (batch stride 0: summed over sequences) and dstate are treated as dbias is: kernels ADD.
 * d_last_o is of the type of the gradients. o may be absent forward, where only end_o, end_m and end_c are wanted; lse is then absent too.
 *
 * ATTN_SCORE_ADDITIVE: dw (batch stride 0: summed over sequences) likewise. v, o, d_o and dv are absent together; rows of weights have kv_len
 * columns. */

/* What a pass costs on one core, in nanoseconds, over the query heads of all sequences, their rows and the pairs that are computed:
 *   call + head * heads + (row + row_element * (D + E)) * rows + pairs * (pair + element * (D + E)),  D and E rounded up to multiples of `dims`.
 * Pairs are computed in tiles of `queries` x `keys`; one with any allowed pair is computed as a whole. Measured for each class of
 * core (base/cpu.h) on an AMD EPYC, Zen 4 and Zen 5, no features, D = E from 1 to 128. Zen 5: one and eight heads, T = S from 1 to 2048, within
 * a tenth (rms), at worst a third; from T = 256 at worst a fifth. Zen 4: one head; its `head` is Zen 5's, taken out of `call`. */
struct attn_cost {
    double call, head, row, pair, element, row_element;
    int32_t queries, keys, dims;
};

/* A schedule for one data type and instruction set. */
struct attn_kernel {
    const char *name;  /* "flash", "flash32", "naive" */
    const char *isa;   /* "portable", "avx512" */
    uint32_t isa_bits; /* what it needs of attn_ctx.isa; 0: nothing */
    attn_dtype dtype;
    attn_score score; /* default ATTN_SCORE_DOT */
    /* Relative rounding of weights, and of their gradients, between the products: 0 where they are floats, 2^-8 where they are bfloat16, as in the
     * kernels of GPUs. */
    double rounding;
    struct attn_cost forward_cost[ATTN_CORE_CLASSES], backward_cost[ATTN_CORE_CLASSES]; /* the planner takes the one that costs least */
    size_t (*workspace)(const struct attn_shape *shape);                                /* bytes; exact */
    void (*forward)(const struct attn_exec *x);
    void (*backward)(const struct attn_exec *x); /* NULL: it lacks ATTN_BACKWARD */
    /* The field or feature of this shape that the kernel has no form for, by name; NULL if it has one for all of it. Where the function is
     * NULL the kernel has everything but a kv_dtype of its own and pages. */
    const char *(*lacks)(const struct attn_shape *shape);
    /* One line on tiles and the workspace formula for attn_plan_text. */
    void (*describe)(const struct attn_shape *shape, char *text, size_t size);
};

/* The list expands into prototypes, table, tests and benchmarks: X(symbol). */
#if defined(ATTN_HAVE_AVX512)
#define ATTN_KERNEL_LIST_AVX512(X)                                                                                                         \
    X(attn_decode_f32__avx512)                                                                                                             \
    X(attn_flash_f32__avx512)                                                                                                              \
    X(attn_flash32_f32__avx512)                                                                                                            \
    X(attn_flash_bf16__avx512)                                                                                                             \
    X(attn_flash32_bf16__avx512)                                                                                                           \
    X(attn_flash_f16__avx512)                                                                                                              \
    X(attn_flash32_f16__avx512) X(attn_pointer_f32__avx512) X(attn_scan_f32__avx512) X(attn_scan_bf16__avx512) X(attn_scan_f16__avx512)
#else
#define ATTN_KERNEL_LIST_AVX512(X)
#endif
#if defined(ATTN_HAVE_AVX512_BF16)
#define ATTN_KERNEL_LIST_AVX512_BF16(X) X(attn_flash_pairs_bf16__avx512_bf16)
#else
#define ATTN_KERNEL_LIST_AVX512_BF16(X)
#endif
#if defined(ATTN_HAVE_AVX2)
#define ATTN_KERNEL_LIST_AVX2(X)                                                                                                           \
    X(attn_flash_f32__avx2)                                                                                                                \
    X(attn_flash_bf16__avx2)                                                                                                               \
    X(attn_flash_f16__avx2)                                                                                                                \
    X(attn_decode_f32__avx2) X(attn_pointer_f32__avx2) X(attn_scan_f32__avx2) X(attn_scan_bf16__avx2) X(attn_scan_f16__avx2)
#else
#define ATTN_KERNEL_LIST_AVX2(X)
#endif
#if defined(ATTN_HAVE_NEON)
#define ATTN_KERNEL_LIST_NEON(X)                                                                                                           \
    X(attn_flash_f32__neon)                                                                                                                \
    X(attn_flash_bf16__neon)                                                                                                               \
    X(attn_flash_f16__neon)                                                                                                                \
    X(attn_decode_f32__neon) X(attn_pointer_f32__neon) X(attn_scan_f32__neon) X(attn_scan_bf16__neon) X(attn_scan_f16__neon)
#else
#define ATTN_KERNEL_LIST_NEON(X)
#endif
#define ATTN_KERNEL_LIST_NAIVE(X)                                                                                                          \
    X(attn_naive_f32__portable) X(attn_naive_f64__portable) X(attn_naive_bf16__portable) X(attn_naive_f16__portable)
#define ATTN_KERNEL_LIST_PORTABLE(X)                                                                                                       \
    X(attn_flash_f32__portable) X(attn_flash_bf16__portable) X(attn_flash_f16__portable) X(attn_decode_f32__portable)
#define ATTN_KERNEL_LIST_SCAN(X)                                                                                                           \
    X(attn_naive_scan_f32__portable)                                                                                                       \
    X(attn_naive_scan_f64__portable)                                                                                                       \
    X(attn_naive_scan_bf16__portable)                                                                                                      \
    X(attn_naive_scan_f16__portable) X(attn_scan_f32__portable) X(attn_scan_bf16__portable) X(attn_scan_f16__portable)                     \
        X(attn_scan_serial_f32__portable) X(attn_scan_hillis_steele_f32__portable) X(attn_scan_blelloch_f32__portable)
#define ATTN_KERNEL_LIST_POINTER(X) X(attn_naive_additive_f32__portable) X(attn_naive_additive_f64__portable) X(attn_pointer_f32__portable)
#define ATTN_KERNEL_LIST(X)                                                                                                                \
    ATTN_KERNEL_LIST_NAIVE(X)                                                                                                              \
    ATTN_KERNEL_LIST_PORTABLE(X)                                                                                                           \
    ATTN_KERNEL_LIST_SCAN(X)                                                                                                               \
    ATTN_KERNEL_LIST_POINTER(X) ATTN_KERNEL_LIST_NEON(X) ATTN_KERNEL_LIST_AVX2(X) ATTN_KERNEL_LIST_AVX512(X) ATTN_KERNEL_LIST_AVX512_BF16(X)

#define X(symbol) extern const struct attn_kernel symbol;
ATTN_KERNEL_LIST(X)
#undef X

extern const struct attn_kernel *const attn_kernels[];
extern const int attn_kernel_count;

#endif
