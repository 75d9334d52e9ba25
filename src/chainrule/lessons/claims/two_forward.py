"""A backward pass costs about two forward ones.

The operations of a pass are counted in its graph. In a perceptron nearly all of them are in matrix
products, and each product of the forward pass has two in the backward pass: one for the gradient of
the weights, one to hand the error on. What has few products per operation has another ratio.
"""

import chainrule as cr
from chainrule.lessons.kit import (
    Chapter,
    Claim,
    Findings,
    Rng,
    at_most,
    between,
    key,
    measured,
    noted,
    operations,
    seconds,
)

WIDTH, DEPTH, BATCH = 128, 6, 64


def loss(weights, x):
    for w in weights:
        x = cr.tanh(x @ w)
    return (x**2).mean()


def experiment(rng: Rng) -> Findings:
    keys = cr.random.split(key(rng), DEPTH)
    weights = [cr.random.normal(k, (WIDTH, WIDTH)) / WIDTH**0.5 for k in keys]
    x = cr.tensor(rng.normal(size=(BATCH, WIDTH)))
    forward = operations(loss, weights, x)
    both = operations(cr.value_and_grad(loss), weights, x)
    yield measured("backward / forward, in operations", both / forward - 1, between(1.5, 2.5))

    def narrow(x):
        for _ in range(50):
            x = cr.sin(x)
        return x.sum()

    ratio = operations(cr.value_and_grad(narrow), x) / operations(narrow, x) - 1
    yield measured("the same for a chain of sines", ratio, at_most(4, "a small constant"))
    forward_time = seconds(lambda: loss(weights, x))
    both_time = seconds(lambda: cr.value_and_grad(loss)(weights, x))
    yield noted("backward / forward, in time on this machine", both_time / forward_time - 1)


claim = Claim(
    title="What a backward pass costs",
    statement="Backpropagation costs about two forward passes.",
    experiment=experiment,
    chapter=Chapter.DIFFERENTIATION,
)
