/* The runner of the stand-in for cmocka. */
#include <cmocka.h>

jmp_buf standin_test_end;

int standin_run(const struct CMUnitTest *tests, size_t count, int (*up)(void **state), int (*down)(void **state)) {
    static const char *const words[] = {"passed", "FAILED", "skipped"};
    void *state = NULL;
    volatile int failed = 0;
    if (up && up(&state) != 0) return 1;
    for (volatile size_t i = 0; i < count; i++) {
        const int end = setjmp(standin_test_end);
        if (end == STANDIN_PASSED) tests[i].run(&state);
        print_message("%s: %s\n", tests[i].name, words[end]);
        failed += end == STANDIN_FAILED;
    }
    if (down && down(&state) != 0) failed++;
    return failed;
}
