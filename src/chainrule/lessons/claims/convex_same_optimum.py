"""Convex models reach the same loss from anywhere.

Linear, ridge and logistic regression, a linear support vector machine and the lasso are trained
from five random starts each. The losses at the ends should agree. The weights need not: with a
feature that is there twice, many weights are equally good.
"""

import numpy as np

import chainrule as cr
from chainrule.lessons.kit import Chapter, Claim, Findings, Rng, above, at_most, caveat, measured

EXAMPLES, FEATURES, STARTS, STEPS = 100, 5, 5, 5000


def experiment(rng: Rng) -> Findings:
    x = cr.tensor(rng.normal(size=(EXAMPLES, FEATURES)))
    true = rng.normal(size=FEATURES)
    y = x @ cr.tensor(true) + rng.normal(size=EXAMPLES)
    signs = cr.where(y > 0, 1.0, -1.0)
    models = {
        "linear": lambda w: cr.mean((x @ w - y) ** 2),
        "ridge": lambda w: cr.mean((x @ w - y) ** 2) + 0.1 * cr.sum(w**2),
        "logistic": lambda w: cr.mean(cr.softplus(-signs * (x @ w))) + 0.01 * cr.sum(w**2),
        "support vectors": lambda w: cr.mean(cr.relu(1 - signs * (x @ w))) + 0.01 * cr.sum(w**2),
        "lasso": lambda w: cr.mean((x @ w - y) ** 2) + 0.1 * cr.sum(abs(w)),
    }

    def ends(loss) -> tuple[np.ndarray, np.ndarray]:
        """Weights and losses at the ends; all starts descend at once, with steps that shrink."""
        w = cr.tensor(rng.normal(0, 3, (STARTS, FEATURES)))
        gradient = cr.compile(cr.vmap(cr.grad(loss)))
        for step in range(STEPS):
            w = w - 0.4 / (1 + step / 500) * gradient(w)
        return w.numpy(), cr.vmap(loss)(w).numpy()

    for name, loss in models.items():
        _, found = ends(loss)
        spread = (found.max() - found.min()) / found.min()
        yield measured(f"{name}: spread of the final losses", spread, at_most(1e-2))

    x = cr.tensor(np.concatenate([x.numpy()[:, :1]] * 2 + [x.numpy()[:, 2:]], axis=1))
    weights, _ = ends(models["linear"])
    yield caveat(
        "linear, a feature twice: spread of its weight",
        np.ptp(weights[:, 0]),
        says=at_most(1e-2),
        rather=above(0.5),
    )


claim = Claim(
    title="Convex models",
    statement="Linear and logistic regression, ridge, lasso and support vector machines reach the "
    "same optimum from any start.",
    experiment=experiment,
    chapter=Chapter.LANDSCAPES,
    caveat="The same lowest loss; the same weights only if the loss is strictly convex, as with "
    "ridge. With features that depend on each other many weights are optimal.",
)
