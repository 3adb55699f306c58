/* SHA-256 of the standard's examples (NIST's "SHA-256 example values", and its million letters), in one piece and in pieces of every size. */
#include "base/sha256.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void the_standards_examples_come_out(void **state) {
    static const struct {
        const char *text, *hash;
    } example[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
        {"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
         "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"},
    };
    char text[ATTN_SHA256_TEXT];
    struct attn_sha256 hash;
    (void)state;
    for (size_t i = 0; i < sizeof example / sizeof example[0]; i++) {
        attn_sha256_begin(&hash);
        attn_sha256_add(&hash, example[i].text, strlen(example[i].text));
        attn_sha256_end(&hash, text);
        assert_string_equal(text, example[i].hash);
    }
}

static void pieces_of_any_size_make_the_same(void **state) {
    enum { LETTERS = 1000000 };
    char *letters = malloc(LETTERS), text[ATTN_SHA256_TEXT];
    (void)state;
    assert_non_null(letters);
    memset(letters, 'a', LETTERS);
    for (size_t piece = 1; piece < LETTERS; piece = piece < 130 ? piece + 1 : piece * 3) {
        struct attn_sha256 hash;
        attn_sha256_begin(&hash);
        for (size_t at = 0; at < LETTERS; at += piece) attn_sha256_add(&hash, letters + at, LETTERS - at < piece ? LETTERS - at : piece);
        attn_sha256_end(&hash, text);
        assert_string_equal(text, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    }
    free(letters);
}

/* The lengths around those at which the padding takes another block, as sha256sum has them; and all in one piece as one by one. */
static void every_length_is_padded(void **state) {
    static const struct {
        size_t bytes;
        const char *hash;
    } known[] = {
        {55, "576a1bf8d4478657e6dc4af9398544765c2a92cde28478b019235cfed315fc09"},
        {56, "9b20501dfd1d99161c257950f3444f3e49230c351c5c8e0943ef369f85f5205d"},
        {63, "30b345906b493f06f69444b6521113511c242f30e29840462950035043682f1e"},
        {64, "d8bc63b4fc1156e5e7d95a418b9bf54cd3174bedbc2db40f74895349b229b3c0"},
        {65, "1ee23b0fbcaecc1aff4a9e8f1645f35ab2c8e13609cd73b68df8b5e3f63ce073"},
        {119, "7a6589821178918ca8d9edaba5abfc1e9b2669564f4469b66885379c1530b2c8"},
        {120, "655250427d56b1b0eeb8497d21428704273458a01772d6881b65c0abac0f8a98"},
        {127, "67d79933e3c9aa8e89f481e071cfca1e9a16c09d7263b5efa3bb01f1a9f8d065"},
        {128, "54c9eb041badfd7064645067b107661fed6113197ce2dd066ba69618abd3732f"},
    };
    uint8_t bytes[200];
    char one[ATTN_SHA256_TEXT], many[ATTN_SHA256_TEXT], before[ATTN_SHA256_TEXT] = "";
    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)(i * 7);
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        struct attn_sha256 hash;
        attn_sha256_begin(&hash);
        attn_sha256_add(&hash, bytes, known[i].bytes);
        attn_sha256_end(&hash, one);
        assert_string_equal(one, known[i].hash);
    }
    for (size_t n = 0; n <= sizeof bytes; n++) {
        struct attn_sha256 hash;
        attn_sha256_begin(&hash);
        attn_sha256_add(&hash, bytes, n);
        attn_sha256_end(&hash, one);
        attn_sha256_begin(&hash);
        for (size_t i = 0; i < n; i++) attn_sha256_add(&hash, bytes + i, 1);
        attn_sha256_end(&hash, many);
        assert_string_equal(one, many);
        assert_string_not_equal(one, before);
        memcpy(before, one, sizeof before);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_standards_examples_come_out),
        cmocka_unit_test(pieces_of_any_size_make_the_same),
        cmocka_unit_test(every_length_is_padded),
    };
    return cmocka_run_group_tests_name("base: SHA-256", tests, NULL, NULL);
}
