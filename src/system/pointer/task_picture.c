/* Pictures for a report: what a model answers to examples that it has not learned from, and what it looks at, step by step. */
#include "system/pointer/answer.h"

#include "system/pointer/pictures.h"

/* Of examples with as many points as training's largest have, with twice as many, and with as few as its smallest. */
static const struct {
    int64_t example;
    enum { LARGEST, TWICE, SMALLEST } points;
    bool weights;
} pictures[] = {{0, LARGEST, false}, {0, LARGEST, true}, {1, LARGEST, false}, {0, TWICE, false}, {1, TWICE, false}, {0, SMALLEST, false}};
enum { PICTURES = sizeof pictures / sizeof pictures[0], MOST_COLUMNS = 100 /* of a heat map that can be read */ };

static int64_t points_of(const struct attn_pointer_task *s, int index) {
    const int64_t high = s->source.high;
    return pictures[index].points == SMALLEST ? s->source.low
           : pictures[index].points == TWICE  ? attn_min64(2 * high, ATTN_POINTER_MOST)
                                              : high;
}

static attn_status describe(struct attn_job *job, const struct attn_pointer_answer *a, bool weights, struct attn_picture *out) {
    const struct attn_pointer_task *s = job->self;
    const struct attn_point_answer predicted = {a->numbers, a->count}, truth = {a->truth, a->truths};
    attn_append(out->title, sizeof out->title, "%lld points%s", (long long)a->n,
                weights                 ? ": what each step of the answer looks at"
                : a->n > s->source.high ? ", more than training has"
                                        : "");
    if (weights) {
        attn_append(out->caption, sizeof out->caption, "Probability of each point, and of the end, for each step of the greedy answer.");
        return attn_pointer_picture_weights(job->ctx, out, a->weights, a->steps, a->n);
    }
    attn_append(out->caption, sizeof out->caption, "An example that training does not have.");
    if (a->problem.kind == ATTN_POINTER_DELAUNAY) return attn_pointer_picture_triangles(job->ctx, out, a->xy, a->n, predicted, truth);
    out->truth = attn_pointer_truth_word(a);
    return attn_pointer_picture_cycles(job->ctx, out, a->xy, a->n, predicted, truth);
}

/* Whether the task has this picture: numbers have no places in the plane, beams no weights, and a dictionary ends. */
static bool has(const struct attn_pointer_task *s, int index) {
    const int64_t n = points_of(s, index);
    if (n < 3 || !attn_pointer_can_say(s, n)) return false;
    if (pictures[index].points == SMALLEST && s->source.low == s->source.high) return false;
    return pictures[index].weights ? n <= MOST_COLUMNS && s->decoding.beams == 1 && s->model.augment == 0
                                   : s->problem.kind != ATTN_POINTER_SORT;
}

attn_status attn_pointer_picture(struct attn_job *job, int64_t index, struct attn_picture *out) {
    const struct attn_pointer_task *s = job->self;
    struct attn_pointer_answer answer;
    int at = 0;
    for (; at < PICTURES && (index > 0 || !has(s, at)); at++) index -= has(s, at);
    if (at == PICTURES) return ATTN_OK;
    const int64_t n = points_of(s, at);
    double *xy = attn_alloc(job->ctx, (size_t)(2 * n) * sizeof *xy);
    if (!xy) return attn_no_memory(job->ctx, "a picture", (size_t)(2 * n) * sizeof *xy);
    attn_pointer_draw(&s->problem, n, ATTN_POINTER_TEST_SEEDS + s->source.seed, (uint64_t)pictures[at].example, xy);
    attn_status status = attn_pointer_ask(job, xy, n, (struct attn_pointer_wish){.truth = true, .weights = pictures[at].weights}, &answer);
    if (!status) status = describe(job, &answer, pictures[at].weights, out);
    attn_pointer_answer_close(&answer);
    attn_free(job->ctx, xy);
    return status;
}
