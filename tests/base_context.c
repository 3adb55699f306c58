/* Contexts: defaults, refused configurations, the environment, memory, log and the last error; processor and version texts. */
#include "base/clock.h"
#include "base/context.h"
#include "base/cpu.h"
#include "base/parallel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char text[1024];

static attn_status create(const attn_ctx_config *config, attn_ctx **ctx) {
    text[0] = 0;
    return attn_ctx_create(config, ctx, text, sizeof(text));
}

static void assert_refused(const attn_ctx_config *config, attn_status status, const char *part) {
    attn_ctx *ctx = (attn_ctx *)&text;
    assert_int_equal(create(config, &ctx), status);
    assert_null(ctx);
    if (!strstr(text, part)) fail_msg("\"%s\" lacks \"%s\"", text, part);
}

static void defaults_give_a_working_context(void **state) {
    (void)state;
    attn_ctx *ctx;
    assert_int_equal(create(NULL, &ctx), ATTN_OK);
    assert_int_equal(attn_ctx_threads(ctx), attn_cpu_count());
    assert_string_equal(attn_ctx_isa(ctx), attn_isa_name(attn_cpu_isa() & attn_isa_built()));
    assert_string_equal(attn_ctx_error(ctx, text, sizeof(text)), "");
    attn_ctx_destroy(ctx);
    attn_ctx_destroy(NULL);
}

static void *no_memory(void *user, size_t bytes, size_t alignment) {
    (void)user;
    (void)bytes;
    (void)alignment;
    return NULL;
}

static void release_nothing(void *user, void *memory) {
    (void)user;
    (void)memory;
}

static void wrong_configurations_are_refused_with_a_sentence(void **state) {
    (void)state;
    attn_ctx_config config;
    attn_ctx_config_init(&config);
    config.size--;
    assert_refused(&config, ATTN_EINVAL, "config.size");
    attn_ctx_config_init(&config);
    config.allocate = no_memory;
    assert_refused(&config, ATTN_EINVAL, "config.release is NULL");
    config.allocate = NULL;
    config.release = release_nothing;
    assert_refused(&config, ATTN_EINVAL, "config.allocate is NULL");
    config.allocate = no_memory;
    assert_refused(&config, ATTN_ENOMEM, "no memory");
    attn_ctx_config_init(&config);
    config.threads = -1;
    assert_refused(&config, ATTN_EINVAL, "config.threads is -1");
    config.threads = 1 << 20;
    assert_refused(&config, ATTN_EINVAL, "config.threads is 1048576");
    assert_int_equal(attn_ctx_create(NULL, NULL, NULL, 0), ATTN_EINVAL);
}

static void the_environment_sets_threads_and_instruction_set(void **state) {
    (void)state;
    attn_ctx *ctx;
    setenv("ATTN_THREADS", "3", 1);
    assert_int_equal(create(NULL, &ctx), ATTN_OK);
    assert_int_equal(attn_ctx_threads(ctx), 3);
    attn_ctx_destroy(ctx);
    static const char *const bad[] = {"0", "-1", "two", "3x", "99999999999999999999"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        setenv("ATTN_THREADS", bad[i], 1);
        assert_refused(NULL, ATTN_EINVAL, "ATTN_THREADS");
    }
    unsetenv("ATTN_THREADS");
    setenv("ATTN_ISA", "portable", 1);
    assert_int_equal(create(NULL, &ctx), ATTN_OK);
    assert_string_equal(attn_ctx_isa(ctx), "portable");
    attn_ctx_destroy(ctx);
    setenv("ATTN_ISA", "mmx", 1);
    assert_refused(NULL, ATTN_EUNSUPPORTED, "mmx");
    assert_refused(NULL, ATTN_EUNSUPPORTED, "portable, neon, avx2, avx512 or avx512_bf16");
    static const struct {
        const char *name;
        uint32_t bits;
    } sets[] = {{"neon", ATTN_ISA_NEON}, {"avx2", ATTN_ISA_AVX2}, {"avx512", ATTN_ISA_AVX512}, {"avx512_bf16", ATTN_ISA_AVX512_BF16}};
    for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
        setenv("ATTN_ISA", sets[i].name, 1);
        if (attn_isa_built() & attn_cpu_isa() & sets[i].bits) {
            assert_int_equal(create(NULL, &ctx), ATTN_OK);
            assert_string_equal(attn_ctx_isa(ctx), sets[i].name);
            attn_ctx_destroy(ctx);
        } else {
            assert_refused(NULL, ATTN_EUNSUPPORTED, sets[i].name);
        }
    }
    unsetenv("ATTN_ISA");
}

static void the_last_error_is_kept_cut_and_replaced(void **state) {
    (void)state;
    attn_ctx *ctx;
    assert_int_equal(create(NULL, &ctx), ATTN_OK);
    assert_int_equal(attn_fail(ctx, ATTN_ESHAPE, "first: %d", 1), ATTN_ESHAPE);
    assert_string_equal(attn_ctx_error(ctx, text, sizeof(text)), "first: 1");
    assert_int_equal(attn_fail(ctx, ATTN_ESYSTEM, "%2000d", 7), ATTN_ESYSTEM);
    assert_int_equal(strlen(attn_ctx_error(ctx, text, sizeof(text))), 1023);
    attn_fail(ctx, ATTN_EMASK, "second");
    assert_string_equal(attn_ctx_error(ctx, text, 4), "sec");
    text[0] = 'x';
    assert_ptr_equal(attn_ctx_error(ctx, text, 0), text);
    assert_int_equal(text[0], 'x');
    assert_string_equal(attn_ctx_error(NULL, text, sizeof(text)), "");
    assert_int_equal(attn_fail(NULL, ATTN_EINVAL, "nobody"), ATTN_EINVAL);
    attn_ctx_destroy(ctx);
}

