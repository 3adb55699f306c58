/* Optimisers: one struct of state for each parameter, one function for each kind (the formulas are in attn_train.h). Elements are shared out in
 * pieces; Adafactor's sums over rows and columns are made in one order. */
#include "tape/tape.h"

#include <string.h>

/* A parameter and what its optimiser keeps of it, in one array: first moments (if any), then second moments or, of a matrix under Adafactor, its
 * rows' sums and its columns'. */
struct slot {
    attn_tensor *w;
    double rate, decay;
    attn_real *first, *second, *columns; /* NULL: not kept; columns: then second holds rows */
    attn_real *scratch;                  /* Adafactor: the step, as large as w */
};

struct attn_optimizer {
    attn_ctx *ctx;
    attn_optimizer_config config;
    int64_t count, steps;
    struct slot *slots;
    attn_real *state, *scratch;
    size_t state_count; /* numbers */
};

void attn_optimizer_config_init(attn_optimizer_config *config) {
    *config = (attn_optimizer_config){
        .size = sizeof *config, .kind = ATTN_ADAMW, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8, .relative = true};
}

/* ------------------------------------------------------------------------------------------------------ making */

static attn_status check(attn_ctx *ctx, const attn_optimizer_config *c) {
    if (c->size != sizeof *c) return attn_fail(ctx, ATTN_EINVAL, "optimizer: config must be set by attn_optimizer_config_init");
    if (c->kind < ATTN_SGD || c->kind > ATTN_ADAFACTOR) return attn_fail(ctx, ATTN_EINVAL, "optimizer: there is no kind %d", (int)c->kind);
    if (!(c->momentum >= 0 && c->momentum < 1) || !(c->beta1 >= 0 && c->beta1 < 1) || !(c->beta2 >= 0 && c->beta2 < 1))
        return attn_fail(ctx, ATTN_EINVAL, "optimizer: momentum %g, beta1 %g and beta2 %g must be in [0, 1)", c->momentum, c->beta1,
                         c->beta2);
    if (!(c->epsilon > 0)) return attn_fail(ctx, ATTN_EINVAL, "optimizer: epsilon %g must be above 0", c->epsilon);
    return ATTN_OK;
}

static bool is_parameter(const attn_tensor *w) {
    for (const struct attn_kept *p = w ? w->tape->parameters : NULL; p; p = p->before)
        if (&p->tensor == w) return true;
    return false;
}

/* All parameters, their groups' numbers and sizes are legal; counted. */
static attn_status check_groups(attn_ctx *ctx, const attn_parameter_group *groups, int64_t count, int64_t *parameters) {
    *parameters = 0;
    for (int64_t g = 0; g < count; g++) {
        if (!(groups[g].rate >= 0) || !(groups[g].decay >= 0) || (groups[g].count > 0 && !groups[g].parameters) || groups[g].count < 0)
            return attn_fail(ctx, ATTN_EINVAL, "optimizer: group %lld: rate %g and decay %g must be at least 0, its parameters given",
                             (long long)g, groups[g].rate, groups[g].decay);
        for (int64_t i = 0; i < groups[g].count; i++) {
            const attn_tensor *w = groups[g].parameters[i];
            if (!is_parameter(w))
                return attn_fail(ctx, ATTN_EINVAL, "optimizer: tensor %lld of group %lld is no parameter", (long long)i, (long long)g);
        }
        *parameters += groups[g].count;
    }
    return ATTN_OK;
}

static bool has_first(const attn_optimizer_config *c) {
    return c->kind == ATTN_SGD ? c->momentum > 0 : c->kind != ATTN_ADAFACTOR || c->beta1 > 0;
}

/* Rows and columns of what Adafactor takes for a matrix: the last axis, and all before. */
static int64_t columns_of(const attn_tensor *w) {
    return w->size[w->dims - 1];
}
static bool factored(const attn_optimizer_config *c, const attn_tensor *w) {
    return c->kind == ATTN_ADAFACTOR && w->dims > 1 && columns_of(w) > 1 && w->count > columns_of(w);
}

static int64_t second_of(const attn_optimizer_config *c, const attn_tensor *w) {
    if (c->kind == ATTN_SGD) return 0;
    return factored(c, w) ? w->count / columns_of(w) + columns_of(w) : w->count;
}

