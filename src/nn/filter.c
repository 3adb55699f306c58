/* Long filters, explicit and by a network of the distance. */
#include "nn/filter.h"

enum { FEATURES = 3, HIDDEN = 16, SINE_HIDDEN = 64 };

static const double two_pi = 6.283185307179586476925;

/* Row t of [rows, 3], of a filter for `length` tokens. */
static void fill_positions(attn_tensor *x, int64_t length) {
    for (int64_t t = 0; x && t < x->size[0]; t++) {
        const double angle = two_pi * 1e-4 * (double)t / (double)length;
        attn_real *row = x->data + t * FEATURES;
        row[0] = (attn_real)((double)t / (double)attn_max64(1, length - 1));
        row[1] = (attn_real)cos(angle);
        row[2] = (attn_real)-sin(angle);
    }
}

static void make_implicit(attn_model *model, struct attn_filter *f) {
    f->layers = 2;
    f->layer[0] = attn_projection_make(model, "0", FEATURES, HIDDEN, true, 0.02);
    f->layer[1] = attn_projection_make(model, "1", HIDDEN, f->width, true, 0.02);
}

static void make_sine(attn_model *model, struct attn_filter *f) {
    static const char *const name[ATTN_FILTER_LAYERS] = {"0", "1", "2", "3"};
    f->layers = ATTN_FILTER_LAYERS;
    f->positions = attn_model_parameter(model, "positions", 2, (const int64_t[]){f->length, FEATURES});
    fill_positions(f->positions, f->length);
    f->frequency = attn_model_parameter(model, "frequency", 1, (const int64_t[]){SINE_HIDDEN});
    attn_fill(f->frequency, 1);
    for (int i = 0; i < f->layers; i++) {
        const bool first = i == 0, last = i == f->layers - 1;
        f->layer[i] = attn_projection_make(model, name[i], first ? FEATURES : SINE_HIDDEN, last ? f->width : SINE_HIDDEN, !last, 0.02);
    }
    f->skip = attn_model_parameter(model, "skip", 1, &f->width);
    attn_fill_normal(f->skip, 0, 1, attn_model_seed(model));
}

struct attn_filter attn_filter_make(attn_model *model, enum attn_filter_kind kind, int64_t length, int64_t width) {
    struct attn_filter f = {.tape = attn_model_tape(model), .kind = kind, .length = length, .width = width};
    attn_model_enter(model, "filter");
    if (kind == ATTN_FILTER_IMPLICIT) make_implicit(model, &f);
    if (kind == ATTN_FILTER_SINE) make_sine(model, &f);
    if (kind == ATTN_FILTER_EXPLICIT) {
        f.taps = attn_model_parameter(model, "taps", 2, (const int64_t[]){length, width});
        attn_fill_normal(f.taps, 0, 1, attn_model_seed(model));
    }
    attn_model_leave(model);
    return f;
}

/* e^(-t / (N - 1) |delta|) [tokens, D]: the slowest channel's window falls to 0.01 in 1.5 N tokens, the fastest one's in 0.3 N. */
static attn_tensor *window(const struct attn_filter *f, int64_t tokens) {
    const double slow = log(0.01) / 1.5, fast = log(0.01) / 0.3;
    attn_tensor *time = attn_tensor_new(f->tape, 2, (const int64_t[]){tokens, 1}), *delta = attn_tensor_new(f->tape, 1, &f->width);
    for (int64_t t = 0; time && t < tokens; t++) time->data[t] = (attn_real)((double)t / (double)attn_max64(1, f->length - 1));
    for (int64_t c = 0; delta && c < f->width; c++)
        delta->data[c] = (attn_real)(slow + (fast - slow) * (double)c / (double)attn_max64(1, f->width - 1));
    return attn_exp(attn_mul(time, delta));
}

/* [tokens, D] by the network. */
static attn_tensor *network(const struct attn_filter *f, int64_t tokens) {
    attn_tensor *x = f->positions ? attn_narrow(f->positions, 0, 0, tokens) : NULL;
    if (!f->positions) {
        x = attn_tensor_new(f->tape, 2, (const int64_t[]){tokens, FEATURES});
        fill_positions(x, f->length);
    }
    for (int i = 0; i < f->layers; i++) {
        x = attn_project(&f->layer[i], x);
        if (i == f->layers - 1) break;
        x = f->frequency ? attn_sin(attn_mul(x, f->frequency)) : attn_relu(x);
    }
    return f->frequency ? attn_mul(x, window(f, tokens)) : x;
}

attn_tensor *attn_taps_with_own(attn_tensor *taps, attn_tensor *own) {
    if (!taps) return NULL;
    attn_tensor *first = attn_constant(taps->tape, 2, (const int64_t[]){taps->size[0], 1}, 0);
    if (first && first->count > 0) first->data[0] = 1;
    return attn_add(taps, own ? attn_mul(first, own) : first);
}

attn_tensor *attn_filter_taps(const struct attn_filter *f, int64_t tokens) {
    if (f->tape->status) return NULL;
    if (tokens > f->length)
        return attn_tape_fail(f->tape, ATTN_ESHAPE, "filter: %lld tokens; it was made for at most %lld", (long long)tokens,
                              (long long)f->length);
    attn_tensor *taps = f->kind == ATTN_FILTER_EXPLICIT ? attn_narrow(f->taps, 0, 0, tokens) : network(f, tokens);
    return attn_taps_with_own(taps, f->skip);
}
