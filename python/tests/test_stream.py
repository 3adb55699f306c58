"""Streams against the last row of attention over the tokens so far, in double."""
import unittest

import attn
import numpy as np


class Streams(unittest.TestCase):
    def setUp(self):
        rng = np.random.default_rng(1)
        self.q, self.k, self.v = (rng.normal(size=s).astype("f4") for s in ((4, 5), (40, 2, 5), (40, 2, 3)))

    def make(self, **options):
        return attn.Stream(self.q, kv_heads=2, v_dim=3, **options)

    def same_as(self, stream, count):
        o, lse = stream.read()
        self.assertEqual((stream.tokens, o.shape, lse.shape), (count, (4, 3), (4,)))
        for h in range(4):
            s = self.k[:count, h // 2].astype("f8") @ self.q[h].astype("f8") / np.sqrt(5)
            w = np.exp(s - s.max(initial=-1e9))
            want = w @ self.v[:count, h // 2].astype("f8") / w.sum() if count else np.zeros(3)
            np.testing.assert_allclose(o[h], want, rtol=1e-5, atol=1e-6)
            np.testing.assert_allclose(lse[h], s.max() + np.log(w.sum()) if count else -np.inf, rtol=1e-5, atol=1e-6)

    def test_reads_what_attention_over_the_tokens_so_far_gives(self):
        stream = self.make()
        self.same_as(stream, 0)
        for n in range(10):
            stream.push(self.k[n], self.v[n])
            self.same_as(stream, n + 1)
        stream.push(self.k[10:], self.v[10:])
        self.same_as(stream, 40)
        stream.reset()
        self.same_as(stream, 0)

    def test_strides_and_given_arrays(self):
        stream = self.make()
        stream.push(np.repeat(self.k, 2, 0)[::2], np.repeat(self.v, 3, 0)[::3])
        self.same_as(stream, 40)
        stream = attn.Stream(np.repeat(self.q, 3, 0)[::3], kv_heads=2, v_dim=3)
        stream.push(self.k, self.v)
        o, lse = np.empty((4, 3), "f4"), np.empty(4, "f4")
        got = stream.read(o, lse)
        self.assertTrue(got[0] is o and got[1] is lse)
        self.same_as(stream, 40)

    def test_saved_restored_and_merged_streams_are_the_whole(self):
        first, second = self.make(), self.make()
        first.push(self.k[:17], self.v[:17])
        second.push(self.k[17:], self.v[17:])
        again = self.make()
        again.restore(first.save())
        again.push(self.k[17:], self.v[17:])
        whole = self.make()
        whole.push(self.k, self.v)
        self.assertEqual(again.save(), whole.save())
        first.merge(second)
        self.same_as(first, 40)
        self.assertEqual(second.tokens, 23)

    def test_mistakes(self):
        stream = self.make()
        for kind, words, call in (
                (attn.ShapeError, "k has the shape", lambda: stream.push(self.k[:, :1], self.v)),
                (attn.ShapeError, "k has 40 tokens and v 39", lambda: stream.push(self.k, self.v[1:])),
                (attn.InvalidError, "v is float64", lambda: stream.push(self.k, self.v.astype("f8"))),
                (attn.InvalidError, "make a copy", lambda: stream.push(np.asfortranarray(self.k), self.v)),
                (attn.ShapeError, "q has the shape", lambda: attn.Stream(self.q[0])),
                (attn.ShapeError, "kv_heads", lambda: attn.Stream(self.q, kv_heads=3)),
                (attn.InvalidError, "stream", lambda: stream.restore(b"x" + stream.save()[1:])),
                (attn.InvalidError, "", lambda: stream.restore(b"")),
                (attn.ShapeError, "o is float32", lambda: stream.read(np.empty((3, 4), "f4")))):
            with self.subTest(words), self.assertRaisesRegex(kind, words):
                call()
        self.assertEqual(stream.tokens, 0)


if __name__ == "__main__":
    unittest.main()
