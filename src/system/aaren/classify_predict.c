/* Answers for series of the user's own, a .ts file: a line of CSV each, with the likeliest class and the probabilities of all. */
#include "system/aaren/classify_task.h"

#include <errno.h>
#include <string.h>

/* Class names are words without blanks. */
static void put_cell(const char *text, FILE *out) {
    const bool quoted = strpbrk(text, ",\"") != NULL;
    if (quoted) fputc('"', out);
    for (; *text; text++) {
        if (*text == '"') fputc('"', out);
        fputc(*text, out);
    }
    if (quoted) fputc('"', out);
}

static void put_header(const struct attn_aaren_classify_task *s, bool check, FILE *out) {
    fputs(check ? "case,predicted,label" : "case,predicted", out);
    for (int64_t k = 0; k < s->model.classes; k++) {
        fputc(',', out);
        put_cell(s->data.kind.name[k], out);
    }
    fputc('\n', out);
}

/* label: the file's own word; NULL: not asked for. */
static attn_status answer_case(struct attn_job *job, const struct attn_aaren_classify_set *set, int64_t index, const char *label,
                               FILE *out) {
    struct attn_aaren_classify_task *s = job->self;
    int64_t best = 0;
    attn_tape_reset(attn_model_tape(job->model));
    attn_tensor *logits = attn_aaren_classify_logits(&s->model, set, NULL, index, 1, false);
    if (!logits) return attn_tape_status(attn_model_tape(job->model));
    for (int64_t k = 0; k < s->model.classes; k++) {
        s->sums[k] = (double)attn_data(logits)[k];
        if (s->sums[k] > s->sums[best]) best = k;
    }
    attn_aaren_classify_probabilities(s->sums, s->model.classes);
    fprintf(out, "%lld,", (long long)index + 1);
    put_cell(s->data.kind.name[best], out);
    if (label) {
        fputc(',', out);
        put_cell(label, out);
    }
    for (int64_t k = 0; k < s->model.classes; k++) fprintf(out, ",%.6g", s->sums[k]);
    fputc('\n', out);
    errno = 0;
    if (fflush(out) == 0 && !ferror(out)) return ATTN_OK;
    return attn_fail(job->ctx, ATTN_ESYSTEM, "the answer cannot be written: %s", errno ? strerror(errno) : "a part of it was refused");
}

/* The file's word for the label of a case, taken before labels become the model's numbers. */
static const char *word_of(const struct attn_ts *ts, const int32_t *label, int64_t index) {
    return label[index] < 0 ? "?" : ts->class_name[label[index]];
}

static attn_status copy_labels(attn_ctx *ctx, const struct attn_ts *ts, const char *name, int32_t **out) {
    const size_t bytes = (size_t)ts->cases * sizeof **out;
    if (!ts->label)
        return attn_fail(ctx, ATTN_EUNSUPPORTED, "%s: found no classes to set beside the answers, expected '@classLabel true NAMES'", name);
    *out = attn_alloc(ctx, bytes);
    if (!*out) return attn_no_memory(ctx, name, bytes);
    memcpy(*out, ts->label, bytes);
    return ATTN_OK;
}

attn_status attn_aaren_classify_predict(struct attn_job *job, const struct attn_predict_options *options, FILE *in, FILE *out) {
    const struct attn_aaren_classify_task *s = job->self;
    struct attn_aaren_classify_set set = {.cases = 0};
    struct attn_ts ts;
    int32_t *label = NULL;
    attn_status status = attn_ts_read_stream(job->ctx, options->input, in, &ts);
    if (status) return status;
    if (options->check) status = copy_labels(job->ctx, &ts, options->input, &label);
    if (!status) status = attn_aaren_classify_take(job->ctx, &s->data.kind, options->input, &ts, false, &set);
    if (!status) put_header(s, options->check, out);
    for (int64_t i = 0; i < set.cases && !status; i++) status = answer_case(job, &set, i, label ? word_of(&ts, label, i) : NULL, out);
    if (!status && options->picture) status = attn_aaren_classify_draw(job, &set, 0, options->picture);
    attn_free(job->ctx, label);
    attn_aaren_classify_set_close(job->ctx, &set);
    attn_ts_free(job->ctx, &ts);
    return status;
}
