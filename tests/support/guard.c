/* Arrays between guard pages: [no access][pages][no access] from one mmap, the array flush against one side. */
#define _GNU_SOURCE
#include "support/guard.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

struct test_map {
    struct test_map *next;
    void *base;
    size_t bytes;
};

void *test_guarded(struct test_arena *arena, size_t bytes, size_t alignment) {
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    const size_t room = (bytes + page - 1) / page * page, total = room + 2 * page;
    char *base = mmap(NULL, total, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct test_map *map = malloc(sizeof(*map));
    if (base == MAP_FAILED || !map || (room && mprotect(base + page, room, PROT_READ | PROT_WRITE) != 0)) {
        fprintf(stderr, "guard pages: the system gave no memory for %zu bytes\n", total);
        abort();
    }
    *map = (struct test_map){arena->maps, base, total};
    arena->maps = map;
    return base + page + (arena->at_begin ? 0 : (room - bytes) / alignment * alignment);
}

void test_arena_free(struct test_arena *arena) {
    while (arena->maps) {
        struct test_map *map = arena->maps;
        arena->maps = map->next;
        munmap(map->base, map->bytes);
        free(map);
    }
}
