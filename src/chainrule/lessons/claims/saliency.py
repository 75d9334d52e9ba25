"""Saliency finds the pixels that a classifier of digits looks at.

A perceptron is trained on handwritten digits. For images held back, the gradient of the score of
the recognised class by the pixels is taken, times the pixels. The test: blanking the ten pixels
with the largest share must lower the score more than blanking ten others that hold ink. And the
gradient by itself, without the pixels, need not lie on strokes: empty pixels matter too.
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
    at_least,
    below,
    caveat,
    key,
    measured,
    premise,
)

HELD, BLANKED = 300, 10


def experiment(rng: Rng) -> Findings:
    digits = cr.data.load_digits()
    order = rng.permutation(len(digits.inputs))
    x, y = digits.inputs[order], digits.targets[order]
    model = cr.nn.Sequential(
        cr.nn.Linear(64, 64, key=key(rng)), cr.nn.ReLU(), cr.nn.Linear(64, 10, key=key(rng))
    )
    cr.train.fit(
        model,
        cr.nn.cross_entropy,
        (x[HELD:], y[HELD:]),
        optimizer=cr.optim.adam(3e-3),
        epochs=12,
        batch_size=32,
        key=key(rng),
        progress=False,
    )
    images = np.asarray(x[:HELD], dtype=np.float64)
    scores = model(cr.tensor(images, dtype="float32")).numpy()
    classes = scores.argmax(axis=1)
    yield premise(
        "digits recognised, of 300 held back", (classes == y[:HELD]).mean(), at_least(0.93)
    )

    rows = np.arange(HELD)

    def total(images):
        return cr.sum(model(images)[rows, classes])

    gradient = cr.grad(total)(cr.tensor(images, dtype="float32")).numpy()
    shares = gradient * images

    def drop(ranking: np.ndarray) -> float:
        """How much the score falls on average when the first ten pixels are blanked."""
        blanked = images.copy()
        np.put_along_axis(blanked, np.argsort(-ranking, axis=1)[:, :BLANKED], 0.0, axis=1)
        after = model(cr.tensor(blanked, dtype="float32")).numpy()
        return (scores - after)[rows, classes].mean()

    salient = drop(shares)
    random = drop(np.where(images > 0, rng.uniform(1, 2, images.shape), 0.0))
    yield measured(
        "fall of the score: salient pixels / random ones with ink", salient / random, above(2)
    )
    best = np.argsort(-np.abs(shares), axis=1)[:, :BLANKED]
    ink = np.take_along_axis(images, best, axis=1).mean() / images.mean()
    yield measured("ink on the salient pixels / on all", ink, above(1.3))
    bare = np.argsort(-np.abs(gradient), axis=1)[:, :BLANKED]
    bare_ink = np.take_along_axis(images, bare, axis=1).mean() / images.mean()
    yield caveat(
        "ink on the pixels of the largest bare gradient / on all",
        bare_ink,
        says=above(1.3),
        rather=below(1.3),
    )

    def draw(axes):
        axes.imshow(images[0].reshape(8, 8), cmap="Greys")
        strength = np.abs(shares[0]).reshape(8, 8)
        down, across = np.nonzero(strength > np.sort(strength.ravel())[-BLANKED - 1])
        axes.plot(across, down, "o", color="#D55E00", markersize=6)
        axes.set_title(f"recognised as {classes[0]}")
        axes.set_xticks([])
        axes.set_yticks([])

    yield Picture(
        draw, "A digit, with dots on the ten pixels that count most for its class: on its strokes."
    )


claim = Claim(
    title="Saliency",
    statement="The gradient by the pixels shows what a classifier looks at: the strokes of the "
    "digit.",
    experiment=experiment,
    chapter=Chapter.LOSSES,
    caveat="It is gradient times pixel that lies on the strokes. The bare gradient is large on "
    "empty pixels as well: ink there would change the score.",
)
