"""Every row of the table of derivatives, put to the test.

Each row is held against two things: what the engine computes for the function, and central
differences of the function's values, which know no rule at all. Both at 200 random places.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

import chainrule as cr
from chainrule.lessons.kit import Chapter, Claim, Findings, Rng, at_most, measured

H = 1e-5
C = 2.5

TABLE: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "x⁵: 5x⁴": (lambda x: x**5, lambda x: 5 * x**4),
    "1/x²: −2/x³": (lambda x: x**-2, lambda x: -2 / x**3),
    "√x: 1/(2√x)": (lambda x: x**0.5, lambda x: 1 / (2 * np.sqrt(x))),
    "eˣ: eˣ": (lambda x: cr.exp(x), np.exp),
    "ln x: 1/x": (lambda x: cr.log(x), lambda x: 1 / x),
    "sin x: cos x": (lambda x: cr.sin(x), np.cos),
    "cos x: −sin x": (lambda x: cr.cos(x), lambda x: -np.sin(x)),
    "c: 0": (lambda x: 0 * x + C, lambda x: 0 * x),
    "c sin x: c cos x": (lambda x: C * cr.sin(x), lambda x: C * np.cos(x)),
    "σ(x): σ(x)(1 − σ(x))": (
        lambda x: cr.sigmoid(x),
        lambda x: 1 / (1 + np.exp(-x)) * (1 - 1 / (1 + np.exp(-x))),
    ),
    "tanh x: 1 − tanh² x": (lambda x: cr.tanh(x), lambda x: 1 - np.tanh(x) ** 2),
    "ReLU(x − 1): 1 if x > 1, else 0": (lambda x: cr.relu(x - 1), lambda x: (x > 1) * 1.0),
}


def experiment(rng: Rng) -> Findings:
    x = rng.uniform(0.5, 2, 200)
    x = x[abs(x - 1) > 10 * H]  # the corner of the last row
    engine = 0.0
    for name, (f, derivative) in TABLE.items():
        right = derivative(x)
        found = cr.vmap(cr.grad(f))(cr.tensor(x)).numpy()
        engine = max(engine, abs(found - right).max() / max(1, abs(right).max()))
        differences = (f(cr.tensor(x + H)) - f(cr.tensor(x - H))).numpy() / (2 * H)
        yield measured(
            f"{name}; differences are off by", abs(differences - right).max(), at_most(1e-7)
        )
    yield measured("largest deviation of the engine, in all rows", engine, at_most(1e-14))


claim = Claim(
    title="The table of derivatives",
    statement="The derivatives of xⁿ, eˣ, ln x, sin x, cos x, constants, constant factors, σ, "
    "tanh and ReLU are those of the table.",
    experiment=experiment,
    chapter=Chapter.DERIVATIVES,
)
