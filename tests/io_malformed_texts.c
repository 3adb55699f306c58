/* Malformed tables and packed texts: one file a line, with what the sentence must hold, its place among it. Memory never passes twice the
 * file and a megabyte. */
#include "io/table.h"
#include "support/noting.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ----------------------------------------------------------------------------------------------------------- tables */

static const struct {
    const char *text;
    bool header;
    const char *sentence;
} tables[] = {
    {"", true, "x.csv: line 1: found the end of the file, expected a header"},
    {"\n1,2\n", true, "x.csv: line 1: found an empty line, expected a header"},
    {"a,b\n1\n", true, "x.csv: line 2, column 1: found 1 cells, expected 2"},
    {"a,b\n1,2,3\n", true, "x.csv: line 2, column 3: found 3 cells, expected 2"},
    {"a,b\n1,2\n3,4\n5\n", true, "x.csv: line 4, column 1: found 1 cells"},
    {"a\n1\n2,3\n", true, "x.csv: line 3, column 2: found 2 cells, expected 1"},
    {"1,2\n3\n", false, "x.csv: line 2, column 1: found 1 cells, expected 2"},
    {"a,b\n\"1,2\n", true, "x.csv: line 2, column 1: found no end of the quoted cell"},
    {"a,b\n1,\"2\n\n\n", true, "x.csv: line 2, column 2: found no end of the quoted cell"},
    {"a,\"b\n", true, "x.csv: line 1, column 2: found no end of the quoted cell"},
    {"\"", false, "x.csv: line 1, column 1: found no end of the quoted cell"},
    {"\"a\"\"", false, "x.csv: line 1, column 1: found no end of the quoted cell"},
    {"a,b\n1,2\"\n", true, "x.csv: line 2, column 2: found '\"' inside a cell"},
    {"a,b\nx\"y\",2\n", true, "x.csv: line 2, column 1: found '\"' inside a cell"},
    {"a,b\n \"1\",2\n", true, "x.csv: line 2, column 1: found '\"' inside a cell"},
    {"a,b\n\"1\"x,2\n", true, "x.csv: line 2, column 1: found text behind a quoted cell"},
    {"a,b\n\"1\" ,2\n", true, "x.csv: line 2, column 1: found text behind a quoted cell"},
    {"a,b\n\"1\"\"2\"3\"\n", true, "x.csv: line 2, column 1: found text behind a quoted cell"},
    {"a\"b\n", true, "x.csv: line 1, column 1: found '\"' inside a cell"},
    {"a,b\n1,\xFF\n", true, "x.csv: line 2, byte 6: found byte 0xff, expected text in UTF-8"},
    {"a,b\n1,\xED\xA0\x80\n", true, "x.csv: line 2, byte 6: found byte 0xed"},
    {"\xFF\xFE"
     "a\n",
     true, "x.csv: line 1, byte 0: found byte 0xff"},
};

static void every_malformed_table_is_refused_with_line_and_column(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        const struct attn_table_options options = {ATTN_TABLE_CSV, tables[i].header, false};
        const size_t size = strlen(tables[i].text);
        struct attn_table table;
        attn_ctx *ctx = test_noting_context();
        test_must_refuse(ctx, attn_table_parse(ctx, "x.csv", (const uint8_t *)tables[i].text, size, &options, &table), ATTN_EINVAL, size,
                         tables[i].sentence);
        attn_ctx_destroy(ctx);
    }
    const struct attn_table_options options = {ATTN_TABLE_CSV, false, true};
    struct attn_table table;
    attn_ctx *ctx = test_noting_context();
    test_must_refuse(ctx, attn_table_parse(ctx, "x.csv", (const uint8_t *)"a\0b", 3, &options, &table), ATTN_EINVAL, 3,
                     "x.csv: byte 1: found a byte 0");
    test_must_refuse(ctx, attn_table_parse(ctx, "x.csv", (const uint8_t *)"a\n\"b", 4, &options, &table), ATTN_EINVAL, 4,
                     "line 2, column 1: found no end"); /* never passed over */
    char *wide = malloc(2 * ATTN_TABLE_COLUMNS + 2);
    assert_non_null(wide);
    memset(wide, ',', 2 * ATTN_TABLE_COLUMNS);
    test_must_refuse(ctx, attn_table_parse(ctx, "x.csv", (const uint8_t *)wide, 2 * ATTN_TABLE_COLUMNS, &options, &table), ATTN_EINVAL,
                     2 * ATTN_TABLE_COLUMNS, "x.csv: line 1: found 131073 columns, expected at most 65536");
    free(wide);
    attn_ctx_destroy(ctx);
}

