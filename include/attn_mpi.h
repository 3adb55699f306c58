/* attn_mpi.h - attention whose tokens are split over the ranks of an MPI communicator.
 *
 * SPDX-License-Identifier: Apache-2.0
 *
 * A library of its own, libattn_mpi, which needs MPI 3 and libattn. It has two kinds of attention over a sequence that no rank holds:
 *
 *   attn_mpi_plan   context parallelism: attention of dot products, ATTN_SCORE_DOT of attn.h, forward and backward, under any mask. Each rank has
 *                   some of the tokens, their queries, keys and values, and gets their rows of O and LSE; the plan says which tokens
 *   attn_mpi_scan   prefix attention, ATTN_SCORE_LEARNED_QUERY: one learned query for each head, row i sees the tokens up to i. Each rank has a
 *                   contiguous part of any length, in order of the ranks
 *
 * Results are those of libattn on one rank, but for rounding: sums are taken in another order.
 *
 * Errors: a mistake on one rank becomes the status of all, with a sentence that names the rank, before anything is written. What cannot be told to
 * the others, as there is no communicator yet, is said at each function; the others then find that nobody answers. A rank that does not come within
 * the deadline is ATTN_ESYSTEM, with its number, the call and how many calls went before; one that fails in the midst of an execution, for want of
 * memory, does not come to the others. Messages may then be under way still: end the job
 * (MPI_Abort), and leave arrays and workspace in place until then. Later calls with the same object fail at once.
 *
 * MPI must have been begun by the caller, with MPI_THREAD_FUNNELED or more where a context has more than one thread: libattn's own threads never
 * call MPI. Functions are collective unless their manual says otherwise: all ranks call them in the same order.
 */
#ifndef ATTN_MPI_H
#define ATTN_MPI_H

#include "attn.h"

#include <mpi.h>

