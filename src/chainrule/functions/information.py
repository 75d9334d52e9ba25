"""What the array API says of itself: `__array_namespace_info__`."""

from __future__ import annotations

from typing import Any

from chainrule.core.types import DTYPES
from chainrule.functions.dtypes import isdtype

__all__ = ["__array_namespace_info__"]

__array_api_version__ = "2023.12"


class Information:
    """Dtypes, devices and capabilities (array API 2023.12).

    >>> import chainrule as cr
    >>> cr.__array_namespace_info__().default_device()
    'cpu'
    """

    def capabilities(self) -> dict[str, bool]:
        """Masks index concrete tensors, and shapes may depend on values where nothing is traced."""
        return {"boolean indexing": True, "data-dependent shapes": True}

    def default_device(self) -> str:
        """Where new tensors live."""
        return "cpu"

    def default_dtypes(self, *, device: Any = None) -> dict[str, Any]:
        """Dtypes of Python numbers and of index arrays."""
        names = {"real floating": "float64", "integral": "int64", "indexing": "int64"}
        return {kind: DTYPES[name] for kind, name in names.items()}

    def devices(self) -> list[str]:
        """All devices."""
        return ["cpu"]

    def dtypes(self, *, device: Any = None, kind: Any = None) -> dict[str, Any]:
        """All dtypes of a kind, as `isdtype` understands it."""
        return {
            name: dtype for name, dtype in DTYPES.items() if kind is None or isdtype(dtype, kind)
        }


def __array_namespace_info__() -> Information:  # noqa: N807
    """Dtypes, devices and capabilities (array API 2023.12)."""
    return Information()
