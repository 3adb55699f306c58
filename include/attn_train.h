/* attn_train.h - automatic differentiation for models built on libattn: tensors, a tape, operators; optimisers, models, mixers.
 *
 * SPDX-License-Identifier: Apache-2.0
 *
 *   attn_tape *tape;
 *   attn_tape_create(ctx, &tape);
 *   attn_tensor *w = attn_parameter(tape, 2, (int64_t[]){16, 8});           (lives as long as the tape; fill attn_data(w))
 *   for (each step) {
 *       attn_tensor *x = attn_tensor_input(tape, 2, (int64_t[]){32, 8}, batch);    (lives until the next attn_tape_reset)
 *       attn_tensor *loss = attn_mean_all(attn_square(attn_linear(x, w, NULL)));
 *       if (attn_tape_backward(loss)) break;                                (attn_grad(w) holds the gradient)
 *       ... change attn_data(w) ...
 *       attn_tape_reset(tape);
 *   }
 *
 * Tensors have 1 to ATTN_TENSOR_DIMS axes, the last one contiguous in what operators return, and hold attn_real: float. The same operators
 * are built once more with double (ATTN_TRAIN_DOUBLE), for checks of gradients; nothing else differs.
 *
 * Errors: an operator that cannot do what is asked returns NULL, its sentence goes to the context (attn_ctx_error), and the tape is
 * spoiled: every further operator on it returns NULL too, also on NULL tensors. A model is therefore written without checks;
 * attn_tape_backward and attn_tape_status say at the end what went wrong first. attn_tape_reset makes the tape usable again.
 *
 * Memory: what operators return lives in the tape's arena, and goes with attn_tape_reset; the arena keeps its memory for the next step, in
 * one block of what the step held at most, so that steps like the first allocate nothing. Parameters live as long as the tape. Tensors are
 * never freed one by one.
 *
 * Threads: one tape is used by one thread at a time; operators run on the context's threads. Results and gradients are the same bits for
 * any number of threads: work is cut by shapes alone. OpenBLAS, where it is the BLAS, is told to use one thread, for the whole process:
 * products are shared out by this library.
 */
#ifndef ATTN_TRAIN_H
#define ATTN_TRAIN_H

#include "attn.h"
#include "attn_model_stream.h"

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(ATTN_TRAIN_DOUBLE)
typedef double attn_real;
#else
typedef float attn_real;
#endif

/* --------------------------------------------------------------------------------------------------- tape */

/* What has been computed since the last reset, so that gradients can be computed backwards. */
typedef struct attn_tape attn_tape;

/* An array of attn_real with its place on the tape. */
typedef struct attn_tensor attn_tensor;

enum { ATTN_TENSOR_DIMS = 5 };

/* Makes an empty tape that records. *out is owned by the caller: attn_tape_destroy. The context must outlive it. Statuses: ATTN_EINVAL,
 * ATTN_ENOMEM. */
ATTN_API attn_status attn_tape_create(attn_ctx *ctx, attn_tape **out) ATTN_CHECKED;

/* Frees the tape, its parameters and every tensor on it. NULL is allowed. */
ATTN_API void attn_tape_destroy(attn_tape *tape);

/* Forgets everything but the parameters: their gradients are 0 again, the status is ATTN_OK, and other tensors are gone. */
ATTN_API void attn_tape_reset(attn_tape *tape);

/* Evaluation (false): operators compute as before and record nothing, dropout passes everything. Tapes begin recording. */
ATTN_API void attn_tape_record(attn_tape *tape, bool record);

/* The first error since the last reset. */
ATTN_API attn_status attn_tape_status(const attn_tape *tape);

/* Computes the gradient of a tensor of one element with respect to everything it was computed from, and adds it to attn_grad of the
 * parameters. Once between two resets. Statuses: the tape's; ATTN_EINVAL: loss is NULL, has more than one element, or nothing was recorded. */
ATTN_API attn_status attn_tape_backward(attn_tensor *loss) ATTN_CHECKED;

/* Gradient checkpointing (Chen et al. 2016): compute(user, x) is computed now without being recorded, what it took is given back but for the result, and
 * it is computed again, recorded, when backward comes by. The memory of a step then holds one such piece at a time beside their inputs and
 * results, and the piece costs one forward pass more. All tensors that compute depends on must be in x, or parameters; it must compute
 * the same both times, and dropout in it does. count is at most 8; user is needed until backward has run. Pieces may contain pieces. */
typedef attn_tensor *(*attn_compute_fn)(void *user, attn_tensor *const *x);
ATTN_API attn_tensor *attn_checkpoint(attn_compute_fn compute, void *user, int count, attn_tensor *const *x);

/* FLOPs that operators have taken since the last reset, forward and backward, while counting (tapes begin without). Counted, an addition and a product as two:
 *   products, linear layers, conv2d   2 M N K, each gradient that is wanted the same; LSTM and GRU: their products
 *   attention                         what its plan says: 2 (D + E) for each allowed pair and head, backward 2 (3 D + 2 E)
 *   prefix attention                  the same for each token and head
 *   additive attention                2 D for each query and key that it has, of losses up to the last target, with values 2 (D + E); backward 6 D,
 *                                     2 (3 D + 2 E)
 *   convolutions                      2 for each number and tap that meet, and for each gradient; by Fourier transforms 5 n log2 n each
 *   linear attention, retention       their products, of chunks of 64 tokens; Taylor attention: those of 32 queries with the keys that one of them sees
 *   recurrences, RWKV, scans, S4D     the operations of their formulas; of a number: 2 (backward 5), 9 (23); of a state's number 6 (19), and 3 (9) of a channel
 *                                     and token besides; of a tap and state 7 (14)
 * and nothing else: elementwise functions, sums, norms, softmax, rows and copies go through their numbers once, as is usual in such counts. A checkpointed piece
 * counts again where it is computed again. */
ATTN_API void attn_tape_count_flops(attn_tape *tape, bool count);
ATTN_API double attn_tape_flops(const attn_tape *tape);

