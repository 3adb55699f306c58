/* attn mask, run as a user runs it: pictures, numbers, names of windows, JSON, PNG, exit statuses. */
#include "support/shell.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { OUTPUT = 1 << 16 };

/* Output of `attn mask ARGUMENTS`, both streams; the exit status. */
static int run(const char *arguments, char *output) {
    char line[2048];
    snprintf(line, sizeof line, "\"$ATTN\" mask %s", arguments);
    return test_shell(".", line, output, OUTPUT);
}

static const struct {
    const char *arguments;
    int status;
    const char *says[4]; /* pieces of the output */
} CASES[] = {
    {"causal --len 4",
     0,
     {"causal\n\n#...\n##..\n###.\n####\n", "area               10 pairs", "flash-attention    causal=True", "least 1, median 3, most 4"}},
    {"sliding_window_causal:1024 --len 16K",
     0,
     {"area               16268800 pairs", "1025 keys", "window_size=(1024, 0)", "sliding_window=1025"}},
    {"sliding_window:3,2 --len 16", 0, {"window             6 keys: the query's own, 3 to the left, 2 to the right", "window_size=(3, 2)"}},
    {"causal:bottom-right --len 2 --kv-len 5", 0, {"####.\n#####\n", "flash-attention    causal=True"}},
    {"'document:2,3'", 0, {"##...\n##...\n..###\n", "compiled for these lengths"}},
    {"causal --mask '!cols:0,1' --mask rows:0,3 --len 4", 0, {"....\n.#..\n.##.\n....\n"}},
    {"document:2,3 --json",
     0,
     {"{\"mask\":\"full_document:2,3\",\"q_len\":5,", "\"area\":13", "\"keys_max\":3", "\"flash_attention\":null"}},
    {"full --len 1K --tile 256", 0, {"tiles              of 256 x 256: 16 full, 0 partial, 0 empty"}},
    {"full --len 0", 0, {"0 queries x 0 keys"}},
    {"--help", 0, {"usage: attn mask SPEC", "Example:"}},
    {"", 2, {"attn: mask: no mask is given"}},
    {"causal", 2, {"--len N"}},
    {"'causal & windw:3' --len 4", 2, {"attn: mask: no pattern has the name 'windw'", "\n  causal & windw:3\n           ^\n"}},
    {"causal --len 4 --kv-len 5", 2, {"causal:bottom-right"}},
    {"document:2,3 --len 6", 2, {"bound to 5 queries x 5 keys"}},
    {"causal --len -1", 2, {"--len -1"}},
    {"causal --len 4 --png /no/such/folder/x.png", 2, {"/no/such/folder/x.png"}},
};

static void every_command_line_answers_as_written(void **state) {
    (void)state;
    char *output = malloc(OUTPUT);
    for (size_t n = 0; n < sizeof CASES / sizeof *CASES; n++) {
        const int status = run(CASES[n].arguments, output);
        for (int i = 0; i < 4 && CASES[n].says[i]; i++)
            if (!strstr(output, CASES[n].says[i]))
                fail_msg("attn mask %s must say '%s':\n%s", CASES[n].arguments, CASES[n].says[i], output);
        if (status != CASES[n].status)
            fail_msg("attn mask %s: exit status %d, must be %d:\n%s", CASES[n].arguments, status, CASES[n].status, output);
    }
    free(output);
}

static void a_picture_is_a_png(void **state) {
    (void)state;
    static const unsigned char signature[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    char name[] = "attn_mask_XXXXXX", arguments[128], *output = malloc(OUTPUT);
    unsigned char head[24];
    const int file = mkstemp(name);
    snprintf(arguments, sizeof arguments, "causal --len 2K --png %s", name);
    const int status = run(arguments, output);
    if (status == 3 && strstr(output, "without libpng")) {
        unlink(name);
        skip();
    }
    assert_int_equal(status, 0);
    close(file);
    FILE *picture = fopen(name, "rb");
    assert_non_null(picture);
    assert_int_equal(fread(head, 1, sizeof head, picture), sizeof head);
    assert_memory_equal(head, signature, sizeof signature);
    assert_true(head[18] == 4 && head[19] == 0 && head[22] == 4 && head[23] == 0); /* 1024 x 1024 */
    fclose(picture);
    unlink(name);
    free(output);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_command_line_answers_as_written),
        cmocka_unit_test(a_picture_is_a_png),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
