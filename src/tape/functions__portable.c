/* Loops over functions of one number in the functions of <math.h>, for any attn_real. */
#include "tape/functions.h"
#include "tape/strip.h"

/* `value` in x, `derivative` in x and y; c: two constants. */
#define FUNCTION(name, value, derivative)                                                                                                  \
    static void name(int64_t n, const attn_real *x_of, attn_real *y_of, const attn_real *c) {                                              \
        (void)c;                                                                                                                           \
        for (int64_t i = 0; i < n; i++) {                                                                                                  \
            const attn_real x = x_of[i];                                                                                                   \
            y_of[i] = value;                                                                                                               \
        }                                                                                                                                  \
    }                                                                                                                                      \
    static void name##_backward(int64_t n, const attn_real *x_of, const attn_real *y_of, const attn_real *dy, attn_real *dx, bool add,     \
                                const attn_real *c) {                                                                                      \
        (void)c;                                                                                                                           \
        for (int64_t i = 0; i < n; i++) {                                                                                                  \
            const attn_real x = x_of[i], y = y_of[i], d = dy[i] * (derivative);                                                            \
            (void)x, (void)y;                                                                                                              \
            dx[i] = add ? dx[i] + d : d;                                                                                                   \
        }                                                                                                                                  \
    }

/* x p where p is 0 long before x is infinite: 0 then, and no NaN. */
static attn_real vanishing(attn_real x, attn_real p) {
    return p == 0 ? 0 : x * p;
}
static attn_real sigmoid_of(attn_real x) {
    if (x >= 0) return 1 / (1 + real_exp(-x));
    const attn_real e = real_exp(x); /* no infinity on the way */
    return e / (1 + e);
}
static attn_real sigmoid_slope(attn_real x) {
    const attn_real e = real_exp(-real_fabs(x)); /* y (1 - y) would be 0 where y is 1 in float */
    return e / ((1 + e) * (1 + e));
}
static attn_real softplus_of(attn_real x) {
    return (x > 0 ? x : 0) + real_log1p(real_exp(-real_fabs(x)));
}
static attn_real normal_cdf(attn_real x) {
    return (attn_real)0.5 * real_erfc(-x * (attn_real)M_SQRT1_2); /* exact for great negative x too */
}
static attn_real normal_density(attn_real x) {
    return (attn_real)(M_2_SQRTPI * M_SQRT1_2 / 2) * real_exp(x * x / -2);
}

FUNCTION(affine, c[0] * x + c[1], c[0])
FUNCTION(exponential, real_exp(x), y)
FUNCTION(logarithm, real_log(x), 1 / x)
FUNCTION(square, x *x, 2 * x)
FUNCTION(root, real_sqrt(x), (attn_real)0.5 / y)
FUNCTION(sine, real_sin(x), real_cos(x))
FUNCTION(cosine, real_cos(x), -real_sin(x))
FUNCTION(hyperbolic, real_tanh(x), 1 - y * y)
FUNCTION(sigmoid, sigmoid_of(x), sigmoid_slope(x))
FUNCTION(softplus, softplus_of(x), sigmoid_of(x))
FUNCTION(relu, x <= 0 ? 0 : x, (attn_real) !(x <= 0)) /* NaN stays NaN */
FUNCTION(elu, x > 0 ? x : real_expm1(x), x > 0 ? 1 : real_exp(x))
FUNCTION(silu, vanishing(x, sigmoid_of(x)), sigmoid_of(x) + vanishing(y, 1 - sigmoid_of(x)))
FUNCTION(gelu, vanishing(x, normal_cdf(x)), normal_cdf(x) + vanishing(x, normal_density(x)))

static attn_real greatest(int64_t n, const attn_real *x) {
    attn_real most = -(attn_real)INFINITY;
    for (int64_t i = 0; i < n; i++) most = x[i] > most ? x[i] : most;
    return most;
}

static attn_real exp_sum(int64_t n, const attn_real *x, attn_real most, attn_real *y) {
    attn_real total = 0;
    for (int64_t i = 0; i < n; i++) {
        const attn_real e = real_exp(x[i] - most);
        if (y) y[i] = e;
        total += e;
    }
    return total;
}

static void exp_scaled(int64_t n, const attn_real *x, attn_real lse, attn_real factor, attn_real *dx, bool add) {
    for (int64_t i = 0; i < n; i++) dx[i] = (add ? dx[i] : 0) + factor * real_exp(x[i] - lse);
}

/* sum[l] += sum over r < n of a[r * channels + l] b[r * step + l] */
static inline void add_rows(int64_t wide, int64_t n, int64_t channels, const attn_real *a, int64_t step, const attn_real *b,
                            attn_real sum[ATTN_STRIP]) {
    for (int64_t r = 0; r < n; r++)
        for (int64_t l = 0; l < wide; l++) sum[l] += a[r * channels + l] * b[r * step + l];
}

