/* Byte pairs. Oracles: a trainer that counts everything anew for each merge, an encoder that looks for the earliest merge again and again,
 * the bytes themselves. */
#include "base/random.h"
#include "io/bpe_alphabet.h"
#include "io/tokenizer_parts.h"
#include "support/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void letters_stand_for_bytes_both_ways(void **state) {
    (void)state;
    char letters[512], bytes[256], back[512];
    assert_int_equal(attn_bpe_letter(' '), 0x120);
    assert_int_equal(attn_bpe_letter('\n'), 0x10A);
    assert_int_equal(attn_bpe_letter('!'), '!');
    assert_int_equal(attn_bpe_letter(0xAD), 0x143);
    for (int i = 0; i < 256; i++) {
        bytes[i] = (char)i;
        assert_int_equal(attn_bpe_byte(attn_bpe_letter((uint8_t)i)), i);
    }
    int known = 0;
    for (uint32_t code = 0; code < 0x300; code++) known += attn_bpe_byte(code) >= 0;
    assert_int_equal(known, 256);
    const size_t length = attn_bpe_to_letters(bytes, 256, letters);
    assert_int_equal(attn_bpe_to_bytes(letters, length, back), 256);
    assert_memory_equal(back, bytes, 256);
    assert_int_equal(attn_bpe_to_bytes("a b", 3, back), SIZE_MAX);
    assert_int_equal(attn_bpe_to_bytes("\xFF", 1, back), SIZE_MAX);
    assert_int_equal(attn_bpe_to_bytes("\xC5\x84", 2, back), SIZE_MAX); /* U+0144, one beyond the last */
}

#if defined(ATTN_HAVE_PCRE2)
static void texts_are_split_as_gpt_2_does(void **state) {
    (void)state;
    static const struct {
        const char *text;
        const char *pieces[12];
    } cases[] = {
        {"", {NULL}},
        {"Hello world", {"Hello", " world"}},
        {"I'm sure they'll say it's 42!!", {"I", "'m", " sure", " they", "'ll", " say", " it", "'s", " 42", "!!"}},
        {"a  b", {"a", " ", " b"}},
        {"a \n b  ", {"a", " \n", " b", "  "}},
        {"\t\tx", {"\t", "\t", "x"}},
        {"x1y", {"x", "1", "y"}},
        {"I'M", {"I", "'", "M"}},
        {"\xC3\xA9t\xC3\xA9 \xE4\xBD\xA0\xE5\xA5\xBD", {"\xC3\xA9t\xC3\xA9", " \xE4\xBD\xA0\xE5\xA5\xBD"}},
        {"a\xC2\xA0\xE3\x80\x80"
         "b",
         {"a", "\xC2\xA0", "\xE3\x80\x80", "b"}},
        {"\xE1\xA0\x8Ex", {"\xE1\xA0\x8E", "x"}}, /* U+180E is no white space */
        {"ab\xFF\xFE"
         "cd \x80",
         {"ab", "\xFF\xFE", "cd", " ", "\x80"}},
        {"\xE2\x82", {"\xE2\x82"}},
    };
    struct attn_splitter *splitter;
    assert_int_equal(attn_splitter_create(test_ctx, &splitter), ATTN_OK);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct attn_split split;
        const char *piece;
        size_t length, at = 0;
        assert_int_equal(attn_split_begin(test_ctx, splitter, cases[i].text, strlen(cases[i].text), &split), ATTN_OK);
        for (;; at++) {
            assert_int_equal(attn_split_next(test_ctx, &split, &piece, &length), ATTN_OK);
            if (piece == NULL) break;
            if (cases[i].pieces[at] == NULL || length != strlen(cases[i].pieces[at]) || memcmp(piece, cases[i].pieces[at], length) != 0)
                fail_msg("\"%s\", piece %zu: \"%.*s\"", cases[i].text, at, (int)length, piece);
        }
        assert_null(cases[i].pieces[at]);
        attn_split_end(&split);
    }
    attn_splitter_free(test_ctx, splitter);
}

/* ------------------------------------------------------------------------------------------------- a plain trainer */

enum { MOST_PIECES = 600, PIECE_BYTES = 64, MOST_TOKENS = 400 };

/* All pieces of a text, each as its tokens; merged in place. */
static struct {
    int32_t token[PIECE_BYTES];
    int length;
} plain[MOST_PIECES];
static int plain_pieces;

static void split_plainly(const struct attn_tokenizer *t, const char *text, size_t size) {
    struct attn_split split;
    const char *piece;
    size_t length;
    plain_pieces = 0;
    assert_int_equal(attn_split_begin(test_ctx, t->splitter, text, size, &split), ATTN_OK);
    while (attn_split_next(test_ctx, &split, &piece, &length) == ATTN_OK && piece != NULL) {
        assert_true(plain_pieces < MOST_PIECES && length <= PIECE_BYTES);
        for (size_t i = 0; i < length; i++) plain[plain_pieces].token[i] = t->byte[(uint8_t)piece[i]];
        plain[plain_pieces++].length = (int)length;
    }
    attn_split_end(&split);
}