/* Bytes that the tape holds, and how often it has asked the context's allocator for memory, plans of attention included: after the first
 * step of a loop whose steps are alike and the reset that ends it, neither grows. */
ATTN_API size_t attn_tape_bytes(const attn_tape *tape);
ATTN_API int64_t attn_tape_allocations(const attn_tape *tape);

/* ------------------------------------------------------------------------------------------------ tensors */

/* A parameter: zeros, with a gradient, until the tape is destroyed. NULL: the tape is spoiled. */
ATTN_API attn_tensor *attn_parameter(attn_tape *tape, int dims, const int64_t *size);

/* The caller's numbers, contiguous: not copied, not changed, and needed until the next reset. No gradient flows into them. */
ATTN_API attn_tensor *attn_tensor_input(attn_tape *tape, int dims, const int64_t *size, const attn_real *data);

/* A tensor that is the same number everywhere. */
ATTN_API attn_tensor *attn_constant(attn_tape *tape, int dims, const int64_t *size, attn_real value);

/* Axes, the size of one (negative: from the last, -1), elements in all. */
ATTN_API int attn_dims(const attn_tensor *x);
ATTN_API int64_t attn_size(const attn_tensor *x, int axis);
ATTN_API int64_t attn_count(const attn_tensor *x);

/* Its numbers: of parameters to read and write, of others to read. Contiguous but in views that are not (attn_narrow, attn_permute):
 * attn_contiguous. NULL for NULL. */
ATTN_API attn_real *attn_data(attn_tensor *x);

/* Its gradient after attn_tape_backward, laid out like its numbers. NULL: none has reached it. Parameters always have one. */
ATTN_API attn_real *attn_grad(attn_tensor *x);

/* -------------------------------------------------------------------------------------------------- views */

/* Views share numbers and gradient with x and compute nothing. */

/* The same numbers in other axes; one size may be -1: what is left. x must be contiguous, which all but narrowed and permuted tensors
 * are. */
ATTN_API attn_tensor *attn_reshape(attn_tensor *x, int dims, const int64_t *size);

/* [begin, begin + n) of an axis. */
ATTN_API attn_tensor *attn_narrow(attn_tensor *x, int axis, int64_t begin, int64_t n);

/* Axis i of the result is axis order[i] of x. */
ATTN_API attn_tensor *attn_permute(attn_tensor *x, const int *order);

/* x itself where it is contiguous, else a copy. */
ATTN_API attn_tensor *attn_contiguous(attn_tensor *x);

/* Tensors side by side along an axis: a copy. All other sizes must be equal. */
ATTN_API attn_tensor *attn_concat(int count, attn_tensor *const *x, int axis);

/* -------------------------------------------------------------------------------- elementwise, with broadcasting */

/* Sizes are matched from the last axis on; a size of 1, or an axis that is missing, is repeated (as in NumPy). */
ATTN_API attn_tensor *attn_add(attn_tensor *a, attn_tensor *b);
ATTN_API attn_tensor *attn_sub(attn_tensor *a, attn_tensor *b);
ATTN_API attn_tensor *attn_mul(attn_tensor *a, attn_tensor *b);
ATTN_API attn_tensor *attn_div(attn_tensor *a, attn_tensor *b);
ATTN_API attn_tensor *attn_maximum(attn_tensor *a, attn_tensor *b); /* NaN where one of them is; of equal ones a has the gradient */
ATTN_API attn_tensor *attn_minimum(attn_tensor *a, attn_tensor *b);

/* factor * x + addend. */
ATTN_API attn_tensor *attn_affine(attn_tensor *x, attn_real factor, attn_real addend);

/* In float, exp, tanh, sigmoid, softplus, elu, silu and gelu are within 5e-7 of themselves (gelu with no instruction set beyond the
 * portable one: of x), in every part of their range. */
ATTN_API attn_tensor *attn_exp(attn_tensor *x);
ATTN_API attn_tensor *attn_ln(attn_tensor *x); /* the natural logarithm */
ATTN_API attn_tensor *attn_square(attn_tensor *x);
ATTN_API attn_tensor *attn_sqrt(attn_tensor *x);
ATTN_API attn_tensor *attn_sin(attn_tensor *x);
ATTN_API attn_tensor *attn_cos(attn_tensor *x);
ATTN_API attn_tensor *attn_tanh(attn_tensor *x);
ATTN_API attn_tensor *attn_sigmoid(attn_tensor *x);  /* 1 / (1 + e^-x) */
ATTN_API attn_tensor *attn_softplus(attn_tensor *x); /* log(1 + e^x) */
ATTN_API attn_tensor *attn_relu(attn_tensor *x);     /* max(x, 0); its derivative at 0 is 0 */
ATTN_API attn_tensor *attn_elu(attn_tensor *x);      /* x > 0: x, else e^x - 1 */
ATTN_API attn_tensor *attn_silu(attn_tensor *x);     /* x sigmoid(x) */
ATTN_API attn_tensor *attn_gelu(attn_tensor *x);     /* x Phi(x), with the error function (Hendrycks and Gimpel 2016) */

/* --------------------------------------------------------------------------------------------- reductions */

/* Along one axis, which disappears (negative: from the last); a tensor of one axis becomes one of size 1. */
ATTN_API attn_tensor *attn_sum(attn_tensor *x, int axis);
ATTN_API attn_tensor *attn_mean(attn_tensor *x, int axis);

/* Of all elements, in one of size 1. */
ATTN_API attn_tensor *attn_sum_all(attn_tensor *x);
ATTN_API attn_tensor *attn_mean_all(attn_tensor *x);

/* --------------------------------------------------------------------------------------------- products */

/* Matrix product over the last two axes; axes before them are the same in both, or b has none. a [..., M, K] (transpose_a: [..., K, M]), b [..., K, N]
 * (transpose_b: [..., N, K]); result [..., M, N]. */
ATTN_API attn_tensor *attn_matmul(attn_tensor *a, bool transpose_a, attn_tensor *b, bool transpose_b);

