"""Formulas swell, graphs do not.

x ↦ 4x(1 − x) is applied again and again. As a formula every round writes the one before twice, and
the derivative repeats it more often still. The symbols of the formula of the derivative are counted
as if it were written out, and beside them the nodes of the graph in which every part is there once.
(The example is of Baydin et al., Automatic differentiation in machine learning: a survey, 2018,
table 1.)
"""

import numpy as np

import chainrule as cr
from chainrule.lessons.kit import (
    Chapter,
    Claim,
    Findings,
    Picture,
    Rng,
    above,
    at_most,
    equal,
    measured,
)

ROUNDS = range(1, 21)


def rounds(times: int):
    def f(x):
        for _ in range(times):
            x = 4 * x * (1 - x)
        return x

    return f


def written_out(graph) -> int:
    """The symbols of the formula: a node counts once for each place where it would be written."""
    size: dict[object, int] = {}
    for node in graph.nodes:
        size[node] = 1 + sum(size.get(source, 1) for source in node.sources)
    return size[graph.outputs[0]]


def experiment(rng: Rng) -> Findings:
    x = rng.uniform(0.1, 0.9)
    graphs = [cr.trace(cr.grad(rounds(times)), x).graph for times in ROUNDS]
    symbols = np.array([float(written_out(graph)) for graph in graphs])
    nodes = np.array([len(graph.nodes) for graph in graphs])
    yield measured("nodes for 20 rounds", nodes[-1], at_most(250))
    yield measured(
        "nodes that the last round adds", nodes[-1] - nodes[-2], equal(nodes[2] - nodes[1])
    )
    yield measured("symbols of the formula for 20 rounds", symbols[-1], above(1e6))
    yield measured("factor by which a round swells it", symbols[-1] / symbols[-2], above(1.9))

    slope = 1.0
    at = x
    for _ in range(8):
        slope, at = slope * (4 - 8 * at), 4 * at * (1 - at)
    apart = abs(cr.grad(rounds(8))(x).item() / slope - 1)
    yield measured("8 rounds: derivative / product of slopes − 1", apart, at_most(1e-10))

    def draw(axes):
        axes.semilogy(ROUNDS, symbols, "o-", label="symbols of the formula")
        axes.semilogy(ROUNDS, nodes, "s-", label="nodes of the graph")
        axes.set_xlabel("rounds")
        axes.legend(frameon=False)

    yield Picture(
        draw,
        "Symbols of the formula and nodes of the graph over the number of rounds; on the "
        "logarithmic axis the symbols climb on a straight line, the nodes hardly rise.",
    )


claim = Claim(
    title="Swelling formulas",
    statement="A derivative as a formula swells exponentially with the length of a program; its "
    "graph grows linearly.",
    experiment=experiment,
    chapter=Chapter.DIFFERENTIATION,
)
