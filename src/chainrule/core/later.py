"""Packages whose names are imported at their first use: a program starts with what it needs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib import import_module
from types import ModuleType
from typing import Any

from chainrule.core.elsewhere import in_chainrule

__all__ = ["later"]


class _Package(ModuleType):
    """A package that imports a module when one of its names is asked for."""

    _homes: Mapping[str, str]
    _hint: Callable[[str], str]

    def __getattr__(self, name: str) -> Any:
        home = self.__dict__["_homes"].get(name)
        if home is None:
            hint = self.__dict__["_hint"](name)
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}{hint}")
        value = getattr(import_module(f"{self.__name__}.{home}"), name)
        self.__dict__[name] = value
        return value

    def __setattr__(self, name: str, value: Any) -> None:
        # a module that was imported becomes an attribute, but the name may be that of a function
        if not (isinstance(value, ModuleType) and name in self.__dict__["_homes"]):
            super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        return sorted({*self.__dict__, *self.__dict__["_homes"]})


def later(
    package: str,
    names: Mapping[str, Sequence[str]],
    hint: Callable[[str], str] | None = None,
) -> None:
    """Have ``package`` import names when they are first used.

    Args:
        package: the name of a package that is being imported.
        names: for each of its modules the names that it gives to the package.
        hint: what the error for a name that there is not should say beside, by default what other
            libraries mean by it.

    >>> import chainrule as cr
    >>> cr.optim.lbfgs.__module__
    'chainrule.optim.lbfgs'
    """
    module = sys.modules[package]
    module.__dict__["_homes"] = {name: home for home, own in names.items() for name in own}
    module.__dict__["_hint"] = partial(in_chainrule, package) if hint is None else hint
    module.__class__ = _Package
