/* The curves of a run: every number that the lines of its metrics.jsonl give for steps and evaluations. */
#ifndef ATTN_REPORT_CURVES_H
#define ATTN_REPORT_CURVES_H

#include "base/context.h"

enum { ATTN_CURVES = 48 /* of a run; further names are left out */ };

struct attn_curve {
    char name[48];
    bool evaluation;      /* of evaluations; else of training steps */
    double *step, *value; /* steps rise */
    int64_t count, room;
};

struct attn_curves {
    struct attn_curve at[ATTN_CURVES];
    int count;
};

/* Reads FOLDER/metrics.jsonl. A "resume" makes the points beyond its step void that stand before it, a "start" all of them. Lines that are no JSON
 * object of an event, the last one if it is not finished, and values that are no finite number are passed over. ATTN_EINVAL: no such file. */
attn_status attn_curves_read(attn_ctx *ctx, const char *folder, struct attn_curves *out);
void attn_curves_free(attn_ctx *ctx, struct attn_curves *curves);

/* NULL: there is none. */
const struct attn_curve *attn_curves_named(const struct attn_curves *curves, const char *name, bool evaluation);

/* About `most` of a curve's points, the least and the greatest of each of equally long stretches, so that no peak is lost; room for `most` in both. Returns
 * how many. */
int64_t attn_curve_thin(const struct attn_curve *curve, int64_t most, double *step, double *value);

#endif
