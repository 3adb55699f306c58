/* Rotary position embedding (Su et al. 2021).
 *
 * With x_i and x_(i + d / 2) of a head as one complex number z_i, and angles a = (position + t) base^(-2 i / d) at token t:
 *
 * forward   y = z e^(i a)
 * backward  dz += dy e^(-i a)
 */
#include "tape/tape.h"

struct rotary {
    struct attn_node node;
    attn_tensor *x;
    int64_t tokens, heads, half;
    attn_real *turn; /* [T, 2, half]: cosines, sines */
};

struct table_job {
    const struct rotary *n;
    int64_t position;
    double base;
};

/* Columns of the table. Powers of e^(i rate) are multiplied on, and begun anew often enough for their error to stay a few of double's roundings. */
static void fill_columns(void *arg, int64_t begin, int64_t end) {
    enum { ANEW = 16 };
    const struct table_job *job = arg;
    const int64_t half = job->n->half;
    for (int64_t i = begin; i < end; i++) {
        const double rate = pow(job->base, -(double)i / (double)half), re = cos(rate), im = sin(rate);
        double c = 1, s = 0;
        for (int64_t t = 0; t < job->n->tokens; t++) {
            const double before = c;
            if (t % ANEW == 0) {
                c = cos((double)(job->position + t) * rate);
                s = sin((double)(job->position + t) * rate);
            } else {
                c = before * re - s * im;
                s = before * im + s * re;
            }
            job->n->turn[2 * t * half + i] = (attn_real)c;
            job->n->turn[(2 * t + 1) * half + i] = (attn_real)s;
        }
    }
}

struct job {
    const struct rotary *n;
    const attn_real *from;
    attn_real *to;
    bool back, add;
};

/* Of one head's token; sign -1: back. */
static void turn_row(int64_t half, const attn_real *cosine, const attn_real *sine, attn_real sign, const attn_real *restrict from,
                     attn_real *restrict to, bool add) {
    for (int64_t i = 0; i < half; i++) {
        const attn_real re = from[i] * cosine[i] - sign * from[half + i] * sine[i];
        const attn_real im = from[half + i] * cosine[i] + sign * from[i] * sine[i];
        to[i] = add ? to[i] + re : re;
        to[half + i] = add ? to[half + i] + im : im;
    }
}

/* Rows [begin, end) of [B, T, H]. */
static void turn_rows(void *arg, int64_t begin, int64_t end) {
    const struct job *job = arg;
    const int64_t half = job->n->half;
    for (int64_t r = begin; r < end; r++) {
        const attn_real *turn = job->n->turn + r / job->n->heads % job->n->tokens * 2 * half;
        turn_row(half, turn, turn + half, job->back ? -1 : 1, job->from + r * 2 * half, job->to + r * 2 * half, job->add);
    }
}

static void over_rows(const struct rotary *n, struct job *job) {
    attn_range(n->x->tape, n->x->count / (2 * n->half), attn_max64(1, ATTN_PIECE / (2 * n->half)), turn_rows, job);
}

static void backward(struct attn_node *node) {
    const struct rotary *n = (struct rotary *)node;
    struct job job = {.n = n, .from = attn_grad_of(node->out), .back = true};
    job.to = attn_grad_write(n->x, &job.add);
    if (job.to) over_rows(n, &job);
}

attn_tensor *attn_rotate(attn_tensor *x, int64_t position, double base) {
    char text[ATTN_SHAPE_TEXT];
    x = attn_contiguous(x);
    if (!attn_usable(1, &x)) return NULL;
    attn_tape *tape = x->tape;
    if (x->dims < 3 || x->size[x->dims - 1] % 2 != 0 || position < 0 || !(base > 0))
        return attn_tape_fail(tape, ATTN_ESHAPE,
                              "rotate: x must be [..., T, H, d] with an even d, position 0 or more, base above 0; they are %s, %lld and %g",
                              attn_shape_text(x, text), (long long)position, base);
    attn_tensor *out = attn_tensor_like(x);
    if (!out || out->count == 0) return out;
    struct rotary here = {.x = x, .tokens = x->size[x->dims - 3], .heads = x->size[x->dims - 2], .half = x->size[x->dims - 1] / 2};
    here.turn = attn_tape_take(tape, (size_t)(here.tokens * 2 * here.half) * sizeof *here.turn);
    if (!here.turn) return NULL;
    attn_range(tape, here.half, attn_max64(1, ATTN_PIECE / here.tokens), fill_columns, &(struct table_job){&here, position, base});
    over_rows(&here, &(struct job){.n = &here, .from = x->data, .to = out->data});
    if (attn_recording(out, 1, &x)) {
        struct rotary *n = attn_node_new(out, sizeof *n, backward);
        if (!n) return NULL;
        here.node = n->node;
        *n = here;
    }
    return tape->status ? NULL : out;
}
