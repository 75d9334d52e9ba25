"""What one node passes on to a source, as terms: the textbook's forms first, the engine's last.

The engine's own rule is run once on nodes without values, so that what comes out is the rule as a
formula, and read. A textbook's form is only a candidate: `derive` takes the first that equals what
the engine computed.
"""

from __future__ import annotations

from collections.abc import Sequence

from chainrule.core.node import Node, apply, input_node
from chainrule.explaining.arrays.block import Block, Count
from chainrule.explaining.arrays.expression import Term, number, repeat, reshaped, times, total
from chainrule.explaining.arrays.reading import read
from chainrule.ops import record as kinds
from chainrule.rules.scale import local_derivative
from chainrule.rules.vjp import pull

__all__ = ["candidates", "law_of", "rule_name", "unbroadcast"]


def candidates(
    node: Node,
    index: int,
    ct: Term,
    sources: Sequence[Term],
    result: Term,
    block: Block | None,
    count: Count,
) -> list[Term]:
    """Terms for the contribution of ``node`` to source ``index``; see the module."""
    if block is not None:
        return list(block.backward(index, ct, sources, result, count))
    found = _engine_rule(node, index, ct, sources, result)
    return [] if found is None else [found]


def _engine_rule(
    node: Node, index: int, ct: Term, sources: Sequence[Term], result: Term
) -> Term | None:
    primitive = node.primitive
    holes = [input_node(source.type) for source in node.sources]
    y = apply(primitive, tuple(holes), node.argument)
    known = dict(zip(holes, sources, strict=True))
    known[y] = result
    if isinstance(primitive, kinds.Elementwise):
        local = read(local_derivative(primitive, index, tuple(holes), y, node.argument), known)
        product = times(ct, local) if local != number(1) else ct
        return unbroadcast(repeat(product, node.shape), node.sources[index].shape)
    if isinstance(primitive, (kinds.Call, kinds.Projection)):
        return None
    given = input_node(node.type)
    (found,) = pull([y], [given], [holes[index]], record=True)
    return None if found is None else read(found, {**known, given: ct})


def unbroadcast(ct: Term, shape: tuple[int, ...]) -> Term:
    """Summed over the axes along which a source was repeated."""
    if ct.shape == shape:
        return ct
    lead = ct.ndim - len(shape)
    axes = [*range(lead)]
    axes += [a for a, n in enumerate(shape, lead) if n == 1 and ct.shape[a] != 1]
    return reshaped(total(ct, tuple(axes)), shape)


_NAMES = {
    "contract": "matrix product",
    "permute": "transpose",
    "sum": "sum over elements",
    "mean": "mean",
    "reshape": "reshape",
    "broadcast_to": "broadcast",
    "add": "sum rule",
    "sub": "difference rule",
    "neg": "constant multiple rule",
    "mul": "elementwise product rule",
    "div": "elementwise quotient rule",
    "conv": "convolution rule",
    "gather": "lookup",
    "scatter_add": "scatter",
    "slice": "slice",
    "concatenate": "concatenation",
    "pad": "padding",
    "inv": "inverse",
    "solve": "linear system",
    "log_abs_det": "log-determinant",
    "sliding_windows": "windows",
    "diagonal": "diagonal",
    "from_diagonal": "diagonal",
    "triangle": "triangle",
    "cumsum": "cumulative sum",
    "flip": "reversal",
    "prod": "product of all",
    "cast": "",
    "alias": "",
}


_LAWS = {
    "conv": "the input gets G with the kernel reversed and channels exchanged; the kernel gets the "
    "input slid over by G",
    "inv": "dA⁻¹ = −A⁻¹ dA A⁻¹",
    "solve": "d(A⁻¹ b) = A⁻¹ (db − dA A⁻¹ b)",
    "log_abs_det": "d ln|det A| = tr(A⁻¹ dA)",
    "gather": "rows that were looked up several times get the sum",
    "concatenate": "each part gets its own piece",
}


def law_of(node: Node, block: Block | None) -> str:
    """The law behind a rule, where it needs saying."""
    return _LAWS.get(node.primitive.name, "") if block is None else block.law


def rule_name(node: Node, block: Block | None) -> str:
    """How a rule is called; empty if there is nothing to say."""
    if block is not None:
        return block.name
    rule: str = node.primitive.rule
    if node.primitive.name in ("mul", "div"):
        constant = any(not source.tracked for source in node.sources)
        if constant and all(source.ndim == 0 or source.tracked for source in node.sources):
            return "constant multiple rule"
        if all(source.ndim == 0 for source in node.sources):
            return rule
    return _NAMES.get(node.primitive.name, rule)
