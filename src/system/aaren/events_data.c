/* The recipe's data, cut in parts. */
#include "system/aaren/events_task.h"

/* Sequences of different parts are far apart, and those of no seed are another's. */
static const int64_t part_step = INT64_C(1) << 40;

attn_status attn_event_task_draw(struct attn_job *job, int part, int64_t count, struct attn_events *out) {
    const struct attn_event_task *s = job->self;
    return attn_process_draw(job->ctx, &s->process, s->seed, part * part_step, count, out);
}

attn_status attn_event_task_read(struct attn_job *job, const char *path, const struct attn_vocabulary *known, struct attn_events *out) {
    enum { SEED = 1 /* whatever the recipe's is: data are not drawn anew */ };
    const struct attn_event_task *s = job->self;
    attn_status status = attn_events_read(job->ctx, path, &s->options, known, out);
    if (!status && s->jitter > 0) {
        status = attn_events_jitter(job->ctx, out, s->jitter, SEED);
        if (status) attn_events_free(job->ctx, out);
    }
    return status;
}

static attn_status load_generated(struct attn_job *job, struct attn_event_task *s) {
    attn_status status = ATTN_OK;
    for (int i = 0; i < ATTN_EVENT_PARTS && !status; i++) {
        status = attn_event_task_draw(job, i, attn_recipe_whole(job->recipe, i == 0 ? "train_sequences" : "test_sequences"), &s->events[i]);
        if (!status) status = attn_event_part_add(job->ctx, &s->events[i], 0, s->events[i].sequences, s->length, &s->part[i]);
        if (!status && s->part[i].pieces == 0)
            status = attn_fail(job->ctx, ATTN_EINVAL, "recipe: horizon=%g: found no event in it to learn from, expected a longer time",
                               s->process.horizon);
    }
    return status;
}

static attn_status load_files(struct attn_job *job, struct attn_event_task *s) {
    static const char *const names[ATTN_EVENT_PARTS] = {"data", "validation", "test"};
    attn_status status = ATTN_OK;
    for (int i = 0; i < ATTN_EVENT_PARTS && !status; i++) {
        const char *path = attn_recipe_words(job->recipe, names[i]);
        const struct attn_vocabulary *known = i > 0 ? &s->events[0].marks : s->marks.count > 0 ? &s->marks : NULL;
        if (!path[0]) return attn_fail(job->ctx, ATTN_EINVAL, "recipe: split=files without %s=: expected a file", names[i]);
        status = attn_event_task_read(job, path, known, &s->events[i]);
        if (!status) status = attn_event_part_add(job->ctx, &s->events[i], 0, s->events[i].sequences, s->length, &s->part[i]);
        if (!status && s->part[i].pieces == 0)
            status = attn_fail(job->ctx, ATTN_EINVAL, "%s: found no sequence of two rows, expected some", path);
    }
    return status;
}

static attn_status load_file(struct attn_job *job, struct attn_event_task *s) {
    const char *path = attn_recipe_words(job->recipe, "data");
    const attn_status status = attn_event_task_read(job, path, s->marks.count > 0 ? &s->marks : NULL, &s->events[0]);
    return status ? status : attn_event_split(job->ctx, path, &s->events[0], s->split, s->length, s->part);
}

attn_status attn_event_task_load(struct attn_job *job) {
    struct attn_event_task *s = job->self;
    if (s->loaded) return ATTN_OK;
    const attn_status status = s->generated                   ? load_generated(job, s)
                               : s->split == ATTN_SPLIT_FILES ? load_files(job, s)
                                                              : load_file(job, s);
    for (int i = 0; i < ATTN_EVENT_PARTS && status; i++) {
        attn_event_part_free(job->ctx, &s->part[i]);
        attn_events_free(job->ctx, &s->events[i]);
    }
    s->loaded = !status;
    return status;
}
