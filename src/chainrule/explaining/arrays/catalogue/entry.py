"""What a derivation of the catalogue is: a function in ordinary code, and samples for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.explaining.arrays.expression import Term
from chainrule.notation import canonical

__all__ = ["ENTRIES", "EXTENTS", "Entry", "Terms", "entry"]

EXTENTS: Mapping[str, int] = {
    "n": 4,
    "d": 3,
    "k": 5,
    "h": 6,
    "t": 7,
    "m": 8,
}
"""The extents of samples; all differ, so that a shape tells what it is."""


class Terms:
    """The names of a derivation as terms: ``t.X``, ``t.G``; extents likewise, ``t.n``."""

    def __init__(self, known: Mapping[str, Term]) -> None:
        self._known = known

    def __getattr__(self, name: str) -> Term:
        try:
            return self._known[canonical(name)]
        except KeyError:
            raise AttributeError(
                f"there is no {name}; there are {', '.join(self._known)}"
            ) from None


Textbook = Mapping[str, Callable[[Terms], Term]]


@dataclass(frozen=True)
class Entry:
    """A derivation.

    Attributes:
        name: its name.
        group: the group in which it is listed.
        summary: one line.
        function: what is differentiated.
        samples: for each argument its shape in letters, and what its numbers are like.
        wrt: the arguments to differentiate by.
        seed: the shape of the result, if it is no scalar.
        textbook: closed forms by the names of arguments, which the derivation has to equal.
        also: other names.
    """

    name: str
    group: str
    summary: str
    function: Callable[..., Any]
    samples: Mapping[str, str]
    wrt: tuple[str, ...]
    seed: str | None
    textbook: Textbook
    also: tuple[str, ...] = ()

    def dims(self) -> dict[str, int]:
        """The extents that occur, by their letters."""
        texts = [sample.partition(":")[0] for sample in self.samples.values()]
        letters = " ".join([*texts, self.seed or ""]).split()
        return {letter: EXTENTS[letter] for letter in EXTENTS if letter in letters}

    def arguments(self) -> tuple[Any, ...]:
        """Sample arguments, the same every time."""
        rng = np.random.default_rng(sum(map(ord, self.name)))
        return tuple(_drawn(rng, sample) for sample in self.samples.values())

    def upstream(self) -> Any:
        """G for a result that is no scalar."""
        if self.seed is None:
            return None
        return np.random.default_rng(len(self.name)).normal(size=_shape(self.seed))


def _shape(text: str) -> tuple[int, ...]:
    return tuple(EXTENTS[part] if part in EXTENTS else int(part) for part in text.split())


def _drawn(rng: np.random.Generator, sample: str) -> Any:
    letters, _, kind = sample.partition(":")
    shape = _shape(letters)
    what, *more = kind.split()[:2] or [""]
    x = rng.normal(size=shape)
    match what:
        case "":
            return x
        case "positive":
            return np.exp(0.5 * x)
        case "labels":
            return np.arange(int(np.prod(shape))).reshape(shape) % EXTENTS[more[0]]
        case "onehot":
            return np.eye(shape[-1])[np.arange(shape[0]) % shape[-1]]
        case "probabilities":
            return np.exp(x) / np.exp(x).sum(axis=-1, keepdims=True)
        case "share":
            return 0.1 + 0.8 / (1 + np.exp(-x))
        case "binary":
            return (np.arange(x.size).reshape(shape) % 2).astype(float)
        case "sign":
            return 1.0 - 2.0 * (np.arange(x.size).reshape(shape) % 2)
        case "definite":
            return x @ x.T / shape[-1] + np.eye(shape[-1])
        case "invertible":
            return 2 * np.eye(shape[-1]) + 0.5 * x
        case "symmetric":
            return x + x.T
        case "counts":
            return np.abs(np.round(2 * x))
    raise ValueError(f"no sample is called {what!r}")


ENTRIES: dict[str, Entry] = {}
"""All derivations, in the order of their groups."""


def entry(
    name: str,
    group: str,
    summary: str,
    wrt: str,
    *,
    seed: str | None = None,
    textbook: Textbook | None = None,
    also: tuple[str, ...] = (),
    **samples: str,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a function as a derivation; ``samples`` are in the order of its arguments."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        if name in ENTRIES:
            raise ValueError(f"there are two derivations called {name!r}")
        ENTRIES[name] = Entry(
            name,
            group,
            summary,
            function,
            samples,
            tuple(wrt.split()),
            seed,
            textbook or {},
            also,
        )
        return function

    return register
