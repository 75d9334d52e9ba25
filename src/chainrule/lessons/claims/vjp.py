"""A backward pass multiplies by transposed Jacobians, and builds none of them.

The Jacobians of all layers of a network are formed for once, and their transposes are multiplied
with the gradient of the loss. The backward pass should give the same. Then its graph is searched
for the largest array in it: for a batch of activations a Jacobian would have as many entries as the
square of their number.
"""

import chainrule as cr
from chainrule.lessons.kit import (
    Chapter,
    Claim,
    Findings,
    Rng,
    at_least,
    at_most,
    below,
    measured,
    operations,
)

WIDTH, DEPTH, BATCH = 24, 6, 64


def experiment(rng: Rng) -> Findings:
    weights = [cr.tensor(rng.normal(size=(WIDTH, WIDTH)) / WIDTH**0.5) for _ in range(DEPTH)]

    def layer(x, W):
        return cr.tanh(x @ W)

    def loss(x):
        for W in weights:
            x = layer(x, W)
        return cr.sum(x**2)

    x = cr.tensor(rng.normal(size=WIDTH))
    jacobians, value = [], x
    for W in weights:
        jacobians.append(cr.jacobian(layer)(value, W).numpy())
        value = layer(value, W)
    error = 2 * value.numpy()
    for J in reversed(jacobians):
        error = J.T @ error
    found = cr.grad(loss)(x).numpy()
    yield measured(
        "backward pass − J₁ᵀ ⋯ J₆ᵀ ∇, relative",
        abs(found - error).max() / abs(error).max(),
        at_most(1e-13),
    )

    batch = cr.tensor(rng.normal(size=(BATCH, WIDTH)))
    largest = max(node.type.size for node in cr.trace(cr.grad(loss), batch).graph.nodes)
    jacobian = (BATCH * WIDTH) ** 2
    yield measured("entries of one Jacobian, for a batch of 64", jacobian, at_least(10**6))
    yield measured(
        "largest array of the backward pass", largest, at_most(BATCH * WIDTH, "activations")
    )
    dense = operations(lambda *Js: _product(Js), *jacobians)
    yield measured(
        "operations: backward pass / multiplying Jacobians, one example",
        operations(cr.grad(loss), x) / dense,
        below(0.3),
    )


def _product(matrices):
    found = matrices[0]
    for J in matrices[1:]:
        found = J @ found
    return found


claim = Claim(
    title="Transposed Jacobians",
    statement="Backpropagation multiplies a vector by the transposed Jacobian of each layer, and "
    "builds no Jacobian.",
    experiment=experiment,
    chapter=Chapter.DIFFERENTIATION,
)