static void products(int64_t wide, int64_t outputs, int64_t n, int64_t channels, const attn_real *a, int64_t step, const attn_real *b,
                     attn_real *to) {
    for (int64_t k = 0; k < outputs; k++) {
        attn_real sum[ATTN_STRIP] = {0};
        if (wide == ATTN_STRIP) /* sums in registers */
            add_rows(ATTN_STRIP, n, channels, a, step, b + k * channels, sum);
        else
            add_rows(wide, n, channels, a, step, b + k * channels, sum);
        for (int64_t l = 0; l < wide; l++) to[k * channels + l] += sum[l];
    }
}

/* Sums of a row are kept in LANES parts, which are then added in a fixed order: as exact as in vectors. */
enum { LANES = 16 };

static attn_real sum_of_lanes(attn_real *lane) {
    for (int half = LANES / 2; half > 0; half /= 2)
        for (int l = 0; l < half; l++) lane[l] += lane[l + half];
    return lane[0];
}

/* Of x - m, or of its squares. */
static attn_real sum_of(const attn_real *x, attn_real m, int64_t columns, bool squares) {
    attn_real lane[LANES] = {0};
    for (int64_t c = 0; c < columns; c++) lane[c % LANES] += squares ? (x[c] - m) * (x[c] - m) : x[c] - m;
    return sum_of_lanes(lane);
}

static void norm_forward(const struct attn_norm_rows *n, const attn_real *x, attn_real *y, attn_real *stat) {
    const int64_t columns = n->columns;
    for (int64_t i = 0; i < n->rows; i++, x += columns, y += columns, stat += 2) {
        const attn_real mean = n->centred ? sum_of(x, 0, columns, false) / (attn_real)columns : 0;
        const attn_real r = 1 / real_sqrt(sum_of(x, mean, columns, true) / (attn_real)columns + n->epsilon);
        for (int64_t c = 0; c < columns; c++) y[c] = (n->gain ? n->gain[c] : 1) * ((x[c] - mean) * r) + (n->bias ? n->bias[c] : 0);
        stat[0] = mean;
        stat[1] = r;
    }
}

static void norm_backward(const struct attn_norm_rows *n, const attn_real *x, const attn_real *stat, const attn_real *dy, attn_real *dx,
                          bool add, attn_real *d_gain, attn_real *d_bias) {
    const int64_t columns = n->columns;
    for (int64_t i = 0; i < n->rows; i++, x += columns, dy += columns, stat += 2) {
        const attn_real m = stat[0], r = stat[1];
        attn_real lane[LANES] = {0}, lane_h[LANES] = {0};
        for (int64_t c = 0; c < columns; c++) {
            const attn_real h = (x[c] - m) * r, g = (n->gain ? n->gain[c] : 1) * dy[c];
            lane[c % LANES] += g;
            lane_h[c % LANES] += g * h;
            if (d_gain) d_gain[c] += dy[c] * h;
            if (d_bias) d_bias[c] += dy[c];
        }
        if (!dx) continue;
        const attn_real mean = n->centred ? sum_of_lanes(lane) / (attn_real)columns : 0, along = sum_of_lanes(lane_h) / (attn_real)columns;
        for (int64_t c = 0; c < columns; c++) {
            const attn_real g = (n->gain ? n->gain[c] : 1) * dy[c];
            dx[c] = (add ? dx[c] : 0) + r * (g - mean - (x[c] - m) * r * along);
        }
        dx += columns;
    }
}

static void lstm_forward(const struct attn_lstm_layer *n, const struct attn_lstm_token *t, attn_real *c, attn_real *state, attn_real *y) {
    const int64_t h = n->hidden;
    for (int64_t l = 0; l < ATTN_LSTM_GATES * h; l++) {
        attn_real sum = t->gate[l] + n->bias[l];
        for (int64_t d = 0; d < n->in; d++) sum += t->x[d] * n->input[d * ATTN_LSTM_GATES * h + l];
        t->gate[l] = l / h == 2 ? real_tanh(sum) : sigmoid_of(sum);
    }
    for (int64_t l = 0; l < h; l++) {
        c[l] = t->gate[h + l] * t->before[l] + t->gate[l] * t->gate[2 * h + l];
        t->squash[l] = real_tanh(c[l]);
        y[l] = state[l] = t->gate[3 * h + l] * t->squash[l];
    }
}

static void lstm_states(const struct attn_lstm_layer *n, const struct attn_lstm_rows *r) {
    const int64_t h = n->hidden;
    for (int64_t row = 0; row < r->rows; row++)
        for (int64_t l = 0; l < h; l++) {
            attn_real sum[ATTN_LSTM_GATES];
            for (int64_t gate = 0; gate < ATTN_LSTM_GATES; gate++) {
                const int64_t at = gate * h + l;
                sum[gate] = r->gate[row * ATTN_LSTM_GATES * h + at] + n->bias[at];
                for (int64_t d = 0; d < n->in; d++) sum[gate] += r->x[row * r->x_step + d] * n->input[d * ATTN_LSTM_GATES * h + at];
            }
            const attn_real cell = sigmoid_of(sum[1]) * r->before[row * r->step + l] + sigmoid_of(sum[0]) * real_tanh(sum[2]);
            r->c[row * r->step + l] = cell;
            r->h[row * r->step + l] = sigmoid_of(sum[3]) * real_tanh(cell);
            if (r->y) r->y[row * r->y_step + l] = r->h[row * r->step + l];
        }
}

