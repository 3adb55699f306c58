/* Series that are generated: "chirp", a wave whose frequency rises, "step", a level that changes once, and "burst", a short wave, in noise, each channel with a
 * strength and a sign of its own. Where something happens is drawn for each case. */
#ifndef ATTN_SYSTEM_AAREN_CLASSIFY_WAVES_H
#define ATTN_SYSTEM_AAREN_CLASSIFY_WAVES_H

#include "io/ts.h"

struct attn_aaren_classify_waves {
    int64_t length, channels; /* of every case */
    double noise;             /* deviation of what is added to each value */
};

/* Cases 0 ... count - 1 of a seed, classes in turn, as if they were read from a file; each depends on seed and number alone. Freed by attn_ts_free. */
attn_status attn_aaren_classify_waves_make(attn_ctx *ctx, const struct attn_aaren_classify_waves *waves, uint64_t seed, int64_t count,
                                           struct attn_ts *out);

#endif
