/* The folder of real data: the environment variable ATTN_DATA, else ../shared/data from the project's root, if it is there. */
#ifndef TEST_SUPPORT_DATA_H
#define TEST_SUPPORT_DATA_H

/* The path of a file of that folder, in a static buffer. Without the folder, or the file: skips the test with a message; with
 * ATTN_TEST_QUICK too. */
const char *test_data(const char *name);

#endif
