/* attn mask: shows a mask as text or picture, with its area, tiles, keys a row and the names that other libraries give it. */
#include "base/clock.h"
#include "cli/cli.h"
#include "io/png.h"
#include "cli/options.h"
#include "cli/print.h"
#include "mask/figures.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMNS = 64, LINES = 32, PIXELS = 1024 };
static const int64_t SHOWN_TEXT = 200;
static const double LENGTH_MOST = 1152921504606846976.0; /* 2^60 */

/* What is printed beside the picture. */
struct summary {
    struct attn_mask_figures figures;
    double compile_seconds;
};

/* The `and` of all given masks; *out is NULL on a mistake, which was reported. */
static int read_masks(attn_ctx *ctx, const struct attn_words *specs, attn_mask **out) {
    attn_mask *all = NULL;
    for (int n = 0; n < specs->count; n++) {
        attn_mask *one = NULL, *both = NULL;
        attn_status status = attn_mask_parse(ctx, specs->item[n], &one);
        if (status == ATTN_OK && all) {
            status = attn_mask_and(ctx, all, one, &both);
            attn_mask_destroy(all);
            attn_mask_destroy(one);
            all = both;
        } else if (status == ATTN_OK) {
            all = one;
        } else {
            attn_mask_destroy(all);
            all = NULL;
        }
        if (status != ATTN_OK) return attn_complain_status(ctx, status);
    }
    *out = all;
    return ATTN_EXIT_DONE;
}

static void draw_line(const struct attn_mask_view *v, int64_t q0, int64_t q1) {
    const int64_t columns = v->k_len < COLUMNS ? v->k_len : COLUMNS;
    for (int64_t c = 0; c < columns; c++) {
        const int64_t k0 = v->k_len / columns * c + attn_min64(c, v->k_len % columns);
        const int64_t k1 = v->k_len / columns * (c + 1) + attn_min64(c + 1, v->k_len % columns);
        putchar(".#+"[attn_mask_view_tile(v, q0, q1, k0, k1)]);
    }
    putchar('\n');
}

static void print_text(const struct attn_mask_figures *s, const char *name, size_t bytes, double compile_seconds) {
    const int64_t q_len = s->view.q_len, k_len = s->view.k_len, lines = q_len < LINES ? q_len : LINES;
    printf("%.*s%s\n\n", (int)SHOWN_TEXT, name, strlen(name) > (size_t)SHOWN_TEXT ? "..." : "");
    for (int64_t l = 0; l < lines; l++)
        draw_line(&s->view, q_len / lines * l + attn_min64(l, q_len % lines), q_len / lines * (l + 1) + attn_min64(l + 1, q_len % lines));
    printf("%s# all pairs  + some  . none; queries downwards, keys to the right\n\n", lines ? "\n" : "");
    printf("lengths            %lld queries x %lld keys\n", (long long)q_len, (long long)k_len);
    if (s->pairs < (double)INT64_MAX)
        printf("area               %.0f pairs, %.4g%% of all\n", s->pairs, 100.0 * s->density);
    else
        printf("area               more than 2^63 pairs\n");
    printf("tiles              of %lld x %lld: %lld full, %lld partial, %lld empty\n", (long long)s->tile, (long long)s->tile,
           (long long)s->tiles[1], (long long)s->tiles[2], (long long)s->tiles[0]);
    printf("keys of a row      least %lld, median %lld, most %lld%s\n", (long long)s->keys_min, (long long)s->keys_median,
           (long long)s->keys_max, s->rows < q_len ? " (of 1048576 rows evenly spread)" : "");
    if (s->window && s->left >= 0 && s->right >= 0)
        printf("window             %lld keys: the query's own, %lld to the left, %lld to the right\n",
               1 + (long long)s->left + (long long)s->right, (long long)s->left, (long long)s->right);
    if (s->flash[0]) printf("flash-attention    %s\n", s->flash);
    if (s->hugging[0]) printf("Hugging Face       %s\n", s->hugging);
    printf("intervals of a row %lld at most\n", (long long)s->intervals);
    printf("executed           %s\n", s->as_is ? "as it is, at any lengths" : "compiled for these lengths");
    printf("compiled           %zu bytes in %.3g ms\n", bytes, 1e3 * compile_seconds);
}

