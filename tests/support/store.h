/* Folders of runs made by hand, in a store that goes with the test. */
#ifndef ATTN_TESTS_STORE_H
#define ATTN_TESTS_STORE_H

/* A new folder under /tmp; what it held goes with test_store_remove. */
void test_store_make(char path[64]);
void test_store_remove(const char *path);

/* Writes STORE/ID/recipe.json, metrics.jsonl and env.json; NULL leaves one out. */
void test_store_run(const char *store, const char *id, const char *recipe, const char *metrics, const char *env);

/* Writes, and reads, a whole file; what is read is freed by free. */
void test_write_file(const char *path, const char *text);
char *test_read_file(const char *path);

#endif
