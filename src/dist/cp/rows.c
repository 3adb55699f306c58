/* Blocks of the caller's arrays to plain memory and back: where heads and tokens exchange their places, and types change. */
#include "dist/cp/stage.h"

#include <assert.h>
#include <string.h>

void attn_cp_pack(const struct attn_array *from, const struct attn_cp_block *block, char *to) {
    const size_t element = attn_dtype_bytes(from->type), row = element * (size_t)block->width;
    for (int64_t b = 0; b < block->batch; b++)
        for (int32_t h = 0; h < block->heads; h++) {
            const int64_t source = b * from->b + (block->first + h) / block->copies * from->h + block->place * from->t;
            const char *at = (const char *)from->data + source * (int64_t)element;
            char *dst = to + (b * block->stride[0] + h * block->stride[1]) * (int64_t)element;
            for (int64_t i = 0; i < block->rows; i++)
                memcpy(dst + i * block->stride[2] * (int64_t)element, at + i * from->t * (int64_t)element, row);
        }
}

static void store_row(const struct attn_convert *convert, attn_dtype type, const char *from, attn_dtype own, char *to, int32_t width,
                      bool add) {
    if (type == own && !add) {
        memcpy(to, from, attn_dtype_bytes(own) * (size_t)width);
    } else if (own == ATTN_F32) {
        const float *x = (const float *)(const void *)from;
        float *y = (float *)(void *)to;
        for (int32_t c = 0; c < width; c++) y[c] += x[c];
    } else if (!add) {
        attn_halfs_of_f32(convert, own, (const float *)(const void *)from, width, (uint16_t *)(void *)to);
    } else {
        const float *x = (const float *)(const void *)from;
        uint16_t *y = (uint16_t *)(void *)to;
        for (int32_t c = 0; c < width; c++) y[c] = attn_half_of_f32(own, attn_f32_of_half(own, y[c]) + x[c]);
    }
}

void attn_cp_store(const struct attn_convert *convert, const struct attn_cp_block *block, attn_dtype type, const char *from,
                   const struct attn_array_out *to, bool add) {
    const int64_t element = (int64_t)attn_dtype_bytes(type), own = (int64_t)attn_dtype_bytes(to->type);
    assert(type == ATTN_F32 || (type == to->type && !add));
    for (int64_t b = 0; b < block->batch; b++)
        for (int32_t h = 0; h < block->heads; h++) {
            const int64_t target = b * to->b + (block->first + h) * to->h + block->place * to->t;
            const char *at = from + (b * block->stride[0] + h * block->stride[1]) * element;
            for (int64_t i = 0; i < block->rows; i++)
                store_row(convert, type, at + i * block->stride[2] * element, to->type, (char *)to->data + (target + i * to->t) * own,
                          block->width, add);
        }
}
