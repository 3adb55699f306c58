/* Times and classes of marks in the cells of a table of events. */
#include "io/events.h"

#include "io/date.h"
#include "io/number.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Beyond it differences of times would say little, and sums overflow. */
static const double most = 1e30;

enum { DATE = 64 /* bytes of a date's text, at most */ };

/* MM/DD/YYYY becomes YYYY-MM-DD; what else there is stays. */
static void turn_round(const char *text, char out[DATE]) {
    int month, day, year, used = 0;
    if (sscanf(text, "%2d/%2d/%4d%n", &month, &day, &year, &used) == 3 && used >= 8 && text[used - 5] == '/')
        snprintf(out, DATE, "%04d-%02d-%02d%s", year, month, day, text + used);
    else
        snprintf(out, DATE, "%s", text);
}

static bool is_date(const char *text, double *time) {
    char date[DATE];
    struct attn_date parsed;
    double fraction = 0;
    if (strlen(text) + 3 > sizeof date) return false; /* a turned date may have two zeros more */
    turn_round(text, date);
    const size_t length = strlen(date);
    if (length > 10 && date[length - 1] == 'Z') date[length - 1] = '\0';
    const char *point = strchr(date, '.');
    if (!attn_date_parse(date, &parsed) || (point && !attn_number_read(point, &fraction))) return false;
    *time = ((double)attn_date_seconds(&parsed) + fraction) / 86400;
    return true;
}

bool attn_event_time(const char *text, double *time, bool *date) {
    while (*text == ' ') text++;
    const char *end = attn_number_read(text, time);
    while (end && *end == ' ') end++;
    *date = !end || *end;
    return *date ? is_date(text, time) : fabs(*time) <= most;
}

/* --------------------------------------------------------------------------------------------------------- classes */

bool attn_events_bounds(const char *text, struct attn_events_options *options) {
    options->bounds = 0;
    for (const char *at = text; *at;) {
        double value;
        at = options->bounds < ATTN_EVENTS_BOUNDS ? attn_number_read(at, &value) : NULL;
        if (!at || !isfinite(value) || (options->bounds > 0 && value <= options->bound[options->bounds - 1])) return false;
        options->bound[options->bounds++] = value;
        if (*at == '+' && at[1])
            at++;
        else if (*at)
            return false;
    }
    return true;
}

int32_t attn_event_class(const struct attn_events_options *options, double value) {
    int32_t class = 0;
    while (class < options->bounds && options->bound[class] <= value) class ++;
    return class;
}

attn_status attn_event_class_names(attn_ctx *ctx, const struct attn_events_options *options, struct attn_vocabulary *out) {
    const double *bound = options->bound;
    attn_status status = ATTN_OK;
    for (int i = 0; i <= options->bounds && !status; i++) {
        char name[80];
        int32_t number;
        if (i == 0)
            snprintf(name, sizeof name, "below %.9g", bound[0]);
        else if (i == options->bounds)
            snprintf(name, sizeof name, "from %.9g", bound[i - 1]);
        else
            snprintf(name, sizeof name, "%.9g to %.9g", bound[i - 1], bound[i]);
        status = attn_vocabulary_add(ctx, out, name, strlen(name), &number);
    }
    return status;
}
