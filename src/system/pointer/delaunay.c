/* The triangulation covers the whole plane: beyond each edge of the hull lies a triangle with the vertex at infinity, whose "circle" is the open half-plane beyond
 * the edge, and the edge without its ends. A point is in conflict with the triangles in whose circles it lies strictly; these are connected, and the edges around
 * them see the point: they are replaced by a triangle from each such edge to the point. */
#include "system/pointer/delaunay.h"

#include "metric/plane.h"
#include "system/pointer/hilbert.h"

#include <stdbool.h>

enum { INFINITE = -1 }; /* the vertex at infinity */

struct triangle {
    int32_t vertex[3]; /* counter-clockwise */
    int32_t next[3];   /* the triangle across the edge that vertex i does not belong to */
    int32_t inserted;  /* the last point that it was in conflict with */
};

/* An edge of a conflict region, seen from inside: the triangle beyond it, which neighbours the region with its own edge `side`. */
struct edge {
    int32_t from, to, beyond, side;
};

struct mesh {
    const double *xy;
    struct triangle *triangle;
    int32_t count, last; /* triangles; the one that the next walk begins with */
    int32_t *conflict;   /* the region of the point at hand */
    struct edge *edge;
    int32_t *at; /* by vertex + 1: the new triangle whose edge begins there */
};

static const double *point(const struct mesh *m, int32_t vertex) {
    return m->xy + 2 * (int64_t)vertex;
}

/* Which vertex is at infinity; -1: none. */
static int infinite_vertex(const struct triangle *t) {
    for (int i = 0; i < 3; i++)
        if (t->vertex[i] == INFINITE) return i;
    return -1;
}

static bool before(const double *a, const double *b) {
    return a[0] < b[0] || (a[0] == b[0] && a[1] < b[1]);
}

static bool in_conflict(const struct mesh *m, const struct triangle *t, const double *p) {
    const int i = infinite_vertex(t);
    if (i < 0) return attn_in_circle(point(m, t->vertex[0]), point(m, t->vertex[1]), point(m, t->vertex[2]), p) > 0;
    const double *a = point(m, t->vertex[(i + 1) % 3]), *b = point(m, t->vertex[(i + 2) % 3]);
    const int side = attn_orientation(a, b, p);
    return side > 0 || (side == 0 && before(a, p) == before(p, b) && before(p, a) == before(b, p));
}

/* Walks from triangle to triangle across an edge that the point lies beyond, to one in conflict with it; -1 where the point is a vertex already. The walk ends: on a
 * Delaunay triangulation no such walk comes back (Edelsbrunner 1990, "An acyclicity theorem for cell complexes in d dimensions"). */
static int32_t locate(const struct mesh *m, const double *p) {
    int32_t at = m->last;
    const int outside = infinite_vertex(&m->triangle[at]);
    if (outside >= 0) at = m->triangle[at].next[outside];
    for (int i = 0; i < 3;) {
        const struct triangle *t = &m->triangle[at];
        if (attn_orientation(point(m, t->vertex[(i + 1) % 3]), point(m, t->vertex[(i + 2) % 3]), p) >= 0) {
            i++;
            continue;
        }
        at = t->next[i];
        if (infinite_vertex(&m->triangle[at]) >= 0) return at;
        i = 0;
    }
    for (int i = 0; i < 3; i++) {
        const double *corner = point(m, m->triangle[at].vertex[i]);
        if (corner[0] == p[0] && corner[1] == p[1]) return -1;
    }
    return at;
}

static int side_towards(const struct triangle *t, int32_t neighbour) {
    return t->next[0] == neighbour ? 0 : t->next[1] == neighbour ? 1 : 2;
}

/* All triangles in conflict with the point, from one of them on, and the edges around them: always two more edges than triangles. */
static int32_t find_conflicts(struct mesh *m, int32_t first, int32_t vertex) {
    int32_t count = 1, edges = 0;
    m->conflict[0] = first;
    m->triangle[first].inserted = vertex;
    for (int32_t c = 0; c < count; c++) {
        const struct triangle *t = &m->triangle[m->conflict[c]];
        for (int i = 0; i < 3; i++) {
            struct triangle *other = &m->triangle[t->next[i]];
            if (other->inserted == vertex) continue;
            if (in_conflict(m, other, point(m, vertex))) {
                other->inserted = vertex;
                m->conflict[count++] = t->next[i];
            } else {
                m->edge[edges++] =
                    (struct edge){t->vertex[(i + 1) % 3], t->vertex[(i + 2) % 3], t->next[i], side_towards(other, m->conflict[c])};
            }
        }
    }
    return edges;
}

