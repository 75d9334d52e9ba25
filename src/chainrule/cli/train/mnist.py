"""`chainrule train mnist`: a convolutional network that reads the digits of MNIST."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from chainrule import data, nn, optim, random
from chainrule.cli import output
from chainrule.cli.train.options import (
    BatchSize,
    Epochs,
    LearningRate,
    Out,
    Plots,
    Seed,
    guarded,
)
from chainrule.cli.train.reading import CLASSES, Reader, learn_to_read
from chainrule.data import augment
from chainrule.tensor import Tensor

__all__ = ["EXAMPLE", "augmentation", "mnist", "network"]

EXAMPLE = "chainrule train mnist --epochs 5 --no-augment"

SIDE = 28
SHIFT = 2
"""Pixels by which an image is moved at most."""
TURN = 12
"""Degrees by which an image is turned at most."""


def network(*, key: Tensor) -> nn.Sequential:
    """Three convolutions, each with batch normalisation and a pooling, and a linear layer."""
    keys = random.split(key, 5)
    return nn.Sequential(
        *_stage(1, 24, 5, keys[0]),
        *_stage(24, 48, 5, keys[1]),
        *_stage(48, 96, 3, keys[2]),
        nn.Flatten(),
        nn.Dropout(0.4, key=keys[3]),
        nn.Linear(96 * 9, CLASSES, key=keys[4]),
    )


def _stage(before: int, after: int, size: int, key: Tensor) -> tuple[nn.Module, ...]:
    return (
        nn.Conv2d(before, after, size, padding=size // 2, key=key),
        nn.BatchNorm(after),
        nn.ReLU(),
        nn.MaxPool2d(2),
    )


def augmentation() -> augment.Augmentation:
    """Shifts by up to two pixels and turns by up to 12°: a digit stays what it is."""
    return augment.compose(augment.random_shift(SHIFT), augment.random_rotation(TURN))


def mnist(
    epochs: Epochs = 25,
    batch_size: BatchSize = 64,
    learning_rate: LearningRate = 3e-3,
    label_smoothing: Annotated[
        float,
        typer.Option(min=0, max=1, help="Share of each label spread over all classes."),
    ] = 0.05,
    augmented: Annotated[
        bool, typer.Option("--augment/--no-augment", help="Whether images are shifted and turned.")
    ] = True,
    seed: Seed = 0,
    out: Out = Path("runs/mnist"),
    plots: Plots = True,
) -> None:
    """Train a convolutional network to read the digits of MNIST.

    It learns 4,000 images of 28×28 pixels, shifted and turned a little differently in every epoch,
    with Adam and a learning rate that falls along a cosine, and is tested on 1,000 others, which it
    never learns from.
    """
    console = output.console()
    with guarded(out):
        training, test = data.load_mnist().split(test=0.2, seed=seed)
        weights_key, shuffling_key = random.split(random.key(seed))
        source = data.Loader(
            training,
            batch_size,
            key=shuffling_key,
            transform=augmentation() if augmented else None,
            prefetch=2,
        )
        learn_to_read(
            Reader(
                task="mnist",
                title="MNIST",
                model=network(key=weights_key),
                code="mnist.network(key=random.key(0))",
                training=training,
                test=test,
                source=source,
                side=SIDE,
            ),
            console,
            optimizer=optim.adam(learning_rate),
            schedule=optim.cosine_decay(1.0),
            epochs=epochs,
            label_smoothing=label_smoothing,
            seed=seed,
            out=out,
            plots=plots,
            metadata={"augmented": augmented},
        )
