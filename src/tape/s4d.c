/* The kernel of a diagonal state space model with complex states, S4D (Gu et al. 2022), of each head by itself; sums are over its states.
 *
 *            Delta = e^log_step,  A = -e^log_decay + i frequency,  a = Delta A / 2
 *            lambda = (1 + a) / (1 - a),  b^ = Delta / (1 - a)                        the bilinear discretisation
 * forward    K[t] = 2 Re sum of w lambda^t,  w = B C b^
 * backward   with g the derivatives by the real part plus i times that by the imaginary part
 *            g_w = 2 conj(sum over t of dK[t] lambda^t),  g_lambda = 2 conj(w sum over t of t dK[t] lambda^(t - 1))
 *            g_B = g_w conj(C b^),  g_C = g_w conj(B b^),  g_b^ = g_w conj(B C)
 *            g_a = g_lambda conj(2 / (1 - a)^2) + g_b^ conj(Delta / (1 - a)^2)
 *            dDelta += sum of Re(g_a conj(A / 2) + g_b^ conj(1 / (1 - a))),  dlog_step = Delta dDelta
 *            g_A = g_a Delta / 2,  dlog_decay = -e^log_decay Re g_A,  dfrequency = Im g_A
 *
 * Powers are products in double: the error of lambda^t is within t roundings, of 1e-16.
 */
#include "tape/s4d.h"
#include "tape/tape.h"

#include "base/parallel.h"

#include <string.h>

enum { LANES = 8 /* states side by side */ };
enum { FORWARD = 7, BACKWARD = 14 /* operations of a tap and state: the power 6, sums of real or of both parts */ };

enum { LOG_STEP, LOG_DECAY, FREQUENCY, B, C, INPUTS };

struct s4d {
    struct attn_node node;
    attn_tensor *in[INPUTS];
    int64_t taps, heads, states;
};

struct job {
    const struct s4d *n;
    const attn_real *dy;
    attn_real *y, *d[INPUTS]; /* d NULL: not wanted */
    double *scratch;          /* of each worker `each` numbers */
    int64_t each;
};

/* x conj(y) */
static struct attn_s4d_number times_conjugate(struct attn_s4d_number x, struct attn_s4d_number y) {
    return (struct attn_s4d_number){x.re * y.re + x.im * y.im, x.im * y.re - x.re * y.im};
}
static struct attn_s4d_number scaled(double factor, struct attn_s4d_number x) {
    return (struct attn_s4d_number){factor * x.re, factor * x.im};
}
static struct attn_s4d_number inverse(struct attn_s4d_number x) {
    return scaled(1 / (x.re * x.re + x.im * x.im), (struct attn_s4d_number){x.re, -x.im});
}

struct attn_s4d_state attn_s4d_discretize(double log_step, double log_decay, double frequency) {
    const double step = exp(log_step);
    const struct attn_s4d_number a = {-exp(log_decay) * step / 2, frequency * step / 2},
                                 below = inverse((struct attn_s4d_number){1 - a.re, -a.im});
    return (struct attn_s4d_state){attn_s4d_times((struct attn_s4d_number){1 + a.re, a.im}, below), scaled(step, below)};
}

/* One state: Delta, A, 1 / (1 - a), lambda and b^, B, C. */
struct state {
    double step;
    struct attn_s4d_number a_rate, inverse;
    struct attn_s4d_state discrete;
    struct attn_s4d_number b, c;
};

static struct attn_s4d_number number_at(const attn_tensor *x, int64_t at) {
    return (struct attn_s4d_number){(double)x->data[2 * at], (double)x->data[2 * at + 1]};
}

static struct state state_at(const struct s4d *n, int64_t head, int64_t j) {
    const int64_t at = head * n->states + j;
    const double log_step = (double)n->in[LOG_STEP]->data[head], log_decay = (double)n->in[LOG_DECAY]->data[at];
    const double frequency = (double)n->in[FREQUENCY]->data[at], step = exp(log_step);
    const struct attn_s4d_state discrete = attn_s4d_discretize(log_step, log_decay, frequency);
    return (struct state){.step = step,
                          .a_rate = {-exp(log_decay), frequency},
                          .inverse = scaled(1 / step, discrete.b),
                          .discrete = discrete,
                          .b = number_at(n->in[B], at),
                          .c = number_at(n->in[C], at)};
}

/* States from `first` on, LANES at most, the rest zeros. */
struct lanes {
    double re[LANES], im[LANES];
};

