/* Filters of an example. All pairs of tokens are a matrix [T, T], so convolving is a matrix product: y = M u with M[i, i - s + ahead] the tap of
 * distance s. */
#include "nn/example_filter.h"

#include "tape/skew.h"

#include <string.h>

static const attn_real epsilon = (attn_real)1e-6; /* beside r[0], for examples of zeros */

/* --------------------------------------------------------------------------------------------------- programmatic */

struct pairs {
    const struct attn_example_filter *filter;
    const int32_t *tokens;
    int64_t length;
    attn_real *matrix; /* [B, T, T] */
};

/* flag[s] = 1 for each distance s between the token at i and an equal one before it. */
static void flag_distances(const struct attn_example_filter *f, const int32_t *tokens, int64_t i, attn_real *flag) {
    for (int64_t j = 0; j < i; j++)
        if (tokens[j] == tokens[i] && tokens[i] != f->filler) flag[i - j] = 1;
}

/* Row i holds the flags of token i in the place of its distances, of the whole example all. */
static void fill_pairs(void *arg, int64_t begin, int64_t end) {
    const struct pairs *p = arg;
    for (int64_t b = begin; b < end; b++) {
        const int32_t *tokens = p->tokens + b * p->length;
        attn_real *row = p->matrix + b * p->length * p->length;
        memset(row, 0, (size_t)(p->length * p->length) * sizeof *row);
        for (int64_t i = 0; i < p->length && p->filter->whole; i++) flag_distances(p->filter, tokens, i, row);
        for (int64_t i = 0; i < p->length; i++, row += p->length) {
            if (i > 0) memcpy(row, row - p->length, (size_t)p->length * sizeof *row);
            if (!p->filter->whole) flag_distances(p->filter, tokens, i, row);
        }
    }
}

/* Taps by distance [B, T, T]. */
static attn_tensor *programmatic_taps(const struct attn_example_filter *f, attn_tensor *u, const int32_t *tokens) {
    const int64_t batch = u->size[0], length = u->size[1];
    if (!tokens) return attn_tape_fail(u->tape, ATTN_EINVAL, "filter=programmatic: the tokens that the rows were made from are not known");
    attn_tensor *taps = attn_tensor_new(u->tape, 3, (const int64_t[]){batch, length, length});
    if (taps) attn_range(u->tape, batch, 1, fill_pairs, &(struct pairs){f, tokens, length, taps->data});
    return taps;
}

/* ------------------------------------------------------------------------------------------------ autocorrelation */

/* keep[s] = 1 for the `taps` greatest r[s] of 0 < s < count, the shorter distance among equal ones; 0 elsewhere. */
static void choose(int64_t taps, int64_t count, const attn_real *r, attn_real *keep) {
    enum { MOST = 256 };
    int64_t best[MOST], found = 0;
    attn_real least = 0; /* of those found */
    for (int64_t s = 1; s < count; s++) {
        if (found == taps && !(r[s] > least)) continue;
        int64_t at = found < taps ? found++ : found - 1;
        for (; at > 0 && r[s] > r[best[at - 1]]; at--) best[at] = best[at - 1];
        best[at] = s;
        least = r[best[found - 1]];
    }
    for (int64_t i = 0; i < found; i++) keep[best[i]] = 1;
}

struct choice {
    const attn_tensor *r; /* [B, T or 1, T] */
    int64_t taps;
    attn_real *keep;
};

static void choose_rows(void *arg, int64_t begin, int64_t end) {
    const struct choice *c = arg;
    const int64_t rows = c->r->size[1], length = c->r->size[2];
    for (int64_t i = begin; i < end; i++) {
        const int64_t known = rows == 1 ? length : i % rows + 1; /* distances that lie within the tokens so far */
        memset(c->keep + i * length, 0, (size_t)length * sizeof *c->keep);
        choose(c->taps, known, c->r->data + i * length, c->keep + i * length);
    }
}

