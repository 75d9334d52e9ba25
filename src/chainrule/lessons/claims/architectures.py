"""One backward pass for every architecture.

A convolutional, a recurrent and a Transformer network are differentiated by the same rule, node by
node. Each gradient is compared with central differences along random directions in the space of all
its weights.
"""

import numpy as np

import chainrule as cr
from chainrule.lessons.kit import Chapter, Claim, Findings, Rng, at_most, key, measured

H = 1e-5


def experiment(rng: Rng) -> Findings:
    image = cr.tensor(rng.normal(size=(2, 1, 8, 8)))
    sequence = cr.tensor(rng.normal(size=(2, 6, 8)))
    keys = cr.random.split(key(rng), 4)
    convolutional = cr.nn.Sequential(
        cr.nn.Conv2d(1, 3, 3, key=keys[0], dtype="float64"),
        cr.nn.Tanh(),
        cr.nn.AvgPool2d(2),
        cr.nn.Flatten(),
    )
    networks = {
        "convolutional": (convolutional, image),
        "LSTM": (cr.nn.LSTM(8, 5, key=keys[1], dtype="float64"), sequence),
        "Transformer": (
            cr.nn.TransformerEncoderLayer(
                8, 2, 16, dropout=0.0, activation="gelu", key=keys[2], dtype="float64"
            ),
            sequence,
        ),
    }
    for name, (model, x) in networks.items():
        parameters = model.parameters()

        def loss(values, model=model, x=x):
            output = model.replace(values)(x)
            output = output[0] if isinstance(output, tuple) else output
            return cr.mean(cr.sin(output))

        gradient = cr.grad(loss)(parameters)
        worst = 0.0
        for _ in range(3):
            v = {path: cr.tensor(rng.normal(size=p.shape)) for path, p in parameters.items()}
            ends = [
                loss({path: p + sign * H * v[path] for path, p in parameters.items()}).item()
                for sign in (1, -1)
            ]
            numerical = (ends[0] - ends[1]) / (2 * H)
            exact = sum((gradient[path] * v[path]).sum().item() for path in parameters)
            worst = max(worst, abs(exact - numerical))
        size = np.sqrt(sum((g.numpy() ** 2).sum() for g in gradient.values()))
        yield measured(f"{name}: largest deviation / ‖∇L‖", worst / size, at_most(1e-6))


claim = Claim(
    title="One rule for all architectures",
    statement="The same backpropagation works for convolutional, recurrent and Transformer "
    "networks.",
    experiment=experiment,
    chapter=Chapter.LOSSES,
)
