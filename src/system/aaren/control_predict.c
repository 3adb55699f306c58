/* Actions for the user's own rows "return to go, obs0, obs1, ...", a step each; the model takes its own actions as done. An empty line begins another episode. */
#include "io/number.h"
#include "io/record.h"
#include "system/aaren/control.h"
#include "train/answers.h"

#include <math.h>
#include <string.h>

/* The last steps of the episode, at most K. */
struct episode {
    struct attn_job *job;
    double *row;           /* [K][1 + S + A]: return to go, observation, action */
    int64_t width;         /* numbers of a row */
    int64_t steps, passed; /* in `row`, and before them */
};

static const char *skip(const char *at) {
    while (*at == ' ' || *at == '\t') at++;
    return at;
}

static attn_status read_row(attn_ctx *ctx, const char *line, const char *const *name, int64_t count, double *row) {
    char shown[ATTN_WORD_SHOWN];
    const char *at = skip(line);
    for (int64_t i = 0; i < count; i++) {
        const char *what = i == 0 ? "return to go" : name[i], *end = attn_number_read(at, &row[i]);
        if (!end || !isfinite(row[i]))
            return attn_fail(ctx, ATTN_EINVAL, "column %lld (%s): found \"%s\", expected a finite number", (long long)i + 1, what,
                             attn_word_shown(at, NULL, shown));
        at = skip(end);
        if (*at == '\r') at++;
        if (i + 1 < count ? *at != ',' : *at != '\0')
            return attn_fail(ctx, ATTN_EINVAL,
                             "column %lld (%s): found \"%s\" behind the number, expected %s, as %lld numbers are asked for",
                             (long long)i + 1, what, attn_word_shown(at, NULL, shown), i + 1 < count ? "a comma" : "the end of the line",
                             (long long)count);
        if (*at == ',') at = skip(at + 1);
    }
    return ATTN_OK;
}

static attn_status act(struct episode *e, double *action) {
    struct attn_aaren_control *s = e->job->self;
    attn_tape *tape = attn_model_tape(e->job->model);
    attn_tape_reset(tape);
    s->batch.count = 1;
    s->batch.steps = e->steps;
    for (int64_t k = 0; k < e->steps; k++) {
        const double *row = e->row + k * e->width;
        attn_aaren_control_put(&s->batch, &s->scale, 0, k, e->passed + k, row[0], row + 1,
                               k + 1 < e->steps ? row + 1 + s->scale.observations : NULL);
    }
    attn_tensor *y = attn_aaren_decision_forward(&s->model, &s->batch, false);
    if (!y) return attn_tape_status(tape);
    attn_aaren_control_unscale(&s->scale, attn_data(y) + (e->steps - 1) * s->scale.actions, action);
    if (s->world) s->world->allow(action);
    return ATTN_OK;
}

static attn_status answer(void *user, char *line, size_t bytes, FILE *out) {
    struct episode *e = user;
    struct attn_aaren_control *s = e->job->self;
    char text[40];
    if (strlen(line) != bytes) return attn_fail(e->job->ctx, ATTN_EINVAL, "found a byte 0, expected text");
    if (*skip(line) == '\0' || *skip(line) == '\r') {
        e->steps = e->passed = 0;
        fputc('\n', out);
        return ATTN_OK;
    }
    if (e->steps == s->context) {
        memmove(e->row, e->row + e->width, (size_t)((s->context - 1) * e->width) * sizeof *e->row);
        e->steps--;
        e->passed++;
    }
    double *row = e->row + e->steps * e->width, *action = row + 1 + s->scale.observations;
    attn_status status = read_row(e->job->ctx, line, s->name, 1 + s->scale.observations, row);
    e->steps++;
    if (!status) status = act(e, action);
    for (int64_t i = 0; i < s->scale.actions && !status; i++)
        fprintf(out, "%s%s", i > 0 ? "," : "", attn_real_text((double)(float)action[i], text, sizeof text));
    if (!status) fputc('\n', out);
    return status;
}

attn_status attn_aaren_control_predict(struct attn_job *job, const struct attn_predict_options *options, FILE *in, FILE *out) {
    const struct attn_aaren_control *s = job->self;
    struct episode e = {.job = job, .width = 1 + s->scale.observations + s->scale.actions};
    const size_t bytes = (size_t)(s->context * e.width) * sizeof *e.row;
    attn_status status = attn_predict_plain(job, options);
    if (status) return status;
    e.row = attn_alloc(job->ctx, bytes);
    if (!e.row) return attn_no_memory(job->ctx, "the steps of an episode", bytes);
    status = attn_answer_lines(job->ctx, options->input, in, out, answer, &e);
    attn_free(job->ctx, e.row);
    return status;
}
