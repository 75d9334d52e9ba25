"""A step of training costs about three predictions, not two.

The operations of a prediction, of its loss with all gradients, and of the update are counted in
their graphs: for a perceptron and for a network of convolutions. The backward pass alone costs two
forward ones, since each product of matrices has two in it, and the forward pass comes on top.
"""

import chainrule as cr
from chainrule.lessons.kit import (
    Chapter,
    Claim,
    Findings,
    Rng,
    at_most,
    between,
    counterexample,
    key,
    operations,
)


def experiment(rng: Rng) -> Findings:
    keys = cr.random.split(key(rng), 3)
    perceptron = cr.nn.MLP(32, [64, 64, 64], 10, key=keys[0])
    convolutions = cr.nn.Sequential(
        cr.nn.Conv2d(8, 16, 3, padding=1, key=keys[1]),
        cr.nn.ReLU(),
        cr.nn.Conv2d(16, 16, 3, padding=1, key=keys[2]),
    )
    inputs = {
        "perceptron": (perceptron, (32, 32)),
        "convolutions": (convolutions, (4, 8, 10, 10)),
    }
    for name, (model, shape) in inputs.items():
        x = cr.tensor(rng.normal(size=shape))

        def loss(model, x):
            return cr.mean(model(x) ** 2)

        def step(model, x):
            gradient = cr.grad(loss)(model, x)
            return cr.optim.apply_updates(model, gradient)

        once = operations(lambda model, x: model(x), model, x)
        yield counterexample(
            f"{name}: step / prediction, in operations",
            operations(step, model, x) / once,
            says=at_most(2.3),
            rather=between(2.5, 3.5),
        )


claim = Claim(
    title="What a step of training costs",
    statement="A step of training costs about twice as much as a prediction.",
    experiment=experiment,
    chapter=Chapter.DIFFERENTIATION,
    right="About three times: one forward pass, and a backward pass that costs two. The first "
    "layer needs no gradient by its input, which saves some of that in shallow networks.",
)