static void place(attn_optimizer *o) {
    attn_real *at = o->state;
    for (int64_t i = 0; i < o->count; i++) {
        struct slot *s = &o->slots[i];
        const int64_t second = second_of(&o->config, s->w);
        if (has_first(&o->config)) {
            s->first = at;
            at += s->w->count;
        }
        if (second > 0) s->second = at;
        if (factored(&o->config, s->w)) s->columns = at + s->w->count / columns_of(s->w);
        at += second;
        s->scratch = o->scratch;
    }
}

/* Copies the groups, finds the sizes. False: a parameter comes twice. */
static bool collect(attn_optimizer *o, const attn_parameter_group *groups, int64_t count, int64_t *largest) {
    *largest = 0;
    for (int64_t g = 0, n = 0; g < count; g++)
        for (int64_t i = 0; i < groups[g].count; i++, n++) {
            attn_tensor *w = groups[g].parameters[i];
            for (int64_t j = 0; j < n; j++)
                if (o->slots[j].w->data == w->data) return false;
            o->slots[n] = (struct slot){.w = w, .rate = groups[g].rate, .decay = groups[g].decay};
            o->state_count += (size_t)((has_first(&o->config) ? w->count : 0) + second_of(&o->config, w));
            *largest = attn_max64(*largest, w->count);
        }
    return true;
}

attn_status attn_optimizer_create(attn_ctx *ctx, const attn_optimizer_config *config, const attn_parameter_group *groups, int64_t count,
                                  attn_optimizer **out) {
    int64_t parameters, largest = 0;
    if (!ctx || !config || (count > 0 && !groups) || count < 0 || !out)
        return attn_fail(ctx, ATTN_EINVAL, "optimizer: context, config, groups and out must not be NULL");
    attn_status status = check(ctx, config);
    if (!status) status = check_groups(ctx, groups, count, &parameters);
    if (status) return status;
    attn_optimizer *o = attn_alloc(ctx, sizeof *o);
    if (!o) return attn_no_memory(ctx, "optimizer", sizeof *o);
    *o = (attn_optimizer){.ctx = ctx, .config = *config, .count = parameters};
    o->slots = attn_alloc(ctx, (size_t)parameters * sizeof *o->slots);
    if (o->slots && !collect(o, groups, count, &largest)) {
        attn_optimizer_destroy(o);
        return attn_fail(ctx, ATTN_EINVAL, "optimizer: a parameter comes twice");
    }
    o->state = attn_alloc(ctx, o->state_count * sizeof *o->state);
    o->scratch = attn_alloc(ctx, (size_t)(config->kind == ATTN_ADAFACTOR ? largest : 0) * sizeof *o->scratch);
    if (!o->slots || !o->state || !o->scratch) {
        const size_t bytes = (o->state_count + (size_t)largest) * sizeof *o->state;
        attn_optimizer_destroy(o);
        return attn_no_memory(ctx, "optimizer", bytes);
    }
    memset(o->state, 0, o->state_count * sizeof *o->state);
    place(o);
    *out = o;
    return ATTN_OK;
}

void attn_optimizer_destroy(attn_optimizer *o) {
    if (!o) return;
    attn_free(o->ctx, o->slots);
    attn_free(o->ctx, o->state);
    attn_free(o->ctx, o->scratch);
    attn_free(o->ctx, o);
}

/* ----------------------------------------------------------------------------------------------------- stepping */

/* One parameter's step: constants of all its elements. */
struct step {
    const attn_optimizer *o;
    const struct slot *slot;
    const attn_real *g;
    double rate;          /* of the slot */
    double first, second; /* 1 / (1 - b1^t), 1 / (1 - b2^t) */
    double rectified;     /* RAdam's r; 0: v is not used yet */
};

static void sgd(void *arg, int64_t begin, int64_t end) {
    const struct step *s = arg;
    const attn_real decay = (attn_real)s->slot->decay, rate = (attn_real)s->rate, momentum = (attn_real)s->o->config.momentum;
    attn_real *w = s->slot->w->data, *m = s->slot->first;
    for (int64_t i = begin; i < end; i++) {
        attn_real g = s->g[i] + decay * w[i];
        if (m) g = m[i] = momentum * m[i] + g;
        w[i] -= rate * g;
    }
}

