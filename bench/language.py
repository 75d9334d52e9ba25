"""Models of the next letter: a step of Adam beside PyTorch's, and the time of a generated token."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

import chainrule as cr
from bench.common import Row, interleaved, peer

WORDS, BATCH, LENGTH, STEPS = 65, 16, 64, 60


def run() -> list[Row]:
    """Training steps on the same batch, and sampling with a batch of one."""
    torch = peer("torch")
    rng = np.random.default_rng(0)
    text = rng.integers(0, WORDS, (BATCH, LENGTH + 1))
    key = cr.random.key(0)
    models = {
        "LSTM, 2 layers of 128": cr.nn.RecurrentLM(WORDS, cr.nn.LSTM(64, 128, 2, key=key), key=key),
        "Transformer, 2 layers of 64": cr.nn.TransformerLM(
            WORDS, 64, 4, 2, max_length=LENGTH, key=key
        ),
    }
    peers = _peers(torch) if torch else {}
    rows: list[Row] = []
    for name, model in models.items():
        calls: dict[str, Callable[[], Any]] = {"chainrule": _step(model, text)}
        if torch:
            calls["PyTorch"] = _pytorch(torch, peers[name], text)
        rows += [
            {"what": f"{name}: step of Adam", "with": who, **_milliseconds(timing)}
            for who, timing in interleaved(calls).items()
        ]
        draw = partial(cr.nn.generate, model, [1, 2, 3], STEPS, key=key)
        timing = interleaved({"token": draw})["token"]
        rows.append(
            {
                "what": f"{name}: a token",
                "with": "chainrule",
                **{k: v / STEPS for k, v in _milliseconds(timing).items()},
            }
        )
    return rows


def _milliseconds(timing: Any) -> dict[str, float]:
    return {"median ms": timing.median * 1e3, "least ms": timing.minimum * 1e3}


def _step(model: Any, text: np.ndarray) -> Callable[[], Any]:
    optimizer = cr.optim.adam(1e-3)
    run = cr.compile(
        cr.train.make_step(model, cr.nn.cross_entropy, optimizer), donate=(0, 1), threads=1
    )
    x, y = cr.tensor(text[:, :-1]), cr.tensor(text[:, 1:])
    parameters: Any = model.parameters()
    state = optimizer.init(parameters)

    def call() -> None:
        nonlocal parameters, state
        after = run(parameters, state, x, y)
        parameters, state = after.parameters, after.state

    return call


def _pytorch(torch: Any, model: Any, text: np.ndarray) -> Callable[[], Any]:
    torch.set_num_threads(1)
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    x, y = torch.tensor(text[:, :-1]), torch.tensor(text[:, 1:])

    def call() -> None:
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(x).reshape(-1, WORDS), y.reshape(-1)).backward()
        optimizer.step()

    return call


def _peers(torch: Any) -> dict[str, Any]:
    class Recurrent(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.embedding = torch.nn.Embedding(WORDS, 64)
            self.recurrent = torch.nn.LSTM(64, 128, 2, batch_first=True)
            self.head = torch.nn.Linear(128, WORDS)

        def forward(self, tokens: Any) -> Any:
            return self.head(self.recurrent(self.embedding(tokens))[0])

    class Transformer(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.embedding = torch.nn.Embedding(WORDS, 64)
            self.positions = torch.nn.Parameter(0.02 * torch.randn(LENGTH, 64))
            layer = torch.nn.TransformerEncoderLayer(
                64, 4, 256, 0.0, "gelu", batch_first=True, norm_first=True
            )
            norm = torch.nn.LayerNorm(64)
            self.layers = torch.nn.TransformerEncoder(layer, 2, norm, enable_nested_tensor=False)
            self.mask = torch.nn.Transformer.generate_square_subsequent_mask(LENGTH)

        def forward(self, tokens: Any) -> Any:
            x = self.embedding(tokens) + self.positions
            return self.layers(x, mask=self.mask, is_causal=True) @ self.embedding.weight.T

    return {"LSTM, 2 layers of 128": Recurrent(), "Transformer, 2 layers of 64": Transformer()}
