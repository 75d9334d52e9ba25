"""Where in the user's code an operation was written."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from types import FrameType

PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


@dataclass(frozen=True)
class SourceLine:
    """A line of user code: file, line number and the name of the function around it."""

    file: str
    line: int
    function: str

    @property
    def text(self) -> str:
        """The code on that line, stripped; empty where the file cannot be read."""
        import linecache  # only errors need it, and it is slow to import

        return linecache.getline(self.file, self.line).strip()

    def __str__(self) -> str:
        text = self.text
        return f"{self.file}:{self.line}" + (f": {text}" if text else "")


def user_location() -> SourceLine | None:
    """The innermost line on the stack that is outside chainrule, or None."""
    frame = sys._getframe(1)
    while frame is not None:
        code = frame.f_code
        if not code.co_filename.startswith(PACKAGE) and not _is_generated(frame):
            return SourceLine(code.co_filename, frame.f_lineno, code.co_name)
        frame = frame.f_back  # type: ignore[assignment]
    return None


def _is_generated(frame: FrameType) -> bool:
    """Whether this is the `__init__` that a dataclass of chainrule was given, which has no file."""
    module = frame.f_globals.get("__name__", "")
    return frame.f_code.co_filename == "<string>" and module.split(".")[0] == "chainrule"
