/* A saved model as a stream: rows of numbers, cells apart by commas, from standard input; answers of two streams of the model, the second of which sees every
 * other row alone. Built with libattn_train:
 *
 *   cc stream_model.c $(pkg-config --cflags --libs attn_train) -o stream_model
 *   ./stream_model runs/ID/model.safetensors < rows.csv
 */
#include <attn_model_stream.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { COLUMNS = 1024, LINE = 65536 };

/* An empty cell, or one that is missing, is a number that is not known. */
static void read_row(char *line, int columns, double *in) {
    for (int i = 0; i < columns; i++) {
        char *end;
        in[i] = strtod(line, &end);
        if (end == line) in[i] = (double)NAN;
        line = end + (*end == ',');
    }
}

static void print_row(const char *name, int columns, const double *out) {
    printf("%s", name);
    for (int i = 0; i < columns; i++) printf(",%.17g", out[i]);
    printf("\n");
}

int main(int argc, char **argv) {
    static double in[COLUMNS], out[COLUMNS];
    static char line[LINE];
    char sentence[1024];
    attn_ctx *ctx;
    attn_model_stream *all = NULL, *half = NULL;
    if (argc != 2 || attn_ctx_create(NULL, &ctx, NULL, 0)) return 2;
    attn_status status = attn_model_stream_open(ctx, argv[1], 0, &all);
    if (!status) status = attn_model_stream_open_beside(all, &half); /* the same weights, a state of its own */
    for (long row = 0; !status && fgets(line, LINE, stdin); row++) {
        read_row(line, attn_model_stream_inputs(all), in);
        status = attn_model_stream_push(all, in, out);
        if (!status) print_row("all", attn_model_stream_outputs(all), out);
        if (status || row % 2 == 1) continue;
        status = attn_model_stream_push(half, in, out);
        if (!status) print_row("half", attn_model_stream_outputs(half), out);
    }
    if (status) fprintf(stderr, "stream_model: %s\n", attn_ctx_error(ctx, sentence, sizeof sentence));
    attn_model_stream_close(all);
    attn_model_stream_close(half);
    attn_ctx_destroy(ctx);
    return status != ATTN_OK;
}
