/* The functions that a written program brings along. Without libm they are polynomials of our own, fitted to the smallest greatest error over an interval that
 * the argument is brought into; the greatest errors over all arguments stand beside each, and are what the tests measure. NaN gives NaN. */
#include "train/c_source.h"

struct part {
    unsigned function;
    const char *libm, *own; /* own NULL: the same without libm */
};

static const char known_test[] = "static int is_known(double x) {\n"
                                 "    return x > -FARTHEST && x < FARTHEST;\n"
                                 "}\n\n";

static const char own_bits[] = "/* A float and its bits. */\n"
                               "union bits {\n"
                               "    float number;\n"
                               "    uint32_t word;\n"
                               "};\n\n";

static const char libm_exp[] = "static float exponential(float x) {\n"
                               "    return expf(x);\n"
                               "}\n\n";
static const char own_exp[] = "/* e^x = 2^n e^r, |r| <= ln 2 / 2; relative error below 1e-7 from -87 to 88, 0 below, e^88 above. */\n"
                              "static float exponential(float x) {\n"
                              "    union bits power;\n"
                              "    if (x != x) return x;\n"
                              "    if (x < -87.0f) return 0.0f;\n"
                              "    if (x > 88.0f) x = 88.0f;\n"
                              "    const int32_t n = (int32_t)(x * 1.44269504f + (x < 0.0f ? -0.5f : 0.5f));\n"
                              "    const float r = (x - (float)n * 0.693359375f) + (float)n * 2.12194440e-4f;\n"
                              "    const float p = 1.39508072e-3f * r + 8.36907312e-3f;\n"
                              "    const float q = (((p * r + 4.16662011e-2f) * r + 1.66665173e-1f) * r + 5.00000010e-1f) * r;\n"
                              "    power.word = (uint32_t)(n + 127) << 23;\n"
                              "    return (1.0f + (r + q * r)) * power.number;\n"
                              "}\n\n";

static const char libm_root[] = "static float root(float x) {\n"
                                "    return sqrtf(x);\n"
                                "}\n\n";
static const char own_root[] = "/* By Newton's steps from half the exponent; relative error below 1.2e-7 of normal floats. */\n"
                               "static float root(float x) {\n"
                               "    union bits y;\n"
                               "    if (x < 1.17549435e-38f) return 0.0f;\n"
                               "    y.number = x;\n"
                               "    y.word = (y.word >> 1) + 0x1FBB4F2Eu;\n"
                               "    y.number = 0.5f * (y.number + x / y.number);\n"
                               "    y.number = 0.5f * (y.number + x / y.number);\n"
                               "    return 0.5f * (y.number + x / y.number);\n"
                               "}\n\n";

static const char libm_erf[] = "static float error_function(float x) {\n"
                               "    return erff(x);\n"
                               "}\n\n";
static const char own_erf[] = "/* A polynomial within 1; beyond, 1 - e^(-x^2) times one of 1 / (1 + |x|). Error below 1e-7. */\n"
                              "static float error_function(float x) {\n"
                              "    const float size = x < 0.0f ? -x : x;\n"
                              "    if (size < 1.0f) {\n"
                              "        const float z = x * x;\n"
                              "        const float p = ((7.88911953e-5f * z - 8.02084128e-4f) * z + 5.18953534e-3f) * z - 2.68544446e-2f;\n"
                              "        return x + x * (((p * z + 1.12836002e-1f) * z - 3.76126271e-1f) * z + 1.28379166e-1f);\n"
                              "    }\n"
                              "    if (size > 4.0f) return x < 0.0f ? -1.0f : 1.0f;\n"
                              "    const float t = 1.0f / (1.0f + size);\n"
                              "    const float p = ((-3.49490528e-1f * t + 1.31125835f) * t - 1.87384786f) * t + 9.05550300e-1f;\n"
                              "    const float q = ((p * t + 4.25273946e-1f) * t + 5.81096603e-1f) * t - 8.77542164e-4f;\n"
                              "    const float y = 1.0f - exponential(-size * size) * q;\n"
                              "    return x < 0.0f ? -y : y;\n"
                              "}\n\n";

static const char libm_tanh[] = "static float hyperbolic_tangent(float x) {\n"
                                "    return tanhf(x);\n"
                                "}\n\n";
static const char own_tanh[] =
    "/* A polynomial near 0, else 1 - 2 / (e^2x + 1). Error below 1e-7. */\n"
    "static float hyperbolic_tangent(float x) {\n"
    "    const float size = x < 0.0f ? -x : x;\n"
    "    if (size < 0.6f) {\n"
    "        const float z = x * x;\n"
    "        const float p = ((-5.75478585e-3f * z + 2.06825369e-2f) * z - 5.37526971e-2f) * z + 1.33315939e-1f;\n"
    "        return x + x * ((p * z - 3.33332874e-1f) * z);\n"
    "    }\n"
    "    const float y = 1.0f - 2.0f / (exponential(2.0f * size) + 1.0f);\n"
    "    return x < 0.0f ? -y : y;\n"
    "}\n\n";

