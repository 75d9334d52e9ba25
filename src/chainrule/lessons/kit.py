"""What claims and topics are written with, in one import.

A claim is a module of `claims/`, its key the name of the module (with hyphens). Its docstring
tells the reader what is measured and why that decides. It ends with ``claim = Claim(...)``:

* `measured`: a quantity with what the statement predicts;
* `caveat`: a quantity at the edge of the statement, with what it predicts and what a better wording
  does; `counterexample`: one at its heart;
* `premise`: what must be so for the experiment to say anything; `noted`: reported, not compared;
* `chance`: with what probability another seed gives another verdict; `Picture`: drawn on pages.

A claim or a topic calls the engine as ``cr.…`` when it runs (never ``from chainrule.optim import
adam``): so readers see what they could type, and the tests can break the engine under it.
"""

from chainrule.lessons.apparatus import angle, descend, key, operations, steps_of, tail
from chainrule.lessons.claim import Chapter, Claim
from chainrule.lessons.evidence import (
    Findings,
    Picture,
    Rng,
    caveat,
    chance,
    counterexample,
    measured,
    noted,
    premise,
)
from chainrule.lessons.expectation import (
    about,
    above,
    at_least,
    at_most,
    below,
    between,
    equal,
    no,
    not_finite,
    yes,
)
from chainrule.lessons.timing import seconds
from chainrule.lessons.topic import Derived, Example, Formula, Question, Topic, Trap, Value
from chainrule.lessons.worked import derivation

__all__ = [
    "Chapter",
    "Claim",
    "Derived",
    "Example",
    "Findings",
    "Formula",
    "Picture",
    "Question",
    "Rng",
    "Topic",
    "Trap",
    "Value",
    "about",
    "above",
    "angle",
    "at_least",
    "at_most",
    "below",
    "between",
    "caveat",
    "chance",
    "counterexample",
    "derivation",
    "descend",
    "equal",
    "key",
    "measured",
    "no",
    "not_finite",
    "noted",
    "operations",
    "premise",
    "seconds",
    "steps_of",
    "tail",
    "yes",
]
