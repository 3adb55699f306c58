"""PyTorch as a peer: answers one line for each line it reads, so that its runs and ours take turns.

  version                                   -> ok 2.5.1
  open FOLDER THREADS MASK BACKWARD DTYPE   -> ok NAME     arrays q.npy k.npy v.npy (do.npy, rows.npy); MASK full, causal, rows or scan;
                                                           DTYPE f32, f64, bf16 or f16 is computed in, arrays of 16 bits travel as float32
  search FOLDER THREADS TOP                 -> ok NAME     q.npy [n, D], k.npy [S, D]
  pointer FOLDER THREADS                    -> ok NAME     q.npy, k.npy, w.npy [H, D], dweights.npy [B, H, T, S]
  train ..., steps N, answer ...            torch_train.py and torch_answer.py, which stand before this in one script
  run fwd | bwd | fwd+bwd                   -> ok SECONDS
  save FOLDER                               -> ok          o.npy (dq.npy dk.npy dv.npy) | index.npy score.npy | weights.npy (dq.npy dk.npy dw.npy)
Every line may be answered by "unsupported REASON". rows.npy [T, n, 2] holds the keys of each query as n half-open intervals.
Under scan, q [1, H, 1, D] is one query a head and every row sees the keys up to its own: logcumsumexp and the cumulative sum of weighted values.
Under full and causal, scaled_dot_product_attention runs its own fused kernel. Other masks: forward alone runs a compiled flex_attention
where that works and is the faster one, else (and backward always, which flex_attention lacks on CPUs) scaled_dot_product_attention with a dense boolean mask.
"""
import os
import sys
import time
import warnings

warnings.filterwarnings("ignore")
answer = os.fdopen(os.dup(1), "w", buffering=1)
os.dup2(2, 1)  # whatever prints to stdout must not look like an answer


def load(folder, name):
    return torch.from_numpy(numpy.load(os.path.join(folder, name + ".npy")))


def write(folder, arrays):
    for name, array in arrays.items():
        wide = array.detach() if array.dtype.itemsize > 2 else array.detach().float()
        numpy.save(os.path.join(folder, name + ".npy"), numpy.ascontiguousarray(wide.numpy()))


def dense_mask(rows, keys):
    """[T, S] booleans from intervals."""
    index = torch.arange(keys)
    mask = torch.zeros(rows.shape[0], keys, dtype=torch.bool)
    for n in range(rows.shape[1]):
        mask |= (index >= rows[:, n, :1]) & (index < rows[:, n, 1:])
    return mask


def duration(run):
    """The shortest of three runs, both candidates having run before."""
    times = []
    for _ in range(3):
        start = time.perf_counter()
        with torch.no_grad():
            run()
        times.append(time.perf_counter() - start)
    return min(times)


class Attention:
    def __init__(self, folder, threads, kind, backward, dtype):
        torch.set_num_threads(int(threads))
        backward = backward == "1"
        own = {"f32": torch.float32, "f64": torch.float64, "bf16": torch.bfloat16, "f16": torch.float16}[dtype]
        self.q, self.k, self.v = (load(folder, n).to(own).requires_grad_(backward) for n in "qkv")
        self.d_o = load(folder, "do").to(own) if backward else None
        self.grouped = self.q.shape[1] != self.k.shape[1]
        self.causal = kind == "causal"
        self.scan = kind == "scan"
        self.mask, self.flex = None, None
        self.out, self.grads = None, None
        self.name = "sdpa"
        if self.scan:
            self.name = "cumsum"
        if kind == "rows":
            self.mask = dense_mask(load(folder, "rows"), self.k.shape[2])
            self.name = "sdpa-dense"
            if not backward:
                self.try_flex()

    def try_flex(self):
        """A compiled flex_attention that agrees with the dense mask and beats it, or nothing."""
        try:
            from torch.nn.attention.flex_attention import create_block_mask, flex_attention
            mask = self.mask
            block = create_block_mask(lambda b, h, i, j: mask[i, j], None, None, *mask.shape, device="cpu")
            compiled = torch.compile(flex_attention)
            run = lambda: compiled(self.q, self.k, self.v, block_mask=block, enable_gqa=self.grouped)
            if torch.allclose(run(), self.sdpa(), atol=1e-4 if self.q.dtype.itemsize > 2 else 2e-2) and duration(run) < duration(self.sdpa):
                self.flex, self.name = run, "flex"
        except Exception:
            self.flex = None

    def cumulative(self):
        """All prefixes at once; weights relative to the greatest score of all."""
        heads = self.q.shape[1] // self.k.shape[1]
        k, v = (x.repeat_interleave(heads, 1) if heads > 1 else x for x in (self.k, self.v))
        s = torch.matmul(k, self.q.transpose(2, 3)).squeeze(3) * self.q.shape[3] ** -0.5
        top = s.detach().amax(2, keepdim=True)
        sums = torch.cumsum(torch.exp(s - top).unsqueeze(3) * v, 2)
        return sums * torch.exp(top - torch.logcumsumexp(s, 2)).unsqueeze(3)

    def sdpa(self):
        if self.scan:
            return self.cumulative()
        extra = {"enable_gqa": True} if self.grouped else {}
        return torch.nn.functional.scaled_dot_product_attention(self.q, self.k, self.v, attn_mask=self.mask, is_causal=self.causal, **extra)

    def forward(self):
        if self.d_o is not None:
            return self.sdpa()
        with torch.no_grad():
            return self.flex() if self.flex else self.sdpa()

    def run(self, direction):
        start = time.perf_counter()
        if direction != "bwd":
            self.out = self.forward()
        if direction != "fwd":
            self.grads = torch.autograd.grad(self.out, (self.q, self.k, self.v), self.d_o, retain_graph=True)
        return time.perf_counter() - start

    def save(self, folder):
        arrays = {"o": self.out}
        if self.grads is not None:
            arrays.update(zip(("dq", "dk", "dv"), self.grads))
        write(folder, arrays)


