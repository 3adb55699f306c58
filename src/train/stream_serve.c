#include "train/stream_serve.h"

#include "base/clock.h"
#include "io/line_pipe.h"
#include "io/record.h"
#include "train/stream_columns.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct serve {
    attn_ctx *ctx;
    attn_model_stream *stream;
    const struct attn_serve_options *options;
    struct attn_serve_counts *counts;
    struct attn_line_pipe pipe;
    struct attn_stream_columns columns;
    struct attn_stream_face face;
    const char *input_name[ATTN_STREAM_COLUMNS];
    double in[ATTN_STREAM_COLUMNS], out[ATTN_STREAM_COLUMNS];
    FILE *answer; /* a line in memory: it is written by one call, so that readers see whole lines */
    char *text;
    size_t bytes;
};

/* ---------------------------------------------------------------------------------------------------------------- saving */

attn_status attn_serve_save(attn_ctx *ctx, const attn_model_stream *stream, const struct attn_file_system *files, const char *path) {
    const size_t bytes = attn_model_stream_save_bytes(stream);
    struct attn_file_writer writer;
    uint8_t *state = attn_alloc(ctx, bytes);
    if (!state) return attn_no_memory(ctx, "a saved state", bytes);
    attn_status status = attn_model_stream_save(stream, state, bytes);
    if (!status) {
        status = attn_file_begin(ctx, files, path, &writer);
        if (!status) status = attn_file_write(ctx, &writer, state, bytes);
        if (!status) status = attn_file_sync(ctx, &writer);
        if (!status) status = attn_file_commit(ctx, &writer);
        attn_file_abort(&writer);
    }
    attn_free(ctx, state);
    return status;
}

/* Whether a state can be written at all: a temporary file beside it comes and goes, the state that is there stays. */
static attn_status try_to_save(attn_ctx *ctx, const struct attn_serve_options *options) {
    struct attn_file_writer writer;
    const attn_status status = attn_file_begin(ctx, options->files, options->save, &writer);
    attn_file_abort(&writer);
    return status;
}

attn_status attn_serve_restore(attn_ctx *ctx, attn_model_stream *stream, const struct attn_file_system *files, const char *path) {
    uint8_t *state;
    size_t bytes;
    char sentence[1024];
    attn_status status = attn_file_read(ctx, files, path, attn_model_stream_save_bytes(stream) + ATTN_STREAM_LINE, &state, &bytes);
    if (status) return status;
    status = attn_model_stream_restore(stream, state, bytes);
    attn_free(ctx, state);
    return status ? attn_fail(ctx, status, "%s: %s", path, attn_ctx_error(ctx, sentence, sizeof sentence)) : ATTN_OK;
}

/* --------------------------------------------------------------------------------------------------------------- answers */

/* What the line in memory holds goes out, and it is empty again. */
static attn_status write_answer(struct serve *s) {
    if (fflush(s->answer) != 0) return attn_no_memory(s->ctx, "an answer", s->bytes);
    for (size_t done = 0; done < s->bytes;) {
        const ssize_t count = write(s->options->out, s->text + done, s->bytes - done);
        if (count > 0) done += (size_t)count;
        if (count < 0 && errno == EPIPE) {
            s->counts->closed = true;
            break;
        }
        if (count < 0 && errno != EINTR) return attn_fail(s->ctx, ATTN_ESYSTEM, "standard output: writing failed: %s", strerror(errno));
    }
    rewind(s->answer);
    return ATTN_OK;
}

/* A cell, in quotes where it needs them. */
static void put_name(FILE *to, const char *name) {
    if (!strpbrk(name, ",\"\r\n")) {
        fputs(name, to);
        return;
    }
    putc('"', to);
    for (; *name; name++) {
        if (*name == '"') putc('"', to);
        putc(*name, to);
    }
    putc('"', to);
}

static attn_status answer_names(struct serve *s) {
    for (int i = 0; i < s->face.outputs; i++) {
        if (i > 0) putc(',', s->answer);
        put_name(s->answer, attn_model_stream_output_name(s->stream, i));
    }
    putc('\n', s->answer);
    return write_answer(s);
}

/* What is no number is an empty cell, or null. */
static attn_status answer_row(struct serve *s) {
    char text[32];
    if (s->options->json) fprintf(s->answer, "{\"line\": %lld", (long long)s->pipe.number);
    for (int i = 0; i < s->face.outputs; i++) {
        const bool known = isfinite(s->out[i]);
        if (s->options->json || i > 0) fputs(s->options->json ? ", " : ",", s->answer);
        if (s->options->json) {
            attn_json_string(s->answer, attn_model_stream_output_name(s->stream, i));
            fputs(": ", s->answer);
        }
        fputs(known ? attn_real_text(s->out[i], text, sizeof text) : s->options->json ? "null" : "", s->answer);
    }
    fputs(s->options->json ? "}\n" : "\n", s->answer);
    s->counts->answers++;
    return write_answer(s);
}

/* ------------------------------------------------------------------------------------------------------------------ rows */

