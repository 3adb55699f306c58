#include "system/aaren/classify_model.h"

#include "base/context.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* Sines and cosines of t / 10000^(2 i / D), in turns (Vaswani et al. 2017, sec. 3.5); in double, as positions of streams have no end. */
static void fill_position(int64_t t, int64_t width, attn_real *row) {
    for (int64_t i = 0; i < width; i++) {
        const double angle = (double)t * pow(10000, -(double)(i - i % 2) / (double)width);
        row[i] = (attn_real)(i % 2 == 0 ? sin(angle) : cos(angle));
    }
}

static attn_status make_room(attn_model *model, struct attn_aaren_classify_model *m) {
    size_t steps = 0, windows = 0;
    const size_t row = (size_t)(ATTN_AAREN_CLASSIFY_TAPS * m->channels) * sizeof *m->window;
    if (!attn_mul_size((size_t)m->room, (size_t)m->length, &steps) || !attn_mul_size(steps, row, &windows)) windows = steps = SIZE_MAX / 64;
    m->window = attn_model_memory(model, windows);
    m->weight = attn_model_memory(model, steps * sizeof *m->weight);
    m->label = attn_model_memory(model, (size_t)m->room * sizeof *m->label);
    m->position = attn_model_memory(model, (size_t)(m->length * m->width) * sizeof *m->position);
    for (int64_t t = 0; t < m->length && m->position; t++) fill_position(t, m->width, m->position + t * m->width);
    return attn_tape_status(m->tape);
}

attn_status attn_aaren_classify_model_make(struct attn_job *job, int64_t channels, int64_t classes, int64_t length, int64_t room,
                                           struct attn_aaren_classify_model *out) {
    const struct attn_recipe *r = job->recipe;
    struct attn_aaren_classify_model *m = out;
    *m = (struct attn_aaren_classify_model){.tape = attn_model_tape(job->model),
                                            .channels = channels,
                                            .classes = classes,
                                            .length = length,
                                            .room = room,
                                            .width = attn_recipe_whole(r, "width"),
                                            .padding = (enum attn_aaren_classify_padding)attn_recipe_whole(r, "padding"),
                                            .head = (enum attn_aaren_classify_head)attn_recipe_whole(r, "head"),
                                            .dropout = attn_recipe_number(r, "dropout")};
    const int64_t in = ATTN_AAREN_CLASSIFY_TAPS * channels, steps = m->head == ATTN_AAREN_CLASSIFY_FLATTEN ? length : 1;
    m->embedding = attn_projection_make(job->model, "embedding", in, m->width, false, sqrt(2 / (double)in));
    m->stack = attn_aaren_stack_from_recipe(job, length, false, false, true, 1e-5);
    m->out = attn_projection_make(job->model, "classes", steps * m->width, classes, true, sqrt(1 / (3 * (double)(steps * m->width))));
    return make_room(job->model, m);
}

/* ----------------------------------------------------------------------------------------------------------- batches */

/* Steps beside their neighbours: row t has the TAPS steps that the convolution sees there. Behind a series' end all are zeros as far as the data are. */
static void fill_windows(const struct attn_aaren_classify_model *m, const attn_real *x, attn_real *window) {
    const int64_t n = m->length, c = m->channels, before = m->padding == ATTN_AAREN_CLASSIFY_CAUSAL ? 2 : 1;
    for (int64_t t = 0; t < n; t++)
        for (int64_t k = 0; k < ATTN_AAREN_CLASSIFY_TAPS; k++, window += c) {
            int64_t from = t - before + k;
            if (m->padding == ATTN_AAREN_CLASSIFY_CIRCULAR) from = (from + n) % n;
            if (from < 0)
                memset(window, 0, (size_t)c * sizeof *window);
            else
                memcpy(window, x + from * c, (size_t)c * sizeof *window);
        }
}

static void fill_weights(const struct attn_aaren_classify_model *m, int64_t steps, attn_real *weight) {
    const attn_real each = m->head == ATTN_AAREN_CLASSIFY_MEAN ? 1 / (attn_real)steps : 1;
    for (int64_t t = 0; t < m->length; t++) weight[t] = t < steps && (m->head != ATTN_AAREN_CLASSIFY_LAST || t == steps - 1) ? each : 0;
}

static void fill(struct attn_aaren_classify_model *m, const struct attn_aaren_classify_set *set, const int64_t *index, int64_t first,
                 int64_t count) {
    const int64_t row = m->length * m->channels;
    assert(count <= m->room && set->length == m->length && set->channels == m->channels);
    for (int64_t i = 0; i < count; i++) {
        const int64_t c = index ? index[i] : first + i;
        fill_windows(m, set->x + c * row, m->window + i * ATTN_AAREN_CLASSIFY_TAPS * row);
        fill_weights(m, set->steps[c], m->weight + i * m->length);
        m->label[i] = set->label[c];
    }
}

