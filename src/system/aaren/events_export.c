/* aaren/events as C: the stream of a stack (events_stream.c). A float cannot hold times that go on for ever, so that a row has the time since the event before, and answers are
 * times from the event on; times add up in double. */
#include "metric/log_normal.h"
#include "system/aaren/events_loss.h"
#include "system/aaren/events_task.h"
#include "train/c_source.h"

#include <math.h>
#include <stdio.h>

static const char put_waves[] = "/* n sines and cosines in turns of a time, rate[i / 2] being turns a time. */\n"
                                "static void put_waves(double time, const double *rate, int n, float *code) {\n"
                                "    for (int i = 0; i < n; i++) {\n"
                                "        const double turns = time * rate[i / 2] + (i % 2 == 0 ? 0 : 0.25);\n"
                                "        double part = turns - (double)(int64_t)turns;\n"
                                "        if (part > 0.5) part -= 1;\n"
                                "        if (part < -0.5) part += 1;\n"
                                "        code[i] = sine((float)part);\n"
                                "    }\n"
                                "}\n\n";

static const char expect[] =
    "/* The share of a mixture of COMPONENTS log-normals (weights, means and deviations of the logarithm) that lies above e^y. */\n"
    "static float survival(const float *mixture, float y) {\n"
    "    float sum = 0.0f;\n"
    "    for (int j = 0; j < COMPONENTS; j++)\n"
    "        sum += mixture[j] * 0.5f * (1.0f - error_function((y - mixture[COMPONENTS + j]) / mixture[2 * COMPONENTS + j] * "
    "0.707106781f));\n"
    "    return sum;\n"
    "}\n\n"
    "/* Its expected time and its median, which lies between the components' means. */\n"
    "static void expect(float *mixture, float *out) {\n"
    "    float *mean = mixture + COMPONENTS, *deviation = mean + COMPONENTS, low = mean[0], high = mean[0];\n"
    "    shares(COMPONENTS, mixture);\n"
    "    out[0] = 0.0f;\n"
    "    for (int j = 0; j < COMPONENTS; j++) {\n"
    "        const float raw = deviation[j], size = raw < 0.0f ? -raw : raw;\n"
    "        deviation[j] = LEAST_DEVIATION + (raw > 0.0f ? raw : 0.0f) + logarithm(1.0f + exponential(-size));\n"
    "        out[0] += mixture[j] * exponential(mean[j] + 0.5f * deviation[j] * deviation[j]);\n"
    "        if (mean[j] < low) low = mean[j];\n"
    "        if (mean[j] > high) high = mean[j];\n"
    "    }\n"
    "    for (int i = 0; i < 40; i++) {\n"
    "        const float middle = low + 0.5f * (high - low);\n"
    "        if (survival(mixture, middle) > 0.5f)\n"
    "            low = middle;\n"
    "        else\n"
    "            high = middle;\n"
    "    }\n"
    "    out[0] *= UNIT;\n"
    "    out[1] = UNIT * exponential(low + 0.5f * (high - low));\n"
    "}\n\n";

static const char begin[] = "    const float span = in[0];\n"
                            "    if (!(span <= MOST) || (s->events && span < 0.0f)) return;\n";
static const char marked[] = "    if (!(in[1] >= 1.0f && in[1] <= (float)MARKS) || in[1] != (float)(int)in[1]) return;\n";
static const char first_is_zero[] = "    if (s->events) s->time += (double)span;\n";
static const char first_is_own[] = "    if (span < -MOST) return;\n"
                                   "    s->time += (double)span;\n";
static const char waves_of_time[] = "    put_waves(s->time, time_rate, TIME_WAVES, s->code);\n";
static const char waves_of_span[] = "    put_waves(s->events ? (double)span : 0, span_rate, SPAN_WAVES, s->code + TIME_WAVES);\n";
static const char finish[] = "    s->events = 1;\n"
                             "    for (int i = 0; i < WIDTH; i++) s->x[i] = 0.0f;\n"
                             "    add_row(&embedding, %s, s->x);\n"
                             "    blocks(s, s->code);\n"
                             "    linear(&time_in, s->x, s->y);\n"
                             "    for (int i = 0; i < WIDTH; i++) s->y[i] = hyperbolic_tangent(s->y[i]);\n"
                             "    linear(&time_out, s->y, s->mixture);\n"
                             "    expect(s->mixture, out);\n"
                             "    linear(&mark, s->x, out + 2);\n"
                             "    shares(MARKS, out + 2);\n";

