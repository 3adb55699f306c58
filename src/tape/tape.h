/* The inside of a tape, for the operators.
 *
 * An operator checks its tensors, makes its result with attn_tensor_new, computes it, and, where attn_recording(result, inputs) says that a
 * gradient will be wanted, leaves a node: a struct of its own that begins with struct attn_node, from attn_node_new. Nodes are walked
 * backwards; one whose result no gradient has reached is passed over.
 *
 * Gradients: those of a tensor and its views are one array, as their numbers are. An operator's backward adds to it (attn_grad_add); where it would
 * write every element, attn_grad_write says whether there is something to add to: first contributions are then written without
 * the array having been filled with 0.
 */
#ifndef ATTN_TAPE_TAPE_H
#define ATTN_TAPE_TAPE_H

#include "tape/arena.h"
#include "tape/real.h"

/* The gradient's array of a tensor that owns its numbers. */
struct attn_gradient {
    attn_real *at;
    int64_t count;
    bool filled; /* holds a gradient; else no number is valid */
    bool pieces; /* a view may write a part of it: it must be filled before */
};

struct attn_tensor {
    attn_tape *tape;
    int dims;
    int64_t size[ATTN_TENSOR_DIMS], step[ATTN_TENSOR_DIMS]; /* step: elements from one index to the next */
    int64_t count;
    attn_real *data;
    struct attn_gradient *gradient; /* NULL: none is wanted */
    int64_t offset;                 /* of data in the array of the owner */
};

struct attn_node {
    void (*backward)(struct attn_node *node);
    attn_tensor *out;
    struct attn_node *before;
};

/* Parameters form a list. */
struct attn_kept {
    attn_tensor tensor;
    struct attn_gradient gradient;
    struct attn_kept *before;
    const attn_real *panels; /* packed.c: of a frozen tape's parameter that a linear layer has met */
};

struct attn_tape {
    attn_ctx *ctx;
    struct attn_arena kept, step; /* memory of parameters; of everything else */
    struct attn_kept *parameters; /* the newest */
    struct attn_node *newest;
    struct attn_kept_plan *plans; /* plans.c: of every shape so far */
    size_t plan_bytes;
    int64_t plan_allocations;
    struct attn_fft *ffts; /* fft.c: of every length so far */
    uint64_t seed, draws;  /* of dropout; calls since the seed was set */
    attn_status status;
    bool record, done;              /* done: attn_tape_backward has run */
    bool counting;                  /* flops are */
    double flops;                   /* since the last reset */
    bool quiet;                     /* inside a checkpoint's forward pass: as when recording, without nodes */
    bool frozen;                    /* attn_tape_freeze */
    struct attn_token_split *split; /* token_split.h: tensors hold this rank's tokens; NULL: all. The caller's, not freed with the tape */
};

/* Parameters stay as they are from here on, and nothing is recorded: no gradient is cleared, and linear layers of few rows read weights that are packed once,
 * in memory of their own, with the bits of any other tape. */
void attn_tape_freeze(attn_tape *tape);

/* The sentence goes to the context, the tape is spoiled. Returns NULL, as an operator does. */
attn_tensor *attn_tape_fail(attn_tape *tape, attn_status status, const char *format, ...) ATTN_PRINTF(3, 4);

/* True: all tensors are there and their tape is not spoiled. Else an operator returns NULL. */
bool attn_usable(int count, attn_tensor *const *x);

/* FLOPs of an operator, forward or backward, as attn_tape_flops says what counts. */
static inline void attn_tape_add_flops(attn_tape *tape, double flops) {
    if (tape->counting) tape->flops += flops;
}
/* `count` products of [m, k] and [k, n]. */
static inline void attn_tape_add_products(attn_tape *tape, int64_t count, int64_t m, int64_t n, int64_t k) {
    attn_tape_add_flops(tape, 2 * (double)count * (double)m * (double)n * (double)k);
}

/* Memory of this step. NULL: the tape is spoiled. */
void *attn_tape_take(attn_tape *tape, size_t bytes);

/* A contiguous result, its numbers not yet written. like: the same axes. */
attn_tensor *attn_tensor_new(attn_tape *tape, int dims, const int64_t *size);
attn_tensor *attn_tensor_like(const attn_tensor *x);
/* Another look at x: the same owner, axes as x; offset is added to that of x. */
attn_tensor *attn_tensor_view(attn_tensor *x, int64_t offset);

bool attn_is_contiguous(const attn_tensor *x);
/* Axis number `axis` counted from the front; -1: there is none (the sentence is written, with the operator's name). */
int attn_axis_of(attn_tensor *x, int axis, const char *operator_name);
/* "[2, 3, 4]" */
enum { ATTN_SHAPE_TEXT = 128 };
const char *attn_shape_text(const attn_tensor *x, char text[ATTN_SHAPE_TEXT]);

/* Whether to leave a node: the tape records and a gradient is wanted of one of the inputs. The result then has a gradient. */
bool attn_recording(attn_tensor *out, int count, attn_tensor *const *inputs);
/* Runs the backward functions from the newest node on. */
void attn_walk_back(attn_tape *tape);
/* The first recorded result that holds a number that is not finite, as "result 3 of 17, [8, 64]", in 128 bytes; "" where there is none. */
void attn_tape_first_bad(const attn_tape *tape, char text[ATTN_SHAPE_TEXT]);
/* A node of so many bytes behind the newest; NULL: the tape is spoiled. */
void *attn_node_new(attn_tensor *out, size_t bytes, void (*backward)(struct attn_node *node));

/* Whether backward computes it. */
static inline bool attn_wants(const attn_tensor *x) {
    return x && x->gradient;
}
/* The gradient of a result, in backward. */
static inline const attn_real *attn_grad_of(const attn_tensor *x) {
    return x->gradient->at + x->offset;
}
/* Where to add, laid out like x's numbers: filled with 0 if nothing has been there. NULL: the tape is spoiled. */
attn_real *attn_grad_add(attn_tensor *x);
/* Where to write every element, for a contiguous x: *add says whether to add to what is there instead. NULL: the tape is spoiled. */
attn_real *attn_grad_write(attn_tensor *x, bool *add);

/* attn_cross_entropy of rows that are among `labelled` with a label, over which the mean is taken; -1: those of x. */
attn_tensor *attn_cross_entropy_among(attn_tensor *x, const int32_t *target, int64_t labelled);

/* plans.c: gives the plans back. */
void attn_tape_free_plans(attn_tape *tape);
/* fft.c: the same. */
void attn_tape_free_ffts(attn_tape *tape);

/* Columns [begin, end) of the sums over rows: to[c] += sum of from[r * columns + c]. Sums over
 * many rows are made of sums over few. */
void attn_add_columns(int64_t rows, int64_t columns, int64_t begin, int64_t end, const attn_real *from, attn_real *to);

/* Whether two of them have gradients in one array, as views of one tensor that may overlap: what adds to both at once must then run on one
 * thread. */
bool attn_share_gradient(int count, attn_tensor *const *x);

/* Runs body(arg, begin, end) over [0, count) in pieces of `piece` on the context's threads. Pieces depend on no number of threads. */
typedef void (*attn_range_fn)(void *arg, int64_t begin, int64_t end);
void attn_range(attn_tape *tape, int64_t count, int64_t piece, attn_range_fn body, void *arg);
/* Elements of a piece of cheap work: 16 KiB of floats. */
enum { ATTN_PIECE = 4096 };

#endif
