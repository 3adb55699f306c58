/* Malformed files of the readers that have no test of their own for them: texts, tables, archives. One file a line: how it is made, the
 * status and what the sentence must hold, its place among it. Memory never passes twice the file and a megabyte. */
#include "io/npz.h"
#include "io/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static size_t greatest; /* allocation */

static void *allocate(void *user, size_t bytes, size_t alignment) {
    void *memory = NULL;
    (void)user;
    greatest = bytes > greatest ? bytes : greatest;
    return posix_memalign(&memory, alignment, bytes) == 0 ? memory : NULL;
}

static void release(void *user, void *memory) {
    (void)user;
    free(memory);
}

static attn_ctx *new_context(void) {
    attn_ctx_config config;
    attn_ctx *ctx = NULL;
    attn_ctx_config_init(&config);
    config.allocate = allocate;
    config.release = release;
    config.threads = 1;
    assert_int_equal(attn_ctx_create(&config, &ctx, NULL, 0), ATTN_OK);
    greatest = 0;
    return ctx;
}

static void must_refuse(attn_ctx *ctx, attn_status status, attn_status expected, size_t size, const char *sentence) {
    char text[1024];
    attn_ctx_error(ctx, text, sizeof text);
    if (status != expected || strstr(text, sentence) == NULL)
        fail_msg("status %d, sentence \"%s\", expected %d and \"%s\"", (int)status, text, (int)expected, sentence);
    if (greatest > 2 * size + (1 << 20)) fail_msg("%zu bytes allocated for a file of %zu: %s", greatest, size, sentence);
}

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
        attn_ctx *ctx = new_context();
        must_refuse(ctx, attn_table_parse(ctx, "x.csv", (const uint8_t *)tables[i].text, size, &options, &table), ATTN_EINVAL, size,
                    tables[i].sentence);
        attn_ctx_destroy(ctx);
    }
    const struct attn_table_options options = {ATTN_TABLE_CSV, false, true};
    struct attn_table table;
    attn_ctx *ctx = new_context();
    must_refuse(ctx, attn_table_parse(ctx, "x.csv", (const uint8_t *)"a\0b", 3, &options, &table), ATTN_EINVAL, 3,
                "x.csv: byte 1: found a byte 0");
    must_refuse(ctx, attn_table_parse(ctx, "x.csv", (const uint8_t *)"a\n\"b", 4, &options, &table), ATTN_EINVAL, 4,
                "line 2, column 1: found no end"); /* never passed over */
    char *wide = malloc(2 * ATTN_TABLE_COLUMNS + 2);
    assert_non_null(wide);
    memset(wide, ',', 2 * ATTN_TABLE_COLUMNS);
    must_refuse(ctx, attn_table_parse(ctx, "x.csv", (const uint8_t *)wide, 2 * ATTN_TABLE_COLUMNS, &options, &table), ATTN_EINVAL,
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
        attn_ctx *ctx = new_context();
        must_refuse(ctx, attn_text_parse(ctx, "x.gz", bytes, packs[i].size, 1 << 20, &text), ATTN_EINVAL, packs[i].size, packs[i].sentence);
        attn_ctx_destroy(ctx);
    }
}

/* --------------------------------------------------------------------------------------------------------- archives */

enum { ROOM = 2048 };

/* An archive of two members that is right, made by hand; each case then spoils some bytes. Places of what it holds: */
struct archive {
    uint8_t bytes[ROOM];
    size_t size;
    size_t first, first_data, second, second_data; /* members */
    size_t directory, second_entry, end;
};

static void put(uint8_t *to, uint64_t value, int bytes) {
    for (int i = 0; i < bytes; i++) to[i] = (uint8_t)(value >> (8 * i));
}

static uint64_t get(const uint8_t *from, int bytes) {
    uint64_t value = 0;
    for (int i = 0; i < bytes; i++) value |= (uint64_t)from[i] << (8 * i);
    return value;
}

static void add(struct archive *a, const void *bytes, size_t size) {
    assert_true(a->size + size <= ROOM);
    memcpy(a->bytes + a->size, bytes, size);
    a->size += size;
}

static const char stored[] = "\x93NUMPY\x01\x00\x38\x00{'descr': '|u1', 'fortran_order': False, 'shape': (4,)}\nabcd";

