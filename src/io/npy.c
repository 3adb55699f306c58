/* Reading and writing of .npy files: the header is checked first (npy_header.c), then memory is taken, then the elements are brought
 * into row-major order and this machine's byte order in place. */
#include "io/npy.h"

#include "io/npy_header.h"
#include "kernel/convert/convert.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name, *descr;
    size_t size;
} kinds[] = {
    [ATTN_NPY_BF16] = {"bfloat16", NULL, 2}, [ATTN_NPY_F16] = {"float16", "f2", 2}, [ATTN_NPY_F32] = {"float32", "f4", 4},
    [ATTN_NPY_F64] = {"float64", "f8", 8},   [ATTN_NPY_I32] = {"int32", "i4", 4},   [ATTN_NPY_I64] = {"int64", "i8", 8},
    [ATTN_NPY_U8] = {"uint8", "u1", 1},      [ATTN_NPY_BOOL] = {"bool", "b1", 1},
};

size_t attn_npy_size(enum attn_npy_type type) {
    return kinds[type].size;
}

const char *attn_npy_name(enum attn_npy_type type) {
    return kinds[type].name;
}

void attn_npy_swap(uint8_t *data, size_t count, size_t size) {
    for (size_t i = 0; i < count; i++, data += size)
        for (size_t b = 0; b < size / 2; b++) {
            const uint8_t keep = data[b];
            data[b] = data[size - 1 - b];
            data[size - 1 - b] = keep;
        }
}

/* Column-major elements `from` into row-major `to`: counts through the row-major indices and keeps the column-major place. */
static void to_row_major(const struct attn_npy_header *header, const uint8_t *from, uint8_t *to) {
    const size_t size = attn_npy_size(header->type);
    size_t stride[ATTN_NPY_RANK], place = 0, step = 1;
    int64_t index[ATTN_NPY_RANK] = {0};
    for (int a = 0; a < header->rank; a++) {
        stride[a] = step;
        step *= (size_t)header->shape[a];
    }
    for (size_t i = 0; i < header->count; i++) {
        memcpy(to + i * size, from + place * size, size);
        for (int a = header->rank - 1; a >= 0; a--) {
            place += stride[a];
            if (++index[a] < header->shape[a]) break;
            place -= stride[a] * (size_t)header->shape[a];
            index[a] = 0;
        }
    }
}

/* Takes over `data`, which holds the elements as they stand in the file. */
static attn_status finish(attn_ctx *ctx, const struct attn_npy_header *header, uint8_t *data, struct attn_npy *out) {
    if (header->swapped) attn_npy_swap(data, header->count, attn_npy_size(header->type));
    if (header->fortran && header->rank > 1) {
        uint8_t *turned = attn_alloc(ctx, header->bytes);
        if (turned == NULL) {
            attn_free(ctx, data);
            return attn_no_memory(ctx, "an array in Fortran order", header->bytes);
        }
        to_row_major(header, data, turned);
        attn_free(ctx, data);
        data = turned;
    }
    *out = (struct attn_npy){.type = header->type, .rank = header->rank, .count = header->count, .data = data};
    memcpy(out->shape, header->shape, sizeof out->shape);
    return ATTN_OK;
}

attn_status attn_npy_parse(attn_ctx *ctx, const char *name, const uint8_t *bytes, size_t size, struct attn_npy *out) {
    struct attn_npy_header header;
    attn_status status = attn_npy_header_parse(ctx, name, bytes, size, size, &header);
    if (status != ATTN_OK) return status;
    uint8_t *data = attn_alloc(ctx, header.bytes);
    if (data == NULL) return attn_no_memory(ctx, name, header.bytes);
    memcpy(data, bytes + header.data, header.bytes);
    return finish(ctx, &header, data, out);
}

attn_status attn_npy_read(attn_ctx *ctx, const struct attn_file_system *system, const char *path, struct attn_npy *out) {
    struct attn_file file;
    struct attn_npy_header header;
    uint8_t *data = NULL;
    attn_status status = attn_file_open(ctx, system, path, &file);
    if (status != ATTN_OK) return status;
    const size_t held = file.size < ATTN_NPY_HEADER + 12 ? file.size : ATTN_NPY_HEADER + 12;
    uint8_t *head = attn_alloc(ctx, held);
    if (head == NULL) status = attn_no_memory(ctx, path, held);
    if (status == ATTN_OK) status = attn_file_pread(ctx, &file, path, head, held, 0);
    if (status == ATTN_OK) status = attn_npy_header_parse(ctx, path, head, held, file.size, &header);
    if (status == ATTN_OK && (data = attn_alloc(ctx, header.bytes)) == NULL) status = attn_no_memory(ctx, path, header.bytes);
    if (status == ATTN_OK) status = attn_file_pread(ctx, &file, path, data, header.bytes, header.data);
    attn_free(ctx, head);
    attn_file_close(&file);
    if (status == ATTN_OK) return finish(ctx, &header, data, out);
    attn_free(ctx, data);
    return status;
}

void attn_npy_free(attn_ctx *ctx, struct attn_npy *array) {
    attn_free(ctx, array->data);
    array->data = NULL;
}

