/* A causal convolution of as many taps as there are tokens, each channel by itself: the choice of the path, and the direct one.
 *
 * forward   y[b, i] = sum over s <= i of h[s] x[b, i - s]
 * backward  dx[b, j] += sum over s of h[s] dy[b, j + s];  dh[s] += sum over b, i >= s of dy[b, i] x[b, i - s]
 *
 * All three are sums, channel by channel, of products of two arrays' rows, of which one is walked forwards and the other either way.
 */
#include "tape/long_convolution.h"
#include "tape/strip.h"

enum { DIRECT_TAPS = 192 /* of a token in the mean: with more, transforms are faster (docs/performance.md) */ };

struct job {
    const struct attn_long_convolution *c;
    const attn_real *dy;
    attn_real *to;
};

/* sum[l] += sum over r < n of a[r * channels + l] b[r * step + l] */
static inline void add_rows(int64_t wide, int64_t n, int64_t channels, const attn_real *a, int64_t step, const attn_real *b,
                            attn_real sum[ATTN_STRIP]) {
    for (int64_t r = 0; r < n; r++)
        for (int64_t l = 0; l < wide; l++) sum[l] += a[r * channels + l] * b[r * step + l];
}

static void add_products(int64_t wide, int64_t n, int64_t channels, const attn_real *a, int64_t step, const attn_real *b, attn_real *to) {
    attn_real sum[ATTN_STRIP] = {0};
    if (wide == ATTN_STRIP) /* sums in registers */
        add_rows(ATTN_STRIP, n, channels, a, step, b, sum);
    else
        add_rows(wide, n, channels, a, step, b, sum);
    for (int64_t l = 0; l < wide; l++) to[l] += sum[l];
}

static void forward_strips(void *arg, int64_t begin, int64_t end) {
    const struct job *job = arg;
    const struct attn_long_convolution *c = job->c;
    for (int64_t index = begin; index < end; index++) {
        const struct attn_strip s = attn_strip_at(index, c->channels);
        const int64_t first = s.sequence * c->length * c->channels + s.begin;
        for (int64_t i = 0; i < c->length; i++) {
            attn_real *y = job->to + first + i * c->channels;
            for (int64_t l = 0; l < s.wide; l++) y[l] = 0;
            add_products(s.wide, attn_min64(c->taps, i + 1), c->channels, c->h->data + s.begin, -c->channels,
                         c->x->data + first + i * c->channels, y);
        }
    }
}

static void backward_strips(void *arg, int64_t begin, int64_t end) {
    const struct job *job = arg;
    const struct attn_long_convolution *c = job->c;
    for (int64_t index = begin; index < end; index++) {
        const struct attn_strip s = attn_strip_at(index, c->channels);
        const int64_t first = s.sequence * c->length * c->channels + s.begin;
        for (int64_t j = 0; j < c->length; j++)
            add_products(s.wide, attn_min64(c->taps, c->length - j), c->channels, c->h->data + s.begin, c->channels,
                         job->dy + first + j * c->channels, job->to + first + j * c->channels);
    }
}

/* A strip of a tap, one sequence after the other. */
static void backward_taps(void *arg, int64_t begin, int64_t end) {
    const struct job *job = arg;
    const struct attn_long_convolution *c = job->c;
    for (int64_t index = begin; index < end; index++) {
        const struct attn_strip s = attn_strip_at(index, c->channels);
        const int64_t tap = s.sequence; /* of [taps, channels] */
        for (int64_t b = 0; b < c->sequences; b++) {
            const int64_t first = b * c->length * c->channels + s.begin;
            add_products(s.wide, c->length - tap, c->channels, job->dy + first + tap * c->channels, c->channels, c->x->data + first,
                         job->to + tap * c->channels + s.begin);
        }
    }
}

static void backward(struct attn_node *node) {
    const struct attn_long_convolution *c = (struct attn_long_convolution *)node;
    attn_tape *tape = c->x->tape;
    const attn_real *dy = attn_grad_of(node->out);
    attn_real *dx = attn_wants(c->x) ? attn_grad_add(c->x) : NULL, *dh = attn_wants(c->h) ? attn_grad_add(c->h) : NULL;
    if (tape->status) return;
    if (c->fft) {
        attn_long_convolution_fft_backward(c, dy, dx, dh);
        return;
    }
    if (dx) attn_range(tape, attn_strips(c->sequences, c->channels), 1, backward_strips, &(struct job){c, dy, dx});
    if (dh) attn_range(tape, attn_strips(c->taps, c->channels), 1, backward_taps, &(struct job){c, dy, dh});
}

/* Shapes alone decide. */
static bool is_direct(const struct attn_long_convolution *c) {
    const int64_t before = c->taps - 1; /* tokens with fewer taps */
    return !attn_fft_here() || c->taps * c->length - before * (before + 1) / 2 <= DIRECT_TAPS * c->length;
}

static bool compute(struct attn_long_convolution *c, attn_tensor *out) {
    if (is_direct(c)) {
        attn_range(out->tape, attn_strips(c->sequences, c->channels), 1, forward_strips, &(struct job){c, NULL, out->data});
        return true;
    }
    for (c->n = 1; c->n < c->length + c->taps - 1;) c->n *= 2;
    c->fft = attn_tape_fft(out->tape, c->n);
    return c->fft && attn_long_convolution_fft(c, out->data);
}

attn_tensor *attn_long_convolution(attn_tensor *x, attn_tensor *h) {
    attn_tensor *inputs[] = {attn_contiguous(x), attn_contiguous(h)};
    char text_x[ATTN_SHAPE_TEXT], text_h[ATTN_SHAPE_TEXT];
    if (!attn_usable(2, inputs)) return NULL;
    struct attn_long_convolution here = {.x = inputs[0], .h = inputs[1]};
    attn_tape *tape = here.x->tape;
    here.channels = here.x->size[here.x->dims - 1];
    here.length = here.x->dims > 1 ? here.x->size[here.x->dims - 2] : 0;
    here.taps = here.h->size[0];
    if (here.x->dims < 2 || here.h->dims != 2 || here.h->size[1] != here.channels || here.taps > here.length)
        return attn_tape_fail(tape, ATTN_ESHAPE, "long convolution: x [..., T, D] needs h [taps, D] of at most T taps; x is %s, h %s",
                              attn_shape_text(here.x, text_x), attn_shape_text(here.h, text_h));
    attn_tensor *out = attn_tensor_like(here.x);
    if (!out || out->count == 0) return out;
    here.sequences = out->count / (here.length * here.channels);
    if (!compute(&here, out)) return NULL;
    if (attn_recording(out, 2, inputs)) {
        struct attn_long_convolution *c = attn_node_new(out, sizeof *c, backward);
        if (!c) return NULL;
        here.node = c->node;
        *c = here;
    }
    return tape->status ? NULL : out;
}
