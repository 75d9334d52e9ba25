"""`chainrule train digits`: a network that reads small handwritten digits."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from chainrule import data, functions, nn, optim, random, train
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
from chainrule.core.errors import MissingExtraError
from chainrule.tensor import no_grad, tensor

__all__ = ["EXAMPLE", "digits", "widths_of"]

EXAMPLE = "chainrule train digits --epochs 10 --hidden 64 --out runs/small"

CLASSES = 10
PIXELS = 64


def widths_of(text: str) -> tuple[int, ...]:
    """The widths in ``"128,64"``; none in an empty text."""
    try:
        widths = tuple(int(part) for part in text.split(",") if part.strip())
    except ValueError:
        widths = (0,)
    if any(width < 1 for width in widths):
        raise typer.BadParameter(
            f"{text!r} is no list of layer widths; write whole numbers above 0 with commas "
            "between them, such as 128,64",
            param_hint="'--hidden'",
        )
    return widths


def digits(
    epochs: Epochs = 30,
    batch_size: BatchSize = 64,
    learning_rate: LearningRate = 3e-3,
    hidden: Annotated[
        str, typer.Option(help="Widths of the hidden layers; empty for none.")
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

    A multilayer perceptron learns 1,438 of the 1,797 images (8×8 pixels) of the UCI set of
    handwritten digits, with cross-entropy and Adam, and is tested on the other 359, which it never
    learns from. Shows the progress, and in the end the accuracy and the gradient norm of each
    layer; saves the model, the training curves and the digits it got wrong.
    """
    console = output.console()
    widths = widths_of(hidden)
    with guarded(out):
        _digits(
            console, epochs, batch_size, learning_rate, widths, label_smoothing, seed, out, plots
        )


def _digits(
    console: Console,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    widths: tuple[int, ...],
    label_smoothing: float,
    seed: int,
    out: Path,
    plots: bool,
) -> None:
    training, test = data.load_digits().split(test=0.2, seed=seed)
    weights_key, shuffling_key = random.split(random.key(seed))
    model = nn.MLP(PIXELS, widths, CLASSES, key=weights_key)
    optimizer = optim.adam(learning_rate)
    loss = partial(nn.cross_entropy, label_smoothing=label_smoothing)
    console.print(
        f"[bold]data[/]      {len(training) + len(test):,} handwritten digits, 8×8 pixels, "
        f"{CLASSES} classes: {len(training):,} for training, {len(test):,} held out for the test"
    )
    least = _least_loss(label_smoothing)
    smoothed = (
        f" with labels smoothed by {label_smoothing:g} (least possible loss {least:.4f})"
        if label_smoothing
        else ""
    )
    console.print(
        f"[bold]network[/]   {' → '.join(map(str, (PIXELS, *widths, CLASSES)))}, relu, "
        f"{_count(model):,} parameters"
    )
    console.print(
        f"[bold]training[/]  cross-entropy{smoothed}, {optimizer}, batches of {batch_size}, "
        f"seed {seed}"
    )

    run = train.fit(
        model,
        loss,
        training,
        optimizer=optimizer,
        epochs=epochs,
        batch_size=batch_size,
        validation=test,
        metrics=[train.accuracy],
        key=shuffling_key,
        callbacks=[train.ProgressBar(console, held_out="test")],
        progress=False,
    )

    console.print("\n[bold]gradient of the last training step[/]")
    console.print(_layer_table(console, run))
    logits = _logits(model, test)
    right = int((logits.argmax(axis=1) == test.targets).sum())
    on_training = train.evaluate(model, loss, training, metrics=[train.accuracy])
    accuracy = right / len(test)
    console.print(f"training accuracy  {on_training['accuracy']:.2%}")
    console.print(f"[bold]test accuracy      {accuracy:.2%}[/]  ({right} of {len(test)} right)")
    guessing = np.bincount(training.targets).max() / len(training)
    if run.ended == "finished" and on_training["accuracy"] < 2 * guessing:
        console.print(
            f"[yellow]the network has hardly learned: naming always the same digit gives "
            f"{guessing:.2%}; try another --learning-rate (now {learning_rate:g}) or more "
            "--epochs[/]",
            soft_wrap=True,
        )
    console.print(f"time               {run.seconds:.1f} s, {run.steps:,} steps")

    path = train.save(
        model,
        out / "model.safetensors",
        {
            "task": "digits",
            "hidden": list(widths),
            "seed": seed,
            "epochs": len(run.history),
            "steps": run.steps,
            "test_accuracy": accuracy,
        },
    )
    if plots:
        _draw(console, run, test, logits, accuracy, least if label_smoothing else None, out)
    console.print(f"model              {escape(str(path))}; to load it:")
    console.print(escape(_loading(path, widths)), style="cyan")
    if run.ended == "interrupted":
        console.print(f"[yellow]interrupted after {run.steps:,} steps; what was learned is kept[/]")
        raise typer.Exit(130)


