"""The four equations of backpropagation, by hand, for ten layers.

A perceptron of ten layers is run forward and backward in plain NumPy: the error of the last layer,
the errors passed back, the gradients by weights and by biases. The engine knows nothing of layers.
It should come to the same numbers, and it needs the loss to be evaluated only once.
"""

from itertools import pairwise

import numpy as np

import chainrule as cr
from chainrule.lessons.kit import Chapter, Claim, Findings, Rng, at_most, equal, measured

SIZES = (8, 12, 12, 10, 10, 10, 9, 9, 8, 6, 4)


def by_hand(weights, x, y):
    """∂L/∂W and ∂L/∂b of each layer, for L = ½‖a − y‖²."""
    activations = [x]
    for W, b in weights:
        activations.append(1 / (1 + np.exp(-(W @ activations[-1] + b))))
    slopes = [a * (1 - a) for a in activations]
    delta = (activations[-1] - y) * slopes[-1]
    gradients = []
    for layer in reversed(range(len(weights))):
        gradients.append((np.outer(delta, activations[layer]), delta))
        delta = (weights[layer][0].T @ delta) * slopes[layer]
    return gradients[::-1]


def experiment(rng: Rng) -> Findings:
    weights = [
        (2 * rng.normal(size=(m, n)) / n**0.5, rng.normal(size=m)) for n, m in pairwise(SIZES)
    ]
    x, y = rng.normal(size=SIZES[0]), rng.uniform(size=SIZES[-1])
    evaluations = 0

    def loss(weights):
        nonlocal evaluations
        evaluations += 1
        a = x
        for W, b in weights:
            a = cr.sigmoid(W @ a + b)
        return cr.sum((a - y) ** 2) / 2

    found = cr.grad(loss)([(cr.tensor(W), cr.tensor(b)) for W, b in weights])
    hand = by_hand(weights, x, y)

    def apart(which: int) -> float:
        """The largest deviation in any layer, relative to the largest entry there."""
        return max(
            abs(engine[which].numpy() - own[which]).max() / abs(own[which]).max()
            for engine, own in zip(found, hand, strict=True)
        )

    yield measured("layers", len(found), equal(10))
    yield measured("weights: largest relative deviation", apart(0), at_most(1e-12))
    yield measured("biases: largest relative deviation", apart(1), at_most(1e-12))
    yield measured("evaluations of the loss", evaluations, equal(1))


claim = Claim(
    title="The four equations",
    statement="Four equations give the gradients of all layers of a perceptron, in one backward "
    "pass.",
    experiment=experiment,
    chapter=Chapter.DIFFERENTIATION,
)