/* x [..., K] through weights w [N, K] and bias [N] (NULL: none): x w^T + bias, [..., N]. */
ATTN_API attn_tensor *attn_linear(attn_tensor *x, attn_tensor *w, attn_tensor *bias);

/* ------------------------------------------------------------------------------------------------- rows */

/* Rows of table [N, ...] by their numbers in [0, N): index has the sizes `size`, the result those and then the table's others. An embedding, or a
 * choice of positions. index is copied. A row taken twice has the sum of both gradients. */
ATTN_API attn_tensor *attn_rows(attn_tensor *table, int dims, const int64_t *size, const int32_t *index);

/* Of each sequence its own: y[b, i] = x[b, index[b, i]], [B, count, ...] of x [B, T, ...] and index [B, count] with numbers below T. A
 * negative number gives a row of zeros and takes no gradient (padding). index is copied. */
ATTN_API attn_tensor *attn_gather(attn_tensor *x, int64_t count, const int32_t *index);

/* The other way: y[b, index[b, i]] is the sum of the rows x[b, i] that are put there, zeros where none is; [B, length, ...] of x [B, K,
 * ...] and index [B, K] with numbers below `length`. A row with a negative number goes nowhere. index is copied. */
ATTN_API attn_tensor *attn_scatter(attn_tensor *x, int64_t length, const int32_t *index);

/* Rotary position embedding (Su et al. 2021, eq. 34) of x [..., T, H, D]: of each head the first `dim` numbers (even; 0: all D) are turned
 * in pairs, pair i of token t by the angle (first + t) base^(-2 i / dim); base is 10000 in the paper. Which numbers are a pair:
 * attn_rotary (attn_cache.h), whose angles are the same; ATTN_ROTARY_NONE: x. Views whose last axis is contiguous are read in place. */
ATTN_API attn_tensor *attn_rope(attn_tensor *x, attn_rotary pairing, int64_t dim, double base, int64_t first);

/* ------------------------------------------------------------------------------- along the last axis, of N elements */

/* e^x over its sum. */
ATTN_API attn_tensor *attn_softmax(attn_tensor *x);

/* The k greatest numbers, greatest first; of equal ones that with the lower number comes first, NaNs after all others. *index (NULL: not
 * wanted) are their numbers, [..., k] as the result, until the next reset. The gradient goes to the chosen ones. */
ATTN_API attn_tensor *attn_top_k(attn_tensor *x, int64_t k, const int32_t **index);

/* (x - mean) / sqrt(variance + epsilon) * gain + bias; gain [N], bias [N] (Ba, Kiros and Hinton 2016). NULL: 1, 0. */
ATTN_API attn_tensor *attn_layer_norm(attn_tensor *x, attn_tensor *gain, attn_tensor *bias, attn_real epsilon);

/* x / sqrt(mean of x^2 + epsilon) * gain; gain [N] (Zhang and Sennrich 2019). NULL: 1. */
ATTN_API attn_tensor *attn_rms_norm(attn_tensor *x, attn_tensor *gain, attn_real epsilon);

/* The mean over the labelled rows of logits [..., N] of log(sum of e^logits) - logits[target], one element. target has a number for each row:
 * in [0, N), or negative: the row has no label, and its gradient is 0. No label at all: the loss is 0. target is copied. */
ATTN_API attn_tensor *attn_cross_entropy(attn_tensor *logits, const int32_t *target);

/* For evaluation, without gradient: of each row its loss, log(sum of e^logits) - logits[target], 0 without a label, and the number of its
 * greatest logit (of equal ones the first, NaNs passed over). loss and best have room for all rows; one may be NULL, target where loss is.
 * Statuses: ATTN_EINVAL and the tape's. */
ATTN_API attn_status attn_row_losses(attn_tensor *logits, const int32_t *target, attn_real *loss, int32_t *best) ATTN_CHECKED;

/* -------------------------------------------------------------------------------------------- convolutions */

/* Causal, each channel by itself: y[i] = bias + sum over t of w[t] x[i - t], of x [..., T, D], w [taps, D], bias [D] (NULL: 0). Row 0 of w is the
 * token's own tap; nothing stands before the first token. */
ATTN_API attn_tensor *attn_short_convolution(attn_tensor *x, attn_tensor *w, attn_tensor *bias);

/* The same with as many taps as there are tokens, or fewer: y[i] = sum over s <= i of h[s] x[i - s], of x [..., T, D], h [taps, D], taps <= T; no
 * bias, no skip. Few taps are multiplied directly, in T taps D operations a sequence; many by Fourier transforms of a power of two from T + taps -
 * 1 on, where the library was built with KissFFT. The path depends on T, taps and the instruction sets alone; results differ by roundings.
 * (Romero et al. 2022, Poli et al. 2023) */
ATTN_API attn_tensor *attn_long_convolution(attn_tensor *x, attn_tensor *h);

/* Taps [taps, H] of a diagonal state space model, S4D (Gu et al. 2022), one of J complex states for each head: K[t] = 2 Re sum over j of B C b lambda^t with
 * Delta = e^log_step, A = -e^log_decay + i frequency, lambda = (1 + Delta A / 2) / (1 - Delta A / 2), b = Delta / (1 - Delta A / 2). log_step [H];
 * log_decay, frequency [H, J]; B, C [H, J, 2], real and imaginary parts. */
ATTN_API attn_tensor *attn_s4d_kernel(int64_t taps, attn_tensor *log_step, attn_tensor *log_decay, attn_tensor *frequency, attn_tensor *b,
                                      attn_tensor *c);
/* Of images with channels last, x [B, H, W, C]: y[b, i, j, o] = bias[o] + sum over r, s, c of w[o, r, s, c] x[b, i stride + r - padding, j
 * stride + s - padding, c], 0 beyond the image; w [O, KH, KW, C], bias [O] (NULL: 0), result [B, (H + 2 padding - KH) / stride + 1, (W + 2
 * padding - KW) / stride + 1, O], rounded down. Windows are copied a block at a time and multiplied as matrices. Channels are last since a
 * window's rows then lie together, and pooling and functions run along them. padding is below KH and KW; pooling likewise. */
