"""The four equations of backpropagation, with a network's own layers, shapes and numbers.

For Zₗ = Aₗ₋₁ Wₗ + 1 bₗᵀ, Aₗ = φ(Zₗ) and δₗ = ∂C/∂Zₗ they give δ of the last layer, δₗ from δₗ₊₁,
and from δₗ the derivatives by the bias and the weights (Rumelhart, Hinton & Williams, 1986). They
are written in the layout that the network has: rows or columns for examples, weights (out×in) or
(in×out).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count

from chainrule.core.node import Node
from chainrule.explaining.arrays.derive import Deriver, Found
from chainrule.explaining.arrays.expression import walk
from chainrule.explaining.arrays.forward import Reader
from chainrule.explaining.arrays.layers import Layer, find_layers
from chainrule.explaining.arrays.notation import shape_text
from chainrule.explaining.explanation import Section
from chainrule.explaining.graph.recording import Recording
from chainrule.explaining.steps import Named, Step, Table
from chainrule.explaining.styles import LATEX, TEXT

__all__ = ["Network", "equations", "read_network"]


@dataclass(frozen=True)
class Network:
    """A recording of a multilayer perceptron.

    Attributes:
        deriver: reads it with names by layers.
        layers: from the input to the result.
        layout: how a layer multiplies; a key of the table of laws.
    """

    deriver: Deriver
    layers: tuple[Layer, ...]
    layout: str


def read_network(
    recording: Recording, dims: Mapping[int, str], result: str, least: int
) -> Network | None:
    """The network, or None if the run is no chain of at least ``least`` layers."""
    plain = Reader(recording, dims=dims, result=result)
    layers = find_layers(plain)
    weights = [layer.weight.node for layer in layers]
    if len(layers) < least or not layers or len(set(weights)) < len(weights):
        return None
    names = _names(recording, layers)
    names[recording.output.node] = result
    deriver = Deriver(recording, names=names, dims=dims, result=result)
    deriver.deltas = {layer.z: f"delta_{index}" for index, layer in enumerate(layers, 1)}
    last = layers[-1]
    deriver.silent = frozenset(
        layer.a for layer in layers if layer.a is not layer.z and layer is not last
    )
    layout = _layout(deriver, layers)
    return None if layout is None else Network(deriver, tuple(layers), layout)


def _names(recording: Recording, layers: Sequence[Layer]) -> dict[Node, str]:
    """W₁, b₁, Z₁, A₁ for what has no name of its own."""
    taken = {vertex.name for vertex in recording.vertices if vertex.own}
    found: dict[Node, str] = {}

    def name(node: Node, base: str, index: int, inside: bool) -> None:
        vertex = recording.by_node[node]
        if vertex.own and not inside:
            return
        wanted = f"{base}_{index}"
        while wanted in taken:
            wanted += "_0"
        found[node] = wanted

    for index, layer in enumerate(layers, 1):
        capital = layer.z.ndim > 1
        name(layer.weight.node, "W", index, "." in layer.weight.path)
        if layer.bias is not None:
            name(layer.bias.node, "b", index, "." in layer.bias.path)
        name(layer.z, "Z" if capital else "z", index, False)
        if layer.a is not layer.z:
            name(layer.a, "A" if capital else "a", index, False)
    return found


def _layout(deriver: Deriver, layers: Sequence[Layer]) -> str | None:
    """How all layers multiply; None if they differ."""
    kinds = {_product(deriver, layer) for layer in layers}
    return kinds.pop() if len(kinds) == 1 else None


def _product(deriver: Deriver, layer: Layer) -> str:
    term = next(line.term for line in deriver.forward if line.node is layer.z)
    weight = deriver.symbol_of(layer.weight.node)
    for part in walk(term):
        if part.kind != "matmul" or len(part.operands) != 2:
            continue
        left, right = part.operands
        rows = "A" if part.ndim == 2 else "a"
        if left == weight:
            return f"W {rows}"
        if right == weight:
            return f"{rows} W"
        if weight in left.operands and left.kind == "transpose":
            return f"Wᵀ {rows}"
        if weight in right.operands and right.kind == "transpose":
            return f"{rows} Wᵀ"
    return ""


# -- the laws --------------------------------------------------------------------------------------

_L, _NEXT, _BEFORE = "ₗ", "ₗ₊₁", "ₗ₋₁"


@dataclass(frozen=True)
class _Laws:
    """Equations 2 to 4 in one layout: behind δₗ =, ∂C/∂bₗ =, ∂C/∂Wₗ =."""

    error: tuple[str, str]
    bias: tuple[str, str]
    weight: tuple[str, str]


_SUM = ("δₗᵀ 1", r"\delta_\ell^\top \mathbf{1}")
_LAWS: Mapping[str, _Laws] = {
    "A Wᵀ": _Laws(
        ("(δₗ₊₁ Wₗ₊₁) ⊙ φ′(Zₗ)", r"(\delta_{\ell+1} W_{\ell+1}) \odot \varphi'(Z_\ell)"),
        _SUM,
        ("δₗᵀ Aₗ₋₁", r"\delta_\ell^\top A_{\ell-1}"),
    ),
    "A W": _Laws(
        ("(δₗ₊₁ Wₗ₊₁ᵀ) ⊙ φ′(Zₗ)", r"(\delta_{\ell+1} W_{\ell+1}^\top) \odot \varphi'(Z_\ell)"),
        _SUM,
        ("Aₗ₋₁ᵀ δₗ", r"A_{\ell-1}^\top \delta_\ell"),
    ),
    "W A": _Laws(
        ("(Wₗ₊₁ᵀ δₗ₊₁) ⊙ φ′(Zₗ)", r"(W_{\ell+1}^\top \delta_{\ell+1}) \odot \varphi'(Z_\ell)"),
        ("δₗ 1", r"\delta_\ell \mathbf{1}"),
        ("δₗ Aₗ₋₁ᵀ", r"\delta_\ell A_{\ell-1}^\top"),
    ),
    "W a": _Laws(
        ("(Wₗ₊₁ᵀ δₗ₊₁) ⊙ φ′(zₗ)", r"(W_{\ell+1}^\top \delta_{\ell+1}) \odot \varphi'(z_\ell)"),
        ("δₗ", r"\delta_\ell"),
        ("δₗ aₗ₋₁ᵀ", r"\delta_\ell a_{\ell-1}^\top"),
    ),
    "Wᵀ a": _Laws(
        ("(Wₗ₊₁ δₗ₊₁) ⊙ φ′(zₗ)", r"(W_{\ell+1} \delta_{\ell+1}) \odot \varphi'(z_\ell)"),
        ("δₗ", r"\delta_\ell"),
        ("aₗ₋₁ δₗᵀ", r"a_{\ell-1} \delta_\ell^\top"),
    ),
}


def equations(network: Network, found: Sequence[Found], steps: Sequence[Step]) -> list[Section]:
    """The sections: the layers, and the four equations for each of them."""
    deriver, layers = network.deriver, network.layers
    laws = _LAWS.get(network.layout)
    where: dict[Node, tuple[int, int]] = {}
    for index, layer in enumerate(layers, 1):
        where[layer.z] = (1 if index == len(layers) else 2, index)
        where[layer.weight.node] = (4, index)
        if layer.bias is not None:
            where[layer.bias.node] = (3, index)
    groups: dict[int, list[tuple[int, Step]]] = {1: [], 2: [], 3: [], 4: [], 5: []}
    for one, step in zip(found, steps, strict=True):
        equation, index = where.get(one.node, (0, 0))
        if equation:
            place = f" ({layers[index - 1].path})" if layers[index - 1].path else ""
            step = replace(step, rule=f"equation {equation}, layer {index}{place}")
        inputs = one.node in deriver.targets
        groups[equation or (5 if inputs else 1)].append((index if equation > 2 else 0, step))
    numbers = count(1)
    ordered = {
        group: tuple(
            replace(step, number=next(numbers))
            for _, step in sorted(members, key=lambda member: member[0])
        )
        for group, members in groups.items()
    }
    result = TEXT.symbol(deriver.result), LATEX.symbol(deriver.result)
    title = _titled("the four equations of backpropagation", "", "")
    sections = [Section(title, (_table(network),))]
    for number, (words, text, latex) in enumerate(_titles(laws, result, layers[-1]), 1):
        if ordered[number]:
            title = _titled(f"equation {number}, {words}", text, latex)
            sections.append(Section(title, ordered[number]))
    if ordered[5]:
        sections.append(Section(_titled("the input", "", ""), ordered[5]))
    return sections


def _titles(laws: _Laws | None, result: tuple[str, str], last: Layer) -> list[tuple[str, str, str]]:
    name, latex = result
    first = ("δ_L = ∂{0}/∂Z_L", r"\delta_L = \partial {0} / \partial Z_L")
    if last.activation:
        first = (
            "δ_L = ∂{0}/∂A_L ⊙ φ′(Z_L)",
            r"\delta_L = \partial {0} / \partial A_L \odot \varphi'(Z_L)",
        )
    texts = [(first[0].replace("{0}", name), first[1].replace("{0}", latex))]
    if laws is None:
        texts += [("", "")] * 3
    else:
        texts += [
            (f"δₗ = {laws.error[0]}", rf"\delta_\ell = {laws.error[1]}"),
            (
                f"∂{name}/∂bₗ = {laws.bias[0]}",
                rf"\partial {latex} / \partial b_\ell = {laws.bias[1]}",
            ),
            (
                f"∂{name}/∂Wₗ = {laws.weight[0]}",
                rf"\partial {latex} / \partial W_\ell = {laws.weight[1]}",
            ),
        ]
    words = (
        "the error of the last layer",
        "the error of a layer from that of the next",
        "the biases",
        "the weights",
    )
    return [(word, *pair) for word, pair in zip(words, texts, strict=True)]


def _titled(words: str, text: str, latex: str) -> Named:
    if not text:
        return Named(words, rf"\text{{{words}}}")
    return Named(f"{words}: {text}", rf"\text{{{words}: }} {latex}")


def _table(network: Network) -> Step:
    """Each layer with its parameters, their shapes, and its activation."""
    deriver = network.deriver
    rows = []
    for index, layer in enumerate(network.layers, 1):
        rows.append(
            (
                str(index),
                layer.path or "-",
                _with_shape(deriver, layer.weight.node),
                _with_shape(deriver, layer.bias.node) if layer.bias is not None else "-",
                _with_shape(deriver, layer.z),
                layer.activation.replace("_", " ") or "-",
            )
        )
    table = Table(("layer", "module", "weights", "bias", "before φ", "φ"), tuple(rows))
    return Step("layers", Named("", ""), (), table=table)


def _with_shape(deriver: Deriver, node: Node) -> str:
    return f"{TEXT.symbol(deriver.name_of(node))} {shape_text(deriver.shape(node.shape))}"
