"""attention, backward and weights against the formulas in double: features, layouts, masks, lengths, strides, edges."""
import os
import unittest

import attn
import numpy as np
import oracle
from support import assert_close, expected, from_layout, random_arrays, to_layout

SEED = int(os.environ.get("ATTN_TEST_SEED", "1"))


class Formulas(unittest.TestCase):
    def check(self, allowed=None, mask=None, dtype="f4", layout="bhtd", bias=None, cu=None, arrays=None, **features):
        x = arrays or random_arrays(np.random.default_rng(SEED), dtype, batch=1 if layout == "thd" else 2)
        options = {name: features[name] for name in ("scale", "softcap", "alibi", "sink") if name in features}
        if "dropout" in features:
            options["dropout"] = features["dropout"], features["seed"]
        if bias is not None:
            options["bias"] = bias
        if cu:
            options.update(cu_q=np.array(cu[0], "i4"), cu_kv=list(cu[1]))
        given = {name: np.ascontiguousarray(to_layout(a, layout)) for name, a in x.items() if name != "d_lse"}
        d_lse = x["d_lse"][0] if layout == "thd" else x["d_lse"]
        o, lse = attn.attention(given["q"], given["k"], given["v"], mask, layout=layout, return_lse=True, **options)
        g = attn.backward(given["d_o"], given["q"], given["k"], given["v"], o, lse, mask, d_lse=d_lse, layout=layout, **options)
        want = expected(x, allowed, bias, cu, **features)
        got = dict(o=from_layout(o, layout), lse=lse[None] if layout == "thd" else lse, dq=from_layout(g.dq, layout),
                   dk=from_layout(g.dk, layout), dv=from_layout(g.dv, layout))
        got.update({n: getattr(g, n) for n in ("dbias", "dalibi", "dsink") if getattr(g, n) is not None})
        self.assertEqual([n in got for n in ("dbias", "dalibi", "dsink")], [bias is not None, "alibi" in features, "sink" in features])
        for name, a in got.items():
            assert_close(self, a, want[name], "%s (ATTN_TEST_SEED=%d)" % (name, SEED))

    def test_plain(self):
        for dtype in ("f4", "f8"):
            for layout in ("bhtd", "bthd"):
                with self.subTest(dtype=dtype, layout=layout):
                    self.check(dtype=dtype, layout=layout)

    def test_scale_softcap_alibi_and_sink(self):
        for dtype in ("f4", "f8"):
            with self.subTest(dtype=dtype):
                self.check(dtype=dtype, scale=0.7, softcap=1.5, alibi=np.array([0.5, 0.25, 0.125, 1], "f4"), sink=np.arange(4, dtype="f4"))

    def test_bias_shared_over_any_axes(self):
        rng = np.random.default_rng(SEED)
        for shape in ((2, 4, 19, 23), (1, 4, 19, 23), (2, 1, 1, 23), (4, 1, 1), (19, 23), (1, 1, 19, 1), (23,), (1,)):
            with self.subTest(shape=shape):
                self.check(bias=rng.normal(size=shape).astype("f4"))

    def test_dropout_drops_the_same_weights_for_the_same_seed(self):
        self.check(dropout=0.3, seed=2 ** 40 + 7)

    def test_masks_of_texts_objects_and_arrays(self):
        band = lambda t, s: oracle.window(3, 2, t, s)
        self.check(oracle.bottom_right, "causal:bottom-right")
        self.check(band, "window:3,2:top-left")
        self.check(band, attn.Mask.band(-3, 2))
        self.check(band, band(19, 23))
        self.check(band, np.stack([[band(19, 23)] * 4] * 2))
        self.check(band, band(19, 23)[None, None].astype("u1"))
        self.check(lambda t, s: ~band(t, s), ~attn.Mask.band(-3, 2))
        rule = attn.Mask.predicate(19, 23, lambda q, k: k % 3)
        self.check(lambda t, s: band(t, s) & (np.arange(s) % 3 > 0), attn.Mask.band(-3, 2) & rule)

    def test_rows_without_a_key_are_zero_with_lse_of_minus_infinity(self):
        self.check(lambda t, s: np.zeros((t, s), bool), np.zeros((19, 23), bool))

    def test_packed_sequences(self):
        for cu in (([0, 5, 5, 19], [0, 9, 12, 23]), ([0, 19], [0, 23]), ([0, 0, 0, 7], [0, 0, 1, 23])):
            with self.subTest(cu=cu):
                self.check(layout="thd", cu=cu)
                self.check(oracle.causal, "causal:top-left", layout="thd", cu=cu, sink=np.ones(4, "f4"))
        both = lambda t, s: oracle.causal(t, s) & (np.arange(s) < 2)
        self.check(both, "causal:top-left & cols:0,2", layout="thd", cu=([0, 5, 19], [0, 9, 23]))  # compiled for each sequence

    def test_features_of_packed_sequences_are_those_of_sequences_alone(self):
        rng = np.random.default_rng(SEED)
        x = random_arrays(rng, batch=1)
        q, k, v, d_o = (np.ascontiguousarray(to_layout(x[n], "thd")) for n in ("q", "k", "v", "d_o"))
        cu_q, cu_kv = [0, 7, 19], [0, 12, 20]  # the last tokens of keys belong to nobody
        bias, alibi = rng.normal(size=(2, 4, 12, 12)).astype("f4"), rng.random((2, 4)).astype("f4")
        options = dict(layout="thd", sink=np.ones(4, "f4"))
        whole = dict(bias=bias, alibi=alibi, cu_q=cu_q, cu_kv=cu_kv, max_q=12, max_kv=12, **options)
        o, lse = attn.attention(q, k, v, return_lse=True, **whole)
        g = attn.backward(d_o, q, k, v, o, lse, **whole)
        self.assertFalse(g.dk[20:].any() or g.dv[20:].any())
        self.assertEqual(g.dalibi.shape, (2, 4))
        for n in range(2):
            t, s = slice(*cu_q[n:n + 2]), slice(*cu_kv[n:n + 2])
            rows, keys = t.stop - t.start, s.stop - s.start
            alone = dict(bias=bias[n:n + 1, :, :rows, :keys], alibi=alibi[n], cu_q=[0, rows], cu_kv=[0, keys], **options)
            o1, lse1 = attn.attention(q[t], k[s], v[s], return_lse=True, **alone)
            g1 = attn.backward(d_o[t], q[t], k[s], v[s], o1, lse1, **alone)
            for name, got, want in (("o", o[t], o1), ("lse", lse[:, t], lse1), ("dq", g.dq[t], g1.dq), ("dk", g.dk[s], g1.dk),
                                    ("dv", g.dv[s], g1.dv), ("dbias", g.dbias[n:n + 1, :, :rows, :keys], g1.dbias),
                                    ("dalibi", g.dalibi[n], g1.dalibi)):
                assert_close(self, got, want, name)

    def test_padded_sequences_equal_sequences_alone(self):
        x = random_arrays(np.random.default_rng(SEED))
        options = dict(q_lens=[7, 12], q_starts=[12, 0], kv_lens=np.array([9, 23]), kv_starts=np.array([14, 0], "i4"))
        for mask in (None, "causal:top-left", "causal:top-left & cols:0,2"):
            o, lse = attn.attention(x["q"], x["k"], x["v"], mask, return_lse=True, **options)
            g = attn.backward(x["d_o"], x["q"], x["k"], x["v"], o, lse, mask, **options)
            for n, (t, s) in enumerate(((slice(12, 19), slice(14, 23)), (slice(0, 12), slice(0, 23)))):
                q, k, v, d_o = x["q"][n:n + 1, :, t], x["k"][n:n + 1, :, s], x["v"][n:n + 1, :, s], x["d_o"][n:n + 1, :, t]
                o1, lse1 = attn.attention(q, k, v, mask, return_lse=True)
                g1 = attn.backward(d_o, q, k, v, o1, lse1, mask)
                for got, want in ((o[n, :, t], o1), (lse[n, :, t], lse1), (g.dq[n, :, t], g1.dq), (g.dk[n, :, s], g1.dk),
                                  (g.dv[n, :, s], g1.dv)):
                    assert_close(self, got, want[0], "sequence %d under %s" % (n, mask))
            self.assertFalse(o[0, :, :12].any() or g.dq[0, :, :12].any() or g.dk[0, :, :14].any())
            self.assertTrue(np.isneginf(lse[0, :, :12]).all())

    def test_leading_axes_may_be_left_away(self):
        x = random_arrays(np.random.default_rng(SEED), batch=1, heads=2, groups=2)
        whole, lse = attn.attention(x["q"], x["k"], x["v"], return_lse=True)
        o, l3 = attn.attention(x["q"][0], x["k"][0], x["v"][0], return_lse=True)
        self.assertTrue(np.array_equal(o, whole[0]) and np.array_equal(l3, lse[0]))
        o, l2 = attn.attention(x["q"][0, 1], x["k"][0, 1], x["v"][0, 1], return_lse=True)
        self.assertEqual((o.shape, l2.shape), (whole.shape[2:], lse.shape[2:]))
        assert_close(self, o, whole[0, 1], "one head")
        g = attn.backward(x["d_o"][0], x["q"][0], x["k"][0], x["v"][0], whole[0], lse[0])
        self.assertEqual(g.dq.shape, x["q"][0].shape)

    def test_any_strides_give_the_same(self):
        x = random_arrays(np.random.default_rng(SEED))
        o, lse = attn.attention(x["q"], x["k"], x["v"], return_lse=True)
        g = attn.backward(x["d_o"], x["q"], x["k"], x["v"], o, lse)
        for name, change in (("gaps", lambda a: np.repeat(a, 2, axis=2)[:, :, ::2]), ("column-major", np.asfortranarray),
                             ("dim apart", lambda a: np.repeat(a, 3, axis=3)[..., ::3]),
                             ("token-major", lambda a: np.ascontiguousarray(a.transpose(0, 2, 1, 3)).transpose(0, 2, 1, 3))):
            with self.subTest(name):
                y = {n: change(a) for n, a in x.items() if n != "d_lse"}
                out = change(np.zeros_like(o))
                o2, lse2 = attn.attention(y["q"], y["k"], y["v"], return_lse=True, out=out)
                self.assertIs(o2, out)
                g2 = attn.backward(y["d_o"], y["q"], y["k"], y["v"], o2, np.asfortranarray(lse2), dq=change(np.zeros_like(g.dq)))
                for n, a, b in (("o", o, o2), ("lse", lse, lse2), ("dq", g.dq, g2.dq), ("dk", g.dk, g2.dk), ("dv", g.dv, g2.dv)):
                    assert_close(self, b, a.astype("f8"), n)
                    if out.strides[3] == o.strides[3]:  # apart along dim is another plan
                        self.assertTrue(np.array_equal(a, b), n)

    def test_shared_axes_of_inputs_by_stride_0(self):
        x = random_arrays(np.random.default_rng(SEED), batch=1)
        k, v = (np.broadcast_to(x[n], (2,) + x[n].shape[1:]) for n in "kv")
        q = np.concatenate([x["q"], -x["q"]])
        o = attn.attention(q, k, v)
        self.assertTrue(np.array_equal(o, attn.attention(q, k.copy(), v.copy())))

    def test_edges(self):
        for rows, keys, dim, width in ((1, 1, 1, 1), (0, 3, 2, 2), (3, 0, 2, 2), (2, 1, 5, 3), (17, 16, 31, 33)):
            with self.subTest(rows=rows, keys=keys, dim=dim, width=width):
                self.check(arrays=random_arrays(np.random.default_rng(SEED), rows=rows, keys=keys, dim=dim, width=width))
        x = random_arrays(np.random.default_rng(SEED), batch=0)
        self.assertEqual(attn.attention(x["q"], x["k"], x["v"]).shape, (0, 4, 19, 6))

    def test_what_is_excluded_may_be_nan(self):
        x = random_arrays(np.random.default_rng(SEED), rows=19, keys=19)
        o = attn.attention(x["q"], x["k"], x["v"], "causal")[:, :, :10]
        x["k"][:, :, 10:] = np.nan
        x["v"][:, :, 10:] = np.inf
        self.assertTrue(np.array_equal(attn.attention(x["q"], x["k"], x["v"], "causal")[:, :, :10], o))

    def test_the_same_bits_for_any_number_of_threads(self):
        x = random_arrays(np.random.default_rng(SEED), heads=6, groups=3, rows=130, keys=130)
        first = None
        for threads in (1, 2, 3):
            context = attn.Context(threads=threads)
            o, lse = attn.attention(x["q"], x["k"], x["v"], "causal", return_lse=True, context=context)
            g = attn.backward(x["d_o"], x["q"], x["k"], x["v"], o, lse, "causal", context=context)
            bits = b"".join(a.tobytes() for a in (o, lse) + g[:3])
            first = first or bits
            self.assertEqual(bits, first)

    def test_weights_are_the_rows_of_the_softmax(self):
        x = random_arrays(np.random.default_rng(SEED))
        mask = "causal:bottom-right"
        _, lse = attn.attention(x["q"], x["k"], x["v"], mask, return_lse=True)
        s = x["q"][1, 3].astype("f8") @ x["k"][1, 1].astype("f8").T / np.sqrt(8)
        w = np.where(oracle.bottom_right(19, 23), np.exp(s), 0)
        w /= w.sum(1, keepdims=True)
        assert_close(self, attn.weights(x["q"], x["k"], lse, mask=mask, sequence=1, head=3), w, "all")
        assert_close(self, attn.weights(x["q"], x["k"], lse, slice(-3, None), mask, sequence=1, head=3), w[-3:], "the last three")
        assert_close(self, attn.weights(x["q"], x["k"], lse, 4, mask, sequence=1, head=3), w[4:5], "one")

    def test_parts_merge_to_the_whole(self):
        x = random_arrays(np.random.default_rng(SEED), rows=23, keys=23)
        want, want_lse = attn.attention(x["q"], x["k"], x["v"], "causal", return_lse=True)
        whole = dict(global_q_len=23, global_kv_len=23)
        o, lse = attn.attention(x["q"], x["k"][:, :, :11], x["v"][:, :, :11], "causal", return_lse=True, **whole)
        part = attn.attention(x["q"], x["k"][:, :, 11:], x["v"][:, :, 11:], "causal", return_lse=True, kv_offset=11, **whole)
        attn.merge(o, lse, *part)
        assert_close(self, o, want, "o")
        assert_close(self, lse, want_lse, "lse")

    def test_random_problems(self):
        rng = np.random.default_rng(SEED)
        for _ in range(12):
            groups = int(rng.integers(1, 4))
            shape = dict(batch=int(rng.integers(1, 3)), groups=groups, heads=groups * int(rng.integers(1, 4)),
                         rows=int(rng.integers(1, 70)), keys=int(rng.integers(1, 70)), dim=int(rng.integers(1, 40)),
                         width=int(rng.integers(1, 40)))
            left, right = int(rng.integers(0, 20)), int(rng.integers(0, 20))
            with self.subTest(left=left, right=right, **shape):
                self.check(lambda t, s: oracle.window(left, right, t, s), attn.Mask.band(-left, right),
                           arrays=random_arrays(rng, **shape), bias=rng.normal(size=(shape["heads"], 1, shape["keys"])).astype("f4"))


if __name__ == "__main__":
    unittest.main()