def _draw(
    console: Console,
    run: train.Run,
    test: data.Dataset,
    logits: np.ndarray,
    accuracy: float,
    least: float | None,
    out: Path,
) -> None:
    if not run.history:
        return
    try:
        curves = train.plot_curves(
            run,
            out / "curves.png",
            f"Handwritten digits: {accuracy:.1%} of the test images right",
            held_out=f"test ({len(test)} images, not learned from)",
            loss="cross-entropy (mean over images, nats)",
            least=least,
        )
        probabilities = functions.softmax(tensor(logits), axis=1).numpy()
        wrong = int((logits.argmax(axis=1) != test.targets).sum())
        mistakes = train.plot_mistakes(
            test.inputs.reshape(-1, 8, 8),
            test.targets,
            probabilities,
            out / "mistakes.png",
            f"{wrong} of {len(test)} test images read wrongly, the most confident first",
        )
    except MissingExtraError as missing:
        console.print(f"[yellow]no pictures:[/] {escape(output.message(missing))}", soft_wrap=True)
        return
    console.print(f"pictures           {escape(str(curves))}, {escape(str(mistakes))}")


def _least_loss(label_smoothing: float) -> float:
    """The entropy of a smoothed label in nats: the cross-entropy of a network that gives it."""
    label = np.full(CLASSES, label_smoothing / CLASSES)
    label[0] += 1 - label_smoothing
    possible = label[label > 0]
    return float(-(possible * np.log(possible)).sum())


def _logits(model: nn.Module, test: data.Dataset) -> np.ndarray:
    with no_grad():
        logits: np.ndarray = model(tensor(test.inputs)).numpy()
    return logits


def _layer_table(console: Console, run: train.Run) -> Table:
    """Each layer with its parameters and the norms of the last gradient."""
    headings = ("layer", "inputs → outputs", "parameters", "‖∂L/∂weight‖", "‖∂L/∂bias‖")
    table = output.table(console, *headings)
    for path, layer in run.model.modules():
        if isinstance(layer, nn.Linear):
            outputs, inputs = layer.weight.shape
            norms = [
                f"{np.linalg.norm(run.gradients[f'{path}.{name}'].numpy()):.2e}"
                if f"{path}.{name}" in run.gradients
                else ""
                for name in ("weight", "bias")
            ]
            table.add_row(path, f"{inputs} → {outputs}", f"{_count(layer):,}", *norms)
    table.add_section()
    table.add_row("all", "", f"{_count(run.model):,}")
    return table


def _count(model: nn.Module) -> int:
    return sum(parameter.size for parameter in model.parameters().values())


def _loading(path: Path, widths: tuple[int, ...]) -> str:
    return (
        "  from chainrule import nn, random, train\n"
        f"  model = nn.MLP({PIXELS}, {widths}, {CLASSES}, key=random.key(0))\n"
        f"  train.load(model, {str(path)!r})"
    )
