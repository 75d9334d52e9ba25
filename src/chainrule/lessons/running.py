"""Running claims: the seed, the time, errors, and what is kept of each."""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from chainrule.lessons.claim import Claim
from chainrule.lessons.evidence import Chance, Measure, Picture
from chainrule.lessons.verdict import Verdict, judge

__all__ = ["Outcome", "rng_for", "run", "run_all"]


@dataclass(frozen=True)
class Outcome:
    """What a run of a claim found.

    Attributes:
        claim: what was run.
        seed: with which seed.
        verdict: what the measurements say.
        measures, chances, pictures: what the experiment yielded, in its order.
        seconds: how long it took.
        error: the error that ended the experiment, if one did.
    """

    claim: Claim
    seed: int
    verdict: Verdict
    measures: tuple[Measure, ...]
    chances: tuple[Chance, ...]
    pictures: tuple[Picture, ...]
    seconds: float
    error: str = ""

    @property
    def remark(self) -> str:
        """The caveat or the right wording, where the verdict calls for it."""
        return _wording(self.claim, self.verdict)


def rng_for(key: str, seed: int) -> np.random.Generator:
    """The random numbers of one claim: they depend on no other claim, nor on the order."""
    return np.random.default_rng([seed, zlib.crc32(key.encode())])


def run(claim: Claim, seed: int = 0) -> Outcome:
    """Run the experiment of a claim and judge what it measured.

    An error inside the experiment makes the verdict unclear, and so does a result for which the
    claim has no words: a statement that is known to hold and fails, say, because the engine is
    broken. An interrupt is passed on.

    >>> from chainrule import lessons
    >>> lessons.run(lessons.claim("steepest"), seed=3).verdict
    <Verdict.HOLDS: 'holds'>
    """
    found: list[Measure | Chance | Picture] = []
    error = ""
    start = time.perf_counter()
    try:
        with np.errstate(all="ignore"):  # overflow is what some experiments are about
            for item in claim.experiment(rng_for(claim.key, seed)):
                found.append(item)
    except Exception as raised:
        error = f"{type(raised).__name__}: {raised}"
    seconds = time.perf_counter() - start
    measures = tuple(item for item in found if isinstance(item, Measure))
    return Outcome(
        claim=claim,
        seed=seed,
        verdict=Verdict.UNCLEAR if error else _verdict(claim, measures),
        measures=measures,
        chances=tuple(item for item in found if isinstance(item, Chance)),
        pictures=tuple(item for item in found if isinstance(item, Picture)),
        seconds=seconds,
        error=error,
    )


def _verdict(claim: Claim, measures: tuple[Measure, ...]) -> Verdict:
    """What the measurements say; unclear if it is something the claim has no words for."""
    verdict = judge(measures)
    return verdict if verdict is Verdict.HOLDS or _wording(claim, verdict) else Verdict.UNCLEAR


def _wording(claim: Claim, verdict: Verdict) -> str:
    return {Verdict.CAVEAT: claim.caveat, Verdict.FAILS: claim.right}.get(verdict, "")


def run_all(claims: Iterable[Claim], seed: int = 0) -> Iterator[Outcome]:
    """The outcomes, each as soon as it is there."""
    for claim in claims:
        yield run(claim, seed)
