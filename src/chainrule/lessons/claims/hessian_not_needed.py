"""Networks are trained without second derivatives.

A perceptron learns handwritten digits with gradients alone. How many numbers its Hessian would
hold is counted beside it.
"""

import numpy as np

import chainrule as cr
from chainrule.lessons.kit import (
    Chapter,
    Claim,
    Findings,
    Rng,
    counterexample,
    key,
    no,
    noted,
    yes,
)

EPOCHS = 15


def experiment(rng: Rng) -> Findings:
    digits = cr.data.load_digits()
    order = rng.permutation(len(digits.inputs))
    x, y = digits.inputs[order], digits.targets[order]
    held = 360
    model = cr.nn.Sequential(
        cr.nn.Linear(64, 64, key=key(rng)), cr.nn.ReLU(), cr.nn.Linear(64, 10, key=key(rng))
    )
    cr.train.fit(
        model,
        cr.nn.cross_entropy,
        (x[held:], y[held:]),
        optimizer=cr.optim.adam(3e-3),
        epochs=EPOCHS,
        batch_size=32,
        key=key(rng),
        progress=False,
    )
    right = (np.argmax(model(x[:held]).numpy(), axis=1) == y[:held]).mean()
    parameters = sum(p.size for p in model.parameters().values())
    yield noted("digits recognised, of 360 held back", 100 * right, "%")
    works = bool(right > 0.93)
    yield counterexample("training works with gradients alone", works, says=no, rather=yes)
    yield noted("entries of the gradient", parameters)
    yield noted("entries of the Hessian", parameters**2)


claim = Claim(
    title="Is the Hessian needed?",
    statement="Training a network needs the Hessian.",
    experiment=experiment,
    chapter=Chapter.OPTIMIZERS,
    right="Training needs first derivatives only. The Hessian of a network has the square of its "
    "number of parameters as entries; where curvature helps, it is used through products H·v or "
    "approximations.",
)
