/* Replays a corpus without a fuzzer: every file of the folders named, then seeded mutations of each (bytes changed, taken out, cut off).
 * ATTN_TEST_LONG=1 tries a hundred times as many. The input lies in a block of exactly its size, so that the address sanitizer sees
 * each byte read too far. To fuzz for real: clang -fsanitize=fuzzer,address -Iinclude -Isrc fuzz/NAME.c <the sources>. */
#include "base/random.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LIMIT = 1 << 20, MUTATIONS = 200 };

static void feed(const uint8_t *data, size_t size) {
    uint8_t *exact = malloc(size ? size : 1);
    if (!exact)
        abort();
    memcpy(exact, data, size);
    LLVMFuzzerTestOneInput(exact, size);
    free(exact);
}

/* One to four edits of `bytes`. Returns the new size. */
static size_t mutate(struct attn_random *random, uint8_t *bytes, size_t size) {
    for (uint64_t edits = 1 + attn_random_below(random, 4); edits > 0 && size > 0; edits--) {
        const size_t at = (size_t)attn_random_below(random, size);
        switch (attn_random_below(random, 4)) {
        case 0: bytes[at] = (uint8_t)attn_random_u32(random); break;
        case 1: bytes[at] = (uint8_t)(bytes[at] ^ (1u << attn_random_below(random, 8))); break;
        case 2: size = at; break;
        default:
            memmove(bytes + at, bytes + at + 1, size - at - 1);
            size--;
        }
    }
    return size;
}

static int replay(const char *path, struct attn_random *random, int mutations) {
    static uint8_t bytes[LIMIT], changed[LIMIT];
    FILE *file = fopen(path, "rb");
    if (!file)
        return 0;
    const size_t size = fread(bytes, 1, LIMIT, file);
    fclose(file);
    feed(bytes, size);
    for (int i = 0; i < mutations; i++) {
        memcpy(changed, bytes, size);
        feed(changed, mutate(random, changed, size));
    }
    return 1;
}

int main(int argc, char **argv) {
    int files = 0;
    struct attn_random random;
    attn_random_init(&random, 1);
    const int mutations = getenv("ATTN_TEST_LONG") ? 100 * MUTATIONS : MUTATIONS;
    for (int i = 1; i < argc; i++) {
        DIR *folder = opendir(argv[i]);
        if (!folder) {
            fprintf(stderr, "%s: no such folder\n", argv[i]);
            return 2;
        }
        for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
            char path[4096];
            if (entry->d_name[0] != '.' && snprintf(path, sizeof path, "%s/%s", argv[i], entry->d_name) < (int)sizeof path)
                files += replay(path, &random, mutations);
        }
        closedir(folder);
    }
    printf("%d files, %d mutations of each\n", files, mutations);
    return files > 0 ? 0 : 1;
}
