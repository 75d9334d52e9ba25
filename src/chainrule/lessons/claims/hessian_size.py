"""The Hessian has n² entries, but its product with a vector is cheap.

For networks of growing size the entries of the Hessian and the operations that it takes are
counted, and set beside those of a gradient. A product H v is counted as well, and compared with the
product of the whole matrix.
"""

import chainrule as cr
from chainrule.lessons.kit import (
    Chapter,
    Claim,
    Findings,
    Rng,
    about,
    above,
    at_most,
    caveat,
    equal,
    measured,
    noted,
    operations,
)

INPUTS, EXAMPLES = 6, 20


def experiment(rng: Rng) -> Findings:
    x, y = rng.normal(size=(EXAMPLES, INPUTS)), rng.normal(size=EXAMPLES)

    def loss(w):
        """A network of two layers, its parameters in one vector."""
        hidden = w.shape[0] // (INPUTS + 1)
        first = w[: INPUTS * hidden].reshape((INPUTS, hidden))
        return cr.mean((cr.tanh(x @ first) @ w[INPUTS * hidden :] - y) ** 2)

    def counted(hidden: int):
        w, v = (cr.tensor(rng.normal(size=hidden * (INPUTS + 1))) for _ in range(2))
        gradient = operations(cr.grad(loss), w)
        H, Hv = cr.hessian(loss)(w), cr.hvp(loss, w, v)
        whole = operations(cr.hessian(loss), w) / gradient
        product = operations(lambda w, v: cr.hvp(loss, w, v), w, v) / gradient
        return H.numpy(), abs(H @ v - Hv).max() / abs(Hv).max(), whole, product

    H, apart, whole, product = counted(10)
    n = len(H)
    yield noted("parameters n", n)
    yield measured("entries of H", H.size, equal(n**2, "n²"))
    yield measured("largest |Hᵢⱼ − Hⱼᵢ|", abs(H - H.T).max(), at_most(1e-13))
    _, _, twice, twice_product = counted(20)
    yield measured("H / gradient, in operations", whole, above(n / 2))
    yield measured(
        "twice the parameters: that ratio grows by", twice / whole, about(2, relative=0.25)
    )
    yield caveat(
        "H v / gradient, in operations, for 140 parameters",
        twice_product,
        says=above(n),
        rather=at_most(4, "a small constant"),
    )
    yield measured("H v without H, relative deviation", apart, at_most(1e-12))
    yield measured("H v / gradient, for 70 parameters", product, at_most(4))


claim = Claim(
    title="The size of the Hessian",
    statement="Curvature is out of reach for networks: the Hessian of n parameters has n² entries.",
    experiment=experiment,
    chapter=Chapter.SEVERAL,
    caveat="The whole matrix is. Its product with a vector costs a few gradients, whatever n is, "
    "and many methods need no more.",
)
