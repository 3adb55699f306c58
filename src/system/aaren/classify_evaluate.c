/* Figures of the classifier: on the cases that are held out, on tests, and those of two baselines. */
#include "base/parallel.h"
#include "metric/confusion.h"
#include "system/aaren/classify_task.h"

#include <math.h>
#include <string.h>

attn_status attn_aaren_classify_measure(struct attn_job *job, const struct attn_aaren_classify_set *set, int64_t *counts, double *loss) {
    struct attn_aaren_classify_task *s = job->self;
    attn_tape *tape = attn_model_tape(job->model);
    int64_t labelled = 0;
    double sum = 0;
    attn_status status = ATTN_OK;
    memset(counts, 0, (size_t)(s->model.classes * s->model.classes) * sizeof *counts);
    for (int64_t first = 0; first < set->cases && !status; first += ATTN_AAREN_CLASSIFY_TEST_BATCH) {
        const int64_t count = attn_min64(ATTN_AAREN_CLASSIFY_TEST_BATCH, set->cases - first);
        attn_real each[ATTN_AAREN_CLASSIFY_TEST_BATCH] = {0};
        int32_t best[ATTN_AAREN_CLASSIFY_TEST_BATCH] = {0};
        attn_tape_reset(tape);
        attn_tensor *logits = attn_aaren_classify_logits(&s->model, set, NULL, first, count, false);
        status = logits ? attn_row_losses(logits, s->model.label, each, best) : attn_tape_status(tape);
        if (status) break;
        for (int64_t i = 0; i < count; i++) {
            sum += (double)each[i];
            labelled += s->model.label[i] >= 0;
        }
        attn_confusion_count(best, s->model.label, count, s->model.classes, counts);
    }
    *loss = labelled > 0 ? sum / (double)labelled : (double)NAN;
    return status;
}

/* ------------------------------------------------------------------------------------------------------- baselines */

struct neighbours {
    const struct attn_aaren_classify_set *from[2], *test;
    unsigned char *right; /* [test.cases] */
};

/* The sum of squares, or anything beyond `most` once it is greater. */
static double distance(const attn_real *a, const attn_real *b, int64_t n, double most) {
    enum { BLOCK = 256 };
    double sum = 0;
    for (int64_t at = 0; at < n && sum <= most; at += BLOCK) {
        const int64_t end = attn_min64(n, at + BLOCK);
        attn_real part = 0;
        for (int64_t i = at; i < end; i++) part += (a[i] - b[i]) * (a[i] - b[i]);
        sum += (double)part;
    }
    return sum;
}

static void find_neighbour(void *arg, int64_t i, int worker) {
    const struct neighbours *n = arg;
    const int64_t size = n->test->length * n->test->channels;
    double least = (double)INFINITY;
    int32_t label = -1;
    (void)worker;
    for (int k = 0; k < 2; k++)
        for (int64_t c = 0; n->from[k] && c < n->from[k]->cases; c++) {
            const double d = distance(n->from[k]->x + c * size, n->test->x + i * size, size, least);
            if (!(d < least)) continue;
            least = d;
            label = n->from[k]->label[c];
        }
    n->right[i] = label == n->test->label[i];
}

attn_status attn_aaren_classify_nearest(attn_ctx *ctx, const struct attn_aaren_classify_set *a, const struct attn_aaren_classify_set *b,
                                        const struct attn_aaren_classify_set *test, double *accuracy) {
    struct neighbours n = {{a, b}, test, attn_alloc(ctx, (size_t)test->cases)};
    int64_t right = 0;
    if (!n.right) return attn_no_memory(ctx, "nearest neighbours", (size_t)test->cases);
    attn_parallel(ctx, test->cases, ctx->config.threads, find_neighbour, &n);
    for (int64_t i = 0; i < test->cases; i++) right += n.right[i];
    *accuracy = (double)right / (double)test->cases;
    attn_free(ctx, n.right);
    return ATTN_OK;
}

