"""A gradient has the shape of what it is taken by.

The loss of a perceptron is a number. Its gradient by the whole model is looked at: how many numbers
it has, and whether each parameter finds one of its own shape. A single number would not do: there
are derivatives of both signs among them.
"""

import numpy as np

import chainrule as cr
from chainrule.lessons.kit import (
    Chapter,
    Claim,
    Findings,
    Rng,
    above,
    below,
    counterexample,
    equal,
    key,
    measured,
    premise,
    yes,
)


def experiment(rng: Rng) -> Findings:
    model = cr.nn.MLP(5, [8], 3, key=key(rng))
    x, y = cr.tensor(rng.normal(size=(20, 5))), cr.tensor(rng.normal(size=(20, 3)))

    def loss(model):
        return cr.mean((model(x) - y) ** 2)

    yield premise("numbers in the loss", loss(model).size, equal(1))
    parameters = model.parameters()
    gradient = cr.grad(loss)(model).parameters()
    alike = all(gradient[name].shape == p.shape for name, p in parameters.items())
    yield measured("each parameter has a gradient of its shape", alike, yes)
    count = sum(p.size for p in parameters.values())
    found = sum(g.size for g in gradient.values())
    yield counterexample("numbers in the gradient", found, says=equal(1), rather=equal(count))
    entries = np.concatenate([g.numpy().ravel() for g in gradient.values()])
    yield premise("smallest derivative", entries.min(), below(0))
    yield premise("largest derivative", entries.max(), above(0))


claim = Claim(
    title="The shape of a gradient",
    statement="The gradient of a loss is a number.",
    experiment=experiment,
    chapter=Chapter.SEVERAL,
    right="The loss is a number. Its gradient has one for every parameter, in the shape of the "
    "parameters; only its norm is a number.",
)
