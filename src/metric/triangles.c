/* Both lists sorted, corners ascending, and walked through side by side. */
#include "metric/triangles.h"

struct triangle {
    int32_t corner[3];
};

static int compare(const struct triangle *a, const struct triangle *b) {
    for (int i = 0; i < 3; i++)
        if (a->corner[i] != b->corner[i]) return a->corner[i] < b->corner[i] ? -1 : 1;
    return 0;
}

static void swap(int32_t *a, int32_t *b) {
    const int32_t kept = *a;
    *a = *b;
    *b = kept;
}

static struct triangle ascending(const int32_t *index) {
    struct triangle t = {{index[0], index[1], index[2]}};
    if (t.corner[0] > t.corner[1]) swap(&t.corner[0], &t.corner[1]);
    if (t.corner[1] > t.corner[2]) swap(&t.corner[1], &t.corner[2]);
    if (t.corner[0] > t.corner[1]) swap(&t.corner[0], &t.corner[1]);
    return t;
}

/* Heap sort, which needs no more memory. */
static void sift(struct triangle *heap, int64_t count, int64_t at) {
    const struct triangle moved = heap[at];
    for (int64_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && compare(&heap[child], &heap[child + 1]) < 0) child++;
        if (compare(&moved, &heap[child]) >= 0) break;
        heap[at] = heap[child];
    }
    heap[at] = moved;
}

static void sort(struct triangle *t, int64_t count) {
    for (int64_t i = count / 2 - 1; i >= 0; i--) sift(t, count, i);
    for (int64_t end = count - 1; end > 0; end--) {
        const struct triangle greatest = t[0];
        t[0] = t[end];
        t[end] = greatest;
        sift(t, end, 0);
    }
}

/* Sorted, each once; how many. */
static int64_t set_of(const int32_t *index, int64_t numbers, struct triangle *t) {
    const int64_t count = numbers / 3;
    int64_t kept = 0;
    for (int64_t i = 0; i < count; i++) t[i] = ascending(index + 3 * i);
    sort(t, count);
    for (int64_t i = 0; i < count; i++)
        if (kept == 0 || compare(&t[kept - 1], &t[i]) != 0) t[kept++] = t[i];
    return kept;
}

static bool all_are_triangles(const struct triangle *t, int64_t count) {
    for (int64_t i = 0; i < count; i++)
        if (t[i].corner[0] < 0 || t[i].corner[0] == t[i].corner[1] || t[i].corner[1] == t[i].corner[2]) return false;
    return true;
}

size_t attn_triangles_scratch(int64_t numbers_of_both) {
    return ((size_t)numbers_of_both / 3 + 1) * sizeof(struct triangle);
}

void attn_triangles_match(const int32_t *predicted, int64_t predicted_numbers, const int32_t *truth, int64_t truth_numbers, void *scratch,
                          struct attn_triangle_match *out) {
    struct triangle *p = scratch, *t = p + predicted_numbers / 3;
    *out = (struct attn_triangle_match){.predicted = set_of(predicted, predicted_numbers, p), .truth = set_of(truth, truth_numbers, t)};
    for (int64_t i = 0, j = 0; i < out->predicted && j < out->truth;) {
        const int order = compare(&p[i], &t[j]);
        out->common += order == 0;
        i += order <= 0;
        j += order >= 0;
    }
    out->exact =
        predicted_numbers % 3 == 0 && out->common == out->predicted && out->common == out->truth && all_are_triangles(p, out->predicted);
}
