"""A small writer of LLVM IR: values with operators, functions, structured loops, modules.

The text goes to LLVM's own parser. It is written by hand because that takes a third of the time
of building instruction objects, and starting quickly is part of the product.

A function is a tree of *regions*. Code is appended to the current region; every loop has a
region just before it, its preheader, so that what does not change in the loop can still be placed
outside of it after the loop was opened. Code placed in a preheader must be straight-line.

No fast-math flag is written unless it is asked for: ``x + y`` rounds once, as NumPy's does.
"""

from chainrule.lower.llvm.ir.function import Function, Loop, Region
from chainrule.lower.llvm.ir.module import Module
from chainrule.lower.llvm.ir.types import (
    bits,
    constant_text,
    element,
    is_float,
    lanes,
    mangled,
    scalar_text,
    vector,
    with_element,
)
from chainrule.lower.llvm.ir.value import Value

__all__ = [
    "Function",
    "Loop",
    "Module",
    "Region",
    "Value",
    "bits",
    "constant_text",
    "element",
    "is_float",
    "lanes",
    "mangled",
    "scalar_text",
    "vector",
    "with_element",
]