static void adam(void *arg, int64_t begin, int64_t end) {
    const struct step *s = arg;
    const attn_optimizer_config *c = &s->o->config;
    const attn_real b1 = (attn_real)c->beta1, b2 = (attn_real)c->beta2, epsilon = (attn_real)c->epsilon;
    const attn_real own1 = (attn_real)(1 - c->beta1), own2 = (attn_real)(1 - c->beta2);
    const bool apart = c->kind == ATTN_ADAMW;
    const attn_real decay = apart ? 0 : (attn_real)s->slot->decay, keep = apart ? (attn_real)(1 - s->rate * s->slot->decay) : 1;
    const attn_real size = (attn_real)(s->rate * s->first), root = (attn_real)sqrt(s->second);
    const attn_real *gradient = s->g;
    attn_real *restrict w = s->slot->w->data, *restrict m = s->slot->first, *restrict v = s->slot->second;
    for (int64_t i = begin; i < end; i++) {
        const attn_real g = gradient[i] + decay * w[i];
        m[i] = b1 * m[i] + own1 * g;
        v[i] = b2 * v[i] + own2 * g * g;
        w[i] = keep * w[i] - size * m[i] / (root * real_sqrt(v[i]) + epsilon);
    }
}

static void radam(void *arg, int64_t begin, int64_t end) {
    const struct step *s = arg;
    const attn_optimizer_config *c = &s->o->config;
    const attn_real b1 = (attn_real)c->beta1, b2 = (attn_real)c->beta2, epsilon = (attn_real)c->epsilon;
    const attn_real own1 = (attn_real)(1 - c->beta1), own2 = (attn_real)(1 - c->beta2), decay = (attn_real)s->slot->decay;
    const attn_real size = (attn_real)(s->rate * s->first * (s->rectified > 0 ? s->rectified : 1)), root = (attn_real)sqrt(s->second);
    const bool ready = s->rectified > 0;
    attn_real *w = s->slot->w->data, *m = s->slot->first, *v = s->slot->second;
    for (int64_t i = begin; i < end; i++) {
        const attn_real g = s->g[i] + decay * w[i];
        m[i] = b1 * m[i] + own1 * g;
        v[i] = b2 * v[i] + own2 * g * g;
        w[i] -= size * m[i] / (ready ? root * real_sqrt(v[i]) + epsilon : 1);
    }
}

/* r of Liu et al. 2020, eq. 6; 0 where rho_t is not above 5. */
static double rectification(double beta2, int64_t t) {
    const double power = pow(beta2, (double)t), most = 2 / (1 - beta2) - 1, rho = most - 2 * (double)t * power / (1 - power);
    if (rho <= 5) return 0;
    return sqrt((rho - 4) * (rho - 2) * most / ((most - 4) * (most - 2) * rho));
}

/* Adafactor's second moments from g, and its step g / sqrt(v^) into scratch. */
static void adafactor_direction(const struct step *s, double beta2) {
    const struct slot *slot = s->slot;
    const int64_t n = slot->w->count, columns = slot->columns ? columns_of(slot->w) : n, rows = n / attn_max64(1, columns);
    const double own = 1 - beta2, least = 1e-30;
    double total = 0;
    if (!slot->columns) {
        for (int64_t i = 0; i < n; i++) {
            const double g = (double)s->g[i];
            slot->second[i] = (attn_real)(beta2 * (double)slot->second[i] + own * (g * g + least));
            slot->scratch[i] = (attn_real)(g / sqrt((double)slot->second[i]));
        }
        return;
    }
    for (int64_t c = 0; c < columns; c++) slot->scratch[c] = 0; /* the columns' sums; the step overwrites them */
    for (int64_t r = 0; r < rows; r++) {
        double sum = 0;
        for (int64_t c = 0; c < columns; c++) {
            const double square = (double)s->g[r * columns + c] * (double)s->g[r * columns + c] + least;
            sum += square;
            slot->scratch[c] = (attn_real)((double)slot->scratch[c] + square);
        }
        slot->second[r] = (attn_real)(beta2 * (double)slot->second[r] + own * sum);
        total += (double)slot->second[r];
    }
    for (int64_t c = 0; c < columns; c++) slot->columns[c] = (attn_real)(beta2 * (double)slot->columns[c] + own * (double)slot->scratch[c]);
    for (int64_t r = 0; r < rows; r++)
        for (int64_t c = 0; c < columns; c++)
            slot->scratch[r * columns + c] =
                (attn_real)((double)s->g[r * columns + c] / sqrt((double)slot->second[r] * (double)slot->columns[c] / total));
}