/* [count, length, D] of what fill has put there. */
static attn_tensor *hidden_of(struct attn_aaren_classify_model *m, int64_t count, bool training) {
    const int64_t windows[] = {count, m->length, ATTN_AAREN_CLASSIFY_TAPS * m->channels}, positions[] = {m->length, m->width};
    const double p = training ? m->dropout : 0;
    attn_tensor *x = attn_project(&m->embedding, attn_tensor_input(m->tape, 3, windows, m->window));
    x = attn_dropout(attn_add(x, attn_tensor_input(m->tape, 2, positions, m->position)), p);
    return attn_dropout(attn_gelu(attn_aaren_stack_forward(m->stack, x, NULL, training)), p);
}

attn_tensor *attn_aaren_classify_logits(struct attn_aaren_classify_model *m, const struct attn_aaren_classify_set *set,
                                        const int64_t *index, int64_t first, int64_t count, bool training) {
    const int64_t weights[] = {count, m->length, 1}, flat[] = {count, m->length * m->width};
    fill(m, set, index, first, count);
    attn_tensor *h = attn_mul(hidden_of(m, count, training), attn_tensor_input(m->tape, 3, weights, m->weight));
    return attn_project(&m->out, m->head == ATTN_AAREN_CLASSIFY_FLATTEN ? attn_reshape(h, 2, flat) : attn_sum(h, 1));
}

attn_tensor *attn_aaren_classify_hidden(struct attn_aaren_classify_model *m, const struct attn_aaren_classify_set *set, int64_t index) {
    fill(m, set, NULL, index, 1);
    return hidden_of(m, 1, false);
}

/* ------------------------------------------------------------------------------------------------------ step by step */

int64_t attn_aaren_classify_head_state(const struct attn_aaren_classify_model *m) {
    return m->head == ATTN_AAREN_CLASSIFY_MEAN ? m->width : m->head == ATTN_AAREN_CLASSIFY_FLATTEN ? m->classes : 0;
}

/* logits = bias + what the weights [classes, columns] from column `first` on make of h [D]. */
static void project(const struct attn_aaren_classify_model *m, const attn_real *h, int64_t columns, int64_t first, double *logits) {
    const attn_real *weight = attn_data(m->out.weight), *bias = attn_data(m->out.bias);
    for (int64_t k = 0; k < m->classes; k++) {
        logits[k] = (double)bias[k];
        for (int64_t i = 0; i < m->width; i++) logits[k] += (double)weight[k * columns + first + i] * (double)h[i];
    }
}

/* A mean is kept as such, mean += (h - mean) / count, which has no sum that grows. Of flattened steps the logits so far are the state. */
void attn_aaren_classify_head_push(const struct attn_aaren_classify_model *m, const attn_real *h, int64_t position, attn_real *sum,
                                   double *logits) {
    const attn_real *bias = attn_data(m->out.bias);
    switch (m->head) {
    case ATTN_AAREN_CLASSIFY_FLATTEN:
        assert(position < m->length);
        project(m, h, m->length * m->width, position * m->width, logits);
        for (int64_t k = 0; k < m->classes; k++) {
            sum[k] += (attn_real)(logits[k] - (double)bias[k]);
            logits[k] = (double)bias[k] + (double)sum[k];
        }
        break;
    case ATTN_AAREN_CLASSIFY_LAST:
        project(m, h, m->width, 0, logits);
        break;
    case ATTN_AAREN_CLASSIFY_MEAN:
        for (int64_t i = 0; i < m->width; i++) sum[i] += (h[i] - sum[i]) / (attn_real)(position + 1);
        project(m, sum, m->width, 0, logits);
        break;
    }
}

attn_tensor *attn_aaren_classify_step(struct attn_aaren_classify_model *m, const attn_real *x, attn_real *window, attn_real *state,
                                      int64_t tokens, int64_t position) {
    const int64_t c = m->channels, kept = (ATTN_AAREN_CLASSIFY_TAPS - 1) * c, windows[] = {1, 1, kept + c}, places[] = {1, 1, m->width};
    memcpy(m->window, window, (size_t)kept * sizeof *window);
    memcpy(m->window + kept, x, (size_t)c * sizeof *x);
    memcpy(window, m->window + c, (size_t)kept * sizeof *window);
    attn_tensor *place = attn_constant(m->tape, 3, places, 0);
    if (!place) return NULL;
    fill_position(position, m->width, attn_data(place));
    attn_tensor *e = attn_add(attn_project(&m->embedding, attn_tensor_input(m->tape, 3, windows, m->window)), place);
    return attn_gelu(attn_aaren_stack_step(m->stack, e, NULL, state, tokens, position));
}

void attn_aaren_classify_probabilities(double *logits, int64_t classes) {
    double most = logits[0], sum = 0;
    for (int64_t k = 1; k < classes; k++) most = fmax(most, logits[k]);
    for (int64_t k = 0; k < classes; k++) sum += logits[k] = exp(logits[k] - most);
    for (int64_t k = 0; k < classes; k++) logits[k] /= sum;
}
