"""A gradient of zero is not yet a minimum.

Quadratic functions of two variables with random curvatures are stationary at a random point c: one
bends upwards in both directions, one downwards, and one up in one and down in the other. Whether c
is a minimum is found by looking around it, at a thousand points.
"""

import numpy as np

import chainrule as cr
from chainrule.lessons.kit import (
    Chapter,
    Claim,
    Findings,
    Rng,
    counterexample,
    equal,
    measured,
    no,
    premise,
    yes,
)


def experiment(rng: Rng) -> Findings:
    c = rng.uniform(-2, 2, 2)
    around = c + 0.1 * rng.normal(size=(1000, 2))
    curvatures = rng.uniform(0.5, 2, 2)

    def bowl(signs):
        return lambda p: cr.sum(cr.tensor(signs * curvatures) * (p - c) ** 2)

    def is_minimum(f) -> bool:
        """Whether f is larger everywhere around c."""
        return bool((cr.vmap(f)(cr.tensor(around)) > f(cr.tensor(c))).numpy().all())

    kinds = {"bowl": (1, 1), "hill": (-1, -1), "saddle": (1, -1)}
    for name, signs in kinds.items():
        f = bowl(np.array(signs))
        yield premise(f"‖∇f‖ in the middle of the {name}", cr.linalg.norm(cr.grad(f)(c)), equal(0))
        if name == "bowl":
            yield measured("the middle of the bowl is a minimum", is_minimum(f), yes)
        else:
            yield counterexample(
                f"the middle of the {name} is a minimum", is_minimum(f), says=yes, rather=no
            )


claim = Claim(
    title="Zero gradient and minimum",
    statement="Where the gradient is zero, the loss has a minimum.",
    experiment=experiment,
    chapter=Chapter.LANDSCAPES,
    right="A zero gradient makes a stationary point: a minimum, a maximum or a saddle. The "
    "eigenvalues of the Hessian tell them apart, unless some are zero.",
)