static void merge_plainly(int which, int32_t left, int32_t right, int32_t product) {
    int to = 0;
    for (int i = 0; i < plain[which].length; to++) {
        const bool here = i + 1 < plain[which].length && plain[which].token[i] == left && plain[which].token[i + 1] == right;
        plain[which].token[to] = here ? product : plain[which].token[i];
        i += here ? 2 : 1;
    }
    plain[which].length = to;
}

/* The next pair by definition: the most frequent one, of equals that with the lowest numbers. */
static int most_frequent(int32_t *left, int32_t *right) {
    static int count[MOST_TOKENS][MOST_TOKENS];
    int best = 0;
    memset(count, 0, sizeof count);
    for (int p = 0; p < plain_pieces; p++)
        for (int i = 0; i + 1 < plain[p].length; i++) count[plain[p].token[i]][plain[p].token[i + 1]]++;
    for (int a = 0; a < MOST_TOKENS; a++)
        for (int b = 0; b < MOST_TOKENS; b++)
            if (count[a][b] > best) {
                best = count[a][b];
                *left = a;
                *right = b;
            }
    return best;
}

static size_t random_text(struct attn_random *random, char *text, size_t words) {
    size_t used = 0;
    const uint64_t letters = 2 + attn_random_below(random, 4);
    for (size_t w = 0; w < words; w++) {
        for (uint64_t n = 1 + attn_random_below(random, 8); n > 0; n--) text[used++] = (char)('a' + attn_random_below(random, letters));
        if (attn_random_below(random, 4) > 0) text[used++] = ' ';
    }
    return used;
}

static void training_finds_the_merges_of_a_trainer_that_counts_anew(void **state) {
    (void)state;
    struct attn_random random;
    attn_random_init(&random, 21);
    for (int round = 0; round < 12; round++) {
        char text[MOST_PIECES * 10];
        const size_t size = random_text(&random, text, 20 + attn_random_below(&random, 200));
        const int64_t least = (int64_t)attn_random_between(&random, 1, 3);
        const struct attn_tokenizer_options options = {.least = least, .most = MOST_TOKENS - 40 * (int32_t)attn_random_below(&random, 4)};
        struct attn_tokenizer *t;
        assert_int_equal(attn_tokenizer_make(test_ctx, ATTN_TOKENIZER_BPE, "x", text, size, &options, &t), ATTN_OK);
        split_plainly(t, text, size);
        int32_t merges = 0, tokens = 256, left = 0, right = 0;
        while (tokens < options.most) {
            if (most_frequent(&left, &right) < least) break;
            const int32_t rank = attn_merges_find(&t->merges, left, right);
            if (rank < 0) fail_msg("round %d: (%d, %d) is not merged", round, (int)left, (int)right);
            assert_true(rank <= merges); /* in this order; one that was made before may come again */
            if (rank == merges) merges++;
            const int32_t product = t->merges.list[rank].product;
            if (product == tokens) tokens++;
            for (int p = 0; p < plain_pieces; p++) merge_plainly(p, left, right, product);
        }
        assert_int_equal(t->merges.count, merges);
        assert_int_equal(attn_tokenizer_vocabulary(t), tokens);
        attn_tokenizer_free(test_ctx, t);
    }
}

/* Sennrich, Haddow, Birch 2016, figure 1, by words: the first merges are e s, es t, l o, lo w, as there. (There with "</w>" behind each word;
 * here with the blank before it, which comes last.) */
static void training_finds_the_merges_of_the_paper(void **state) {
    (void)state;
    static const char text[] = "low low low low low lower lower newest newest newest newest newest newest widest widest widest";
    static const char *const first[] = {"es", "est", "lo", "low"};
    struct attn_tokenizer *t;
    assert_int_equal(
        attn_tokenizer_make(test_ctx, ATTN_TOKENIZER_BPE, "x", text, strlen(text), &(struct attn_tokenizer_options){.most = 300}, &t),
        ATTN_OK);
    for (int i = 0; i < 4; i++)
        if (attn_tokenizer_number(t, first[i]) < 0) fail_msg("no token \"%s\"", first[i]);
    attn_tokenizer_free(test_ctx, t);
}