/* ----------------------------------------------------------------------------------------------------- packed texts */

#if defined(ATTN_HAVE_ZLIB)
#include <zlib.h>

/* "hello\n" by gzip -n; a case spoils bytes of it, or its length. */
static const uint8_t hello[] = {0x1F, 0x8B, 8,    0,    0,    0,    0,    0,    0,    3,    0xCB, 0x48, 0xCD,
                                0xC9, 0xC9, 0xE7, 0x02, 0x00, 0x20, 0x30, 0x3A, 0x36, 0x06, 0x00, 0x00, 0x00};

static const struct {
    size_t size; /* of the file; above that of `hello` the rest is `value` */
    size_t at;
    uint8_t value;
    const char *sentence;
} packs[] = {
    {2, 0, 0x1F, "x.gz: byte 2: found the end, expected more of the packed data"},
    {9, 0, 0x1F, "x.gz: byte 9: found the end, expected more"},
    {10, 0, 0x1F, "x.gz: byte 10: found the end, expected more"},
    {15, 0, 0x1F, "x.gz: byte 15: found the end, expected more"},
    {18, 0, 0x1F, "x.gz: byte 18: found the end, expected more"},
    {25, 0, 0x1F, "x.gz: byte 25: found the end, expected more"},
    {26, 2, 7, "found damaged packed data (unknown compression method)"},
    {26, 3, 0xE0, "found damaged packed data (unknown header flags set)"},
    {26, 3, 2, "found damaged packed data (header crc mismatch)"},
    {26, 10, 0xCF, "found damaged packed data (invalid block type)"},
    {26, 10, 0xC9, "found damaged packed data (invalid stored block lengths)"},
    {26, 11, 0x49, "found damaged packed data (incorrect data check)"},
    {26, 18, 0x21, "x.gz: byte 22: found damaged packed data (incorrect data check)"},
    {26, 22, 7, "x.gz: byte 26: found damaged packed data (incorrect length check)"},
    {27, 26, 0, "x.gz: byte 26: found byte 0x00 behind the packed data"},
    {28, 26, 0x1F, "x.gz: byte 26: found byte 0x1f behind the packed data"},
};

static void every_malformed_packed_text_is_refused_with_its_byte(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof packs / sizeof packs[0]; i++) {
        uint8_t bytes[64];
        struct attn_text text;
        memset(bytes, packs[i].value, sizeof bytes);
        memcpy(bytes, hello, packs[i].size < sizeof hello ? packs[i].size : sizeof hello);
        bytes[packs[i].at] = packs[i].value;
        attn_ctx *ctx = test_noting_context();
        test_must_refuse(ctx, attn_text_parse(ctx, "x.gz", bytes, packs[i].size, 1 << 20, &text), ATTN_EINVAL, packs[i].size,
                         packs[i].sentence);
        attn_ctx_destroy(ctx);
    }
}
#endif

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_malformed_table_is_refused_with_line_and_column),
#if defined(ATTN_HAVE_ZLIB)
        cmocka_unit_test(every_malformed_packed_text_is_refused_with_its_byte),
#endif
    };
    return cmocka_run_group_tests_name("io: malformed texts", tests, NULL, NULL);
}
