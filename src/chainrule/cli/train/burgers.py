"""`chainrule train burgers`: a network that solves a differential equation.

Nothing is learned from data: the loss is how far the network is from obeying the equation, and that
needs the network's second derivative in space, and then a gradient of it.

M. Raissi, P. Perdikaris, G. E. Karniadakis 2019 (Journal of Computational Physics 378), section 3.
"""

from __future__ import annotations

import math
import time
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.markup import escape

import chainrule as cr
from chainrule import nn, optim, random, train
from chainrule.cli import output
from chainrule.cli.train.options import (
    LearningRate,
    Out,
    Plots,
    Seed,
    guarded,
    widths_of,
)
from chainrule.cli.train.pictures import Curves, draw, lines
from chainrule.core.errors import NonFiniteError
from chainrule.tensor import Tensor

__all__ = [
    "EXAMPLE",
    "burgers",
    "exact",
    "grid",
    "make_step",
    "network",
    "residual",
    "solution",
    "values",
]

EXAMPLE = "chainrule train burgers --viscosity 0.03 --steps 3000"

TIMES = (0.25, 0.5, 0.75)


# -- the equation and its solution -----------------------------------------------------------------


def network(key: Tensor, hidden: tuple[int, ...] = (32,) * 5) -> nn.MLP:
    """A smooth network from (position, time) to one number."""
    return nn.MLP(2, hidden, 1, key=key, activation="tanh")


def solution(net: nn.Module, x: Tensor, t: Tensor) -> Tensor:
    """u(x, t) = −sin πx + t·(1 − x²)·network(x, t), which starts and ends at the right values.

    Args:
        net: from `network`.
        x: positions from −1 to 1, shape (n,).
        t: times from 0 to 1, shape (n,).
    """
    found = net(cr.stack([x, t], axis=-1))[..., 0]
    u: Tensor = -cr.sin(math.pi * x) + t * (1 - x**2) * found
    return u


def residual(net: nn.Module, x: Tensor, t: Tensor, viscosity: float) -> Tensor:
    """∂u/∂t + u·∂u/∂x − ν·∂²u/∂x², which is zero where Burgers' equation holds."""
    one = cr.ones_like(x)

    def slope(x: Tensor) -> Any:
        return cr.jvp(lambda x: solution(net, x, t), (x,), (one,))

    (u, u_x), (_, u_xx) = cr.jvp(slope, (x,), (one,))
    _, u_t = cr.jvp(lambda t: solution(net, x, t), (t,), (one,))
    left: Tensor = u_t + u * u_x - viscosity * u_xx
    return left


def exact(x: np.ndarray, t: np.ndarray, viscosity: float) -> np.ndarray:
    """The solution by E. Hopf's and J. D. Cole's formula, with 100 points of Gauss and Hermite.

    E. Hopf 1950 (Communications on Pure and Applied Mathematics 3), equation 12, for the start
    −sin πx; shapes (n,), times above 0. So many points are exact to 1e-4 of the largest value for
    viscosities up to ½, and to rounding below 0.1; a wider kernel has too many waves between them.
    """
    nodes, weights = np.polynomial.hermite.hermgauss(100)
    y = x[:, None] - nodes * np.sqrt(4 * viscosity * t)[:, None]
    density = weights * np.exp(-np.cos(np.pi * y) / (2 * np.pi * viscosity))
    value: np.ndarray = -(density * np.sin(np.pi * y)).sum(axis=1) / density.sum(axis=1)
    return value


def grid() -> tuple[np.ndarray, np.ndarray]:
    """Where solutions are compared: 201 positions at each of 100 times, shapes (20100,)."""
    x, t = np.meshgrid(np.linspace(-1, 1, 201), np.linspace(0.01, 1, 100))
    return x.ravel(), t.ravel()


def values(net: nn.Module, x: np.ndarray, t: np.ndarray) -> np.ndarray:
    """`solution` as an array."""
    with cr.no_grad():
        u = solution(net, cr.tensor(x.astype(np.float32)), cr.tensor(t.astype(np.float32)))
    found: np.ndarray = u.numpy()
    return found


def make_step(optimizer: optim.Optimizer, viscosity: float, points: int) -> Any:
    """The native step ``(network, state, key) -> (network, state, loss)`` on random points."""

    def loss(net: nn.Module, x: Tensor, t: Tensor) -> Tensor:
        return nn.mse(residual(net, x, t, viscosity), cr.zeros_like(x))

    def step(net: nn.Module, state: Any, key: Tensor) -> Any:
        x_key, t_key = random.split(key)
        x = random.uniform(x_key, (points,), low=-1.0, high=1.0, dtype="float32")
        t = random.uniform(t_key, (points,), dtype="float32")
        value, gradient = cr.value_and_grad(loss)(net, x, t)
        updates, state = optimizer.update(gradient, state, net)
        return optim.apply_updates(net, updates), state, value

    return cr.compile(step)


