"""The gradient changes by the same factor in every layer.

A deep linear network has random weights of a chosen size. The norm of the gradient at each layer is
taken, from the last to the first; its logarithm should lie on a line, whose slope is the logarithm
of the factor of a layer. That is why a factor off one, be it a little, decides after many layers.
"""

import numpy as np

import chainrule as cr
from chainrule.lessons.kit import Chapter, Claim, Findings, Picture, Rng, about, at_least, measured

DEPTH, WIDTH = 30, 200


def experiment(rng: Rng) -> Findings:
    draws = rng.normal(size=(DEPTH, WIDTH, WIDTH)) / np.sqrt(WIDTH)
    out = cr.tensor(rng.normal(size=WIDTH))

    def norms(factor: float) -> np.ndarray:
        """Of the gradients at the inputs of the layers, the last layer first."""

        def rest(h, layer: int):
            for w in draws[layer:]:
                h = h @ cr.tensor(factor * w)
            return h @ out

        zeros = cr.zeros(WIDTH)
        layers = range(DEPTH - 1, -1, -3)
        return np.array([cr.linalg.norm(cr.grad(rest)(zeros, layer)).item() for layer in layers])

    paths = {}
    for factor in (0.7, 1.0, 1.4):
        logs = paths[factor] = np.log(norms(factor))
        steps = 3 * np.arange(len(logs))
        slope, start = np.polyfit(steps, logs, 1)
        spread = 1 - np.var(logs - slope * steps - start) / max(np.var(logs), 0.05)
        yield measured(
            f"factor {factor}: growth per layer", np.exp(slope), about(factor, relative=0.05)
        )
        yield measured(f"factor {factor}: share explained by a line", spread, at_least(0.7))

    def draw(axes):
        for factor, logs in paths.items():
            axes.semilogy(3 * np.arange(len(logs)), np.exp(logs), "o-", label=f"factor {factor}")
        axes.set_xlabel("layers from the end")
        axes.set_ylabel("norm of the gradient")
        axes.legend(frameon=False)

    yield Picture(
        draw,
        "The norm of the gradient over the distance from the end, logarithmic: falling, level and "
        "rising lines for the factors 0.7, 1 and 1.4.",
    )


claim = Claim(
    title="Gradients change geometrically",
    statement="The gradient is multiplied by about the same factor in every layer, so it falls or "
    "grows exponentially with depth.",
    experiment=experiment,
    chapter=Chapter.DEPTH,
)