static const char libm_log[] = "static float logarithm(float x) {\n"
                               "    return logf(x);\n"
                               "}\n\n";
static const char own_log[] = "/* log(2^n f) = n log 2 + 2 artanh((f - 1) / (f + 1)), f around 1; of x > 0, error below 1.2e-7 times the "
                              "greater of 1 and the result. */\n"
                              "static float logarithm(float x) {\n"
                              "    union bits y;\n"
                              "    float n = 0.0f;\n"
                              "    if (x != x) return x;\n"
                              "    if (x < 1.17549435e-38f) {\n"
                              "        x *= 16777216.0f;\n"
                              "        n = -24.0f;\n"
                              "    }\n"
                              "    y.number = x;\n"
                              "    const uint32_t word = y.word + (0x3F800000u - 0x3F3504F3u);\n"
                              "    n += (float)((int32_t)(word >> 23) - 127);\n"
                              "    y.word = (word & 0x7FFFFFu) + 0x3F3504F3u;\n"
                              "    const float t = (y.number - 1.0f) / (y.number + 1.0f), z = t * t;\n"
                              "    const float p = ((z * 0.222222222f + 0.285714286f) * z + 0.4f) * z + 0.666666667f;\n"
                              "    return n * 0.693359375f + (2.0f * t + (t * z * p - n * 2.12194440e-4f));\n"
                              "}\n\n";

static const char libm_sine[] = "/* Of 2 pi turns, |turns| <= 1/2. */\n"
                                "static float sine(float turns) {\n"
                                "    return sinf(6.28318531f * turns);\n"
                                "}\n\n";
static const char own_sine[] = "/* Of 2 pi turns, |turns| <= 1/2. Error below 2e-7. */\n"
                               "static float sine(float turns) {\n"
                               "    if (turns > 0.25f) turns = 0.5f - turns;\n"
                               "    if (turns < -0.25f) turns = -0.5f - turns;\n"
                               "    const float z = turns * turns;\n"
                               "    const float p = ((-14.3943044f * z + 42.0098321f) * z - 76.7042828f) * z + 81.6052262f;\n"
                               "    return turns * ((p * z - 41.3417021f) * z + 6.28318531f);\n"
                               "}\n\n";

static const char compensated[] =
    "/* Adds to a number that is the sum of two, pair[1] being what pair[0] has lost in roundings (Knuth 1969). */\n"
    "static void add(float *pair, float x) {\n"
    "    const float y = x + pair[1], sum = pair[0] + y, part = sum - pair[0];\n"
    "    pair[1] = (pair[0] - (sum - part)) + (y - part);\n"
    "    pair[0] = sum;\n"
    "}\n\n";

/* Four sums, which a processor adds side by side. */
static const char dot[] = "static float %s(int n, const %s *a, const float *x) {\n"
                          "    float p = 0.0f, q = 0.0f, r = 0.0f, t = 0.0f;\n"
                          "    const int whole = n - n %% 4;\n"
                          "    for (int i = 0; i < whole; i += 4) {\n"
                          "        p += %sa[i] * x[i];\n"
                          "        q += %sa[i + 1] * x[i + 1];\n"
                          "        r += %sa[i + 2] * x[i + 2];\n"
                          "        t += %sa[i + 3] * x[i + 3];\n"
                          "    }\n"
                          "    for (int i = whole; i < n; i++) p += %sa[i] * x[i];\n"
                          "    return (p + q) + (r + t);\n"
                          "}\n\n";

static const char linear_float[] = "/* y [out] = weight [out][in] x [in] + bias [out] (0: none). */\n"
                                   "struct linear {\n"
                                   "    int in, out;\n"
                                   "    const float *weight, *bias;\n"
                                   "};\n\n";
static const char linear_int8[] = "/* y [out] = scale [out] weight [out][in] x [in] + bias [out] (0: none). */\n"
                                  "struct linear {\n"
                                  "    int in, out;\n"
                                  "    const int8_t *weight;\n"
                                  "    const float *scale, *bias;\n"
                                  "};\n\n";

static const char apply_float[] = "static void linear(const struct linear *l, const float *x, float *y) {\n"
                                  "    for (int r = 0; r < l->out; r++) {\n"
                                  "        y[r] = dot(l->in, l->weight + r * l->in, x);\n"
                                  "        if (l->bias) y[r] += l->bias[r];\n"
                                  "    }\n"
                                  "}\n\n";
