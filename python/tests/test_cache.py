"""Caches against attention over the same keys and values side by side."""
import os
import tempfile
import unittest

import attn
import numpy as np


class Caches(unittest.TestCase):
    def setUp(self):
        rng = np.random.default_rng(1)
        self.k, self.v = rng.normal(size=(50, 2, 32)).astype("f4"), rng.normal(size=(50, 2, 32)).astype("f4")
        self.q = rng.normal(size=(2, 4, 3, 32)).astype("f4")

    def make(self, **options):
        return attn.Cache(**{**dict(kv_heads=2, dim=32, blocks=24, block_tokens=8, sequences=2), **options})

    def same(self, cache, lengths, tolerance=1e-6, mask="causal:bottom-right"):
        o, lse = cache.attention(self.q, mask, return_lse=True)
        self.assertEqual([cache.length(n) for n in range(2)], lengths)
        for n, s in enumerate(lengths):
            k, v = (x[:s].transpose(1, 0, 2)[None] for x in (self.k, self.v))
            want, want_lse = attn.attention(self.q[n:n + 1], k, v, mask, return_lse=True)
            np.testing.assert_allclose(o[n], want[0], rtol=tolerance, atol=tolerance)
            np.testing.assert_allclose(lse[n], want_lse[0], rtol=tolerance, atol=tolerance)

    def test_attention_over_growing_sequences(self):
        cache = self.make()
        cache.append(self.k[:20], self.v[:20])
        cache.append(self.k[:5], self.v[:5], sequence=1)
        self.same(cache, [20, 5], 1e-5)
        for n in range(20, 30):
            cache.append(self.k[n], self.v[n])
        self.same(cache, [30, 5], 1e-5)
        self.same(cache, [30, 5], 1e-5, None)
        self.same(cache, [30, 5], 1e-5, "causal:bottom-right & (window:8,0:bottom-right | cols:0,2)")
        self.assertEqual((cache.position(0), cache.free_blocks), (30, 24 - 4 - 1))
        cache.truncate(11)
        self.same(cache, [11, 5], 1e-5)

    def test_stored_in_fewer_bits(self):
        for dtype, tolerance in (("bfloat16", 2e-2), ("float16", 2e-3), ("q8_0", 3e-2)):
            cache = self.make(dtype=dtype)
            for n in range(2):
                cache.append(self.k[:33], self.v[:33], n)
            self.same(cache, [33, 33], tolerance)

    def test_read_fork_reorder_and_evict(self):
        cache = self.make()
        cache.append(self.k[:20], self.v[:20])
        cache.fork(0, 1)
        cache.append(self.k[20:22], self.v[20:22], 1)
        self.same(cache, [20, 22], 1e-5)
        k, v = cache.read(self.k, 1, 3)
        self.assertTrue(np.array_equal(k, self.k[3:22]) and np.array_equal(v, self.v[3:22]))
        cache.reorder([1, 0])
        self.same(cache, [22, 20], 1e-5)
        cache.evict(2, 10)
        self.assertEqual((cache.length(0), cache.position(0)), (14, 22))
        self.assertTrue(np.array_equal(cache.read(self.k)[0], np.concatenate([self.k[:2], self.k[10:22]])))

    def test_rotation_of_queries_and_keys_depends_on_distance_alone(self):
        cache = self.make(rotary="halves")
        cache.append(self.k[:4], self.v[:4])
        cache.append(self.k[:4], self.v[:4], 1, position=100)
        q = self.q[0].transpose(1, 0, 2).copy()
        near, far = q.copy(), q.copy()
        cache.rotate(near, 1)
        cache.rotate(far, 101)
        a = cache.attention(near.transpose(1, 0, 2)[None], "causal:bottom-right")
        b = cache.attention(far.transpose(1, 0, 2)[None], "causal:bottom-right", first=1)
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)
        self.assertFalse(np.allclose(near, q))

    def test_saving(self):
        cache, other = self.make(), self.make(block_tokens=4)
        cache.append(self.k[:13], self.v[:13])
        for n in range(2):
            if n == 0:
                other.load(cache.save(), n)
            else:
                with tempfile.TemporaryDirectory() as folder:
                    cache.save_file(os.path.join(folder, "a"))
                    other.load_file(os.path.join(folder, "a"), n)
        self.same(other, [13, 13], 1e-5)

    def test_features_and_given_arrays(self):
        cache = self.make()
        for n in range(2):
            cache.append(self.k[:9], self.v[:9], n)
        k, v = (np.stack([x[:9].transpose(1, 0, 2)] * 2) for x in (self.k, self.v))
        options = dict(alibi=[0.5, 0.25, 0.125, 1.0], sink=np.ones(4, "f4"), scale=0.3, softcap=5.0)
        out, lse = np.empty((2, 3, 4, 32), "f4"), np.empty((2, 4, 3), "f4")
        got = cache.attention(self.q.transpose(0, 2, 1, 3), out=out, lse=lse, layout="bthd", **options)
        self.assertTrue(got[0] is out and got[1] is lse)
        want = attn.attention(self.q, k, v, **options)
        np.testing.assert_allclose(out.transpose(0, 2, 1, 3), want, rtol=1e-5, atol=1e-5)

    def test_mistakes(self):
        cache = self.make(blocks=2)
        cache.append(self.k[:9], self.v[:9])
        for kind, words, call in (
                (attn.FullError, "", lambda: cache.append(self.k[0], self.v[0], 1)),
                (attn.ShapeError, "sequence is 2, expected 0 to 1", lambda: cache.length(2)),
                (attn.ShapeError, "k has 3 tokens and v 2", lambda: cache.append(self.k[:3], self.v[:2])),
                (attn.Error, "", lambda: cache.truncate(10)),
                (attn.Error, "", lambda: cache.load(b"nonsense")),
                (attn.ShapeError, "q has the extents", lambda: cache.attention(self.q[..., :8])),
                (attn.InvalidError, "bias is given", lambda: cache.attention(self.q, bias=np.zeros((3, 9), "f4"))),
                (attn.InvalidError, "dropout is given", lambda: cache.attention(self.q, dropout=(0.5, 1))),
                (attn.InvalidError, "rotary is 'full'", lambda: self.make(rotary="full"))):
            with self.subTest(words), self.assertRaisesRegex(kind, words) as caught:
                call()
        self.assertEqual([cache.length(n) for n in range(2)], [9, 0])
        self.assertIsInstance(caught.exception, attn.Error)


if __name__ == "__main__":
    unittest.main()
