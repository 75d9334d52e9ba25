"""The learning-rate range test: which step sizes a network bears, found in one short run."""

from __future__ import annotations

import dataclasses
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.core.errors import DomainError
from chainrule.nn.module import Module
from chainrule.optim.descent import sgd
from chainrule.optim.transform import Optimizer
from chainrule.pictures.figure import BLUE, VERMILION, new_figure
from chainrule.tensor import Tensor, tensor
from chainrule.train.guard import NonFiniteError
from chainrule.train.loop import fit
from chainrule.train.plots import save_figure
from chainrule.train.run import Callback, Run
from chainrule.train.step import Loss, Penalty

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["RangeTest", "find_lr"]

LEAST = 10
"""Fewer steps show nothing."""

DIVERGED, TOGETHER = 2.0, 3
"""The test ends where the mean of some losses is above all before, by a multiple of their range."""


@dataclasses.dataclass(frozen=True)
class RangeTest:
    """The loss as the learning rate grows from step to step.

    Attributes:
        rates: of the steps, growing by the same factor each time, shape (steps,).
        losses: `adjusted`, smoothed by a Gaussian window over neighbouring steps, which does not
            shift the curve to greater rates as a running mean would; shape (steps,).
        raw: as they were measured, shape (steps,).
        start: those of the network as it was given, on the same batches, shape (steps,).
    """

    rates: np.ndarray
    losses: np.ndarray
    raw: np.ndarray
    start: np.ndarray

    @property
    def adjusted(self) -> np.ndarray:
        """raw − start + mean(start), shape (steps,): what training has changed.

        Some batches are harder than others, by far more than a step changes the loss. The
        difference of two networks on one batch has little of that noise.
        """
        adjusted: np.ndarray = self.raw - self.start + self.start.mean()
        return adjusted

    @property
    def suggestion(self) -> float:
        """The rate at which the smoothed loss falls most steeply against log rate, before its
        least value.

        Raises:
            DomainError: if the least value is that of the first rates.
        """
        least = int(self.losses.argmin())
        if least < 2:
            raise DomainError(
                "find_lr: the loss does not fall at any rate; begin with a smaller one (low=…)"
            )
        slopes = np.gradient(self.losses[: least + 1], np.log(self.rates[: least + 1]))
        return float(self.rates[slopes.argmin()])

    def __repr__(self) -> str:
        try:
            found = f"suggestion {self.suggestion:.1e}"
        except DomainError:
            found = "no suggestion"
        low, high = self.rates[0], self.rates[-1]
        return f"RangeTest({len(self.rates)} rates from {low:.1e} to {high:.1e}, {found})"

    def plot(self, path: str | os.PathLike[str] | None = None) -> Figure | Path:
        """Draw the losses over the rates: a figure, which notebooks show, or a PNG file.

        Raises:
            MissingExtraError: without matplotlib.
        """
        figure = new_figure(6.4, 4.2)
        ax = figure.subplots()
        each = self.adjusted
        ax.plot(self.rates, each, color="0.75", linewidth=1.0, label="each batch")
        ax.plot(self.rates, self.losses, color=BLUE, linewidth=1.8, label="smoothed")
        try:
            rate = self.suggestion
        except DomainError:
            pass
        else:
            label = f"suggestion: {rate:.1e}"
            ax.axvline(rate, color=VERMILION, linestyle="--", linewidth=1.4, label=label)
        until = int(self.losses.argmin()) + 1  # what comes after may be a thousand times as large
        low, high = each[:until].min(), max(each[:until].max(), self.losses[:until].max())
        margin = 0.05 * (high - low)
        ax.set_ylim(low - margin, high + margin)
        ax.set_xscale("log")
        ax.set_xlabel("learning rate")
        ax.set_ylabel("loss of a batch, adjusted for its difficulty")
        ax.set_title("Learning-rate range test")
        ax.grid(alpha=0.25)
        ax.spines[["top", "right"]].set_visible(False)
        ax.legend(frameon=False)
        return figure if path is None else save_figure(figure, path)