static void print_json(const struct attn_mask_figures *s, const char *name, size_t bytes, double compile_seconds) {
    struct attn_record r = {.count = 0};
    attn_record_text(&r, "mask", name);
    attn_record_integer(&r, "q_len", s->view.q_len);
    attn_record_integer(&r, "kv_len", s->view.k_len);
    attn_record_real(&r, "area", s->pairs);
    attn_record_real(&r, "density", s->density);
    attn_record_integer(&r, "tile", s->tile);
    attn_record_integer(&r, "tiles_full", s->tiles[1]);
    attn_record_integer(&r, "tiles_partial", s->tiles[2]);
    attn_record_integer(&r, "tiles_empty", s->tiles[0]);
    attn_record_integer(&r, "keys_min", s->keys_min);
    attn_record_integer(&r, "keys_median", s->keys_median);
    attn_record_integer(&r, "keys_max", s->keys_max);
    attn_record_integer(&r, "rows_counted", s->rows);
    attn_record_integer(&r, "intervals_max", s->intervals);
    attn_record_text(&r, "flash_attention", s->flash[0] ? s->flash : NULL);
    attn_record_text(&r, "hugging_face", s->hugging[0] ? s->hugging : NULL);
    attn_record_bool(&r, "executable_as_is", s->as_is);
    attn_record_integer(&r, "bytes", (int64_t)bytes);
    attn_record_real(&r, "compile_seconds", compile_seconds);
    attn_json_line(stdout, &r);
}

/* Black where all pairs exist, white where none do. */
static attn_status write_picture(attn_ctx *ctx, const struct attn_mask_view *v, const char *path) {
    const int64_t width = v->k_len < PIXELS ? v->k_len : PIXELS, height = v->q_len < PIXELS ? v->q_len : PIXELS;
    if (width < 1 || height < 1)
        return attn_fail(ctx, ATTN_EINVAL, "%s: a mask of %lld x %lld has no picture", path, (long long)v->q_len, (long long)v->k_len);
    uint8_t *grey = attn_alloc(ctx, (size_t)(width * height));
    if (!grey) return attn_no_memory(ctx, "the picture", (size_t)(width * height));
    for (int64_t y = 0; y < height; y++)
        for (int64_t x = 0; x < width; x++) {
            const int64_t q0 = v->q_len / height * y + attn_min64(y, v->q_len % height),
                          k0 = v->k_len / width * x + attn_min64(x, v->k_len % width);
            const int64_t q1 = v->q_len / height * (y + 1) + attn_min64(y + 1, v->q_len % height);
            const int64_t k1 = v->k_len / width * (x + 1) + attn_min64(x + 1, v->k_len % width);
            const double part = (double)attn_mask_view_area(v, q0, q1, k0, k1) / ((double)(q1 - q0) * (double)(k1 - k0));
            grey[y * width + x] = (uint8_t)(255.0 * (1.0 - (part < 1.0 ? part : 1.0)) + 0.5);
        }
    const attn_status status = attn_png_write(ctx, path, grey, (int)width, (int)height);
    attn_free(ctx, grey);
    return status;
}

struct request {
    int64_t q_len, k_len, tile;
    const char *png;
    bool json;
};

