#include "report/svg.h"

#include "report/html.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

enum { DEPTH = 64, NAME = 32, ATTRIBUTES = 40 };

static const char *const known_elements[] = {"svg",     "g",        "defs",     "path",           "rect",           "circle",
                                             "ellipse", "line",     "polyline", "polygon",        "text",           "tspan",
                                             "use",     "clipPath", "image",    "linearGradient", "radialGradient", "stop"};
/* Left out with what they hold: the page brings its own titles. */
static const char *const left_out[] = {"title", "desc", "metadata", "filter"};
static const char *const known_attributes[] = {"viewBox",
                                               "id",
                                               "d",
                                               "x",
                                               "y",
                                               "x1",
                                               "y1",
                                               "x2",
                                               "y2",
                                               "cx",
                                               "cy",
                                               "r",
                                               "rx",
                                               "ry",
                                               "width",
                                               "height",
                                               "points",
                                               "transform",
                                               "fill",
                                               "dx",
                                               "dy",
                                               "stroke",
                                               "opacity",
                                               "color",
                                               "offset",
                                               "clip-path",
                                               "text-anchor",
                                               "href",
                                               "xlink:href",
                                               "preserveAspectRatio",
                                               "dominant-baseline",
                                               "image-rendering"};
static const char *const known_beginnings[] = {"stroke-", "fill-", "font-", "stop-"};

struct copy {
    FILE *out;
    const char *at, *end;
    const struct attn_svg_use *use;
    char open[DEPTH][NAME]; /* elements around */
    int depth, skip;        /* skip: depth of the element that is left out; 0: none */
    const char *group;      /* a <g ...> that is not written yet: perhaps nothing is in it */
    const char *wrong;
};

static bool is_in(const char *name, const char *const *names, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (strcmp(name, names[i]) == 0) return true;
    return false;
}
#define IS_IN(name, names) is_in(name, names, sizeof(names) / sizeof(names)[0])

static bool begins(const struct copy *c, const char *word) {
    return (size_t)(c->end - c->at) >= strlen(word) && memcmp(c->at, word, strlen(word)) == 0;
}

/* Always false, as what failed is. */
static bool fail(struct copy *c, const char *sentence) {
    if (!c->wrong) c->wrong = sentence;
    return false;
}

/* ------------------------------------------------------------------------------------------------------------ text */

