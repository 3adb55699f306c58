#include "report/label.h"

#include "io/utf8.h"

#include <stdbool.h>
#include <string.h>

enum { HEAD = 3 /* characters before the place where texts differ */ };

/* Bytes of the character, or of what is none, at `text`. */
static size_t character(const char *text) {
    const size_t n = attn_utf8_length((const uint8_t *)text, strnlen(text, 4));
    return n > 0 ? n : 1;
}

static int length_of(const char *text) {
    int n = 0;
    for (; *text; text += character(text)) n++;
    return n;
}

static const char *after(const char *text, int characters) {
    while (characters-- > 0 && *text) text += character(text);
    return text;
}

/* Adds characters up to `end` to what is shown. */
static void show(struct attn_label *l, const char *at, const char *end) {
    size_t used = strlen(l->shown);
    while (at < end && used + 5 <= sizeof l->shown) {
        const size_t n = character(at);
        const bool none = (unsigned char)*at < 0x20 || *at == 0x7F || attn_utf8_length((const uint8_t *)at, n) == 0;
        const char *from = none ? "\xEF\xBF\xBD" : at;
        const size_t bytes = none ? 3 : n;
        memcpy(l->shown + used, from, bytes);
        used += bytes;
        at += n;
    }
    l->shown[used] = '\0';
}

static void show_ellipsis(struct attn_label *l) {
    static const char ellipsis[] = "…";
    show(l, ellipsis, ellipsis + sizeof ellipsis - 1);
}

static void show_ends(struct attn_label *l, int most) {
    const int length = length_of(l->text), head = most / 2, tail = most - 1 - head;
    l->shown[0] = '\0';
    if (length <= most) {
        show(l, l->text, l->text + strlen(l->text));
        return;
    }
    show(l, l->text, after(l->text, head));
    show_ellipsis(l);
    show(l, after(l->text, length - tail), l->text + strlen(l->text));
}

/* Characters in which two texts are the same from their begin on. */
static int common(const char *a, const char *b) {
    int n = 0;
    while (*a && *b && character(a) == character(b) && memcmp(a, b, character(a)) == 0) {
        a += character(a);
        b += character(b);
        n++;
    }
    return n;
}

static void show_difference(struct attn_label *l, const char *other, int most) {
    const int length = length_of(l->text), same = common(l->text, other), first = same > HEAD ? same - HEAD : 0, room = most - 2;
    l->shown[0] = '\0';
    if (first > 0) show_ellipsis(l);
    show(l, after(l->text, first), after(l->text, first + room));
    if (first + room < length) show_ellipsis(l);
}

void attn_labels_show(struct attn_label *labels, int count, int most) {
    for (int i = 0; i < count; i++) {
        show_ends(&labels[i], most);
        for (int k = 0; k < i; k++)
            if (strcmp(labels[k].shown, labels[i].shown) == 0 && strcmp(labels[k].text, labels[i].text) != 0) {
                show_difference(&labels[i], labels[k].text, most);
                break;
            }
    }
}
