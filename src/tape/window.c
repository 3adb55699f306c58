#include "tape/window.h"

bool attn_window_open(struct attn_window *w, const char *name, attn_tensor *x, int64_t rows, int64_t columns, int64_t stride,
                      int64_t padding) {
    char text[ATTN_SHAPE_TEXT];
    *w = (struct attn_window){.size = {rows, columns}, .stride = stride, .padding = padding};
    const int64_t most = (int64_t)1 << 31;
    if (x->dims != 4 || rows < 1 || columns < 1 || rows > most || columns > most || stride < 1 || stride > most || padding < 0 ||
        padding >= attn_min64(rows, columns) || x->size[1] + 2 * padding < rows || x->size[2] + 2 * padding < columns) {
        attn_tape_fail(x->tape, ATTN_ESHAPE,
                       "%s: windows of %lld x %lld, step %lld, with a margin of %lld, need an x [B, H, W, C] that holds one; x is %s", name,
                       (long long)rows, (long long)columns, (long long)stride, (long long)padding, attn_shape_text(x, text));
        return false;
    }
    w->batch = x->size[0];
    w->channels = x->size[3];
    for (int i = 0; i < 2; i++) {
        w->in[i] = x->size[1 + i];
        w->out[i] = (w->in[i] + 2 * padding - w->size[i]) / stride + 1;
    }
    return true;
}
