/* Fuzz target: any bytes as a picture. They are refused, or copied as elements that are closed in order, with no script, no handler and no link to
 * anything outside; a copy is a picture itself. */
#include "report/svg.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int condition) {
    if (!condition) abort();
}

/* The copy, freed by free; NULL: refused. */
static char *copy(const char *svg, size_t size) {
    static const struct attn_svg_use use = {.prefix = "f-", .title = "a title", .desc = "what it shows"};
    char *text = NULL;
    size_t bytes = 0;
    FILE *file = open_memstream(&text, &bytes);
    must(file != NULL);
    const char *wrong = attn_svg_copy(file, svg, size, &use);
    must(fclose(file) == 0);
    if (!wrong) return text;
    free(text);
    return NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const never[] = {"<script", "<foreignObject", "<style", "<a ", "href=\"http", "<!", "<?"};
    char *once = copy((const char *)data, size);
    if (!once) return 0;
    for (size_t i = 0; i < sizeof never / sizeof never[0]; i++) must(strstr(once, never[i]) == NULL);
    char *twice = copy(once, strlen(once));
    must(twice != NULL);
    free(twice);
    free(once);
    return 0;
}
