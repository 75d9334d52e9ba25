"""Generation: tokens drawn one after the other from a model of the next token."""

from __future__ import annotations

from typing import Any, Protocol
from weakref import WeakKeyDictionary

import numpy as np

from chainrule import functions, random
from chainrule.compiling import Compiled, compile
from chainrule.core.errors import ArgumentError, DomainError, DTypeError, ShapeError
from chainrule.core.tree import flatten
from chainrule.nn._checks import check_counts
from chainrule.nn.module import Module
from chainrule.tensor import ArrayLike, Tensor, no_grad, tensor

__all__ = ["NextToken", "generate"]


LARGEST = 128
"""A prompt is read in pieces of at most so many tokens."""


class NextToken(Protocol):
    """A model that reads a sequence piece by piece, such as `TransformerLM` and `RecurrentLM`."""

    def start(self, batch_size: int, length: int) -> Any:
        """The state before the first token of sequences of at most ``length`` tokens: a pytree
        whose structure, shapes and dtypes stay."""

    def extend(self, tokens: Tensor, state: Any) -> tuple[Tensor, Any]:
        """Logits (N, T, tokens) for T more tokens (N, T), and the state after them."""


def generate(
    model: Any,
    prompt: ArrayLike,
    steps: int,
    *,
    key: Tensor | None = None,
    temperature: float = 1.0,
    top_k: int | None = None,
) -> Tensor:
    """The prompt and ``steps`` more tokens, each drawn from softmax(logits / temperature).

    One compiled step serves for all tokens. The prompt is read in pieces of 128, 64, … 1 tokens, so
    that prompts of all lengths share a few programs. Dropout is off, whatever the mode of the
    model, which does not change.

    Args:
        model: a module with ``start`` and ``extend``, see `NextToken`.
        prompt: at least one token, shape (T,) or (N, T).
        steps: how many tokens to add.
        key: random key of the draws; not needed with temperature 0.
        temperature: below 1 likely tokens become likelier; 0 always takes the likeliest.
        top_k: draw from so many likeliest tokens only (Fan et al. 2018, Hierarchical neural story
            generation); by default from all.

    Returns:
        The tokens, shape (T + steps,) or (N, T + steps).

    Raises:
        ShapeError: if the prompt is empty or the tokens do not fit into the model's length.
        DomainError: if temperature, top_k or steps are out of range.
        ArgumentError: without a key, if one is needed; for a model without such methods.

    >>> import chainrule as cr
    >>> model = cr.nn.TransformerLM(10, 8, 2, num_layers=1, max_length=16, key=cr.random.key(0))
    >>> tokens = cr.nn.generate(model, [1, 2, 3], 5, key=cr.random.key(1), top_k=4)
    >>> tokens.shape, tokens[:3].tolist()
    ((8,), [1, 2, 3])
    """
    if not hasattr(model, "start") or not hasattr(model, "extend"):
        raise ArgumentError(
            f"generate: {type(model).__name__} has no start(batch_size, length) and "
            "extend(tokens, state), as TransformerLM and RecurrentLM have"
        )
    check_counts("generate", steps=steps)
    if not temperature >= 0:
        raise DomainError(f"generate: temperature is at least 0, not {temperature!r}")
    if top_k is not None:
        check_counts("generate", top_k=top_k)
    if key is None and temperature > 0:
        raise ArgumentError(
            "generate: drawing tokens needs a random key, such as key=cr.random.key(0); "
            "temperature=0 always takes the likeliest"
        )
    given = _prompt(prompt)
    batch, length = given.shape if given.ndim == 2 else (1, given.size)
    pieces = given.reshape(batch, length)
    still = _quiet(model)
    with no_grad():
        state = still.start(batch, length + steps - 1)  # the last token is not read again
    run = _step(model, state, top_k, temperature > 0)
    key = random.key(0) if key is None else key
    heat = tensor(max(temperature, float(np.finfo(np.float32).tiny)), dtype="float32")

    first = 0
    for size in _sizes(length):
        piece = tensor(pieces[:, first : first + size])
        token, state, key_after = run(still, state, piece, key, heat)
        first += size
    drawn = [token]
    for _ in range(steps - 1):
        token, state, key_after = run(still, state, token, key_after, heat)
        drawn.append(token)
    found = np.concatenate([pieces, *(t.numpy() for t in drawn)], axis=1)
    return tensor(found.reshape((*given.shape[:-1], length + steps)))


def _prompt(prompt: ArrayLike) -> np.ndarray:
    found = (prompt if isinstance(prompt, Tensor) else tensor(prompt)).numpy()
    if found.ndim not in (1, 2) or not found.shape[-1]:
        raise ShapeError(
            f"generate: a prompt has at least one token, (T,) or (N, T); got shape {found.shape}"
        )
    if found.dtype.kind not in "iu":
        raise DTypeError(f"generate: tokens are integers, not {found.dtype.name}")
    return found.astype(np.int64)


def _sizes(length: int) -> list[int]:
    """Sizes of pieces that add up to ``length``: as few different ones as powers of two allow."""
    rest = length % LARGEST
    powers = [1 << bit for bit in reversed(range(rest.bit_length())) if rest >> bit & 1]
    return [LARGEST] * (length // LARGEST) + powers


def _quiet(model: Any) -> Any:
    """A copy that shares the tensors, in the mode of use."""
    if not isinstance(model, Module):
        return model
    leaves, structure = flatten(model)
    copy: Module = structure.build(leaves)
    return copy.eval()


_steps: WeakKeyDictionary[Any, dict[Any, Compiled]] = WeakKeyDictionary()
"""The compiled steps of each model, by options and by the types of the state."""


def _step(model: Any, state: Any, top_k: int | None, draws: bool) -> Compiled:
    """Reads tokens and draws the next one: (token, state, key) after (model, state, tokens, …)."""

    def next_token(model: Any, state: Any, tokens: Tensor, key: Tensor, heat: Tensor) -> Any:
        logits, state = model.extend(tokens, state)
        last = logits[:, -1]
        if not draws:
            return functions.argmax(last, axis=-1, keepdims=True), state, key
        following, now = random.split(key)
        if top_k is not None and top_k < last.shape[-1]:
            least = functions.top_k(last, top_k)[0][:, -1:]
            last = functions.where(last < least, -np.inf, last)
        # the likeliest at 0: close to temperature 0 the others, not all, become infinite
        below = functions.astype(last - functions.max(last, axis=-1, keepdims=True), "float32")
        drawn = random.categorical(now, below / heat)
        return functions.expand_dims(drawn, axis=-1), state, following

    types = tuple(leaf.node.type for leaf in flatten(state)[0])
    known = _steps.setdefault(model, {})
    return known.setdefault((top_k, draws, types), compile(next_token, donate=(1,)))