static void lstm_backward(const struct attn_lstm_layer *n, const struct attn_lstm_token *t, const attn_real *dy, const attn_real *dh,
                          attn_real *dc, attn_real *sums) {
    const int64_t h = n->hidden;
    attn_real *i = t->gate, *f = i + h, *g = f + h, *o = g + h;
    for (int64_t l = 0; l < h; l++) {
        const attn_real d = dy[l] + dh[l], s = t->squash[l], d_c = dc[l] + d * o[l] * (1 - s * s);
        const attn_real d_i = d_c * g[l] * i[l] * (1 - i[l]), d_g = d_c * i[l] * (1 - g[l] * g[l]);
        const attn_real d_f = d_c * t->before[l] * f[l] * (1 - f[l]);
        dc[l] = d_c * f[l];
        i[l] = d_i;
        f[l] = d_f;
        g[l] = d_g;
        o[l] = d * s * o[l] * (1 - o[l]);
    }
    for (int64_t d = 0; d <= n->in; d++, sums += ATTN_LSTM_GATES * h)
        for (int64_t l = 0; l < ATTN_LSTM_GATES * h; l++) sums[l] += d < n->in ? t->x[d] * t->gate[l] : t->gate[l];
}

static void pointer_logits(const struct attn_pointer_keys *p, attn_real *u) {
    for (int64_t n = 0; n < p->count; n++) {
        attn_real sum = 0;
        for (int64_t c = 0; c < p->dim; c++) sum += p->w[c] * real_tanh(p->q[c] + p->k[n * p->k_step + c]);
        u[n] = sum;
    }
}

static void pointer_gradients(const struct attn_pointer_keys *p, const attn_real *du, attn_real *dq, attn_real *dk, int64_t dk_step,
                              attn_real *dw) {
    for (int64_t n = 0; n < p->count; n++)
        for (int64_t c = 0; c < p->dim; c++) {
            const attn_real t = real_tanh(p->q[c] + p->k[n * p->k_step + c]), s = du[n] * p->w[c] * (1 - t) * (1 + t);
            dq[c] += s;
            dk[n * dk_step + c] += s;
            dw[c] += du[n] * t;
        }
}

static attn_real taylor_weight(attn_real s) {
    return 1 + s + s * s / 2;
}

static attn_real taylor_weights(int64_t n, attn_real scale, attn_real *w) {
    attn_real total = 0;
    for (int64_t i = 0; i < n; i++) total += w[i] = taylor_weight(scale * w[i]);
    return total;
}

static void taylor_slopes(int64_t n, attn_real scale, attn_real along, attn_real *w, attn_real *d) {
    for (int64_t i = 0; i < n; i++) {
        const attn_real s = scale * w[i];
        d[i] = scale * (1 + s) * (d[i] + along);
        w[i] = taylor_weight(s);
    }
}

#define LOOPS(name)                                                                                                                        \
    { name, name##_backward }
const struct attn_functions attn_functions__portable = {
    .loops =
        {
            [ATTN_FN_AFFINE] = LOOPS(affine),
            [ATTN_FN_EXP] = LOOPS(exponential),
            [ATTN_FN_LN] = LOOPS(logarithm),
            [ATTN_FN_SQUARE] = LOOPS(square),
            [ATTN_FN_SQRT] = LOOPS(root),
            [ATTN_FN_SIN] = LOOPS(sine),
            [ATTN_FN_COS] = LOOPS(cosine),
            [ATTN_FN_TANH] = LOOPS(hyperbolic),
            [ATTN_FN_SIGMOID] = LOOPS(sigmoid),
            [ATTN_FN_SOFTPLUS] = LOOPS(softplus),
            [ATTN_FN_RELU] = LOOPS(relu),
            [ATTN_FN_ELU] = LOOPS(elu),
            [ATTN_FN_SILU] = LOOPS(silu),
            [ATTN_FN_GELU] = LOOPS(gelu),
        },
    .greatest = greatest,
    .exp_sum = exp_sum,
    .exp_scaled = exp_scaled,
    .products = products,
    .norm_forward = norm_forward,
    .norm_backward = norm_backward,
    .taylor_weights = taylor_weights,
    .taylor_slopes = taylor_slopes,
    .lstm_forward = lstm_forward,
    .lstm_states = lstm_states,
    .lstm_backward = lstm_backward,
    .pointer_logits = pointer_logits,
    .pointer_gradients = pointer_gradients,
    .direct_taps = 192,
};