/* The accuracy of always saying the class that training has most of, of equal ones the first. */
static double majority(const struct attn_aaren_classify_kind *kind, const int64_t *counts) {
    int64_t most = 0, cases = 0, all = 0;
    for (int64_t k = 1; k < kind->classes; k++) most = kind->seen[k] > kind->seen[most] ? k : most;
    for (int64_t k = 0; k < kind->classes * kind->classes; k++) {
        all += counts[k];
        cases += k / kind->classes == most ? counts[k] : 0;
    }
    return all > 0 ? (double)cases / (double)all : (double)NAN;
}

/* --------------------------------------------------------------------------------------------------------- figures */

static attn_status add_figures(struct attn_job *job, const struct attn_aaren_classify_set *set, int64_t *counts, struct attn_figures *out) {
    const struct attn_aaren_classify_task *s = job->self;
    double loss;
    const attn_status status = attn_aaren_classify_measure(job, set, counts, &loss);
    if (status) return status;
    attn_figures_add(out, "accuracy", attn_confusion_accuracy(counts, s->model.classes));
    attn_figures_add(out, "balanced_accuracy", attn_confusion_balanced(counts, s->model.classes));
    attn_figures_add(out, "loss", loss);
    attn_figures_add(out, "accuracy_majority", majority(&s->data.kind, counts));
    return ATTN_OK;
}

static attn_status evaluate_file(struct attn_job *job, const char *data, int64_t *counts, struct attn_figures *out) {
    const struct attn_aaren_classify_task *s = job->self;
    struct attn_aaren_classify_set set = {.cases = 0};
    struct attn_ts ts;
    attn_status status = attn_ts_read(job->ctx, NULL, data, &ts);
    if (status) return status;
    if (ts.classes == 0)
        status = attn_fail(job->ctx, ATTN_EINVAL, "%s: found no classes, expected '@classLabel true NAMES' in the header", data);
    if (!status) status = attn_aaren_classify_take(job->ctx, &s->data.kind, data, &ts, true, &set);
    if (!status) status = add_figures(job, &set, counts, out);
    attn_aaren_classify_set_close(job->ctx, &set);
    attn_ts_free(job->ctx, &ts);
    return status;
}

/* What decides: the accuracy on the cases that are held out, and among models of the same accuracy, which few cases make frequent, the lower loss. The loss alone would stop
 * before a model of many classes is at its most accurate. */
static double score_of(const int64_t *counts, int64_t classes, int64_t cases, double loss) {
    return (attn_confusion_accuracy(counts, classes) * (double)cases + 1 / (1 + loss)) / ((double)cases + 1);
}

static attn_status evaluate_own(struct attn_job *job, int64_t *counts, struct attn_figures *out) {
    struct attn_aaren_classify_task *s = job->self;
    const bool held_out = s->data.validation.cases > 0, tests = s->data.test.cases > 0;
    const struct attn_aaren_classify_set *validation = held_out ? &s->data.validation : &s->data.test;
    double loss;
    attn_status status = attn_aaren_classify_measure(job, validation, counts, &loss);
    if (status) return status;
    attn_figures_add(out, "validation_score", score_of(counts, s->model.classes, validation->cases, loss));
    attn_figures_add(out, "validation_loss", loss);
    attn_figures_add(out, "validation_accuracy", attn_confusion_accuracy(counts, s->model.classes));
    if (!tests) return ATTN_OK;
    status = add_figures(job, &s->data.test, counts, out);
    if (!status && isnan(s->nearest))
        status = attn_aaren_classify_nearest(job->ctx, &s->data.train, held_out ? &s->data.validation : NULL, &s->data.test, &s->nearest);
    if (!status) attn_figures_add(out, "accuracy_nearest", s->nearest);
    return status;
}

attn_status attn_aaren_classify_evaluate(struct attn_job *job, const char *data, struct attn_figures *out) {
    const struct attn_aaren_classify_task *s = job->self;
    const size_t bytes = (size_t)(s->model.classes * s->model.classes) * sizeof(int64_t);
    int64_t *counts = attn_alloc(job->ctx, bytes);
    if (!counts) return attn_no_memory(job->ctx, "a confusion matrix", bytes);
    attn_status status = data ? ATTN_OK : attn_aaren_classify_load(job);
    if (!status) status = data ? evaluate_file(job, data, counts, out) : evaluate_own(job, counts, out);
    attn_free(job->ctx, counts);
    return status;
}
