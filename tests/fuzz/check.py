"""Running one case natively, in every way it can be called, and judging the results."""

from __future__ import annotations

import contextlib
import dataclasses
import warnings
from collections.abc import Iterator
from typing import Any
from unittest import mock

import numpy as np

import chainrule as cr
from chainrule.compiling import special
from chainrule.core.tree import flatten
from chainrule.lower.llvm import program
from chainrule.lower.llvm.loops import emit as loops
from chainrule.lower.llvm.machine import MACHINES, Machine, host
from chainrule.lower.llvm.plan import prepare
from chainrule.lower.llvm.special import running, scatter, step
from tests.fuzz.case import Case, arguments, function
from tests.fuzz.judge import Judge


class InvalidCaseError(Exception):
    """The reference itself refuses the program."""


class WrongError(AssertionError):
    """The native program does something else than the reference."""


def machine_of(case: Case) -> Machine:
    if case.machine == "host":
        return host()
    return dataclasses.replace(MACHINES[case.machine], triple="")


@contextlib.contextmanager
def settings(case: Case) -> Iterator[None]:
    """The processor of the case; threads and pieces of work also where they are not worth it."""
    with contextlib.ExitStack() as stack:

        def patch(module: Any, name: str, value: Any) -> None:
            stack.enter_context(mock.patch.object(module, name, value))

        patch(special, "host", lambda: machine_of(case))
        if case.threads > 1:
            patch(program, "PER_THREAD", 1e-9)
        if case.small:
            for module in (loops, running, scatter, step):
                patch(module, "SMALL", 16)
            patch(loops, "CHUNK", 64)
            patch(prepare, "LONG", 48)
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        yield


def _values(result: Any) -> list[np.ndarray]:
    return [np.asarray(leaf.node.value) for leaf in flatten(result)[0]]


def _same_bits(a: list[np.ndarray], b: list[np.ndarray]) -> bool:
    return all(
        np.array_equal(x, y, equal_nan=x.dtype.kind == "f") for x, y in zip(a, b, strict=True)
    )


def _with_less_memory(case: Case, judge: Judge, arena: int) -> None:
    for share in (0.8, 0.5):
        limited = cr.compile(function(case), threads=1, memory=int(share * arena))
        try:
            found = _values(limited(*arguments(case)))
        except cr.MemoryLimitError:
            return
        if limited.report().arena > share * arena:
            raise WrongError("the limit of memory is not kept")
        complaint = judge.complaint(found)
        if complaint:
            raise WrongError(f"with {share:.0%} of the memory: {complaint}")


def check(case: Case) -> None:
    """Raises `WrongError` if the compiled program is not as good as the reference.

    Raises:
        InvalidCaseError: if the case is no program that the reference evaluates.
    """
    f = function(case)
    given = arguments(case)
    try:
        graph = cr.trace(f, *given).graph
        judge = Judge(graph, given)
    except Exception as error:
        raise InvalidCaseError(f"{type(error).__name__}: {error}") from error
    with settings(case):
        compiled = cr.compile(f, threads=1, donate=case.donate)
        found = _values(compiled(*given))
        if not case.donate:
            for before, after in zip(arguments(case), given, strict=True):
                if not _same_bits([before], [after]):
                    raise WrongError("an argument was changed")
        complaint = judge.complaint(found)
        if complaint:
            raise WrongError(complaint)
        found = [value.copy() for value in found]
        again = _values(compiled(*arguments(case)))
        if not _same_bits(found, again):
            raise WrongError("the second call gives other bits than the first one")
        if case.memory:
            _with_less_memory(case, judge, compiled.report().arena)
        if case.threads > 1:
            several = cr.compile(f, threads=case.threads, donate=case.donate)
            for _ in range(3):
                if not _same_bits(found, _values(several(*arguments(case)))):
                    raise WrongError(f"{case.threads} threads give other bits than one")
