"""`chainrule train digits`: a network that reads small handwritten digits."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

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
    widths_of,
)
from chainrule.cli.train.reading import CLASSES, Reader, learn_to_read
from chainrule.tensor import Tensor

__all__ = ["EXAMPLE", "convolutional", "digits", "perceptron"]

EXAMPLE = "chainrule train digits --epochs 10 --hidden 64 --out runs/small"

SIDE = 8


def perceptron(hidden: tuple[int, ...] = (256, 128), *, key: Tensor) -> nn.MLP:
    """64 pixels to the scores of ten digits."""
    return nn.MLP(SIDE * SIDE, hidden, CLASSES, key=key)


def convolutional(*, key: Tensor) -> nn.Sequential:
    """Two convolutions 3×3, a pooling to 4×4, a third convolution and a linear layer."""
    keys = random.split(key, 5)
    return nn.Sequential(
        nn.Function(_as_images),
        nn.Conv2d(1, 32, 3, padding=1, key=keys[0]),
        nn.ReLU(),
        nn.Conv2d(32, 32, 3, padding=1, key=keys[1]),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1, key=keys[2]),
        nn.ReLU(),
        nn.Flatten(),
        nn.Dropout(0.3, key=keys[3]),
        nn.Linear(64 * 16, CLASSES, key=keys[4]),
    )


def _as_images(rows: Tensor) -> Tensor:
    images: Tensor = rows.reshape((-1, 1, SIDE, SIDE))
    return images


def digits(
    network: Annotated[
        Literal["mlp", "cnn"],
        typer.Option(help="A multilayer perceptron, or a convolutional network."),
    ] = "mlp",
    epochs: Epochs = 30,
    batch_size: BatchSize = 64,
    learning_rate: LearningRate = 3e-3,
    hidden: Annotated[
        str, typer.Option(help="Widths of the hidden layers of the mlp; empty for none.")
    ] = "256,128",
    label_smoothing: Annotated[
        float,
        typer.Option(min=0, max=1, help="Share of each label spread over all classes."),
    ] = 0.1,
    seed: Seed = 0,
    out: Out = Path("runs/digits"),
    plots: Plots = True,
) -> None:
    """Train a network to read handwritten digits.

    A multilayer perceptron or a convolutional network learns 1,438 of the 1,797 images (8×8 pixels)
    of the UCI set of handwritten digits, with cross-entropy and Adam, and is tested on the other
    359, which it never learns from. Shows the progress, and in the end the accuracy and the
    gradient norm of each layer; saves the model, the training curves and the digits it got wrong.
    """
    widths = widths_of(hidden)
    console = output.console()
    with guarded(out):
        training, test = data.load_digits().split(test=0.2, seed=seed)
        weights_key, shuffling_key = random.split(random.key(seed))
        if network == "mlp":
            model: nn.Sequential = perceptron(widths, key=weights_key)
            code = f"digits.perceptron({widths}, key=random.key(0))"
        else:
            model = convolutional(key=weights_key)
            code = "digits.convolutional(key=random.key(0))"
        reader = Reader(
            task="digits",
            title="Handwritten digits",
            model=model,
            code=code,
            training=training,
            test=test,
            source=data.Loader(training, batch_size, key=shuffling_key),
            side=SIDE,
        )
        learn_to_read(
            reader,
            console,
            optimizer=optim.adam(learning_rate),
            epochs=epochs,
            label_smoothing=label_smoothing,
            seed=seed,
            out=out,
            plots=plots,
            metadata={"network": network, "hidden": list(widths) if network == "mlp" else None},
        )
