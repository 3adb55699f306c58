/* aaren/classify as C: the classifier's stream (classify_stream.c). */
#include "system/aaren/classify_task.h"
#include "system/aaren/waves_export.h"

static const char take_row[] =
    "/* The row, by mean and deviation of training, as the last of the window's steps. A number that is not known is as it was. */\n"
    "static void take_row(state *s, const float *in) {\n"
    "    for (int i = 0; i < (TAPS - 1) * CHANNELS; i++) s->window[i] = s->window[i + CHANNELS];\n"
    "    for (int c = 0; c < CHANNELS; c++) {\n"
    "        const double number = ((double)in[c] - channel_mean[c]) / channel_deviation[c];\n"
    "        if (is_known(number)) s->window[(TAPS - 1) * CHANNELS + c] = (float)number;\n"
    "    }\n"
    "}\n\n";

static const char push_begin[] = "    take_row(s, in);\n"
                                 "    linear(&embedding, s->window, s->x);\n"
                                 "    add_position(s->position, s->x);\n"
                                 "    if (s->position < 4294967294u) s->position++;\n"
                                 "    blocks(s, 0);\n"
                                 "    activate(WIDTH, s->x);\n";
static const char push_last[] = "    linear(&classes, s->x, out);\n";
static const char push_mean[] = "    for (int i = 0; i < WIDTH; i++) s->mean[i] += (s->x[i] - s->mean[i]) / (float)s->position;\n"
                                "    linear(&classes, s->mean, out);\n";
static const char push_end[] = "    shares(OUTPUTS, out);\n";

static attn_status refuse(struct attn_job *job, const struct attn_aaren_classify_task *s) {
    struct attn_stream_face face;
    const attn_status status = attn_aaren_classify_stream(job, 1, &face);
    if (status || s->model.head != ATTN_AAREN_CLASSIFY_FLATTEN) return status;
    return attn_fail(job->ctx, ATTN_EUNSUPPORTED,
                     "export: head=flatten has weights for %lld steps and ends there, expected a model of head=mean or head=last",
                     (long long)s->model.length);
}

attn_status attn_aaren_classify_export(struct attn_job *job, struct attn_c_source *c) {
    const struct attn_aaren_classify_task *s = job->self;
    const struct attn_aaren_classify_model *m = &s->model;
    const struct attn_aaren_classify_scale *scale = &s->data.kind.scale;
    const attn_status status = refuse(job, s);
    if (status) return status;
    for (int64_t d = 0; d < m->channels; d++)
        attn_c_input(c, s->input[d], d == 0 ? "a number that is not known, NaN, or too far off is as in the row before" : "");
    for (int64_t k = 0; k < m->classes; k++) attn_c_output(c, s->output[k], k == 0 ? "the probability of this class" : "");
    attn_c_size(c, "CHANNELS", m->channels);
    attn_c_size(c, "TAPS", ATTN_AAREN_CLASSIFY_TAPS);
    attn_c_doubles(c, "channel_mean", m->channels, scale->mean);
    attn_c_doubles(c, "channel_deviation", m->channels, scale->deviation);
    attn_c_linear(c, "embedding", &m->embedding, 0, m->width, 1);
    attn_c_narrow(c, "float", "window", ATTN_AAREN_CLASSIFY_TAPS * m->channels);
    attn_c_narrow(c, "uint32_t", "position", 0);
    attn_aaren_known_export(c);
    attn_c_use(c, ATTN_C_SHARES);
    attn_c_add_text(c, &c->functions, take_row);
    attn_aaren_waves_export(c, m->width);
    if (attn_aaren_stack_export(m->stack, c)) return c->status;
    attn_c_linear(c, "classes", &m->out, 0, m->classes, 1);
    attn_c_add_text(c, &c->push, push_begin);
    if (m->head == ATTN_AAREN_CLASSIFY_MEAN) attn_c_narrow(c, "float", "mean", m->width);
    attn_c_add_text(c, &c->push, m->head == ATTN_AAREN_CLASSIFY_MEAN ? push_mean : push_last);
    attn_c_add_text(c, &c->push, push_end);
    return c->status;
}