static void insert(struct mesh *m, int32_t vertex) {
    const int32_t first = locate(m, point(m, vertex));
    if (first < 0) return;
    const int32_t edges = find_conflicts(m, first, vertex);
    m->conflict[edges - 2] = m->count++;
    m->conflict[edges - 1] = m->count++;
    for (int32_t e = 0; e < edges; e++) {
        const struct edge *edge = &m->edge[e];
        const int32_t new = m->conflict[e];
        m->triangle[new] = (struct triangle){{edge->from, edge->to, vertex}, {-1, -1, edge->beyond}, -1};
        m->triangle[edge->beyond].next[edge->side] = new;
        m->at[edge->from + 1] = new;
    }
    for (int32_t e = 0; e < edges; e++) {
        const int32_t left = m->conflict[e], right = m->at[m->edge[e].to + 1];
        m->triangle[left].next[0] = right;
        m->triangle[right].next[1] = left;
    }
    m->last = m->conflict[0];
}

/* The first triangle, counter-clockwise, and the three beyond its edges. */
static void begin(struct mesh *m, int32_t a, int32_t b, int32_t c) {
    const bool turned = attn_orientation(point(m, a), point(m, b), point(m, c)) < 0;
    const int32_t vertex[3] = {a, turned ? c : b, turned ? b : c};
    m->triangle[0] = (struct triangle){{vertex[0], vertex[1], vertex[2]}, {1, 2, 3}, -1};
    for (int i = 0; i < 3; i++) {
        const int j = (i + 1) % 3, k = (i + 2) % 3;
        m->triangle[i + 1] = (struct triangle){{INFINITE, vertex[k], vertex[j]}, {0, k + 1, j + 1}, -1};
    }
    m->count = 4;
    m->last = 0;
}

/* Takes the first three points that are no line out of the order, in place; false: there are none. */
static bool take_corner_points(const double *xy, int32_t *order, int64_t n, int32_t *taken) {
    int found = 0;
    for (int64_t i = 0; i < n && found < 3; i++) {
        const double *p = xy + 2 * (int64_t)order[i];
        const double *a = xy + 2 * (int64_t)taken[0], *b = xy + 2 * (int64_t)taken[1];
        if (found == 1 && a[0] == p[0] && a[1] == p[1]) continue;
        if (found == 2 && attn_orientation(a, b, p) == 0) continue;
        taken[found++] = order[i];
        order[i] = INFINITE;
    }
    return found == 3;
}

/* Real triangles in their final order. */
static int64_t collect(const struct mesh *m, int32_t *triangles, void *scratch) {
    int64_t count = 0;
    for (int32_t i = 0; i < m->count; i++) {
        const struct triangle *t = &m->triangle[i];
        if (infinite_vertex(t) >= 0) continue;
        for (int j = 0; j < 3; j++) triangles[3 * count + j] = t->vertex[j];
        count++;
    }
    attn_delaunay_order(m->xy, triangles, count, scratch);
    return count;
}

int64_t attn_delaunay_most(int64_t n) {
    return n < 3 ? 0 : 2 * n - 5;
}

/* Scratch: the order of insertion; behind it the places that it is made from, then the mesh; in the end what sorts the triangles. A sphere of n + 1 vertices has
 * 2 n - 2 triangles, which no region has all of. */
static size_t order_bytes(int64_t n) {
    return ((size_t)n + 1) / 2 * 2 * sizeof(int32_t);
}

static size_t mesh_bytes(int64_t n) {
    return 2 * (size_t)n * (sizeof(struct triangle) + sizeof(struct edge) + sizeof(int32_t)) + ((size_t)n + 1) * sizeof(int32_t);
}

static size_t greater(size_t a, size_t b) {
    return a > b ? a : b;
}

size_t attn_delaunay_scratch(int64_t n) {
    const size_t places = 2 * (size_t)n * sizeof(struct attn_place);
    return greater(order_bytes(n) + greater(places, mesh_bytes(n)), attn_delaunay_order_scratch(attn_delaunay_most(n)));
}

int64_t attn_delaunay(const double *xy, int64_t n, int32_t *triangles, void *scratch) {
    int32_t *order = scratch, taken[3] = {0, 0, 0};
    void *rest = (char *)scratch + order_bytes(n);
    struct attn_place *places = rest;
    attn_hilbert_order(xy, n, places, places + n);
    for (int64_t i = 0; i < n; i++) order[i] = (int32_t)places[i].number;
    if (!take_corner_points(xy, order, n, taken)) return 0;
    struct mesh m = {.xy = xy, .triangle = rest};
    m.edge = (struct edge *)(void *)(m.triangle + 2 * n);
    m.conflict = (int32_t *)(void *)(m.edge + 2 * n);
    m.at = m.conflict + 2 * n;
    begin(&m, taken[0], taken[1], taken[2]);
    for (int64_t i = 0; i < n; i++)
        if (order[i] != INFINITE) insert(&m, order[i]);
    return collect(&m, triangles, scratch);
}
