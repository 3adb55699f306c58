/* Arrays between guard pages: a read or write past an array's end (or before its begin) stops the test with a fault.
 * An arena frees them all at once. */
#ifndef TEST_SUPPORT_GUARD_H
#define TEST_SUPPORT_GUARD_H

#include <stdbool.h>
#include <stddef.h>

struct test_map;
struct test_arena {
    struct test_map *maps;
    bool at_begin; /* arrays lie flush against the guard page before them instead of the one behind */
};

/* `bytes` bytes that end (begin) at a guard page, filled with 0; multiples of alignment keep their alignment. */
void *test_guarded(struct test_arena *arena, size_t bytes, size_t alignment);
void test_arena_free(struct test_arena *arena);

#endif
