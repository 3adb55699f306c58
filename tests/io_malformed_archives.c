/* Malformed archives: a right one is made by hand, in each form, then bytes of it are spoilt, one case a line, with what the sentence must
 * hold, its place among it. Memory never passes twice the file and a megabyte. */
#include "io/npz.h"
#include "support/noting.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(ATTN_HAVE_ZLIB)
#include <zlib.h>
#endif

#include <cmocka.h>

#if defined(ATTN_HAVE_ZLIB)
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

static void add_end(struct archive *a, uint64_t members) {
    uint8_t end[22] = {'P', 'K', 5, 6};
    a->end = a->size;
    put(end + 8, members, 2);
    put(end + 10, members, 2);
    put(end + 12, a->end - a->directory, 4);
    put(end + 16, a->directory, 4);
    add(a, end, sizeof end);
}

static struct archive good_archive(void) {
    struct archive a = {.size = 0};
    uint8_t packed[256];
    add_local(&a, "a.npy", 0, (const uint8_t *)stored, sizeof stored - 1);
    a.first_data = 35;
    a.second = a.size;
    add_local(&a, "b.npy", 8, packed, deflated(packed, sizeof packed));
    a.second_data = a.second + 35;
    a.directory = a.size;
    add_entry(&a, a.first, "a.npy");
    a.second_entry = a.size;
    add_entry(&a, a.second, "b.npy");
    add_end(&a, 2);
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
    attn_ctx *ctx = test_noting_context();
    char text[512];
    if (take_all(ctx, &good) != ATTN_OK) fail_msg("%s", attn_ctx_error(ctx, text, sizeof text));
    attn_ctx_destroy(ctx);
    for (size_t i = 0; i < sizeof archives / sizeof archives[0]; i++) {
        struct archive a = good;
        const size_t bases[] = {a.first, a.first_data, a.second, a.second_data, a.directory, a.second_entry, a.end};
        put(a.bytes + bases[archives[i].base] + archives[i].offset, archives[i].value, archives[i].bytes);
        ctx = test_noting_context();
        test_must_refuse(ctx, take_all(ctx, &a), ATTN_EINVAL, a.size, archives[i].sentence);
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
        attn_ctx *ctx = test_noting_context();
        test_must_refuse(ctx, take_all(ctx, &a), ATTN_EINVAL, size, "x.npz: byte");
        attn_ctx_destroy(ctx);
    }
    for (int before = 0; before < 2; before++) { /* a byte before the members, and one behind the end */
        struct archive a = good;
        if (before) memmove(a.bytes + 1, a.bytes, a.size);
        a.size++;
        attn_ctx *ctx = test_noting_context();
        test_must_refuse(ctx, take_all(ctx, &a), ATTN_EINVAL, a.size, "x.npz: byte");
        attn_ctx_destroy(ctx);
    }
}

/* Two entries for one member, and an entry that is there twice: bombs are made so. */
static void members_that_share_bytes_are_refused(void **state) {
    (void)state;
    struct archive a = {.size = 0};
    add_local(&a, "a.npy", 0, (const uint8_t *)stored, sizeof stored - 1);
    a.directory = a.size;
    add_entry(&a, 0, "a.npy");
    add_entry(&a, 0, "a.npy");
    add_end(&a, 2);
    attn_ctx *ctx = test_noting_context();
    test_must_refuse(ctx, take_all(ctx, &a), ATTN_EINVAL, a.size, "byte 0: found the next member there, expected it at byte");
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
        attn_ctx *ctx = test_noting_context();
        test_must_refuse(ctx, take_all(ctx, &a), ATTN_EINVAL, a.size, cases[i].sentence);
        attn_ctx_destroy(ctx);
    }
}

/* ------------------------------------------------------------------------------------------------------------- zip64 */

/* The same archive as large ones are: sizes and places of the members in a field of 64 bits behind their names, and a record of the end of
 * 64 bits with its locator. Places in it: */
struct large {
    struct archive a;
    size_t entry, record, locator, end;
};

static struct large good_large(void) {
    struct large l = {.entry = 0};
    struct archive *a = &l.a;
    uint8_t record[56] = {'P', 'K', 6, 6}, locator[20] = {'P', 'K', 6, 7}, end[22] = {'P', 'K', 5, 6};
    *a = good_archive();
    a->size = a->directory;
    for (int i = 0; i < 2; i++) {
        const size_t local = i == 0 ? a->first : a->second, entry = a->size;
        uint8_t extra[28] = {1, 0, 24, 0};
        add_entry(a, local, i == 0 ? "a.npy" : "b.npy");
        put(extra + 4, get(a->bytes + local + 22, 4), 8);
        put(extra + 12, get(a->bytes + local + 18, 4), 8);
        put(extra + 20, local, 8);
        put(a->bytes + entry + 20, UINT32_MAX, 4);
        put(a->bytes + entry + 24, UINT32_MAX, 4);
        put(a->bytes + entry + 30, sizeof extra, 2);
        put(a->bytes + entry + 42, UINT32_MAX, 4);
        add(a, extra, sizeof extra);
        l.entry = i == 0 ? entry : l.entry;
    }
    l.record = a->size;
    put(record + 4, 44, 8);
    put(record + 24, 2, 8);
    put(record + 32, 2, 8);
    put(record + 40, l.record - a->directory, 8);
    put(record + 48, a->directory, 8);
    add(a, record, sizeof record);
    l.locator = a->size;
    put(locator + 8, l.record, 8);
    put(locator + 16, 1, 4);
    add(a, locator, sizeof locator);
    l.end = a->size;
    put(end + 8, UINT32_MAX, 4);
    put(end + 12, UINT32_MAX, 4);
    put(end + 16, UINT32_MAX, 4);
    add(a, end, sizeof end);
    return l;
}

