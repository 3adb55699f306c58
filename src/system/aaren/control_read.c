/* Episodes from a table, whose header says how many numbers there are. */
#include "io/table.h"
#include "system/aaren/control_episodes.h"
#include "system/aaren/control_npz.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { TRAJECTORY, STEP, FIRST /* observation */ };

static const char *title_of(const struct attn_table *t, size_t column) {
    return t->text.bytes + t->title[column];
}

static attn_status wrong_title(attn_ctx *ctx, const struct attn_table *t, size_t column, const char *expected) {
    return attn_fail(ctx, ATTN_EINVAL, "%s: line 1, column %zu: found \"%.64s\", expected %s", t->name, column + 1, title_of(t, column),
                     expected);
}

/* How many columns from `column` on are named WORD0, WORD1, ... */
static int64_t named(const struct attn_table *t, size_t column, const char *word) {
    int64_t count = 0;
    for (char name[32]; column + (size_t)count < t->columns; count++) {
        snprintf(name, sizeof name, "%s%lld", word, (long long)count);
        if (strcmp(title_of(t, column + (size_t)count), name) != 0) break;
    }
    return count;
}

static attn_status read_header(attn_ctx *ctx, const struct attn_table *t, int64_t *observations, int64_t *actions) {
    static const char *const begin[] = {"trajectory", "step"};
    char expected[96];
    for (size_t i = 0; i < FIRST; i++) {
        if (i >= t->columns) return wrong_title(ctx, t, t->columns - 1, "\"trajectory,step,obs0,...,act0,...,reward\"");
        snprintf(expected, sizeof expected, "\"%s\"", begin[i]);
        if (strcmp(title_of(t, i), begin[i]) != 0) return wrong_title(ctx, t, i, expected);
    }
    *observations = named(t, FIRST, "obs");
    const size_t behind = FIRST + (size_t)*observations;
    *actions = named(t, behind, "act");
    const size_t last = behind + (size_t)*actions;
    if (last >= t->columns)
        return attn_fail(ctx, ATTN_EINVAL, "%s: line 1: found the end of the header, expected another column, \"reward\" the last",
                         t->name);
    if (*observations == 0) return wrong_title(ctx, t, FIRST, "\"obs0\"");
    snprintf(expected, sizeof expected, *actions == 0 ? "\"obs%lld\" or \"act0\"" : "\"act%lld\" or \"reward\"",
             (long long)(*actions == 0 ? *observations : *actions));
    if (*actions == 0 || strcmp(title_of(t, last), "reward") != 0) return wrong_title(ctx, t, last, expected);
    if (last + 1 != t->columns) return wrong_title(ctx, t, last + 1, "the end of the line behind \"reward\"");
    if (*observations <= ATTN_CONTROL_NUMBERS && *actions <= ATTN_CONTROL_NUMBERS) return ATTN_OK;
    return attn_fail(ctx, ATTN_EINVAL, "%s: line 1: found %lld observations and %lld actions, expected at most %d of each", t->name,
                     (long long)*observations, (long long)*actions, ATTN_CONTROL_NUMBERS);
}

/* A column's numbers, all within a float's range; freed by attn_free. */
static attn_status column(attn_ctx *ctx, const struct attn_table *t, size_t index, double **out) {
    const attn_status status = attn_table_reals(ctx, t, index, out);
    for (size_t row = 0; !status && row < t->rows; row++)
        if (!(fabs((*out)[row]) <= (double)FLT_MAX)) {
            attn_free(ctx, *out);
            return attn_fail(ctx, ATTN_EINVAL, "%s: line %u, column %zu (%.64s): found \"%.40s\", expected a finite number", t->name,
                             (unsigned)t->line[row], index + 1, title_of(t, index), attn_table_text(t, row, index));
        }
    return status;
}

static attn_status fill_floats(attn_ctx *ctx, const struct attn_table *t, size_t index, float *to, int64_t stride) {
    double *x;
    const attn_status status = column(ctx, t, index, &x);
    if (status) return status;
    for (size_t row = 0; row < t->rows; row++) to[(int64_t)row * stride] = (float)x[row];
    attn_free(ctx, x);
    return ATTN_OK;
}