static double mean_square(const attn_real *x, int64_t n) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += (double)x[i] * (double)x[i];
    return n > 0 ? sum / (double)n : 0;
}

static void adafactor(const struct step *s) {
    const struct slot *slot = s->slot;
    const attn_optimizer_config *c = &s->o->config;
    const int64_t n = slot->w->count;
    adafactor_direction(s, 1 - pow((double)s->o->steps, -0.8));
    const double limit = 1 / fmax(1, sqrt(mean_square(slot->scratch, n)));
    const double rate = s->rate * (c->relative ? fmax(1e-3, sqrt(mean_square(slot->w->data, n))) : 1);
    for (int64_t i = 0; i < n; i++) {
        double step = rate * limit * (double)slot->scratch[i];
        if (slot->first) {
            step = c->beta1 * (double)slot->first[i] + (1 - c->beta1) * step;
            slot->first[i] = (attn_real)step;
        }
        slot->w->data[i] = (attn_real)((1 - s->rate * slot->decay) * (double)slot->w->data[i] - step);
    }
}

void attn_optimizer_step(attn_optimizer *o, double rate) {
    static const attn_range_fn bodies[] = {[ATTN_SGD] = sgd, [ATTN_ADAM] = adam, [ATTN_ADAMW] = adam, [ATTN_RADAM] = radam};
    const double t = (double)++o->steps;
    for (int64_t i = 0; i < o->count; i++) {
        const struct slot *slot = &o->slots[i];
        struct step s = {
            .o = o,
            .slot = slot,
            .g = slot->w->gradient->at,
            .rate = rate * slot->rate,
            .first = 1 / (1 - pow(o->config.beta1, t)),
            .second = 1 / (1 - pow(o->config.beta2, t)),
        };
        if (o->config.kind == ATTN_RADAM) s.rectified = rectification(o->config.beta2, o->steps);
        if (o->config.kind == ATTN_ADAFACTOR)
            adafactor(&s);
        else
            attn_range(slot->w->tape, slot->w->count, ATTN_PIECE, bodies[o->config.kind], &s);
    }
}

/* --------------------------------------------------------------------------------------------------- the rest */

int64_t attn_optimizer_steps(const attn_optimizer *o) {
    return o->steps;
}

size_t attn_optimizer_bytes(const attn_optimizer *o) {
    return sizeof o->steps + o->state_count * sizeof *o->state;
}

attn_status attn_optimizer_save(const attn_optimizer *o, void *state, size_t bytes) {
    if (!state || bytes != attn_optimizer_bytes(o))
        return attn_fail(o->ctx, ATTN_EINVAL, "optimizer: a state of %zu bytes; it has %zu", bytes, attn_optimizer_bytes(o));
    memcpy(state, &o->steps, sizeof o->steps);
    memcpy((char *)state + sizeof o->steps, o->state, o->state_count * sizeof *o->state);
    return ATTN_OK;
}

attn_status attn_optimizer_restore(attn_optimizer *o, const void *state, size_t bytes) {
    if (!state || bytes != attn_optimizer_bytes(o))
        return attn_fail(o->ctx, ATTN_EINVAL, "optimizer: a state of %zu bytes; it has %zu", bytes, attn_optimizer_bytes(o));
    memcpy(&o->steps, state, sizeof o->steps);
    memcpy(o->state, (const char *)state + sizeof o->steps, o->state_count * sizeof *o->state);
    return ATTN_OK;
}

double attn_clip_norm(attn_optimizer *o, double most) {
    double square = 0;
    for (int64_t i = 0; i < o->count; i++) {
        const struct attn_gradient *g = o->slots[i].w->gradient;
        square += mean_square(g->at, g->count) * (double)g->count;
    }
    const double norm = sqrt(square);
    if (!(norm > most) || !isfinite(norm) || !(most >= 0)) return norm;
    for (int64_t i = 0; i < o->count; i++) {
        const struct attn_gradient *g = o->slots[i].w->gradient;
        for (int64_t n = 0; n < g->count; n++) g->at[n] *= (attn_real)(most / norm);
    }
    return norm;
}
