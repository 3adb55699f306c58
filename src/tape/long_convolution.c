/* A causal convolution of as many taps as there are tokens, each channel by itself: the choice of the path, and the direct one.
 *
 * forward   y[b, i] = sum over s <= i of h[s] x[b, i - s]
 * backward  dx[b, j] += sum over s of h[s] dy[b, j + s];  dh[s] += sum over b, i >= s of dy[b, i] x[b, i - s]
 *
 * All three are sums, channel by channel, of products of two arrays' rows, of which one is walked forwards and the other either way.
 */
#include "tape/functions.h"
#include "tape/long_convolution.h"
#include "tape/strip.h"

enum { BLOCK = 4 /* outputs that read the same rows together */ };

struct job {
    const struct attn_long_convolution *c;
    const struct attn_functions *functions;
    const attn_real *dy;
    attn_real *to;
};

/* Rows of `to` from `first` on, BLOCK of them or as many as `rows` has: row k adds up the products of the `most` rows of a and of b + k, or of `reach`
 * + k * grow where those are fewer. */
static void add_block(const struct job *job, int64_t wide, int64_t outputs, int64_t most, int64_t reach, int64_t grow, const attn_real *a,
                      int64_t step, const attn_real *b, attn_real *to) {
    const int64_t channels = job->c->channels;
    const int64_t all = attn_min64(most, attn_min64(reach, reach + (outputs - 1) * grow)); /* products that every row has */
    job->functions->products(wide, outputs, all, channels, a, step, b, to);
    for (int64_t k = 0; k < outputs; k++)
        job->functions->products(wide, 1, attn_min64(most, reach + k * grow) - all, channels, a + all * channels, step,
                                 b + k * channels + all * step, to + k * channels);
}

static void forward_strips(void *arg, int64_t begin, int64_t end) {
    const struct job *job = arg;
    const struct attn_long_convolution *c = job->c;
    for (int64_t index = begin; index < end; index++) {
        const struct attn_strip s = attn_strip_at(index, c->channels);
        const int64_t first = s.sequence * c->length * c->channels + s.begin;
        for (int64_t i = 0; i < c->length; i++)
            for (int64_t l = 0; l < s.wide; l++) job->to[first + i * c->channels + l] = 0;
        for (int64_t i = 0; i < c->length; i += BLOCK)
            add_block(job, s.wide, attn_min64(BLOCK, c->length - i), c->taps, i + 1, 1, c->h->data + s.begin, -c->channels,
                      c->x->data + first + i * c->channels, job->to + first + i * c->channels);
    }
}

static void backward_strips(void *arg, int64_t begin, int64_t end) {
    const struct job *job = arg;
    const struct attn_long_convolution *c = job->c;
    for (int64_t index = begin; index < end; index++) {
        const struct attn_strip s = attn_strip_at(index, c->channels);
        const int64_t first = s.sequence * c->length * c->channels + s.begin;
        for (int64_t j = 0; j < c->length; j += BLOCK)
            add_block(job, s.wide, attn_min64(BLOCK, c->length - j), c->taps, c->length - j, -1, c->h->data + s.begin, c->channels,
                      job->dy + first + j * c->channels, job->to + first + j * c->channels);
    }
}

/* A strip of BLOCK taps, one sequence after the other. */
static void backward_taps(void *arg, int64_t begin, int64_t end) {
    const struct job *job = arg;
    const struct attn_long_convolution *c = job->c;
    for (int64_t index = begin; index < end; index++) {
        const struct attn_strip s = attn_strip_at(index, c->channels);
        const int64_t tap = s.sequence * BLOCK; /* of [taps, channels] */
        for (int64_t b = 0; b < c->sequences; b++) {
            const int64_t first = b * c->length * c->channels + s.begin;
            add_block(job, s.wide, attn_min64(BLOCK, c->taps - tap), c->length, c->length - tap, -1, c->x->data + first, c->channels,
                      job->dy + first + tap * c->channels, job->to + tap * c->channels + s.begin);
        }
    }
}

/* As the path is: a product and a sum for each pair of a number and a tap that meet; or the transforms, of pairs of channels, 5 n log2 n each, with those of
 * the taps in `forward`. */
static void add_flops(const struct attn_long_convolution *c, bool forward, bool dx, bool dh) {
    const int64_t meet = c->taps * c->length - c->taps * (c->taps - 1) / 2;
    const double pairs = (double)meet * (double)(c->sequences * c->channels);
    const double all = (double)(c->sequences * attn_div_up(c->channels, 2)), taps = (double)attn_div_up(c->channels, 2);
    const double transforms = forward ? taps + 2 * all : all + (dx ? all : 0) + (dh ? all + taps : 0);
    if (!c->fft)
        attn_tape_add_flops(c->x->tape, 2 * pairs * (forward ? 1 : dx + dh));
    else
        attn_tape_add_flops(c->x->tape, transforms * 5 * (double)c->n * log2((double)c->n));
}

static void backward(struct attn_node *node) {
    const struct attn_long_convolution *c = (struct attn_long_convolution *)node;
    attn_tape *tape = c->x->tape;
    const attn_real *dy = attn_grad_of(node->out);
    attn_real *dx = attn_wants(c->x) ? attn_grad_add(c->x) : NULL, *dh = attn_wants(c->h) ? attn_grad_add(c->h) : NULL;
    if (tape->status) return;
    add_flops(c, false, dx != NULL, dh != NULL);
    if (c->fft) {
        attn_long_convolution_fft_backward(c, dy, dx, dh);
        return;
    }
    const struct attn_functions *functions = attn_functions_for(tape->ctx);
    if (dx) attn_range(tape, attn_strips(c->sequences, c->channels), 1, backward_strips, &(struct job){c, functions, dy, dx});
    if (dh) attn_range(tape, attn_strips(attn_div_up(c->taps, BLOCK), c->channels), 1, backward_taps, &(struct job){c, functions, dy, dh});
}

/* Shapes and instruction sets alone decide. */
static bool is_direct(const struct attn_long_convolution *c) {
    const int64_t before = c->taps - 1; /* tokens with fewer taps */
    return !attn_fft_here() ||
           c->taps * c->length - before * (before + 1) / 2 <= attn_functions_for(c->x->tape->ctx)->direct_taps * c->length;
}

static bool compute(struct attn_long_convolution *c, attn_tensor *out) {
    if (is_direct(c)) {
        attn_range(out->tape, attn_strips(c->sequences, c->channels), 1, forward_strips,
                   &(struct job){c, attn_functions_for(out->tape->ctx), NULL, out->data});
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
    add_flops(&here, true, false, false);
    if (attn_recording(out, 2, inputs)) {
        struct attn_long_convolution *c = attn_node_new(out, sizeof *c, backward);
        if (!c) return NULL;
        here.node = c->node;
        *c = here;
    }
    return tape->status ? NULL : out;
}
