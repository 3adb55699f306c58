/* The scans of the textbooks, one file each: the serial recurrence, Hillis and Steele's, Blelloch's. They exist to be read, to check the
 * chunked scan by, and to compare. Each computes one head of one sequence; heads go to workers. Their backward pass is the chunked one.
 *
 * An element stands for a set of tokens A (Feng et al. 2024, sec. 3.2): m = max s, u = sum exp(s - m), w = sum exp(s - m) v. One token is
 * (s, 1, v), none is (-inf, 0, 0). A state before the sequence is one more element in front, (state_lse, 1, state_o).
 */
#ifndef ATTN_KERNEL_SCAN_TEXTBOOK_H
#define ATTN_KERNEL_SCAN_TEXTBOOK_H

#include "kernel/scan/chunk.h"
#include "kernel/scan/scan.h"

/* One head: `q` is scaled, `memory` is what the kernel asked for. */
struct attn_scan_head {
    const struct attn_exec *x;
    int64_t b, k_row, q_row, n;
    int32_t h, g;
    const float *q;
    float *memory;
};

/* m, u and w in a row of E + 2 floats. */
enum { ATTN_SCAN_M, ATTN_SCAN_U, ATTN_SCAN_W };

static inline int64_t attn_scan_element_floats(const struct attn_shape *shape) {
    return shape->v_dim + ATTN_SCAN_W;
}

float attn_scan_score(const struct attn_scan_head *a, int64_t i);

/* The element of token i, of the state, of nothing. */
void attn_scan_leaf(const struct attn_scan_head *a, int64_t i, float *out);
void attn_scan_state(const struct attn_scan_head *a, float *out);
void attn_scan_identity(int64_t width, float *out);

/* out = a (+) b, a before b; out may be either. */
void attn_scan_combine(int64_t width, const float *a, const float *b, float *out);

/* O and LSE of row i from the element of its prefix. */
void attn_scan_store(const struct attn_scan_head *a, int64_t i, const float *prefix);

/* Runs `head` for every head; floats: memory of a worker. */
void attn_scan_each_head(const struct attn_exec *x, int64_t floats, void (*head)(const struct attn_scan_head *a));

/* Workspace of a kernel whose workers need so many floats forward. */
size_t attn_scan_textbook_workspace(const struct attn_shape *shape, int64_t floats);
void attn_scan_textbook_backward(const struct attn_exec *x);

#endif
