/* The problems: points, what is to be found among them, and the tokens that a model says it in (Vinyals et al. 2015, sec. 3).
 *
 * A structure is numbers of points from 0 on: a hull's vertices counter-clockwise from the lowest number on; triangles, three ascending numbers each; a tour from
 * point 0 on; points by rising x. Tokens are 0 for the end and 1 to n for the points: the structure's, its first again where the problem closes, then the end
 * (but with closing_ends, where an answer ends with its first point said again). */
#ifndef ATTN_SYSTEM_POINTER_PROBLEM_H
#define ATTN_SYSTEM_POINTER_PROBLEM_H

#include "base/context.h"
#include "base/watch.h"

#include <stdbool.h>

enum attn_pointer_kind { ATTN_POINTER_HULL, ATTN_POINTER_DELAUNAY, ATTN_POINTER_TSP, ATTN_POINTER_SORT };

/* Whose tours a model learns: ATTN_LABELS_OPTIMAL is Held and Karp's up to exact_most points and a long local search beyond; A1 to A3 as in the paper. */
enum attn_pointer_labels { ATTN_LABELS_OPTIMAL, ATTN_LABELS_A1, ATTN_LABELS_A2, ATTN_LABELS_A3 };
enum attn_pointer_order { ATTN_ORDER_RANDOM, ATTN_ORDER_X, ATTN_ORDER_ANGLE };

enum { ATTN_POINTER_END = 0, ATTN_POINTER_MOST = 1000 /* points of an example that a model learns from, or is measured on */ };

struct attn_pointer_problem {
    enum attn_pointer_kind kind;
    bool close;         /* hulls and tours: the first point again before the end */
    bool closing_ends;  /* where they close, that is the end: there is no token of its own */
    bool shuffled;      /* triangles in a random order in the place of that of their incentres */
    bool any_direction; /* tours as the solver leaves them, not counter-clockwise */
    int64_t exact_most; /* points up to which tours are exact */
    enum attn_pointer_labels labels;
    enum attn_pointer_order order; /* of the points that are drawn */
};

/* Numbers of a structure and tokens of an answer at most, and the bytes that attn_pointer_solve and attn_pointer_label need for
 * up to n points. */
int64_t attn_pointer_most_numbers(const struct attn_pointer_problem *problem, int64_t n);
int64_t attn_pointer_most_tokens(const struct attn_pointer_problem *problem, int64_t n);
size_t attn_pointer_scratch(const struct attn_pointer_problem *problem, int64_t n);

/* Example `index` of a seed's set of n points: uniform in the unit square, coordinates k / 2^24, no two points alike; a set for each n. Sorting: y = 0. */
void attn_pointer_draw(const struct attn_pointer_problem *problem, int64_t n, uint64_t seed, uint64_t index, double *xy);

/* The right structure, and the one that a model learns: these differ in tours with other labels and in shuffled triangles (by `seed`). Return their numbers.
 * watch (or NULL) is told of what takes minutes, the search for tours of thousands of points. */
int64_t attn_pointer_solve(const struct attn_pointer_problem *problem, const double *xy, int64_t n, int32_t *numbers, void *scratch,
                           const struct attn_watch *watch);
int64_t attn_pointer_label(const struct attn_pointer_problem *problem, const double *xy, int64_t n, uint64_t seed, int32_t *numbers,
                           void *scratch);

/* Whether what a model learns is the right structure itself, for the same number of points in the same order. */
bool attn_pointer_label_is_right(const struct attn_pointer_problem *problem);

/* The tokens of a structure, with the end where there is one; returns how many. And back: from tokens without the end, a closing point left out. */
int64_t attn_pointer_tokens(const struct attn_pointer_problem *problem, const int32_t *numbers, int64_t count, int32_t *tokens);
int64_t attn_pointer_numbers(const struct attn_pointer_problem *problem, const int32_t *tokens, int64_t count, int32_t *numbers);

/* allowed[0 .. n]: the tokens that may follow tokens [0, count) of an answer that is valid so far. Tours: a permutation from point 1 on. Hulls: no point twice, three at
 * least. Triangles: ascending triples. Sorting: a permutation. At least one is allowed in each place of an answer that the tokens' number leaves room for. */
void attn_pointer_allow(const struct attn_pointer_problem *problem, const int32_t *tokens, int64_t count, int64_t n,
                        unsigned char *allowed);

#endif
