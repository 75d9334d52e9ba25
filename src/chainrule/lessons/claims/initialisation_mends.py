"""He and Xavier: weights whose layers neither shrink nor blow up.

A layer of n inputs multiplies the mean square of its activations by n·Var(w), and ReLU halves it.
Variance 2/n (He) keeps it for ReLU, 1/n (Xavier, for as many outputs as inputs) for what is nearly
linear, such as tanh on small signals. Through 30 layers a factor of two in the weights is 2³⁰.
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
    below,
    between,
    key,
    measured,
)

DEPTH, WIDTH, BATCH = 30, 128, 32


def experiment(rng: Rng) -> Findings:
    def scales(initialise, activation, factor: float, start: float = 1.0) -> np.ndarray:
        """The root mean square after each layer, relative to the start."""
        x = start * cr.tensor(rng.normal(size=(BATCH, WIDTH)))
        found = [1.0]
        for layer_key in cr.random.split(key(rng), DEPTH):
            x = activation(x @ (factor * initialise(layer_key, (WIDTH, WIDTH), dtype="float64")))
            found.append(np.sqrt((x.numpy() ** 2).mean()) / start)
        return np.array(found)

    he, xavier = cr.nn.initialisers.he_normal, cr.nn.initialisers.xavier_normal
    good = scales(he, cr.relu, 1.0)
    small, large = scales(he, cr.relu, 0.5), scales(he, cr.relu, 2.0)
    yield measured("scale after 30 ReLU layers, He", good[-1], between(0.1, 10))
    yield measured("… with half the weights", small[-1], below(1e-7, "about 2⁻³⁰"))
    yield measured("… with twice the weights", large[-1], above(1e7, "about 2³⁰"))
    nearly_linear = scales(xavier, cr.tanh, 1.0, start=1e-3)
    yield measured("… of tanh on small signals, Xavier", nearly_linear[-1], between(0.2, 5))

    def draw(axes):
        for name, path in (("He", good), ("half of it", small), ("twice it", large)):
            axes.semilogy(path, label=name)
        axes.set_xlabel("layer")
        axes.set_ylabel("scale of the activations")
        axes.legend(frameon=False)

    yield Picture(
        draw,
        "Scale of the activations over 30 layers: level with He, otherwise a straight fall or rise "
        "on the logarithmic axis.",
    )


claim = Claim(
    title="He and Xavier initialisation",
    statement="He and Xavier initialisation keep the scale of signals through many layers.",
    experiment=experiment,
    chapter=Chapter.DEPTH,
)
