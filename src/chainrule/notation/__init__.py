"""Formulas as text: read by `parse`, written by `to_text` and `to_latex`."""

from chainrule.notation.formula import Formula, parse, parse_many
from chainrule.notation.latex import to_latex
from chainrule.notation.names import canonical
from chainrule.notation.text import to_text

__all__ = ["Formula", "canonical", "parse", "parse_many", "to_latex", "to_text"]
