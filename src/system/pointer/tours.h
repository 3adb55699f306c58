/* Closed tours through all of n points (x and y each): the shortest one, and what is close to it. Every one begins with city 0 and runs whichever way it was found:
 * attn_tour_direct. Distances are Euclidean, in double. With n of 0 to 3 every order is the shortest, and ascending. The same input gives the same tour, on every
 * processor; any thread, with a scratch of its own of attn_tour_NAME_scratch(n) bytes. Coordinates up to 1e300: distances beyond would overflow, and tours visit every
 * city but are not short. */
#ifndef ATTN_SYSTEM_POINTER_TOURS_H
#define ATTN_SYSTEM_POINTER_TOURS_H

#include "base/watch.h"

#include <stddef.h>
#include <stdint.h>

enum { ATTN_TOUR_EXACT_MOST = 20 };

/* A shortest tour, n <= ATTN_TOUR_EXACT_MOST, by dynamic programming over sets (Held and Karp 1962) of at most half the cities, as a tour is two paths that meet. Sums of
 * rounded distances: a tour shorter by 1e-15 of its length may be missed. At n = 20: 76 MiB. */
void attn_tour_exact(const double *xy, int64_t n, int32_t *tour, void *scratch);
size_t attn_tour_exact_scratch(int64_t n);

/* Iterated local search: the best of all nearest-neighbour tours after 2-opt and Or-opt (segments of one to three cities, both ways round), then `kicks` double
 * bridges (-1: 20 n), each kept where the search behind it ends no longer. Memory O(n^2): n up to some thousand. Time is the starts' there, O(n^3), and watch (or NULL) is
 * told of them. */
void attn_tour_search(const double *xy, int64_t n, uint64_t seed, int64_t kicks, int32_t *tour, void *scratch,
                      const struct attn_watch *watch);
size_t attn_tour_search_scratch(int64_t n);

/* A1: edges from the shortest on that leave paths, up to three rounds of 2-opt on the path they end as, which is then closed. */
void attn_tour_greedy(const double *xy, int64_t n, int32_t *tour, void *scratch);
size_t attn_tour_greedy_scratch(int64_t n);

/* A2: from every start to the nearest unvisited city on and on, then 2-opt; the shortest of these. */
void attn_tour_nearest(const double *xy, int64_t n, int32_t *tour, void *scratch);
size_t attn_tour_nearest_scratch(int64_t n);

enum attn_tour_matching {
    ATTN_TOUR_GREEDY_2OPT, /* A3: the shortest edges between odd cities, one after the other; the best shortcut of all starts after 2-opt */
    ATTN_TOUR_MINIMUM,     /* the shortest perfect matching, and no 2-opt: at most 1.5 times the shortest tour */
    ATTN_TOUR_MINIMUM_2OPT, /* the same, then 2-opt, from all starts */
    ATTN_TOUR_MATCHINGS
};

/* Christofides (1976): a shortest spanning tree and a matching of its cities of odd degree make an Eulerian circuit, of which cities that come again are left out. */
void attn_tour_christofides(const double *xy, int64_t n, enum attn_tour_matching matching, int32_t *tour, void *scratch);
size_t attn_tour_christofides_scratch(int64_t n);

/* Turns a tour round where it runs clockwise, by the sign of its area; of one without area, so that its second city is lower than its last. City 0 stays the first. */
void attn_tour_direct(const double *xy, int32_t *tour, int64_t n);

#endif
