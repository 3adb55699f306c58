/* What times say: which candidates to go on with, and which one to take. A disturbance of the machine meets neighbouring runs alike, so
 * candidates are compared round by round, by order statistics of the ratios: a single bad round changes little. */
#include "plan/measure.h"

enum { FEW_ROUNDS = 3, MANY_ROUNDS = 9 };
static const double hopeless = 1.25, clear = 1.02, worthwhile = 0.98;

struct quartiles {
    double low, median, high;
};

/* Of the ratios of candidate c's times to candidate p's. */
static struct quartiles compare(const struct attn_samples *s, int c, int p) {
    double ratio[ATTN_ROUNDS];
    for (int r = 0; r < s->rounds; r++) {
        const double x = s->seconds[c][r] / s->seconds[p][r];
        int i = r;
        for (; i > 0 && ratio[i - 1] > x; i--) ratio[i] = ratio[i - 1];
        ratio[i] = x;
    }
    const int last = s->rounds - 1;
    return (struct quartiles){ratio[last / 4], ratio[last / 2], ratio[last - last / 4]};
}

static double least(const struct attn_samples *s, int c) {
    double best = s->seconds[c][0];
    for (int r = 1; r < s->rounds; r++) best = s->seconds[c][r] < best ? s->seconds[c][r] : best;
    return best;
}

static int first_in(const struct attn_samples *s) {
    int c = 0;
    while (c < s->count - 1 && s->out[c]) c++;
    return c;
}

void attn_samples_thin(struct attn_samples *s) {
    if (s->rounds < FEW_ROUNDS) return;
    double best = least(s, first_in(s));
    for (int c = 0; c < s->count; c++)
        if (!s->out[c] && least(s, c) < best) best = least(s, c);
    for (int c = 0; c < s->count; c++)
        if (!s->out[c]) s->out[c] = least(s, c) > hopeless * best;
}

bool attn_samples_settled(const struct attn_samples *s) {
    const int preferred = first_in(s);
    bool settled = true;
    for (int c = preferred + 1; c < s->count && settled; c++)
        if (!s->out[c]) settled = s->rounds >= MANY_ROUNDS && compare(s, c, preferred).low > clear;
    return settled && s->rounds >= FEW_ROUNDS;
}

int attn_samples_choose(const struct attn_samples *s) {
    const int preferred = first_in(s);
    int chosen = preferred;
    double best = worthwhile;
    if (s->rounds == 0) return preferred;
    for (int c = preferred + 1; c < s->count; c++) {
        if (s->out[c]) continue;
        const struct quartiles q = compare(s, c, preferred);
        if (q.high >= 1.0 || q.median >= best) continue;
        chosen = c;
        best = q.median;
    }
    return chosen;
}
