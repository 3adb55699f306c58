/* The option parser: a table is searched for each --name, its value is converted and checked, and every mistake is one sentence that
 * names option, value and what would have been right. */
#include "cli/options.h"

#include "cli/cli.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORD_MAX = 63 };

/* The next separator; of masks ';' it is none before a number or '@', where it stands inside a mask (prefix_lm_document:32;512,300). */
static char *find_separator(char *at, char separator) {
    char *end = strchr(at, separator);
    while (end != NULL && separator == ';' && (isdigit((unsigned char)end[1]) || end[1] == '@')) end = strchr(end + 1, separator);
    return end;
}

bool attn_words_split(char *text, char separator, struct attn_words *out) {
    out->count = 0;
    for (char *at = text; at != NULL;) {
        char *end = find_separator(at, separator);
        char *next = end == NULL ? NULL : end + 1;
        if (end == NULL) end = at + strlen(at);
        while (isspace((unsigned char)*at)) at++;
        while (end > at && isspace((unsigned char)end[-1])) end--;
        *end = '\0';
        if (out->count == ATTN_OPTION_VALUES) return false;
        out->item[out->count++] = at;
        at = next;
    }
    return true;
}

bool attn_words_and(const struct attn_words *words, char *text, size_t size) {
    size_t used = 0;
    text[0] = '\0';
    for (int i = 0; i < words->count; i++) {
        const int wrote = words->count == 1 ? snprintf(text, size, "%s", words->item[0])
                                            : snprintf(text + used, size - used, "%s(%s)", i > 0 ? " & " : "", words->item[i]);
        used += (size_t)wrote;
        if (used >= size) return false;
    }
    return true;
}

static bool integer_prefix(const char *text, const char **end, int64_t *out) {
    char *stop;
    errno = 0;
    const long long value = strtoll(text, &stop, 10);
    if (stop == text || errno != 0 || isspace((unsigned char)*text)) return false;
    int shift = 0;
    if (*stop == 'K' || *stop == 'k')
        shift = 10;
    else if (*stop == 'M' || *stop == 'm')
        shift = 20;
    else if (*stop == 'G' || *stop == 'g')
        shift = 30;
    *end = stop + (shift != 0);
    return !__builtin_mul_overflow(value, 1LL << shift, out);
}

bool attn_integer_parse(const char *text, int64_t *out) {
    const char *end;
    return integer_prefix(text, &end, out) && *end == '\0';
}

static int bad_value(const struct attn_usage *usage, const struct attn_option *option, const char *value) {
    if (option->kind == ATTN_OPTION_REAL)
        return attn_complain("%s: --%s %s: expected a number from %g to %g", usage->command, option->name, value, option->low,
                             option->high);
    char high[32];
    snprintf(high, sizeof high, "%.0f", option->high);
    return attn_complain("%s: --%s %s: expected %s from %.0f to %s", usage->command, option->name, value,
                         option->kind == ATTN_OPTION_INTEGERS ? "whole numbers with commas between them," : "a whole number", option->low,
                         option->high == 0x1p60 ? "2^60" : high);
}

static bool in_range(const struct attn_option *option, int64_t value) {
    return (double)value >= option->low && (double)value <= option->high;
}

static bool set_integers(const struct attn_option *option, const char *value) {
    struct attn_integers *list = option->value;
    list->count = 0;
    for (const char *at = value, *end;; at = end + 1) {
        int64_t number;
        if (!integer_prefix(at, &end, &number) || !in_range(option, number) || list->count == ATTN_OPTION_VALUES) return false;
        list->item[list->count++] = number;
        if (*end == '\0') return true;
        if (*end != ',') return false;
    }
}

static bool set_real(const struct attn_option *option, const char *value) {
    char *end;
    const double number = strtod(value, &end);
    if (end == value || *end != '\0' || isspace((unsigned char)*value) || !(number >= option->low && number <= option->high)) return false;
    *(double *)option->value = number;
    return true;
}

