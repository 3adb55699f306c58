/* main.c on the machine that compiles it. */
#include "say.h"

#include <stdio.h>

void say(const char *text) {
    fputs(text, stdout);
}
