/* Rotary position embedding (Su et al. 2021, eq. 34): pair (x, y) number i of a row at position p becomes (x cos a - y sin a, x sin a + y
 * cos a), a = p f_i. Angles are formed in double: at position 2^20 float would leave three digits of them. */
#ifndef ATTN_BASE_ROTARY_H
#define ATTN_BASE_ROTARY_H

#include "attn.h"

#include <math.h>

/* f_i, of rows whose first `dim` numbers are turned: radians a position. */
static inline double attn_rotary_frequency(double base, int64_t dim, int64_t i) {
    return pow(base, -2.0 * (double)i / (double)dim);
}

struct attn_turn {
    double cosine, sine;
};
static inline struct attn_turn attn_rotary_turn(double frequency, int64_t position) {
    const double angle = (double)position * frequency;
    return (struct attn_turn){cos(angle), sin(angle)};
}

#endif