static int set_value(const struct attn_usage *usage, const struct attn_option *option, const char *value, bool again) {
    struct attn_words *words = option->value;
    int64_t number;
    if (again && option->kind != ATTN_OPTION_WORDS)
        return attn_complain("%s: --%s is given twice; give it once", usage->command, option->name);
    switch (option->kind) {
    case ATTN_OPTION_FLAG:
        *(bool *)option->value = true;
        return -1;
    case ATTN_OPTION_TEXT:
        if (*value == '\0') return attn_complain("%s: --%s: the value is empty, expected %s", usage->command, option->name, option->meta);
        *(const char **)option->value = value;
        return -1;
    case ATTN_OPTION_WORDS:
        if (words->count == ATTN_OPTION_VALUES)
            return attn_complain("%s: --%s is given more than %d times", usage->command, option->name, ATTN_OPTION_VALUES);
        words->item[words->count++] = value;
        return -1;
    case ATTN_OPTION_INTEGER:
        if (!attn_integer_parse(value, &number) || !in_range(option, number)) return bad_value(usage, option, value);
        *(int64_t *)option->value = number;
        return -1;
    case ATTN_OPTION_INTEGERS:
        return set_integers(option, value) ? -1 : bad_value(usage, option, value);
    case ATTN_OPTION_REAL:
        return set_real(option, value) ? -1 : bad_value(usage, option, value);
    }
    return -1;
}

static void print_help(const struct attn_usage *usage) {
    printf("usage: attn %s%s%s%s\n\n%s\n", usage->command, usage->arguments == NULL ? "" : " ",
           usage->arguments == NULL ? "" : usage->arguments, usage->count == 0 ? "" : " [options]", usage->summary);
    printf("\nOptions:\n");
    for (int i = 0; i < usage->count; i++) {
        char left[64];
        const struct attn_option *option = &usage->options[i];
        snprintf(left, sizeof left, "--%s%s%s", option->name, option->meta == NULL ? "" : " ", option->meta == NULL ? "" : option->meta);
        printf("  %-24s %s\n", left, option->help);
    }
    printf("  %-24s %s\n\nExample:\n  %s\n", "--help", "print this text", usage->example);
}

static int unknown_option(const struct attn_usage *usage, const char *name) {
    const char *names[ATTN_OPTION_VALUES];
    int count = 0;
    for (int i = 0; i < usage->count && count < ATTN_OPTION_VALUES; i++) names[count++] = usage->options[i].name;
    const char *nearest = attn_nearest(name, names, count);
    char field[WORD_MAX + 64] = "";
    if (usage->arguments != NULL && strstr(usage->arguments, "FIELD=VALUE") != NULL)
        snprintf(field, sizeof field, "%s a field is given as %s=VALUE", nearest != NULL ? "" : ";", name);
    if (nearest != NULL) return attn_complain("%s: there is no option --%s; did you mean --%s?%s", usage->command, name, nearest, field);
    return attn_complain("%s: there is no option --%s; see attn %s --help%s", usage->command, name, usage->command, field);
}

/* One word that begins with "--"; *at is moved on when the value is the next word. */
static int parse_option(const struct attn_usage *usage, int argc, char **argv, int *at, bool *seen) {
    char name[WORD_MAX + 1];
    const char *word = argv[*at] + 2, *equals = strchr(word, '=');
    snprintf(name, sizeof name, "%.*s", equals == NULL ? WORD_MAX : (int)(equals - word < WORD_MAX ? equals - word : WORD_MAX), word);
    for (int i = 0; i < usage->count; i++) {
        const struct attn_option *option = &usage->options[i];
        if (strcmp(option->name, name) != 0) continue;
        const bool again = seen[i];
        seen[i] = true;
        if (option->kind == ATTN_OPTION_FLAG) {
            if (equals != NULL) return attn_complain("%s: --%s takes no value", usage->command, name);
            return set_value(usage, option, NULL, again);
        }
        if (equals == NULL && *at + 1 >= argc)
            return attn_complain("%s: --%s needs a value: --%s %s", usage->command, name, name, option->meta);
        return set_value(usage, option, equals != NULL ? equals + 1 : argv[++*at], again);
    }
    return unknown_option(usage, name);
}

bool attn_asks_help(const char *word) {
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

int attn_options_parse(const struct attn_usage *usage, int argc, char **argv, struct attn_words *rest) {
    bool seen[ATTN_OPTION_VALUES] = {false};
    bool only_words = false;
    for (int at = 1; at < argc; at++) {
        const char *word = argv[at];
        if (!only_words && attn_asks_help(word)) {
            print_help(usage);
            return ATTN_EXIT_DONE;
        }
        if (!only_words && strcmp(word, "--") == 0) {
            only_words = true;
        } else if (!only_words && strncmp(word, "--", 2) == 0) {
            const int status = parse_option(usage, argc, argv, &at, seen);
            if (status >= 0) return status;
        } else if (rest == NULL || rest->count == ATTN_OPTION_VALUES) {
            return attn_complain("%s: '%s' is not an option and not expected here; see attn %s --help", usage->command, word,
                                 usage->command);
        } else {
            rest->item[rest->count++] = word;
        }
    }
    return -1;
}