ATTN_API attn_tensor *attn_conv2d(attn_tensor *x, attn_tensor *w, attn_tensor *bias, int64_t stride, int64_t padding);

/* The greatest number, or the mean, of windows of size x size, channel by channel; what is beyond the image does not count. The gradient
 * of the greatest goes to the first of equal ones. A NaN is the greatest. */
ATTN_API attn_tensor *attn_max_pool2d(attn_tensor *x, int64_t size, int64_t stride, int64_t padding);
ATTN_API attn_tensor *attn_avg_pool2d(attn_tensor *x, int64_t size, int64_t stride, int64_t padding);

/* --------------------------------------------------------------------------------------------- recurrences */

/* Along the tokens of [..., T, D], causal, in time and memory proportional to T. */

/* h[i] = a[i] h[i - 1] + x[i] of each channel, h[-1] = 0: a and x [..., T, D] (Martin and Cundy 2018). */
ATTN_API attn_tensor *attn_linear_recurrence(attn_tensor *a, attn_tensor *x);

/* The weighted sum of RWKV-4's time mixing (Peng et al. 2023): y[t] is the mean of v[0 .. t] with weights e^(k[i] + (t - 1 - i) w) for i < t and
 * e^(k[t] + u) for the token itself. k, v [..., T, D]; w [D], the logarithm of the decay, which that paper writes -exp(theta); u [D]. Exponents are kept
 * relative to the greatest, forward and backward: any finite k will do. */
ATTN_API attn_tensor *attn_rwkv(attn_tensor *k, attn_tensor *v, attn_tensor *w, attn_tensor *u);

/* Attention without softmax (Katharopoulos et al. 2020): y[i] = sum over j <= i of (q[i] . k[j]) v[j] / (q[i] . (sum over j <= i of k[j]) + 1e-12), where
 * q and k [..., T, F] are features, positive as a rule, of queries and keys, and v is [..., T, E]; heads are among the axes in front.
 * Chunks of 64 tokens are multiplied as matrices, what is before them is one matrix [F, E + 1]. */
ATTN_API attn_tensor *attn_linear_attention(attn_tensor *q_features, attn_tensor *k_features, attn_tensor *v);

/* The same with the features of Based (Arora et al. 2024), whose products are the Taylor polynomial of the exponential: y[i] = sum over j <= i of w[i, j]
 * v[j] / (sum over j <= i of w[i, j] + 1e-12), w = 1 + s + s^2 / 2, s = q[i] . k[j] / sqrt(F); q and k [..., T, F], v [..., T, E]. No
 * features are made, but all T^2 weights: for short sequences. */
ATTN_API attn_tensor *attn_taylor_attention(attn_tensor *q, attn_tensor *k, attn_tensor *v);

/* Retention (Sun et al. 2023): y[i] = sum over j <= i of g^(i - j) (q[i] . k[j]) v[j] with a decay g in (0, 1] for each head: q and k [..., H, T, F],
 * v [..., H, T, E], decay [H], which is copied and gets no gradient. In chunks, as attn_linear_attention. */
ATTN_API attn_tensor *attn_retention(attn_tensor *q, attn_tensor *k, attn_tensor *v, const double *decay);

/* Mamba's selective scan (Gu and Dao 2023): for each channel h[t] = exp(delta[t] A) h[t - 1] + delta[t] B[t] x[t], elementwise over N numbers of
 * state, h[-1] = 0, and y[t] = C[t] . h[t] + skip x[t]. x, delta [..., T, D]; A [D, N]; B, C [..., T, N], the same for all channels; skip [D]. With
 * A < 0 and delta > 0, which that paper makes them, states decay. Backward computes states anew from one in 32 of them. */
ATTN_API attn_tensor *attn_selective_scan(attn_tensor *x, attn_tensor *delta, attn_tensor *a, attn_tensor *b, attn_tensor *c,
                                          attn_tensor *skip);

/* Weights of a recurrent layer of H hidden numbers and G gates, in PyTorch's order: input [G H, D], recurrent [G H, H], biases [G H]
 * (NULL: 0). */
typedef struct attn_recurrent_weights {
    attn_tensor *input, *recurrent, *input_bias, *recurrent_bias;
} attn_recurrent_weights;

/* LSTM with a forget gate (Hochreiter and Schmidhuber 1997; Gers et al. 2000): of x [B, T, D] all hidden states [B, T, H]. With (i, f, g,
 * o) = W x[t] + U h[t - 1] + both biases: c[t] = sigmoid(f) c[t - 1] + sigmoid(i) tanh(g), h[t] = sigmoid(o) tanh(c[t]). G is 4, the gates
 * lie in the order i, f, g, o. h, c: the states before, [B, H] (NULL: 0). last_h, last_c (NULL: not wanted) become the states behind, [B,
 * H]; *last_h is a view of the result, not contiguous. x [B, D] is one token, the cell: the result is [B, H]. Views of x whose last axis
 * is contiguous are read in place. */
ATTN_API attn_tensor *attn_lstm(attn_tensor *x, attn_tensor *h, attn_tensor *c, const attn_recurrent_weights *w, attn_tensor **last_h,
                                attn_tensor **last_c);

/* The same of sequences with lengths of their own: lengths [B], in [0, T], is copied. From its end on a sequence's h and c stay: last_h and last_c are those at
 * each one's end, and the result's rows behind it are zeros that no gradient comes from. x is not read there. NULL: attn_lstm. */
ATTN_API attn_tensor *attn_lstm_lengths(attn_tensor *x, attn_tensor *h, attn_tensor *c, const attn_recurrent_weights *w,
                                        const int32_t *lengths, attn_tensor **last_h, attn_tensor **last_c);

/* GRU (Cho et al. 2014) the same way: with (r, z, n) = W x[t] + input bias and (r', z', q) = U h[t - 1] + recurrent bias: r = sigmoid(r +
 * r'), z = sigmoid(z + z'), h[t] = (1 - z) tanh(n + r q) + z h[t - 1]. G is 3, in the order r, z, n. */