# -- the command -----------------------------------------------------------------------------------


def burgers(
    viscosity: Annotated[
        float,
        typer.Option(
            min=0.003,
            max=0.5,
            help="ν; the smaller, the steeper the shock that forms.",
            show_default="0.01/π",
        ),
    ] = 0.01 / math.pi,
    steps: Annotated[int, typer.Option(min=1, help="Optimizer steps.")] = 10_000,
    batch_size: Annotated[int, typer.Option(min=1, help="Random points a step.")] = 1024,
    learning_rate: LearningRate = 3e-3,
    hidden: Annotated[str, typer.Option(help="Widths of the hidden layers.")] = "32,32,32,32,32",
    seed: Seed = 0,
    out: Out = Path("runs/burgers"),
    plots: Plots = True,
) -> None:
    """Solve Burgers' equation u_t + u·u_x = ν·u_xx with a network.

    The network is trained to make the equation hold at random points, with the start −sin πx and
    walls at −1 and 1. A wave steepens into a shock. In the end it is compared with the exact
    solution.
    """
    widths = widths_of(hidden)
    with guarded(out):
        _burgers(
            output.console(),
            viscosity,
            steps,
            batch_size,
            learning_rate,
            widths,
            seed,
            out,
            plots,
        )


def _burgers(
    console: Console,
    viscosity: float,
    steps: int,
    points: int,
    learning_rate: float,
    widths: tuple[int, ...],
    seed: int,
    out: Path,
    plots: bool,
) -> None:
    weights_key, points_key = random.split(random.key(seed))
    net = network(weights_key, widths)
    optimizer = optim.adam(optim.cosine_decay(learning_rate, steps))
    console.print(
        f"[bold]equation[/]  u_t + u·u_x = ν·u_xx with ν = {viscosity:.4g}, u(x, 0) = −sin πx\n"
        f"[bold]network[/]   {' → '.join(map(str, (2, *widths, 1)))}, tanh\n"
        f"[bold]training[/]  mean squared residual at {points:,} random points a step, "
        f"{optimizer}, seed {seed}"
    )
    step = make_step(optimizer, viscosity, points)
    state: Any = optimizer.init(net)
    start = time.perf_counter()
    losses: list[float] = []
    seen: list[int] = []
    done = 0
    try:
        for number in range(steps):
            net, state, loss = step(net, state, random.fold_in(points_key, number))
            done += 1
            value = loss.item()
            if not math.isfinite(value):
                raise NonFiniteError(
                    f"step {done}: the loss is {value}. Try a smaller --learning-rate"
                )
            if number % max(1, steps // 200) == 0:
                losses.append(value)
                seen.append(done)
            if done % max(1, steps // 10) == 0:
                console.print(f"step {done:6,}/{steps:,}  loss {value:.2e}")
    except KeyboardInterrupt:
        console.print(f"[yellow]interrupted after {done:,} steps; what was learned is kept[/]")
    seconds = time.perf_counter() - start
    x, t = grid()
    wanted = exact(x, t, viscosity)
    error = values(net, x, t) - wanted
    relative = float(np.linalg.norm(error) / np.linalg.norm(wanted))
    console.print(
        f"[bold]error              {relative:.2%}[/] of the exact solution (root mean square; "
        f"largest {np.abs(error).max():.3f})"
    )
    console.print(f"time               {seconds:.1f} s")
    path = train.save(
        net,
        out / "model.safetensors",
        {"task": "burgers", "hidden": list(widths), "viscosity": viscosity, "error": relative},
    )
    if plots:
        pictures = [partial(_draw_solution, net, viscosity, relative, out / "solution.png")]
        if seen:
            pictures.append(
                partial(
                    lines,
                    out / "loss.png",
                    {"loss": (seen, losses)},
                    title="How far the network is from obeying the equation",
                    x="optimizer steps",
                    y="mean squared residual",
                    logarithmic=True,
                )
            )
        draw(console, *pictures)
    console.print(f"model              {escape(str(path))}")
    if done < steps:
        raise typer.Exit(130)


def _draw_solution(net: nn.Module, viscosity: float, error: float, path: Path) -> Path:
    x = np.linspace(-1, 1, 401)
    curves: Curves = {}
    for at in TIMES:
        curves[f"t = {at}, network"] = x, values(net, x, np.full_like(x, at))
    # one curve with gaps for all times: it lies on the others where the network is right
    right = [np.append(exact(x, np.full_like(x, at), viscosity), np.nan) for at in TIMES]
    curves["exact, at each time"] = np.tile(np.append(x, np.nan), 3), np.concatenate(right)
    title = f"Burgers' equation, ν = {viscosity:.3g}: error {error:.2%}"
    return lines(path, curves, title=title, x="position x", y="u(x, t)")