/* A bad line is said and counted. */
static attn_status bad_line(struct serve *s, const char *said) {
    s->counts->bad++;
    if (s->options->strict) return attn_fail(s->ctx, ATTN_EINVAL, "standard input: line %lld: %s", (long long)s->pipe.number, said);
    char text[ATTN_STREAM_SAID + 64] = "";
    attn_append(text, sizeof text, "standard input: line %lld: %s; the line is passed over", (long long)s->pipe.number, said);
    s->options->say(s->options->user, text);
    return ATTN_OK;
}

static attn_status take_row(struct serve *s) {
    char said[ATTN_STREAM_SAID];
    attn_status status = attn_model_stream_push(s->stream, s->in, s->out);
    if (status == ATTN_EINVAL) return bad_line(s, attn_ctx_error(s->ctx, said, sizeof said));
    if (status) return status;
    s->counts->rows++;
    if (s->counts->rows % s->options->every == 0) status = answer_row(s);
    if (!status && s->options->save && s->options->save_every > 0 && s->counts->rows % s->options->save_every == 0)
        status = attn_serve_save(s->ctx, s->stream, s->options->files, s->options->save);
    return status;
}

static void say_ignored(const struct serve *s) {
    char text[256] = "";
    if (s->columns.date >= 0) s->options->say(s->options->user, "the model's unix_time is read from the column 'date'");
    if (s->columns.ignored == 0) return;
    attn_append(text, sizeof text, "the model does not ask for %d of the columns: '%s'%s", s->columns.ignored, s->columns.first_ignored,
                s->columns.ignored > 1 ? " and others" : "");
    s->options->say(s->options->user, text);
}

static attn_status take_line(struct serve *s, char *line, size_t length) {
    char said[ATTN_STREAM_SAID];
    switch (attn_stream_columns_read(&s->columns, line, length, s->in, said)) {
    case ATTN_STREAM_ROW:
        return take_row(s);
    case ATTN_STREAM_HEADER:
        say_ignored(s);
        return ATTN_OK;
    case ATTN_STREAM_EMPTY:
        return ATTN_OK;
    case ATTN_STREAM_BAD:
        return bad_line(s, said);
    case ATTN_STREAM_REFUSED:
        break;
    }
    return attn_fail(s->ctx, ATTN_EINVAL, "standard input: line %lld: %s", (long long)s->pipe.number, said);
}

static attn_status take_lines(struct serve *s) {
    char *line;
    size_t length;
    attn_status status = s->options->header && !s->options->json ? answer_names(s) : ATTN_OK;
    while (!status && !s->counts->closed) {
        s->counts->stopped = s->options->stopped && s->options->stopped();
        if (s->counts->stopped) break;
        const enum attn_line_pipe_end end = attn_line_pipe_next(&s->pipe, &line, &length);
        const double begin = attn_clock();
        if (end == ATTN_PIPE_OVER) break;
        s->counts->stopped = end == ATTN_PIPE_STOPPED;
        if (s->counts->stopped) break;
        if (end == ATTN_PIPE_FAILED) return ATTN_ESYSTEM;
        status =
            end == ATTN_PIPE_LINE ? take_line(s, line, length) : bad_line(s, "found more than 1048576 bytes, expected a line of numbers");
        s->counts->seconds += attn_clock() - begin;
    }
    return status;
}

/* ----------------------------------------------------------------------------------------------------------------- serve */

static attn_status open_serve(struct serve *s) {
    s->face = (struct attn_stream_face){.inputs = attn_model_stream_inputs(s->stream), .outputs = attn_model_stream_outputs(s->stream)};
    for (int i = 0; i < s->face.inputs; i++) s->input_name[i] = attn_model_stream_input_name(s->stream, i);
    s->face.input_name = s->input_name;
    attn_stream_columns_init(&s->columns, &s->face);
    s->columns.missing_allowed = s->options->allow_missing;
    s->answer = open_memstream(&s->text, &s->bytes);
    if (!s->answer) return attn_no_memory(s->ctx, "an answer", 0);
    return attn_line_pipe_open(s->ctx, s->options->in, ATTN_STREAM_LINE, s->options->stopped, &s->pipe);
}

attn_status attn_serve(attn_ctx *ctx, attn_model_stream *stream, const struct attn_serve_options *options, struct attn_serve_counts *out) {
    char sentence[1024];
    *out = (struct attn_serve_counts){.rows = 0};
    const attn_status writable = options->save ? try_to_save(ctx, options) : ATTN_OK; /* not after days, when the rows are gone */
    if (writable) return writable;
    struct serve *s = attn_alloc(ctx, sizeof *s);
    if (!s) return attn_no_memory(ctx, "a stream's lines", sizeof *s);
    *s = (struct serve){.ctx = ctx, .stream = stream, .options = options, .counts = out, .pipe = {.ctx = ctx}};
    attn_status status = open_serve(s);
    if (!status) status = take_lines(s);
    attn_ctx_error(ctx, sentence, sizeof sentence);
    if (options->save) {
        const attn_status saved = attn_serve_save(ctx, stream, options->files, options->save);
        status = status ? attn_fail(ctx, status, "%s", sentence) : saved;
    }
    if (s->answer) fclose(s->answer);
    free(s->text);
    attn_line_pipe_close(&s->pipe);
    attn_free(ctx, s);
    return status;
}
