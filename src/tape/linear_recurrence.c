/* A linear recurrence along the tokens, each channel by itself.
 *
 * forward   h[i] = a[i] h[i - 1] + x[i],  h[-1] = 0
 * backward  g[i] = dh[i] + a[i + 1] g[i + 1];  dx[i] += g[i];  da[i] += g[i] h[i - 1]
 */
#include "tape/strip.h"

struct recurrence {
    struct attn_node node;
    attn_tensor *a, *x;
    int64_t sequences, length, channels;
};

struct job {
    const struct recurrence *n;
    const attn_real *dh;
    attn_real *h, *da, *dx; /* da, dx NULL: not wanted */
};

static void forward_strips(void *arg, int64_t begin, int64_t end) {
    const struct job *job = arg;
    const struct recurrence *n = job->n;
    for (int64_t index = begin; index < end; index++) {
        const struct attn_strip s = attn_strip_at(index, n->channels);
        attn_real carry[ATTN_STRIP] = {0};
        for (int64_t i = 0; i < n->length; i++) {
            const int64_t at = (s.sequence * n->length + i) * n->channels + s.begin;
            for (int64_t l = 0; l < s.wide; l++) job->h[at + l] = carry[l] = n->a->data[at + l] * carry[l] + n->x->data[at + l];
        }
    }
}

static void backward_strips(void *arg, int64_t begin, int64_t end) {
    const struct job *job = arg;
    const struct recurrence *n = job->n;
    for (int64_t index = begin; index < end; index++) {
        const struct attn_strip s = attn_strip_at(index, n->channels);
        attn_real carry[ATTN_STRIP] = {0}; /* a[i + 1] g[i + 1] */
        for (int64_t i = n->length - 1; i >= 0; i--) {
            const int64_t at = (s.sequence * n->length + i) * n->channels + s.begin;
            for (int64_t l = 0; l < s.wide; l++) {
                const attn_real g = job->dh[at + l] + carry[l];
                if (job->dx) job->dx[at + l] += g;
                if (job->da && i > 0) job->da[at + l] += g * job->h[at - n->channels + l];
                carry[l] = n->a->data[at + l] * g;
            }
        }
    }
}

static void backward(struct attn_node *node) {
    const struct recurrence *n = (struct recurrence *)node;
    attn_tape *tape = n->x->tape;
    struct job job = {.n = n, .dh = attn_grad_of(node->out), .h = node->out->data};
    if (attn_wants(n->a)) job.da = attn_grad_add(n->a);
    if (attn_wants(n->x)) job.dx = attn_grad_add(n->x);
    const int64_t strips = attn_strips(n->sequences, n->channels);
    attn_tape_add_flops(tape, (double)node->out->count * (2 + 2 * (job.da != NULL) + (job.dx != NULL)));
    const bool one = attn_share_gradient(2, (attn_tensor *const[]){n->a, n->x});
    if (!tape->status) attn_range(tape, strips, one ? strips : attn_strip_piece(n->length), backward_strips, &job);
}

attn_tensor *attn_linear_recurrence(attn_tensor *a, attn_tensor *x) {
    attn_tensor *inputs[] = {attn_contiguous(a), attn_contiguous(x)};
    char text_a[ATTN_SHAPE_TEXT], text_x[ATTN_SHAPE_TEXT];
    if (!attn_usable(2, inputs)) return NULL;
    struct recurrence here = {.a = inputs[0], .x = inputs[1]};
    attn_tape *tape = here.x->tape;
    if (!attn_same_tokens(here.x, here.a, true))
        return attn_tape_fail(tape, ATTN_ESHAPE, "linear recurrence: a and x must both be [..., T, D]; a is %s, x %s",
                              attn_shape_text(here.a, text_a), attn_shape_text(here.x, text_x));
    attn_tensor *out = attn_tensor_like(here.x);
    if (!out || out->count == 0) return out;
    here.channels = out->size[out->dims - 1];
    here.length = out->size[out->dims - 2];
    here.sequences = out->count / (here.length * here.channels);
    attn_range(tape, attn_strips(here.sequences, here.channels), attn_strip_piece(here.length), forward_strips,
               &(struct job){.n = &here, .h = out->data});
    attn_tape_add_flops(tape, 2 * (double)out->count);
    if (attn_recording(out, 2, inputs)) {
        struct recurrence *n = attn_node_new(out, sizeof *n, backward);
        if (!n) return NULL;
        here.node = n->node;
        *n = here;
    }
    return tape->status ? NULL : out;
}
