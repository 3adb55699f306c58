/* The numbers that a diagonal state space model's kernel and its recurrence share. */
#ifndef ATTN_TAPE_S4D_H
#define ATTN_TAPE_S4D_H

struct attn_s4d_number {
    double re, im;
};

/* x[t] = lambda x[t - 1] + b B input[t], output[t] = 2 Re C . x[t], of one state by the bilinear discretisation. */
struct attn_s4d_state {
    struct attn_s4d_number lambda, b;
};
struct attn_s4d_state attn_s4d_discretize(double log_step, double log_decay, double frequency);

static inline struct attn_s4d_number attn_s4d_times(struct attn_s4d_number x, struct attn_s4d_number y) {
    return (struct attn_s4d_number){x.re * y.re - x.im * y.im, x.re * y.im + x.im * y.re};
}

#endif
