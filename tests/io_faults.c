/* Readers and writers with an allocator that fails at its n-th call, for n = 1, 2, 3, ... until a run meets no failure; once for that call
 * alone and once for it and all that follow. The answer is ATTN_ENOMEM with a sentence, and nothing is leaked; files that are written are
 * there whole or not at all. */
#include "io/events.h"
#include "io/npz.h"
#include "io/series.h"
#include "io/tokenizer.h"
#include "support/failing_memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[64];

static const char *in_folder(const char *name) {
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

/* ------------------------------------------------------------------------------------------------------- scenarios */

static const int64_t shape[1] = {100};
static float numbers[100];
static const struct attn_safetensors_source arrays[2] = {{"a", ATTN_NPY_F32, 1, shape, numbers}, {"b", ATTN_NPY_F32, 1, shape, numbers}};
static const struct attn_safetensors_text texts[2] = {{"recipe", "{\"lr\": 1}\n"}, {"format", "attn"}};

static attn_status write_and_read_safetensors(attn_ctx *ctx) {
    struct attn_file_writer writer;
    struct attn_safetensors_reader reader;
    struct attn_npy array;
    char *text = NULL;
    const char *path = in_folder("x.safetensors");
    attn_status status = attn_file_begin(ctx, NULL, path, &writer);
    if (status == ATTN_OK) status = attn_safetensors_write(ctx, &writer, texts, 2, arrays, 2);
    if (status == ATTN_OK) status = attn_file_sync(ctx, &writer);
    if (status == ATTN_OK) status = attn_file_commit(ctx, &writer);
    attn_file_abort(&writer);
    if (status == ATTN_OK) status = attn_safetensors_open(ctx, NULL, path, &reader);
    if (status != ATTN_OK) return status;
    status = attn_safetensors_take(ctx, &reader, "b", &array);
    if (status == ATTN_OK) {
        attn_npy_free(ctx, &array);
        status = attn_safetensors_metadata(ctx, &reader.list, "recipe", &text);
        attn_free(ctx, text);
    }
    attn_safetensors_close(ctx, &reader);
    return status;
}

static attn_status read_a_table(attn_ctx *ctx) {
    static const char text[] = "a,b\n1,2\n3,\"4\"\nx,5\n";
    const struct attn_table_options options = {ATTN_TABLE_CSV, true, true};
    const size_t columns[] = {0, 1};
    struct attn_table table;
    double *reals = NULL;
    int64_t *whole = NULL;
    attn_status status = attn_table_parse(ctx, "x.csv", (const uint8_t *)text, sizeof text - 1, &options, &table);
    if (status != ATTN_OK) return status;
    status = attn_table_require(ctx, &table, columns, 2, ATTN_TABLE_REAL);
    if (status == ATTN_OK) status = attn_table_reals(ctx, &table, 0, &reals);
    if (status == ATTN_OK) status = attn_table_integers(ctx, &table, 1, &whole);
    attn_free(ctx, reals);
    attn_free(ctx, whole);
    attn_table_free(ctx, &table);
    return status;
}

static attn_status read_events(attn_ctx *ctx) {
    static const char text[] = "sequence_id,time,mark\na,2,10\na,1,9\na,3,\nb,1,9\n";
    struct attn_events_options options;
    struct attn_events events, again;
    attn_events_options_init(&options);
    options.sort = true;
    attn_status status = attn_events_parse(ctx, "x.csv", (const uint8_t *)text, sizeof text - 1, &options, NULL, &events);
    if (status != ATTN_OK) return status;
    status = attn_events_parse(ctx, "x.csv", (const uint8_t *)text, sizeof text - 1, &options, &events.marks, &again);
    if (status == ATTN_OK) attn_events_free(ctx, &again);
    attn_events_free(ctx, &events);
    return status;
}

static attn_status read_series(attn_ctx *ctx) {
    static const struct attn_table_options options = {ATTN_TABLE_BY_NAME, true, false};
    char table[160], array[160];
    snprintf(table, sizeof table, "%s/t.csv:a", folder);
    snprintf(array, sizeof array, "%s/x.npy", folder);
    const struct attn_series_request requests[] = {{"p", table, ATTN_SERIES_REAL}, {"q", table, ATTN_SERIES_INTEGER},
                                                   {"r", table, ATTN_SERIES_NAME}, {"s", array, ATTN_SERIES_INTEGER},
                                                   {"t", array, ATTN_SERIES_NAME}, {"u", NULL, ATTN_SERIES_REAL}};
    struct attn_series_set set;
    const attn_status status = attn_series_read(ctx, NULL, requests, 6, &options, &set);
    if (status == ATTN_OK) attn_series_free(ctx, &set);
    return status;
}

#if defined(ATTN_HAVE_ZLIB)
static attn_status write_and_read_archives(attn_ctx *ctx) {
    attn_status status = ATTN_OK;
    for (int deflate = 0; deflate < 2 && status == ATTN_OK; deflate++) {
        struct attn_file_writer writer;
        struct attn_npz npz;
        struct attn_npy array;
        const char *path = in_folder("x.npz");
        status = attn_file_begin(ctx, NULL, path, &writer);
        if (status == ATTN_OK) status = attn_npz_write(ctx, &writer, arrays, 2, deflate != 0);
        if (status == ATTN_OK) status = attn_file_sync(ctx, &writer);
        if (status == ATTN_OK) status = attn_file_commit(ctx, &writer);
        attn_file_abort(&writer);
        if (status == ATTN_OK) status = attn_npz_open(ctx, NULL, path, &npz);
        if (status != ATTN_OK) return status;
        status = attn_npz_take(ctx, &npz, "b", &array);
        if (status == ATTN_OK) attn_npy_free(ctx, &array);
        attn_npz_close(ctx, &npz);
    }
    return status;
}

static attn_status read_a_packed_text(attn_ctx *ctx) {
    struct attn_text text;
    const attn_status status = attn_text_read(ctx, NULL, "fuzz/corpus/text/gz_members", 1 << 20, &text);
    if (status == ATTN_OK) attn_text_free(ctx, &text);
    return status;
}
#endif

static attn_status use_a_tokenizer(attn_ctx *ctx, enum attn_tokenizer_kind kind) {
    static const char corpus[] = "the cat \"sat\" on the mat\\\n the \xE2\x82\xAC the cat\n";
    static const char *const special[] = {"<pad>"};
    const struct attn_tokenizer_options options = {.special = special, .special_count = 1, .most = 270};
    struct attn_tokenizer *t = NULL, *again = NULL;
    int32_t *tokens = NULL;
    char *text = NULL, *json = NULL;
    size_t count, size;
    attn_status status = attn_tokenizer_make(ctx, kind, "x", corpus, strlen(corpus), &options, &t);
    if (status == ATTN_OK) status = attn_tokenizer_encode(ctx, t, "x", corpus, strlen(corpus), &tokens, &count);
    if (status == ATTN_OK) status = attn_tokenizer_decode(ctx, t, tokens, count, &text, &size);
#if defined(ATTN_HAVE_JANSSON)
    if (status == ATTN_OK) status = attn_tokenizer_text(ctx, t, &json, &size);
    if (status == ATTN_OK) status = attn_tokenizer_parse(ctx, "x", json, size, &again);
#endif
    attn_free(ctx, json);
    attn_free(ctx, text);
    attn_free(ctx, tokens);
    attn_tokenizer_free(ctx, again);
    attn_tokenizer_free(ctx, t);
    return status;
}

static attn_status use_words(attn_ctx *ctx) {
    return use_a_tokenizer(ctx, ATTN_TOKENIZER_WORD);
}

static attn_status use_characters(attn_ctx *ctx) {
    return use_a_tokenizer(ctx, ATTN_TOKENIZER_CHARACTER);
}

#if defined(ATTN_HAVE_PCRE2)
static attn_status use_byte_pairs(attn_ctx *ctx) {
    return use_a_tokenizer(ctx, ATTN_TOKENIZER_BPE);
}
#endif

static void every_failing_allocation_is_a_status(void **state) {
    (void)state;
    test_survives(write_and_read_safetensors, false);
    test_survives(read_a_table, false);
    test_survives(read_events, false);
    test_survives(read_series, false);
    test_survives(use_words, false);
    test_survives(use_characters, false);
#if defined(ATTN_HAVE_ZLIB)
    test_survives(write_and_read_archives, false);
    test_survives(read_a_packed_text, false);
#endif
#if defined(ATTN_HAVE_PCRE2)
    test_survives(use_byte_pairs, true);
#endif
}

static int set_up(void **state) {
    struct attn_file_writer writer;
    attn_ctx *ctx;
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/attn-io-faults-XXXXXX");
    if (mkdtemp(folder) == NULL || attn_ctx_create(NULL, &ctx, NULL, 0) != ATTN_OK) return -1;
    FILE *f = fopen(in_folder("t.csv"), "wb");
    bool good = f != NULL && fputs("a,b\n1,2\n3,4\n", f) >= 0 && fclose(f) == 0;
    good = good && attn_file_begin(ctx, NULL, in_folder("x.npy"), &writer) == ATTN_OK;
    good = good && attn_npy_write(ctx, &writer, ATTN_NPY_F32, 1, (int64_t[]){2}, numbers) == ATTN_OK;
    good = good && attn_file_sync(ctx, &writer) == ATTN_OK && attn_file_commit(ctx, &writer) == ATTN_OK;
    attn_ctx_destroy(ctx);
    return good ? 0 : -1;
}

static int tear_down(void **state) {
    static const char *const names[] = {"t.csv", "x.npy", "x.safetensors", "x.npz"};
    (void)state;
    for (int i = 0; i < 4; i++) unlink(in_folder(names[i]));
    return rmdir(folder); /* which fails where something else was left */
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_failing_allocation_is_a_status)};
    return cmocka_run_group_tests_name("io: faults", tests, set_up, tear_down);
}
