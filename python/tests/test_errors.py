"""A mistake is an exception with a sentence that names what is wrong, and writes nothing."""
import os
import pickle
import subprocess
import sys
import unittest

import attn
import numpy as np
from support import random_arrays


class Errors(unittest.TestCase):
    def setUp(self):
        x = random_arrays(np.random.default_rng(1), rows=5, keys=5)
        self.q, self.k, self.v, self.d_o = x["q"], x["k"], x["v"], x["d_o"]

    def refused(self, kind, words, function, *arguments, **options):
        with self.assertRaisesRegex(kind, words) as caught:
            function(*arguments, **options)
        return caught.exception

    def test_every_status_has_its_class_and_name(self):
        e = self.refused(attn.InvalidError, "softcap is -1", attn.attention, self.q, self.k, self.v, softcap=-1.0)
        self.assertEqual(e.status, "ATTN_EINVAL")
        self.assertIsInstance(e, ValueError)
        e = self.refused(attn.ShapeError, "kv_heads is 3", attn.Plan, heads=4, kv_heads=3, dim=8, q_len=5)
        self.assertEqual(e.status, "ATTN_ESHAPE")
        self.assertIsInstance(e, ValueError)
        e = self.refused(attn.UnsupportedError, "ATTN_ISA is \"sse9\"", attn.Context, isa="sse9")
        self.assertIsInstance(e, NotImplementedError)
        e = self.refused(attn.MaskError, "did you mean causal", attn.attention, self.q, self.k, self.v, "causl")
        self.assertIsInstance(e, ValueError)
        from attn import _library
        for status, kind, base in ((5, attn.WorkspaceError, ValueError), (6, attn.NoMemoryError, MemoryError),
                                   (7, attn.SystemFailure, OSError)):
            e = _library.error_of(status, "a sentence")
            self.assertTrue(isinstance(e, kind) and isinstance(e, base) and isinstance(e, attn.Error) and str(e) == "a sentence")

    def test_shapes_that_do_not_fit(self):
        for words, change in (
                ("k has the extents .*expected.*key/value heads", dict(k=self.k[:1])),
                ("k has the extents", dict(k=self.k[..., :4])),
                ("v has the extents", dict(v=self.v[:, :, :4])),
                ("v has the extents", dict(v=self.v[:, :1])),
                ("q has the shape .* expected \\[batch, head, token, dim\\]", dict(q=self.q[0, 0, 0])),
                ("kv_heads is 4, expected a divisor", dict(q=self.q[:, :3], k=np.repeat(self.k, 2, 1), v=np.repeat(self.v, 2, 1))),
                ("out has the|o has the extents", dict(out=np.zeros((2, 4, 5, 5), "f4"))),
                ("lse has the extents", dict(lse=np.zeros((2, 4, 4), "f4"))),
                ("lse has the shape", dict(lse=np.zeros((2, 4, 5, 1), "f4"))),
                ("alibi has the shape .*\\[4\\] or \\[2, 4\\]", dict(alibi=[1.0, 2.0])),
                ("sink has the shape", dict(sink=np.zeros((4, 2), "f4"))),
                ("bias has the shape .* expected", dict(bias=np.zeros((3, 5), "f4"))),
                ("bias has the shape .* at most", dict(bias=np.zeros((1, 1, 1, 1, 1), "f4"))),
                ("q_lens has 1 elements, expected one for each of 2", dict(q_lens=[3])),
                ("kv_len", dict(kv_lens=[3, 6])),
                ("mask", dict(mask=np.ones((4, 5), bool))),
                ("stack", dict(mask=attn.Mask.stack(["full"] * 3))),
        ):
            with self.subTest(words):
                given = dict(q=self.q, k=self.k, v=self.v)
                given.update(change)
                self.refused((attn.ShapeError, attn.MaskError), words, attn.attention, **given)

    def test_packed_mistakes(self):
        q, k, v = (np.ascontiguousarray(a[0].transpose(1, 0, 2)) for a in (self.q, self.k, self.v))
        go = lambda **options: attn.attention(q, k, v, layout="thd", **options)
        self.refused(attn.InvalidError, "cu_q is not given", go)
        self.refused(attn.ShapeError, "cu_q\\[1\\] is 6, but the array has 5 tokens", go, cu_q=[0, 6])
        self.refused(attn.ShapeError, "cu_q has 2 elements and cu_kv 3", go, cu_q=[0, 5], cu_kv=[0, 2, 5])
        self.refused(attn.InvalidError, "cu_q\\[0\\] is 1", go, cu_q=[1, 5])
        self.refused(attn.InvalidError, "at least the one before", go, cu_q=[0, 4, 3])
        self.refused(attn.InvalidError, "q_lens", go, cu_q=[0, 5], q_lens=[5])
        self.refused(attn.InvalidError, "cu_q", attn.attention, self.q, self.k, self.v, cu_q=[0, 5])
        self.refused(attn.InvalidError, "32 bits", go, cu_q=[0, 2 ** 40])

    def test_types_strides_and_outputs(self):
        go = attn.attention
        self.refused(attn.UnsupportedError, "k has the data type complex64", go, self.q, self.k.astype("c8"), self.v)
        self.refused(attn.UnsupportedError, "q has the data type >f4", go, self.q.astype(">f4"), self.k, self.v)
        self.refused(attn.Error, "kv_dtype is f64", go, self.q, self.k.astype("f8"), self.v)
        self.refused(attn.InvalidError, "stride of args.q is -", go, self.q[:, :, ::-1], self.k, self.v)
        self.refused(attn.InvalidError, "stride 0 along every axis", go, np.broadcast_to(np.float32(1), (2, 4, 5, 8)), self.k, self.v)
        o, lse = go(self.q, self.k, self.v, return_lse=True)
        for name in ("d_o", "d_lse"):
            given = {"d_o": self.d_o, "d_lse": lse, name: np.broadcast_to(np.float32(1), (o if name == "d_o" else lse).shape)}
            self.refused(attn.InvalidError, name + " has stride 0", attn.backward, given["d_o"], self.q, self.k, self.v, o, lse,
                         d_lse=given["d_lse"])
        record = np.zeros((2, 4, 5, 8), [("x", "<f4"), ("y", "i1")])["x"]
        self.refused(attn.InvalidError, "strides of .* bytes", go, record, self.k, self.v)
        frozen = np.zeros((2, 4, 5, 6), "f4")
        frozen.flags.writeable = False
        self.refused(attn.InvalidError, "o is read-only", go, self.q, self.k, self.v, out=frozen)
        same = np.zeros((2, 2, 5, 8), "f4")
        self.refused(attn.InvalidError, "the output args.o is the same memory as args.q", go, same, same, same, out=same)
        self.refused(TypeError, "q is a list, expected an array", go, [[1.0]], self.k, self.v)
        self.refused(TypeError, "maks", go, self.q, self.k, self.v, maks="causal")
        self.refused(attn.InvalidError, "layout", attn.Plan, heads=1, dim=1, q_len=1, layout="hbtd")

    def test_plans_refuse_what_was_not_announced(self):
        plan = attn.Plan(heads=4, kv_heads=2, dim=8, v_dim=6, q_len=5, batch=2)
        self.refused(attn.InvalidError, "sink is given, but the plan lacks ATTN_SINK", plan.forward, self.q, self.k, self.v,
                     sink=[1, 2, 3, 4])
        self.refused(attn.InvalidError, "bias is given", plan.forward, self.q, self.k, self.v, bias=np.zeros((5, 5), "f4"))
        self.refused(attn.ShapeError, "q_len is 6; the plan has room for 5", plan.forward, np.zeros((2, 4, 6, 8), "f4"), self.k, self.v)
        self.refused(attn.ShapeError, "q has 3 heads", plan.forward, self.q[:, :3], self.k, self.v)
        o, lse = plan.forward(self.q, self.k, self.v, lse=True)
        self.refused(attn.InvalidError, "lacks ATTN_BACKWARD", plan.backward, self.d_o, self.q, self.k, self.v, o, lse)
        self.refused(attn.InvalidError, "accumulate", plan.forward, self.q, self.k, self.v, accumulate=True)
        with_bias = attn.Plan(heads=4, kv_heads=2, dim=8, v_dim=6, q_len=5, batch=2, bias="11ts")
        self.refused(attn.InvalidError, "bias is not given", with_bias.forward, self.q, self.k, self.v)
        self.refused(attn.InvalidError, "bias is 'ts'", attn.Plan, heads=1, dim=1, q_len=1, bias="ts")

    def test_weights_and_masks_outside(self):
        _, lse = attn.attention(self.q, self.k, self.v, return_lse=True)
        self.refused(attn.ShapeError, "sequence is 2", attn.weights, self.q, self.k, lse, sequence=2)
        self.refused(attn.ShapeError, "head is 4", attn.weights, self.q, self.k, lse, head=4)
        every = attn.weights(self.q, self.k, lse)
        for row, place in ((np.int64(1), 1), (-1, 4), (slice(-2, None), slice(3, 5))):
            self.assertTrue(np.array_equal(attn.weights(self.q, self.k, lse, row), every[place].reshape(-1, 5)))
        for row in (5, -6):
            self.refused(attn.ShapeError, "row is %d, expected -5 to 4" % row, attn.weights, self.q, self.k, lse, row)
        self.refused(TypeError, "float", attn.weights, self.q, self.k, lse, 1.0)
        self.refused(attn.InvalidError, "step 2", attn.weights, self.q, self.k, lse, range(0, 4, 2))
        mask = attn.Mask.parse("causal")
        self.refused(attn.MaskError, "is not compiled", lambda: mask.area)
        self.refused(IndexError, "query 5", mask.compile(5).row, 5)
        self.refused(attn.InvalidError, "not within", mask.compile(5).tile, 0, 6, 0, 5)

    def test_numbers_of_other_kinds_are_numbers_and_none_is_cut(self):
        want = attn.attention(self.q, self.k, self.v, kv_lens=[3, 4])
        for lens in ([np.int64(3), np.uint8(4)], np.array([3, 4], "i2"), np.array([3, 4], "u4"), np.array([3, 4], "u8"), (3, 4)):
            self.assertTrue(np.array_equal(attn.attention(self.q, self.k, self.v, kv_lens=lens), want))
        self.refused(attn.InvalidError, "kv_lens\\[1\\] is 4.5, expected an integer of 32 bits", attn.attention, self.q, self.k, self.v,
                     kv_lens=[3, 4.5])
        huge = 2 ** 32 + 4
        for name in ("heads", "dim", "threads", "kv_heads", "v_dim", "block_tokens"):
            self.refused(attn.InvalidError, "%s is %d, expected an integer of 32 bits" % (name, huge), attn.Plan,
                         **{**dict(heads=4, dim=8, q_len=5), name: huge})
        self.refused(attn.InvalidError, "q_len is", attn.Plan, heads=4, dim=8, q_len=2 ** 64 + 5)
        self.refused(attn.InvalidError, "top is %d" % huge, attn.topk, self.q[0, 0], self.k[0, 0], huge)
        self.refused(attn.InvalidError, "kv_heads is %d" % huge, attn.Cache, kv_heads=huge, dim=8, blocks=4)
        self.refused(attn.InvalidError, "v_dim is %d" % huge, attn.Stream, self.q[0, :, 0], v_dim=huge)

    def test_arrays_of_numbers_are_no_masks(self):
        self.refused(attn.InvalidError, "float32, expected bool.*bias", attn.attention, self.q, self.k, self.v, np.zeros((5, 5), "f4"))
        self.refused(attn.InvalidError, "3 axes", attn.attention, self.q, self.k, self.v, np.ones((1, 5, 5), bool))
        self.refused(attn.InvalidError, "a tuple, expected", attn.attention, self.q, self.k, self.v, (1, 2))
        self.refused(attn.InvalidError, "seed is -1", attn.attention, self.q, self.k, self.v, dropout=(0.5, -1))

    def test_an_exception_goes_to_other_processes_as_it_is(self):
        e = pickle.loads(pickle.dumps(self.refused(attn.MaskError, "causl", attn.Mask.parse, "causl")))
        self.assertEqual((type(e), e.status), (attn.MaskError, "ATTN_EMASK"))
        self.assertIn("did you mean", str(e))
        self.assertEqual(attn.MaskError.__module__, "attn")

    def test_a_context_that_cannot_be_made(self):
        self.refused(attn.InvalidError, "threads is -1", attn.Context, threads=-1)
        self.refused(attn.UnsupportedError, "ATTN_ISA", attn.Context, isa="sse9")
        self.assertNotEqual(os.environ.get("ATTN_ISA"), "sse9")

    def test_a_library_that_cannot_be_loaded(self):
        for path, words in (("/nonexistent/libattn.so", "cannot be used"), (__file__, "cannot be used"), ("libm.so.6", "cannot be used")):
            done = subprocess.run([sys.executable, "-c", "import attn"], env={**os.environ, "ATTN_LIBRARY": path}, capture_output=True,
                                  text=True)
            self.assertEqual(done.returncode, 1)
            self.assertIn(words, done.stderr)
            self.assertIn("ImportError: attn: " + path, done.stderr)


if __name__ == "__main__":
    unittest.main()
