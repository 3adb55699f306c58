/* Pictures for a report: paths of trials, beside the best policy's from the same beginnings under the same noise; what is attained against what was asked for. */
#include "system/aaren/control_rollout.h"

#include <math.h>
#include <string.h>

enum { PATHS = 4, TARGETS = 6, TRIED = 20 };
enum { PATH, RETURNS };
static const uint64_t picture_seeds = (uint64_t)3 << 31; /* apart from those of training and of evaluations */

/* In pieces: a pendulum that swings over the bottom goes on at the other side. */
static attn_status draw_path(struct attn_job *job, enum attn_picture_role role, const double *xy, int count, struct attn_picture *out) {
    const struct attn_aaren_control *s = job->self;
    attn_status status = ATTN_OK;
    for (int first = 0, i = 1; i <= count && !status; i++) {
        const bool jumps = i < count && s->world->round > 0 && fabs(xy[2 * i] - xy[2 * i - 2]) > s->world->round / 2;
        if (i < count && !jumps) continue;
        status = attn_picture_line(job->ctx, out, role, false, xy + (size_t)2 * (size_t)first, NULL, i - first);
        first = i;
    }
    return status;
}

static attn_status draw_paths(struct attn_job *job, struct attn_picture *out) {
    const struct attn_aaren_control *s = job->self;
    const struct attn_aaren_trial trial = {.target = s->scale.target, .seed = picture_seeds + s->seed, .count = PATHS};
    const size_t numbers = 2 * ((size_t)s->world->steps + 1), bytes = (PATHS + 1) * numbers * sizeof(double);
    double returns[PATHS], *path = attn_alloc(job->ctx, bytes);
    int length[PATHS], longest;
    if (!path) return attn_no_memory(job->ctx, "a picture", bytes);
    attn_status status = attn_aaren_control_try(job, &trial, returns, path, length);
    double *best = path + PATHS * numbers;
    for (int i = 0; i < PATHS && !status; i++) {
        if (s->world->best) {
            attn_aaren_world_return(s->world, trial.seed, i, true, best, &longest);
            status = draw_path(job, ATTN_PICTURE_TRUTH, best, longest, out);
        }
        const double *own = path + (size_t)i * numbers;
        if (!status) status = draw_path(job, ATTN_PICTURE_PREDICTED, own, length[i], out);
        if (!status) status = attn_picture_points(job->ctx, out, own, 1, false);
    }
    attn_free(job->ctx, path);
    out->truth = "the best policy";
    attn_append(out->title, sizeof out->title, "Paths of %d episodes", PATHS);
    strcpy(out->row_title, s->world->up);
    strcpy(out->column_title, s->world->across);
    out->apart = s->world->apart;
    attn_append(out->caption, sizeof out->caption, "From the marked points on, for a return of %.4g.%s", s->scale.target,
                s->world->best ? " The best policy's paths are under the same noise." : "");
    attn_append(out->description, sizeof out->description, "Paths of %d episodes that the model acted in.", PATHS);
    return status;
}

/* The least and the greatest return of the recipe's episodes. */
static void range_of(const struct attn_aaren_episodes *e, double *low, double *high) {
    *low = *high = attn_aaren_episode_return(e, 0);
    for (int64_t i = 1; i < e->count; i++) {
        const double x = attn_aaren_episode_return(e, i);
        *low = x < *low ? x : *low;
        *high = x > *high ? x : *high;
    }
}

static attn_status draw_returns(struct attn_job *job, struct attn_picture *out) {
    const struct attn_aaren_control *s = job->self;
    double low, high, attained[2 * TARGETS], asked[2 * TARGETS], returns[TRIED];
    attn_status status = attn_aaren_control_episodes(job);
    if (status) return status;
    range_of(&s->source.episodes, &low, &high);
    for (int i = 0; i < TARGETS && !status; i++) {
        const double target = low + (high - low) * i / (TARGETS - 1);
        const struct attn_aaren_trial trial = {.target = target, .seed = picture_seeds + s->seed, .count = TRIED};
        double sum = 0;
        status = attn_aaren_control_try(job, &trial, returns, NULL, NULL);
        for (int k = 0; k < TRIED && !status; k++) sum += returns[k];
        asked[2 * i] = asked[2 * i + 1] = attained[2 * i] = target;
        attained[2 * i + 1] = sum / TRIED;
    }
    if (!status) status = attn_picture_line(job->ctx, out, ATTN_PICTURE_TRUTH, false, asked, NULL, TARGETS);
    if (!status) status = attn_picture_line(job->ctx, out, ATTN_PICTURE_PREDICTED, false, attained, NULL, TARGETS);
    if (!status) status = attn_picture_points(job->ctx, out, attained, TARGETS, false);
    attn_append(out->title, sizeof out->title, "The return that is attained, against the one that was asked for");
    attn_append(out->caption, sizeof out->caption,
                "Means of %d episodes; on the dashed line they are equal. Asked for is from the worst to the best return of "
                "the recorded episodes.",
                TRIED);
    out->truth = "equal";
    strcpy(out->row_title, "attained");
    strcpy(out->column_title, "asked for");
    attn_append(out->description, sizeof out->description, "Attained returns over %d wanted ones, from %.4g to %.4g.", TARGETS, low, high);
    return status;
}

attn_status attn_aaren_control_picture(struct attn_job *job, int64_t index, struct attn_picture *out) {
    const struct attn_aaren_control *s = job->self;
    if (!s->world || index > RETURNS) return ATTN_OK;
    return index == PATH ? draw_paths(job, out) : draw_returns(job, out);
}
