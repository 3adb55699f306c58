#include "support/xml.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { DEPTH = 64, NAME = 40 };

struct reader {
    const char *text, *at;
    char open[DEPTH][NAME];
    int depth, roots;
    char wrong[200];
};

static bool fail(struct reader *r, const char *what) {
    if (!r->wrong[0]) snprintf(r->wrong, sizeof r->wrong, "byte %zu: %s: %.60s", (size_t)(r->at - r->text), what, r->at);
    return false;
}

static bool begins(const struct reader *r, const char *word) {
    return strncmp(r->at, word, strlen(word)) == 0;
}

static bool skip_past(struct reader *r, const char *word) {
    const char *end = strstr(r->at, word);
    if (!end) return fail(r, "no end");
    r->at = end + strlen(word);
    return true;
}

static bool take_name(struct reader *r, char name[NAME]) {
    int n = 0;
    while (isalnum((unsigned char)*r->at) || (*r->at && strchr("-_:", *r->at))) {
        if (n == NAME - 1) return fail(r, "a long name");
        name[n++] = *r->at++;
    }
    name[n] = '\0';
    return n > 0 || fail(r, "no name");
}

/* Characters up to `end`, with entities. */
static bool take_text(struct reader *r, char end) {
    static const char *const entities[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;", "&apos;"};
    while (*r->at && *r->at != end && *r->at != '<') {
        const unsigned char c = (unsigned char)*r->at;
        bool known = c != '&';
        for (size_t i = 0; i < sizeof entities / sizeof entities[0]; i++) known = known || begins(r, entities[i]);
        if (!known) return fail(r, "an entity that XML has not");
        if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7F) return fail(r, "a control character");
        r->at++;
    }
    return *r->at == end || fail(r, "no end of a text");
}

static bool take_element(struct reader *r, const char *name, int *count) {
    char own[NAME];
    r->at++;
    if (!take_name(r, own)) return false;
    if (name && strcmp(own, name) == 0) ++*count;
    for (;;) {
        char attribute[NAME];
        while (isspace((unsigned char)*r->at)) r->at++;
        if (begins(r, "/>") || begins(r, ">")) break;
        if (!take_name(r, attribute) || !begins(r, "=\"")) return fail(r, "no attribute");
        r->at += 2;
        if (!take_text(r, '"')) return false;
        r->at++;
    }
    if (r->depth == 0) r->roots++;
    if (begins(r, "/>")) {
        r->at += 2;
        return true;
    }
    r->at++;
    if (r->depth == DEPTH) return fail(r, "too deep");
    memcpy(r->open[r->depth++], own, NAME);
    return true;
}

static bool take_end(struct reader *r) {
    char own[NAME];
    r->at += 2;
    if (!take_name(r, own)) return false;
    if (r->depth == 0 || strcmp(r->open[r->depth - 1], own) != 0) return fail(r, "an end without its begin");
    r->depth--;
    return skip_past(r, ">");
}

const char *test_xml_wrong(const char *text, const char *name, int *count) {
    static struct reader r;
    bool good = true;
    r = (struct reader){.text = text, .at = text};
    if (count) *count = 0;
    while (*r.at && good) {
        if (begins(&r, "<!--"))
            good = skip_past(&r, "-->");
        else if (begins(&r, "<!") || begins(&r, "<?"))
            good = skip_past(&r, ">");
        else if (begins(&r, "</"))
            good = take_end(&r);
        else if (*r.at == '<')
            good = take_element(&r, name, count);
        else
            good = take_text(&r, '<') || (*r.at == '\0' && r.depth == 0 && (r.wrong[0] = '\0', true));
    }
    if (good && r.depth > 0) fail(&r, "elements that are not closed");
    if (good && r.roots != 1) fail(&r, "not one root");
    return r.wrong[0] ? r.wrong : NULL;
}