ATTN_API attn_tensor *attn_gru(attn_tensor *x, attn_tensor *h, const attn_recurrent_weights *w, attn_tensor **last_h);

/* ------------------------------------------------------------------------------------------------ dropout */

/* What follows draws from this seed (tapes begin with 0). The draws begin anew here and at attn_tape_reset: the same seed and the same
 * operators drop the same elements, on any number of threads. Give each step a seed of its own. */
ATTN_API void attn_tape_seed(attn_tape *tape, uint64_t seed);

/* Each element is 0 with probability p in [0, 1), else x / (1 - p) (Srivastava et al. 2014). Where the tape does not record, or p is 0: x. */
ATTN_API attn_tensor *attn_dropout(attn_tensor *x, double p);

/* ---------------------------------------------------------------------------------------------- attention */

typedef struct attn_attention_config {
    size_t size; /* sizeof(attn_attention_config), set by attn_attention_config_init */

    const attn_mask *mask; /* NULL (default): every query sees every key. Needed until the next reset; what attn_forward cannot execute as
                               it is, attn_mask_compile makes executable */
    double scale, softcap; /* as in attn_problem. Default NaN: 1 / sqrt(D); INFINITY: none */
    double dropout;        /* of the weights, where the tape records. Default 0 */
} attn_attention_config;
ATTN_API void attn_attention_config_init(attn_attention_config *config);

/* O [B, T, H, E] of q [B, T, H, D], k [B, S, G, D], v [B, S, G, E] by libattn's plans (attn.h), which the tape keeps for each shape. Views whose
 * last axis is contiguous are read in place, as the pieces of one projection are. config NULL: all defaults. */
ATTN_API attn_tensor *attn_attention(attn_tensor *q, attn_tensor *k, attn_tensor *v, const attn_attention_config *config);

/* Attention of one query for each head, the same at every token, over the tokens up to each (Feng et al. 2024, "Attention as an RNN"): o[t] is the mean
 * of v[0 .. t] with weights e^(q . k[i] / sqrt(D)). q [H, D], shared by the sequences; k [B, T, H, D], v [B, T, H, E]; result [B, T, H, E]. By scans of
 * libattn's plans: time and memory are proportional to T, forward and backward, and scores may be of any size. Views of k and v as for
 * attn_attention. */
ATTN_API attn_tensor *attn_prefix_attention(attn_tensor *q, attn_tensor *k, attn_tensor *v);

/* Additive attention (Bahdanau et al. 2015, app. A.1.2): u[b, m, n] = v . tanh(q[b, m] + k[b, n]) of q [B, M, D], k [B, N, D], projected already, and v [D].
 * keys [B]: sequence b has the keys 0 .. keys[b] - 1, the rest of k is never read; NULL: all N. keys and target are copied. Views whose last axis is
 * contiguous are read in place. Tangents are computed anew backward: losses keep B M N probabilities, nothing keeps B M N D numbers. In float tanh is within 5e-7
 * of itself. */

/* The pointer (Vinyals et al. 2015, eq. 3): losses [B, M], each -log p(target) = log(sum over n of e^u[b, m, n]) - u[b, m, target]; right also where p
 * is too small for a float. target [B, M] has keys' numbers, below keys[b]. A negative one: the loss is 0, and the query gets and gives no gradient,
 * whatever it holds. */
ATTN_API attn_tensor *attn_pointer_losses(attn_tensor *q, attn_tensor *k, attn_tensor *v, const int32_t *keys, const int32_t *target);
/* u itself, [B, M, N], -inf from keys[b] on: for decoding, and for weights of the caller's own. Gradients of those are not read. */
ATTN_API attn_tensor *attn_pointer_logits(attn_tensor *q, attn_tensor *k, attn_tensor *v, const int32_t *keys);
/* The glimpse: means [B, M, E] of values [B, N, E] with weights softmax over n of u; 0 of no keys. */
ATTN_API attn_tensor *attn_pointer_attention(attn_tensor *q, attn_tensor *k, attn_tensor *v, attn_tensor *values, const int32_t *keys);

/* ------------------------------------------------------------------------------------------ initial numbers */

/* Each fills a parameter (or any contiguous tensor) with numbers that depend on the seed and the element's number alone. */
ATTN_API void attn_fill(attn_tensor *x, attn_real value);
ATTN_API void attn_fill_uniform(attn_tensor *x, double low, double high, uint64_t seed);
ATTN_API void attn_fill_normal(attn_tensor *x, double mean, double deviation, uint64_t seed);

/* Of weights [out, in, ...]: uniform within gain * sqrt(6 / (in + out)) (Glorot and Bengio 2010), and within gain * sqrt(3 / in) (He et al. 2015); in and
 * out are counted with the axes behind them. gain 1: the papers' own, but for the factor sqrt(2) that He et al. give to ReLU. */
ATTN_API void attn_fill_glorot(attn_tensor *w, double gain, uint64_t seed);
ATTN_API void attn_fill_he(attn_tensor *w, double gain, uint64_t seed);

/* ---------------------------------------------------------------------------------------------- optimisers */

/* What a step does to a parameter w with gradient g, at rate lr; t is the number of the step, from 1 on.
 *
 *   ATTN_SGD        m = momentum m + g';  w -= lr m        (momentum 0: w -= lr g')              with g' = g + decay w
 *   ATTN_ADAM       m = b1 m + (1 - b1) g';  v = b2 v + (1 - b2) g'^2;  w -= lr m^ / (sqrt(v^) + epsilon),  m^ = m / (1 - b1^t), v^ likewise
 *                   (Kingma and Ba 2015)
 *   ATTN_ADAMW      the same with g for g', and w -= lr decay w before (Loshchilov and Hutter 2019)
 *   ATTN_RADAM      as ATTN_ADAM; the step is lr m^ r / (sqrt(v^) + epsilon) once v's variance is finite (rho_t > 5), before that lr m^
 *                   (Liu et al. 2020)
 *   ATTN_ADAFACTOR  of matrices, only sums of g^2 over rows and over columns are kept (Shazeer and Stern 2018, alg. 4 and 5): v^ is their
 *                   product over the total, b2 = 1 - t^-0.8, the step is limited to a root mean square of 1, and relative to w's (at least 1e-3)
 *                   if `relative`; momentum b1 if it is not 0; decay as ATTN_ADAMW */
