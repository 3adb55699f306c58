/* Document lengths as real corpora have them: the benchmark's samplers A and B (Bu et al. 2025; MagiAttention).
 *
 * A bin is chosen by its weight, then a length uniform in it, both ends included. Integer arithmetic throughout, so that the
 * draws are the same everywhere.
 */
#include "base/random.h"
#include "mask/generate.h"

#include <assert.h>
#include <string.h>

/* Upper edge of lengths (a bin begins at the edge before it, the first at 0) and weight. */
struct bin {
    int64_t edge, weight;
};

static const struct bin PILE[] = {
    {32, 29931},   {64, 63955},   {96, 64939},   {128, 70109},  {160, 71745},   {192, 70039},    {224, 67682},
    {256, 59416},  {288, 53688},  {320, 38126},  {352, 30705},  {384, 25864},   {416, 22355},    {448, 19422},
    {480, 17154},  {512, 15142},  {544, 13648},  {576, 12338},  {608, 11102},   {640, 10029},    {704, 17699},
    {768, 15366},  {832, 13425},  {896, 11622},  {960, 10074},  {1056, 12990},  {1152, 10747},   {1280, 11763},
    {1440, 12227}, {1600, 10025}, {1792, 10877}, {2016, 10893}, {2304, 10600},  {2720, 10606},   {3264, 10540},
    {3904, 10051}, {4704, 10083}, {5792, 10228}, {7584, 10093}, {14208, 10011}, {9323168, 2246},
};

static const struct bin PROLONG64K[] = {
    {64, 41225},   {96, 54380},   {128, 57541},  {160, 55729},  {192, 52027},  {224, 48310},  {256, 44587},   {288, 41382},  {320, 38608},
    {352, 35000},  {384, 32118},  {416, 30124},  {448, 28552},  {480, 26684},  {512, 26249},  {544, 24683},   {576, 21875},  {608, 19907},
    {640, 18437},  {672, 16788},  {704, 15729},  {736, 14684},  {768, 13679},  {800, 12685},  {832, 11853},   {864, 10844},  {928, 19182},
    {992, 16678},  {1056, 15301}, {1120, 12752}, {1184, 10927}, {1280, 13861}, {1376, 11269}, {1504, 12483},  {1632, 10406}, {1792, 10112},
    {2016, 10995}, {2304, 10428}, {2720, 10183}, {3392, 10054}, {4768, 10122}, {8928, 10019}, {50272, 10008}, {61920, 1531},
};

static const struct bin PROLONG512K[] = {
    {32, 10066},   {64, 35960},   {96, 58496},   {128, 62776},  {160, 60632},   {192, 56150},   {224, 51602},  {256, 46961},  {288, 43527},
    {320, 39809},  {352, 35857},  {384, 32632},  {416, 30500},  {448, 28518},   {480, 26541},   {512, 26257},  {544, 24240},  {576, 21284},
    {608, 19171},  {640, 17614},  {672, 15991},  {704, 14906},  {736, 13860},   {768, 12765},   {800, 11800},  {832, 10991},  {896, 19169},
    {960, 16308},  {1024, 14782}, {1088, 12799}, {1152, 10717}, {1248, 13402},  {1344, 10878},  {1472, 11750}, {1632, 11866}, {1824, 10432},
    {2080, 10402}, {2464, 10383}, {3104, 10364}, {4544, 10031}, {10912, 10011}, {475872, 7308},
};

/* Sampler B: the middle of a bin of lengths, and how many documents it has. */
static const struct bin HISTOGRAM[] = {
    {5, 30254},     {30, 391188},   {75, 699596},    {150, 1377757},  {350, 3794735}, {762, 3316785}, {1536, 2106566},
    {3072, 988525}, {6144, 410002}, {12288, 173574}, {24576, 115007}, {49152, 18428}, {98304, 22513}, {163840, 18284},
};

static const struct {
    const char *name;
    const struct bin *bins;
    int count;
} CORPORA[ATTN_CORPUS_COUNT] = {
    {"pile", PILE, sizeof PILE / sizeof *PILE},
    {"prolong64k", PROLONG64K, sizeof PROLONG64K / sizeof *PROLONG64K},
    {"prolong512k", PROLONG512K, sizeof PROLONG512K / sizeof *PROLONG512K},
};

enum { PILE_TOKENS = 12 << 10, PROLONG64K_TOKENS = 64 << 10, LONG_LEAST = 8192, LONG_MOST = 30720 };

const char *attn_corpus_name(enum attn_corpus corpus) {
    return CORPORA[corpus].name;
}

int attn_corpus_find(const char *name) {
    for (int corpus = 0; corpus < ATTN_CORPUS_COUNT; corpus++)
        if (strcmp(name, CORPORA[corpus].name) == 0) return corpus;
    return -1;
}

