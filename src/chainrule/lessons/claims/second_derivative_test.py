"""The second-derivative test, against looking around.

Five hundred random polynomials of degree four have a critical point at c. The test judges by f″(c).
The other judge looks at the values near c and sees whether they are all larger, all smaller, or
neither. Where f″(c) = 0 the second judge still decides, and finds all three.
"""

import numpy as np

import chainrule as cr
from chainrule.lessons.kit import Chapter, Claim, Findings, Rng, above, equal, measured, premise

POLYNOMIALS = 500
AROUND = np.array([-2.0, -1.0, 1.0, 2.0]) * 1e-3


def looking(f, c: float) -> int:
    """1 for a minimum at c, −1 for a maximum, 0 for neither."""
    higher = (f(cr.tensor(c + AROUND)) > f(c)).numpy()
    return 1 if higher.all() else -1 if not higher.any() else 0


def experiment(rng: Rng) -> Findings:
    agree, flat, minima = 0, 0.0, 0
    for c, a, b, d in rng.uniform(-1, 1, (POLYNOMIALS, 4)):
        a += 0.1 * np.sign(a)

        def f(x, c=c, a=a, b=b, d=d):
            u = x - c
            return a * u**2 + b * u**3 + d * u**4

        flat = max(flat, abs(cr.derivative(f)(c).item()))
        second = cr.derivative(f, n=2)(c).item()
        minima += second > 0
        agree += np.sign(second) == looking(f, c)
    yield premise("largest |f′(c)|", flat, equal(0))
    yield premise("share of minima", minima / POLYNOMIALS, above(0.2))
    yield measured("test and values agree, of 500", agree, equal(POLYNOMIALS))

    c = rng.uniform(-1, 1)
    undecided = {
        "(x − c)⁴, a minimum": (lambda x: (x - c) ** 4, 1),
        "−(x − c)⁴, a maximum": (lambda x: -((x - c) ** 4), -1),
        "(x − c)³, neither": (lambda x: (x - c) ** 3, 0),
    }
    for name, (g, kind) in undecided.items():
        yield measured(f"f″(c) of {name}", cr.derivative(g, n=2)(c), equal(0))
        yield premise(f"values around c of {name} (1 higher, −1 lower)", looking(g, c), equal(kind))


claim = Claim(
    title="Second-derivative test",
    statement="At a critical point f″ > 0 makes a local minimum and f″ < 0 a local maximum; f″ = "
    "0 decides nothing.",
    experiment=experiment,
    chapter=Chapter.DERIVATIVES,
)
