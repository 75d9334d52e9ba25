"""Networks that predict the next letter: `chainrule train shakespeare`."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache
from typing import Any, Literal

import torch
from torch.nn import functional

from bench.tasks.loop import Batch, Fitted, Twin, fitted_task, scheduled, with_weights_of
from bench.tasks.task import defaults
from chainrule import data, random
from chainrule.cli.train import shakespeare

Network = Literal["lstm", "transformer"]

OPTIONS = defaults(shakespeare.shakespeare)
EPOCHS = 4


@cache
def corpus() -> shakespeare.Corpus:
    return shakespeare.Corpus(list(data.load_shakespeare().values()), OPTIONS["length"])


def fitted(network: Network, seed: int, epochs: int) -> Fitted:
    """What the command trains."""
    text, key = corpus(), random.key(seed)
    characters = len(text.alphabet)
    width, learning_rate = shakespeare.DEFAULTS[network]
    source = text.training(OPTIONS["batch_size"], random.fold_in(key, 1))
    return Fitted(
        model=(
            shakespeare.lstm(characters, width, key=key)
            if network == "lstm"
            else shakespeare.transformer(characters, width, length=text.length, key=key)
        ),
        loss=shakespeare.bits,
        source=source,
        optimizer=shakespeare.optimizer(learning_rate),
        schedule=shakespeare.schedule(epochs * (source.steps or 1)),
        held_out=text.held_out(),
    )


class LSTM(torch.nn.Module):
    """As `shakespeare.lstm`."""

    def __init__(self, characters: int, hidden: int) -> None:
        super().__init__()
        self.embedding = torch.nn.Embedding(characters, 64)
        self.recurrent = torch.nn.LSTM(64, hidden, batch_first=True)
        self.head = torch.nn.Linear(hidden, characters)

    def forward(self, tokens: torch.Tensor) -> Any:
        return self.head(self.recurrent(self.embedding(tokens))[0])


class Block(torch.nn.Module):
    """A decoder layer that normalises first, with rotary positions."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.rate = heads, dropout
        self.qkv = torch.nn.Linear(width, 3 * width)
        self.out = torch.nn.Linear(width, width)
        self.up = torch.nn.Linear(width, 4 * width)
        self.down = torch.nn.Linear(4 * width, width)
        self.first, self.second = torch.nn.LayerNorm(width), torch.nn.LayerNorm(width)
        self.dropout = torch.nn.Dropout(dropout)

    def forward(self, x: torch.Tensor, cosine: torch.Tensor, sine: torch.Tensor) -> Any:
        x = x + self.dropout(self.attention(self.first(x), cosine, sine))
        inner = self.dropout(functional.gelu(self.up(self.second(x))))
        return x + self.dropout(self.down(inner))

    def attention(self, x: torch.Tensor, cosine: torch.Tensor, sine: torch.Tensor) -> Any:
        batch, length, width = x.shape
        split = (batch, length, self.heads, width // self.heads)
        q, k, v = (part.view(split).transpose(1, 2) for part in self.qkv(x).chunk(3, dim=-1))
        found = functional.scaled_dot_product_attention(
            turned(q, cosine, sine),
            turned(k, cosine, sine),
            v,
            is_causal=True,
            dropout_p=self.rate if self.training else 0.0,
        )
        return self.out(found.transpose(1, 2).reshape(x.shape))


def turned(x: torch.Tensor, cosine: torch.Tensor, sine: torch.Tensor) -> torch.Tensor:
    """Pairs of features, one of each half, turned by the angles of their positions."""
    first, second = x.chunk(2, dim=-1)
    return torch.cat([first * cosine - second * sine, second * cosine + first * sine], dim=-1)


class Transformer(torch.nn.Module):
    """As `shakespeare.transformer`; the embedding is the last map too."""

    cosine: torch.Tensor
    sine: torch.Tensor

    def __init__(
        self, characters: int, width: int, length: int, heads: int = 4, dropout: float = 0.1
    ) -> None:
        super().__init__()
        self.embedding = torch.nn.Embedding(characters, width)
        self.blocks = torch.nn.ModuleList(Block(width, heads, dropout) for _ in range(3))
        self.norm = torch.nn.LayerNorm(width)
        self.dropout = torch.nn.Dropout(dropout)
        size = width // heads
        rates = 10000.0 ** (-torch.arange(0, size, 2, dtype=torch.float64) / size)
        angles = torch.arange(length, dtype=torch.float64)[:, None] * rates
        self.register_buffer("cosine", angles.cos().float())
        self.register_buffer("sine", angles.sin().float())

    def forward(self, tokens: torch.Tensor) -> Any:
        x = self.dropout(self.embedding(tokens))
        for block in self.blocks:
            x = block(x, self.cosine, self.sine)
        return self.norm(x) @ self.embedding.weight.T


def bits(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return functional.cross_entropy(logits.flatten(0, 1), targets.flatten()) / math.log(2)


def twin(network: Network, fitted: Fitted, epochs: int) -> Twin:
    text, source = corpus(), fitted.source
    assert isinstance(source, data.Stream)
    characters = len(text.alphabet)
    width, learning_rate = shakespeare.DEFAULTS[network]
    model: torch.nn.Module = (
        LSTM(characters, width)
        if network == "lstm"
        else Transformer(characters, width, text.length)
    )
    optimizer = torch.optim.AdamW(
        with_weights_of(fitted.model, model).parameters(),
        learning_rate,
        weight_decay=shakespeare.WEIGHT_DECAY,
        fused=True,
    )
    held_out = [torch.tensor(values).long() for values in fitted.held_out]
    assert fitted.schedule is not None

    def batches(epoch: int) -> Iterator[Batch]:
        for inputs, targets in source.make(epoch):
            yield torch.from_numpy(inputs).long(), torch.from_numpy(targets).long()

    return Twin(
        model=model,
        loss=bits,
        optimizer=optimizer,
        batches=batches,
        score=lambda model: bits(model(held_out[0]), held_out[1]).item(),
        schedule=scheduled(optimizer, fitted.schedule, epochs * (source.steps or 1)),
        max_norm=shakespeare.MAX_NORM,
    )


def _task(network: Network, title: str, target: float) -> Any:
    return fitted_task(
        lambda length, seed: fitted(network, seed, length),
        lambda made, epochs: twin(network, made, epochs),
        name=f"shakespeare_{network}",
        title=title,
        measure="bits per character",
        better="below",
        target=target,
        length=EPOCHS,
        quick=1,
    )


TASKS = (
    _task("lstm", "Shakespeare, LSTM", 2.4),
    _task("transformer", "Shakespeare, Transformer", 2.75),
)
