"""What the tasks share in which a network learns to read digits."""

from __future__ import annotations

import dataclasses
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from chainrule import data, functions, nn, optim, train
from chainrule.cli import output
from chainrule.cli.train.pictures import draw
from chainrule.tensor import no_grad, tensor

__all__ = ["CLASSES", "Reader", "learn_to_read"]

CLASSES = 10


@dataclasses.dataclass(frozen=True)
class Reader:
    """A network and the images that it learns.

    Attributes:
        task: the name of the command.
        title: what the data are called above pictures.
        model: the network, from images to the scores of ten digits.
        code: Python that makes such a network, with the task's module at hand.
        training, test: the images to learn and those held out.
        source: the batches of the images to learn.
        side: pixels of a side of an image.
    """

    task: str
    title: str
    model: nn.Module
    code: str
    training: data.Dataset
    test: data.Dataset
    source: data.Loader
    side: int


def learn_to_read(
    reader: Reader,
    console: Console,
    *,
    optimizer: optim.Optimizer,
    schedule: optim.Schedule | None = None,
    epochs: int,
    label_smoothing: float,
    seed: int,
    out: Path,
    plots: bool,
    metadata: dict[str, Any],
) -> None:
    """Train, test, draw and save; says on the console what happens.

    Raises:
        typer.Exit: with code 130 after an interrupt, when all is saved.
    """
    training, test, model = reader.training, reader.test, reader.model
    least = _least_loss(label_smoothing)
    console.print(
        f"[bold]data[/]      {len(training) + len(test):,} handwritten digits, "
        f"{reader.side}×{reader.side} pixels, {CLASSES} classes: {len(training):,} for training, "
        f"{len(test):,} held out for the test"
    )
    console.print(f"[bold]network[/]   {_architecture(model)}, {_count(model):,} parameters")
    smoothed = (
        f" with labels smoothed by {label_smoothing:g} (least possible loss {least:.4f})"
        if label_smoothing
        else ""
    )
    console.print(
        f"[bold]training[/]  cross-entropy{smoothed}, {optimizer}"
        f"{f' times {schedule}' if schedule else ''}, batches of {reader.source.batch_size}, "
        f"seed {seed}"
    )
    run = train.fit(
        model,
        partial(nn.cross_entropy, label_smoothing=label_smoothing),
        reader.source,
        optimizer=optimizer,
        schedule=schedule,
        epochs=epochs,
        validation=test,
        metrics=[train.accuracy],
        callbacks=[train.ProgressBar(console, held_out="test")],
        progress=False,
    )
    console.print("\n[bold]gradient of the last training step[/]")
    console.print(_layer_table(console, run))
    logits = _logits(model, test)
    accuracy = float((logits.argmax(axis=1) == test.targets).mean())
    _say_accuracy(reader, console, run, accuracy)
    path = train.save(
        model,
        out / "model.safetensors",
        {
            "task": reader.task,
            **metadata,
            "seed": seed,
            "epochs": len(run.history),
            "steps": run.steps,
            "test_accuracy": accuracy,
        },
    )
    if plots and run.history:
        curves = partial(
            train.plot_curves,
            run,
            out / "curves.png",
            f"{reader.title}: {accuracy:.1%} of the test images right",
            held_out=f"test ({len(test)} images, not learned from)",
            loss="cross-entropy (mean over images, nats)",
            least=least if label_smoothing else None,
        )
        draw(console, curves, partial(_draw_mistakes, reader, logits, out / "mistakes.png"))
    console.print(f"model              {escape(str(path))}; to load it:")
    console.print(escape(_loading(reader, path)), style="cyan")
    if run.ended == "interrupted":
        console.print(f"[yellow]interrupted after {run.steps:,} steps; what was learned is kept[/]")
        raise typer.Exit(130)


def _say_accuracy(reader: Reader, console: Console, run: train.Run, accuracy: float) -> None:
    count = len(reader.test)
    on_training = train.evaluate(
        reader.model, nn.cross_entropy, reader.training, metrics=[train.accuracy]
    )["accuracy"]
    console.print(f"training accuracy  {on_training:.2%}")
    console.print(
        f"[bold]test accuracy      {accuracy:.2%}[/]  ({round(accuracy * count)} of {count} right)"
    )
    guessing = np.bincount(reader.training.targets).max() / len(reader.training)
    if run.ended == "finished" and on_training < 2 * guessing:
        console.print(
            f"[yellow]the network has hardly learned: naming always the same digit gives "
            f"{guessing:.2%}; try another --learning-rate or more --epochs[/]",
            soft_wrap=True,
        )
    console.print(f"time               {run.seconds:.1f} s, {run.steps:,} steps")


def _draw_mistakes(reader: Reader, logits: np.ndarray, path: Path) -> Path:
    test = reader.test
    wrong = int((logits.argmax(axis=1) != test.targets).sum())
    return train.plot_mistakes(
        test.inputs.reshape(-1, reader.side, reader.side),
        test.targets,
        functions.softmax(tensor(logits), axis=1).numpy(),
        path,
        f"{wrong} of {len(test)} test images read wrongly, the most confident first",
    )


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


_WEIGHTED = (nn.Linear, nn.Conv2d)


def _weighted(model: nn.Module) -> list[tuple[str, Any]]:
    return [(path, layer) for path, layer in model.modules() if isinstance(layer, _WEIGHTED)]


def _ends(layer: Any) -> tuple[int, int]:
    """Inputs and outputs, or channels, of a layer."""
    outputs, inputs = layer.weight.shape[:2]
    return inputs, outputs


def _architecture(model: nn.Module) -> str:
    """The widths, and the kernels of convolutions: ``64 → 256 → 10``."""
    layers = [layer for _, layer in _weighted(model)]
    text = str(_ends(layers[0])[0])
    for layer in layers:
        size = layer.weight.shape[2:]
        text += f" → {'×'.join(map(str, size)) + ' ' if size else ''}{_ends(layer)[1]}"
    return f"{text}, relu"


def _layer_table(console: Console, run: train.Run) -> Table:
    """Each layer with its parameters and the norms of the last gradient."""
    headings = ("layer", "inputs → outputs", "parameters", "‖∂L/∂weight‖", "‖∂L/∂bias‖")
    table = output.table(console, *headings)
    for path, layer in _weighted(run.model):
        inputs, outputs = _ends(layer)
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


def _loading(reader: Reader, path: Path) -> str:
    return (
        "  from chainrule import random, train\n"
        f"  from chainrule.cli.train import {reader.task}\n"
        f"  model = {reader.code}\n"
        f"  train.load(model, {str(path)!r})"
    )