static void put(struct lanes *x, int64_t l, struct attn_s4d_number value) {
    x->re[l] = value.re;
    x->im[l] = value.im;
}
static struct attn_s4d_number get(const struct lanes *x, int64_t l) {
    return (struct attn_s4d_number){x->re[l], x->im[l]};
}
/* x *= y */
static inline void multiply(struct lanes *x, const struct lanes *y) {
    for (int l = 0; l < LANES; l++) {
        const double re = x->re[l] * y->re[l] - x->im[l] * y->im[l];
        x->im[l] = x->re[l] * y->im[l] + x->im[l] * y->re[l];
        x->re[l] = re;
    }
}

static void forward_head(void *arg, int64_t head, int worker) {
    const struct job *job = arg;
    const struct s4d *n = job->n;
    double *sum = job->scratch + worker * job->each; /* [taps, LANES] */
    memset(sum, 0, (size_t)(n->taps * LANES) * sizeof *sum);
    for (int64_t first = 0; first < n->states; first += LANES) {
        struct lanes lambda = {{0}, {0}}, term = lambda;
        for (int64_t l = 0; l < attn_min64(LANES, n->states - first); l++) {
            const struct state s = state_at(n, head, first + l);
            put(&lambda, l, s.discrete.lambda);
            put(&term, l, attn_s4d_times(attn_s4d_times(s.b, s.c), s.discrete.b));
        }
        for (int64_t t = 0; t < n->taps; t++) {
            for (int l = 0; l < LANES; l++) sum[t * LANES + l] += term.re[l];
            multiply(&term, &lambda);
        }
    }
    for (int64_t t = 0; t < n->taps; t++) {
        double all = 0;
        for (int l = 0; l < LANES; l++) all += sum[t * LANES + l];
        job->y[t * n->heads + head] = (attn_real)(2 * all);
    }
}

static void add_number(attn_real *to, int64_t at, struct attn_s4d_number x) {
    to[2 * at] += (attn_real)x.re;
    to[2 * at + 1] += (attn_real)x.im;
}

/* Gradients of one state; returns its part of dDelta. by_w and by_lambda: the sums over t of dK[t] lambda^t and of t dK[t] lambda^(t - 1). */
static double add_gradients(const struct job *job, int64_t at, const struct state *s, struct attn_s4d_number by_w,
                            struct attn_s4d_number by_lambda) {
    const struct attn_s4d_number one = {1, 0}, bc = attn_s4d_times(s->b, s->c), w = attn_s4d_times(bc, s->discrete.b),
                                 square = attn_s4d_times(s->inverse, s->inverse);
    const struct attn_s4d_number g_w = scaled(2, times_conjugate(one, by_w)),
                                 g_lambda = scaled(2, times_conjugate(one, attn_s4d_times(w, by_lambda)));
    const struct attn_s4d_number g_b_step = times_conjugate(g_w, bc);
    const struct attn_s4d_number from_lambda = times_conjugate(g_lambda, scaled(2, square));
    const struct attn_s4d_number from_b_step = times_conjugate(g_b_step, scaled(s->step, square));
    const struct attn_s4d_number g_a = {from_lambda.re + from_b_step.re, from_lambda.im + from_b_step.im};
    if (job->d[LOG_DECAY]) job->d[LOG_DECAY][at] += (attn_real)(s->a_rate.re * g_a.re * s->step / 2);
    if (job->d[FREQUENCY]) job->d[FREQUENCY][at] += (attn_real)(g_a.im * s->step / 2);
    if (job->d[B]) add_number(job->d[B], at, times_conjugate(g_w, attn_s4d_times(s->c, s->discrete.b)));
    if (job->d[C]) add_number(job->d[C], at, times_conjugate(g_w, attn_s4d_times(s->b, s->discrete.b)));
    return times_conjugate(g_a, scaled(0.5, s->a_rate)).re + times_conjugate(g_b_step, s->inverse).re;
}

/* to += factor * x */
static inline void add_scaled(struct lanes *to, double factor, const struct lanes *x) {
    for (int l = 0; l < LANES; l++) {
        to->re[l] += factor * x->re[l];
        to->im[l] += factor * x->im[l];
    }
}