typedef enum attn_optimizer_kind { ATTN_SGD = 0, ATTN_ADAM = 1, ATTN_ADAMW = 2, ATTN_RADAM = 3, ATTN_ADAFACTOR = 4 } attn_optimizer_kind;

/* Parameters that are treated alike. */
typedef struct attn_parameter_group {
    attn_tensor *const *parameters;
    int64_t count;
    double rate;  /* factor of the rate, usually 1 */
    double decay; /* weight decay */
} attn_parameter_group;

typedef struct attn_optimizer_config {
    size_t size; /* sizeof(attn_optimizer_config), set by attn_optimizer_config_init */

    attn_optimizer_kind kind; /* default ATTN_ADAMW */
    double momentum;          /* ATTN_SGD. Default 0 */
    double beta1, beta2;      /* default 0.9, 0.999. ATTN_ADAFACTOR: beta1 0 keeps no first moments, beta2 is not read */
    double epsilon;           /* default 1e-8. ATTN_ADAFACTOR: not read, 1e-30 of squares */
    bool relative;            /* ATTN_ADAFACTOR. Default true */
} attn_optimizer_config;
ATTN_API void attn_optimizer_config_init(attn_optimizer_config *config);

/* The optimiser's numbers for some parameters of one tape. */
typedef struct attn_optimizer attn_optimizer;

/* Makes one; groups and lists of parameters are copied, parameters stay the tape's. *out is owned by the caller. Statuses: ATTN_EINVAL (a number
 * out of its range, a tensor that is no parameter or comes twice), ATTN_ENOMEM. */
ATTN_API attn_status attn_optimizer_create(attn_ctx *ctx, const attn_optimizer_config *config, const attn_parameter_group *groups,
                                           int64_t count, attn_optimizer **out) ATTN_CHECKED;
ATTN_API void attn_optimizer_destroy(attn_optimizer *optimizer);

/* One step at this rate, from the gradients as they are. Allocates nothing. The same bits on any number of threads. */
ATTN_API void attn_optimizer_step(attn_optimizer *optimizer, double rate);

/* Steps done; bytes of state. */
ATTN_API int64_t attn_optimizer_steps(const attn_optimizer *optimizer);
ATTN_API size_t attn_optimizer_bytes(const attn_optimizer *optimizer);

/* The state as bytes, to go on bit for bit: `bytes` must be attn_optimizer_bytes, of an optimiser made alike. Restoring checks nothing but the
 * size: ATTN_EINVAL. */
ATTN_API attn_status attn_optimizer_save(const attn_optimizer *optimizer, void *state, size_t bytes) ATTN_CHECKED;
ATTN_API attn_status attn_optimizer_restore(attn_optimizer *optimizer, const void *state, size_t bytes) ATTN_CHECKED;

/* Scales all gradients so that their norm, all taken together, is at most `most`; returns the norm before. An infinite or NaN norm changes
 * nothing: the caller stops. Nor does a negative `most`. */
ATTN_API double attn_clip_norm(attn_optimizer *optimizer, double most);

/* ----------------------------------------------------------------------------------------------- schedules */

/* The rate of step number `step` from 0 on: peak times a factor that first rises linearly from 1 / warmup to 1 over `warmup` steps, then follows
 *   ATTN_CONSTANT      1
 *   ATTN_COSINE        floor + (1 - floor) (1 + cos(pi x)) / 2, x the share of the steps from warmup to `total`; floor from `total` on
 *   ATTN_COSINE_EPOCH  the same with x the share of whole epochs of `period` steps: it changes between epochs only
 *   ATTN_INVERSE_ROOT  sqrt(warmup / step), of warmup at least 1 (Vaswani et al. 2017)
 *   ATTN_STEPS         `gamma` for each `period` of steps that has passed
 *   ATTN_LINEAR        1 up to the share `hold` of the steps from warmup to `total`, then in a line to floor at `total`; floor from there on */
typedef enum attn_schedule_kind {
    ATTN_CONSTANT = 0,
    ATTN_COSINE = 1,
    ATTN_COSINE_EPOCH = 2,
    ATTN_INVERSE_ROOT = 3,
    ATTN_STEPS = 4,
    ATTN_LINEAR = 5
} attn_schedule_kind;
typedef struct attn_schedule {
    attn_schedule_kind kind;
    double peak;
    int64_t warmup, total, period;
    double floor, gamma, hold;
} attn_schedule;
ATTN_API double attn_schedule_rate(const attn_schedule *schedule, int64_t step);

/* ------------------------------------------------------------------------------------------------- models */

/* A tape's parameters by name, in the order in which they were made, and memory that lives as long. What makes a layer or a mixer takes a model,
 * makes its parameters there, and is written without checks: where the tape is spoiled parameters are NULL, and all that takes tensors takes NULL. */
typedef struct attn_model attn_model;

/* Makes an empty model with a tape of its own. *out is owned by the caller; the context must outlive it. Statuses: ATTN_EINVAL, ATTN_ENOMEM. */
ATTN_API attn_status attn_model_create(attn_ctx *ctx, uint64_t seed, attn_model **out) ATTN_CHECKED;
/* Frees the model and its tape. NULL is allowed. */
ATTN_API void attn_model_destroy(attn_model *model);
ATTN_API attn_tape *attn_model_tape(attn_model *model);

/* What is made from here on is named "NAME." and its own name, until attn_model_leave, which takes back the newest that has not been left:
 * "blocks.0.mixer.q.weight". name is a format, as of printf. */
ATTN_API void attn_model_enter(attn_model *model, const char *name, ...);
ATTN_API void attn_model_leave(attn_model *model);

