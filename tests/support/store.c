#include "support/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

void test_store_make(char path[64]) {
    snprintf(path, 64, "/tmp/attn-store-XXXXXX");
    assert_non_null(mkdtemp(path));
}

void test_store_remove(const char *path) {
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", path);
    assert_int_equal(system(command), 0);
}

void test_write_file(const char *path, const char *text) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    const int closed = fclose(file);
    assert_int_equal(closed, 0);
}

char *test_read_file(const char *path) {
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    const size_t size = (size_t)ftell(file);
    char *text = malloc(size + 1);
    assert_non_null(text);
    rewind(file);
    assert_int_equal(fread(text, 1, size, file), size);
    text[size] = '\0';
    fclose(file);
    return text;
}

static void write_in(const char *folder, const char *name, const char *text) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (text) test_write_file(path, text);
}

void test_store_run(const char *store, const char *id, const char *recipe, const char *metrics, const char *env) {
    char folder[256];
    snprintf(folder, sizeof folder, "%s/%s", store, id);
    mkdir(folder, 0777);
    write_in(folder, "metrics.jsonl", metrics);
    write_in(folder, "env.json", env);
    write_in(folder, "recipe.json", recipe);
}