static size_t deflated(uint8_t *to, size_t room) {
    z_stream z;
    memset(&z, 0, sizeof z);
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (z_const Bytef *)(uintptr_t)stored;
    z.avail_in = sizeof stored - 1;
    z.next_out = to;
    z.avail_out = (uInt)room;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    deflateEnd(&z);
    return z.total_out;
}

static void add_local(struct archive *a, const char *name, int method, const uint8_t *data, size_t packed) {
    uint8_t head[30] = {'P', 'K', 3, 4, 20};
    put(head + 8, (uint64_t)method, 2);
    put(head + 14, crc32_z(0, (const uint8_t *)stored, sizeof stored - 1), 4);
    put(head + 18, packed, 4);
    put(head + 22, sizeof stored - 1, 4);
    put(head + 26, strlen(name), 2);
    add(a, head, sizeof head);
    add(a, name, strlen(name));
    add(a, data, packed);
}

static void add_entry(struct archive *a, size_t local, const char *name) {
    uint8_t entry[46] = {'P', 'K', 1, 2, 20};
    memcpy(entry + 6, a->bytes + local + 4, 26);
    put(entry + 42, local, 4);
    add(a, entry, sizeof entry);
    add(a, name, strlen(name));
}

static struct archive good_archive(void) {
    struct archive a = {.size = 0};
    uint8_t packed[256], end[22] = {'P', 'K', 5, 6};
    add_local(&a, "a.npy", 0, (const uint8_t *)stored, sizeof stored - 1);
    a.first_data = 35;
    a.second = a.size;
    add_local(&a, "b.npy", 8, packed, deflated(packed, sizeof packed));
    a.second_data = a.second + 35;
    a.directory = a.size;
    add_entry(&a, a.first, "a.npy");
    a.second_entry = a.size;
    add_entry(&a, a.second, "b.npy");
    a.end = a.size;
    put(end + 8, 2, 2);
    put(end + 10, 2, 2);
    put(end + 12, a.end - a.directory, 4);
    put(end + 16, a.directory, 4);
    add(&a, end, sizeof end);
    return a;
}

static ssize_t pread_memory(void *user, int number, void *to, size_t bytes, off_t at) {
    const struct archive *a = user;
    (void)number;
    assert_true((size_t)at <= a->size && bytes <= a->size - (size_t)at); /* nothing beyond the file is asked for */
    memcpy(to, a->bytes + at, bytes);
    return (ssize_t)bytes;
}

/* Opens the archive and takes both arrays: the first failure of the three. */
static attn_status take_all(attn_ctx *ctx, struct archive *a) {
    const struct attn_file_system system = {.user = a, .pread = pread_memory};
    struct attn_npz npz = {.file = {&system, 0, a->size}, .path = "x.npz"};
    struct attn_npy array;
    attn_status status = attn_zip_open(ctx, &npz.file, npz.path, &npz.zip);
    if (status != ATTN_OK) return status;
    for (int i = 0; i < 2 && status == ATTN_OK; i++) {
        status = attn_npz_take(ctx, &npz, i == 0 ? "a" : "b", &array);
        if (status == ATTN_OK) {
            assert_true(array.count == 4 && memcmp(array.data, "abcd", 4) == 0);
            attn_npy_free(ctx, &array);
        }
    }
    attn_zip_free(ctx, &npz.zip);
    return status;
}

/* Where a value of so many bytes is put: from the start of a member, of an entry of the directory or of the end. */
enum base { FIRST, FIRST_DATA, SECOND, SECOND_DATA, ENTRY_1, ENTRY_2, END };