/* A parameter of zeros. A name that exists, or that is no plain word of letters, digits, '_', '-' and '.', spoils the tape. */
ATTN_API attn_tensor *attn_model_parameter(attn_model *model, const char *name, int dims, const int64_t *size);
/* A seed for the fill functions that depends on the model's seed and on the name of the newest parameter alone: the same layer begins with the same
 * numbers whatever stands beside it. */
ATTN_API uint64_t attn_model_seed(const attn_model *model);
/* Factors of the rate and of the weight decay for the newest parameter; 1 and 1 without this. */
ATTN_API void attn_model_scale(attn_model *model, double rate, double decay);
/* Memory of zeros for what the model needs besides, until it is destroyed. NULL: the tape is spoiled. */
ATTN_API void *attn_model_memory(attn_model *model, size_t bytes);

/* A mask that the model owns from here on. NULL: the tape is spoiled. */
ATTN_API const attn_mask *attn_model_mask(attn_model *model, attn_mask *mask);
/* The causal mask under which a token sees itself and the `before` tokens before it (ATTN_UNLIMITED: all). */
ATTN_API const attn_mask *attn_model_causal(attn_model *model, int64_t before);

/* How many parameters, one of them, its name, and how many numbers all of them have. */
ATTN_API int64_t attn_model_count(const attn_model *model);
ATTN_API attn_tensor *attn_model_tensor(const attn_model *model, int64_t index);
ATTN_API const char *attn_model_name(const attn_model *model, int64_t index);
ATTN_API int64_t attn_model_elements(const attn_model *model);

/* An optimiser of all parameters with one rate and decay, times their factors. */
ATTN_API attn_status attn_model_optimizer(attn_model *model, const attn_optimizer_config *config, double decay,
                                          attn_optimizer **out) ATTN_CHECKED;

/* ------------------------------------------------------------------------------------------------- layers */

/* A linear layer: "NAME.weight" [out, in], drawn from N(0, deviation^2), and "NAME.bias" [out], zeros. Applied by attn_project, as attn_linear. */
typedef struct attn_projection {
    attn_tensor *weight, *bias; /* bias NULL: none */
} attn_projection;
ATTN_API attn_projection attn_projection_make(attn_model *model, const char *name, int64_t in, int64_t out, bool bias, double deviation);
ATTN_API attn_tensor *attn_project(const attn_projection *projection, attn_tensor *x);

/* A norm over the last axis: "NAME.weight" [width], ones; layer norm has "NAME.bias", zeros, RMS norm has none. */
typedef struct attn_norm {
    attn_tensor *gain, *bias;
    double epsilon;
    bool rms;
} attn_norm;
ATTN_API attn_norm attn_norm_make(attn_model *model, const char *name, int64_t width, double epsilon, bool rms);
ATTN_API attn_tensor *attn_normalize(const attn_norm *norm, attn_tensor *x);

/* ------------------------------------------------------------------------------------------------- mixers */

/* A mixer moves information between the tokens of a sequence, causally: [B, T, D] to [B, T, D]. A model names the mixers of its layers in one
 * text, "baseconv:kernel=3+attention:heads=4": options behind ':', layers from the first on, again from the first where they are fewer than the
 * model's layers. Mixers of the user's own are told in the same way (attn_mixer_kind). */

/* An option of a mixer: a number, or one of some words, which is then the word's number. */
typedef struct attn_mixer_option {
    const char *name, *meaning;
    double value, low, high;  /* the default and its range */
    bool whole;               /* whole numbers only */
    const char *const *words; /* NULL: a number. Else words, and NULL behind the last */
} attn_mixer_option;

/* What a mixer is made for. */
typedef struct attn_mixer_place {
    int64_t width;  /* D */
    int64_t length; /* the greatest T */
    int64_t layer, layers;
} attn_mixer_place;

/* One call: the tokens of a batch, or, in attn_mixer_kind.step, one token of each sequence. */
typedef struct attn_mixer_call {
    attn_tensor *u;        /* [B, T, D] */
    const int32_t *tokens; /* [B, T], which u was made from. NULL: not known */
    bool training;         /* false: an evaluation */
    attn_tensor *penalty;  /* out: of one element, to be added to the loss; left alone: none */
    double share;          /* out: share of the positions that were selected, where the mixer selects; left alone (NaN) by others */
} attn_mixer_call;

typedef struct attn_mixer_kind {
    size_t size; /* sizeof(attn_mixer_kind) */

    const char *name, *summary; /* a plain word; what it is, its paper */
    const attn_mixer_option *options;
    int option_count;
    size_t bytes; /* of the mixer's own struct, which `mixer` points at: zeros before make */

    /* Makes parameters and remembers what mix needs. option has the values in the order of `options`, checked. */
    void (*make)(void *mixer, attn_model *model, const attn_mixer_place *place, const double *option);
    /* The result for all tokens at once, recorded where the tape records. */
    attn_tensor *(*mix)(void *mixer, attn_mixer_call *call);

    /* Token by token, for a mixer that has such a form, else NULL and NULL. state_size: numbers of state that one sequence of at most
     * `tokens` tokens needs. step: the result for the token at `position` of each of B sequences, u [B, 1, D]; state [B, state_size], zeros at
     * position 0, holds what it needs of the tokens before and is brought up to date. Nothing is recorded. Equal to mix up to roundings. */
    int64_t (*state_size)(const void *mixer, int64_t tokens);
    attn_tensor *(*step)(void *mixer, attn_mixer_call *call, attn_real *state, int64_t tokens, int64_t position);
    /* state_size by a paper's convention, for figures to compare with its own; NULL: state_size. */
    int64_t (*paper_size)(const void *mixer, int64_t tokens);
} attn_mixer_kind;

/* The library's own mixers: how many, and one of them. */
ATTN_API int attn_mixer_count(void);
ATTN_API const attn_mixer_kind *attn_mixer_at(int index);

/* A mixer in its place. */
typedef struct attn_mixer attn_mixer;

/* Makes the mixer of layer place->layer that `text` names, as above, among the library's kinds and `count` of the caller's. NULL: the tape is
 * spoiled, with the nearest name that there is. */
