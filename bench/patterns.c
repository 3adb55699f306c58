/* Texts of masks for the bench. */
#include "bench/patterns.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

const char attn_pattern_names[] = "full;causal";

bool attn_pattern_make(const char *spec, int64_t q_len, int64_t kv_len, uint64_t seed, struct attn_pattern *out) {
    size_t length = 0;
    (void)q_len;
    (void)kv_len;
    (void)seed;
    while (isalnum((unsigned char)spec[length]) || spec[length] == '_')
        length++;
    snprintf(out->name, sizeof out->name, "%.*s", (int)length, spec);
    return (size_t)snprintf(out->text, sizeof out->text, "%s", spec) < sizeof out->text;
}
