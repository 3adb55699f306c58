/* attn_mpi.h - attention whose tokens are split over the ranks of an MPI communicator.
 *
 * SPDX-License-Identifier: Apache-2.0
 *
 * A library of its own, libattn_mpi, which needs MPI 3 and libattn. This version has prefix attention, ATTN_SCORE_LEARNED_QUERY of attn.h: one
 * learned query for each head, row i sees the tokens up to i (Feng et al. 2024, "Attention as an RNN"), over a sequence that no rank holds.
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
 * end is noticed, and names who is waited for. Other parts, or another number of ranks, change results by rounding alone.
 *
 * Errors: a mistake on one rank becomes the status of all, with a sentence that names the rank, before anything is written. What cannot be told to
 * the others, as there is no communicator yet, is said at each function; the others then find that nobody answers. A rank that does not come within
 * the deadline is ATTN_ESYSTEM, with its number, the call and how many calls went before. Messages may then be under way still: end the job
 * (MPI_Abort), and leave arrays and workspace in place until then. Later calls with the same object fail at once.
 *
 * MPI must have been begun by the caller, with MPI_THREAD_FUNNELED or more where a context has more than one thread: libattn's own threads never
 * call MPI. All functions but attn_mpi_scan_workspace and attn_mpi_config_init are collective: all ranks call them in the same order.
 */
#ifndef ATTN_MPI_H
#define ATTN_MPI_H

#include "attn.h"

#include <mpi.h>

#ifdef __cplusplus
extern "C" {
#endif

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