static const char apply_int8[] = "static void linear(const struct linear *l, const float *x, float *y) {\n"
                                 "    for (int r = 0; r < l->out; r++) {\n"
                                 "        y[r] = l->scale[r] * dot_bytes(l->in, l->weight + r * l->in, x);\n"
                                 "        if (l->bias) y[r] += l->bias[r];\n"
                                 "    }\n"
                                 "}\n\n";

static const char row_float[] = "/* Adds row r of a table. */\n"
                                "static void add_row(const struct linear *table, int r, float *y) {\n"
                                "    for (int i = 0; i < table->in; i++) y[i] += table->weight[r * table->in + i];\n"
                                "}\n\n";
static const char row_int8[] =
    "/* Adds row r of a table. */\n"
    "static void add_row(const struct linear *table, int r, float *y) {\n"
    "    for (int i = 0; i < table->in; i++) y[i] += table->scale[r] * (float)table->weight[r * table->in + i];\n"
    "}\n\n";

static const char norm[] = "/* (x - mean) / sqrt(variance + epsilon), times gain, plus bias; y may be x. */\n"
                           "static void layer_norm(const float *gain, const float *bias, float epsilon, const float *x, float *y) {\n"
                           "    float mean = 0.0f, square = 0.0f;\n"
                           "    for (int i = 0; i < WIDTH; i++) mean += x[i];\n"
                           "    mean /= (float)WIDTH;\n"
                           "    for (int i = 0; i < WIDTH; i++) square += (x[i] - mean) * (x[i] - mean);\n"
                           "    const float scale = 1.0f / root(square / (float)WIDTH + epsilon);\n"
                           "    for (int i = 0; i < WIDTH; i++) y[i] = (x[i] - mean) * scale * gain[i] + bias[i];\n"
                           "}\n\n";

static const char shares[] = "/* e^x over their sum. */\n"
                             "static void shares(int n, float *x) {\n"
                             "    float most = x[0], sum = 0.0f;\n"
                             "    for (int i = 1; i < n; i++)\n"
                             "        if (x[i] > most) most = x[i];\n"
                             "    for (int i = 0; i < n; i++) sum += x[i] = exponential(x[i] - most);\n"
                             "    for (int i = 0; i < n; i++) x[i] /= sum;\n"
                             "}\n\n";

/* In an order in which each finds what it calls. */
static const struct part parts[] = {{ATTN_C_KNOWN, known_test, NULL},   {ATTN_C_EXP, libm_exp, own_exp},
                                    {ATTN_C_ROOT, libm_root, own_root}, {ATTN_C_ERF, libm_erf, own_erf},
                                    {ATTN_C_TANH, libm_tanh, own_tanh}, {ATTN_C_LOG, libm_log, own_log},
                                    {ATTN_C_SINE, libm_sine, own_sine}, {ATTN_C_COMPENSATED, compensated, NULL},
                                    {ATTN_C_NORM, norm, NULL},          {ATTN_C_SHARES, shares, NULL}};

/* What the functions call themselves. */
static unsigned with_callees(const struct attn_c_source *c) {
    unsigned all = c->used;
    if (all & ATTN_C_SHARES || (c->no_libm && all & (ATTN_C_ERF | ATTN_C_TANH))) all |= ATTN_C_EXP;
    if (all & ATTN_C_NORM) all |= ATTN_C_ROOT;
    return all;
}

static void put_dot(struct attn_c_source *c, struct attn_c_text *to, const char *name, const char *type, const char *cast) {
    attn_c_add(c, to, dot, name, type, cast, cast, cast, cast, cast);
}

void attn_c_runtime(struct attn_c_source *c, struct attn_c_text *to) {
    const unsigned all = with_callees(c);
    if (c->no_libm && all & (ATTN_C_EXP | ATTN_C_ROOT | ATTN_C_LOG)) attn_c_add_text(c, to, own_bits);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (all & parts[i].function) attn_c_add_text(c, to, c->no_libm && parts[i].own ? parts[i].own : parts[i].libm);
    if (!c->int8 || all & ATTN_C_DOT) put_dot(c, to, "dot", "float", "");
    if (c->int8) put_dot(c, to, "dot_bytes", "int8_t", "(float)");
    attn_c_add_text(c, to, c->int8 ? apply_int8 : apply_float);
    if (all & ATTN_C_ROW) attn_c_add_text(c, to, c->int8 ? row_int8 : row_float);
}

const char *attn_c_struct_linear(const struct attn_c_source *c) {
    return c->int8 ? linear_int8 : linear_float;
}
