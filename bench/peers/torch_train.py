"""Training steps in PyTorch, of the models of `attn bench train`. Stands before torch_peer.py in one script, whose main part imports torch and numpy.

  train FOLDER THREADS MODEL -> ok NAME LOSS NORM   MODEL lstm, images, pointer, or LAYERS/HEADS/MIXERS of a sequence model; LOSS and the gradient's NORM of the
                                                    first step; arrays: the initial weights by their names, and the batch as batch-NAME
  steps N                    -> ok SECONDS          N training steps

Models are functions of their weights, which have the names and, but for convolutions of images, the shapes of attn_train.h. What is fastest in PyTorch
is chosen where there is a choice: fused attention, Based by its polynomial of the scores, few taps as shifted products, Aaren by cumulative sums, the fused AdamW.
"""
import os
import time


def project(p, name, x):
    return torch.nn.functional.linear(x, p[name + ".weight"], p.get(name + ".bias"))


def normalize(p, name, x):
    return torch.nn.functional.layer_norm(x, x.shape[-1:], p[name + ".weight"], p[name + ".bias"], 1e-5)


def short_convolution(p, name, x):
    """Row 0 of the taps is the token's own."""
    taps, tokens = p[name + ".weight"], x.shape[1]
    padded = torch.nn.functional.pad(x, (0, 0, taps.shape[0] - 1, 0))
    last = taps.shape[0] - 1
    return p[name + ".bias"] + sum(taps[t] * padded[:, last - t:last - t + tokens] for t in range(last + 1))


def long_convolution(x, taps):
    """x [B, T, ...] with taps [T, ...]."""
    size = 2 * x.shape[1]
    product = torch.fft.rfft(x, size, dim=1) * torch.fft.rfft(taps, size, dim=0)
    return torch.fft.irfft(product, size, dim=1)[:, :x.shape[1]]


def with_own(taps, own):
    return torch.cat((taps[:1] + own, taps[1:]))


def implicit_taps(p, name, tokens):
    time = torch.arange(tokens) / (tokens - 1)
    angle = 2 * torch.pi * 1e-4 * torch.arange(tokens) / tokens
    hidden = torch.relu(project(p, name + ".0", torch.stack((time, torch.cos(angle), -torch.sin(angle)), 1)))
    return with_own(project(p, name + ".1", hidden), 1)


def sine_taps(p, name, tokens):
    x = p[name + ".positions"]
    for i in range(3):
        x = torch.sin(project(p, f"{name}.{i}", x) * p[name + ".frequency"])
    x = project(p, name + ".3", x)
    decay = torch.linspace(-4.605170186 / 1.5, -4.605170186 / 0.3, x.shape[1])
    window = torch.exp(torch.arange(tokens)[:, None] / (tokens - 1) * decay)
    return with_own(x * window, p[name + ".skip"])


