/* Monotonic time: not moved by the wall clock, so differences are durations. */
#include "base/clock.h"

#include <time.h>

double attn_clock(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}