static void backward_head(void *arg, int64_t head, int worker) {
    const struct job *job = arg;
    const struct s4d *n = job->n;
    double *d = job->scratch + worker * job->each, d_step = 0; /* d [taps + 1], of this head */
    for (int64_t t = 0; t < n->taps; t++) d[t] = (double)job->dy[t * n->heads + head];
    d[n->taps] = 0;
    for (int64_t first = 0; first < n->states; first += LANES) {
        struct lanes lambda = {{0}, {0}}, power = lambda, by_w = lambda, by_lambda = lambda;
        const int64_t wide = attn_min64(LANES, n->states - first);
        struct state s[LANES];
        for (int64_t l = 0; l < wide; l++) {
            s[l] = state_at(n, head, first + l);
            put(&lambda, l, s[l].discrete.lambda);
            put(&power, l, (struct attn_s4d_number){1, 0});
        }
        for (int64_t t = 0; t < n->taps; t++) {
            add_scaled(&by_w, d[t], &power);
            add_scaled(&by_lambda, (double)(t + 1) * d[t + 1], &power);
            multiply(&power, &lambda);
        }
        for (int64_t l = 0; l < wide; l++)
            d_step += add_gradients(job, head * n->states + first + l, &s[l], get(&by_w, l), get(&by_lambda, l));
    }
    if (job->d[LOG_STEP]) job->d[LOG_STEP][head] += (attn_real)(exp((double)n->in[LOG_STEP]->data[head]) * d_step);
}

/* Runs a function of each head with scratch for each worker. False: the tape is spoiled. */
static bool run(struct job *job, int64_t each, int workers, attn_task_fn head) {
    attn_tape *tape = job->n->in[0]->tape;
    job->each = each;
    job->scratch = attn_tape_take(tape, (size_t)(each * workers) * sizeof *job->scratch);
    if (!job->scratch) return false;
    attn_parallel(tape->ctx, job->n->heads, workers, head, job);
    return true;
}

static void backward(struct attn_node *node) {
    const struct s4d *n = (struct s4d *)node;
    struct job job = {.n = n, .dy = attn_grad_of(node->out)};
    for (int i = 0; i < INPUTS; i++)
        if (attn_wants(n->in[i])) job.d[i] = attn_grad_add(n->in[i]);
    attn_tape *tape = node->out->tape;
    attn_tape_add_flops(tape, BACKWARD * (double)(n->taps * n->heads) * (double)n->states);
    if (!tape->status) run(&job, n->taps + 1, attn_share_gradient(INPUTS, n->in) ? 1 : tape->ctx->config.threads, backward_head);
}

/* log_step [H], the others [H, J], or [H, J, 2] from B on. */
static bool fit(attn_tensor *const *in) {
    bool fits = in[LOG_STEP]->dims == 1 && in[LOG_DECAY]->dims == 2;
    for (int i = LOG_DECAY; fits && i < INPUTS; i++) {
        const bool complex_numbers = i >= B;
        fits = in[i]->dims == (complex_numbers ? 3 : 2) && in[i]->size[0] == in[LOG_STEP]->size[0] &&
               in[i]->size[1] == in[LOG_DECAY]->size[1] && (!complex_numbers || in[i]->size[2] == 2);
    }
    return fits;
}

attn_tensor *attn_s4d_kernel(int64_t taps, attn_tensor *log_step, attn_tensor *log_decay, attn_tensor *frequency, attn_tensor *b,
                             attn_tensor *c) {
    struct s4d here = {
        .in = {attn_contiguous(log_step), attn_contiguous(log_decay), attn_contiguous(frequency), attn_contiguous(b), attn_contiguous(c)}};
    char text_step[ATTN_SHAPE_TEXT], text_decay[ATTN_SHAPE_TEXT], text_b[ATTN_SHAPE_TEXT];
    if (!attn_usable(INPUTS, here.in)) return NULL;
    attn_tape *tape = here.in[LOG_STEP]->tape;
    if (!fit(here.in))
        return attn_tape_fail(tape, ATTN_ESHAPE,
                              "S4D kernel: log_step must be [H], log_decay and frequency [H, J], b and c [H, J, 2]; log_step is %s, "
                              "log_decay %s, b %s",
                              attn_shape_text(here.in[LOG_STEP], text_step), attn_shape_text(here.in[LOG_DECAY], text_decay),
                              attn_shape_text(here.in[B], text_b));
    here.taps = taps;
    here.heads = here.in[LOG_STEP]->size[0];
    here.states = here.in[LOG_DECAY]->size[1];
    attn_tensor *out = attn_tensor_new(tape, 2, (const int64_t[]){taps, here.heads});
    if (!out || out->count == 0) return out;
    if (!run(&(struct job){.n = &here, .y = out->data}, taps * LANES, tape->ctx->config.threads, forward_head)) return NULL;
    attn_tape_add_flops(tape, FORWARD * (double)out->count * (double)here.states);
    if (attn_recording(out, INPUTS, here.in)) {
        struct s4d *n = attn_node_new(out, sizeof *n, backward);
        if (!n) return NULL;
        here.node = n->node;
        *n = here;
    }
    return tape->status ? NULL : out;
}
