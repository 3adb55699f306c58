"""Who keeps what alive, threads, forks, arrays of others."""
import gc
import os
import subprocess
import sys
import threading
import unittest
import weakref

import attn
import numpy as np
from support import random_arrays


class Dlpack:
    """An array that is known by __dlpack__ alone."""
    def __init__(self, array, device=(1, 0)):
        self.array, self.device = array, device

    def __dlpack__(self, **_):
        return self.array.__dlpack__()

    def __dlpack_device__(self):
        return self.device


class Lifetimes(unittest.TestCase):
    def setUp(self):
        x = random_arrays(np.random.default_rng(1))
        self.q, self.k, self.v = x["q"], x["k"], x["v"]

    def test_a_context_lives_as_long_as_its_masks_and_plans(self):
        for order in ((0, 1, 2), (2, 1, 0), (1, 2, 0)):
            context = attn.Context(threads=1)
            handle = weakref.ref(context._handle)
            plan = attn.Plan(heads=4, kv_heads=2, dim=8, v_dim=6, q_len=23, batch=2, context=context)
            things = [context, attn.Mask.parse("causal:top-left", context), plan]
            del context, plan
            for n in order[:2]:
                things[n] = None
                gc.collect()
                self.assertIsNotNone(handle())
                if things[2]:
                    things[2].forward(self.q, self.k, self.v, mask=things[1])
            things.clear()
            gc.collect()
            self.assertIsNone(handle())

    def test_objects_in_a_cycle_are_freed_in_order(self):
        context = attn.Context(threads=1)
        handle = weakref.ref(context._handle)
        plan = attn.Plan(heads=1, dim=1, q_len=1, context=context)
        context.ring = plan
        del context, plan
        gc.collect()
        gc.collect()
        self.assertIsNone(handle())

    def test_a_predicate_lives_as_long_as_what_was_made_from_it(self):
        mask = attn.Mask.predicate(19, 23, lambda q, k: k % 3 == 0) & "causal:top-left"
        gc.collect()
        self.assertEqual(mask.compile(19, 23).row(6), [(0, 1), (3, 4), (6, 7)])

    def test_arrays_are_read_and_written_where_they_are(self):
        o = np.empty((2, 4, 19, 6), "f4")
        self.assertIs(attn.attention(self.q, self.k, self.v, out=o), o)
        self.assertTrue(o.any())
        from attn._arrays import describe
        for a in (self.q, self.q[:, ::2], self.q.transpose(2, 0, 1, 3)):
            self.assertEqual(describe(a, "a").data, a.__array_interface__["data"][0])

    def test_dlpack(self):
        want = attn.attention(self.q, self.k, self.v)
        capsules = sys.getrefcount(self.q)
        got = attn.attention(Dlpack(self.q), Dlpack(self.k[:, :, ::-1][:, :, ::-1]), Dlpack(self.v))
        self.assertTrue(np.array_equal(got, want))
        gc.collect()
        self.assertEqual(sys.getrefcount(self.q), capsules)
        o = np.zeros_like(want)
        attn.attention(Dlpack(self.q), self.k, self.v, out=Dlpack(o))
        self.assertTrue(np.array_equal(o, want))
        _, lse = attn.attention(self.q, self.k, self.v, return_lse=True)
        g = attn.backward(Dlpack(want), Dlpack(self.q), Dlpack(self.k), Dlpack(self.v), Dlpack(want), Dlpack(lse))
        self.assertTrue(np.array_equal(g.dk, attn.backward(want, self.q, self.k, self.v, want, lse).dk))
        query = self.q[0, :, 0].copy()
        self.assertTrue(np.array_equal(attn.scan(Dlpack(query), Dlpack(self.k), Dlpack(self.v)), attn.scan(query, self.k, self.v)))
        self.assertEqual(attn.Stream(Dlpack(query), kv_heads=2, v_dim=6).read()[0].shape, (4, 6))
        cache = attn.Cache(kv_heads=2, dim=8, blocks=1)
        cache.append(Dlpack(np.ones((3, 2, 8), "f4")), Dlpack(np.ones((3, 2, 8), "f4")))
        cache.rotate(Dlpack(query.reshape(1, 4, 8)), 0)
        self.assertTrue((cache.attention(Dlpack(self.q[:1])) == 1).all())
        with self.assertRaisesRegex(attn.InvalidError, "DLPack device"):
            attn.attention(Dlpack(self.q, (2, 0)), self.k, self.v)
        with self.assertRaisesRegex(attn.UnsupportedError, "data type int16"):
            attn.attention(Dlpack(self.q.astype("i2")), self.k, self.v)

    def test_a_namespace_of_its_own_gets_its_own_results(self):
        class Other(Dlpack):
            def __array_namespace__(self):
                return Other

            @staticmethod
            def from_dlpack(array):
                return Other(array)
        o, lse = attn.attention(Other(self.q), Other(self.k), Other(self.v), return_lse=True)
        self.assertTrue(isinstance(o, Other) and isinstance(lse, Other))
        self.assertTrue(np.array_equal(o.array, attn.attention(self.q, self.k, self.v)))

    def test_buffers_and_subclasses(self):
        class Mine(np.ndarray):
            pass
        want = attn.attention(self.q[0, 0], self.k[0, 0], self.v[0, 0])
        got = attn.attention(memoryview(np.ascontiguousarray(self.q[0, 0])), self.k[0, 0].view(Mine), self.v[0, 0])
        self.assertTrue(np.array_equal(got, want))

    def test_many_threads_share_plans_masks_and_contexts(self):
        rng = np.random.default_rng(2)
        inputs = [[rng.normal(size=(1, 2, 20 + n, 8)).astype("f4") for _ in range(3)] for n in range(4)]
        plan = attn.Plan(heads=2, dim=8, q_len=32)
        mask = attn.Mask.parse("causal & cols:0,11")
        want = [(attn.attention(*x, mask), plan.forward(*x, mask=mask)) for x in inputs]
        failures = []

        def work(seed):
            for n in np.random.default_rng(seed).integers(0, 4, 60):
                if not (np.array_equal(attn.attention(*inputs[n], mask), want[n][0])
                        and np.array_equal(plan.forward(*inputs[n], mask=mask), want[n][1])):
                    failures.append(n)
                if n == 0:
                    attn.clear_cache()
        threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(failures, [])
        self.assertLessEqual(len(plan._calls), 4)

    def test_the_lock_is_released_while_the_library_computes(self):
        rng = np.random.default_rng(3)
        x = [rng.normal(size=(1, 4, 1024, 64)).astype("f8") for _ in range(3)]
        steps, done = [0], threading.Event()

        def count():
            while not done.is_set():
                steps[0] += 1
        counter = threading.Thread(target=count)
        counter.start()
        from attn import _library
        real, inside = _library.lib.attn_forward, []
        plan = attn.Plan(heads=4, dim=64, q_len=1024, dtype="float64", threads=1)

        def watched(*arguments):
            first = steps[0]
            status = real(*arguments)
            inside.append(steps[0] - first)
            return status
        _library.lib.attn_forward = watched
        try:
            plan.forward(*x)
        finally:
            _library.lib.attn_forward = real
            done.set()
            counter.join()
        self.assertGreater(inside[0], 0)

    def test_a_forked_child_computes_the_same(self):
        want = attn.attention(self.q, self.k, self.v, "causal:top-left").tobytes()
        parent = attn.default_context()
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            good = attn.default_context() is not parent and attn.attention(self.q, self.k, self.v, "causal:top-left").tobytes() == want
            os.write(writer, b"y" if good else b"n")
            os._exit(0)
        self.assertEqual(os.waitpid(child, 0)[1], 0)
        self.assertEqual(os.read(reader, 1), b"y")
        os.close(reader)
        os.close(writer)

    def test_exit_while_a_thread_computes_is_quiet(self):
        program = ("import attn, threading, numpy as np\nx = np.ones((1, 4, 600, 64))\n"
                   "t = threading.Thread(target=lambda: [attn.attention(x, x, x) for _ in range(50)], daemon=True)\n"
                   "attn.attention(x[:, :, :4], x, x)\nt.start()\n")
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_contexts(self):
        logged = []
        context = attn.Context(threads=3, isa="portable", log=lambda level, text: logged.append((level, text)))
        self.assertEqual((context.threads, context.isa), (3, "portable"))
        plan = attn.Plan(heads=1, dim=1, q_len=1, context=context)
        self.assertEqual(plan.isa, "portable")
        with self.assertRaises(attn.MaskError):
            attn.Mask.parse("nonesuch", context)
        self.assertTrue(any(level == "error" and "nonesuch" in text for level, text in logged))
        self.assertIn("naive", context.support())
        self.assertIn("portable", repr(context))

    def test_padding_to_cumulative_lengths(self):
        valid = np.array([[0, 1, 1], [1, 0, 1]], bool)
        cu, index = attn.cu_from_padding(valid)
        self.assertEqual((cu.tolist(), index.tolist()), ([0, 2, 4], [1, 2, 3, 5]))


if __name__ == "__main__":
    unittest.main()
