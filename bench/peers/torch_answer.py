"""Answers of a pointer network in PyTorch: an LSTM encodes, cells decode greedily. Stands between torch_train.py and torch_peer.py in one script.

  answer FOLDER THREADS BATCH HOW -> ok NAME SCORE   x.npy [instances, N, 2], tokens.npy [instances], of each answer, and the weights by their names; HOW:
                                                     together or leaving, which may be either; SCORE is the mean log probability of the first batch's answers
  run fwd                         -> ok SECONDS      answers all instances, a batch after the other
"""


class Answer:
    """The fastest of: eager or compiled, the pointer alone, all of a step, or (where all answers are of one length) all of a batch's steps; a batch that is
    decoded until its last answer ends, or that answers leave when a quarter of them has ended."""

    def __init__(self, folder, threads, batch, how):
        torch.set_num_threads(int(threads))
        arrays = {file[:-4]: load(folder, file[:-4]) for file in os.listdir(folder)}
        tokens = arrays.pop("tokens")
        self.most, self.p = int(tokens.max()), arrays
        self.may_leave = how == "leaving"
        self.alike = bool((tokens == self.most).all())
        self.batches = list(zip(arrays.pop("x").split(int(batch)), tokens.split(int(batch))))
        self.none = torch.zeros_like(arrays["encoder.bias"])
        self.name, (self.pointer, self.step, self.decode) = self.choose()
        self.name += f" {self.score()!r}"

    @staticmethod
    def point(q, k, v):
        return torch.tanh(q[:, None] + k) @ v

    def lstm_weights(self, name):
        return [self.p[f"{name}.{part}"] for part in ("input", "recurrent", "bias")] + [self.none]

    def one_step(self, now, h, c, k, x):
        """The next state and input, and what was pointed at with its log probability."""
        h, c = torch.lstm_cell(now, (h, c), *self.lstm_weights("decoder"))
        score, token = torch.log_softmax(self.pointer(h @ self.p["w2"].T, k, self.p["v"]), 1).max(1)
        now = x.gather(1, (token - 1).clamp(min=0)[:, None, None].expand(-1, 1, 2))[:, 0]
        return now, h, c, token, score

    def all_steps(self, now, h, c, k, x, left):
        """Tokens and their log probability, of answers of one length."""
        tokens, total = [], 0
        for _ in range(self.most):
            now, h, c, token, score = self.step(now, h, c, k, x)
            tokens.append(token)
            total = total + score
        return torch.stack(tokens, 1), total

    def until_all_ended(self, now, h, c, k, x, left):
        tokens, total = [], 0
        for i in range(int(left.max())):
            now, h, c, token, score = self.step(now, h, c, k, x)
            tokens.append(token)
            total = total + torch.where(left > i, score, 0)
        return torch.stack(tokens, 1), total

    def leaving(self, now, h, c, k, x, left):
        most, rows = int(left.max()), torch.arange(left.shape[0])
        tokens, total = torch.zeros(left.shape[0], most, dtype=torch.int64), torch.zeros(left.shape[0])
        for i in range(most):
            now, h, c, token, score = self.step(now, h, c, k, x)
            tokens[rows, i] = token
            total[rows] += torch.where(left > i, score, 0)
            going = (left > i + 1).nonzero()[:, 0]
            if 0 < len(going) <= 0.75 * len(left):
                now, h, c, k, x, left, rows = (array[going] for array in (now, h, c, k, x, left, rows))
        return tokens, total

    def answer(self, x, tokens):
        zeros = torch.zeros(1, x.shape[0], self.p["v"].shape[0])
        e, h, c = torch.lstm(x, (zeros, zeros), self.lstm_weights("encoder"), True, 1, 0.0, False, False, True)
        k = torch.cat((self.p["end"].expand(x.shape[0], 1, -1), e), 1) @ self.p["w1"].T
        return self.decode(self.p["start"].expand(x.shape[0], 2), h[0], c[0], k, x, tokens)

    def choose(self):
        """Batches that become smaller are compiled for any size."""
        best = None
        decodes = (self.all_steps,) if self.alike else (self.until_all_ended, self.leaving) if self.may_leave else (self.until_all_ended,)
        for decode in decodes:
            for name, place in (("eager", None), ("compiled", 0), ("compiled", 1)) + ((("compiled", 2),) if self.alike else ()):
                way = [self.point, self.one_step, decode]
                if place is not None:
                    way[place] = torch.compile(way[place], dynamic=True if decode == self.leaving else None)
                self.pointer, self.step, self.decode = way
                try:
                    score = self.score()
                    if best is None:
                        expected = score
                    elif abs(score - expected) > 1e-5 * abs(expected):
                        continue
                    seconds = duration(self.score)
                except Exception:
                    continue
                if best is None or seconds < best[0]:
                    best = seconds, name + ("-leaving" if decode == self.leaving else ""), way
        return best[1:]

    def score(self):
        with torch.no_grad():
            return self.answer(*self.batches[0])[1].mean().item()

    def run(self, direction):
        start = time.perf_counter()
        with torch.no_grad():
            for x, tokens in self.batches:
                self.answer(x, tokens)
        return time.perf_counter() - start
