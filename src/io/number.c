/* Most numbers have few digits: their digits as an integer m below 2^53 and a power of ten up to 10^22 are exact doubles, so that one product or one
 * quotient of the two is rounded once, and right (Clinger 1990). What has more of either goes to strtod. */
#include "io/number.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { DIGITS = 18, EXPONENT_FAST = 22, EXPONENT_MOST = 100000 };

struct decimal {
    uint64_t digits; /* the first DIGITS of them, without leading zeros */
    int count;       /* of those */
    int64_t exponent;
    bool any, more; /* there is a digit; there are more than DIGITS */
};

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static const char *take_digits(const char *s, struct decimal *d, bool fraction) {
    for (; is_digit(*s); s++) {
        d->any = true;
        if (d->count == DIGITS) {
            d->more = true;
            continue;
        }
        d->digits = 10 * d->digits + (uint64_t)(*s - '0');
        d->count += d->digits > 0;
        d->exponent -= fraction;
    }
    return s;
}

/* An 'e' without digits behind it belongs to what follows the number. */
static const char *take_exponent(const char *s, struct decimal *d) {
    const char *at = s + 1;
    const bool negative = *at == '-';
    int64_t exponent = 0;
    if (*at == '-' || *at == '+') at++;
    if (!is_digit(*at)) return s;
    for (; is_digit(*at); at++)
        if (exponent < EXPONENT_MOST) exponent = 10 * exponent + (*at - '0');
    d->exponent += negative ? -exponent : exponent;
    return at;
}

const char *attn_number_read(const char *text, double *value) {
    static const double power[EXPONENT_FAST + 1] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                                    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    struct decimal d = {0, 0, 0, false, false};
    const bool negative = *text == '-';
    const char *s = take_digits(text + (negative || *text == '+'), &d, false);
    if (*s == '.') s = take_digits(s + 1, &d, true);
    if (!d.any) return NULL;
    if (*s == 'e' || *s == 'E') s = take_exponent(s, &d);
    if (d.more || d.digits >= UINT64_C(1) << 53 || d.exponent < -EXPONENT_FAST || d.exponent > EXPONENT_FAST) {
        *value = strtod(text, NULL);
        return s;
    }
    const double whole = (double)d.digits, size = d.exponent < 0 ? whole / power[-d.exponent] : whole * power[d.exponent];
    *value = negative ? -size : size;
    return s;
}

const char *attn_word_shown(const char *text, const char *end, char shown[ATTN_WORD_SHOWN]) {
    const size_t length = end ? (size_t)(end - text) : strcspn(text, " \t");
    const bool cut = length > ATTN_WORD_SHOWN - 4;
    size_t count = 0;
    for (; count < length && count < ATTN_WORD_SHOWN - 4; count++)
        shown[count] = text[count] >= ' ' && text[count] < 0x7F ? text[count] : '?';
    memcpy(shown + count, "...", 3);
    shown[count + (cut ? 3 : 0)] = '\0';
    return shown;
}
