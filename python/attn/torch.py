"""Attention as a differentiable function of PyTorch tensors on the CPU: attn.torch.attention.

    o = attn.torch.attention(q, k, v, mask="causal", bias=table)
    o.sum().backward()                                              # q.grad, k.grad, v.grad, table.grad

Tensors are read where they are, contiguous or not. What the backward pass needs, O and the log-sum-exp of each row, is kept between the
passes, never a T x S tensor; it is computed from the same seed, mask and lengths. Gradients of gradients are not there.
"""
import torch

from . import _functions
from ._library import invalid

__all__ = ["attention"]


def attention(q, k, v, mask=None, *, bias=None, alibi=None, sink=None, return_lse=False, **options):
    """attn.attention with gradients for q, k, v, bias, alibi, sink, also through the log-sum-exp (return_lse).

    Options are attn.attention's; out and lse are not among them. bias, alibi and sink are computed with in float32; their gradients
    come in their own data type.
    """
    for name in ("out", "lse"):
        if name in options:
            raise invalid("%s is given, but autograd makes its own arrays" % name)
    bias, alibi, sink = (x if x is None or isinstance(x, torch.Tensor) else torch.as_tensor(x) for x in (bias, alibi, sink))
    o, lse = _Attention.apply(q, k, v, bias, alibi, sink, mask, options)
    return (o, lse) if return_lse else o


class _Attention(torch.autograd.Function):
    @staticmethod
    def forward(ctx, q, k, v, bias, alibi, sink, mask, options):
        o, lse = _functions.attention(q.detach(), k.detach(), v.detach(), mask, return_lse=True, **_single(bias, alibi, sink), **options)
        ctx.save_for_backward(q, k, v, bias, alibi, sink, o, lse)
        ctx.mask, ctx.options = mask, {name: x for name, x in options.items() if name != "o_dtype"}
        ctx.set_materialize_grads(False)
        return o, lse

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, d_o, d_lse):
        q, k, v, bias, alibi, sink, o, lse = ctx.saved_tensors
        if d_o is None and d_lse is None:
            return (None,) * 8
        d_o = torch.zeros_like(o) if d_o is None else d_o if d_o.stride(-1) == 1 else d_o.contiguous()  # that of a sum is one number
        d_o = d_o.to(q.dtype)  # where o is float32 and q is not
        d_lse = d_lse if d_lse is None else d_lse.contiguous()
        g = _functions.backward(d_o, q, k, v, o, lse, ctx.mask, d_lse=d_lse, bias_grad=ctx.needs_input_grad[3],
                                **_single(bias, alibi, sink), **ctx.options)
        found = (g.dq, g.dk, g.dv, _as(g.dbias, bias), _as(g.dalibi, alibi), _as(g.dsink, sink))
        return tuple(x if needed else None for x, needed in zip(found, ctx.needs_input_grad)) + (None, None)


def _single(bias, alibi, sink):
    """Those that are there, as the library takes them."""
    return {name: x.detach().to(torch.float32) for name, x in (("bias", bias), ("alibi", alibi), ("sink", sink)) if x is not None}


def _as(gradient, x):
    return None if gradient is None else gradient.to(x.dtype)
