"""attn.torch against PyTorch's own attention and against central differences."""
import unittest

import attn
import attn.torch
import numpy as np
import torch
from torch.nn.functional import scaled_dot_product_attention


def tensors(dtype=torch.float64, batch=2, heads=4, groups=4, rows=13, keys=13, dim=8, width=8, grad=True):
    torch.manual_seed(1)
    shapes = (batch, heads, rows, dim), (batch, groups, keys, dim), (batch, groups, keys, width)
    return [torch.randn(s, dtype=dtype).requires_grad_(grad) for s in shapes]


class Gradients(unittest.TestCase):
    def near(self, got, want, tolerance, name=""):
        self.assertEqual((got.shape, got.dtype), (want.shape, want.dtype), name)
        size = max(1.0, want.detach().abs().max().item() if want.numel() else 0.0)
        self.assertLessEqual(((got - want).detach().abs().max().item() if want.numel() else 0.0) / size, tolerance, name)

    def against_sdpa(self, dtype, tolerance, mask=None, groups=4, keys=13, change=lambda x: x, **theirs):
        mine, other = (tensors(dtype, groups=groups, keys=keys) for _ in range(2))
        o = attn.torch.attention(*[change(x) for x in mine], mask)
        want = scaled_dot_product_attention(*[x.double() for x in other], enable_gqa=groups != 4, **theirs)
        self.near(o, want.to(dtype), tolerance, "o")
        d_o = torch.randn_like(o)
        o.backward(d_o)
        want.backward(d_o.double())
        for name, a, b in zip("qkv", mine, other):
            self.near(a.grad, b.grad, tolerance, "d" + name)

    def test_equals_scaled_dot_product_attention(self):
        allowed = torch.rand(13, 17) < 0.7
        allowed[:, 0] = True
        for dtype, tolerance in ((torch.float64, 1e-12), (torch.float32, 1e-5)):
            with self.subTest(dtype=dtype):
                self.against_sdpa(dtype, tolerance)
                self.against_sdpa(dtype, tolerance, "causal", is_causal=True)
                self.against_sdpa(dtype, tolerance, "causal:top-left", keys=17, is_causal=True)
                self.against_sdpa(dtype, tolerance, allowed, keys=17, attn_mask=allowed)
                self.against_sdpa(dtype, tolerance, groups=2)

    def test_tensors_that_are_not_contiguous(self):
        for change in (lambda x: x.transpose(1, 2).contiguous().transpose(1, 2), lambda x: torch.cat([x, x], 2)[:, :, :x.shape[2]],
                       lambda x: torch.stack([x, x], -1)[..., 0]):
            self.against_sdpa(torch.float32, 1e-5, change=change)

    def test_gradients_are_central_differences(self):
        q, k, v = tensors(batch=1, heads=2, groups=1, rows=5, keys=6, dim=3, width=4)
        for options in (dict(), dict(mask="causal:bottom-right"), dict(softcap=2.0, scale=0.7), dict(dropout=(0.4, 9)),
                        dict(q_lens=[3], kv_lens=[4])):
            with self.subTest(**options):
                self.assertTrue(torch.autograd.gradcheck(lambda *x: attn.torch.attention(*x, return_lse=False, **options), (q, k, v)))
        self.assertTrue(torch.autograd.gradcheck(lambda *x: attn.torch.attention(*x, return_lse=True), (q, k, v)))

    def test_gradients_of_bias_slopes_and_sink_are_central_differences(self):
        """These are float32 in the library: steps of 1/256 from multiples of 1/256 are exact, their error is of second order."""
        q, k, v = tensors(batch=2, heads=2, groups=2, rows=4, keys=5, dim=3, width=2, grad=False)
        grid = lambda *shape: (torch.randint(-256, 256, shape) / 256.0).double().requires_grad_()
        bias, alibi, sink = grid(1, 2, 4, 5), grid(2), grid(2)
        function = lambda bias, alibi, sink: attn.torch.attention(q, k, v, bias=bias, alibi=alibi, sink=sink, return_lse=True)
        self.assertTrue(torch.autograd.gradcheck(function, (bias, alibi, sink), eps=1 / 256, atol=2e-5, rtol=1e-4))
        for shape in ((1,), (5,), (4, 1), (2, 1, 4, 5), (2, 2, 1, 1)):
            with self.subTest(shape=shape):
                self.assertTrue(torch.autograd.gradcheck(lambda b: attn.torch.attention(q, k, v, bias=b), (grid(*shape),),
                                                         eps=1 / 256, atol=2e-5, rtol=1e-4))

    def test_single_precision_is_near_double(self):
        double, single = tensors(rows=70, keys=90, groups=2), tensors(rows=70, keys=90, groups=2)
        single = [x.detach().float().requires_grad_() for x in single]
        bias = torch.randn(4, 70, 90)
        tables = [bias.clone().requires_grad_() for _ in range(2)]
        outputs = [attn.torch.attention(*x, "causal:bottom-right", bias=b) for x, b in ((double, tables[0]), (single, tables[1]))]
        d_o = torch.randn_like(outputs[1])
        for o in outputs:
            o.backward(d_o.to(o.dtype))
        self.near(outputs[1].double(), outputs[0], 1e-5, "o")
        for name, a, b in zip("qkv", single, double):
            self.near(a.grad.double(), b.grad, 1e-5, "d" + name)
        self.near(tables[1].grad, tables[0].grad, 1e-5, "dbias")

    def test_only_gradients_that_are_wanted_come(self):
        q, k, v = tensors(grad=False)
        bias = torch.zeros(13, 13, requires_grad=True)
        self.assertFalse(attn.torch.attention(q, k, v).requires_grad)
        attn.torch.attention(q, k, v, bias=bias).sum().backward()
        self.assertTrue(bias.grad is not None and q.grad is None)
        k.requires_grad_()
        o, lse = attn.torch.attention(q, k, v, return_lse=True)
        lse.sum().backward()
        weights = torch.softmax(q @ k.detach().transpose(-1, -2) / 8 ** 0.5, -1)
        self.near(k.grad, (weights.transpose(-1, -2) @ q) / 8 ** 0.5, 1e-12, "dk through lse")

    def test_tensors_are_read_in_place_and_results_are_tensors(self):
        q, k, v = tensors(torch.float32, grad=False)
        out = torch.empty_like(q)
        o, lse = attn.attention(q, k, v, out=out, return_lse=True)
        self.assertTrue(o is out and isinstance(lse, torch.Tensor) and lse.dtype == torch.float32)
        self.assertTrue(np.array_equal(o.numpy(), attn.attention(q.numpy(), k.numpy(), v.numpy())))
        self.assertIsInstance(attn.backward(o, q, k, v, o, lse, sink=torch.zeros(4)).dsink, torch.Tensor)

    def test_features_as_lists(self):
        q, k, v = tensors(torch.float32)
        o = attn.torch.attention(q, k, v, alibi=[0.5, 0.25, 0.125, 1.0], sink=[1, 2, 3, 4])
        self.near(o, attn.torch.attention(q, k, v, alibi=torch.tensor([0.5, 0.25, 0.125, 1.0]), sink=torch.arange(1.0, 5)), 0)

    def test_packed_sequences(self):
        q, k, v = ([x[0].transpose(0, 1).contiguous().requires_grad_() for x in tensors(torch.float32, batch=1, grad=False)])
        cu = torch.tensor([0, 5, 13], dtype=torch.int32)
        o = attn.torch.attention(q, k, v, "causal", layout="thd", cu_q=cu)
        o.sum().backward()
        for t in (slice(0, 5), slice(5, 13)):
            x = [a.detach()[t].transpose(0, 1)[None].clone().requires_grad_() for a in (q, k, v)]
            want = scaled_dot_product_attention(*x, is_causal=True)
            want.sum().backward()
            self.near(o[t].transpose(0, 1)[None], want, 1e-5, "o")
            for a, b in zip((q, k, v), x):
                self.near(a.grad[t].transpose(0, 1)[None], b.grad, 1e-5, "gradient")

    def test_sixteen_bits(self):
        for dtype, rounding in ((torch.bfloat16, 2 ** -8), (torch.float16, 2 ** -11)):
            exact = [x.to(dtype).double().requires_grad_() for x in tensors(grad=False)]
            want = scaled_dot_product_attention(*exact, is_causal=True)
            d_o = torch.randn_like(want).to(dtype)
            want.backward(d_o.double())
            for o_dtype in (None, "float32"):
                q, k, v = (x.detach().to(dtype).requires_grad_() for x in exact)
                kernel = "flash" if o_dtype else None  # "flash-pairs" rounds weights too
                o = attn.torch.attention(q, k, v, "causal", o_dtype=o_dtype, kernel=kernel)
                self.assertEqual(o.dtype, torch.float32 if o_dtype else dtype)
                self.near(o.double(), want, 1e-5 + (0 if o_dtype else rounding), "o")
                o.backward(d_o.to(o.dtype))
                for name, a, b in zip("qkv", (q, k, v), exact):
                    self.near(a.grad.double(), b.grad, 4 * rounding, "d" + name)  # that of o, and its own

    def test_what_would_lose_a_gradient_is_refused(self):
        q, k, v = tensors()
        with self.assertRaisesRegex(attn.InvalidError, "q requires a gradient.*attn.torch.attention"):
            attn.attention(q, k, v)
        with torch.no_grad():
            attn.attention(q, k, v)
        with self.assertRaisesRegex(attn.InvalidError, "out is given"):
            attn.torch.attention(q, k, v, out=torch.empty_like(q))

    def test_a_tensor_that_is_negated_when_it_is_read_is_refused(self):
        q, k, v = tensors(grad=False)
        turned = torch.complex(k, k).conj().imag
        self.assertTrue(turned.is_neg())
        with self.assertRaisesRegex(attn.InvalidError, "k is negated when it is read.*k.resolve_neg"):
            attn.attention(q, turned, v)
        self.assertTrue(torch.equal(attn.attention(q, turned.resolve_neg(), v), attn.attention(q, -k, v)))

    def test_a_tiny_model_learns(self):
        torch.manual_seed(1)
        table = torch.zeros(2, 1, 8, requires_grad=True)
        x = torch.randn(4, 2, 8, 4)
        target = x[:, :, 3:4].expand(-1, -1, 8, -1)  # every query has to look at key 3
        optimiser = torch.optim.Adam([table], lr=0.5)
        losses = []
        for _ in range(40):
            optimiser.zero_grad()
            loss = (attn.torch.attention(torch.zeros_like(x), x, x, bias=table) - target).square().mean()
            loss.backward()
            optimiser.step()
            losses.append(loss.item())
        self.assertLess(losses[-1], 0.01 * losses[0])
        self.assertEqual(table.detach().argmax(-1).flatten().tolist(), [3, 3])


if __name__ == "__main__":
    unittest.main()
