"""What the tasks share: options that mean the same in each, and how mistakes are reported."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from tempfile import TemporaryFile
from typing import Annotated, Any, NoReturn

import typer
from rich.markup import escape

from chainrule.cli import output
from chainrule.core.errors import ChainRuleError

__all__ = ["BatchSize", "Epochs", "LearningRate", "Out", "Plots", "Seed", "guarded", "widths_of"]


def _learning_rate(value: float) -> float:
    if not 0 < value < float("inf"):
        raise typer.BadParameter(f"{value} is no learning rate; give a number above 0")
    return value


Epochs = Annotated[int, typer.Option(min=1, help="Passes over the training data.")]
BatchSize = Annotated[int, typer.Option(min=1, help="Examples a step.")]
LearningRate = Annotated[
    float, typer.Option(callback=_learning_rate, help="Step size of the optimizer.")
]
Seed = Annotated[int, typer.Option(min=0, help="Decides all that is random.")]
Out = Annotated[Path, typer.Option(file_okay=False, help="Folder for what is saved.")]
Plots = Annotated[bool, typer.Option("--plots/--no-plots", help="Whether to draw pictures (PNG).")]


@contextmanager
def guarded(out: Path | None) -> Iterator[None]:
    """Make the folder, and turn the errors of a task into messages with exit code 1.

    An interrupt that the task does not answer itself ends it with exit code 130.

    Args:
        out: where the task will save, or None if it saves nothing.

    Raises:
        typer.Exit: with these codes.
    """
    if out is not None:
        _make(out)
    try:
        with _one_thread():
            yield
    except ChainRuleError as error:
        _fail(output.message(error))
    except OSError as error:
        _fail(str(error))
    except KeyboardInterrupt:
        output.console(stderr=True).print("[yellow]interrupted[/]")
        raise typer.Exit(130) from None
    except MemoryError as error:
        _fail(f"not enough memory ({error}); try a smaller network or a smaller --batch-size")


def _make(out: Path) -> None:
    """Make the folder, and try whether it can be written to: better now than after the training."""
    doing = "created"
    try:
        out.mkdir(parents=True, exist_ok=True)
        doing = "written to"
        with TemporaryFile(dir=out):
            pass
    except OSError as error:
        _fail(f"the folder {out} of --out cannot be {doing} ({error.strerror}); choose another")


def _fail(text: str) -> NoReturn:
    output.console(stderr=True).print(f"[bold red]error:[/] {escape(text)}", soft_wrap=True)
    raise typer.Exit(1) from None


def _one_thread() -> AbstractContextManager[Any]:
    """One thread for matrix products, where threadpoolctl (it comes with scikit-learn) is there.

    The matrices are small: several threads would mostly wait for each other, ten times as long on
    a busy machine. `make demo` asks for one by the environment (OPENBLAS_NUM_THREADS and its like),
    which NumPy reads when it is imported; for a process that is running there is threadpoolctl.
    """
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:
        return nullcontext()
    limits: AbstractContextManager[Any] = threadpool_limits(1)
    return limits


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
