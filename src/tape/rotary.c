/* Rotary position embedding, by the angles of base/rotary.h.
 *
 * forward   (y_a, y_b) = (x_a cos - x_b sin, x_a sin + x_b cos) of each pair (a, b); what is beyond the pairs stays
 * backward  the same with the angle turned round: dx_a += dy_a cos + dy_b sin, dx_b += dy_b cos - dy_a sin
 */
#include "base/rotary.h"
#include "tape/token_split.h"

struct rotary {
    struct attn_node node;
    attn_tensor *x;
    bool halves;
    int64_t pairs;
    const attn_real *cosine, *sine; /* [T, pairs] */
};

/* Rows [T, H, D] of `from` are turned into those of `to`, each along strides of its own; sign -1: backwards. */
struct job {
    const struct rotary *n;
    const attn_tensor *from_at, *to_at;
    const attn_real *from;
    attn_real *to, sign;
    bool add;
};

/* Of token number `index` of all. */
static int64_t offset_of(const attn_tensor *x, int64_t index) {
    int64_t offset = 0;
    for (int i = x->dims - 3; i >= 0; i--) {
        offset += index % x->size[i] * x->step[i];
        index /= x->size[i];
    }
    return offset;
}

static void put(attn_real *to, attn_real value, bool add) {
    *to = add ? *to + value : value;
}

static void turn_row(const struct job *job, const attn_real *cosine, const attn_real *sine, const attn_real *from, attn_real *to) {
    const int64_t pairs = job->n->pairs, dim = job->from_at->size[job->from_at->dims - 1];
    const attn_real sign = job->sign;
    const bool add = job->add;
    if (job->n->halves)
        for (int64_t i = 0; i < pairs; i++) {
            const attn_real a = from[i], b = from[i + pairs], s = sign * sine[i];
            put(&to[i], a * cosine[i] - b * s, add);
            put(&to[i + pairs], a * s + b * cosine[i], add);
        }
    else
        for (int64_t i = 0; i < pairs; i++) {
            const attn_real a = from[2 * i], b = from[2 * i + 1], s = sign * sine[i];
            put(&to[2 * i], a * cosine[i] - b * s, add);
            put(&to[2 * i + 1], a * s + b * cosine[i], add);
        }
    for (int64_t i = 2 * pairs; i < dim; i++) put(&to[i], from[i], add);
}

static void turn_tokens(void *arg, int64_t begin, int64_t end) {
    const struct job *job = arg;
    const int head = job->from_at->dims - 2;
    const int64_t length = job->from_at->size[head - 1];
    for (int64_t index = begin; index < end; index++) {
        const attn_real *from = job->from + offset_of(job->from_at, index);
        attn_real *to = job->to + offset_of(job->to_at, index);
        const int64_t angles = index % length * job->n->pairs;
        for (int64_t h = 0; h < job->from_at->size[head]; h++)
            turn_row(job, job->n->cosine + angles, job->n->sine + angles, from + h * job->from_at->step[head],
                     to + h * job->to_at->step[head]);
    }
}

static void turn(struct job *job) {
    const attn_tensor *x = job->from_at;
    const int64_t token = x->size[x->dims - 1] * x->size[x->dims - 2];
    if (x->count > 0) attn_range(x->tape, x->count / token, attn_max64(1, ATTN_PIECE / token), turn_tokens, job);
}

static void backward(struct attn_node *node) {
    const struct rotary *n = (struct rotary *)node;
    struct job job = {.n = n, .from_at = node->out, .to_at = n->x, .from = attn_grad_of(node->out), .sign = -1, .add = true};
    job.to = attn_is_contiguous(n->x) ? attn_grad_write(n->x, &job.add) : attn_grad_add(n->x);
    if (job.to) turn(&job);
}

/* Cosines and sines of the angles of `length` tokens. */
struct angles {
    attn_real *cosine, *sine;
    int64_t pairs, length, first;
    const int32_t *token; /* NULL: 0, 1, ...; negative: padding */
    double base;
};