static int show(attn_ctx *ctx, const attn_mask *mask, const attn_mask *compiled, const struct request *want, struct summary *s) {
    const struct attn_mask_figures *figures = &s->figures;
    attn_status status = attn_mask_figures_of(ctx, mask, compiled, want->tile, &s->figures);
    if (status != ATTN_OK) return attn_complain_status(ctx, status);
    const size_t size = attn_mask_text(mask, NULL, 0) + 1;
    char *name = malloc(size);
    if (!name) {
        attn_complain("mask: no memory");
        return ATTN_EXIT_SYSTEM;
    }
    (void)attn_mask_text(mask, name, size);
    if (want->png) status = write_picture(ctx, &figures->view, want->png);
    if (status == ATTN_OK && want->json)
        print_json(figures, name, attn_mask_bytes(compiled), s->compile_seconds);
    else if (status == ATTN_OK)
        print_text(figures, name, attn_mask_bytes(compiled), s->compile_seconds);
    free(name);
    return status == ATTN_OK ? ATTN_EXIT_DONE : attn_complain_status(ctx, status);
}

static int run(attn_ctx *ctx, const struct attn_words *specs, struct request *want) {
    struct summary s = {.compile_seconds = 0.0};
    attn_mask *mask = NULL, *compiled = NULL;
    int code = read_masks(ctx, specs, &mask);
    if (code != ATTN_EXIT_DONE) return code;
    int64_t q_len, k_len;
    attn_mask_lengths(mask, &q_len, &k_len);
    if (want->q_len < 0) want->q_len = q_len;
    if (want->k_len < 0) want->k_len = k_len >= 0 ? k_len : want->q_len;
    if (want->q_len < 0) {
        code = attn_complain("mask: this mask holds for any length; say which with --len N");
    } else {
        const double start = attn_clock();
        const attn_status status = attn_mask_compile(ctx, mask, want->q_len, want->k_len, &compiled);
        s.compile_seconds = attn_clock() - start;
        code = status == ATTN_OK ? show(ctx, mask, compiled, want, &s) : attn_complain_status(ctx, status);
    }
    attn_mask_destroy(compiled);
    attn_mask_destroy(mask);
    return code;
}

int attn_cmd_mask(int argc, char **argv) {
    struct request want = {.q_len = -1, .k_len = -1, .tile = 128};
    struct attn_words specs = {.count = 0}, rest = {.count = 0};
    const struct attn_option options[] = {
        {"len", ATTN_OPTION_INTEGER, &want.q_len, "N", "queries; default: the mask's own length, if it has one", 0, LENGTH_MOST},
        {"kv-len", ATTN_OPTION_INTEGER, &want.k_len, "N", "keys; default: as many as queries", 0, LENGTH_MOST},
        {"mask", ATTN_OPTION_WORDS, &specs, "SPEC", "one more mask; a pair must be allowed by all of them", 0, 0},
        {"tile", ATTN_OPTION_INTEGER, &want.tile, "N", "size of the tiles that are counted; default 128", 1, LENGTH_MOST},
        {"png", ATTN_OPTION_TEXT, &want.png, "FILE", "writes a picture too, at most 1024 x 1024, black where pairs exist", 0, 0},
        {"json", ATTN_OPTION_FLAG, &want.json, NULL, "prints one JSON object instead", 0, 0},
    };
    const struct attn_usage usage = {
        .command = "mask",
        .arguments = "SPEC",
        .summary = "Shows which pairs of query and key a mask allows. The text form of masks is described in attn-mask(7).",
        .example = "attn mask 'causal & window:1024,0' --len 16K",
        .options = options,
        .count = sizeof options / sizeof *options,
    };
    int code = attn_options_parse(&usage, argc, argv, &rest);
    if (code >= 0) return code;
    for (int n = 0; n < rest.count; n++) {
        if (specs.count == ATTN_OPTION_VALUES) return attn_complain("mask: more than %d masks", ATTN_OPTION_VALUES);
        specs.item[specs.count++] = rest.item[n];
    }
    if (specs.count == 0) return attn_complain("mask: no mask is given; see attn mask --help");
    attn_ctx *ctx = attn_cli_context(1, &code);
    if (!ctx) return code;
    code = run(ctx, &specs, &want);
    attn_ctx_destroy(ctx);
    return code;
}
