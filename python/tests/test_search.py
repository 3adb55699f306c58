"""topk against NumPy's sort."""
import unittest

import attn
import numpy as np


def reference(q, k, top, begins=None, ends=None):
    """Integers keep every sum exact, so that equal scores are equal."""
    scores = q.astype("f8") @ k.astype("f8").T
    index, score = np.full((len(q), top), -1), np.full((len(q), top), -np.inf, "f4")
    for i, row in enumerate(scores):
        begin, end = (0 if begins is None else begins[i]), (len(k) if ends is None else ends[i])
        order = begin + np.argsort(-row[begin:end], kind="stable")[:top]
        index[i, :len(order)], score[i, :len(order)] = order, row[order]
    return index, score


class Search(unittest.TestCase):
    def setUp(self):
        rng = np.random.default_rng(1)
        self.q, self.k = rng.integers(-3, 4, (9, 5)).astype("f4"), rng.integers(-3, 4, (70, 5)).astype("f4")

    def same(self, got, want):
        for a, b in zip(got, want):
            self.assertTrue(np.array_equal(a, b))
            self.assertEqual(a.shape, b.shape)

    def test_best_first_ties_by_index_rest_empty(self):
        for top in (1, 7, 70, 80):
            self.same(attn.topk(self.q, self.k, top), reference(self.q, self.k, top))
        self.same(attn.topk(self.q, self.k[:0], 3), reference(self.q, self.k[:0], 3))
        self.assertEqual(attn.topk(self.q[:0], self.k, 3)[0].shape, (0, 3))

    def test_ranges_of_each_query(self):
        begins, ends = np.arange(9) * 3, np.arange(9) * 5 + 10
        self.same(attn.topk(self.q, self.k, 12, begins=begins, ends=ends.astype("i4")), reference(self.q, self.k, 12, begins, ends))
        self.same(attn.topk(self.q, self.k, 12, ends=ends.tolist()), reference(self.q, self.k, 12, None, ends))

    def test_strides_given_arrays_and_one_query(self):
        want = reference(self.q, self.k, 4)
        apart = np.zeros((9, 11), "f4")
        apart[:, :5] = self.q
        self.same(attn.topk(apart[:, :5], np.repeat(self.k, 2, 0)[::2], 4), want)
        index, score = np.zeros((9, 4), "i8"), np.zeros((9, 4), "f4")
        got = attn.topk(self.q, self.k, 4, index=index, score=score)
        self.assertTrue(got[0] is index and got[1] is score)
        self.same(got, want)
        self.same(attn.topk(self.q[2], self.k, 4), (want[0][2], want[1][2]))
        self.assertTrue(np.array_equal(attn.topk(self.q, self.k, 4, scores=False), want[0]))

    def test_mistakes(self):
        for kind, words, change in ((attn.InvalidError, "q is float64", dict(q=self.q.astype("f8"))),
                                    (attn.ShapeError, "k \\[70, 4\\]", dict(k=self.k[:, :4])),
                                    (attn.InvalidError, "stride 5 along dim", dict(q=np.asfortranarray(self.q)[:5].T.copy().T)),
                                    (attn.ShapeError, "begins has 1 elements", dict(begins=[0])),
                                    (attn.Error, "ends", dict(ends=[71] * 9)),
                                    (attn.InvalidError, "top", dict(top=0)),
                                    (attn.ShapeError, "index is float32", dict(index=np.zeros((9, 3), "f4")))):
            with self.subTest(words), self.assertRaisesRegex(kind, words):
                attn.topk(**{**dict(q=self.q, k=self.k, top=3), **change})


if __name__ == "__main__":
    unittest.main()