/* Bytes of an entity that XML has or a number, at `at`; 0: none. */
static size_t entity_length(const char *at, const char *end) {
    static const char *const entities[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&apos;"};
    for (size_t i = 0; i < sizeof entities / sizeof entities[0]; i++) {
        const size_t n = strlen(entities[i]);
        if ((size_t)(end - at) >= n && memcmp(at, entities[i], n) == 0) return n;
    }
    if (end - at < 5 || at[1] != '#') return 0;
    size_t n = 2;
    int code = 0;
    while (n < 7 && at + n < end && isdigit((unsigned char)at[n])) code = 10 * code + (at[n++] - '0');
    return code >= 32 && code < 0xD800 && at + n < end && at[n] == ';' ? n + 1 : 0;
}

/* Text or a value, in which entities stay what they are. */
static void put_text(FILE *out, const char *at, const char *end) {
    while (at < end) {
        const size_t entity = *at == '&' ? entity_length(at, end) : 0;
        char piece[5] = "";
        size_t n = 1;
        if (entity > 0) {
            fwrite(at, 1, entity, out);
            at += entity;
            continue;
        }
        while (n < 4 && at + n < end && ((unsigned char)at[n] & 0xC0) == 0x80) n++;
        memcpy(piece, at, n);
        attn_html_text(out, piece);
        at += n;
    }
}

/* ------------------------------------------------------------------------------------------------------ attributes */

static void take_name(struct copy *c, char name[NAME]) {
    int n = 0;
    while (c->at < c->end && (isalnum((unsigned char)*c->at) || (*c->at && strchr("-_:.", *c->at)))) {
        if (n < NAME - 1) name[n++] = *c->at;
        c->at++;
    }
    name[n] = '\0';
}

static void skip_blanks(struct copy *c) {
    while (c->at < c->end && isspace((unsigned char)*c->at)) c->at++;
}

/* "rgb( 1,  2, 3)" with any blanks. */
static bool is_ink(const char *value, size_t bytes) {
    char squeezed[16];
    size_t n = 0;
    for (size_t i = 0; i < bytes && n < sizeof squeezed; i++)
        if (value[i] != ' ') squeezed[n++] = value[i];
    return n == 10 && memcmp(squeezed, "rgb(1,2,3)", 10) == 0;
}

static bool attribute_passes(const char *name) {
    if (IS_IN(name, known_attributes)) return true;
    for (size_t i = 0; i < sizeof known_beginnings / sizeof known_beginnings[0]; i++)
        if (strncmp(name, known_beginnings[i], strlen(known_beginnings[i])) == 0) return !strchr(name, ':');
    return false;
}

/* Whether the value asks for something by url( ) that is not in this picture. Style sheets know other spellings by '\\', which no value needs. */
static bool leads_outside(const char *value, size_t bytes) {
    if (memchr(value, '\\', bytes)) return true;
    for (size_t i = 0; i + 4 <= bytes; i++)
        if (strncasecmp(value + i, "url(", 4) == 0 && (i > 0 || bytes < 6 || value[4] != '#')) return true;
    return false;
}

static bool put_attribute(struct copy *c, const char *name, const char *value, size_t bytes) {
    static const char png[] = "data:image/png;base64,";
    const bool link = strcmp(name, "href") == 0 || strcmp(name, "xlink:href") == 0, id = strcmp(name, "id") == 0;
    const bool inner = bytes > 0 && value[0] == '#' && link;
    const bool reference = bytes >= 4 && strncasecmp(value, "url(", 4) == 0;
    if (memchr(value, '<', bytes)) return fail(c, "a '<' inside a value");
    for (size_t i = 0; i + 1 < bytes; i++) /* it could spell what is looked for here */
        if (value[i] == '&' && value[i + 1] == '#') return fail(c, "a character by its number inside a value");
    if (leads_outside(value, bytes) || (link && !inner && (bytes < sizeof png - 1 || memcmp(value, png, sizeof png - 1) != 0)))
        return fail(c, "a link to something outside");
    fprintf(c->out, " %s=\"", name);
    if (is_ink(value, bytes)) {
        fputs("currentColor", c->out);
    } else {
        const size_t before = id ? 0 : inner ? 1 : reference ? 5 : bytes;
        fwrite(id ? "" : inner ? "#" : reference ? "url(#" : "", 1, before < bytes ? before : 0, c->out);
        if (before < bytes) fputs(c->use->prefix, c->out);
        put_text(c->out, value + (before < bytes ? before : 0), value + bytes);
    }
    fputc('"', c->out);
    return true;
}

/* Attributes up to '>'; writes those that pass where `write`. Returns whether the element is closed at once. */
static bool take_attributes(struct copy *c, const char *element, bool write) {
    const bool root = strcmp(element, "svg") == 0, group = strcmp(element, "g") == 0;
    char seen[ATTRIBUTES][NAME], *name;
    for (int count = 0;; count++) {
        skip_blanks(c);
        const bool closed = begins(c, "/>");
        if (closed || begins(c, ">")) {
            c->at += closed ? 2 : 1;
            return closed;
        }
        if (count == ATTRIBUTES) return !fail(c, "too many attributes");
        take_name(c, name = seen[count]);
        for (int i = 0; i < count; i++)
            if (strcmp(seen[i], name) == 0) return !fail(c, "an attribute that comes twice");
        skip_blanks(c);
        const bool good = name[0] && begins(c, "=");
        if (good) c->at++;
        skip_blanks(c);
        const char quote = c->at < c->end ? *c->at : '\0';
        const char *close = good && (quote == '"' || quote == '\'') ? memchr(c->at + 1, quote, (size_t)(c->end - c->at - 1)) : NULL;
        if (!close) return !fail(c, "a broken attribute");
        /* gnuplot gives every group a colour, which would hide that of the text around. */
        const bool wanted =
            write && attribute_passes(name) && !(group && strcmp(name, "color") == 0) && (!root || strcmp(name, "viewBox") == 0);
        const char *value = c->at + 1;
        c->at = close + 1;
        if (wanted && !put_attribute(c, name, value, (size_t)(close - value))) return true;
    }
}

/* -------------------------------------------------------------------------------------------------------- elements */

static void put_head(const struct copy *c) {
    const struct attn_svg_use *u = c->use;
    fprintf(c->out,
            " xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=\"http://www.w3.org/1999/xlink\" role=\"img\" "
            "aria-labelledby=\"%stitle %sdesc\">\n<title id=\"%stitle\">",
            u->prefix, u->prefix, u->prefix);
    attn_html_text(c->out, u->title);
    fprintf(c->out, "</title>\n<desc id=\"%sdesc\">", u->prefix);
    attn_html_text(c->out, u->desc);
    fputs("</desc>\n", c->out);
    if (u->alone)
        fputs("<style>svg { color: #1c2024; background: #fff }\n"
              "@media (prefers-color-scheme: dark) { svg { color: #e8eaed; background: #15181c } }</style>\n",
              c->out);
}

/* Writes the group that was held back. */
static bool put_group(struct copy *c) {
    const char *at = c->at;
    if (!c->group) return true;
    c->at = c->group;
    c->group = NULL;
    fputs("<g", c->out);
    take_attributes(c, "g", true);
    fputc('>', c->out);
    c->at = at;
    return !c->wrong;
}

static bool open_element(struct copy *c) {
    char name[NAME];
    c->at++;
    take_name(c, name);
    const bool out = IS_IN(name, left_out);
    if (c->depth == 0 && strcmp(name, "svg") != 0) return fail(c, "no <svg> around all");
    if (c->depth == DEPTH) return fail(c, "too many elements in each other");
    if (!c->skip && !out && !IS_IN(name, known_elements)) return fail(c, "an element that may not be in a picture");
    if (c->depth > 0 && strcmp(name, "svg") == 0) return fail(c, "an <svg> in an <svg>");
    const bool write = !c->skip && !out, group = write && strcmp(name, "g") == 0;
    if (write && !put_group(c)) return false;
    const char *attributes = c->at;
    if (write && !group) fprintf(c->out, "<%s", name);
    const bool closed = take_attributes(c, name, write && !group);
    if (c->wrong) return false;
    if (group && !closed) c->group = attributes;
    if (c->depth == 0)
        put_head(c);
    else if (write && !group)
        fputs(closed ? "/>" : ">", c->out);
    if (closed) return true;
    memcpy(c->open[c->depth++], name, NAME);
    if (out && !c->skip) c->skip = c->depth;
    return true;
}

static bool close_element(struct copy *c) {
    char name[NAME];
    c->at += 2;
    take_name(c, name);
    skip_blanks(c);
    if (!begins(c, ">") || c->depth == 0 || strcmp(c->open[c->depth - 1], name) != 0)
        return fail(c, "an end of an element without its begin");
    c->at++;
    if (!c->skip && !c->group) fprintf(c->out, "</%s>%s", name, strcmp(name, "g") == 0 || strcmp(name, "svg") == 0 ? "\n" : "");
    if (!c->skip) c->group = NULL;
    if (c->skip == c->depth) c->skip = 0;
    c->depth--;
    return true;
}

/* Whether text with entities says `words`. */
static bool says(const char *at, const char *end, const char *words) {
    static const struct {
        const char *entity;
        char character;
    } entities[] = {{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&apos;", '\''}, {"&#39;", '\''}};
    for (; at < end && *words; words++) {
        size_t n = 1;
        char character = *at;
        for (size_t i = 0; i < sizeof entities / sizeof entities[0] && *at == '&'; i++) {
            const size_t length = strlen(entities[i].entity);
            if ((size_t)(end - at) < length || memcmp(at, entities[i].entity, length) != 0) continue;
            n = length;
            character = entities[i].character;
        }
        if (character != *words) return false;
        at += n;
    }
    return at == end && !*words;
}

/* The whole of a label that is shortened, for those who point at it. */
static void put_whole(const struct copy *c, const char *at, const char *end) {
    for (int i = 0; i < c->use->label_count; i++) {
        const struct attn_label *l = &c->use->labels[i];
        if (strcmp(l->shown, l->text) == 0 || !says(at, end, l->shown)) continue;
        fputs("<title>", c->out);
        attn_html_text(c->out, l->text);
        fputs("</title>", c->out);
        return;
    }
}

static bool take_text(struct copy *c) {
    const char *stop = memchr(c->at, '<', (size_t)(c->end - c->at));
    if (!stop) return fail(c, "no end");
    const char *around = c->depth > 0 ? c->open[c->depth - 1] : "";
    const bool text = !c->skip && strcmp(around, "text") == 0;
    if (text && c->at < stop) put_whole(c, c->at, stop);
    if (text || (!c->skip && strcmp(around, "tspan") == 0)) put_text(c->out, c->at, stop);
    c->at = stop;
    return true;
}

/* Past a comment or an instruction. */
static bool skip_to(struct copy *c, const char *word) {
    while (c->at < c->end && !begins(c, word)) c->at++;
    if (c->at == c->end) return fail(c, "no end");
    c->at += strlen(word);
    return true;
}

static bool take_piece(struct copy *c) {
    if (*c->at != '<') return take_text(c);
    if (begins(c, "<?")) return skip_to(c, "?>");
    if (begins(c, "<!--")) return skip_to(c, "-->");
    return begins(c, "</") ? close_element(c) : open_element(c);
}

const char *attn_svg_copy(FILE *out, const char *svg, size_t bytes, const struct attn_svg_use *use) {
    struct copy c = {.out = out, .at = svg, .end = svg + bytes, .use = use};
    bool any = false;
    while (c.at < c.end && !(any && c.depth == 0) && take_piece(&c)) any = any || c.depth > 0;
    if (!c.wrong && (!any || c.depth > 0)) fail(&c, "no end");
    return c.wrong;
}
