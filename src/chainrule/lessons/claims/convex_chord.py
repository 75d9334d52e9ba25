"""Chords above the curve, and a Hessian without negative eigenvalues: the same thing.

Convexity says that no chord dips below the curve; for smooth functions that the Hessian has no
negative eigenvalue anywhere. Both are examined for functions that are convex and for some that are
not, at 2,000 random pairs of points.
"""

import numpy as np

import chainrule as cr
from chainrule.lessons.kit import Chapter, Claim, Findings, Rng, at_least, below, measured

PAIRS = 2000


def logistic(w):
    return cr.softplus(2 * w[0] - w[1]) + cr.softplus(w[1] + w[2])


def squares(w):
    return (w[0] + w[1] - 1) ** 2 + (w[1] - 2 * w[2]) ** 2


def log_sum_exp(w):
    return cr.log(cr.sum(cr.exp(w)))


def network(w):
    return (w[2] * cr.tanh(w[0] + w[1]) - 1) ** 2


def wave(w):
    return cr.sum(cr.sin(w)) + cr.sum(w**2) / 4


CONVEX = {"logistic loss": logistic, "least squares": squares, "log-sum-exp": log_sum_exp}
OTHERS = {"a network": network, "a bowl with waves": wave}


def experiment(rng: Rng) -> Findings:
    a, b = (cr.tensor(rng.normal(0, 2, (PAIRS, 3))) for _ in range(2))
    share = cr.tensor(rng.uniform(0, 1, PAIRS))

    def lowest(f) -> tuple[float, float]:
        """The least height of a chord above the curve, and the least eigenvalue of the Hessian."""
        value = cr.vmap(f)
        between = share[:, None] * a + (1 - share)[:, None] * b
        heights = share * value(a) + (1 - share) * value(b) - value(between)
        eigenvalues = np.linalg.eigvalsh(cr.vmap(cr.hessian(f))(a).numpy())
        return heights.min().item(), eigenvalues.min()

    rounding = -1e-12
    for name, f in CONVEX.items():
        height, eigenvalue = lowest(f)
        yield measured(f"{name}: least height of a chord", height, at_least(rounding))
        yield measured(f"{name}: least eigenvalue", eigenvalue, at_least(rounding))
    for name, f in OTHERS.items():
        height, eigenvalue = lowest(f)
        yield measured(f"{name}: least height of a chord", height, below(-0.01))
        yield measured(f"{name}: least eigenvalue", eigenvalue, below(-0.01))


claim = Claim(
    title="Two faces of convexity",
    statement="No chord of a smooth function dips below its curve exactly if its Hessian has no "
    "negative eigenvalue anywhere.",
    experiment=experiment,
    chapter=Chapter.LANDSCAPES,
)
