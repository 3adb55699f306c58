/* Time in seconds. */
#ifndef ATTN_BASE_CLOCK_H
#define ATTN_BASE_CLOCK_H
double attn_clock(void);           /* monotonic */
double attn_clock_processor(void); /* that the calling thread has had of a processor: what others take of it is not in it */
#endif
