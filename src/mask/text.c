/* The canonical text of a mask: leaves print themselves, operations with as few parentheses as parsing needs. */
#include "mask/mask.h"

#include <string.h>

struct writer {
    char *text;
    size_t size, used; /* used counts what would have been written */
};

static void put(struct writer *w, const char *s) {
    for (; *s; s++, w->used++)
        if (w->used + 1 < w->size) w->text[w->used] = *s;
}

static int precedence(enum attn_mask_kind kind) {
    return kind == ATTN_MASK_OR ? 1 : kind == ATTN_MASK_AND ? 2 : kind == ATTN_MASK_NOT ? 3 : 4;
}

static void print(struct writer *w, const attn_mask *m, int least) {
    int own = m->text ? 4 : precedence(m->kind);
    bool compound = m->kind == ATTN_MASK_COMPILED && m->text && strpbrk(m->text, "&|!");
    bool parentheses = own < least || (compound && least > 1);
    if (parentheses) put(w, "(");
    if (m->text) {
        put(w, m->text);
    } else if (m->kind == ATTN_MASK_NOT) {
        put(w, "!");
        print(w, m->parent[0], 3);
    } else if (m->kind == ATTN_MASK_AND || m->kind == ATTN_MASK_OR) {
        print(w, m->parent[0], own);
        put(w, m->kind == ATTN_MASK_AND ? " & " : " | ");
        print(w, m->parent[1], own + 1);
    } else if (m->kind == ATTN_MASK_STACK) {
        print(w, m->member[0], 1);
    } else {
        put(w, "?");
    }
    if (parentheses) put(w, ")");
}

size_t attn_mask_text(const attn_mask *mask, char *text, size_t size) {
    struct writer w = {text, text ? size : 0, 0};
    if (mask)
        print(&w, mask, 1);
    else
        put(&w, "full");
    if (w.size) w.text[w.used < w.size ? w.used : w.size - 1] = 0;
    return w.used;
}