static void keep_line(void *user, attn_log_level level, const char *line) {
    snprintf(user, 64, "%d %s", (int)level, line);
}

static void the_log_hears_errors_and_is_silent_by_default(void **state) {
    (void)state;
    char line[64] = "";
    attn_ctx_config config;
    attn_ctx_config_init(&config);
    config.log = keep_line;
    config.log_user = line;
    attn_ctx *ctx;
    assert_int_equal(create(&config, &ctx), ATTN_OK);
    attn_fail(ctx, ATTN_EINVAL, "wrong");
    assert_string_equal(line, "0 wrong");
    attn_log(ctx, ATTN_LOG_DEBUG, "n = %d", 5);
    assert_string_equal(line, "3 n = 5");
    attn_ctx_destroy(ctx);
    assert_int_equal(create(NULL, &ctx), ATTN_OK);
    attn_log(ctx, ATTN_LOG_ERROR, "nobody hears");
    attn_ctx_destroy(ctx);
}

static void memory_is_aligned_and_sizes_are_checked(void **state) {
    enum { HUGE_PAGES = 8 << 20 };
    (void)state;
    attn_ctx *ctx;
    size_t size;
    assert_int_equal(create(NULL, &ctx), ATTN_OK);
    for (size_t bytes = 0; bytes < 300; bytes += 37) {
        char *memory = attn_alloc(ctx, bytes);
        assert_non_null(memory);
        assert_int_equal((uintptr_t)memory % 64, 0);
        memset(memory, 1, bytes);
        attn_free(ctx, memory);
    }
    for (size_t bytes = HUGE_PAGES - 1; bytes <= HUGE_PAGES + 1; bytes++) { /* from there on in pages of 2 MiB */
        char *memory = attn_alloc(ctx, bytes);
        assert_non_null(memory);
        assert_int_equal((uintptr_t)memory % (bytes < HUGE_PAGES ? 64 : HUGE_PAGES / 4), 0);
        memory[0] = memory[bytes - 1] = 1;
        attn_free(ctx, memory);
    }
    attn_free(ctx, NULL);
    assert_null(attn_alloc(ctx, SIZE_MAX));
    assert_int_equal(attn_no_memory(ctx, "test", 99), ATTN_ENOMEM);
    assert_non_null(strstr(attn_ctx_error(ctx, text, sizeof(text)), "99"));
    assert_false(attn_mul_size(SIZE_MAX / 2, 3, &size));
    assert_false(attn_add_size(SIZE_MAX, 1, &size));
    assert_true(attn_mul_size(6, 7, &size) && size == 42);
    attn_ctx_destroy(ctx);
}

static void statuses_have_their_names(void **state) {
    (void)state;
    assert_string_equal(attn_status_name(ATTN_OK), "ATTN_OK");
    assert_string_equal(attn_status_name(ATTN_EUNSUPPORTED), "ATTN_EUNSUPPORTED");
    assert_string_equal(attn_status_name(ATTN_ESYSTEM), "ATTN_ESYSTEM");
    assert_string_equal(attn_status_name(ATTN_EFULL), "ATTN_EFULL");
    assert_string_equal(attn_status_name((attn_status)9), "unknown status");
    assert_string_equal(attn_status_name((attn_status)-1), "unknown status");
}

static void processor_and_version_are_told(void **state) {
    (void)state;
    attn_cpu_name(text, sizeof(text));
    assert_true(strlen(text) > 0);
    attn_cpu_name(text, 4);
    assert_true(strlen(text) <= 3);
    assert_int_equal(attn_isa_parse("portable"), 0);
    assert_int_equal(attn_isa_parse("avx512"), ATTN_ISA_AVX2 | ATTN_ISA_AVX512);
    assert_int_equal(attn_isa_parse("AVX512"), -1);
    attn_isa_list(ATTN_ISA_AVX2 | ATTN_ISA_AVX512, " and ", text, sizeof(text));
    assert_string_equal(text, "portable, avx2 and avx512");
    attn_isa_list(0, " and ", text, sizeof(text));
    assert_string_equal(text, "portable");
    attn_isa_list(ATTN_ISA_AVX2, " and ", text, 12);
    assert_string_equal(text, "portable an");
    assert_string_equal(attn_isa_name(ATTN_ISA_AVX2 | ATTN_ISA_AVX512 | ATTN_ISA_AVX512_BF16), "avx512_bf16");
    assert_int_equal(attn_version(), ATTN_VERSION);
    assert_non_null(strstr(attn_version_string(), attn_parallel_name()));
    assert_int_equal(strncmp(attn_version_string(), "attn ", 5), 0);
    const double before = attn_clock();
    assert_true(attn_clock() >= before);
}

int main(void) {
    unsetenv("ATTN_THREADS");
    unsetenv("ATTN_ISA");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_give_a_working_context),
        cmocka_unit_test(wrong_configurations_are_refused_with_a_sentence),
        cmocka_unit_test(the_environment_sets_threads_and_instruction_set),
        cmocka_unit_test(the_last_error_is_kept_cut_and_replaced),
        cmocka_unit_test(the_log_hears_errors_and_is_silent_by_default),
        cmocka_unit_test(memory_is_aligned_and_sizes_are_checked),
        cmocka_unit_test(statuses_have_their_names),
        cmocka_unit_test(processor_and_version_are_told),
    };
    return cmocka_run_group_tests_name("base: context", tests, NULL, NULL);
}
