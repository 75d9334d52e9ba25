"""Derivatives of functions of vectors and matrices, with shapes at every line.

* `expression`, `values`, `notation`: array expressions, their values, how they are written.
* `simplify`: simplifying them.
* `reading`: nodes of a graph as such expressions.
* `blocks`, `activations`: composites by their names, with the textbook's derivatives.
* `rules`, `derive`: the reverse pass of a recording as lines, each held against the engine.
* `lines`, `explain`: from there to an `Explanation`.
* `layers`: the four equations of backpropagation.
* `catalogue`: derivations with names.
"""

from __future__ import annotations

from chainrule.explaining.arrays.explain import explain_arrays

__all__ = ["explain_arrays"]
