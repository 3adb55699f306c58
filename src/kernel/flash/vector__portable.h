/* Four floats as a vector of the compiler's own (gcc and clang), 16 lanes as four of them, and 2^x. The compiler lowers them to what the
 * target has: SSE2 on every x86-64, NEON on 64-bit Arm, scalars elsewhere.
 */
#ifndef ATTN_KERNEL_FLASH_VECTOR_PORTABLE_H
#define ATTN_KERNEL_FLASH_VECTOR_PORTABLE_H

#include <stdint.h>
#include <string.h>

typedef float attn_v4 __attribute__((vector_size(16)));
typedef int32_t attn_v4i __attribute__((vector_size(16)));

enum { ATTN_V4 = 4, ATTN_V4_LANES = 4 /* vectors of 16 lanes */ };

static inline attn_v4 attn_v4_load(const float *p) {
    attn_v4 x;
    memcpy(&x, p, sizeof x);
    return x;
}

static inline void attn_v4_store(float *p, attn_v4 x) {
    memcpy(p, &x, sizeof x);
}
static inline attn_v4 attn_v4_set(float x) {
    return (attn_v4){x, x, x, x};
}

/* yes where mask is all ones, no where it is 0. */
static inline attn_v4 attn_v4_select(attn_v4i mask, attn_v4 yes, attn_v4 no) {
    return (attn_v4)(((attn_v4i)yes & mask) | ((attn_v4i)no & ~mask));
}

/* The greater; where a is NaN, b. */
static inline attn_v4 attn_v4_max(attn_v4 a, attn_v4 b) {
    return attn_v4_select(a > b, a, b);
}

/* Lanes 4 v to 4 v + 3 of a word of lane bits, as a mask. */
static inline attn_v4i attn_v4_lanes(uint32_t word, int v) {
    const attn_v4i bit = {1, 2, 4, 8};
    int32_t four = (int32_t)(word >> (4 * v) & 15);
    return ((attn_v4i){four, four, four, four} & bit) != 0;
}

/* 2^x with a polynomial of degree 5 on [-1/2, 1/2], p(0) = 1 exactly, relative error 9.2e-8 (no gather of table entries: not every target
 * has one); the exponent is put in as an integer. x below -126 gives 0, above 127 is cut to it; NaN stays NaN. */
static inline attn_v4 attn_v4_exp2(attn_v4 x) {
    const attn_v4 round = attn_v4_set(12582912.0f); /* 1.5 * 2^23: adding it leaves the nearest integer in the low bits */
    attn_v4i tiny = x < attn_v4_set(-126.0f);
    x = attn_v4_select(tiny, attn_v4_set(-126.0f), x);
    x = attn_v4_select(x > attn_v4_set(127.0f), attn_v4_set(127.0f), x);
    attn_v4 shifted = x + round;
    attn_v4i exponent = ((attn_v4i)shifted - (attn_v4i)round + 127) << 23;
    attn_v4 rest = x - (shifted - round);
    attn_v4 p = attn_v4_set(0x1.5bba14p-10f);
    p = p * rest + attn_v4_set(0x1.3cea88p-7f);
    p = p * rest + attn_v4_set(0x1.c6b752p-5f);
    p = p * rest + attn_v4_set(0x1.ebf9bcp-3f);
    p = p * rest + attn_v4_set(0x1.62e42ap-1f);
    p = p * rest + attn_v4_set(1.0f);
    return attn_v4_select(tiny, attn_v4_set(0.0f), p * (attn_v4)exponent);
}

#endif
