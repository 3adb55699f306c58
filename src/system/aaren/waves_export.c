#include "system/aaren/waves_export.h"

#include <inttypes.h>
#include <math.h>

static const char functions[] = "/* Of an angle whose turn is 2^64. */\n"
                                "static float wave(uint64_t angle) {\n"
                                "    return sine((float)(int32_t)(angle >> 32) * 2.32830644e-10f);\n"
                                "}\n\n"
                                "/* Sines and cosines of position / 10000^(2 i / WIDTH), in turns. */\n"
                                "static void add_position(uint32_t position, float *x) {\n"
                                "    const uint64_t quarter = (uint64_t)1 << 62;\n"
                                "    for (int i = 0; i < WIDTH; i++) x[i] += wave(position * turn[i / 2] + (i % 2 == 0 ? 0 : quarter));\n"
                                "}\n\n";

void attn_aaren_waves_export(struct attn_c_source *c, int64_t width) {
    const double two_pi = 6.28318530717958647692;
    const int64_t pairs = attn_div_up(width, 2);
    attn_c_add(c, &c->weights, "static const uint64_t turn[%lld] = {", (long long)pairs); /* of one position, 2^64 a turn */
    for (int64_t i = 0; i < pairs; i++) {
        const double share = pow(10000, -(double)(2 * i) / (double)width) / two_pi;
        attn_c_add(c, &c->weights, "%s0x%016" PRIX64 "u", i == 0 ? "\n    " : i % 4 == 0 ? ",\n    " : ", ", (uint64_t)ldexp(share, 64));
    }
    attn_c_add_text(c, &c->weights, "};\n\n");
    c->weight_bytes += 8 * pairs;
    attn_c_use(c, ATTN_C_SINE);
    attn_c_add_text(c, &c->functions, functions);
}
