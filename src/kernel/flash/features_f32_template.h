/* The general epilogue: soft-cap, ALiBi, bias, dropout, and the gradients of slope and bias, one row of a panel at a time. Included by
 * one file for each instruction set after its vector__ISA.h; the loops run over ATTN_PANEL lanes, so that the compiler turns them into
 * that set's vectors.
 *
 *   x = cap tanh(s / cap) - slope |i - j| + bias        P = 2^(x - LSE)        g = P (keep dP - delta)
 *   dbias += g        dslope -= g |i - j|               dS = scale g (1 - tanh^2)
 *
 * Every lane of an excluded pair is selected to 0 before it is added to anything.
 */
#include "kernel/flash/backward_ops.h"

#include <math.h>
#include <stdlib.h>

static void exp2_lanes(float x[ATTN_PANEL]) {
    for (int l = 0; l < ATTN_PANEL; l += VEC_LANES) vec_store(x + l, vec_exp2(vec_load(x + l)));
}

/* tanh(y) = sign (1 - t) / (1 + t) with t = 2^(-2 log2(e) |y|), which cancels near 0: below 1/8 the odd series. */
static void tanh_lanes(float y[ATTN_PANEL]) {
    float t[ATTN_PANEL];
    for (int l = 0; l < ATTN_PANEL; l++) t[l] = -2.885390081777927f * fabsf(y[l]);
    exp2_lanes(t);
    for (int l = 0; l < ATTN_PANEL; l++) {
        const float square = y[l] * y[l];
        const float near = y[l] + y[l] * square * (-0x1.555556p-2f + square * (0x1.111112p-3f - square * 0x1.ba1ba2p-5f));
        const float far = copysignf((1.0f - t[l]) / (1.0f + t[l]), y[l]);
        y[l] = fabsf(y[l]) < 0.125f ? near : far;
    }
}

/* p: logits of the row in base 2 -> weights. slope: the derivative of the soft-cap. */
static void row_weights(const struct attn_panel_features *t, int r, const float far[ATTN_PANEL], float *p, float slope[ATTN_PANEL]) {
    const float start = t->start_p[r], rest = t->start_rest[r];
    float x[ATTN_PANEL];
    for (int l = 0; l < ATTN_PANEL; l++) {
        x[l] = p[l];
        slope[l] = 1.0f;
    }
    if (t->cap > 0.0f) {
        const float inverse = 1.0f / t->cap;
        for (int l = 0; l < ATTN_PANEL; l++) x[l] *= inverse;
        tanh_lanes(x);
        for (int l = 0; l < ATTN_PANEL; l++) {
            slope[l] = 1.0f - x[l] * x[l];
            x[l] *= t->cap;
        }
    }
    for (int l = 0; l < ATTN_PANEL; l++) x[l] -= t->slope * far[l];
    if (t->bias)
        for (int l = 0; l < t->lanes; l++) x[l] += 0x1.715476p+0f * t->bias[r * t->bias_row + l * t->bias_lane];
    for (int l = 0; l < ATTN_PANEL; l++) p[l] = x[l] + start + rest;
    exp2_lanes(p);
}

static void add_feature_gradients(const struct attn_panel_features *t, int r, const float far[ATTN_PANEL], const float g[ATTN_PANEL]) {
    if (t->d_slope) {
        float sum = 0.0f;
        for (int l = 0; l < t->lanes; l++) sum += g[l] * far[l];
        *t->d_slope -= (double)sum;
    }
    if (!t->d_bias) return;
    float *to = t->d_bias + r * t->d_bias_row;
    if (t->d_bias_lane) {
        for (int l = 0; l < t->lanes; l++) to[l * t->d_bias_lane] += g[l];
        return;
    }
    float sum = 0.0f;
    for (int l = 0; l < t->lanes; l++) sum += g[l];
    *to += sum;
}

static void features(const struct attn_panel_features *t) {
    const uint32_t exist = t->lanes < ATTN_PANEL ? (1u << t->lanes) - 1u : UINT32_MAX;
    for (int r = 0; r < t->rows; r++) {
        const uint32_t allowed = t->words ? t->words[r] & exist : exist, kept = t->kept ? t->kept[r] : UINT32_MAX;
        float *restrict p = t->p + r * t->stride, *restrict ds = t->ds + r * t->stride;
        const float minus_delta = t->start_ds[r], grow = t->grow, scale = t->scale;
        float slope[ATTN_PANEL], far[ATTN_PANEL], g[ATTN_PANEL];
        for (int l = 0; l < ATTN_PANEL; l++) far[l] = (float)llabs(t->distance + r - l);
        row_weights(t, r, far, p, slope);
        for (int l = 0; l < ATTN_PANEL; l++) {
            const float keep = kept >> l & 1u ? grow : 0.0f;
            const bool here = allowed >> l & 1u;
            const float gradient = p[l] * (ds[l] * keep + minus_delta), weight = p[l] * keep;
            g[l] = here ? gradient : 0.0f;
            p[l] = here ? weight : 0.0f;
            ds[l] = here ? gradient * slope[l] * scale : 0.0f;
        }
        add_feature_gradients(t, r, far, g);
    }
}