def attention(p, name, u, options, heads):
    batch, tokens, width = u.shape
    q, k, v = project(p, name + "qkv", u).view(batch, tokens, 3, heads, width // heads).permute(2, 0, 3, 1, 4).unbind(0)
    o = torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
    return project(p, name + "out_proj", o.transpose(1, 2).reshape(batch, tokens, width))


def prefix_means(scores, v):
    """The mean of v up to each token with weights e^scores, along axis 1. Relative to the greatest score of all, which is the fastest form and right as
    long as scores are some tens apart at most."""
    weights = torch.exp(scores - scores.amax(1, keepdim=True))
    return torch.cumsum(weights[..., None] * v, 1) / torch.cumsum(weights, 1)[..., None]


def aaren(p, name, u, options, heads):
    batch, tokens, width = u.shape
    q = project(p, name + "q", p[name + "query"]).view(heads, width // heads) * (width // heads) ** -0.5
    k, v = project(p, name + "kv", u).view(batch, tokens, 2, heads, width // heads).unbind(2)
    return project(p, name + "out_proj", prefix_means((k * q).sum(3), v).reshape(batch, tokens, width))


def baseconv(p, name, u, options, heads):
    if options.get("kernel", "3") == "-1":
        convolved = long_convolution(u, implicit_taps(p, name + "filter", u.shape[1]))
    else:
        convolved = pieces["short_convolution"](p, name + "conv", u)
    return project(p, name + "projection", u) * convolved + u


def based(p, name, u, options, heads):
    q, k, v = (project(p, name + part, u) for part in "qkv")
    scores = q @ k.transpose(1, 2) * q.shape[2] ** -0.5
    weights = torch.tril(1 + scores + 0.5 * scores * scores)
    return project(p, name + "out", weights @ v / (weights.sum(2, keepdim=True) + 1e-12))


def hyena(p, name, u, options, heads):
    first, second, value = pieces["short_convolution"](p, name + "short", project(p, name + "in_proj", u)).chunk(3, 2)
    convolved = long_convolution(value * first, sine_taps(p, name + "filter", u.shape[1]))
    return project(p, name + "out_proj", convolved * second)


def shift_taps(b, c, tokens):
    """The correlation of B and C."""
    size = 2 * b.shape[0]
    product = torch.fft.rfft(b, size, dim=0).conj() * torch.fft.rfft(c, size, dim=0)
    return torch.fft.irfft(product, size, dim=0)[:tokens]


def diagonal_taps(p, name, tokens):
    step = torch.exp(p[name + ".log_step"])[:, None]
    half = step * torch.complex(-torch.exp(p[name + ".log_decay"]), p[name + ".frequency"]) / 2
    weight = torch.view_as_complex(p[name + ".b"]) * torch.view_as_complex(p[name + ".c"]) * step / (1 - half)
    power = torch.exp(torch.log((1 + half) / (1 - half)) * torch.arange(tokens)[:, None, None])
    return 2 * torch.einsum("hj,thj->th", weight, power).real


def h3(p, name, u, options, heads):
    batch, tokens, width = u.shape
    q, k, v = (project(p, name + part, u) for part in "qkv")
    k = long_convolution(k, with_own(shift_taps(p[name + "shift.b"], p[name + "shift.c"], tokens), p[name + "shift.skip"]))
    q, k, v = (x.view(batch, tokens, width // 2, 2) for x in (q, k, v))
    taps = with_own(diagonal_taps(p, name + "ssm", tokens), p[name + "ssm.skip"])
    sums = long_convolution(k[..., :, None] * v[..., None, :], taps[:, :, None, None])
    o = (q[..., :, None] * sums).sum(3)
    return project(p, name + "out", o.transpose(2, 3).reshape(batch, tokens, width))


def rwkv_scan(k, v, w, u):
    p, q, o = torch.zeros_like(k[:, 0]), torch.zeros_like(k[:, 0]), torch.full_like(k[:, 0], -1e38)
    rows = []
    for kt, vt in zip(k.unbind(1), v.unbind(1)):
        most = torch.maximum(o, u + kt)
        before, own = torch.exp(o - most), torch.exp(u + kt - most)
        rows.append((before * p + own * vt) / (before * q + own))
        most = torch.maximum(w + o, kt)
        before, own = torch.exp(w + o - most), torch.exp(kt - most)
        p, q, o = before * p + own * vt, before * q + own, most
    return torch.stack(rows, 1)


def rwkv(p, name, u, options, heads):
    before = torch.nn.functional.pad(u, (0, 0, 1, -1))
    k, v, r = (project(p, name + part, torch.lerp(before, u, p[name + "mix." + part])) for part in "kvr")
    average = pieces["rwkv_scan"](k, v, -torch.exp(p[name + "decay"]), p[name + "first"])
    return project(p, name + "out", torch.sigmoid(r) * average)


def selective_scan(x, delta, a, b, c, skip):
    h = torch.zeros(x.shape[0], *a.shape)
    rows = []
    for xt, dt, bt, ct in zip(x.unbind(1), delta.unbind(1), b.unbind(1), c.unbind(1)):
        h = torch.exp(dt[:, :, None] * a) * h + (dt * xt)[:, :, None] * bt[:, None]
        rows.append((h * ct[:, None]).sum(2))
    return torch.stack(rows, 1) + skip * x


def mamba(p, name, u, options, heads):
    silu, a = torch.nn.functional.silu, -torch.exp(p[name + "log_a"])
    x, z = project(p, name + "in_proj", u).chunk(2, 2)
    x = silu(pieces["short_convolution"](p, name + "conv", x))
    step, b, c = project(p, name + "x_proj", x).split((p[name + "dt_proj.weight"].shape[1], a.shape[1], a.shape[1]), 2)
    delta = torch.nn.functional.softplus(project(p, name + "dt_proj", step))
    return project(p, name + "out_proj", pieces["selective_scan"](x, delta, a, b, c, p[name + "skip"]) * silu(z))


mixers = {"attention": attention, "aaren": aaren, "baseconv": baseconv, "based": based, "hyena": hyena, "h3": h3, "rwkv": rwkv, "mamba": mamba}
pieces = {"rwkv_scan": rwkv_scan, "selective_scan": selective_scan, "short_convolution": short_convolution}


def sequence_model(description):
    layers, heads, text = description.split("/")
    parts = [part.split(":") for part in text.split("+")]

    def loss(p, batch):
        r = torch.nn.functional.embedding(batch["token"], p["embedding.weight"])
        if "positions.weight" in p:
            r = r + p["positions.weight"]
        for i in range(int(layers)):
            name, block = parts[i % len(parts)], f"blocks.{i}."
            options = dict(option.split("=") for option in name[1:])
            r = r + mixers[name[0]](p, block + "mixer.", normalize(p, block + "mixer_norm", r), options, int(heads))
            x = normalize(p, block + "state_norm", r)
            if block + "state.in.weight" in p:
                x = project(p, block + "state.out", torch.nn.functional.gelu(project(p, block + "state.in", x)))
            r = r + x
        r = normalize(p, "norm", r).flatten(0, 1)
        if "row" in batch:
            r = torch.index_select(r, 0, batch["row"])
        return torch.nn.functional.cross_entropy(r @ p["embedding.weight"].T, batch["label"])

    return loss


def lstm_model(p, batch):
    weights = [p["lstm." + part] for part in ("input", "recurrent", "input_bias", "recurrent_bias")]
    start = torch.zeros(1, batch["x"].shape[0], weights[1].shape[1])
    y = torch.lstm(batch["x"], (start, start), weights, True, 1, 0.0, True, False, True)[0]
    return torch.nn.functional.cross_entropy(project(p, "head", y[:, -1]), batch["label"])


def image_model(p, batch):
    f = torch.nn.functional
    x = batch["x"].permute(0, 3, 1, 2)
    for name in ("conv0", "conv1"):
        x = f.max_pool2d(torch.relu(f.conv2d(x, p[name + ".weight"], p[name + ".bias"], padding=1)), 2)
    return f.cross_entropy(project(p, "head", x.permute(0, 2, 3, 1).flatten(1)), batch["label"])


def pointer_weights(p, name):
    return [p[f"{name}.{part}"] for part in ("input", "recurrent", "input_bias", "recurrent_bias")]


def decode_cells(p, fed, h, c):
    """As nn.LSTMCell in a loop."""
    states = []
    for i in range(fed.shape[1]):
        h, c = torch.lstm_cell(fed[:, i], (h, c), *pointer_weights(p, "decoder"))
        states.append(h)
    return torch.stack(states, 1)


def decode_layer(p, fed, h, c):
    """As nn.LSTM, which teacher forcing allows."""
    return torch.lstm(fed, (h[None], c[None]), pointer_weights(p, "decoder"), True, 1, 0.0, True, False, True)[0]


def pointer_losses(q, k, v, target):
    u = torch.tanh(q[:, :, None] + k[:, None]) @ v
    return torch.nn.functional.cross_entropy(u.flatten(0, 1), target)


def pointer_model(p, batch):
    x = batch["x"]
    target = batch["label"].view(x.shape[0], -1)
    before = target[:, :-1, None].expand(-1, -1, 2) - 1
    fed = torch.cat((p["start"].expand(x.shape[0], 1, 2), x.gather(1, before)), 1)
    zeros = torch.zeros(1, x.shape[0], p["v"].shape[0])
    e, h, c = torch.lstm(x, (zeros, zeros), pointer_weights(p, "encoder"), True, 1, 0.0, True, False, True)
    q = pieces["decode"](p, fed, h[0], c[0]) @ p["w2"].T
    k = torch.cat((p["end"].expand(x.shape[0], 1, -1), e), 1) @ p["w1"].T
    return pieces["pointer_losses"](q, k, p["v"], batch["label"])


pieces.update(decode=decode_layer, pointer_losses=pointer_losses)


class Train:
    """Eager or compiled, whichever takes the shorter steps. Of models that scan, only pieces are compiled: a whole model with its scans unrolled takes minutes.
    A pointer network's decoder is a layer or cells, and its losses and cells are compiled or not: a compiled layer fails in PyTorch 2.15."""

    def __init__(self, folder, threads, model):
        torch.set_num_threads(int(threads))
        self.weights, self.batch = {}, {}
        for file in sorted(os.listdir(folder)):
            array = load(folder, file[:-4])
            if file.startswith("batch-"):
                self.batch[file[6:-4]] = array.long() if array.dtype == torch.int32 else array
            else:  # of images: channels last
                self.weights[file[:-4]] = (array.permute(0, 3, 1, 2) if array.dim() == 4 else array).requires_grad_(True)
        self.model = {"lstm": lstm_model, "images": image_model, "pointer": pointer_model}.get(model) or sequence_model(model)
        self.optimizer = torch.optim.AdamW(self.weights.values(), lr=1e-4, weight_decay=0.1, fused=True)
        loss = self.backward()
        norm = torch.sqrt(sum((w.grad.double() ** 2).sum() for w in self.weights.values()))
        self.name = f"{self.choose(model)} {loss!r} {norm.item()!r}"

    def backward(self):
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.model(self.weights, self.batch)
        loss.backward()
        return loss.item()

    def run(self, steps):
        start = time.perf_counter()
        for _ in range(int(steps)):
            self.backward()
            self.optimizer.step()
        return time.perf_counter() - start

    def ways(self, text):
        """Name, pieces in other pieces' places, and whether all of the model is compiled; the first is eager."""
        yield "eager", {}, False
        if text == "pointer":
            compiled = {"pointer_losses": torch.compile(pointer_losses)}
            yield "eager", {"decode": decode_cells}, False
            yield "compiled", compiled, False
            yield "compiled", {**compiled, "decode": torch.compile(decode_cells)}, False
        elif "rwkv" in text or "mamba" in text:
            yield "compiled", {name: torch.compile(piece) for name, piece in pieces.items()}, False
        else:
            yield "compiled", {}, True

    def try_way(self, replaced, whole):
        """Seconds of a step, if its loss is that of the eager model."""
        eager, before, expected = self.model, dict(pieces), self.backward()
        pieces.update(replaced)
        if whole:
            self.model = torch.compile(eager)
        try:
            if abs(self.backward() - expected) <= 1e-4 * abs(expected):
                self.run(1)
                return min(self.run(1) for _ in range(3)), self.model, dict(pieces)
        except Exception:
            pass
        finally:
            self.model = eager
            pieces.update(before)
        return None

    def choose(self, text):
        best = None
        for name, replaced, whole in self.ways(text):
            tried = self.try_way(replaced, whole)
            if tried and (best is None or tried[0] < best[0]):
                best = tried + (name,)
        _, self.model, chosen, name = best
        pieces.update(chosen)
        return name
