/* The greatest errors of the functions that take libm's place, over floats of all sizes, against those of double, and how many of them lose a NaN. */
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "runtime.h"

static double worst(float (*function)(float x), double (*exact)(double x), double low, double high, double least) {
    double most = 0;
    for (uint32_t word = 0; word < 0x7F800000u; word += 4099) /* each sign */
        for (int sign = 0; sign < 2; sign++) {
            union bits x;
            x.word = word | (uint32_t)sign << 31;
            if (x.number < low || x.number > high) continue;
            const double want = exact((double)x.number), size = fabs(want) > least ? fabs(want) : least;
            const double error = fabs((double)function(x.number) - want) / size;
            if (isnan(error)) return error;
            if (error > most) most = error;
        }
    return most;
}

static double turned(double turns) {
    return sin(6.28318530717958647692 * turns);
}

int main(void) {
    printf("exponential %.3g\n", worst(exponential, exp, -87, 88, FLT_MIN));
    printf("root %.3g\n", worst(root, sqrt, FLT_MIN, FLT_MAX, FLT_MIN));
    printf("error_function %.3g\n", worst(error_function, erf, -FLT_MAX, FLT_MAX, 1));
    printf("hyperbolic_tangent %.3g\n", worst(hyperbolic_tangent, tanh, -FLT_MAX, FLT_MAX, 1));
    printf("logarithm %.3g\n", worst(logarithm, log, 1e-44, FLT_MAX, 1));
    printf("sine %.3g\n", worst(sine, turned, -0.5, 0.5, 1));
    printf("NaN %d\n", !isnan(exponential(NAN)) + !isnan(root(NAN)) + !isnan(error_function(NAN)) + !isnan(hyperbolic_tangent(NAN)) +
                           !isnan(logarithm(NAN)) + !isnan(sine(NAN)));
    return 0;
}
