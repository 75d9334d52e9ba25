"""Warnings at the user's line, such as that something cannot be compiled and runs in Python."""

from __future__ import annotations

import inspect
import traceback
import warnings

from chainrule.compiling import CompileWarning
from chainrule.core.errors import ChainRuleError
from chainrule.core.source import PACKAGE, SourceLine

__all__ = ["warn", "warn_user"]


def warn(what: str, error: BaseException | None) -> None:
    """Warn at the user's line that ``what`` runs in Python because of an error."""
    warn_user(
        f"fit: {what} cannot be compiled and runs in Python, which is slower: {_described(error)}",
        CompileWarning,
    )


def warn_user(message: str, category: type[Warning]) -> None:
    """Warn at the innermost line that is outside chainrule."""
    level, frame = 1, inspect.currentframe()
    while frame is not None and frame.f_code.co_filename.startswith(PACKAGE):
        frame = frame.f_back
        level += 1
    warnings.warn(message, category, stacklevel=level)


def _described(error: BaseException | None) -> str:
    """The error with the line of the user's that raised it."""
    if isinstance(error, ChainRuleError) or error is None:
        return str(error)  # it names the line
    lines = [
        SourceLine(frame.filename, frame.lineno or 0, frame.name)
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith(PACKAGE)
    ]
    return f"{type(error).__name__}: {error}" + (f"\n  at {lines[-1]}" if lines else "")
