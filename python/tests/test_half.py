"""bfloat16 and float16: every number is taken exactly, outputs are rounded once."""
import importlib.util
import unittest

import attn
import numpy as np
from support import random_arrays

ROUNDING = {"float16": 2.0 ** -11, "bfloat16": 2.0 ** -8}


class Half(unittest.TestCase):
    def check(self, dtype, kind):
        x = {n: a.astype(kind) for n, a in random_arrays(np.random.default_rng(1)).items()}
        single = {n: a.astype("f4") for n, a in x.items()}
        bias = np.random.default_rng(2).normal(size=(4, 19, 23)).astype("f4")
        o, lse = attn.attention(x["q"], x["k"], x["v"], bias=bias, return_lse=True)
        want, want_lse = attn.attention(single["q"], single["k"], single["v"], bias=bias, return_lse=True)
        self.assertEqual((o.dtype, lse.dtype), (kind, np.float32))
        self.near(o, want, ROUNDING[dtype])
        self.near(lse, want_lse, 2e-6)
        g = attn.backward(x["d_o"], x["q"], x["k"], x["v"], o, lse, bias=bias)
        h = attn.backward(single["d_o"], single["q"], single["k"], single["v"], o.astype("f4"), want_lse, bias=bias)
        for name in ("dq", "dk", "dv"):
            self.assertEqual(getattr(g, name).dtype, kind)
            self.near(getattr(g, name), getattr(h, name), 2 * ROUNDING[dtype])
        self.assertEqual(g.dbias.dtype, np.float32)
        self.near(g.dbias, h.dbias, ROUNDING[dtype])
        out = np.empty(o.shape, "f4")
        self.assertIs(attn.attention(x["q"], x["k"], x["v"], bias=bias, out=out), out)
        self.near(out, want, 1e-5)
        dq = np.empty(x["q"].shape, "f4")
        dk, dv = np.empty(x["k"].shape, "f4"), np.empty(x["v"].shape, "f4")
        exact = attn.backward(x["d_o"], x["q"], x["k"], x["v"], out, lse, bias=bias, dq=dq, dk=dk, dv=dv)
        self.assertIs(exact.dq, dq)
        h = attn.backward(single["d_o"], single["q"], single["k"], single["v"], out, lse, bias=bias)
        for a, b in zip(exact[:3], h[:3]):
            self.near(a, b, 1e-5)

    def near(self, got, want, relative):
        size = max(1.0, np.abs(want).max())
        self.assertLessEqual(np.abs(got.astype("f8") - want).max() / size, relative + 1e-5)

    def test_float16(self):
        self.check("float16", np.dtype("f2"))

    @unittest.skipUnless(importlib.util.find_spec("ml_dtypes"), "no ml_dtypes")
    def test_bfloat16_of_ml_dtypes(self):
        import ml_dtypes
        self.check("bfloat16", np.dtype(ml_dtypes.bfloat16))

    def test_keys_and_values_of_fewer_bits_than_queries_are_taken_exactly(self):
        x = random_arrays(np.random.default_rng(1))
        k, v = x["k"].astype("f2"), x["v"].astype("f2")
        o, lse = attn.attention(x["q"], k, v, return_lse=True)
        want, want_lse = attn.attention(x["q"], k.astype("f4"), v.astype("f4"), return_lse=True)
        self.assertEqual(o.dtype, np.float32)
        self.near(o, want, 0)
        self.near(lse, want_lse, 0)

    def test_mixed_types_are_refused(self):
        x = random_arrays(np.random.default_rng(1))
        with self.assertRaises(attn.Error):
            attn.attention(x["q"].astype("f2"), x["k"].astype("f8"), x["v"].astype("f8"))


if __name__ == "__main__":
    unittest.main()
