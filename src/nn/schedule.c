/* Rates of steps. */
#include "attn_train.h"

#include <math.h>

static double cosine(double x, double floor) {
    if (x >= 1) return floor;
    return floor + (1 - floor) * (1 + cos(M_PI * x)) / 2;
}

static double linear(double x, double hold, double floor) {
    if (x >= 1) return floor;
    return x <= hold ? 1 : 1 - (1 - floor) * (x - hold) / (1 - hold);
}

double attn_schedule_rate(const attn_schedule *s, int64_t step) {
    const int64_t after = step - s->warmup, span = s->total - s->warmup, period = s->period > 0 ? s->period : 1;
    const int64_t passed = after / period, epochs = span > 0 ? (span - 1) / period + 1 : 0;
    if (step < s->warmup) return s->peak * (double)(step + 1) / (double)s->warmup;
    switch (s->kind) {
    case ATTN_COSINE:
        return s->peak * (span > 0 ? cosine((double)after / (double)span, s->floor) : s->floor);
    case ATTN_COSINE_EPOCH:
        return s->peak * (epochs > 0 ? cosine((double)passed / (double)epochs, s->floor) : s->floor);
    case ATTN_INVERSE_ROOT: {
        const double warmup = s->warmup > 0 ? (double)s->warmup : 1;
        return s->peak * (step > 0 ? fmin(1, sqrt(warmup / (double)step)) : 1);
    }
    case ATTN_STEPS:
        return s->peak * pow(s->gamma, (double)passed);
    case ATTN_LINEAR:
        return s->peak * (span > 0 ? linear((double)after / (double)span, s->hold, s->floor) : s->floor);
    case ATTN_CONSTANT:
        break;
    }
    return s->peak;
}
