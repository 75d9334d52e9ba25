"""Networks that read digits: `chainrule train digits` and `chainrule train mnist`."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from bench.tasks.loop import Batch, Fitted, Twin, fitted_task, scheduled, with_weights_of
from bench.tasks.task import defaults
from chainrule import data, nn, optim, random, train
from chainrule.cli.train import digits, mnist
from chainrule.cli.train.reading import CLASSES

Augment = Callable[[torch.Tensor], torch.Tensor]


def _fitted(
    examples: data.Dataset, network: Callable[..., nn.Module], options: dict[str, Any], seed: int
) -> Fitted:
    training, test = examples.split(test=0.2, seed=seed)
    weights_key, shuffling_key = random.split(random.key(seed))
    return Fitted(
        model=network(key=weights_key),
        loss=partial(nn.cross_entropy, label_smoothing=options["label_smoothing"]),
        source=data.Loader(training, options["batch_size"], key=shuffling_key),
        optimizer=optim.adam(options["learning_rate"]),
        held_out=(test.inputs, test.targets),
        metric=train.accuracy,
    )


def _twin(
    model: torch.nn.Module,
    options: dict[str, Any],
    fitted: Fitted,
    epochs: int,
    augment: Augment | None = None,
) -> Twin:
    """The twin, whose batches have our order: it is drawn before the clock starts."""
    source = fitted.source
    assert isinstance(source, data.Loader)
    inputs, targets = torch.tensor(source.data.inputs), torch.tensor(source.data.targets)
    orders = [torch.tensor(source.order(epoch)) for epoch in range(1, epochs + 1)]
    test, labels = (torch.tensor(values) for values in fitted.held_out)
    optimizer = torch.optim.Adam(
        with_weights_of(fitted.model, model).parameters(), options["learning_rate"], fused=True
    )

    def batches(epoch: int) -> Iterator[Batch]:
        for rows in orders[epoch - 1].split(source.batch_size):
            images = inputs[rows]
            yield images if augment is None else augment(images), targets[rows]

    return Twin(
        model=model,
        loss=partial(functional.cross_entropy, label_smoothing=options["label_smoothing"]),
        optimizer=optimizer,
        batches=batches,
        score=lambda model: (model(test).argmax(1) == labels).double().mean().item(),
        schedule=(
            None
            if fitted.schedule is None
            else scheduled(optimizer, fitted.schedule, epochs * source.steps_per_epoch)
        ),
    )


# -- digits ----------------------------------------------------------------------------------------

DIGITS = defaults(digits.digits)


def digits_mlp(epochs: int, seed: int) -> Fitted:
    return _fitted(data.load_digits(), digits.perceptron, DIGITS, seed)


def digits_cnn(epochs: int, seed: int) -> Fitted:
    return _fitted(data.load_digits(), digits.convolutional, DIGITS, seed)


def digits_mlp_twin(fitted: Fitted, epochs: int) -> Twin:
    model = torch.nn.Sequential(
        torch.nn.Linear(64, 256),
        torch.nn.ReLU(),
        torch.nn.Linear(256, 128),
        torch.nn.ReLU(),
        torch.nn.Linear(128, CLASSES),
    )
    return _twin(model, DIGITS, fitted, epochs)


def digits_cnn_twin(fitted: Fitted, epochs: int) -> Twin:
    model = torch.nn.Sequential(
        torch.nn.Unflatten(1, (1, digits.SIDE, digits.SIDE)),
        torch.nn.Conv2d(1, 32, 3, padding=1),
        torch.nn.ReLU(),
        torch.nn.Conv2d(32, 32, 3, padding=1),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(2),
        torch.nn.Conv2d(32, 64, 3, padding=1),
        torch.nn.ReLU(),
        torch.nn.Flatten(),
        torch.nn.Dropout(0.3),
        torch.nn.Linear(64 * 16, CLASSES),
    )
    return _twin(model, DIGITS, fitted, epochs)


# -- MNIST -----------------------------------------------------------------------------------------

MNIST = defaults(mnist.mnist)


def mnist_cnn(epochs: int, seed: int) -> Fitted:
    fitted = _fitted(data.load_mnist(), mnist.network, MNIST, seed)
    plain = fitted.source
    assert isinstance(plain, data.Loader)
    source = data.Loader(
        plain.data, plain.batch_size, key=plain.key, transform=mnist.augmentation(), prefetch=2
    )
    return dataclasses.replace(fitted, source=source, schedule=optim.cosine_decay(1.0))


def mnist_twin(fitted: Fitted, epochs: int, augment: Augment | None = None) -> Twin:
    def stage(before: int, after: int, size: int) -> tuple[torch.nn.Module, ...]:
        return (
            torch.nn.Conv2d(before, after, size, padding=size // 2),
            torch.nn.BatchNorm2d(after),
            torch.nn.ReLU(),
            torch.nn.MaxPool2d(2),
        )

    model = torch.nn.Sequential(
        *stage(1, 24, 5),
        *stage(24, 48, 5),
        *stage(48, 96, 3),
        torch.nn.Flatten(),
        torch.nn.Dropout(0.4),
        torch.nn.Linear(96 * 9, CLASSES),
    )
    return _twin(model, MNIST, fitted, epochs, augment or random_moves)


def random_moves(images: torch.Tensor) -> torch.Tensor:
    """Images shifted and turned by as much as in `mnist.augmentation`."""
    shifts = torch.randint(-mnist.SHIFT, mnist.SHIFT + 1, (len(images), 2)).float()
    bound = float(np.deg2rad(mnist.TURN))
    return moved(images, shifts, torch.empty(len(images)).uniform_(-bound, bound))


def moved(images: torch.Tensor, shifts: torch.Tensor, angles: torch.Tensor) -> torch.Tensor:
    """Images shifted by whole pixels (rows, columns) and turned by angles, in one sampling."""
    cosine, sine = angles.cos(), angles.sin()
    down, right = (shifts * 2 / (mnist.SIDE - 1)).unbind(1)
    first, second = torch.stack([cosine, sine, right], 1), torch.stack([-sine, cosine, down], 1)
    grid = functional.affine_grid(
        torch.stack([first, second], 1), list(images.shape), align_corners=True
    )
    return functional.grid_sample(images, grid, align_corners=True)


TASKS = (
    fitted_task(
        digits_mlp,
        digits_mlp_twin,
        name="digits_mlp",
        title="handwritten digits 8×8, perceptron",
        measure="accuracy",
        better="above",
        target=0.97,
        length=DIGITS["epochs"],
        quick=2,
    ),
    fitted_task(
        digits_cnn,
        digits_cnn_twin,
        name="digits_cnn",
        title="handwritten digits 8×8, convolutions",
        measure="accuracy",
        better="above",
        target=0.98,
        length=DIGITS["epochs"],
        quick=1,
    ),
    fitted_task(
        mnist_cnn,
        mnist_twin,
        name="mnist",
        title="MNIST, convolutions and augmentation",
        measure="accuracy",
        better="above",
        target=0.98,
        length=10,
        quick=1,
        note="augmentation: chainrule's by NumPy in a thread beside the steps, the same in PyTorch "
        "by one affine_grid and grid_sample of the batch",
    ),
)
