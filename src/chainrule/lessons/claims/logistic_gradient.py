"""The gradient of cross-entropy by the logits is prediction minus label.

For a sigmoid and two classes it is σ(z) − y, for a softmax and many p − y. Both are compared with
what the engine computes from the loss, at a thousand random logits.
"""

import numpy as np

import chainrule as cr
from chainrule.lessons.kit import Chapter, Claim, Findings, Rng, at_most, measured

EXAMPLES, CLASSES = 1000, 7


def experiment(rng: Rng) -> Findings:
    z = rng.normal(0, 3, EXAMPLES)
    y = rng.integers(0, 2, EXAMPLES).astype(float)
    found = cr.grad(lambda z: cr.nn.bce_with_logits(z, y, reduction="sum"))(cr.tensor(z)).numpy()
    yield measured(
        "two classes: largest |gradient − (σ(z) − y)|",
        np.abs(found - (1 / (1 + np.exp(-z)) - y)).max(),
        at_most(1e-14),
    )

    logits = rng.normal(0, 3, (EXAMPLES, CLASSES))
    labels = rng.integers(0, CLASSES, EXAMPLES)
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    found = cr.grad(lambda z: cr.nn.cross_entropy(z, labels, reduction="sum"))(
        cr.tensor(logits)
    ).numpy()
    yield measured(
        "seven classes: largest |gradient − (p − y)|",
        np.abs(found - (p - np.eye(CLASSES)[labels])).max(),
        at_most(1e-14),
    )
    yield measured("sum of a row of the gradient", np.abs(found.sum(axis=1)).max(), at_most(1e-14))


claim = Claim(
    title="Prediction minus label",
    statement="The gradient of cross-entropy by the logits is the prediction minus the label.",
    experiment=experiment,
    chapter=Chapter.LOSSES,
)