class Search:
    """The `top` greatest of all scores of each query, sorted."""

    def __init__(self, folder, threads, top):
        torch.set_num_threads(int(threads))
        self.q, self.k = (load(folder, n) for n in "qk")
        self.top, self.name = int(top), "topk"

    def run(self, direction):
        start = time.perf_counter()
        with torch.no_grad():
            self.best = torch.topk(self.q @ self.k.T, min(self.top, self.k.shape[0]), dim=1)
        return time.perf_counter() - start

    def save(self, folder):
        write(folder, {"score": self.best.values, "index": self.best.indices})


class Pointer:
    """Weights of the additive score; eager or compiled, whichever is the faster forward. Backward's graph is made outside of its time."""

    def __init__(self, folder, threads):
        torch.set_num_threads(int(threads))
        self.inputs = tuple(load(folder, n).requires_grad_(True) for n in "qkw")
        self.d_weights = load(folder, "dweights")
        self.weights, self.name, self.graph, self.out, self.grads = self.eager, "eager", None, None, ()
        try:
            compiled = torch.compile(self.eager)
            torch.autograd.grad(compiled(*self.inputs), self.inputs, self.d_weights)
            with torch.no_grad():
                same = torch.allclose(self.eager(*self.inputs), compiled(*self.inputs), atol=1e-5)
            if same and duration(lambda: compiled(*self.inputs)) < duration(lambda: self.eager(*self.inputs)):
                self.weights, self.name = compiled, "compiled"
        except Exception:
            pass

    @staticmethod
    def eager(q, k, w):
        k = k.repeat_interleave(q.shape[1] // k.shape[1], 1)
        tanh = torch.tanh(q.unsqueeze(3) + k.unsqueeze(2))
        return torch.softmax((tanh * w[None, :, None, None]).sum(4), 3)

    def run(self, direction):
        if direction == "bwd" and self.graph is None:
            self.graph = self.weights(*self.inputs)
        start = time.perf_counter()
        if direction == "fwd":
            with torch.no_grad():
                self.out = self.weights(*self.inputs)
        else:
            self.grads = torch.autograd.grad(self.graph, self.inputs, self.d_weights, retain_graph=True)
        return time.perf_counter() - start

    def save(self, folder):
        write(folder, {"weights": self.out, **dict(zip(("dq", "dk", "dw"), self.grads))})


def respond(words, case):
    if words[0] == "version":
        return case, torch.__version__
    if words[0] in ("open", "search", "pointer", "train", "answer"):
        case = {"open": Attention, "search": Search, "pointer": Pointer, "train": Train, "answer": Answer}[words[0]](*words[1:])
        return case, case.name
    if words[0] in ("run", "steps"):
        return case, repr(case.run(words[1]))
    case.save(words[1])
    return case, ""


try:
    import numpy
    import torch
except ImportError as problem:
    answer.write("unsupported %s\n" % problem)
    sys.exit(0)

current = None
for line in sys.stdin:
    try:
        current, text = respond(line.split(), current)
        answer.write("ok %s\n" % text)
    except Exception as problem:
        answer.write("unsupported %s\n" % str(problem).replace("\n", " ")[:400])
