/* What a rank's own rows are asked for in the backward scan over ranks: what they give to the rows before. Arrays are float or double, sums double.
 *
 * Sums of E + 2 doubles: l, D, G at the first row that has a key of any weight (attn_mpi.h); without such a row (inf, 0, 0). */
#ifndef ATTN_DIST_SCAN_ROWS_H
#define ATTN_DIST_SCAN_ROWS_H

#include "kernel/kernel.h"

/* The sums of the rows [first, end) of sequence b, query head h. */
void attn_scan_rows_sums(const struct attn_exec *x, int64_t b, int32_t h, int64_t first, int64_t end, double *sums);

/* More gradient of the last row by which the sums of all later rows reach it: d_last_o, d_last_lse of attn_gradients. */
void attn_scan_rows_last(const struct attn_exec *x, int64_t b, int32_t h, const double *sums, void *d_o, void *d_lse);

/* sums takes those of the rows behind it (struct attn_exscan). */
void attn_scan_join_sums(double *sums, const double *behind, int64_t width);

#endif