static const struct {
    enum base base;
    int offset, bytes;
    uint64_t value;
    const char *sentence;
} archives[] = {
    {END, 0, 1, 'Q', "found no record of the end of a zip archive"},
    {END, 20, 2, 1, "found no record of the end of a zip archive"},
    {END, 4, 2, 1, "found an archive of several disks"},
    {END, 6, 2, 1, "found an archive of several disks"},
    {END, 8, 2, 1, "found an archive of several disks"},
    {END, 12, 4, 5, "found a directory that does not end where this record begins"},
    {END, 16, 4, 0, "found a directory that does not end"},
    {END, 16, 4, 0x7FFFFFFF, "found a directory that does not end"},
    {END, 8, 4, 0x00010001, "found more in the directory than its members"},
    {END, 8, 4, 0x00030003, "found more members than the directory has room for"},
    {END, 8, 4, 0xFFFEFFFE, "found more members than the directory has room for"},
    {END, 8, 4, 0xFFFFFFFF, "found no locator of a 64-bit record"},
    {END, 12, 4, 0xFFFFFFFF, "found no locator of a 64-bit record"},
    {END, 16, 4, 0xFFFFFFFF, "found no locator of a 64-bit record"},
    {ENTRY_1, 0, 1, 'Q', "found no entry of the directory"},
    {ENTRY_2, 3, 1, 3, "found no entry of the directory"},
    {ENTRY_1, 8, 2, 1, "found an encrypted member"},
    {ENTRY_1, 8, 2, 0x2000, "found an encrypted member"},
    {ENTRY_1, 10, 2, 12, "found packing method 12, expected 0 (stored) or 8 (deflated)"},
    {ENTRY_1, 28, 2, 0, "found a member's name that is empty"},
    {ENTRY_2, 28, 2, 6, "found an entry that ends behind the directory"},
    {ENTRY_2, 30, 2, 65535, "found an entry that ends behind the directory"},
    {ENTRY_2, 32, 2, 65535, "found an entry that ends behind the directory"},
    {ENTRY_1, 28, 2, 4, "found no entry of the directory"},
    {ENTRY_1, 34, 2, 1, "found a member on another disk"},
    {ENTRY_1, 46, 1, 0, "found a member's name"},
    {ENTRY_1, 46, 1, '/', "found a member's name that is empty, leads outside"},
    {ENTRY_1, 46, 3, 0x2F2E2E, "found a member's name that is empty, leads outside"}, /* ../ */
    {ENTRY_1, 47, 1, '\\', "found a member's name"},
    {ENTRY_1, 48, 1, 0x1B, "found a member's name"},
    {ENTRY_1, 46, 1, 'c', "member \"c.npy\": found another name in its header"},
    {ENTRY_1, 20, 4, 1, "found a stored member of two sizes"},
    {ENTRY_2, 20, 4, 0x7FFFFFFF, "found a member larger than the file"},
    {ENTRY_2, 20, 4, 0xFFFFFFFF, "found a member larger than the file"}, /* and no field of zip64 says otherwise */
    {ENTRY_2, 42, 4, 0x7FFFFFFF, "found a member behind the directory"},
    {ENTRY_2, 42, 4, 1, "found no header of a member"},
    {ENTRY_2, 42, 4, 0, "member \"b.npy\": found another name in its header"},
    {ENTRY_2, 24, 4, 1, "member \"b.npy\": found other sizes in its header"},
    {ENTRY_2, 16, 4, 1, "member \"b.npy\": found other sizes in its header"},
    {FIRST, 0, 1, 'Q', "member \"a.npy\": found no header of a member"},
    {FIRST, 6, 2, 2, "member \"a.npy\": found other flags or another method"},
    {FIRST, 8, 2, 8, "member \"a.npy\": found other flags or another method"},
    {FIRST, 26, 2, 6, "member \"a.npy\": found another name"},
    {FIRST, 28, 2, 1, "found the next member there, expected it at byte"}, /* its data would end inside the second */
    {FIRST, 28, 2, 65535, "member \"a.npy\": found data beyond the members"},
    {SECOND, 28, 2, 65535, "member \"b.npy\": found data beyond the members"},
    {SECOND, 18, 4, 7, "member \"b.npy\": found other sizes in its header"},
    {FIRST_DATA, 69, 1, 'x', "member \"a.npy\": found bytes with another checksum"},
    {SECOND_DATA, 0, 1, 0xFF, "x.npz: member \"b.npy\": byte"},
    {SECOND_DATA, 1, 4, 0, "x.npz: member \"b.npy\": byte"},
};

