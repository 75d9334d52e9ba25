"""Breaking the engine on purpose: what the tests plant under a claim, and take out again.

A `Plant` names a claim and a mistake. While it is planted the claim must not come to the verdict
that it comes to without. The plants of each chapter are in a module of `plants`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

from chainrule.ops.table import PRIMITIVES


@dataclass(frozen=True)
class Plant:
    """A mistake and the claim that must notice it.

    Attributes:
        claim: the key of the claim.
        mistake: what is broken, in a few words.
        planted: ``planted()`` is a context in which it is broken.
    """

    claim: str
    mistake: str
    planted: Callable[[], AbstractContextManager[Any]]


def in_record(name: str, **changes: Any) -> Callable[[], AbstractContextManager[None]]:
    """The record of a primitive with other fields: ``partials=``, ``scaled=``, ``transpose=``, …

    Records are looked at by identity, so the fields of the record itself are changed. A record with
    other ``partials`` loses its ``scaled`` form, which would hide them.
    """

    @contextmanager
    def planted() -> Iterator[None]:
        record = PRIMITIVES[name]
        new = {"scaled": (), **changes} if "partials" in changes else changes
        old = {field: getattr(record, field) for field in new}
        for field, value in new.items():
            object.__setattr__(record, field, value)
        try:
            yield
        finally:
            for field, value in old.items():
                object.__setattr__(record, field, value)

    return planted


def in_place_of(owner: Any, name: str, value: Any) -> Callable[[], AbstractContextManager[None]]:
    """Another value for an attribute, such as ``cr.optim.sgd`` or a function of a module."""

    @contextmanager
    def planted() -> Iterator[None]:
        old = getattr(owner, name)
        setattr(owner, name, value)
        try:
            yield
        finally:
            setattr(owner, name, old)

    return planted