enum attn_corpus attn_corpus_for(int64_t total) {
    return total <= PILE_TOKENS ? ATTN_CORPUS_PILE : total <= PROLONG64K_TOKENS ? ATTN_CORPUS_PROLONG64K : ATTN_CORPUS_PROLONG512K;
}

/* A bin by weight. */
static int draw_bin(const struct bin *bins, int count, struct attn_random *r) {
    int64_t sum = 0;
    for (int i = 0; i < count; i++) sum += bins[i].weight;
    int64_t left = attn_random_between(r, 0, sum - 1);
    int chosen = 0;
    while (left >= bins[chosen].weight) left -= bins[chosen++].weight;
    return chosen;
}

static attn_status append(struct attn_lengths *out, int64_t length) {
    const char *wrong = attn_lengths_append(out, length, 1);
    return wrong ? attn_fail(out->ctx, out->no_memory ? ATTN_ENOMEM : ATTN_EINVAL, "documents: %s", wrong) : ATTN_OK;
}

static void shuffle(int64_t *x, int64_t count, struct attn_random *r) {
    for (int64_t i = count - 1; i > 0; i--) {
        int64_t j = attn_random_between(r, 0, i), moved = x[i];
        x[i] = x[j];
        x[j] = moved;
    }
}

/* Appends `tokens` tokens of documents. */
static attn_status sample(enum attn_corpus corpus, int64_t tokens, struct attn_random *r, struct attn_lengths *out) {
    const struct bin *bins = CORPORA[corpus].bins;
    attn_status status = ATTN_OK;
    for (int64_t left = tokens; left > 0 && status == ATTN_OK;) {
        int chosen = draw_bin(bins, CORPORA[corpus].count, r);
        int64_t length = attn_random_between(r, chosen ? bins[chosen - 1].edge : 0, bins[chosen].edge);
        length = attn_max64(1, attn_min64(length, left));
        status = append(out, length);
        left -= length;
    }
    return status;
}

attn_status attn_generate_documents(enum attn_corpus corpus, int64_t total, uint64_t seed, struct attn_lengths *out) {
    struct attn_random r;
    attn_random_init(&r, seed);
    return sample(corpus, total, &r, out);
}

attn_status attn_generate_long_documents(enum attn_corpus corpus, int64_t total, uint64_t seed, struct attn_lengths *out) {
    struct attn_random r;
    int64_t first = out->count, few = total / 5 * 2 + total % 5 * 2 / 5;
    attn_random_init(&r, seed);
    attn_status status = sample(corpus, few, &r, out);
    for (int64_t left = total - few; left > 0 && status == ATTN_OK;) {
        int64_t length = attn_min64(attn_random_between(&r, LONG_LEAST, LONG_MOST), left);
        status = append(out, length);
        left -= length;
    }
    if (status == ATTN_OK) shuffle(out->length + first, out->count - first, &r);
    return status;
}

/* Documents of the histogram in chunks of at most `most` tokens, at least `tokens` in all, shuffled. */
static attn_status chunks(int64_t tokens, int64_t most, struct attn_random *r, struct attn_lengths *out) {
    attn_status status = ATTN_OK;
    while (out->total < tokens && status == ATTN_OK) {
        int64_t length = HISTOGRAM[draw_bin(HISTOGRAM, sizeof HISTOGRAM / sizeof *HISTOGRAM, r)].edge;
        for (; length > 0 && status == ATTN_OK; length -= most) status = append(out, attn_min64(length, most));
    }
    if (status == ATTN_OK) shuffle(out->length, out->count, r);
    return status;
}

attn_status attn_generate_packs(int64_t total, int64_t packs, uint64_t seed, struct attn_lengths *pack) {
    int64_t tokens;
    if (packs < 1 || total < 1 || __builtin_mul_overflow(total, packs, &tokens))
        return attn_fail(pack[0].ctx, ATTN_EINVAL, "documents: %lld packs of %lld tokens; both must be at least 1 and their product fit",
                         (long long)packs, (long long)total);
    struct attn_lengths all = {.ctx = pack[0].ctx};
    struct attn_random r;
    attn_random_init(&r, seed);
    attn_status status = chunks(tokens, attn_max64(1, total / 4), &r, &all);
    assert(status != ATTN_OK || all.length);
    int64_t used = 0; /* of document `next` */
    for (int64_t n = 0, next = 0; n < packs && status == ATTN_OK; n++)
        while (pack[n].total < total && status == ATTN_OK) {
            int64_t length = attn_min64(all.length[next] - used, total - pack[n].total);
            status = append(&pack[n], length);
            used += length;
            if (used == all.length[next]) {
                next++;
                used = 0;
            }
        }
    for (int64_t i = packs - 1; i > 0 && status == ATTN_OK; i--) {
        int64_t j = attn_random_between(&r, 0, i);
        struct attn_lengths moved = pack[i];
        pack[i] = pack[j];
        pack[j] = moved;
    }
    attn_lengths_free(&all);
    return status;
}
