"""What a recurrent network remembers of a time fades exponentially.

The state is multiplied by the same matrix at every step, so the gradient by an input that lies k
steps back goes as the k-th power of the largest eigenvalue. Measured for lags up to 60, with the
matrix scaled to eigenvalues of 0.8, 1 and 1.2.
"""

import numpy as np

import chainrule as cr
from chainrule.lessons.kit import (
    Chapter,
    Claim,
    Findings,
    Picture,
    Rng,
    about,
    above,
    below,
    measured,
)

UNITS, LENGTH = 12, 60


def experiment(rng: Rng) -> Findings:
    symmetric = rng.normal(size=(UNITS, UNITS))
    symmetric = symmetric + symmetric.T
    symmetric /= np.abs(np.linalg.eigvalsh(symmetric)).max()
    out = cr.tensor(rng.normal(size=UNITS))
    inputs = cr.zeros((LENGTH, UNITS))

    def reached(radius: float) -> np.ndarray:
        """The norms of the gradients by the inputs, the latest first."""
        w = cr.tensor(radius * symmetric)

        def final(inputs):
            h = cr.zeros(UNITS)
            for x in inputs:
                h = cr.tanh(h @ w + x)
            return h @ out

        return np.linalg.norm(cr.grad(final)(inputs).numpy(), axis=1)[::-1]

    paths = {radius: reached(radius) for radius in (0.8, 1.0, 1.2)}
    for radius, path in paths.items():
        rate = (path[-1] / path[20]) ** (1 / (LENGTH - 21))
        yield measured(
            f"radius {radius}: factor for each step back", rate, about(radius, relative=0.05)
        )
    yield measured(
        "radius 0.8: 60 steps back / last step", paths[0.8][-1] / paths[0.8][0], below(1e-3)
    )
    yield measured(
        "radius 1.2: 60 steps back / last step", paths[1.2][-1] / paths[1.2][0], above(1e3)
    )

    def draw(axes):
        for radius, path in paths.items():
            axes.semilogy(path, label=f"largest eigenvalue {radius}")
        axes.set_xlabel("steps back")
        axes.set_ylabel("norm of the gradient")
        axes.legend(frameon=False)

    yield Picture(
        draw,
        "The norm of the gradient over the lag, logarithmic: lines that fall, stay level and rise.",
    )


claim = Claim(
    title="Gradients through time",
    statement="In a recurrent network the gradient falls or grows exponentially with the lag in "
    "time.",
    experiment=experiment,
    chapter=Chapter.DEPTH,
)
