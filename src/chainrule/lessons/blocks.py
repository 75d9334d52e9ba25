"""What a lesson consists of when it is shown: a list of blocks, which printers write.

What is shown and in which order is decided here, once; how it looks by `rendering`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

import chainrule as cr
from chainrule.lessons import formula as formulas
from chainrule.lessons.evidence import Measure, Picture, Role
from chainrule.lessons.expectation import Expectation, written
from chainrule.lessons.registry import claims, topics
from chainrule.lessons.running import Outcome
from chainrule.lessons.topic import Derived, Formula, Topic, Trap, Value
from chainrule.lessons.verdict import Verdict
from chainrule.lessons.worked import Equation, derive

__all__ = [
    "Block",
    "Display",
    "Figure",
    "Heading",
    "Hidden",
    "Links",
    "Rows",
    "Steps",
    "Words",
    "card",
    "of_outcome",
    "of_topic",
    "questions",
    "traps",
]


@dataclass(frozen=True)
class Heading:
    """A heading; level 1 is that of the whole."""

    text: str
    level: Literal[1, 2, 3] = 2


@dataclass(frozen=True)
class Words:
    """A paragraph, perhaps with a label before it; ``tone`` says what it is."""

    text: str
    label: str = ""
    tone: str = ""


@dataclass(frozen=True)
class Display:
    """A formula, perhaps with its name."""

    equation: Equation
    name: str = ""


@dataclass(frozen=True)
class Steps:
    """A derivation."""

    found: cr.Explanation


@dataclass(frozen=True)
class Figure:
    """A picture; ``key`` tells those of one page apart."""

    picture: Picture
    key: str


@dataclass(frozen=True)
class Rows:
    """A table."""

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Hidden:
    """A question whose answer is shown when asked for, where that is possible."""

    ask: str
    answer: str


@dataclass(frozen=True)
class Links:
    """Further reading: names of claims or topics."""

    label: str
    kind: Literal["claims", "notes"]
    keys: tuple[str, ...]


Block = Heading | Words | Display | Steps | Figure | Rows | Hidden | Links


# -- topics ----------------------------------------------------------------------------------------


def of_topic(topic: Topic) -> Iterator[Block]:
    """A topic, its example worked out now."""
    yield Heading(topic.title, 1)
    yield Words(topic.motivation, "Why")
    yield Words(topic.mental_picture, "Picture it")
    yield Words(topic.definition, "Definition")
    yield from map(_display, topic.formulas)
    yield from (Figure(one, f"{topic.key}-{i}") for i, one in enumerate(topic.pictures))
    yield Heading("Worked example")
    yield from _example(topic)
    question = topic.questions[0]
    yield Heading("In an interview")
    yield Words(question.ask, tone="question")
    yield Words(question.answer)
    yield Heading("A common mistake")
    yield from _trap(topic.traps[0])
    yield from _links("Claims to run", "claims", topic.claims, claims())
    yield from _links("See also", "notes", topic.related, topics())


def _links(
    label: str, kind: Literal["claims", "notes"], keys: Iterable[str], known: Iterable[str]
) -> Iterator[Block]:
    there = tuple(key for key in keys if key in set(known))
    if there:
        yield Links(label, kind, there)


def _example(topic: Topic) -> Iterator[Block]:
    values: list[tuple[str, str]] = []
    for part in topic.example():
        if isinstance(part, Value):
            values.append((part.name, value_text(part.value)))
            continue
        if values:
            yield Rows(("", ""), tuple(values))
            values = []
        if isinstance(part, str):
            yield Words(part)
        elif isinstance(part, Formula | Derived):
            yield _display(part, named=False)
        elif isinstance(part, Picture):
            yield Figure(part, f"{topic.key}-example")
        else:
            yield Steps(part)
    if values:
        yield Rows(("", ""), tuple(values))


def value_text(value: Any) -> str:
    """A number to six digits; an array as NumPy prints it, on one line."""
    array = np.asarray(value)
    if array.shape == ():
        return f"{float(array) + 0.0:.6g}" if array.dtype.kind == "f" else str(array)
    if array.dtype.kind == "f":
        array = np.round(array, 6) + 0.0  # no -0.
    return np.array2string(array, precision=6, separator=", ", suppress_small=True).replace(
        "\n", ""
    )


def equation(row: Formula | Derived) -> Equation:
    """A formula as text and LaTeX; a derivative is computed."""
    if isinstance(row, Derived):
        return derive(row)
    return Equation(formulas.to_text(row.latex), row.latex)


def _display(row: Formula | Derived, named: bool = True) -> Display:
    return Display(equation(row), row.name if named else "")


def _trap(trap: Trap) -> Iterator[Block]:
    yield Words(trap.wrong, "Wrong", "wrong")
    yield Words(trap.why, "Why")
    yield Words(trap.right, "Right", "right")
    yield from _links("Shown by", "claims", (trap.claim,), claims())


# -- what is gathered from all topics --------------------------------------------------------------


def card() -> Iterator[Block]:
    """The formula card: every formula of every topic; derivatives are computed now."""
    yield Heading("Formula card", 1)
    chapter = None
    for topic in topics().values():
        if topic.chapter is not chapter and topic.formulas:
            chapter = topic.chapter
            yield Heading(chapter)
        yield from map(_display, topic.formulas)


def questions() -> Iterator[Block]:
    """The questions of interviews, with their answers."""
    yield Heading("Interview questions", 1)
    yield from _by_topic(lambda topic: [Hidden(one.ask, one.answer) for one in topic.questions])


def traps() -> Iterator[Block]:
    """Wrong statements, why they are wrong, the right ones, and the claims that show it."""
    yield Heading("Traps", 1)
    yield from _by_topic(lambda topic: [block for trap in topic.traps for block in _trap(trap)])


def _by_topic(blocks: Callable[[Topic], list[Any]]) -> Iterator[Block]:
    for topic in topics().values():
        found = blocks(topic)
        if found:
            yield Heading(topic.title)
            yield from found


# -- outcomes of claims ----------------------------------------------------------------------------


def of_outcome(outcome: Outcome) -> Iterator[Block]:
    """A claim with its evidence and its verdict."""
    claim = outcome.claim
    yield Heading(claim.title, 1)
    yield Words(claim.statement, "Claim")
    if outcome.measures:
        rows = tuple(map(_row, outcome.measures))
        yield Rows(("measured", "value", "the statement predicts", "right wording", ""), rows)
    for one in outcome.chances:
        yield Words(
            f"another seed could end otherwise with a probability of at most "
            f"{written(one.probability)}: {one.why}",
            "Chance",
        )
    yield from (Figure(one, f"{claim.key}-{i}") for i, one in enumerate(outcome.pictures))
    if outcome.error:
        yield Words(outcome.error, "The experiment ended with an error", "error")
    yield Words(outcome.verdict.value, "Verdict", tone_of(outcome.verdict))
    if outcome.remark:
        label = "Caveat" if outcome.verdict is Verdict.CAVEAT else "Right wording"
        yield Words(outcome.remark, label)


def tone_of(verdict: Verdict) -> str:
    """How a verdict is coloured."""
    return verdict.name.lower()


def _row(measure: Measure) -> tuple[str, ...]:
    unit = measure.unit if measure.unit in ("°", "%") else f" {measure.unit}".rstrip()
    value = written(measure.value) + unit
    if measure.role is Role.NOTE:
        return measure.name, value, "", "", "noted"
    if measure.role is Role.PREMISE:
        sign = "premise" if measure.fits else "premise not met"
        return measure.name, value, _text(measure.says), "", sign
    better = "" if measure.rather is measure.says else _text(measure.rather)
    if measure.fits:
        return measure.name, value, _text(measure.says), better, "✓"
    sign = f"✗ {measure.role.value}" if better and measure.fits_better else "✗"
    return measure.name, value, _text(measure.says), better, sign


def _text(expectation: Expectation | None) -> str:
    return "" if expectation is None else expectation.text