static void every_malformed_archive_is_refused_with_its_byte_or_member(void **state) {
    (void)state;
    struct archive good = good_archive();
    attn_ctx *ctx = new_context();
    char text[512];
    if (take_all(ctx, &good) != ATTN_OK) fail_msg("%s", attn_ctx_error(ctx, text, sizeof text));
    attn_ctx_destroy(ctx);
    for (size_t i = 0; i < sizeof archives / sizeof archives[0]; i++) {
        struct archive a = good;
        const size_t bases[] = {a.first, a.first_data, a.second, a.second_data, a.directory, a.second_entry, a.end};
        put(a.bytes + bases[archives[i].base] + archives[i].offset, archives[i].value, archives[i].bytes);
        ctx = new_context();
        must_refuse(ctx, take_all(ctx, &a), ATTN_EINVAL, a.size, archives[i].sentence);
        assert_non_null(strstr(attn_ctx_error(ctx, text, sizeof text), "x.npz: "));
        attn_ctx_destroy(ctx);
    }
}

static void no_archive_that_is_cut_or_has_more_is_accepted(void **state) {
    (void)state;
    const struct archive good = good_archive();
    for (size_t size = 0; size < good.size; size++) {
        struct archive a = good;
        a.size = size;
        attn_ctx *ctx = new_context();
        must_refuse(ctx, take_all(ctx, &a), ATTN_EINVAL, size, "x.npz: byte");
        attn_ctx_destroy(ctx);
    }
    for (int before = 0; before < 2; before++) { /* a byte before the members, and one behind the end */
        struct archive a = good;
        if (before) memmove(a.bytes + 1, a.bytes, a.size);
        a.size++;
        attn_ctx *ctx = new_context();
        must_refuse(ctx, take_all(ctx, &a), ATTN_EINVAL, a.size, "x.npz: byte");
        attn_ctx_destroy(ctx);
    }
}

/* Two entries for one member, and an entry that is there twice: bombs are made so. */
static void members_that_share_bytes_are_refused(void **state) {
    (void)state;
    struct archive a = {.size = 0};
    uint8_t end[22] = {'P', 'K', 5, 6};
    add_local(&a, "a.npy", 0, (const uint8_t *)stored, sizeof stored - 1);
    a.directory = a.size;
    add_entry(&a, 0, "a.npy");
    add_entry(&a, 0, "a.npy");
    put(end + 8, 2, 2);
    put(end + 10, 2, 2);
    put(end + 12, a.size - a.directory, 4);
    put(end + 16, a.directory, 4);
    add(&a, end, sizeof end);
    attn_ctx *ctx = new_context();
    must_refuse(ctx, take_all(ctx, &a), ATTN_EINVAL, a.size, "byte 0: found the next member there, expected it at byte");
    attn_ctx_destroy(ctx);
}

/* A member that says of itself to be larger, or smaller, than it unpacks to, in both places. */
static void sizes_that_lie_are_found_while_unpacking(void **state) {
    (void)state;
    static const struct {
        int change;
        const char *sentence;
    } cases[] = {{-1, "found more than"}, {1, "found fewer bytes than the directory says"}, {1 << 30, "found fewer bytes"}};
    for (int i = 0; i < 3; i++) {
        struct archive a = good_archive();
        const uint64_t size = get(a.bytes + a.second + 22, 4) + (uint64_t)(int64_t)cases[i].change;
        put(a.bytes + a.second + 22, size, 4);
        put(a.bytes + a.second_entry + 24, size, 4);
        attn_ctx *ctx = new_context();
        must_refuse(ctx, take_all(ctx, &a), ATTN_EINVAL, a.size, cases[i].sentence);
        attn_ctx_destroy(ctx);
    }
}
#endif

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_malformed_table_is_refused_with_line_and_column),
#if defined(ATTN_HAVE_ZLIB)
        cmocka_unit_test(every_malformed_packed_text_is_refused_with_its_byte),
        cmocka_unit_test(every_malformed_archive_is_refused_with_its_byte_or_member),
        cmocka_unit_test(no_archive_that_is_cut_or_has_more_is_accepted),
        cmocka_unit_test(members_that_share_bytes_are_refused),
        cmocka_unit_test(sizes_that_lie_are_found_while_unpacking),
#endif
    };
    return cmocka_run_group_tests_name("io: malformed files", tests, NULL, NULL);
}