static void encoding_gives_what_one_merge_after_the_other_gives(void **state) {
    (void)state;
    struct attn_random random;
    attn_random_init(&random, 22);
    for (int round = 0; round < 30; round++) {
        char text[MOST_PIECES * 10];
        const size_t size = random_text(&random, text, 150);
        struct attn_tokenizer *t;
        int32_t *numbers;
        size_t count, at = 0;
        assert_int_equal(
            attn_tokenizer_make(test_ctx, ATTN_TOKENIZER_BPE, "x", text, size, &(struct attn_tokenizer_options){.most = 400}, &t), ATTN_OK);
        const size_t other = random_text(&random, text, 150);
        assert_int_equal(attn_tokenizer_encode(test_ctx, t, "x", text, other, &numbers, &count), ATTN_OK);
        split_plainly(t, text, other);
        for (int p = 0; p < plain_pieces; p++) {
            for (;;) { /* the earliest merge that is there, everywhere in the piece */
                int32_t rank = -1;
                for (int i = 0; i + 1 < plain[p].length; i++) {
                    const int32_t here = attn_merges_find(&t->merges, plain[p].token[i], plain[p].token[i + 1]);
                    if (here >= 0 && (rank < 0 || here < rank)) rank = here;
                }
                if (rank < 0) break;
                const struct attn_merge *m = &t->merges.list[rank];
                merge_plainly(p, m->left, m->right, m->product);
            }
            for (int i = 0; i < plain[p].length; i++) {
                assert_true(at < count);
                assert_int_equal(numbers[at++], plain[p].token[i]);
            }
        }
        assert_int_equal(at, count);
        attn_free(test_ctx, numbers);
        attn_tokenizer_free(test_ctx, t);
    }
}

static void round_trip(const struct attn_tokenizer *t, const char *text, size_t size) {
    int32_t *numbers;
    size_t count, again;
    char *back;
    if (attn_tokenizer_encode(test_ctx, t, "x", text, size, &numbers, &count) != ATTN_OK) fail_msg("%s", test_sentence());
    assert_int_equal(attn_tokenizer_decode(test_ctx, t, numbers, count, &back, &again), ATTN_OK);
    assert_int_equal(again, size);
    assert_memory_equal(back, text, size);
    attn_free(test_ctx, numbers);
    attn_free(test_ctx, back);
}

static void any_bytes_come_back(void **state) {
    (void)state;
    enum { BYTES = 3000 };
    static const char text[] = "the cat sat on the mat, the cat's mat; \xC3\xA9t\xC3\xA9 the \xE2\x82\xAC 123 456\n\n the end\n";
    struct attn_tokenizer *t;
    struct attn_random random;
    attn_random_init(&random, 23);
    assert_int_equal(attn_tokenizer_make(test_ctx, ATTN_TOKENIZER_BPE, "x", text, strlen(text), NULL, &t), ATTN_OK);
    round_trip(t, text, strlen(text));
    for (int round = 0; round < 200; round++) {
        char bytes[BYTES];
        const size_t size = attn_random_below(&random, BYTES);
        const uint64_t among = round % 2 ? 256 : 1 + attn_random_below(&random, 256);
        for (size_t i = 0; i < size; i++) bytes[i] = (char)attn_random_below(&random, among);
        round_trip(t, bytes, size);
    }
    attn_tokenizer_free(test_ctx, t);
    assert_int_equal(
        attn_tokenizer_make(test_ctx, ATTN_TOKENIZER_BPE, "x", text, strlen(text), &(struct attn_tokenizer_options){.most = 255}, &t),
        ATTN_EINVAL);
    assert_non_null(strstr(test_sentence(), "x: found a vocabulary of 255 tokens, expected at least 256"));
}

/* Pieces of a million bytes: words, blanks, and what is no text. Done at once, also by the trainer. */
static void long_pieces_take_no_more_than_their_length(void **state) {
    (void)state;
    const size_t size = getenv("ATTN_TEST_QUICK") ? 1 << 14 : 1 << 20;
    char *text = malloc(size);
    struct attn_tokenizer *t;
    assert_non_null(text);
    for (int kind = 0; kind < 4; kind++) {
        for (size_t i = 0; i < size; i++) text[i] = "a x\xFF"[kind];
        if (kind == 2)
            for (size_t i = 0; i < size; i++) text[i] = (char)('a' + i * i % 7 % 3);
        assert_int_equal(
            attn_tokenizer_make(test_ctx, ATTN_TOKENIZER_BPE, "x", text, size, &(struct attn_tokenizer_options){.most = 300}, &t), ATTN_OK);
        round_trip(t, text, size);
        attn_tokenizer_free(test_ctx, t);
    }
    free(text);
}
#else
static void byte_pairs_name_what_to_install(void **state) {
    (void)state;
    struct attn_tokenizer *t;
    assert_int_equal(attn_tokenizer_make(test_ctx, ATTN_TOKENIZER_BPE, "x", "a", 1, NULL, &t), ATTN_EUNSUPPORTED);
    assert_non_null(strstr(test_sentence(), "install libpcre2-dev"));
}
#endif

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(letters_stand_for_bytes_both_ways),
#if defined(ATTN_HAVE_PCRE2)
        cmocka_unit_test(texts_are_split_as_gpt_2_does),
        cmocka_unit_test(training_finds_the_merges_of_a_trainer_that_counts_anew),
        cmocka_unit_test(training_finds_the_merges_of_the_paper),
        cmocka_unit_test(encoding_gives_what_one_merge_after_the_other_gives),
        cmocka_unit_test(any_bytes_come_back),
        cmocka_unit_test(long_pieces_take_no_more_than_their_length),
#else
        cmocka_unit_test(byte_pairs_name_what_to_install),
#endif
    };
    return cmocka_run_group_tests_name("io: byte pairs", tests, test_open_context, test_close_context);
}
