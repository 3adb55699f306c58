/* Sums over rows, column by column: gradients of what is the same in every row. */
#include "tape/tape.h"

void attn_add_columns(int64_t rows, int64_t columns, int64_t begin, int64_t end, const attn_real *from, attn_real *to) {
    enum { FEW = 128, WIDE = 64 };
    for (int64_t c = begin; c < end; c += WIDE) {
        const int64_t n = attn_min64(WIDE, end - c);
        double total[WIDE] = {0};
        for (int64_t i = 0; i < rows; i += FEW) {
            attn_real sum[WIDE] = {0};
            for (int64_t r = i; r < i + FEW && r < rows; r++)
                for (int64_t l = 0; l < n; l++) sum[l] += from[r * columns + c + l];
            for (int64_t l = 0; l < n; l++) total[l] += (double)sum[l];
        }
        for (int64_t l = 0; l < n; l++) to[c + l] += (attn_real)total[l];
    }
}
