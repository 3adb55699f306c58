/* Monotonic time in seconds. */
#ifndef ATTN_BASE_CLOCK_H
#define ATTN_BASE_CLOCK_H
double attn_clock(void);
#endif
