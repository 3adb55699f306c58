#include "support/shell.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

int test_shell(const char *folder, const char *line, char *output, size_t size) {
    char command[8192];
    const char *program = getenv("ATTN_PROGRAM");
    if (program == NULL || access(program, X_OK) != 0) skip();
    setenv("ATTN", program, 1);
    const int length = snprintf(command, sizeof command, "cd '%s' && { %s ; } 2>&1", folder, line);
    assert_true(length > 0 && length < (int)sizeof command);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    output[fread(output, 1, size - 1, pipe)] = '\0';
    const int status = pclose(pipe);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
