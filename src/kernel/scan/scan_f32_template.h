/* The microkernels of the scan schedule in float32, in the names of kernel/vector_template.h; what each computes stands in scan_ops.h. A file
 * NAME__ISA.c includes vector__ISA.h, defines SCAN_STREAM(address, x) and SCAN_FENCE() where the processor can write past its cache,
 * SCAN_TOGETHER as 1 where memory is the limit, and includes this: it gets the table `ops`.
 */
#include "kernel/scan/scan.h"

#include <math.h>

#if !defined(SCAN_FETCH)
#define SCAN_FETCH(address)      __builtin_prefetch(address, 0, 3)
#define SCAN_FETCH_PAST(address) __builtin_prefetch(address, 0, 3)
#endif
#if !defined(SCAN_STREAM)
#define SCAN_STREAM(address, x) vec_store(address, x)
#define SCAN_FENCE()            ((void)0)
#endif

/* Keys, values and outputs row by row together: more in registers at once, and memory read and written evenly. */
#if !defined(SCAN_TOGETHER)
#define SCAN_TOGETHER 0
#endif

/* Columns are taken in blocks of at most four vectors, whose sums stay in registers over the rows. `rest`: columns of the last one. */
enum { SCAN_VECTORS = 4 };

VEC_INLINE void load_columns(int vectors, int64_t rest, const float *p, vec x[SCAN_VECTORS]) {
    for (int j = 0; j < vectors; j++) x[j] = j + 1 < vectors ? vec_load(p + VEC_LANES * j) : vec_load_first(p + VEC_LANES * j, rest);
}
VEC_INLINE void store_columns(int vectors, int64_t rest, float *p, const vec x[SCAN_VECTORS]) {
    for (int j = 0; j < vectors; j++)
        if (j + 1 < vectors)
            vec_store(p + VEC_LANES * j, x[j]);
        else
            vec_store_first(p + VEC_LANES * j, rest, x[j]);
}
/* Whole cache lines can go past the cache. */
VEC_INLINE bool whole_lines(const float *row, ptrdiff_t stride, int64_t columns) {
    return (uintptr_t)row % 64 == 0 && stride % 16 == 0 && columns % 16 == 0;
}
VEC_INLINE void write_columns(int vectors, int64_t rest, bool past_cache, float *p, const vec x[SCAN_VECTORS]) {
    if (past_cache)
        for (int j = 0; j < vectors; j++) SCAN_STREAM(p + VEC_LANES * j, x[j]);
    else
        store_columns(vectors, rest, p, x);
}
VEC_INLINE void fetch_columns(int vectors, const float *p) {
    for (int j = 0; j < VEC_LANES * vectors; j += 16) SCAN_FETCH(p + j);
}
/* Of rows that are read once: without a copy in the second-level cache. */
VEC_INLINE void fetch_past(int vectors, const float *p) {
    for (int j = 0; j < VEC_LANES * vectors; j += 16) SCAN_FETCH_PAST(p + j);
}

/* Calls body(vectors, rest, first column, ...) for each block of the columns: the number of vectors is a constant in each call. */
#define SCAN_BLOCKS(columns, body, ...)                                                                                                    \
    for (int64_t at = 0; at < (columns); at += VEC_LANES * SCAN_VECTORS) {                                                                 \
        const int64_t left = attn_min64((columns)-at, VEC_LANES * SCAN_VECTORS);                                                           \
        if (left > 3 * VEC_LANES)                                                                                                          \
            body(4, left - 3 * VEC_LANES, at, __VA_ARGS__);                                                                                \
        else if (left > 2 * VEC_LANES)                                                                                                     \
            body(3, left - 2 * VEC_LANES, at, __VA_ARGS__);                                                                                \
        else if (left > VEC_LANES)                                                                                                         \
            body(2, left - VEC_LANES, at, __VA_ARGS__);                                                                                    \
        else                                                                                                                               \
            body(1, left, at, __VA_ARGS__);                                                                                                \
    }

#include "kernel/scan/dots_f32_template.h"
#include "kernel/scan/scalars_f32_template.h"
#include "kernel/scan/values_f32_template.h"

#include "kernel/scan/gradients_f32_template.h"

static const struct attn_scan_ops ops = {
    .sum = sum,
    .emit = emit,
    .sum_and_emit = sum_and_emit,
    .join = join,
    .back_sum = back_sum,
    .back = back,
    .back_join = back_join,
    .fence = fence,
};

static void forward(const struct attn_exec *x) {
    attn_scan_forward(x, &ops);
}
static void backward(const struct attn_exec *x) {
    attn_scan_backward(x, &ops);
}
