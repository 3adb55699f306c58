/* The one option parser of all commands. A command lists its options in a table; parsing fills the variables that the table points
 * at and checks every value. Long options only: --name value, --name=value, flags --name. Numbers take the suffixes K, M, G of
 * powers of 1024, so 16K is 16384. */
#ifndef ATTN_CLI_OPTIONS_H
#define ATTN_CLI_OPTIONS_H

#include "base/nearest.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ATTN_OPTION_VALUES = 64 };

/* Words given by repeating an option, or one word list cut at commas (attn_words_split). */
struct attn_words {
    const char *item[ATTN_OPTION_VALUES];
    int count;
};

/* Integers given as 1K,4K,16K. */
struct attn_integers {
    int64_t item[ATTN_OPTION_VALUES];
    int count;
};

enum attn_option_kind {
    ATTN_OPTION_FLAG,     /* bool */
    ATTN_OPTION_TEXT,     /* const char *; given twice is a mistake */
    ATTN_OPTION_WORDS,    /* struct attn_words, one word each time it is given */
    ATTN_OPTION_INTEGER,  /* int64_t in [low, high] */
    ATTN_OPTION_INTEGERS, /* struct attn_integers, each in [low, high] */
    ATTN_OPTION_REAL      /* double in [low, high] */
};

struct attn_option {
    const char *name; /* without the dashes */
    enum attn_option_kind kind;
    void *value;      /* what the kind says; holds the default */
    const char *meta; /* what the help calls the value */
    const char *help;
    double low, high;
};

struct attn_usage {
    const char *command;   /* "bench kernels" */
    const char *arguments; /* what stands after the options, "SPEC"; NULL: nothing may */
    const char *summary;   /* one or a few sentences */
    const char *example;   /* a command line */
    const struct attn_option *options;
    int count;
};

/* Parses argv[1..]. Words that are no options go to `rest` (NULL: there may be none). Returns -1 when the command should go on, else its
 * exit status: --help was printed, or a mistake was reported. */
int attn_options_parse(const struct attn_usage *usage, int argc, char **argv, struct attn_words *rest);

/* Cuts `text` at `separator` in place (',', or ';' between masks);
 * blanks around the pieces are dropped. False: more than ATTN_OPTION_VALUES pieces. */
bool attn_words_split(char *text, char separator, struct attn_words *out);

/* The words as one mask: "a" or "(a) & (b) & ...". False: longer than size. */
bool attn_words_and(const struct attn_words *words, char *text, size_t size);

/* "16K", "-3", "1048576". False: no integer, or out of range. */
bool attn_integer_parse(const char *text, int64_t *out);

/* --help, or -h as elsewhere. */
bool attn_asks_help(const char *word);

#endif
