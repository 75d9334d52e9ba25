"""Checking automatic derivatives against numerical ones.

The numerical derivative along a direction is Ridders' method: central differences with shrinking
steps, extrapolated to step zero by Neville's scheme, which also estimates its own error. (Ridders,
Accurate computation of F′(x) and F′(x)F″(x), 1982.)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from chainrule.calculus.first import vjp
from chainrule.calculus.linearize import Function
from chainrule.core.errors import DomainError, DTypeError, GradientError
from chainrule.core.tree import Tree, flatten, paths
from chainrule.lift import as_node
from chainrule.tensor import Tensor, no_grad, tensor

Verdict = Literal["ok", "wrong", "kink", "jump", "unreliable"]

STEPS = 8  # sizes of the central difference
SHRINK = 2.0  # ratio between them


@dataclass(frozen=True)
class Comparison:
    """One directional derivative, automatic against numerical.

    Attributes:
        where: the entry, such as ``x[0, 2]``, or ``direction 1``.
        automatic: ∇f·v by reverse mode.
        numerical: the same by differences.
        uncertainty: the error that the numerical method estimates for itself.
        verdict: "ok", "wrong", "kink" (one-sided slopes differ: there is no derivative to compare
            with), "jump" (the value jumps or has a pole) or "unreliable" (the numerical derivative
            is too uncertain to judge).
        slopes: the slopes from the left and from the right.
    """

    where: str
    automatic: float
    numerical: float
    uncertainty: float
    verdict: Verdict
    slopes: tuple[float, float]

    @property
    def error(self) -> float:
        """|automatic − numerical|, relative where the derivative is larger than 1."""
        return abs(self.automatic - self.numerical) / max(1.0, abs(self.numerical))


@dataclass(frozen=True, repr=False)
class GradientCheck:
    """The result of `check_gradient`: true if nothing is wrong; print it for the report."""

    comparisons: tuple[Comparison, ...]
    tolerance: float
    skipped: int = 0

    @property
    def ok(self) -> bool:
        """Whether no entry is wrong. Kinks and unreliable entries are reported, not failed."""
        return not any(c.verdict == "wrong" for c in self.comparisons)

    def __bool__(self) -> bool:
        return self.ok

    @property
    def worst(self) -> Comparison:
        """The comparison with the largest error among those that could be judged.

        A wrong entry comes before a wrong direction, which only says that some entry is wrong.
        """
        judged = [c for c in self.comparisons if c.verdict in ("ok", "wrong")]
        wrong = [c for c in judged if c.verdict == "wrong" and not c.where.startswith("direction")]
        return max(wrong or judged or self.comparisons, key=lambda c: c.error)

    def __repr__(self) -> str:
        counts = {v: [c for c in self.comparisons if c.verdict == v] for v in get_args(Verdict)}
        total = len(self.comparisons)
        head = "gradient agrees" if self.ok else "GRADIENT IS WRONG"
        if self.ok and not counts["ok"]:
            head = "nothing could be judged"
        lines = [f"{head}: {len(counts['ok'])} of {total} derivatives within {self.tolerance:g}"]
        w = self.worst
        if w.verdict in ("ok", "wrong"):
            lines.append(
                f"  worst: {w.where}: automatic {w.automatic:.10g}, numerical {w.numerical:.10g} "
                f"(error {w.error:.1e}, numerical uncertainty {w.uncertainty:.1e})"
            )
        for verdict in ("wrong", "kink", "jump", "unreliable"):
            for c in counts[verdict][:5]:
                lines.append(f"  {verdict}: {c.where}: {_explain(c)}")
            if len(counts[verdict]) > 5:
                lines.append(f"  … and {len(counts[verdict]) - 5} more {verdict}")
        if self.skipped:
            lines.append(f"  {self.skipped} entries were not checked (raise max_entries)")
        return "\n".join(lines)


def _explain(c: Comparison) -> str:
    values = f"automatic {c.automatic:.10g}, numerical {c.numerical:.10g}"
    if c.verdict == "kink":
        left, right = c.slopes
        return (
            f"the point lies on a kink: slope {left:.6g} from the left, {right:.6g} from the "
            f"right; the engine takes {c.automatic:.6g}"
        )
    if c.verdict == "jump":
        return "the value jumps here, or has a pole: there is no derivative"
    if c.verdict == "unreliable":
        return f"{values}; differences scatter by {c.uncertainty:.1e}, too much to judge"
    return values


def check_gradient(
    f: Function,
    *args: Any,
    tolerance: float = 1e-6,
    directions: int = 3,
    max_entries: int = 100,
    seed: int = 0,
) -> GradientCheck:
    """Compare automatic derivatives of ``f`` with numerical ones, entry by entry.

    Everything is computed in float64, whatever the dtype of ``args``. A result that is no scalar
    is first contracted with fixed random weights.

    Args:
        f: a function of pytrees; floating-point leaves are differentiated, others are held fixed.
        args: the point.
        tolerance: the allowed error, relative for derivatives larger than 1. Where the numerical
            derivative is less certain than this, its own uncertainty is allowed on top.
        directions: how many random directions over all entries together.
        max_entries: how many single entries of each argument; beyond that a random choice.
        seed: for directions, weights and choices.

    Raises:
        DomainError: if ``f`` or its automatic gradient is NaN or infinite at the point.
        DTypeError: if no argument is floating-point.

    >>> import chainrule as cr
    >>> print(cr.check_gradient(lambda x: x**3, 2.0))  # doctest: +ELLIPSIS
    gradient agrees: 4 of 4 derivatives within 1e-06
      worst: ...
    """
    rng = np.random.default_rng(seed)
    leaves, structure = flatten(args)
    names = _names(args)
    point = [np.array(Tensor(as_node(leaf)).numpy()) for leaf in leaves]
    floats = [i for i, value in enumerate(point) if value.dtype.kind == "f"]
    if not floats:
        raise DTypeError("check_gradient: no argument is floating-point; write 2.0 instead of 2")
    point = [v.astype(np.float64) if i in floats else v for i, v in enumerate(point)]
    scalar, gradients = _automatic(f, structure, leaves, point, floats, rng)
    for i, gradient in zip(floats, gradients, strict=True):
        if not np.all(np.isfinite(gradient)):
            place = np.argwhere(~np.isfinite(gradient))[0]
            raise DomainError(
                f"check_gradient: the automatic gradient is {gradient[tuple(place)]} at "
                f"{_entry(names[i], place)}; a function such as log, sqrt or a division leaves its "
                "domain there (see the docstring of cr.where for the safe pattern)"
            )

    def along(step: Sequence[np.ndarray]) -> Callable[[float], float]:
        return lambda h: scalar([x + h * d for x, d in zip(point, step, strict=True)])

    comparisons, skipped = [], 0
    zero = [np.zeros(value.shape) for value in point]
    for i, gradient in zip(floats, gradients, strict=True):
        places = list(np.ndindex(point[i].shape))
        if len(places) > max_entries:
            skipped += len(places) - max_entries
            chosen = rng.choice(len(places), max_entries, replace=False)
            places = [places[k] for k in sorted(chosen)]
        for place in places:
            unit = list(zero)
            unit[i] = np.zeros(point[i].shape)
            unit[i][place] = 1.0
            scale = max(1.0, abs(float(point[i][place])))
            comparisons.append(
                _compare(
                    _entry(names[i], place), along(unit), float(gradient[place]), scale, tolerance
                )
            )
    for k in range(directions):
        step = [rng.normal(size=v.shape) if i in floats else zero[i] for i, v in enumerate(point)]
        length = np.sqrt(sum(float(np.sum(d * d)) for d in step)) or 1.0
        step = [d / length for d in step]
        slope = sum(float(np.sum(step[i] * g)) for i, g in zip(floats, gradients, strict=True))
        comparisons.append(_compare(f"direction {k}", along(step), slope, 1.0, tolerance))
    return GradientCheck(tuple(comparisons), tolerance, skipped)


def _names(args: Sequence[Any]) -> list[str]:
    found = []
    for index, arg in enumerate(args):
        for path, _ in paths(arg):
            found.append(f"argument {index}" + (f".{path}" if path else ""))
    return found


def _entry(name: str, place: Sequence[int]) -> str:
    return name + (f"[{', '.join(str(int(p)) for p in place)}]" if len(place) else "")


Scalar = Callable[[Sequence[np.ndarray]], float]


def _automatic(
    f: Function,
    structure: Tree,
    leaves: Sequence[Any],
    point: Sequence[np.ndarray],
    floats: Sequence[int],
    rng: np.random.Generator,
) -> tuple[Scalar, list[np.ndarray]]:
    """The function as a scalar of arrays, and its gradient by reverse mode."""

    def of_floats(*values: Any) -> Any:
        full = list(leaves)
        for i, value in zip(floats, values, strict=True):
            full[i] = value
        return f(*structure.build(full))

    result, pullback = vjp(of_floats, *(tensor(point[i]) for i in floats))
    outputs, tree = flatten(result)
    values = [np.asarray(output) for output in outputs]
    if not any(value.dtype.kind == "f" for value in values):
        raise GradientError("check_gradient: the result is not floating-point")
    weights = [
        np.ones(()) if len(values) == 1 and v.shape == () else rng.uniform(0.5, 1.5, v.shape)
        for v in values
    ]
    weights = [w if v.dtype.kind == "f" else 0.0 * w for w, v in zip(weights, values, strict=True)]
    for value in values:
        if not np.all(np.isfinite(value)):
            raise DomainError(
                f"check_gradient: the function is {value.ravel()[~np.isfinite(value.ravel())][0]} "
                "at this point; choose a point inside its domain"
            )

    def scalar(arrays: Sequence[np.ndarray]) -> float:
        with no_grad(), np.errstate(all="ignore"):
            found, _ = flatten(of_floats(*(tensor(arrays[i]) for i in floats)))
        return float(sum(np.sum(w * np.asarray(v)) for w, v in zip(weights, found, strict=True)))

    cotangents = tree.build(w.astype(v.dtype) for w, v in zip(weights, values, strict=True))
    return scalar, [np.asarray(g) for g in pullback(cotangents)]


def _compare(
    where: str, g: Callable[[float], float], automatic: float, scale: float, tolerance: float
) -> Comparison:
    numerical, uncertainty = ridders(g, 0.02 * scale)
    if abs(automatic - numerical) > tolerance * max(1.0, abs(numerical)):
        # perhaps the steps are too long for a function that turns quickly
        tries = [(numerical, uncertainty), *(ridders(g, h * scale) for h in (1e-4, 1e-6))]
        numerical, uncertainty = min(tries, key=lambda found: found[1] / max(1.0, abs(found[0])))
    slopes = _one_sided(g, 1e-5 * scale)
    size = max(1.0, abs(numerical))
    verdict: Verdict
    close = abs(automatic - numerical) <= tolerance * size
    if not np.isfinite(numerical):
        verdict = "unreliable"
    elif (_apart(slopes) > 1e-3 or not close) and (found := _break(g, scale)) is not None:
        verdict = found  # also where the convention happens to be the central difference
    elif close:
        verdict = "ok"
    elif uncertainty > tolerance * size:
        within = abs(automatic - numerical) <= 10 * uncertainty
        verdict = "unreliable" if within else "wrong"
    else:
        verdict = "wrong"
    return Comparison(where, automatic, numerical, uncertainty, verdict, slopes)


def ridders(g: Callable[[float], float], h: float) -> tuple[float, float]:
    """g′(0) and an estimate of its error, from central differences with steps h, h/2, h/4, …

    ``h`` is made smaller where it leaves the domain of g.
    """
    for _ in range(10):
        if np.isfinite(g(h)) and np.isfinite(g(-h)):
            break
        h /= 4
    table: list[list[float]] = []
    best, error = float("nan"), float("inf")
    for row in range(STEPS):
        s = h / SHRINK**row
        line = [(g(s) - g(-s)) / (2 * s)]
        factor = SHRINK**2
        for column in range(row):
            line.append((factor * line[column] - table[row - 1][column]) / (factor - 1))
            factor *= SHRINK**2
        table.append(line)
        if row == 0:
            best = line[0]
            continue
        for column in range(1, row + 1):
            estimate = max(
                abs(line[column] - line[column - 1]),
                abs(line[column] - table[row - 1][column - 1]),
            )
            if estimate <= error:
                best, error = line[column], estimate
    noise = np.finfo(float).eps * abs(g(0.0)) / (h / SHRINK ** (STEPS - 1))
    return best, max(error, noise)


def _one_sided(g: Callable[[float], float], h: float) -> tuple[float, float]:
    """Slopes from the left and the right, second order."""
    middle = g(0.0)
    right = (-3 * middle + 4 * g(h) - g(2 * h)) / (2 * h)
    left = (3 * middle - 4 * g(-h) + g(-2 * h)) / (2 * h)
    return left, right


def _apart(slopes: tuple[float, float]) -> float:
    left, right = slopes
    return abs(right - left) / max(1.0, abs(left), abs(right))


def _break(g: Callable[[float], float], scale: float) -> Literal["kink", "jump"] | None:
    """What keeps the one-sided slopes apart as the step shrinks, if anything does."""
    sides = [(g(h), g(-h)) for h in (1e-8 * scale, 1e-10 * scale, 1e-12 * scale)]
    steps = [abs(a - b) / max(1.0, abs(a), abs(b)) for a, b in sides]
    if min(steps) > 1e-6 and steps[-1] > 0.5 * steps[0]:
        return "jump"  # the two sides do not meet
    pairs = [_one_sided(g, h) for h in (1e-3 * scale, 1e-4 * scale, 1e-5 * scale)]
    if not np.all(np.isfinite(pairs)):
        return None
    gaps = [_apart(pair) for pair in pairs]
    return "kink" if min(gaps) > 1e-4 and gaps[-1] > 0.5 * gaps[0] else None
