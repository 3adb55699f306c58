#include "support/data.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

const char *test_data(const char *name) {
    static char path[4096];
    const char *folder = getenv("ATTN_DATA");
    snprintf(path, sizeof path, "%s/%s", folder != NULL ? folder : "../shared/data", name);
    if (getenv("ATTN_TEST_QUICK") != NULL) skip(); /* real data is large */
    if (access(path, R_OK) != 0) {
        print_message("no %s: left out; ATTN_DATA names the folder of real data\n", path);
        skip();
    }
    return path;
}
