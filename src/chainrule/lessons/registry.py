"""Finding claims and topics: each is a module of `claims` or `topics`, imported when asked for."""

from __future__ import annotations

import dataclasses
import difflib
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from chainrule.core.errors import ChainRuleError
from chainrule.lessons.claim import Chapter, Claim
from chainrule.lessons.topic import Topic

__all__ = ["UnknownNameError", "claim", "claims", "nearest", "topic", "topics"]


class UnknownNameError(ChainRuleError, LookupError):
    """There is no claim or no topic of this name."""


def claims() -> dict[str, Claim]:
    """All claims by key, chapter by chapter.

    >>> from chainrule import lessons
    >>> lessons.claims()["steepest"].title
    'The steepest direction'
    """
    found = [claim(key) for key in _keys("claims")]
    order = list(Chapter)
    return {one.key: one for one in sorted(found, key=lambda c: (order.index(c.chapter), c.key))}


def topics() -> dict[str, Topic]:
    """All topics by key, in the order of a course.

    >>> from chainrule import lessons
    >>> next(iter(lessons.topics()))
    'derivative'
    """
    found = [topic(key) for key in _keys("topics")]
    order = list(Chapter)
    return {
        one.key: one
        for one in sorted(found, key=lambda t: (order.index(t.chapter), t.place, t.key))
    }


def claim(name: str) -> Claim:
    """The claim of this name.

    Raises:
        UnknownNameError: if there is none; it offers the nearest.
    """
    found: Claim = _load("claims", name)
    return found


def topic(name: str) -> Topic:
    """The topic of this name.

    Raises:
        UnknownNameError: if there is none; it offers the nearest.

    >>> from chainrule import lessons
    >>> lessons.topic("gradiant")
    Traceback (most recent call last):
        ...
    chainrule.lessons.registry.UnknownNameError: there is no topic 'gradiant'; did you mean ...
    """
    found: Topic = _load("topics", name)
    return found


def nearest(kind: str, name: str) -> list[str]:
    """Keys that look like ``name`` or hold it as a part, the nearest first."""
    keys, wanted = _keys(kind), _normal(name)
    parts = [key for key in keys if len(wanted) > 2 and wanted in key]
    near = difflib.get_close_matches(wanted, keys, n=3, cutoff=0.55)
    return list(dict.fromkeys([*parts, *near]))[:3]


@cache
def _keys(kind: str) -> tuple[str, ...]:
    package = import_module(f"chainrule.lessons.{kind}")
    return tuple(sorted(module.name.replace("_", "-") for module in iter_modules(package.__path__)))


def _normal(name: str) -> str:
    return name.strip().lower().replace("_", "-").replace(" ", "-")


@cache
def _load(kind: str, name: str) -> Any:
    key = _normal(name)
    one = kind.removesuffix("s")
    if key not in _keys(kind):
        near = nearest(kind, name)
        other = {"claims": "topics", "topics": "claims"}[kind]
        if key in _keys(other):
            command = {"claims": "notes", "topics": "claims"}[kind]
            hint = f"there is a {other.removesuffix('s')} of this name: chainrule {command} {key}"
        elif near:
            hint = f"did you mean {' or '.join(near)}?"
        else:
            hint = f"chainrule {'claims --list' if kind == 'claims' else 'notes'} lists them"
        raise UnknownNameError(f"there is no {one} {name!r}; {hint}")
    module = import_module(f"chainrule.lessons.{kind}.{key.replace('-', '_')}")
    return dataclasses.replace(getattr(module, one), key=key)
