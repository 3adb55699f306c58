/* Rows by number.
 *
 * forward   y_i = table[index_i]
 * backward  dtable[index_i] += dy_i, in the order of i: pieces of columns are shared out, not rows
 */
#include "tape/tape.h"

#include <string.h>

struct rows {
    struct attn_node node;
    attn_tensor *table;
    const int32_t *index;
    int64_t count, columns;
};

struct job {
    const int32_t *index;
    int64_t count, columns;
    const attn_real *from;
    attn_real *to;
};

static void take(void *arg, int64_t begin, int64_t end) {
    const struct job *job = arg;
    for (int64_t i = begin; i < end; i++)
        memcpy(job->to + i * job->columns, job->from + job->index[i] * job->columns, (size_t)job->columns * sizeof *job->to);
}

static void add(void *arg, int64_t begin, int64_t end) {
    const struct job *job = arg;
    for (int64_t i = 0; i < job->count; i++) {
        attn_real *to = job->to + job->index[i] * job->columns;
        const attn_real *from = job->from + i * job->columns;
        for (int64_t c = begin; c < end; c++) to[c] += from[c];
    }
}

static void backward(struct attn_node *node) {
    const struct rows *n = (struct rows *)node;
    struct job job = {n->index, n->count, n->columns, attn_grad_of(node->out), attn_grad_add(n->table)};
    if (job.to) attn_range(n->table->tape, n->columns, 32, add, &job);
}

attn_tensor *attn_rows(attn_tensor *table, int dims, const int64_t *size, const int32_t *index) {
    int64_t whole[ATTN_TENSOR_DIMS], count = 1;
    table = attn_contiguous(table);
    if (!table) return NULL;
    attn_tape *tape = table->tape;
    if (dims < 1 || dims > ATTN_TENSOR_DIMS + 1 - table->dims || !size || !index)
        return attn_tape_fail(tape, ATTN_ESHAPE, "rows: an index of %d axes and a table of %d give more than %d, or there is no index",
                              dims, table->dims, ATTN_TENSOR_DIMS);
    for (int i = 0; i < dims; i++) whole[i] = size[i];
    for (int i = 1; i < table->dims; i++) whole[dims + i - 1] = table->size[i];
    attn_tensor *out = attn_tensor_new(tape, dims + table->dims - 1, whole);
    if (!out) return NULL;
    for (int i = 0; i < dims; i++) count *= size[i];
    for (int64_t i = 0; i < count; i++)
        if (index[i] < 0 || index[i] >= table->size[0])
            return attn_tape_fail(tape, ATTN_EINVAL, "rows: index %lld is %d; the table has %lld rows", (long long)i, index[i],
                                  (long long)table->size[0]);
    const int64_t columns = table->size[0] > 0 ? table->count / table->size[0] : 0;
    attn_range(tape, count, attn_max64(1, ATTN_PIECE / attn_max64(1, columns)), take,
               &(struct job){index, count, columns, table->data, out->data});
    if (attn_recording(out, 1, &table)) {
        struct rows *n = attn_node_new(out, sizeof *n, backward);
        int32_t *copy = attn_tape_take(tape, (size_t)count * sizeof *copy);
        if (!n || !copy) return NULL;
        memcpy(copy, index, (size_t)count * sizeof *copy);
        n->table = table;
        n->index = copy;
        n->count = count;
        n->columns = columns;
    }
    return tape->status ? NULL : out;
}
