/* What main.c needs of the machine it runs on. */
#ifndef TESTS_EMBEDDED_SAY_H
#define TESTS_EMBEDDED_SAY_H

void say(const char *text);

#endif
