"""A tiny language model with attn.torch: it learns to copy the token that stood three places before."""
# %% One layer of attention with ALiBi slopes and a sink that are learned too.
import attn.torch
import torch
from torch import nn

torch.manual_seed(1)
VOCABULARY, WIDTH, HEADS, LENGTH, BACK = 12, 32, 4, 24, 3


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.token, self.place = nn.Embedding(VOCABULARY, WIDTH), nn.Embedding(LENGTH, WIDTH)
        self.qkv, self.out, self.head = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, VOCABULARY)
        self.slopes, self.sink = nn.Parameter(torch.full((HEADS,), 0.1)), nn.Parameter(torch.zeros(HEADS))

    def forward(self, tokens):
        x = self.token(tokens) + self.place(torch.arange(LENGTH))
        q, k, v = self.qkv(x).view(*tokens.shape, 3, HEADS, WIDTH // HEADS).unbind(2)  # batch, token, head, dim: not contiguous
        o = attn.torch.attention(q, k, v, "causal", layout="bthd", alibi=self.slopes, sink=self.sink)
        return self.head(x + self.out(o.flatten(2)))


# %% Training: the loss falls from that of guessing to nearly nothing.
model = Model()
optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
first = None
for step in range(150):
    tokens = torch.randint(VOCABULARY, (32, LENGTH))
    logits = model(tokens)[:, BACK:]
    loss = nn.functional.cross_entropy(logits.flatten(0, 1), tokens[:, :-BACK].flatten())
    first = first or loss.item()
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
print("began near guessing:", abs(first - torch.tensor(float(VOCABULARY)).log().item()) < 0.5, "- ended below 0.1:", loss.item() < 0.1)
print("slopes and sink have learned:", bool((model.slopes - 0.1).abs().max() > 0.01), bool(model.sink.abs().max() > 0.01))

# %% Where the model looks: the exact weights of the last row of each head.
with torch.no_grad():
    x = model.token(tokens[:1]) + model.place(torch.arange(LENGTH))
    q, k, v = (a.transpose(1, 2) for a in model.qkv(x).view(1, LENGTH, 3, HEADS, WIDTH // HEADS).unbind(2))
    options = dict(alibi=model.slopes.detach(), sink=model.sink.detach())
    _, lse = attn.attention(q, k, v, "causal", return_lse=True, **options)
    best = [attn.weights(q, k, lse, LENGTH - 1, "causal", head=h, **options)[0].argmax().item() for h in range(HEADS)]
print("some head looks %d tokens back:" % BACK, LENGTH - 1 - BACK in best)
