"""Derivations with names: losses, layers, matrix calculus, attention, recurrent networks.

Each is a short function in ordinary code, explained by the same engine as any other, at seeded
samples whose extents have letters. Where a textbook has a closed form, it is held against what the
engine computed and shown as the last line; finite differences are taken too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from functools import cache

from chainrule.core.errors import ArgumentError, ClaimError
from chainrule.explaining.arrays.catalogue.entry import ENTRIES, Entry, Terms
from chainrule.explaining.arrays.differences import worst_difference
from chainrule.explaining.arrays.explain import explain_arrays
from chainrule.explaining.arrays.expression import Term
from chainrule.explaining.explanation import Explanation

__all__ = ["derivation", "derivations"]

AGREEMENT = 1e-6
"""How far finite differences may be off, relative to the derivative along the direction."""


@cache
def _catalogue() -> dict[str, Entry]:
    from chainrule.explaining.arrays.catalogue import (  # noqa: F401 - each registers its own
        classes,
        layers,
        linear,
        losses,
        matrices,
        recurrent,
    )

    order: dict[str, list[Entry]] = {}
    for one in ENTRIES.values():
        order.setdefault(one.group, []).append(one)
    return {one.name: one for group in order.values() for one in group}


def derivations() -> dict[str, dict[str, str]]:
    """The names of all derivations in groups, each with one line; see `derivation`.

    >>> import chainrule as cr
    >>> cr.derivations()["norms and distances"]["squared norm"]
    'L = ‖x‖²'
    """
    found: dict[str, dict[str, str]] = {}
    for one in _catalogue().values():
        found.setdefault(one.group, {})[one.name] = one.summary
    return found


def derivation(name: str) -> Explanation:
    """A derivation of the catalogue by its name; `derivations` lists them.

    Raises:
        ArgumentError: if there is none of this name; near ones are offered.

    >>> import chainrule as cr
    >>> print(cr.derivation("dot product"))
    L = uᵀ v
    dot product: L = uᵀ v
    d = 3
    <BLANKLINE>
    forward pass
    L = uᵀ v   (scalar)                         matrix product
    <BLANKLINE>
    backward pass
    1. matrix product rule: ∂L/∂u
      = v   (d)                                 matrix product
      = (-0.3568, 1.733, -0.1731)   (d)         in numbers
    2. matrix product rule: ∂L/∂v
      = u   (d)                                 matrix product
      = (-0.4818, 0.7537, -0.5259)   (d)        in numbers
    <BLANKLINE>
    ∂L/∂u = v
    ∂L/∂u = (-0.3568, 1.733, -0.1731)
    <BLANKLINE>
    ∂L/∂v = u
    ∂L/∂v = (-0.4818, 0.7537, -0.5259)
    """
    found = _catalogue()[_known(name)]
    arguments, seed = found.arguments(), found.upstream()
    explained = explain_arrays(
        found.function,
        arguments,
        found.wrt,
        seed=seed,
        dims=found.dims(),
        textbook={key: _from_terms(form) for key, form in found.textbook.items()},
        notes=(f"{found.name}: {found.summary}",),
    )
    off = worst_difference(found.function, arguments, found.wrt, explained, seed)
    if not off <= AGREEMENT:
        raise ClaimError(
            f"{found.name}: finite differences are off by {off:.1e}; this is a bug of chainrule"
        )
    return explained


def _from_terms(form: Callable[[Terms], Term]) -> Callable[[Mapping[str, Term]], Term]:
    return lambda known: form(Terms(known))


def _known(name: str) -> str:
    entries = _catalogue()
    spellings = {_plain(one): one for one in entries}
    for one in entries.values():
        spellings |= {_plain(other): one.name for other in one.also}
    wanted = _plain(str(name))
    if wanted in spellings:
        return spellings[wanted]
    near = get_close_matches(wanted, spellings, 3, 0.5)
    near += [one for one in spellings if wanted and wanted in one and one not in near][:3]
    offered = list(dict.fromkeys(spellings[one] for one in near))
    hint = f"did you mean {' or '.join(map(repr, offered))}?" if offered else "see cr.derivations()"
    raise ArgumentError(f"there is no derivation {name!r}; {hint}")


def _plain(name: str) -> str:
    return " ".join(name.lower().replace("-", " ").replace("_", " ").split())
