/* The program as a user runs it, from a shell. */
#ifndef TEST_SUPPORT_SHELL_H
#define TEST_SUPPORT_SHELL_H

#include <stddef.h>

/* Runs a line in a folder, in which "$ATTN" is the program (ATTN_PROGRAM); both streams go to `output`, cut off at `size` bytes. The line's exit
 * status; -1: a signal ended it. Skips the test where there is no such program. */
int test_shell(const char *folder, const char *line, char *output, size_t size);

#endif
