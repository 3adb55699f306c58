#include "tape/lstm_states.h"

#include "tape/product.h"

#include <string.h>

enum { GATES = ATTN_LSTM_GATES };

bool attn_lstm_states_open(attn_tape *tape, const attn_recurrent_weights *w, struct attn_lstm_states *out) {
    const int64_t h = w->recurrent->size[1], in = w->input->size[1];
    const attn_tensor *a = w->input_bias, *b = w->recurrent_bias;
    const bool cut = attn_product_kernel_for(tape->ctx) && h % ATTN_PANEL == 0;
    *out = (struct attn_lstm_states){h, in, cut ? ATTN_PANEL : h, attn_functions_for(tape->ctx), {0}, NULL};
    attn_real *to = attn_tape_take(tape, (size_t)((in + 1) * GATES * h) * sizeof *to);
    if (!to) return false;
    out->inputs = to;
    for (int64_t first = 0; first < h; first += out->slice)
        for (int64_t i = 0; i <= in; i++)
            for (int64_t gate = 0; gate < GATES; gate++)
                for (int64_t l = 0; l < out->slice; l++) {
                    const int64_t at = gate * h + first + l;
                    *to++ = i < in ? w->input->data[at * in + i] : (a ? a->data[at] : 0) + (b ? b->data[at] : 0);
                }
    return attn_pack(tape, w->recurrent->data, h, true, h, GATES * h, &out->u);
}

/* The gates' sums of hidden numbers from `first` on. Panels of columns lie within a gate where slices are cut. */
static void sums(const struct attn_lstm_states *n, int64_t rows, const attn_real *h, int64_t step, int64_t first, attn_real *to) {
    const int64_t wide = GATES * n->slice;
    if (n->slice == n->hidden)
        attn_packed_product(&n->u, rows, h, step, to, wide, false);
    else
        for (int64_t gate = 0; gate < GATES; gate++)
            attn_packed_columns(&n->u, gate * n->hidden + first, n->slice, rows, h, step, to + gate * n->slice, wide, false);
}

void attn_lstm_states_step(const struct attn_lstm_states *n, const struct attn_lstm_rows *rows, const attn_real *h, attn_real *room) {
    const int64_t wide = GATES * n->slice;
    if (!h) memset(room, 0, (size_t)(rows->rows * wide) * sizeof *room);
    for (int64_t first = 0; first < n->hidden; first += n->slice) {
        const attn_real *inputs = n->inputs + first * GATES * (n->in + 1);
        const struct attn_lstm_layer layer = {n->slice, n->in, inputs, inputs + n->in * wide};
        struct attn_lstm_rows slice = *rows;
        if (h) sums(n, rows->rows, h, rows->step, first, room);
        slice.gate = room;
        slice.before += first;
        slice.c += first;
        slice.h += first;
        if (slice.y) slice.y += first;
        n->functions->lstm_states(&layer, &slice);
    }
}