size_t attn_npy_compose(char header[ATTN_NPY_COMPOSED], enum attn_npy_type type, int rank, const int64_t *shape) {
    char text[768];
    size_t used = 0;
    assert(kinds[type].descr != NULL);
    const char order = attn_npy_size(type) == 1 ? '|' : __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? '<' : '>';
    for (int a = 0; a < rank; a++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%lld,%s", (long long)shape[a], a + 1 < rank ? " " : "");
    if (rank == 0)
        text[0] = '\0';
    else if (rank > 1)
        text[used - 1] = '\0'; /* only a single extent keeps its comma */
    const int length = snprintf(header + 10, ATTN_NPY_COMPOSED - 10, "{'descr': '%c%s', 'fortran_order': False, 'shape': (%s), }", order,
                                kinds[type].descr, text);
    /* The elements begin at a multiple of 64; the header ends with a newline. */
    const size_t total = attn_round64((size_t)length + 11);
    memset(header + 10 + length, ' ', total - 10 - (size_t)length);
    header[total - 1] = '\n';
    memcpy(header, "\x93NUMPY\x01\x00", 8);
    header[8] = (char)((total - 10) & 0xFF);
    header[9] = (char)((total - 10) >> 8);
    return total;
}

attn_status attn_npy_write(attn_ctx *ctx, struct attn_file_writer *writer, enum attn_npy_type type, int rank, const int64_t *shape,
                           const void *data) {
    char header[ATTN_NPY_COMPOSED];
    size_t count = 1;
    for (int a = 0; a < rank; a++) count *= (size_t)shape[a];
    const attn_status status = attn_file_write(ctx, writer, header, attn_npy_compose(header, type, rank, shape));
    return status == ATTN_OK ? attn_file_write(ctx, writer, data, count * attn_npy_size(type)) : status;
}

/* Rounded once: through float to odd, which keeps what decides a tie. */
static uint16_t half_of_f64(attn_dtype type, double x) {
    float single = (float)x;
    uint32_t bits = attn_bits_of_float(single);
    if (isfinite(x) && (double)single != x) {
        if (fabs((double)single) > fabs(x)) bits--; /* towards 0 */
        bits |= 1;
    }
    return attn_half_of_f32(type, attn_float_of_bits(bits));
}

static double element(const struct attn_npy *array, size_t i) {
    switch (array->type) {
    case ATTN_NPY_BF16:
        return (double)attn_f32_of_bf16(((const uint16_t *)array->data)[i]);
    case ATTN_NPY_F16:
        return (double)attn_f32_of_f16(((const uint16_t *)array->data)[i]);
    case ATTN_NPY_F32:
        return (double)((const float *)array->data)[i];
    case ATTN_NPY_F64:
        return ((const double *)array->data)[i];
    case ATTN_NPY_I32:
        return ((const int32_t *)array->data)[i];
    case ATTN_NPY_I64:
        return (double)((const int64_t *)array->data)[i];
    case ATTN_NPY_U8:
    case ATTN_NPY_BOOL:
        break;
    }
    return ((const uint8_t *)array->data)[i];
}

attn_status attn_npy_to_f32(attn_ctx *ctx, const struct attn_npy *array, float **out) {
    float *copy = attn_alloc(ctx, array->count * sizeof *copy);
    if (copy == NULL) return attn_no_memory(ctx, "an array as float32", array->count * sizeof *copy);
    for (size_t i = 0; i < array->count; i++) copy[i] = (float)element(array, i);
    *out = copy;
    return ATTN_OK;
}

attn_status attn_npy_to_f64(attn_ctx *ctx, const struct attn_npy *array, double **out) {
    double *copy = attn_alloc(ctx, array->count * sizeof *copy);
    if (copy == NULL) return attn_no_memory(ctx, "an array as float64", array->count * sizeof *copy);
    for (size_t i = 0; i < array->count; i++) copy[i] = element(array, i);
    *out = copy;
    return ATTN_OK;
}

attn_status attn_npy_to_half(attn_ctx *ctx, const struct attn_npy *array, attn_dtype type, uint16_t **out) {
    uint16_t *copy = attn_alloc(ctx, array->count * sizeof *copy);
    if (copy == NULL) return attn_no_memory(ctx, "an array in 16 bits", array->count * sizeof *copy);
    for (size_t i = 0; i < array->count; i++) copy[i] = half_of_f64(type, element(array, i));
    *out = copy;
    return ATTN_OK;
}

attn_status attn_npy_to_i32(attn_ctx *ctx, const char *name, const struct attn_npy *array, int32_t **out) {
    int32_t *copy = attn_alloc(ctx, array->count * sizeof *copy);
    if (copy == NULL) return attn_no_memory(ctx, "an array as int32", array->count * sizeof *copy);
    for (size_t i = 0; i < array->count; i++) {
        const double value = element(array, i);
        if (!(value >= INT32_MIN && value <= INT32_MAX) || value != floor(value)) {
            attn_free(ctx, copy);
            return attn_fail(ctx, ATTN_EINVAL, "%s: element %zu: found %g, expected a whole number of 32 bits", name, i, value);
        }
        copy[i] = (int32_t)value;
    }
    *out = copy;
    return ATTN_OK;
}
