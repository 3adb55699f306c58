/* 2-opt (Croes 1958) and Or-opt (Or 1976) until neither shortens a tour, by lists of neighbours and a queue of cities to look at (Bentley 1992, "Fast algorithms for
 * geometric traveling salesman problems"). */
#ifndef ATTN_SYSTEM_POINTER_LOCAL_SEARCH_H
#define ATTN_SYSTEM_POINTER_LOCAL_SEARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct attn_local_search {
    int64_t n;
    const double *d;    /* [n][n] */
    int64_t near_count; /* neighbours of a city that are looked at */
    int32_t *near;      /* [n][near_count], the nearest first */
    bool segments;      /* Or-opt too */
    double least_gain;  /* what is less is rounding */
    int32_t *tour, *at; /* position to city, and back */
    int32_t *queue;     /* a ring */
    unsigned char *queued;
    int64_t first, waiting;
};

/* In scratch memory, a multiple of 8 bytes, which must stay; near_count 0: all neighbours. */
size_t attn_local_search_scratch(int64_t n, int64_t near_count);
void attn_local_search_open(struct attn_local_search *s, const double *d, int64_t n, int64_t near_count, bool segments, void *scratch);

/* Takes a tour, with every city to look at. */
void attn_local_search_begin(struct attn_local_search *s, const int32_t *tour);

/* A city to look at again. */
void attn_local_search_look(struct attn_local_search *s, int32_t city);

/* Shortens s->tour until nothing is gained at any city to look at; by how much. */
double attn_local_search_run(struct attn_local_search *s);

#endif
