"""Lessons: what courses say about this calculus, computed and put to the test.

A *topic* explains one notion, with an example that the engine works out when it is read. A *claim*
is a statement as courses word it, with an experiment that measures whether it is so.

* `claims/`, `topics/`: a short file for each, meant to be read.
* `kit`: what these files are written with. `expectation`, `evidence`, `claim`, `topic`: its parts.
* `verdict`: how measurements become a verdict. `running`: seeds, time, errors, interrupts.
* `registry`: finding claims and topics by their keys.
* `worked`: the one place that asks for derivations. `apparatus`: what experiments share.
* `rendering/`: terminal, HTML, LaTeX and JSON.

>>> from chainrule import lessons
>>> outcome = lessons.run(lessons.claim("inflection"))
>>> print(outcome.verdict)
does not hold as worded
"""

from typing import TYPE_CHECKING

from chainrule.core.later import later

if TYPE_CHECKING:
    from chainrule.lessons.claim import Claim
    from chainrule.lessons.registry import UnknownNameError, claim, claims, topic, topics
    from chainrule.lessons.running import Outcome, run
    from chainrule.lessons.topic import Topic
    from chainrule.lessons.verdict import Verdict

__all__ = [
    "Claim",
    "Outcome",
    "Topic",
    "UnknownNameError",
    "Verdict",
    "claim",
    "claims",
    "run",
    "topic",
    "topics",
]

later(
    __name__,
    {
        "registry": ("UnknownNameError", "claim", "claims", "topic", "topics"),
        "claim": ("Claim",),
        "running": ("Outcome", "run"),
        "topic": ("Topic",),
        "verdict": ("Verdict",),
    },
)
