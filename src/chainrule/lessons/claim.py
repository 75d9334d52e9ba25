"""A claim: a statement as courses word it, and an experiment on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from chainrule.lessons.evidence import Findings, Rng
from chainrule.lessons.prose import unwrap

__all__ = ["Chapter", "Claim"]


class Chapter(StrEnum):
    """The chapters in which topics and claims are listed, in the order of a course."""

    DERIVATIVES = "Derivatives of one variable"
    SEVERAL = "Several variables"
    DIFFERENTIATION = "How derivatives are computed"
    DEPTH = "Gradients in deep networks"
    LOSSES = "Losses and what gradients are used for"
    DESCENT = "Descent"
    OPTIMIZERS = "Optimizers"
    LANDSCAPES = "Landscapes and convexity"


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A statement and the experiment that examines it; its key is the name of its module.

    Attributes:
        title: a few words.
        statement: what is claimed, as courses word it.
        experiment: ``experiment(rng)`` yields what it measures; all that is random comes from
            ``rng``, so that a seed repeats it to the bit.
        chapter: where it is listed.
        caveat: the caveat, shown if the measurements call for one.
        right: the right wording, shown if the statement does not hold.
        key: set by the registry.
    """

    title: str
    statement: str
    experiment: Callable[[Rng], Findings]
    chapter: Chapter
    caveat: str = ""
    right: str = ""
    key: str = ""

    def __post_init__(self) -> None:
        unwrap(self)
