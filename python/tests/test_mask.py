"""Masks: making, algebra, questions, and that each says what NumPy says."""
import unittest

import attn
import numpy as np
import oracle
from attn import Mask


class Masks(unittest.TestCase):
    def same(self, mask, want):
        compiled = mask.compile(*want.shape)
        self.assertTrue(np.array_equal(compiled.dense(), want))
        self.assertEqual(compiled.area, want.sum())
        self.assertEqual(compiled.lengths, want.shape)

    def test_texts_bands_and_algebra(self):
        causal, band = oracle.causal(12, 17), oracle.window(3, 1, 12, 17)
        self.same(Mask.parse("causal:top-left"), causal)
        self.same(Mask.band(high=0), causal)
        self.same(Mask.band(-3, 1), band)
        self.same(Mask.band(-3, 1, "bottom-right"), oracle.window(3 - 5, 1 + 5, 12, 17))
        self.same(Mask.band(high=0) & Mask.band(-3, 1), causal & band)
        self.same(Mask.band(high=0) | Mask.band(-3, 1), causal | band)
        self.same(~Mask.band(-3, 1), ~band)
        self.same("causal:top-left" & Mask.band(-3, 1), causal & band)
        self.same(Mask.band(-3, 1) | "causal:top-left", causal | band)
        self.assertEqual(str(Mask.parse("causal & window:3,0")), "causal & sliding_window:3,0")

    def test_slices_blocks_bits_predicates(self):
        want = np.zeros((10, 8), bool)
        want[2:6, 1:7] = True
        want[7:9, 0:8] |= oracle.window(9, 0, 10, 8)[7:9]
        self.same(Mask.slices(10, 8, [(2, 6, 1, 7, None, None), (7, 9, 0, 8, None, 0)]), want)
        keep = np.array([[1, 0, 1], [0, 1, 0]], bool)
        self.same(Mask.blocks([0, 4, 10], [0, 3, 5, 8], keep), keep.repeat([4, 6], 0).repeat([3, 2, 3], 1))
        self.same(Mask.blocks([0, 4, 10], [0, 3, 5, 8], keep.tolist()), keep.repeat([4, 6], 0).repeat([3, 2, 3], 1))
        scores = np.array([[0.1, 3, 2], [5, -1, 4]])
        best = np.array([[0, 1, 1], [1, 0, 1]], bool)
        self.same(Mask.top_blocks([0, 4, 10], [0, 3, 5, 8], scores, 2), best.repeat([4, 6], 0).repeat([3, 2, 3], 1))
        bits = np.random.default_rng(1).random((10, 19)) < 0.5
        self.same(Mask.bits(bits), bits)
        self.same(Mask.bits(bits.T.copy().T), bits)
        self.same(Mask.predicate(10, 19, lambda q, k: bits[q, k]), bits)
        hint = lambda q0, q1, k0, k1: 0 if not bits[q0:q1, k0:k1].any() else 1 if bits[q0:q1, k0:k1].all() else 2
        self.same(Mask.predicate(10, 19, lambda q, k: bits[q, k], hint), bits)

    def test_pooled_scores_are_means_times_means(self):
        rng = np.random.default_rng(1)
        q, k = rng.normal(size=(10, 4)).astype("f4"), rng.normal(size=(8, 4)).astype("f4")
        means = [np.stack([a[i:j].mean(0) for i, j in cuts]) for a, cuts in ((q, ((0, 4), (4, 10))), (k, ((0, 3), (3, 8))))]
        np.testing.assert_allclose(attn.pool_scores(q, k, [0, 4, 10], [0, 3, 8]), means[0] @ means[1].T, rtol=1e-5, atol=1e-6)

    def test_questions(self):
        mask = Mask.parse("causal & window:2,0").compile(6)
        self.assertEqual(mask.row(4), [(2, 5)])
        self.assertEqual(mask.column(4), [(4, 6)])
        self.assertTrue(mask.allows(4, 3) and not mask.allows(4, 5))
        self.assertEqual([mask.tile(0, 6, 0, 6), mask.tile(0, 1, 1, 6), mask.tile(3, 4, 1, 4)], ["partial", "empty", "full"])
        self.assertEqual(mask.picture(), "#.....\n##....\n###...\n.###..\n..###.\n...###")
        self.assertEqual(mask.picture(3, 3), "+..\n++.\n.++")
        self.assertTrue(np.array_equal(mask.cut(2, 6, 1, 4).dense(), mask.dense()[2:6, 1:4]))
        self.assertGreater(mask.bytes, 0)
        self.assertIsNone(Mask.parse("causal").lengths)
        self.assertIn("causal", repr(mask))

    def test_what_is_executed_as_it_is(self):
        self.assertTrue(Mask.parse("causal").as_is and Mask.parse("window:3,0").as_is and Mask.parse("causal").compile(3).as_is)
        self.assertTrue(Mask.stack(["causal", "full"]).as_is and Mask.parse("full").as_is)
        self.assertFalse(Mask.parse("causal | cols:0,4").as_is or Mask.parse("document:3,4").as_is)

    def test_a_compiled_form_is_made_once_for_the_same_lengths(self):
        mask = Mask.parse("causal:top-left & cols:0,4")
        self.assertIs(mask.executable(9, 9), mask.executable(9, 9))
        self.assertEqual(mask.executable(8, 9).lengths, (8, 9))
        for n in range(40):
            mask.executable(n, n)
        self.assertLessEqual(len(mask._compiled), 8)

    def test_an_exception_in_a_predicate_comes_out_of_compile(self):
        with self.assertRaises(ZeroDivisionError):
            Mask.predicate(4, 4, lambda q, k: 1 // 0).compile(4)
        self.same(Mask.predicate(4, 4, lambda q, k: True), np.ones((4, 4), bool))

    def test_one_mask_for_each_sequence_and_head(self):
        rng = np.random.default_rng(1)
        q, k, v = (rng.normal(size=(2, 2, 7, 4)).astype("f4") for _ in range(3))
        masks = [["causal", "full"], ["window:1,1", "causal & cols:0,3"]]
        compiled = [[attn.Mask.parse(m).compile(7) for m in row] for row in masks]
        o = attn.attention(q, k, v, Mask.stack(compiled))
        for b in range(2):
            for h in range(2):
                self.assertTrue(np.array_equal(o[b, h], attn.attention(q[b, h], k[b, h], v[b, h], masks[b][h])), (b, h))


if __name__ == "__main__":
    unittest.main()
