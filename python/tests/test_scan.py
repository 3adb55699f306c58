"""Scans against causal attention with the query of each head in every row, in double, and in pieces against the whole."""
import unittest

import attn
import numpy as np
from support import assert_close, expected, from_layout, to_layout

import oracle


def arrays(dtype="f4", batch=2, heads=4, groups=2, rows=19, dim=8, width=6):
    rng = np.random.default_rng(3)
    x = {name: rng.normal(size=shape).astype(dtype) for name, shape in
         dict(q=(heads, dim), k=(batch, groups, rows, dim), v=(batch, groups, rows, width), d_o=(batch, heads, rows, width),
              d_lse=(batch, heads, rows)).items()}
    return x


def by_attention(x, q):
    """The results of rows that all have the query of their head; q may be [batch, head, dim]."""
    q = np.broadcast_to(q, (x["k"].shape[0],) + q.shape[-2:])
    rows = np.broadcast_to(q[:, :, None], q.shape[:2] + (x["k"].shape[2], q.shape[2]))
    want = expected({**x, "q": rows}, oracle.causal)
    want["dq"] = want["dq"].sum(2)
    return want


class Scans(unittest.TestCase):
    def check(self, got, x, want, names=("dk", "dv"), layout="bhtd"):
        (o, lse), g = got
        assert_close(self, from_layout(o, layout), want["o"], "o")
        assert_close(self, lse if layout != "thd" else lse[None], want["lse"], "lse")
        for name in names:
            assert_close(self, from_layout(getattr(g, name), layout), want[name], name)

    def run_both(self, x, **options):
        o, lse = attn.scan(x["q"], x["k"], x["v"], return_lse=True, **options)
        return (o, lse), attn.scan_backward(x["d_o"], x["q"], x["k"], x["v"], o, lse, d_lse=x["d_lse"], **options)

    def test_equals_causal_attention_with_one_query(self):
        for dtype in ("f4", "f8"):
            x = arrays(dtype)
            want = by_attention(x, x["q"])
            got = self.run_both(x)
            self.check(got, x, want)
            assert_close(self, got[1].dq, want["dq"].sum(0), "dq")
            self.assertIsNone(got[1].dstate_o)
            rng = np.random.default_rng(4)
            x["q"] = rng.normal(size=(2, 4, 8)).astype(dtype)
            want = by_attention(x, x["q"])
            got = self.run_both(x)
            self.check(got, x, want)
            assert_close(self, got[1].dq, want["dq"], "dq of each sequence")

    def test_layouts_and_strides(self):
        x = arrays(batch=1)
        want = by_attention(x, x["q"])
        for layout in ("bthd", "thd"):
            y = {name: x[name] if name == "q" else to_layout(x[name], layout) for name in ("q", "k", "v", "d_o")}
            y["d_lse"] = x["d_lse"][0] if layout == "thd" else x["d_lse"]
            options = {"cu_q": [0, 19]} if layout == "thd" else {}
            self.check(self.run_both(y, layout=layout, **options), y, want, layout=layout)

    def test_packed_sequences_are_scanned_alone(self):
        x = arrays(batch=1)
        k, v = (to_layout(x[name], "thd") for name in "kv")
        o, lse = attn.scan(x["q"], k, v, layout="thd", cu_q=[0, 7, 19], return_lse=True)
        for first, last in ((0, 7), (7, 19)):
            part, part_lse = attn.scan(x["q"], x["k"][:, :, first:last], x["v"][:, :, first:last], return_lse=True)
            np.testing.assert_allclose(o[first:last].transpose(1, 0, 2), part[0], rtol=1e-5, atol=1e-6)
            np.testing.assert_allclose(lse[:, first:last], part_lse[0], rtol=1e-5, atol=1e-6)

    def test_padded_sequences(self):
        x = arrays()
        o, lse = attn.scan(x["q"], x["k"], x["v"], q_lens=[19, 5], return_lse=True)
        want = by_attention(x, x["q"])
        assert_close(self, o[1, :, :5], want["o"][1, :, :5], "o")
        self.assertTrue((o[1, :, 5:] == 0).all() and (lse[1, :, 5:] == -np.inf).all())

    def test_two_pieces_with_a_carried_state_are_the_whole(self):
        x = arrays()
        (o, lse), whole = self.run_both(x)
        cut = 11
        first = {name: a if name == "q" else a[:, :, :cut] for name, a in x.items()}
        last = {name: a if name == "q" else a[:, :, cut:] for name, a in x.items()}
        state = tuple(np.ascontiguousarray(a[:, :, cut - 1]) for a in (o, lse))
        part, part_lse = attn.scan(x["q"], last["k"], last["v"], state=state, return_lse=True)
        assert_close(self, part, o[:, :, cut:], "o")
        g = attn.scan_backward(last["d_o"], x["q"], last["k"], last["v"], part, part_lse, d_lse=last["d_lse"], state=state)
        assert_close(self, g.dv, whole.dv[:, :, cut:], "dv")
        d_o, d_lse = first["d_o"].copy(), first["d_lse"].copy()
        d_o[:, :, -1] += g.dstate_o
        d_lse[:, :, -1] += g.dstate_lse
        h = attn.scan_backward(d_o, x["q"], first["k"], first["v"], o[:, :, :cut], lse[:, :, :cut], d_lse=d_lse)
        assert_close(self, h.dk, whole.dk[:, :, :cut], "dk")
        assert_close(self, h.dq + g.dq, whole.dq, "dq")

    def test_a_stream_reads_its_last_row(self):
        x = arrays(batch=1)
        o, lse = attn.scan(x["q"], x["k"], x["v"], return_lse=True)
        stream = attn.Stream(x["q"], kv_heads=2, v_dim=6)
        stream.push(*(np.ascontiguousarray(x[name][0].transpose(1, 0, 2)) for name in "kv"))
        got = stream.read()
        np.testing.assert_allclose(got[0], o[0, :, -1], rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(got[1], lse[0, :, -1], rtol=1e-5, atol=1e-6)

    def test_16_bits_and_given_arrays(self):
        x = {name: a.astype("f2") for name, a in arrays().items()}
        wide = {name: a.astype("f4") for name, a in x.items()}
        want, _ = attn.scan(wide["q"], wide["k"], wide["v"], return_lse=True)
        out, lse = np.empty(want.shape, "f2"), np.empty(want.shape[:3], "f4")
        got = attn.scan(x["q"], x["k"], x["v"], out=out, lse=lse)
        self.assertTrue(got[0] is out and got[1] is lse)
        np.testing.assert_array_equal(out, want.astype("f2"))
        np.testing.assert_array_equal(attn.scan(x["q"], x["k"], x["v"], o_dtype="float32"), want)
        dk = np.empty(x["k"].shape, "f4")
        g = attn.scan_backward(x["d_o"], x["q"], x["k"], x["v"], out, lse, dk=dk)
        self.assertTrue(g.dk is dk and g.dq.dtype == np.float32)

    def test_mistakes(self):
        x = arrays()
        for kind, words, call in (
                (attn.ShapeError, "q has the shape", lambda: attn.scan(x["q"][0], x["k"], x["v"])),
                (attn.ShapeError, "expected k's dim", lambda: attn.scan(x["q"][:, :5], x["k"], x["v"])),
                (attn.ShapeError, "expected 2 sequences", lambda: attn.scan(np.stack([x["q"]] * 3), x["k"], x["v"])),
                (attn.InvalidError, "q is float64", lambda: attn.scan(x["q"].astype("f8"), x["k"], x["v"])),
                (attn.ShapeError, "v has the extents", lambda: attn.scan(x["q"], x["k"], x["v"][:, :, 1:])),
                (attn.ShapeError, "kv_heads", lambda: attn.scan(x["q"][:3], x["k"], x["v"])),
                (attn.ShapeError, "state_o has the shape", lambda: attn.scan(x["q"], x["k"], x["v"], state=(x["q"], x["q"]))),
                (attn.InvalidError, "cu_q is not given", lambda: attn.scan(x["q"], x["k"][0], x["v"][0], layout="thd")),
                (TypeError, "unexpected", lambda: attn.scan(x["q"], x["k"], x["v"], mask="causal"))):
            with self.subTest(words), self.assertRaisesRegex(kind, words):
                call()


if __name__ == "__main__":
    unittest.main()