/* Turns a time of the file, of numbers 2 i and 2 i + 1 of n. */
static void put_rates(struct attn_c_source *c, const char *name, int64_t n, double unit) {
    const int64_t pairs = attn_div_up(n, 2);
    const double two_pi = 6.28318530717958647692;
    double *rate = n > 0 ? attn_alloc(c->ctx, (size_t)pairs * sizeof *rate) : NULL;
    if (n == 0) return;
    if (!rate) {
        c->status = attn_no_memory(c->ctx, "rates of waves", (size_t)pairs * sizeof *rate);
        return;
    }
    for (int64_t i = 0; i < pairs; i++) rate[i] = pow(10000, -(double)(2 * i) / (double)n) / (two_pi * unit);
    attn_c_doubles(c, name, pairs, rate);
    attn_free(c->ctx, rate);
}

static void put_code(struct attn_c_source *c, const struct attn_event_code *code) {
    const int64_t half = code->width / 2, times = code->coding == ATTN_CODE_TIME ? code->width : code->coding == ATTN_CODE_BOTH ? half : 0;
    attn_c_size(c, "TIME_WAVES", times);
    attn_c_size(c, "SPAN_WAVES", code->width - times);
    put_rates(c, "time_rate", times, code->clock.unit);
    put_rates(c, "span_rate", code->width - times, code->clock.unit);
    attn_c_narrow(c, "float", "code", code->width);
    attn_c_add_text(c, &c->functions, put_waves);
}

static void name_columns(struct attn_c_source *c, const struct attn_event_task *s, bool has_marks) {
    attn_c_input(c, "span",
                 s->model.code.clock.absolute ? "the time since the event before; of the first event, its time; a row with a negative one "
                                                "is passed over, as are those with no number: out stays as it was"
                                              : "the time since the event before, of the first event any; a row with a negative one is "
                                                "passed over, as are those with no number: out stays as it was");
    if (has_marks)
        attn_c_input(c, "mark_number", "the mark's place among the outputs p_, from 1 on; a row with another number is passed over");
    attn_c_output(c, "expected_time", "from this event until the next");
    attn_c_output(c, "median_time", "likewise, which half of them do not reach");
    for (int32_t m = 0; m < s->marks.count; m++) {
        char name[128];
        size_t length;
        const char *text = attn_vocabulary_get(&s->marks, m, &length);
        snprintf(name, sizeof name, "p_%.*s", (int)(length < 100 ? length : 100), text);
        attn_c_output(c, name, m == 0 ? "the probability that the next event has this mark" : "");
    }
}

static void put_push(struct attn_c_source *c, const struct attn_event_task *s, bool has_marks) {
    const struct attn_event_code *code = &s->model.code;
    attn_c_add_text(c, &c->push, begin);
    if (has_marks) attn_c_add_text(c, &c->push, marked);
    attn_c_add_text(c, &c->push, code->clock.absolute ? first_is_own : first_is_zero);
    if (code->coding != ATTN_CODE_SPAN) attn_c_add_text(c, &c->push, waves_of_time);
    if (code->coding != ATTN_CODE_TIME) attn_c_add_text(c, &c->push, waves_of_span);
    attn_c_add(c, &c->push, finish, has_marks ? "(int)in[1] - 1" : "0");
}

attn_status attn_event_export(struct attn_job *job, struct attn_c_source *c) {
    struct attn_event_task *s = job->self;
    const struct attn_event_model *m = &s->model;
    const attn_projection embedding = {m->embedding, NULL};
    const bool has_marks = s->options.mark[0] != '\0';
    const double most = 1e12; /* units: beyond, no sine is left of a time's */
    if (!m->stack)
        return attn_fail(job->ctx, ATTN_EUNSUPPORTED,
                         "export: encoder=gru cannot be written as C, expected encoder=stack with mixer=aaren");
    name_columns(c, s, has_marks);
    attn_c_size(c, "MARKS", s->marks.count);
    attn_c_size(c, "COMPONENTS", m->components);
    attn_c_add(c, &c->weights, "#define UNIT %af\n#define MOST %af\n#define LEAST_DEVIATION %.9gf\n\n", (double)(float)m->code.clock.unit,
               (double)(float)(most * m->code.clock.unit), ATTN_EVENT_LEAST_DEVIATION);
    put_code(c, &m->code);
    attn_c_linear(c, "embedding", &embedding, 1, s->marks.count, 0); /* row 0 is padding's */
    if (attn_aaren_stack_export(m->stack, c)) return c->status;
    attn_c_linear(c, "time_in", &m->in, 0, m->hidden, 1);
    attn_c_linear(c, "time_out", &m->out, 0, 3 * m->components, 1);
    attn_c_linear(c, "mark", &m->mark, 0, s->marks.count, 1);
    attn_c_wide(c, "double", "time", 0);
    attn_c_narrow(c, "int32_t", "events", 0);
    attn_c_narrow(c, "float", "mixture", 3 * m->components);
    attn_c_use(c, ATTN_C_SINE | ATTN_C_TANH | ATTN_C_EXP | ATTN_C_LOG | ATTN_C_ERF | ATTN_C_SHARES | ATTN_C_ROW);
    attn_c_add_text(c, &c->functions, expect);
    put_push(c, s, has_marks);
    return c->status;
}
