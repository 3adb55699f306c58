"""Plans: used again, given arrays, accumulation, what they say; the cache behind attention."""
import os
import tempfile
import unittest

import attn
import numpy as np
from attn import _functions
from support import assert_close, random_arrays


class Plans(unittest.TestCase):
    def setUp(self):
        self.x = random_arrays(np.random.default_rng(1), rows=20, keys=20)
        self.options = dict(heads=4, kv_heads=2, dim=8, v_dim=6, batch=3, q_len=32, backward=True)

    def test_one_plan_serves_all_lengths_within_its_capacities(self):
        plan = attn.Plan(**self.options)
        x = self.x
        for rows in (20, 1, 0, 13):
            q, k, v, d_o = x["q"][:, :, :rows], x["k"][:, :, :rows], x["v"][:, :, :rows], x["d_o"][:, :, :rows]
            o, lse = plan.forward(q, k, v, lse=True, mask="causal")
            want, want_lse = attn.attention(q, k, v, "causal", return_lse=True)
            assert_close(self, o, want, "o")
            assert_close(self, lse, want_lse, "lse")
            got, g = plan.backward(d_o, q, k, v, o, lse, mask="causal"), attn.backward(d_o, q, k, v, want, want_lse, "causal")
            for a, b in zip(got[:3], g[:3]):
                assert_close(self, a, b, "gradient")

    def test_nothing_is_left_of_the_execution_before(self):
        plan = attn.Plan(**self.options)
        q, k, v = self.x["q"], self.x["k"], self.x["v"]
        want = plan.forward(q, k, v)
        plan.forward(np.asfortranarray(q)[:, :, ::2].copy(), k, v, mask="causal:bottom-right", q_lens=[3, 4], kv_lens=[5, 6], lse=True)
        with self.assertRaises(attn.Error):
            plan.forward(q, k, v, mask="causal", q_offset=3)
        self.assertTrue(np.array_equal(plan.forward(q, k, v), want))

    def test_results_go_into_the_given_arrays(self):
        plan = attn.Plan(**self.options)
        q, k, v, d_o = (self.x[n] for n in ("q", "k", "v", "d_o"))
        o, lse = np.full_like(d_o, 7), np.full(q.shape[:3], 7, "f4")
        r = plan.forward(q, k, v, o, lse, mask="causal")
        self.assertTrue(r[0] is o and r[1] is lse)
        dq, dk, dv = (np.full_like(a, 7) for a in (q, k, v))
        g = plan.backward(d_o, q, k, v, o, lse, mask="causal", dq=dq, dk=dk, dv=dv)
        self.assertTrue(g.dq is dq and g.dk is dk and g.dv is dv)
        want = attn.backward(d_o, q, k, v, *attn.attention(q, k, v, "causal", return_lse=True), "causal")
        for a, b in zip(g[:3], want[:3]):
            self.assertTrue(np.array_equal(a, b))

    def test_accumulation_adds_to_what_is_there(self):
        q, k, v, d_o = (self.x[n] for n in ("q", "k", "v", "d_o"))
        bias = np.random.default_rng(2).normal(size=(4, 1, 20)).astype("f4")
        o, lse = attn.attention(q, k, v, bias=bias, return_lse=True)
        once = attn.backward(d_o, q, k, v, o, lse, bias=bias)
        sums = [a.copy() for a in once[:4]]
        names = ("dq", "dk", "dv", "dbias")
        twice = attn.backward(d_o, q, k, v, o, lse, bias=bias, accumulate=names, **dict(zip(names, sums)))
        for name, a, b in zip(names, once, twice):
            assert_close(self, b, 2 * a, name)
        with self.assertRaisesRegex(attn.InvalidError, "\"dq\".*not given"):
            attn.backward(d_o, q, k, v, o, lse, bias=bias, accumulate="dq")
        plan = attn.Plan(**self.options)
        o2, lse2 = plan.forward(q, k[:, :, :9], v[:, :, :9], lse=True)
        plan.forward(q, k[:, :, 9:], v[:, :, 9:], o2, lse2, accumulate=True)
        assert_close(self, o2, attn.attention(q, k, v), "merged")

    def test_what_is_new_does_not_add_to_what_memory_held(self):
        q, k, v, d_o = (self.x[n] for n in ("q", "k", "v", "d_o"))
        options = dict(bias=np.zeros((4, 1, 20), "f4"), alibi=np.full(4, 0.1, "f4"), sink=np.ones(4, "f4"))
        o, lse = attn.attention(q, k, v, return_lse=True, **options)
        once = attn.backward(d_o, q, k, v, o, lse, **options)
        del [np.full(4, 1e9, "f4") for _ in range(200)][:]  # what new memory finds
        twice = attn.backward(d_o, q, k, v, o, lse, accumulate="dbias", dbias=once.dbias.copy(), **options)
        assert_close(self, twice.dbias, 2 * once.dbias, "dbias")
        self.assertTrue(np.array_equal(twice.dalibi, once.dalibi) and np.array_equal(twice.dsink, once.dsink))

    def test_dbias_is_not_computed_where_it_is_not_wanted(self):
        q, k, v, d_o = (self.x[n] for n in ("q", "k", "v", "d_o"))
        bias = np.zeros((20, 20), "f4")
        o, lse = attn.attention(q, k, v, bias=bias, return_lse=True)
        self.assertIsNone(attn.backward(d_o, q, k, v, o, lse, bias=bias, bias_grad=False).dbias)

    def test_workspace_is_kept(self):
        plan = attn.Plan(**self.options)
        plan.forward(self.x["q"], self.x["k"], self.x["v"])
        piece = plan._workspaces._free[0]
        self.assertEqual(piece[1], plan.workspace)
        for _ in range(3):
            plan.forward(self.x["q"], self.x["k"], self.x["v"])
            self.assertEqual([p[0] for p in plan._workspaces._free], [piece[0]])
            self.assertEqual(len(plan._calls), 1)

    def test_a_plan_and_an_estimate_say_what_they_are(self):
        plan = attn.Plan(**self.options, kernel="naive")
        self.assertEqual((plan.kernel, plan.isa), ("naive", "portable"))
        self.assertIn("kernel     naive", str(plan))
        self.assertIn("naive", repr(plan))
        e = plan.estimate(mask="causal", q_len=10, kv_len=10, batch=1)
        self.assertEqual(e.pairs, 4 * 55)
        self.assertEqual(e.forward_flops, 2 * (8 + 6) * 4 * 55)
        self.assertGreater(e.backward_seconds, 0)
        self.assertEqual(attn.estimate((2, 4, 20, 8), (2, 2, 20, 8), mask="causal").pairs, 2 * 4 * 210)
        self.assertEqual(attn.estimate(self.x["q"], self.x["k"], self.x["v"], "causal", backward=True).pairs, 2 * 4 * 210)

    def test_measured_plans_leave_wisdom(self):
        context = attn.Context(threads=1)
        options = dict(heads=np.int64(1), dim=8, q_len=16, context=context)
        self.assertEqual(context.wisdom(), "")
        plan = attn.Plan(effort="measure", measure_seconds=0.05, **options)
        text = context.wisdom()
        self.assertIn(plan.kernel, text)
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "wisdom")
            context.save_wisdom(path)
            context.forget_wisdom()
            self.assertEqual(context.wisdom(), "")
            context.load_wisdom(path)
            self.assertEqual(context.wisdom(), text)
            with self.assertRaises(attn.InvalidError):
                context.load_wisdom(os.path.join(folder, "nonesuch"))
        context.forget_wisdom()
        context.add_wisdom(text)
        self.assertEqual(attn.Plan(effort="wisdom", **options).kernel, plan.kernel)
        with self.assertRaisesRegex(attn.InvalidError, "effort is 'most'"):
            attn.Plan(effort="most", **options)

    def test_the_same_problem_has_the_same_plan_and_there_are_not_too_many(self):
        attn.clear_cache()
        x = self.x
        for _ in range(3):
            attn.attention(x["q"], x["k"], x["v"], "causal")
        self.assertEqual(len(_functions._plans), 1)
        for n in range(1, 90):
            attn.attention(x["q"], x["k"], x["v"], scale=float(n))
        self.assertLessEqual(len(_functions._plans), 64)
        attn.clear_cache()
        self.assertEqual(len(_functions._plans), 0)


if __name__ == "__main__":
    unittest.main()
