/* Fuzz target: any bytes as the lines of a stream of two columns. A row's numbers are finite or not known, and what is wrong is said. */
#include "train/stream_columns.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int condition) {
    if (!condition) abort();
}

static void read_line(struct attn_stream_columns *columns, const uint8_t *data, size_t length) {
    char said[ATTN_STREAM_SAID] = "", *line = malloc(length + 1);
    double in[2] = {(double)INFINITY, (double)INFINITY};
    must(line != NULL);
    if (length > 0) memcpy(line, data, length);
    line[length] = '\0';
    const enum attn_stream_line what = attn_stream_columns_read(columns, line, length, in, said);
    if (what == ATTN_STREAM_ROW) must(!isinf(in[0]) && !isinf(in[1]));
    must((what == ATTN_STREAM_BAD || what == ATTN_STREAM_REFUSED) == (said[0] != '\0'));
    free(line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const names[] = {"OT", "unix_time"};
    const struct attn_stream_face face = {.inputs = 2, .input_name = names};
    struct attn_stream_columns *columns = malloc(sizeof *columns);
    must(columns != NULL);
    attn_stream_columns_init(columns, &face);
    for (size_t begin = 0, end; begin <= size; begin = end + 1) {
        for (end = begin; end < size && data[end] != '\n'; end++) {
        }
        read_line(columns, data + begin, end - begin);
    }
    free(columns);
    return 0;
}