enum large_base { LARGE_ENTRY, LARGE_RECORD, LARGE_LOCATOR };

static const struct {
    enum large_base base;
    int offset, bytes;
    uint64_t value;
    const char *sentence;
} larges[] = {
    {LARGE_LOCATOR, 0, 1, 'Q', "found no locator of a 64-bit record"},
    {LARGE_LOCATOR, 4, 4, 1, "found no locator of a 64-bit record"},
    {LARGE_LOCATOR, 16, 4, 2, "found no locator of a 64-bit record"},
    {LARGE_LOCATOR, 8, 8, 0, "found a locator that points elsewhere"},
    {LARGE_LOCATOR, 8, 8, UINT64_MAX, "found a locator that points elsewhere"},
    {LARGE_RECORD, 0, 1, 'Q', "found no 64-bit record of a single disk"},
    {LARGE_RECORD, 4, 8, 45, "found no 64-bit record of a single disk"},
    {LARGE_RECORD, 16, 4, 1, "found no 64-bit record of a single disk"},
    {LARGE_RECORD, 20, 4, 1, "found no 64-bit record of a single disk"},
    {LARGE_RECORD, 24, 8, 3, "found no 64-bit record of a single disk"},
    {LARGE_RECORD, 40, 8, UINT64_MAX, "found a directory that does not end where this record begins"},
    {LARGE_RECORD, 48, 8, UINT64_MAX, "found a directory that does not end where this record begins"},
    {LARGE_ENTRY, 51, 2, 2, "found a member behind the directory"}, /* a field that is not of zip64: the members are at 2^32 - 1 */
    {LARGE_ENTRY, 53, 2, 23, "found an extra field that does not fit"},
    {LARGE_ENTRY, 53, 2, 25, "found an extra field that does not fit"},
    {LARGE_ENTRY, 53, 2, 0, "found an extra field that does not fit"},
    {LARGE_ENTRY, 55, 8, UINT64_MAX, "found a stored member of two sizes"},
    {LARGE_ENTRY, 63, 8, UINT64_MAX, "found a member larger than the file"},
    {LARGE_ENTRY, 71, 8, UINT64_MAX, "found a member behind the directory"},
    {LARGE_ENTRY, 71, 8, 1, "found no header of a member"},
};

static void archives_with_fields_of_64_bits_are_read_and_checked_alike(void **state) {
    (void)state;
    struct large good = good_large();
    attn_ctx *ctx = test_noting_context();
    char text[512];
    if (take_all(ctx, &good.a) != ATTN_OK) fail_msg("%s", attn_ctx_error(ctx, text, sizeof text));
    attn_ctx_destroy(ctx);
    for (size_t i = 0; i < sizeof larges / sizeof larges[0]; i++) {
        struct large l = good;
        const size_t bases[] = {l.entry, l.record, l.locator};
        put(l.a.bytes + bases[larges[i].base] + larges[i].offset, larges[i].value, larges[i].bytes);
        ctx = test_noting_context();
        test_must_refuse(ctx, take_all(ctx, &l.a), ATTN_EINVAL, l.a.size, larges[i].sentence);
        attn_ctx_destroy(ctx);
    }
    for (size_t size = 0; size < good.a.size; size++) {
        struct large l = good;
        l.a.size = size;
        ctx = test_noting_context();
        test_must_refuse(ctx, take_all(ctx, &l.a), ATTN_EINVAL, size, "x.npz: byte");
        attn_ctx_destroy(ctx);
    }
}
#else
static void archives_name_what_to_install(void **state) {
    (void)state;
    attn_ctx *ctx;
    struct attn_npz npz;
    assert_int_equal(attn_ctx_create(NULL, &ctx, NULL, 0), ATTN_OK);
    assert_int_equal(attn_npz_open(ctx, NULL, "fuzz/corpus/npz/savez", &npz), ATTN_EUNSUPPORTED);
    attn_ctx_destroy(ctx);
}
#endif

int main(void) {
    const struct CMUnitTest tests[] = {
#if defined(ATTN_HAVE_ZLIB)
        cmocka_unit_test(every_malformed_archive_is_refused_with_its_byte_or_member),
        cmocka_unit_test(no_archive_that_is_cut_or_has_more_is_accepted),
        cmocka_unit_test(members_that_share_bytes_are_refused),
        cmocka_unit_test(sizes_that_lie_are_found_while_unpacking),
        cmocka_unit_test(archives_with_fields_of_64_bits_are_read_and_checked_alike),
#else
        cmocka_unit_test(archives_name_what_to_install),
#endif
    };
    return cmocka_run_group_tests_name("io: malformed archives", tests, NULL, NULL);
}