/* Taps by distance [B, T, T]. r of the tokens up to each is the running sum of products by distance. */
static attn_tensor *autocorrelation_taps(const struct attn_example_filter *f, attn_tensor *u) {
    const int64_t batch = u->size[0], length = u->size[1];
    attn_tensor *ones = attn_constant(u->tape, 3, (const int64_t[]){batch, length, f->whole ? 1 : length}, 1);
    attn_tensor *r = attn_skew(attn_matmul(u, false, u, true), 0);
    r = f->whole ? attn_reshape(attn_sum(r, 1), 3, (const int64_t[]){batch, 1, length}) : attn_linear_recurrence(ones, r);
    attn_tensor *keep = r ? attn_tensor_like(r) : NULL;
    if (!keep) return NULL;
    attn_range(u->tape, batch * r->size[1], 1, choose_rows, &(struct choice){r, f->taps, keep->data});
    attn_tensor *taps = attn_mul(attn_div(r, attn_affine(attn_narrow(r, 2, 0, 1), 1, epsilon)), keep);
    return f->whole ? attn_mul(taps, ones) : taps;
}

attn_tensor *attn_example_convolve(const struct attn_example_filter *f, attn_tensor *u, const int32_t *tokens) {
    if (!u || u->count == 0) return u;
    attn_tensor *taps = f->programmatic ? programmatic_taps(f, u, tokens) : autocorrelation_taps(f, u);
    return attn_matmul(attn_skew(taps, f->ahead), false, u, false);
}

/* ------------------------------------------------------------------------------------------------ token by token */

/* The inputs, a flag or r for each distance, and of a programmatic filter the tokens. */
int64_t attn_example_state(const struct attn_example_filter *f, int64_t width, int64_t tokens) {
    return f->whole ? -1 : tokens * (width + (f->programmatic ? 2 : 1));
}

/* One sequence. */
struct sequence {
    attn_real *inputs, *distances, *tokens; /* [tokens, D], [tokens], [tokens] */
    int64_t width, position;
};

static void add_products(const struct sequence *s) {
    const attn_real *own = s->inputs + s->position * s->width;
    for (int64_t d = 0; d <= s->position; d++) {
        attn_real sum = 0;
        for (int64_t c = 0; c < s->width; c++) sum += own[c] * own[c - d * s->width];
        s->distances[d] += sum;
    }
}

static void add_flags(const struct sequence *s, int32_t filler) {
    for (int64_t j = 0; j < s->position; j++)
        if (s->tokens[j] == s->tokens[s->position] && s->tokens[j] != (attn_real)filler) s->distances[s->position - j] = 1;
}

/* y [D] = sum over distances of their tap times the input that it reads. keep [position + 1]: scratch. */
static void read_inputs(const struct attn_example_filter *f, const struct sequence *s, attn_real *keep, attn_real *y) {
    memset(y, 0, (size_t)s->width * sizeof *y);
    memset(keep, 0, (size_t)(s->position + 1) * sizeof *keep);
    if (!f->programmatic) choose(f->taps, s->position + 1, s->distances, keep);
    for (int64_t d = 1; d <= s->position; d++) {
        const attn_real tap = f->programmatic ? s->distances[d] : keep[d] * s->distances[d] / (s->distances[0] + epsilon);
        const attn_real *from = s->inputs + (s->position - d + f->ahead) * s->width;
        for (int64_t c = 0; c < s->width && tap != 0; c++) y[c] += tap * from[c];
    }
}

attn_tensor *attn_example_step(const struct attn_example_filter *f, attn_tensor *u, const int32_t *token, attn_real *state, int64_t tokens,
                               int64_t position) {
    u = attn_contiguous(u);
    if (!u) return NULL;
    if (f->whole)
        return attn_tape_fail(u->tape, ATTN_EUNSUPPORTED,
                              "scope=example: a filter of the whole example has no form that goes token by token");
    if (f->programmatic && !token) return attn_tape_fail(u->tape, ATTN_EINVAL, "filter=programmatic: the tokens are not known");
    const int64_t width = u->size[2], stride = attn_example_state(f, width, tokens);
    attn_tensor *y = attn_tensor_like(u);
    attn_real *keep = attn_tape_take(u->tape, (size_t)(position + 1) * sizeof *keep);
    for (int64_t b = 0; y && keep && b < u->size[0]; b++) {
        const struct sequence s = {state + b * stride, state + b * stride + tokens * width, state + b * stride + tokens * (width + 1),
                                   width, position};
        memcpy(s.inputs + position * width, u->data + b * width, (size_t)width * sizeof *state);
        if (f->programmatic) {
            s.tokens[position] = (attn_real)token[b];
            add_flags(&s, f->filler);
        } else {
            add_products(&s);
        }
        read_inputs(f, &s, keep, y->data + b * width);
    }
    return keep ? y : NULL;
}
