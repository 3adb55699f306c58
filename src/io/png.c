/* PNG through libpng. It reports errors by longjmp: nothing that must be freed is made between setjmp and the jump. */
#include "io/png.h"

#if defined(ATTN_HAVE_PNG)
#include "base/file.h"

#include <png.h>
#include <setjmp.h>

struct sink {
    attn_ctx *ctx;
    struct attn_file_writer writer;
    attn_status status;
};

static void sink_write(png_structp png, png_bytep data, png_size_t bytes) {
    struct sink *sink = png_get_io_ptr(png);
    sink->status = attn_file_write(sink->ctx, &sink->writer, data, bytes);
    if (sink->status != ATTN_OK) png_error(png, "write");
}

static void sink_flush(png_structp png) {
    (void)png;
}

static void on_error(png_structp png, png_const_charp text) {
    struct sink *sink = png_get_error_ptr(png);
    if (sink->status == ATTN_OK) sink->status = attn_fail(sink->ctx, ATTN_ESYSTEM, "libpng: %s", text);
    longjmp(png_jmpbuf(png), 1);
}

static void on_warning(png_structp png, png_const_charp text) {
    (void)png, (void)text;
}

static void encode(struct sink *sink, png_structp png, png_infop info, const uint8_t *grey, int width, int height) {
    if (setjmp(png_jmpbuf(png)) != 0) return;
    png_set_write_fn(png, sink, sink_write, sink_flush);
    png_set_IHDR(png, info, (png_uint_32)width, (png_uint_32)height, 8, PNG_COLOR_TYPE_GRAY, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(png, info);
    for (int y = 0; y < height; y++) png_write_row(png, grey + (size_t)y * (size_t)width);
    png_write_end(png, NULL);
}

attn_status attn_png_write(attn_ctx *ctx, const char *path, const uint8_t *grey, int width, int height) {
    struct sink sink = {.ctx = ctx};
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &sink, on_error, on_warning);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    if (!info) {
        png_destroy_write_struct(&png, NULL);
        return attn_fail(ctx, ATTN_ENOMEM, "%s: libpng has no memory", path);
    }
    sink.status = attn_file_begin(ctx, NULL, path, &sink.writer);
    if (sink.status == ATTN_OK) {
        encode(&sink, png, info, grey, width, height);
        if (sink.status == ATTN_OK) sink.status = attn_file_sync(ctx, &sink.writer);
        if (sink.status == ATTN_OK) sink.status = attn_file_commit(ctx, &sink.writer);
        attn_file_abort(&sink.writer);
    }
    png_destroy_write_struct(&png, &info);
    return sink.status;
}
#else
attn_status attn_png_write(attn_ctx *ctx, const char *path, const uint8_t *grey, int width, int height) {
    (void)grey, (void)width, (void)height;
    return attn_fail(ctx, ATTN_ESYSTEM, "%s: this program was built without libpng; install libpng-dev and build again", path);
}
#endif
