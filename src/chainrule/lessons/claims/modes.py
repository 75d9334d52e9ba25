"""Forward mode for few inputs, reverse mode for few outputs.

A forward pass gives one column of the Jacobian, the derivative by one input; a reverse pass one
row, the derivative of one output. The operations that each mode takes for a whole Jacobian are
counted in its graph, for a function from 2 to 60 numbers and for one from 60 to 2.
"""

import chainrule as cr
from chainrule.lessons.kit import (
    Chapter,
    Claim,
    Findings,
    Rng,
    above,
    at_most,
    below,
    measured,
    operations,
)

FEW, MANY = 2, 60


def experiment(rng: Rng) -> Findings:
    def network(inputs: int, outputs: int):
        """A function through two layers of 40, between so many inputs and outputs."""
        sizes = ((inputs, 40), (40, 40), (40, outputs))
        a, b, c = (cr.tensor(rng.normal(size=size)) for size in sizes)
        return lambda x: cr.tanh(cr.tanh(cr.tanh(x @ a) @ b) @ c)

    def costs(inputs: int, outputs: int) -> tuple[float, float, float]:
        """Operations of the Jacobian in both modes, in evaluations of f, and their deviation."""
        f, x = network(inputs, outputs), cr.tensor(rng.normal(size=inputs))
        forward, reverse = (cr.jacobian(f, mode=mode) for mode in ("forward", "reverse"))
        apart = abs(forward(x) - reverse(x)).max().item()
        once = operations(f, x)
        return operations(forward, x) / once, operations(reverse, x) / once, apart

    forward, reverse, apart = costs(FEW, MANY)
    yield measured("2 inputs, 60 outputs: forward / reverse", forward / reverse, below(0.3))
    other_forward, other_reverse, other_apart = costs(MANY, FEW)
    yield measured(
        "60 inputs, 2 outputs: forward / reverse", other_forward / other_reverse, above(3)
    )
    yield measured("largest deviation of the two modes", max(apart, other_apart), at_most(1e-12))


claim = Claim(
    title="Forward or reverse",
    statement="Forward mode is cheaper for few inputs, reverse mode for few outputs.",
    experiment=experiment,
    chapter=Chapter.DIFFERENTIATION,
)
