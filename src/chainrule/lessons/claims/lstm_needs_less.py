"""The gates of an LSTM hold its gradient where that of a plain network explodes.

Both have 32 units with tanh, read 100 random inputs, and have recurrent weights of the same size,
three times what would keep a linear network level. Measured is how much the gradient at the first
state grows over that at the last. The state of an LSTM is multiplied by its forget gate, which is
below one; but the gates depend on the state as well, so that large weights can still make it
explode.
"""

import numpy as np

import chainrule as cr
from chainrule.lessons.kit import Chapter, Claim, Findings, Rng, above, at_most, caveat, measured

UNITS, LENGTH, SEQUENCES = 32, 100, 8


def experiment(rng: Rng) -> Findings:
    inputs = cr.tensor(0.1 * rng.normal(size=(LENGTH, SEQUENCES, UNITS)))
    out = cr.tensor(rng.normal(size=(SEQUENCES, UNITS)))
    draws = rng.normal(size=(4, UNITS, UNITS)) / np.sqrt(UNITS)

    def growth(final, *states) -> float:
        """‖gradient at the first state‖ / ‖gradient at the last‖."""
        gradients = cr.grad(final, argnums=tuple(range(len(states))))(*states)
        total = np.sqrt(sum((g.numpy() ** 2).sum() for g in gradients))
        return total / np.linalg.norm(out.numpy())

    def plain(scale: float):
        w = cr.tensor(scale * draws[0])

        def final(h):
            for x in inputs:
                h = cr.tanh(h @ w + x)
            return cr.sum(h * out)

        return final

    def lstm(scale: float):
        input_gate, forget_gate, output_gate, candidate = (cr.tensor(scale * w) for w in draws)

        def final(h, c):
            for x in inputs:
                keep = cr.sigmoid(h @ forget_gate + x + 1)
                c = keep * c + cr.sigmoid(h @ input_gate + x) * cr.tanh(h @ candidate + x)
                h = cr.sigmoid(h @ output_gate + x) * cr.tanh(c)
            return cr.sum(h * out)

        return final

    zeros = cr.zeros((SEQUENCES, UNITS))
    state = cr.tensor(0.1 * rng.normal(size=(SEQUENCES, UNITS)))
    exploded, held = growth(plain(3.0), state), growth(lstm(3.0), zeros, zeros)
    yield measured("growth over 100 steps, plain", exploded, above(1e7))
    yield measured("growth over 100 steps, LSTM", held, at_most(1e6))
    yield measured("plain / LSTM", exploded / held, above(1e4))
    yield caveat(
        "growth over 100 steps, LSTM, weights ten times as large",
        growth(lstm(30.0), zeros, zeros),
        says=at_most(1e6),
        rather=above(1e8),
    )


claim = Claim(
    title="An LSTM needs less clipping",
    statement="The gradient of an LSTM does not explode where that of a plain recurrent network "
    "does.",
    experiment=experiment,
    chapter=Chapter.DEPTH,
    caveat="Less is not never: with large recurrent weights the path through the gates explodes "
    "too, so that LSTMs are clipped in practice.",
)
