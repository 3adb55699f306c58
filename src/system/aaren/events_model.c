#include "system/aaren/events_model.h"

#include "system/aaren/events_loss.h"

#include <math.h>
#include <string.h>

/* The spread that uniform numbers within 1 / sqrt(in) have. */
static double deviation_of(int64_t in) {
    return 1 / sqrt(3 * (double)in);
}

static attn_tensor *uniform(attn_model *model, const char *name, int dims, const int64_t *size, double range) {
    attn_tensor *x = attn_model_parameter(model, name, dims, size);
    if (x) attn_fill_uniform(x, -range, range, attn_model_seed(model));
    return x;
}

static void make_gru(attn_model *model, int64_t in, int64_t hidden, attn_recurrent_weights *out) {
    const double range = 1 / sqrt((double)hidden);
    attn_model_enter(model, "gru");
    out->input = uniform(model, "input", 2, (int64_t[]){3 * hidden, in}, range);
    out->recurrent = uniform(model, "recurrent", 2, (int64_t[]){3 * hidden, hidden}, range);
    out->input_bias = uniform(model, "input_bias", 1, (int64_t[]){3 * hidden}, range);
    out->recurrent_bias = uniform(model, "recurrent_bias", 1, (int64_t[]){3 * hidden}, range);
    attn_model_leave(model);
}

void attn_event_model_make(struct attn_job *job, const struct attn_event_model_config *c, struct attn_event_model *m) {
    attn_model *model = job->model;
    const int64_t width = c->gru ? c->mark_width : attn_recipe_whole(job->recipe, "width"), hidden = c->gru ? c->hidden : width;
    *m = (struct attn_event_model){.tape = attn_model_tape(model), .hidden = hidden, .components = c->components, .marks = c->marks};
    m->code = (struct attn_event_code){.clock = c->clock, .width = c->gru ? 1 : width, .coding = c->gru ? ATTN_CODE_LOG : c->coding};
    m->embedding = attn_model_parameter(model, "embedding", 2, (int64_t[]){c->marks + 1, width});
    if (m->embedding) attn_fill_normal(m->embedding, 0, 1, attn_model_seed(model));
    if (c->gru)
        make_gru(model, width + 1, hidden, &m->gru);
    else
        m->stack = attn_aaren_stack_from_recipe(job, c->length, false, false, false, 1e-6);
    attn_model_enter(model, "time");
    m->in = attn_projection_make(model, "in", hidden, hidden, true, deviation_of(hidden));
    m->out = attn_projection_make(model, "out", hidden, 3 * c->components, true, deviation_of(hidden));
    attn_model_leave(model);
    m->mark = attn_projection_make(model, "mark", hidden, c->marks, true, deviation_of(hidden));
}

/* --------------------------------------------------------------------------------------------------------- at once */

static attn_tensor *encode(struct attn_event_model *m, const struct attn_event_batch *b, bool training) {
    attn_tensor *marks = attn_rows(m->embedding, 2, (int64_t[]){b->count, b->tokens}, b->mark);
    if (!marks) return NULL;
    attn_tensor *code = attn_tensor_input(m->tape, 3, (int64_t[]){b->count, b->tokens, b->width}, b->code);
    if (m->stack) return attn_aaren_stack_forward(m->stack, marks, code, training);
    return attn_gru(attn_concat(2, (attn_tensor *const[]){marks, code}, -1), NULL, &m->gru, NULL);
}

attn_tensor *attn_event_model_hidden(struct attn_event_model *m, const struct attn_event_batch *b, bool training) {
    attn_tensor *all = attn_reshape(encode(m, b, training), 2, (int64_t[]){b->count * b->tokens, m->hidden});
    return attn_rows(all, 1, &b->rows, b->from);
}

attn_tensor *attn_event_model_times(const struct attn_event_model *m, attn_tensor *hidden) {
    return attn_project(&m->out, attn_tanh(attn_project(&m->in, hidden)));
}

attn_tensor *attn_event_model_marks(const struct attn_event_model *m, attn_tensor *hidden) {
    return attn_project(&m->mark, hidden);
}

attn_tensor *attn_event_model_loss(struct attn_event_model *m, const struct attn_event_batch *b, bool clamped) {
    attn_tensor *hidden = attn_event_model_hidden(m, b, true);
    attn_tensor *loss = attn_event_time_losses(attn_event_model_times(m, hidden), b->y, b->target, clamped);
    int64_t labelled = 0;
    for (int64_t i = 0; i < b->rows; i++) labelled += b->next[i] >= 0;
    if (m->marks == 1 || labelled == 0) return loss;
    return attn_add(loss, attn_affine(attn_cross_entropy(attn_event_model_marks(m, hidden), b->next), (attn_real)labelled, 0));
}

/* -------------------------------------------------------------------------------------------------- event by event */

int64_t attn_event_model_state(const struct attn_event_model *m, int64_t tokens) {
    return m->stack ? attn_aaren_stack_state(m->stack, tokens) : m->hidden;
}

bool attn_event_model_constant(const struct attn_event_model *m) {
    return !m->stack || attn_aaren_stack_constant(m->stack);
}

attn_tensor *attn_event_model_step(struct attn_event_model *m, const int32_t *mark, const attn_real *code, attn_real *state, int64_t tokens,
                                   int64_t position) {
    const int64_t width = m->code.width;
    attn_tensor *x = attn_rows(m->embedding, 2, (int64_t[]){1, 1}, mark);
    if (!x) return NULL;
    attn_tensor *c = attn_tensor_input(m->tape, 3, (int64_t[]){1, 1, width}, code), *y;
    if (m->stack) return attn_reshape(attn_aaren_stack_step(m->stack, x, c, state, tokens, position), 2, (int64_t[]){1, m->hidden});
    attn_tensor *before = attn_tensor_input(m->tape, 2, (int64_t[]){1, m->hidden}, state);
    y = attn_gru(attn_reshape(attn_concat(2, (attn_tensor *const[]){x, c}, -1), 2, (int64_t[]){1, attn_size(x, 2) + 1}), before, &m->gru,
                 NULL);
    if (y) memcpy(state, attn_data(y), (size_t)m->hidden * sizeof *state);
    return y;
}