def find_lr(
    model: Module,
    loss: Loss,
    data: Any,
    *,
    optimizer: Optimizer | Callable[[float], Optimizer],
    low: float = 1e-7,
    high: float = 10.0,
    steps: int = 100,
    smoothing: float = 4.0,
    penalty: Penalty | None = None,
    batch_size: int | None = None,
    key: Tensor | None = None,
    compile: bool = True,
) -> RangeTest:
    """Train a copy for some steps while the learning rate grows from ``low`` to ``high``.

    At step t of n the rate is low·(high / low)^(t / (n − 1)); Smith 2017 (WACV), section 3.3, there
    with a rate that grows linearly. Too small a rate leaves the loss as it is, a good one lowers
    it, too large a one raises it. The test ends early where the loss is far above all losses
    before, or no number any more. The model stays as it is. The network as it is given is measured
    on the same batches, to tell what a step has changed from what makes batches differ.

    Args:
        model, loss, data, penalty, batch_size, key, compile: as for `fit`.
        optimizer: a function of the learning rate, such as ``cr.optim.adam``, that is called with
            1 and whose updates are scaled by the rate; or an optimizer, whose updates are: then the
            rates are factors on its own learning rate.
        low, high: the least and the greatest rate.
        steps: how many there are.
        smoothing: the standard deviation, in steps, of the window that smooths the losses.

    Raises:
        DomainError: for values out of range, or if the first loss is no number.

    >>> import chainrule as cr
    >>> x = cr.random.normal(cr.random.key(0), (256, 1))
    >>> model = cr.nn.Linear(1, 1, key=cr.random.key(1))
    >>> found = cr.train.find_lr(
    ...     model, cr.nn.mse, (x, 3 * x + 2), optimizer=cr.optim.sgd, low=1e-4, high=100.0
    ... )
    >>> 0.01 < found.suggestion < 1
    True
    """
    if not 0 < low < high < float("inf") or steps < LEAST or not smoothing > 0:
        raise DomainError(
            f"find_lr: 0 < low < high, steps is at least {LEAST}, and smoothing above 0; "
            f"got low={low}, high={high}, steps={steps} and smoothing={smoothing}"
        )
    chosen = optimizer if isinstance(optimizer, Optimizer) else optimizer(1.0)
    growth = np.log(high / low) / (steps - 1)

    def measured(
        updates: Optimizer, schedule: Callable[[Tensor], Any] | None, most: int
    ) -> np.ndarray:
        recorder = _Recorder()
        try:
            fit(
                _copy(model),
                loss,
                data,
                optimizer=updates,
                schedule=schedule,
                penalty=penalty,
                epochs=most,  # there is a batch in each at least
                max_steps=most,
                batch_size=batch_size,
                key=key,
                callbacks=[recorder],
                progress=False,
                compile=compile,
            )
        except NonFiniteError:
            if not recorder.raw:
                raise
        return np.array(recorder.raw)

    raw = measured(chosen, lambda step: low * (growth * step).exp(), steps)
    with warnings.catch_warnings(action="ignore"):  # they were given in the first run
        start = measured(sgd(0.0), None, len(raw))
    raw = raw[: len(start)]
    rates = low * np.exp(growth * np.arange(len(raw)))
    adjusted = raw - start + start.mean()
    return RangeTest(rates, _smoothed(adjusted, smoothing), raw, start)


def _copy(model: Module) -> Module:
    own = model.parameters()
    values = {
        path: tensor(value.numpy().copy(), requires_grad=path in own)
        for path, value in model.state_dict().items()
    }
    return model.replace(values)


def _smoothed(values: np.ndarray, width: float) -> np.ndarray:
    """Means under a Gaussian window of this standard deviation, which is cut off at the ends."""
    places = np.arange(len(values))
    weights = np.exp(-0.5 * ((places[:, None] - places) / width) ** 2)
    means: np.ndarray = weights @ values / weights.sum(axis=1)
    return means


class _Recorder(Callback):
    """Notes the loss of each step, and ends the run where it has become large."""

    def __init__(self) -> None:
        self.raw: list[float] = []

    def stepped(self, run: Run, measured: dict[str, float]) -> None:
        self.raw.append(measured["loss"] + measured.get("penalty", 0.0))
        now, before = np.mean(self.raw[-TOGETHER:]), np.array(self.raw[:-TOGETHER])
        if (
            len(before) >= LEAST
            and now > before.max()
            and now - before.min() > DIVERGED * np.ptp(before)
        ):
            run.stop("the loss has become large")