/* Where episodes begin: first[0 .. *count], which has room for a beginning in every row. */
static attn_status find_episodes(attn_ctx *ctx, const struct attn_table *t, const int64_t *trajectory, const int64_t *step, int64_t *first,
                                 int64_t *count) {
    *count = 0;
    for (size_t row = 0; row < t->rows; row++) {
        const bool same = row > 0 && trajectory[row] == trajectory[row - 1];
        const int64_t expected = same ? step[row - 1] + 1 : 0;
        if (step[row] != expected || step[row] >= ATTN_CONTROL_STEPS)
            return attn_fail(ctx, ATTN_EINVAL, "%s: line %u, column %d (step): found %lld, expected %lld%s, and less than %d", t->name,
                             (unsigned)t->line[row], STEP + 1, (long long)step[row], (long long)expected,
                             same ? ", the next step of the trajectory" : ", the first step of a trajectory", ATTN_CONTROL_STEPS);
        if (!same) first[(*count)++] = (int64_t)row;
    }
    first[*count] = (int64_t)t->rows;
    return ATTN_OK;
}

static attn_status fill(attn_ctx *ctx, const struct attn_table *t, const int64_t *trajectory, const int64_t *step,
                        struct attn_aaren_episodes *e) {
    double *reward;
    attn_status status = find_episodes(ctx, t, trajectory, step, e->first, &e->count);
    for (int64_t i = 0; i < e->observations && !status; i++)
        status = fill_floats(ctx, t, FIRST + (size_t)i, e->observation + i, e->observations);
    for (int64_t i = 0; i < e->actions && !status; i++)
        status = fill_floats(ctx, t, FIRST + (size_t)(e->observations + i), e->action + i, e->actions);
    if (!status) status = column(ctx, t, t->columns - 1, &reward);
    if (status) return status;
    memcpy(e->reward, reward, t->rows * sizeof *reward);
    attn_free(ctx, reward);
    attn_aaren_episodes_sum(e);
    return ATTN_OK;
}

static attn_status from_table(attn_ctx *ctx, const struct attn_table *t, struct attn_aaren_episodes *out) {
    struct attn_aaren_episodes e = {.count = 0};
    int64_t observations = 0, actions = 0, *trajectory = NULL, *step = NULL;
    attn_status status = read_header(ctx, t, &observations, &actions);
    if (!status && t->rows == 0)
        status = attn_fail(ctx, ATTN_EINVAL, "%s: line 2: found the end of the file, expected a step of an episode", t->name);
    if (!status) status = attn_table_integers(ctx, t, TRAJECTORY, &trajectory);
    if (!status) status = attn_table_integers(ctx, t, STEP, &step);
    if (!status) status = attn_aaren_episodes_make(ctx, observations, actions, (int64_t)t->rows, (int64_t)t->rows, &e);
    if (!status) status = fill(ctx, t, trajectory, step, &e);
    attn_free(ctx, trajectory);
    attn_free(ctx, step);
    if (status)
        attn_aaren_episodes_free(ctx, &e);
    else
        *out = e;
    return status;
}

static const struct attn_table_options options = {.form = ATTN_TABLE_CSV, .header = true};

attn_status attn_aaren_episodes_parse(attn_ctx *ctx, const char *name, const uint8_t *bytes, size_t size, struct attn_aaren_episodes *out) {
    struct attn_table table;
    attn_status status = attn_table_parse(ctx, name, bytes, size, &options, &table);
    if (status) return status;
    status = from_table(ctx, &table, out);
    attn_table_free(ctx, &table);
    return status;
}

static bool ends_in(const char *path, const char *end) {
    const size_t length = strlen(path), own = strlen(end);
    return length >= own && strcmp(path + length - own, end) == 0;
}

attn_status attn_aaren_episodes_read(attn_ctx *ctx, const char *path, struct attn_aaren_episodes *out) {
    struct attn_table table;
    if (ends_in(path, ".npz")) return attn_aaren_control_npz(ctx, path, out);
    if (ends_in(path, ".hdf5") || ends_in(path, ".h5"))
        return attn_fail(ctx, ATTN_EINVAL, "%s: found a name of HDF5, expected .npz (numpy.savez of its arrays) or a CSV of steps", path);
    attn_status status = attn_table_read(ctx, NULL, path, &options, &table);
    if (status) return status;
    status = from_table(ctx, &table, out);
    attn_table_free(ctx, &table);
    return status;
}