static void fill_angles(void *arg, int64_t begin, int64_t end) {
    const struct angles *a = arg;
    for (int64_t i = begin; i < end; i++) {
        const double frequency = attn_rotary_frequency(a->base, 2 * a->pairs, i);
        for (int64_t t = 0; t < a->length; t++) {
            const struct attn_turn turn = attn_rotary_turn(frequency, a->first + (a->token ? attn_max64(0, a->token[t]) : t));
            a->cosine[t * a->pairs + i] = (attn_real)turn.cosine;
            a->sine[t * a->pairs + i] = (attn_real)turn.sine;
        }
    }
}

/* False: the tape is spoiled. */
static bool make_angles(struct rotary *n, double base, int64_t first) {
    attn_tape *tape = n->x->tape;
    struct angles a = {.pairs = n->pairs, .length = n->x->size[n->x->dims - 3], .first = first, .base = base};
    const size_t bytes = (size_t)(a.length * a.pairs) * sizeof(attn_real);
    if (tape->split) a.token = tape->split->current->token;
    n->cosine = a.cosine = attn_tape_take(tape, bytes);
    n->sine = a.sine = attn_tape_take(tape, bytes);
    if (!a.cosine || !a.sine) return false;
    attn_range(tape, a.pairs, attn_max64(1, 256 / attn_max64(1, a.length)), fill_angles, &a); /* an angle costs as much as 16 numbers */
    return true;
}

/* False: the sentence is written. */
static bool check(attn_tensor *x, attn_rotary pairing, int64_t dim, double base, int64_t first) {
    char text[ATTN_SHAPE_TEXT];
    if (x->dims < 3 || dim < 0 || dim % 2 != 0 || dim > x->size[x->dims - 1])
        attn_tape_fail(x->tape, ATTN_ESHAPE,
                       "rope: x [..., T, H, D] and an even number of dimensions up to D are needed; x is %s, dim %lld",
                       attn_shape_text(x, text), (long long)dim);
    else if (pairing < ATTN_ROTARY_NONE || pairing > ATTN_ROTARY_HALVES || !(base > 0) || first < 0 || first > (int64_t)1 << 40)
        attn_tape_fail(x->tape, ATTN_EINVAL, "rope: pairing %d, base %g and first position %lld; 0 to 2, more than 0, 0 to 2^40 are needed",
                       (int)pairing, base, (long long)first);
    else if (x->tape->split && (!x->tape->split->current || x->size[x->dims - 3] != x->tape->split->current->places))
        attn_tape_fail(x->tape, ATTN_ESHAPE, "rope: x is %s; T must be the places of this rank's tokens of sequences over ranks",
                       attn_shape_text(x, text));
    return !x->tape->status;
}

attn_tensor *attn_rope(attn_tensor *x, attn_rotary pairing, int64_t dim, double base, int64_t first) {
    if (!attn_usable(1, &x)) return NULL;
    if (dim == 0) dim = x->size[x->dims - 1];
    if (!check(x, pairing, dim, base, first)) return NULL;
    if (pairing == ATTN_ROTARY_NONE) return x;
    if (x->step[x->dims - 1] != 1) x = attn_contiguous(x);
    attn_tensor *out = x ? attn_tensor_like(x) : NULL;
    struct rotary here = {.x = x, .halves = pairing == ATTN_ROTARY_HALVES, .pairs = dim / 2};
    if (!out || !make_angles(&here, base, first)) return NULL;
    turn(&(struct job){.n = &here, .from_at = x, .to_at = out, .from = x->data, .to = out->data, .sign = 1});
    if (attn_recording(out, 1, &x)) {
        struct rotary *n = attn_node_new(out, sizeof *n, backward);
        if (!n) return NULL;
        here.node = n->node;
        *n = here;
    }
    return out->tape->status ? NULL : out;
}
