"""Typed errors. Each carries the user's own line, found when the error is raised."""

from __future__ import annotations

from chainrule.core.source import user_location

__all__ = [
    "ArgumentError",
    "ChainRuleError",
    "ClaimError",
    "DTypeError",
    "DomainError",
    "GradientError",
    "IndexingError",
    "MemoryLimitError",
    "MissingExtraError",
    "NonFiniteError",
    "NotationError",
    "ParseError",
    "ShapeError",
    "TraceError",
    "TreeError",
]


class ChainRuleError(Exception):
    """Base of every error of chainrule; the message ends with the user's file, line and code."""

    def __init__(self, message: str) -> None:
        self.location = user_location()
        if self.location is not None:
            message = f"{message}\n  at {self.location}"
        super().__init__(message)


class ShapeError(ChainRuleError, ValueError):
    """Shapes do not fit together."""


class DTypeError(ChainRuleError, TypeError):
    """A dtype that the operation does not take."""


class DomainError(ChainRuleError, ValueError):
    """A value outside the set on which the operation is defined."""


class IndexingError(ChainRuleError, IndexError):
    """An index outside the array, or of a kind that cannot index."""


class TraceError(ChainRuleError, TypeError):
    """A traced tensor, which has a type but no value, was used where a value is needed."""


class GradientError(ChainRuleError, TypeError):
    """A derivative that is not defined, such as the gradient of something that is no scalar."""


class TreeError(ChainRuleError, ValueError):
    """Two pytrees that should have the same structure have not."""


class ParseError(ChainRuleError, ValueError):
    """Text that is not a formula; the message points at the place with a caret."""


class NotationError(ChainRuleError, ValueError):
    """A graph that cannot be written as a formula."""


class ClaimError(ChainRuleError, ArithmeticError):
    """A line of a derivation that does not equal what the engine computed: a bug of chainrule."""


class ArgumentError(ChainRuleError, TypeError):
    """A function was called with arguments that it does not take."""


class NonFiniteError(ChainRuleError, FloatingPointError):
    """A NaN or an infinity where finite numbers were asked for."""


class MemoryLimitError(ChainRuleError, MemoryError):
    """A program that does not fit into the memory it was given."""


class MissingExtraError(ChainRuleError, ImportError):
    """An optional dependency is not installed."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(
            f"this needs {package}, which is not installed. "
            f"Install it with: pip install 'chainrule[{extra}]'"
        )
