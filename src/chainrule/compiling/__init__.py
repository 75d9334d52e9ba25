"""Native execution: `compile` turns a function of pytrees into one native program."""

from chainrule.compiling.compiled import Compiled, CompileWarning, compile
from chainrule.compiling.report import Report

__all__ = ["CompileWarning", "Compiled", "Report", "compile"]
