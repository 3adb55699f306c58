#include "system/pointer/pictures.h"

#include "base/context.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "predicted: 3, 1, 2. ", as many numbers as fit. */
static void say_numbers(struct attn_picture *p, const char *what, struct attn_point_answer answer) {
    enum { ROOM = 360 };
    const size_t begin = strlen(p->description);
    int64_t said = 0;
    if (answer.count == 0) return;
    attn_append(p->description, sizeof p->description, "%s: ", what);
    for (; said < answer.count && strlen(p->description) < begin + ROOM; said++)
        attn_append(p->description, sizeof p->description, "%s%d", said > 0 ? ", " : "", (int)answer.at[said] + 1);
    attn_append(p->description, sizeof p->description, said < answer.count ? " and so on. " : ". ");
}

attn_status attn_pointer_picture_cycles(attn_ctx *ctx, struct attn_picture *picture, const double *xy, int64_t n,
                                        struct attn_point_answer predicted, struct attn_point_answer truth) {
    attn_status status = attn_picture_points(ctx, picture, xy, n, true);
    if (!status && truth.count > 0) status = attn_picture_line(ctx, picture, ATTN_PICTURE_TRUTH, true, xy, truth.at, truth.count);
    if (!status && predicted.count > 0)
        status = attn_picture_line(ctx, picture, ATTN_PICTURE_PREDICTED, true, xy, predicted.at, predicted.count);
    attn_append(picture->description, sizeof picture->description, "%lld points, joined in order. ", (long long)n);
    say_numbers(picture, "Predicted", predicted);
    say_numbers(picture, picture->truth ? "Found by search" : "Truth", truth);
    return status;
}

/* --------------------------------------------------------------------------------------------------------- triangles */

struct edge {
    int32_t a, b; /* a < b */
    bool predicted;
};

static int by_points(const void *left, const void *right) {
    const struct edge *p = left, *q = right;
    if (p->a != q->a) return p->a < q->a ? -1 : 1;
    if (p->b != q->b) return p->b < q->b ? -1 : 1;
    return (int)p->predicted - (int)q->predicted;
}

static int64_t add_edges(struct edge *edges, int64_t used, struct attn_point_answer answer, bool predicted) {
    for (int64_t i = 0; i + 2 < answer.count; i += 3)
        for (int k = 0; k < 3; k++) {
            const int32_t a = answer.at[i + k], b = answer.at[i + (k + 1) % 3];
            if (a != b) edges[used++] = (struct edge){a < b ? a : b, a < b ? b : a, predicted};
        }
    return used;
}

/* Draws each edge once; counts those of each role. */
static attn_status put_edges(attn_ctx *ctx, struct attn_picture *picture, const double *xy, const struct edge *edges, int64_t used,
                             int64_t count[4]) {
    attn_status status = ATTN_OK;
    for (int64_t i = 0, next; i < used && !status; i = next) {
        const int32_t ends[2] = {edges[i].a, edges[i].b};
        for (next = i + 1; next < used && edges[next].a == ends[0] && edges[next].b == ends[1];) next++;
        const enum attn_picture_role role = edges[i].predicted          ? ATTN_PICTURE_PREDICTED
                                            : edges[next - 1].predicted ? ATTN_PICTURE_BOTH
                                                                        : ATTN_PICTURE_TRUTH;
        count[role]++;
        status = attn_picture_line(ctx, picture, role, false, xy, ends, 2);
    }
    return status;
}

attn_status attn_pointer_picture_triangles(attn_ctx *ctx, struct attn_picture *picture, const double *xy, int64_t n,
                                           struct attn_point_answer predicted, struct attn_point_answer truth) {
    const size_t bytes = (size_t)(predicted.count + truth.count) * sizeof(struct edge);
    int64_t count[4] = {0, 0, 0, 0};
    struct edge *edges = attn_alloc(ctx, bytes);
    if (!edges) return attn_no_memory(ctx, "a picture", bytes);
    attn_status status = attn_picture_points(ctx, picture, xy, n, true);
    int64_t used = add_edges(edges, 0, predicted, true);
    used = add_edges(edges, used, truth, false);
    qsort(edges, (size_t)used, sizeof *edges, by_points);
    if (!status) status = put_edges(ctx, picture, xy, edges, used, count);
    attn_free(ctx, edges);
    attn_append(picture->description, sizeof picture->description,
                "%lld points and the edges of triangles: %lld predicted and true, %lld predicted only, %lld true only. ", (long long)n,
                (long long)count[ATTN_PICTURE_BOTH], (long long)count[ATTN_PICTURE_PREDICTED], (long long)count[ATTN_PICTURE_TRUTH]);
    return status;
}

/* ----------------------------------------------------------------------------------------------------------- weights */

attn_status attn_pointer_picture_weights(attn_ctx *ctx, struct attn_picture *picture, const double *weights, int64_t steps, int64_t n) {
    const attn_status status = attn_picture_matrix(ctx, picture, weights, steps, n + 1);
    if (status) return status;
    strcpy(picture->label[steps], "end");
    for (int64_t j = 1; j <= n; j++) snprintf(picture->label[steps + j], sizeof picture->label[steps + j], "%lld", (long long)j);
    strcpy(picture->row_title, "step of the decoder");
    strcpy(picture->column_title, "point");
    attn_append(picture->description, sizeof picture->description,
                "How much each of %lld steps looks at the end and at each of %lld points. ", (long long)steps, (long long)n);
    return ATTN_OK;
}
