/* Exact search: the two items of each user's history that suit a target best. The histories lie one after the other in one array; each query has
 * the range of its user. */
#include <attn.h>
#include <stdio.h>
#include <stdlib.h>

enum { USERS = 3, ITEMS = 9, DIM = 2, TOP = 2 };

int main(void) {
    static const float items[ITEMS * DIM] = {1, 0, 0, 1, 1, 1,             /* user 0 */
                                             3, 0, 0, 3, 3, 3, 2, 0, 0, 2, /* user 1 */
                                             5, 5};                        /* user 2 */
    static const float targets[USERS * DIM] = {1, 0.5f, -1, 2, 1, 1};
    static const int64_t begins[USERS] = {0, 3, 8}, ends[USERS] = {3, 8, 9};
    int64_t index[USERS * TOP];
    float score[USERS * TOP];
    attn_ctx *ctx;
    if (attn_ctx_create(NULL, &ctx, NULL, 0)) return 1;
    attn_search search;
    attn_search_init(&search);
    search.queries = USERS, search.keys = ITEMS, search.dim = DIM, search.top = TOP;
    search.q = targets, search.k = items, search.begins = begins, search.ends = ends;
    search.index = index, search.score = score;
    if (attn_search_workspace(ctx, &search, &search.workspace_bytes)) return 1;
    search.workspace = aligned_alloc(64, search.workspace_bytes);
    if (!search.workspace || attn_search_run(ctx, &search)) return 1;
    for (int user = 0; user < USERS; user++)
        for (int n = 0; n < TOP; n++)
            printf("user %d: item %2lld, score %4.1f\n", user, (long long)index[user * TOP + n], (double)score[user * TOP + n]);
    free(search.workspace);
    attn_ctx_destroy(ctx);
}