#ifdef __cplusplus
extern "C" {
#endif

/* -------------------------------------------------------------------------------------------- context parallelism */

/* A sequence of T tokens over P ranks, for each of B sequences alike. Letters are those of attn.h, and t: places of a rank, about T / P.
 *
 *   plan         attn_mpi_plan_create: the problem and the mask of the whole, the same on all ranks. Nothing of it grows with T^2
 *   places       attn_mpi_plan_places and attn_mpi_plan_tokens say which token lies where in a rank's arrays; attn_mpi_dispatch brings rows of an
 *                array that one rank holds to their places, attn_mpi_undispatch brings them back. Weights, norms and the like are applied where rows are
 *   execute      attn_mpi_forward, attn_mpi_backward, as often as wanted
 *
 * The mechanisms are one family (Bu et al. 2025, "Long-Context Attention Benchmark", sec. 4): P = U R ranks are a grid; U of them exchange heads for
 * tokens, so that each has all their tokens for 1 / U of the heads, and R pass keys and values around. Bytes that a rank sends forward, of e
 * bytes an element, d = D + E, G' = the least common multiple of G and U; backward sends about the same again, and dK and dV in float32:
 *
 *   ulysses      U = P: all-to-all of q, k, v, and of o back: t (H + G') d e (P - 1) / P. P must divide H     (Jacobs et al. 2023)
 *   ring         R = P: keys and values go round: (P - 1) t G d e. Any number of heads                       (Liu et al. 2023)
 *   allgather    R = P: the same bytes, gathered at once, in memory of T G d e
 *   usp          both; U by default the greatest up to 8 that divides P and H                                   (Fang and Zhao 2024)
 *   loongtrain   both, the R positions in W windows, within and between which keys go round: long ways are taken R / W times less often
 *                                                                                                           (Gu et al. 2024)
 *   hybrid       a power of two of ranks for each document, by its length, each group a ring; no pair may cross documents
 *
 * The sharding says which tokens a ring position has: contiguous; zigzag, pieces y and 2 R - 1 - y of 2 R of each document, which balances
 * causal masks; stripe, every R-th token (Brandon et al. 2023); minheap, pieces by falling number of allowed pairs, each to the position with the
 * fewest so far, which balances any mask. Lengths that do not fit are filled up with padding: places without a token, which are
 * neither read nor seen, and whose rows get O = 0, LSE = -inf and gradients 0.
 *
 * While a kernel computes, the thread that called lets MPI go on between its tasks: messages overlap with arithmetic, where MPI can, without a thread of
 * its own. */

/* How the work is spread. Default ATTN_MPI_AUTO: the plan chooses by a cost model of the machine (config.machine); hybrid only where no lengths of
 * documents are given, as then none of the mask's pairs crosses them. */
typedef enum attn_mpi_mechanism {
    ATTN_MPI_AUTO = -1,
    ATTN_MPI_ULYSSES = 0,
    ATTN_MPI_RING = 1,
    ATTN_MPI_ALLGATHER = 2,
    ATTN_MPI_USP = 3,
    ATTN_MPI_LOONGTRAIN = 4,
    ATTN_MPI_HYBRID = 5
} attn_mpi_mechanism;

/* Which tokens a ring position has. Default ATTN_MPI_SHARD_AUTO: with ATTN_MPI_AUTO the plan's choice, else zigzag, of ulysses contiguous. Hybrid is always
 * zigzag. */
typedef enum attn_mpi_sharding {
    ATTN_MPI_SHARD_AUTO = -1,
    ATTN_MPI_SHARD_CONTIGUOUS = 0,
    ATTN_MPI_SHARD_ZIGZAG = 1,
    ATTN_MPI_SHARD_STRIPE = 2,
    ATTN_MPI_SHARD_MINHEAP = 3
} attn_mpi_sharding;

/* What ranks compute and send with, for the choice of a mechanism. The file form is that of `attn bench cp --topology`. */
typedef struct attn_mpi_machine {
    size_t size; /* sizeof(attn_mpi_machine), set by attn_mpi_machine_init */

    int64_t ranks_per_node;                     /* ranks [n r, (n + 1) r) share a node. Default 8 */
    double latency_inside, latency_between;     /* seconds of a message within a node, between nodes. Default 2e-6, 5e-6 */
    double bandwidth_inside, bandwidth_between; /* bytes a second of one rank, in one direction. Default 450e9, 50e9 */
    int64_t links;                              /* of a node to others, each of bandwidth_between, shared by its ranks. Default 8 */
    double memory;                              /* bytes that a rank may have above its arrays. Default INFINITY: no limit */
    double flops;                               /* FLOP/s of one rank in kernels. Default 0: what the planner knows of this processor */
} attn_mpi_machine;

/* Sets every field to its default. Not collective. */
ATTN_API void attn_mpi_machine_init(attn_mpi_machine *machine);

/* Measures the ranks of a communicator: messages between the first two of a node and between the first of two nodes, and the slowest rank's kernels on 1024
 * tokens of the problem (as attn_mpi_plan_create takes it), all ranks at work. A second or two. *out is set, the same on all ranks; memory and links
 * (1) are not measured, and between nodes, where there is one, the defaults hold, or what is measured within it if that is worse. Collective.
 * Statuses, the same on all ranks: those of attn_plan_create; ATTN_ENOMEM; ATTN_ESYSTEM. Not told to others: as of attn_mpi_plan_create. */
ATTN_API attn_status attn_mpi_machine_measure(attn_ctx *ctx, MPI_Comm comm, double deadline, const attn_problem *problem,
                                              attn_mpi_machine *out) ATTN_CHECKED;

/* The machine of a file, and to a file: a temporary one beside it, then renamed. Not collective. Statuses: ATTN_EINVAL (a file that cannot be opened; a line
 * that is wrong: the sentence has its number), ATTN_ESYSTEM, ATTN_ENOMEM. */
ATTN_API attn_status attn_mpi_machine_load(attn_ctx *ctx, const char *path, attn_mpi_machine *out) ATTN_CHECKED;
ATTN_API attn_status attn_mpi_machine_save(attn_ctx *ctx, const char *path, const attn_mpi_machine *machine) ATTN_CHECKED;

/* All fields must be the same on all ranks, but for the deadline, the handler and the machine, which is rank 0's. */
typedef struct attn_mpi_plan_config {
    size_t size; /* sizeof(attn_mpi_plan_config), set by attn_mpi_plan_config_init */

    MPI_Comm comm;   /* whose ranks share the work. It is duplicated. Default MPI_COMM_WORLD */
    double deadline; /* seconds that another rank may take to come to a call of MPI, so longer than ranks may differ in time. Default 60 */

    attn_mpi_mechanism mechanism;
    attn_mpi_sharding sharding;
    int ulysses;    /* U, of usp and loongtrain: ranks that exchange heads, a divisor of P and H. 0 (default): the usual */
    int windows;    /* W, of loongtrain: a divisor of R. 0 (default): the greatest divisor up to the root of R */
    int head_first; /* loongtrain: the U ranks that exchange heads have neighbouring numbers, else the R of a ring. Default 0 */
    int exchanges;  /* U > 1: heads are exchanged in so many pieces, each while the one before is computed. Default 1 */
    int sparse;     /* ring, usp: keys that no rank further on needs, by the mask, are not passed on. Default 1 */
    int keep; /* attn_mpi_backward is always called right after attn_mpi_forward with the same arguments and the workspace untouched since: what
                       forward has exchanged is then not sent again. Default 0 */

    /* Lengths of documents that follow one another and fill the sequence: zigzag balances each of them, hybrid gives each its ranks. Copied. NULL
     * (default): one document; of hybrid and ATTN_MPI_AUTO the finest cut that no allowed pair crosses. They take nothing from the mask, which alone says who sees whom. */
    const int64_t *document_lengths;
    int64_t documents;

    int64_t chunks;   /* minheap: pieces of a position. 0 (default): 16 */
    int64_t capacity; /* hybrid: tokens of a document that one rank takes alone. 0 (default): 8192 */

    /* Called once, on the calling thread, when a rank has been lost, before the call that has noticed it returns: with its status and sentence. To end the
     * job, such as by MPI_Abort, or to save what there is. Default NULL */
    void (*lost)(void *user, attn_status status, const char *text);
    void *lost_user;

    const attn_mpi_machine *machine; /* what ATTN_MPI_AUTO chooses for; NULL (default): the defaults. Read by attn_mpi_plan_create alone */
} attn_mpi_plan_config;

/* Sets every field to its default. Not collective. */
ATTN_API void attn_mpi_plan_config_init(attn_mpi_plan_config *config);

/* One attention over a communicator, as this rank sees it. One execution at a time. */
typedef struct attn_mpi_plan attn_mpi_plan;

/* Plans. problem describes the whole: score ATTN_SCORE_DOT, layout ATTN_BHTD or ATTN_BTHD (packed documents are one sequence with a mask such as
 * document:512,300), q_len = kv_len = T >= 1, dtype ATTN_F32, ATTN_BF16 or ATTN_F16, features ATTN_BACKWARD and ATTN_SINK at most; soft-cap, scale, grouped
 * heads, o_dtype and grad_dtype as in attn.h. mask: of T x T, compiled or executable as it is, one for all sequences, or a stack by heads; NULL: full. It
 * may be destroyed at once; ctx must outlive *out, which the caller owns: attn_mpi_plan_destroy. config NULL: all defaults.
 *
 * The version of the library, the problem (but layout, kernel and threads), the mask (by a hash of its compiled form, so build it the same way everywhere)
 * and the config must be those of rank 0. Time and memory grow with the mask's pieces and with T / P.
 * Statuses, the same on all ranks: those of attn_plan_create; ATTN_EUNSUPPORTED for another score, layout, type or feature, heads or ranks that do not fit
 * the mechanism (the sentence names the nearest that do), a pair that crosses documents of hybrid; ATTN_EMASK; ATTN_EINVAL for a field of the config, and
 * for what is not rank 0's; ATTN_ESYSTEM. Not told to others: ctx or out NULL, a config that attn_mpi_plan_config_init has not set or without a
 * communicator, MPI that has not been begun or has been ended, no memory for what waits for the others (ATTN_ENOMEM). */
ATTN_API attn_status attn_mpi_plan_create(attn_ctx *ctx, const attn_problem *problem, const attn_mask *mask,
                                          const attn_mpi_plan_config *config, attn_mpi_plan **out) ATTN_CHECKED;

/* Frees it, before MPI_Finalize. NULL is allowed, on all ranks alike. After a rank was lost nothing is freed: its messages may still come. */
ATTN_API void attn_mpi_plan_destroy(attn_mpi_plan *plan);

/* Tokens of this rank's arrays, padding and all: t. They differ between ranks with hybrid alone, where a rank may have 0. Not collective. */
ATTN_API int64_t attn_mpi_plan_places(const attn_mpi_plan *plan);

/* The token of the whole sequence at each place, from 0, -1: padding; token[attn_mpi_plan_places]. For what depends on positions, such as rotary
 * embeddings. Every token is at one place of one rank. Not collective. */
ATTN_API void attn_mpi_plan_tokens(const attn_mpi_plan *plan, int64_t *token);

/* Bytes of workspace that an execution needs, a multiple of 64. Not collective. */
ATTN_API size_t attn_mpi_plan_workspace(const attn_mpi_plan *plan);

/* The plan in words, as this rank sees it: mechanism, grid, sharding, why, allowed pairs and their balance, bytes that it sends, memory. Writes at
 * most size bytes with the final 0, returns the bytes needed without it. Not collective. */
ATTN_API size_t attn_mpi_plan_text(const attn_mpi_plan *plan, char *text, size_t size);

/* Computes O and LSE of this rank's rows. args: q, k, v, o and lse of its places, [B, t, H, D] or [B, H, t, D] by the layout, or any strides; sink the same on
 * all ranks; mask, lengths, starts, offsets and accumulate are not taken. args->workspace: attn_mpi_plan_workspace bytes, aligned to 64. Rows of padding
 * are not read.
 * Statuses, the same on all ranks: those of attn_forward; ATTN_EUNSUPPORTED for what is not taken; ATTN_ESYSTEM. Not told to others: plan NULL. */
ATTN_API attn_status attn_mpi_forward(attn_mpi_plan *plan, const attn_args *args) ATTN_CHECKED;

/* Computes the gradients of this rank's rows from what attn_mpi_forward was given and gave; lse must be given. dq, dk and dv are whole, of all ranks'
 * queries; dsink is of this rank's share alone: add them up over the ranks. ATTN_ACCUMULATE_DQ, _DK, _DV and _REST add to what is there.
 * Statuses, the same on all ranks: those of attn_backward; ATTN_EUNSUPPORTED for what is not taken; ATTN_ESYSTEM. */
ATTN_API attn_status attn_mpi_backward(attn_mpi_plan *plan, const attn_args *args, const attn_gradients *gradients) ATTN_CHECKED;

/* Rows of `bytes` each, one for each token, side by side: from `whole`, T rows that rank `root` has (the others may give NULL), to `own`, t rows, where rows
 * of padding become 0; and back, each token's row to its place in `whole`. bytes and root must be the same on all ranks. For [B, t, H, D] one call a
 * sequence, with rows of all heads; for [B, H, t, D] one call for each head. The root needs memory for a piece of a few MiB, besides.
 * Statuses, the same on all ranks: ATTN_EINVAL; ATTN_ENOMEM; ATTN_ESYSTEM. Not told to others: plan NULL. */
ATTN_API attn_status attn_mpi_dispatch(attn_mpi_plan *plan, int root, size_t bytes, const void *whole, void *own) ATTN_CHECKED;
ATTN_API attn_status attn_mpi_undispatch(attn_mpi_plan *plan, int root, size_t bytes, const void *own, void *whole) ATTN_CHECKED;

/* What this rank has sent to others in executions so far, by what it was for; without what ranks settle among themselves, and dispatch. */
enum {
    ATTN_MPI_TRAFFIC_HEADS = 0,          /* all-to-all of q, k, v, o and their gradients */
    ATTN_MPI_TRAFFIC_ROWS = 1,           /* all-to-all of LSE and the like, one number for each row and head */
    ATTN_MPI_TRAFFIC_KEYS = 2,           /* k and v, around a ring or gathered; of loongtrain within a window */
    ATTN_MPI_TRAFFIC_GRADIENTS = 3,      /* dk and dv, the same */
    ATTN_MPI_TRAFFIC_LONG_KEYS = 4,      /* k and v from window to window */
    ATTN_MPI_TRAFFIC_LONG_GRADIENTS = 5, /* dk and dv from window to window */
    ATTN_MPI_TRAFFIC_KINDS = 6
};
typedef struct attn_mpi_traffic {
    int64_t messages[ATTN_MPI_TRAFFIC_KINDS], bytes[ATTN_MPI_TRAFFIC_KINDS];
    double waited; /* seconds that executions have waited for messages: communication that did not overlap, and ranks that came late */
} attn_mpi_traffic;

/* Not collective. */
ATTN_API void attn_mpi_plan_traffic(const attn_mpi_plan *plan, attn_mpi_traffic *out);

/* --------------------------------------------------------------------------------------------- prefix attention */

/* One learned query for each head, row i sees the tokens up to i (Feng et al. 2024, "Attention as an RNN").
 *
 *   rank 0 has the first tokens of each sequence, rank 1 those behind them, and so on: contiguous parts of any lengths, empty ones too,
 *   which may differ from sequence to sequence and from call to call. Nobody needs to know the others' lengths.
 *
 * Forward, each rank finds the state behind its part as if nothing lay before it: for each sequence and head m = the greatest score,
 * c = sum of exp(s - m), o = the mean of v with these weights; two parts side by side have the state (Feng et al. 2024, sec. 3.2)
 *
 *   m = max(m_A, m_B),   c = exp(m_A - m) c_A + exp(m_B - m) c_B,   o = ( exp(m_A - m) c_A o_A + exp(m_B - m) c_B o_B ) / c
 *
 * and an exclusive scan over the ranks by this operator gives each rank the state of all that lies before it, from which its rows go on.
 *
 * Backward is the closed form, with l = LSE, g = dO and delta = g . O - dLSE, over the rows of this and all later ranks,
 *
 *   G_i = sum over k >= i of exp(l_i - l_k) g_k,   D_i = the same of delta_k,   dv_i = exp(s_i - l_i) G_i,   ds_i = exp(s_i - l_i) (G_i . v_i - D_i),
 *
 * so what a rank needs of the later ones is (l, G, D) at the row behind its part: an exclusive scan from the last rank to the first by
 * (l_A, G_A + exp(l_A - l_B) G_B, D_A + exp(l_A - l_B) D_B). No factor is above 1, whatever the scores. dq is summed over the ranks.
 *
 * Cost: a rank's rows are computed as by one rank, and before that, for the state, keys and values are read once (not by the last rank; backward
 * dO and O, not by the first). Each scan takes ceil(log2 P) messages one after the other, of 8 B H (E + 2) bytes: all sequences and heads together. Memory is that of a rank's own part
 * and attn_mpi_scan_workspace, which does not grow with P.
 *
 * The scan goes by messages between pairs of ranks in log2 P steps (Hillis and Steele 1986) rather than by MPI_Exscan: its order is then fixed, so
 * that the same number of ranks and the same parts give the same bits with any MPI (but of dq, which MPI adds up, in double); and a wait that has no
 * end is noticed, and names who is waited for. Other parts, or another number of ranks, change results by rounding alone. */

typedef struct attn_mpi_config {
    size_t size; /* sizeof(attn_mpi_config), set by attn_mpi_config_init */

    MPI_Comm comm;   /* whose ranks hold the parts, in order of their numbers. It is duplicated. Default MPI_COMM_WORLD */
    double deadline; /* seconds that another rank may take to come to a call of MPI, so longer than parts may differ in time. Default 60 */
} attn_mpi_config;

/* Sets every field to its default. */
ATTN_API void attn_mpi_config_init(attn_mpi_config *config);

/* Prefix attention over a communicator: a plan for this rank's part and what is exchanged. One execution at a time. */
typedef struct attn_mpi_scan attn_mpi_scan;

/* Plans. problem describes this rank's part: score is ATTN_SCORE_LEARNED_QUERY, dtype ATTN_F32 or ATTN_F64, q_len (with ATTN_THD q_tokens too) the
 * greatest length of the part, which may be 0. dtype, heads, kv_heads, dim, v_dim, batch, scale and ATTN_BACKWARD must be those of rank 0, layout,
 * lengths, kernel and threads need not. ctx must outlive *out, which the caller owns: attn_mpi_scan_destroy. config NULL: all defaults.
 * Statuses, the same on all ranks: those of attn_plan_create; ATTN_EUNSUPPORTED for another score or dtype, or a kernel other than scan and naive
 * (NULL: scan, of ATTN_F64 naive); ATTN_EINVAL for a field that is not rank
 * 0's; ATTN_ESYSTEM. Not told to others: ctx or out NULL, a config that attn_mpi_config_init has not set or without a communicator, MPI that has not
 * been begun or has been ended, no memory for what waits for the others (ATTN_ENOMEM). */
ATTN_API attn_status attn_mpi_scan_create(attn_ctx *ctx, const attn_problem *problem, const attn_mpi_config *config,
                                          attn_mpi_scan **out) ATTN_CHECKED;

/* Frees it, before MPI_Finalize. NULL is allowed, on all ranks alike. After a rank was lost nothing is freed: its messages may still come. */
ATTN_API void attn_mpi_scan_destroy(attn_mpi_scan *scan);

/* Bytes of workspace that an execution needs, a multiple of 64: attn_plan_workspace of the part and at most 8 B H (4 (E + 2)) bytes, with
 * ATTN_BACKWARD 8 B H (12 (E + 2) + 2 D), and what rounds nine arrays to 64. Not collective. */
ATTN_API size_t attn_mpi_scan_workspace(const attn_mpi_scan *scan);

/* Computes O and LSE of this rank's rows, as attn_forward over the whole sequences would. args is of this rank: q the same on all ranks; lengths, starts and
 * cumulative lengths those of the part; batch must be the same on all ranks; state_o and state_lse NULL: what lies before is on the other
 * ranks. args->workspace: attn_mpi_scan_workspace bytes, aligned to 64. Allocates nothing.
 * Statuses, the same on all ranks: those of attn_forward; ATTN_EUNSUPPORTED for a state; ATTN_ESYSTEM. Not told to others: scan NULL. */
ATTN_API attn_status attn_mpi_scan_forward(attn_mpi_scan *scan, const attn_args *args) ATTN_CHECKED;

/* Computes the gradients of this rank's part from what attn_mpi_scan_forward was given and gave: d_o, d_lse, dk and dv are of its rows; dq is the sum
 * over all tokens of all ranks, the same bits on every rank; with ATTN_ACCUMULATE_DQ it is added to what each rank has there. dstate_o, dstate_lse,
 * d_last_o and d_last_lse must be NULL. Allocates nothing. Statuses, the same on all ranks: those of attn_backward; ATTN_EUNSUPPORTED for a
 * gradient of a state; ATTN_ESYSTEM. */
ATTN_API attn_status attn_mpi_scan_backward(attn_mpi_scan *scan, const attn_args *args, const attn_gradients *gradients) ATTN_CHECKED;

#ifdef __cplusplus
}
#endif

#endif
