"""Whether contestants computed the same numbers."""

from __future__ import annotations

import numpy as np

from bench.native.workload import Numbers

CHANGE = "change of "
"""What the names of numbers begin with that say how training moved a parameter."""


def changes(before: Numbers, after: Numbers) -> Numbers:
    """How far each parameter moved: comparing this is stricter than comparing parameters."""
    return {
        CHANGE + name: np.asarray(after[name], np.float64) - before[name] for name in sorted(before)
    }


def deviations(found: Numbers, expected: Numbers) -> dict[str, float]:
    """‖found − expected‖ / ‖expected‖ for each array; infinite where shapes differ or NaN is."""
    return {
        name: _deviation(np.asarray(found.get(name, np.nan)), np.asarray(expected[name]))
        for name in expected
    }


def _deviation(found: np.ndarray, expected: np.ndarray) -> float:
    if found.shape != expected.shape or not np.isfinite(found).all():
        return float("inf")
    error = float(np.linalg.norm(np.subtract(found, expected, dtype=np.float64)))
    size = float(np.linalg.norm(expected.astype(np.float64)))
    return error / size if size else float("inf") if error else 0.0


def disagreement(
    found: Numbers, expected: Numbers, tolerance: float, tolerance_of_change: float
) -> tuple[float, str]:
    """The largest deviation, and a text about the worst array beyond its tolerance ('' if none)."""
    worst, text, excess = 0.0, "", 1.0
    for name, deviation in deviations(found, expected).items():
        allowed = tolerance_of_change if name.startswith(CHANGE) else tolerance
        worst = max(worst, deviation)
        if not deviation / allowed <= excess:
            excess = deviation / allowed
            text = f"disagrees: {name} by {deviation:.1e}, allowed {allowed:.0e}"
    return worst, text
