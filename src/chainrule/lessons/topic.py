"""A topic: one notion of the calculus, explained, with an example worked out when it is read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from chainrule.core.errors import NotationError
from chainrule.lessons.claim import Chapter
from chainrule.lessons.evidence import Picture
from chainrule.lessons.formula import check
from chainrule.lessons.prose import unwrap
from chainrule.notation.names import LETTERS

__all__ = ["Derived", "Example", "Formula", "Question", "Topic", "Trap", "Value"]


@dataclass(frozen=True)
class Formula:
    r"""A definition or a law, in the LaTeX that `lessons.formula` reads.

    Attributes:
        name: what it says, for the formula card.
        latex: the formula.

    >>> Formula("descent", r"w \leftarrow w - \eta \nabla L").latex
    'w \\leftarrow w - \\eta \\nabla L'
    """

    name: str
    latex: str

    def __post_init__(self) -> None:
        try:
            check(self.latex)
        except NotationError as error:
            raise NotationError(f"formula {self.name!r}: {error}") from None


@dataclass(frozen=True)
class Derived:
    """A derivative that is computed when it is shown.

    Attributes:
        name: what it says, for the formula card.
        function: the function, in the notation of `cr.parse`.
        wrt: the variable; Greek letters may be written as such.
        order: how often it is differentiated.
        as_written: the usual way to write the result; it is shown if it equals what the engine
            computes, and an error if it does not.
    """

    name: str
    function: str
    wrt: str = "x"
    order: int = 1
    as_written: str = ""

    def __post_init__(self) -> None:
        name = "".join(LETTERS.get(letter, letter) for letter in self.wrt)
        object.__setattr__(self, "wrt", name)


@dataclass(frozen=True)
class Value:
    """A result in a worked example: what it is, and its value, a number or an array."""

    name: str
    value: Any


@dataclass(frozen=True)
class Question:
    """A question of an interview and its answer."""

    ask: str
    answer: str

    def __post_init__(self) -> None:
        unwrap(self)


@dataclass(frozen=True)
class Trap:
    """A common mistake.

    Attributes:
        wrong: the wrong statement.
        why: why it is wrong.
        right: the right one.
        claim: the key of the claim that shows it.
    """

    wrong: str
    why: str
    right: str
    claim: str = ""

    def __post_init__(self) -> None:
        unwrap(self)


Example = Iterator[Any]
"""What a worked example yields: sentences, derivations (see `worked`), formulas and values."""


@dataclass(frozen=True, kw_only=True)
class Topic:
    """One notion; its key is the name of its module.

    Attributes:
        title: its name.
        chapter, place: where it is listed: the chapter, and the place in it.
        motivation: two sentences on what it is for.
        mental_picture: how to imagine it.
        definition: in words, exact.
        formulas: definitions, laws and derivatives; all of them are on the formula card.
        example: ``example()`` yields a worked example that the engine computes.
        questions: those of interviews; the first is *the* question on this topic, and its answer
            has two sentences.
        traps: common mistakes, the most common first.
        claims: the keys of the claims that belong to it.
        related: the keys of other topics.
        pictures: drawn on pages.
        key: set by the registry.
    """

    title: str
    chapter: Chapter
    place: int
    motivation: str
    mental_picture: str
    definition: str
    formulas: tuple[Formula | Derived, ...]
    example: Callable[[], Example]
    questions: tuple[Question, ...]
    traps: tuple[Trap, ...]
    claims: tuple[str, ...] = ()
    related: tuple[str, ...] = ()
    pictures: tuple[Picture, ...] = ()
    key: str = ""

    def __post_init__(self) -> None:
        unwrap(self)