ATTN_API attn_mixer *attn_mixer_make(attn_model *model, const char *text, const attn_mixer_place *place,
                                     const attn_mixer_kind *const *kinds, int count);
ATTN_API const attn_mixer_kind *attn_mixer_kind_of(const attn_mixer *mixer);
ATTN_API attn_tensor *attn_mix(attn_mixer *mixer, attn_mixer_call *call);
/* As attn_mixer_kind.state_size and .step; -1 and NULL (the tape is spoiled) where the mixer has no such form. position is below tokens. */
ATTN_API int64_t attn_mixer_state(const attn_mixer *mixer, int64_t tokens);
ATTN_API attn_tensor *attn_mixer_step(attn_mixer *mixer, attn_mixer_call *call, attn_real *state, int64_t tokens, int64_t position);
/* Numbers of state by the convention of Arora et al. 2023, of width d and N tokens: attention 2 d N; windows of w 2 d w; long convolutions and Hyena d N; a short
 * one of k taps k d; H3 d n, n its states; Based d F + F, F its features; Mamba e d n, e its expansion; Aaren d + 2 h, h its heads, as Feng et al. 2024 count.
 * What a mixer keeps besides, as the inputs of a short convolution before it, is left out. Mixers that the papers do not name: attn_mixer_state. */
ATTN_API int64_t attn_mixer_paper_state(const attn_mixer *mixer, int64_t tokens);

/* A plugin: a shared object that defines attn_plugin_main, built from this header alone; the functions that it calls are those of the program that
 * loads it (attn train --plugin FILE.so). docs/add-a-mixer.md shows how to write one. */
typedef struct attn_plugin {
    size_t size; /* sizeof(attn_plugin) */
    int version; /* ATTN_VERSION */
    const attn_mixer_kind *const *mixers;
    int mixer_count;
} attn_plugin;
extern ATTN_API const attn_plugin attn_plugin_main;

/* Loads a plugin; a path without '/' is one of the current directory. *out is the plugin's own and stays, as all that it points at, until the process
 * ends. Statuses: ATTN_EINVAL: there is no such file, it is no shared object that can be loaded, it defines no attn_plugin_main, it was built for
 * another version, or a mixer of it is incomplete or has a name that is taken. A program that loads plugins exports this library's symbols (with GNU
 * ld: -Wl,--export-dynamic, and the library between -Wl,--whole-archive and -Wl,--no-whole-archive). */
ATTN_API attn_status attn_plugin_open(attn_ctx *ctx, const char *path, const attn_plugin **out) ATTN_CHECKED;

/* ------------------------------------------------------------------------------------------- sequence models */

/* A model over tokens (Arora et al. 2023, app.): r = embedding + positions; each block adds mixer(norm(r)) and then state(norm(r)) to r; logits are the
 * embedding's products with norm(r). */
typedef enum attn_state_mixer { ATTN_STATE_IDENTITY = 0, ATTN_STATE_NONE = 1, ATTN_STATE_MLP = 2, ATTN_STATE_SWIGLU = 3 } attn_state_mixer;

typedef struct attn_sequence_config {
    size_t size; /* sizeof(attn_sequence_config), set by attn_sequence_config_init */

    int64_t vocabulary, width, layers, length; /* of tokens, D, blocks, the greatest T. No defaults */
    const char *mixer;                         /* as in attn_mixer_make. Default "attention" */
    const attn_mixer_kind *const *kinds;       /* the caller's own */
    int kind_count;
    attn_state_mixer state; /* identity (default: the normed residual is added once more), none, MLP of 4 D with GELU, or gated by SiLU */
    bool positions;         /* learned absolute positions are added to the tokens. Default false */
    bool rms;               /* RMS norms instead of layer norms. Default false */
    bool untied;            /* the head has weights of its own. Default false */
    double dropout;         /* of the embedding and, with an MLP, of each branch. Default 0 */
} attn_sequence_config;
ATTN_API void attn_sequence_config_init(attn_sequence_config *config);

typedef struct attn_sequence attn_sequence;
/* Makes it among the model's parameters; lives as long as the model. NULL: the tape is spoiled. */
ATTN_API attn_sequence *attn_sequence_make(attn_model *model, const attn_sequence_config *config);

/* The last norm's output [B, T, D] for tokens [B, T]; tokens is needed until the next reset. training as in attn_mixer_call. *penalty (NULL:
 * not wanted) is the mixers' sum, NULL where none has any. */
ATTN_API attn_tensor *attn_sequence_hidden(attn_sequence *sequence, int64_t batch, int64_t tokens, const int32_t *token, bool training,
                                           attn_tensor **penalty);
/* The same from rows [B, T, D] in the embedding's place. */
ATTN_API attn_tensor *attn_sequence_blocks(attn_sequence *sequence, attn_tensor *rows, const int32_t *token, bool training,
                                           attn_tensor **penalty);
/* [..., vocabulary] of hidden rows [..., D]. */
ATTN_API attn_tensor *attn_sequence_logits(attn_sequence *sequence, attn_tensor *hidden);
ATTN_API attn_tensor *attn_sequence_embedding(attn_sequence *sequence);

/* Numbers of state of one sequence of at most `tokens` tokens, all layers; -1: a mixer has no form that goes token by token. attn_sequence_step: hidden
 * [B, 1, D] of the tokens at `position`, below tokens, token [B]; state: B times attn_sequence_state numbers, of each layer those of all sequences together,
 * zeros before position 0. */
ATTN_API int64_t attn_sequence_state(const attn_sequence *sequence, int64_t tokens);
/* The same sum of attn_mixer_paper_state. */
ATTN_API int64_t attn_sequence_paper_state(const attn_sequence *sequence, int64_t tokens);
ATTN_API attn_tensor *attn_sequence_step(attn_sequence *sequence, int64_t batch, const int32_t *token, attn_real *state, int64_t tokens,
                                         int64_t position);

#ifdef __cplusplus
}
#endif

#endif
