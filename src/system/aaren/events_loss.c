/* forward   L = sum over rows of -log f(x) or -log S(x), with y = log x and z_j = (y - m_j) / s_j
 * backward  of a density, with r_j the share of component j in f:  dlogit_j = w_j - r_j,  dm_j = -r_j z_j / s_j,  ds_j = r_j (1 - z_j^2) / s_j
 *           of a survival, with r_j its share in S and h_j the normal hazard at z_j:  dlogit_j = w_j - r_j,  dm_j = -r_j h_j / s_j,
 *           ds_j = -r_j h_j z_j / s_j
 *
 * Rows are computed in double whatever attn_real is: they are few beside the network's products, and tails need it. */
#include "system/aaren/events_loss.h"

#include "tape/tape.h"

#include <assert.h>
#include <math.h>

static const double clamp = 1e-5;

enum { PIECE = 64 /* rows */ };

void attn_event_mixture(int count, const attn_real *row, struct attn_log_normals *out) {
    out->count = count;
    for (int j = 0; j < count; j++) out->log_weight[j] = (double)row[j];
    const double all = attn_log_sum(out->log_weight, count);
    for (int j = 0; j < count; j++) {
        const double raw = (double)row[2 * count + j];
        out->log_weight[j] -= all;
        out->mean[j] = (double)row[count + j];
        out->deviation[j] = ATTN_EVENT_LEAST_DEVIATION + fmax(raw, 0) + log1p(exp(-fabs(raw)));
    }
}

/* log S as it is told, and by what the exact gradient is multiplied. */
static double clamped_survival(double log_survival, double *factor) {
    const double kept = fmin(fmax(log_survival, log(clamp)), log1p(-clamp));
    *factor = exp(log_survival - kept);
    return kept;
}

double attn_event_time_loss(const struct attn_log_normals *m, double y, enum attn_event_target target, bool clamped) {
    double factor;
    if (target == ATTN_EVENT_DENSITY) return -attn_log_normals_density(m, y);
    const double survival = attn_log_normals_survival(m, y);
    return -(clamped ? clamped_survival(survival, &factor) : survival);
}

/* ---------------------------------------------------------------------------------------------------------- gradients */

struct losses {
    struct attn_node node;
    attn_tensor *parameters;
    const double *y;
    const enum attn_event_target *target;
    bool clamped;
    int count;
};

struct work {
    const struct losses *n;
    double *loss;
    attn_real *gradient;
    double factor;
    bool add;
};

/* Each component's share in the density or in the survival. */
static void shares_of(const struct attn_log_normals *m, double y, bool density, double *share) {
    assert(m->count >= 1);
    for (int j = 0; j < m->count; j++) {
        const double z = (y - m->mean[j]) / m->deviation[j];
        share[j] = m->log_weight[j] + (density ? -log(m->deviation[j]) - 0.5 * z * z : attn_normal_log_survival(z));
    }
    const double all = attn_log_sum(share, m->count);
    for (int j = 0; j < m->count; j++) share[j] = isinf(all) ? exp(m->log_weight[j]) : exp(share[j] - all);
}

static void row_gradient(const struct losses *n, int64_t i, double factor, double *out) {
    const attn_real *row = n->parameters->data + i * 3 * n->count;
    const bool density = n->target[i] == ATTN_EVENT_DENSITY;
    struct attn_log_normals m;
    double share[ATTN_LOG_NORMALS];
    attn_event_mixture(n->count, row, &m);
    shares_of(&m, n->y[i], density, share);
    if (!density && n->clamped) {
        double passed;
        clamped_survival(attn_log_normals_survival(&m, n->y[i]), &passed);
        factor *= passed;
    }
    for (int j = 0; j < m.count; j++) {
        const double raw = (double)row[2 * n->count + j], s = m.deviation[j], z = (n->y[i] - m.mean[j]) / s,
                     slope = share[j] / s * (density ? z : attn_normal_hazard(z));
        out[j] = factor * (exp(m.log_weight[j]) - share[j]);
        out[n->count + j] = -factor * slope;
        out[2 * n->count + j] = factor * ((density ? share[j] / s : 0) - slope * z) / (1 + exp(-raw)); /* softplus' is a sigmoid */
    }
}

static void backward_rows(void *arg, int64_t begin, int64_t end) {
    const struct work *w = arg;
    const int64_t columns = 3 * w->n->count;
    for (int64_t i = begin; i < end; i++) {
        double gradient[3 * ATTN_LOG_NORMALS] = {0};
        attn_real *out = w->gradient + i * columns;
        row_gradient(w->n, i, w->factor, gradient);
        for (int64_t c = 0; c < columns; c++) out[c] = (attn_real)gradient[c] + (w->add ? out[c] : 0);
    }
}

static void backward(struct attn_node *node) {
    const struct losses *n = (struct losses *)node;
    struct work w = {.n = n, .factor = (double)*attn_grad_of(node->out)};
    w.gradient = attn_grad_write(n->parameters, &w.add);
    if (w.gradient) attn_range(n->parameters->tape, n->parameters->size[0], PIECE, backward_rows, &w);
}

static void forward_rows(void *arg, int64_t begin, int64_t end) {
    const struct work *w = arg;
    const struct losses *n = w->n;
    for (int64_t i = begin; i < end; i++) {
        struct attn_log_normals m;
        attn_event_mixture(n->count, n->parameters->data + i * 3 * n->count, &m);
        w->loss[i] = attn_event_time_loss(&m, n->y[i], n->target[i], n->clamped);
    }
}

attn_tensor *attn_event_time_losses(attn_tensor *parameters, const double *y, const enum attn_event_target *target, bool clamped) {
    attn_tensor *x = attn_contiguous(parameters);
    if (!x) return NULL;
    attn_tape *tape = x->tape;
    if (x->dims != 2 || x->size[1] % 3 != 0 || x->size[1] < 3 || x->size[1] > 3 * ATTN_LOG_NORMALS) {
        char text[ATTN_SHAPE_TEXT];
        return attn_tape_fail(tape, ATTN_EINVAL,
                              "losses of times: found parameters %s, expected rows of 3 to %d numbers, three a component",
                              attn_shape_text(x, text), 3 * ATTN_LOG_NORMALS);
    }
    struct losses here = {.parameters = x, .y = y, .target = target, .clamped = clamped, .count = (int)(x->size[1] / 3)};
    attn_tensor *out = attn_constant(tape, 1, (const int64_t[]){1}, 0);
    double *loss = attn_tape_take(tape, (size_t)x->size[0] * sizeof *loss), sum = 0;
    if (!out || !loss) return NULL;
    attn_range(tape, x->size[0], PIECE, forward_rows, &(struct work){.n = &here, .loss = loss});
    for (int64_t i = 0; i < x->size[0]; i++) sum += loss[i];
    *out->data = (attn_real)sum;
    if (attn_recording(out, 1, &x)) {
        struct losses *n = attn_node_new(out, sizeof *n, backward);
        if (!n) return NULL;
        here.node = n->node;
        *n = here;
    }
    return tape->status ? NULL : out;
}
