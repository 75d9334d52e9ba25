"""The public array functions as a table: how to call each, and what NumPy calls it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.special as sc

import chainrule as cr

PLAIN = (-2.3, 2.3)
POSITIVE = (0.2, 3.0)
UNIT = (-0.9, 0.9)


@dataclass(frozen=True)
class Entry:
    """A function of arrays that are drawn from the given intervals."""

    name: str
    ours: Callable[..., Any]
    numpy: Callable[..., Any]
    domains: tuple[tuple[float, float], ...] = (PLAIN,)
    integers: bool = True  # whether integers and booleans may be passed
    smooth: bool = True  # whether it has a derivative to check

    def __str__(self) -> str:
        return self.name


def _softmax(x: np.ndarray, axis: int = -1) -> np.ndarray:
    return sc.softmax(x, axis=axis)


def one(name: str, numpy: Any = None, domain: Any = PLAIN, **more: Any) -> Entry:
    return Entry(name, getattr(cr, name), numpy or getattr(np, name), (domain,), **more)


def two(name: str, numpy: Any = None, domain: Any = PLAIN, **more: Any) -> Entry:
    return Entry(name, getattr(cr, name), numpy or getattr(np, name), (domain, domain), **more)


SCALE, ALPHA = 1.0507009873554805, 1.6732632423543772  # of selu
STEP = {"smooth": False}
ELEMENTWISE = [
    one("exp"), one("expm1"), one("log", domain=POSITIVE), one("log1p", domain=POSITIVE),
    one("log2", domain=POSITIVE), one("log10", domain=POSITIVE), one("sqrt", domain=POSITIVE),
    one("sin"), one("cos"), one("tan", domain=UNIT), one("asin", np.arcsin, UNIT),
    one("acos", np.arccos, UNIT), one("atan", np.arctan), one("sinh"), one("cosh"), one("tanh"),
    one("asinh", np.arcsinh), one("acosh", np.arccosh, (1.2, 3.0)),
    one("atanh", np.arctanh, UNIT, integers=False), one("sigmoid", sc.expit),
    one("softplus", lambda x: np.log1p(np.exp(x))), one("erf", sc.erf), one("erfc", sc.erfc),
    one("erfinv", sc.erfinv, UNIT, integers=False),
    one("lgamma", sc.gammaln, POSITIVE), one("digamma", sc.digamma, POSITIVE),
    one("relu", lambda x: np.where(x > 0, x, 0 * sc.expit(x))),
    one("gelu", lambda x: x * sc.ndtr(x)),
    one("silu", lambda x: x * sc.expit(x)), one("softsign", lambda x: x / (1 + abs(x))),
    one("elu", lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0)))),
    one("leaky_relu", lambda x: np.where(x > 0, x, 0.01 * x)),
    one("selu", lambda x: SCALE * np.where(x > 0, x, ALPHA * np.expm1(x))),
    one("mish", lambda x: x * np.tanh(np.log1p(np.exp(x)))),
    one("celu", lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0)))),
    one("hardtanh", lambda x: np.clip(x + 0 * sc.expit(x), -1, 1)),
    one("relu6", lambda x: np.clip(x + 0 * sc.expit(x), 0, 6)),
    one("hardsigmoid", lambda x: np.clip(x / 6 + 0.5, 0, 1)),
    one("hardswish", lambda x: x * np.clip(x / 6 + 0.5, 0, 1)),
    one("log_sigmoid", lambda x: -np.log1p(np.exp(-x))),
    one("abs"), one("negative"), one("positive"), one("square"),
    one("reciprocal", lambda x: 1.0 / x, POSITIVE, integers=False),
    one("sign", **STEP), one("floor", **STEP), one("ceil", **STEP), one("trunc", **STEP),
    one("round", **STEP), one("isfinite", **STEP), one("isnan", **STEP), one("isinf", **STEP),
    one("signbit", **STEP), one("logical_not", **STEP), one("nan_to_num"),
    two("add"), two("subtract"), two("multiply"), two("divide", domain=POSITIVE, integers=False),
    two("maximum"), two("minimum"), two("hypot"), two("logaddexp"), two("atan2", np.arctan2),
    two("copysign"), two("pow", np.power, POSITIVE),
    two("floor_divide", domain=POSITIVE, integers=False, **STEP),
    two("remainder", domain=POSITIVE, integers=False, **STEP),
    two("equal", **STEP), two("not_equal", **STEP), two("less", **STEP),
    two("less_equal", **STEP), two("greater", **STEP), two("greater_equal", **STEP),
    two("logical_and", **STEP), two("logical_or", **STEP), two("logical_xor", **STEP),
    two("isclose", **STEP),
]  # fmt: skip

NO_BOOLEANS = {
    "abs", "negative", "square", "sign", "add", "subtract", "multiply", "maximum", "minimum",
    "pow", "copysign", "positive", "nan_to_num", "floor", "ceil", "trunc", "round",
}  # fmt: skip
"""What NumPy refuses for booleans, or answers in another kind."""

ALONG = [
    one("sum"), one("prod"), one("mean"), one("var"), one("std"), one("max"), one("min"),
    one("logsumexp", sc.logsumexp), one("any", **STEP), one("all", **STEP),
    one("count_nonzero", **STEP), one("ptp"),
]  # fmt: skip
"""Functions of an array with ``axis`` and ``keepdims``."""

SHAPED: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "softmax": (lambda x: cr.softmax(x, axis=0), lambda x: sc.softmax(x, axis=0)),
    "log_softmax": (lambda x: cr.log_softmax(x), lambda x: sc.log_softmax(x, axis=-1)),
    "median": (lambda x: cr.median(x, axis=1), lambda x: np.median(x, axis=1)),
    "quantile": (
        lambda x: cr.quantile(x, [0.1, 0.55], 0, keepdims=True),
        lambda x: np.quantile(x, [0.1, 0.55], axis=0, keepdims=True),
    ),
    "cumulative_sum": (
        lambda x: cr.cumulative_sum(x, axis=1, include_initial=True),
        lambda x: np.concatenate([np.zeros((3, 1)), np.cumsum(x, axis=1)], axis=1),
    ),
    "cumulative_prod": (
        lambda x: cr.cumulative_prod(x, axis=0),
        lambda x: np.cumprod(x, axis=0),
    ),
    "cumsum": (cr.cumsum, np.cumsum),
    "diff": (lambda x: cr.diff(x, n=2), lambda x: np.diff(x, n=2)),
    "average": (
        lambda x: cr.average(x, 0, weights=cr.arange(1, 4, dtype=x.dtype)[:, None]),
        lambda x: np.average(x, axis=0, weights=[1, 2, 3]),
    ),
    "sort": (lambda x: cr.sort(x, axis=0), lambda x: np.sort(x, axis=0)),
    "sort descending": (
        lambda x: cr.sort(x, axis=1, descending=True),
        lambda x: -np.sort(-x, axis=1),
    ),
    "top_k": (lambda x: cr.top_k(x, 2)[0], lambda x: -np.sort(-x, axis=1)[:, :2]),
    "take": (
        lambda x: cr.take(x, [[0, -1], [1, 1]], axis=1),
        lambda x: np.take(x, [[0, -1], [1, 1]], axis=1),
    ),
    "take_along_axis": (
        lambda x: cr.take_along_axis(x, cr.argsort(x, axis=0), axis=0),
        lambda x: np.sort(x, axis=0),
    ),
    "reshape": (lambda x: cr.reshape(x, (2, -1)), lambda x: np.reshape(x, (2, -1))),
    "flip": (lambda x: cr.flip(x, axis=0), lambda x: np.flip(x, 0)),
    "roll": (lambda x: cr.roll(x, 5), lambda x: np.roll(x, 5)),
    "roll two": (
        lambda x: cr.roll(x, (1, -2), axis=(0, 1)),
        lambda x: np.roll(x, (1, -2), axis=(0, 1)),
    ),
    "tile": (lambda x: cr.tile(x, (2, 1, 2)), lambda x: np.tile(x, (2, 1, 2))),
    "repeat": (lambda x: cr.repeat(x, 2, axis=1), lambda x: np.repeat(x, 2, axis=1)),
    "repeat each": (
        lambda x: cr.repeat(x, [0, 2, 1], axis=0),
        lambda x: np.repeat(x, [0, 2, 1], axis=0),
    ),
    "pad": (
        lambda x: cr.pad(x, ((1, 0), (0, 2)), constant_values=7.0),
        lambda x: np.pad(x, ((1, 0), (0, 2)), constant_values=7.0),
    ),
    "moveaxis": (lambda x: cr.moveaxis(x, 0, -1), lambda x: np.moveaxis(x, 0, -1)),
    "transpose": (cr.transpose, np.transpose),
    "concat": (lambda x: cr.concat([x, 2 * x], axis=1), lambda x: np.concatenate([x, 2 * x], 1)),
    "stack": (lambda x: cr.stack([x, x * x], axis=1), lambda x: np.stack([x, x * x], axis=1)),
    "split": (lambda x: cr.split(x, 2, axis=1)[1], lambda x: np.split(x, 2, axis=1)[1]),
    "unstack": (lambda x: cr.unstack(x, axis=1)[3], lambda x: x[:, 3]),
    "expand_dims": (lambda x: cr.expand_dims(x, (0, 2)), lambda x: np.expand_dims(x, (0, 2))),
    "squeeze": (lambda x: cr.squeeze(x[None]), lambda x: x),
    "broadcast_to": (
        lambda x: cr.broadcast_to(x, (2, 3, 4)),
        lambda x: np.broadcast_to(x, (2, 3, 4)),
    ),
    "tril": (lambda x: cr.tril(x, k=1), lambda x: np.tril(x, 1)),
    "triu": (lambda x: cr.triu(x, k=-1), lambda x: np.triu(x, -1)),
    "matmul": (lambda x: cr.matmul(x.T, x), lambda x: x.T @ x),
    "dot": (lambda x: cr.dot(x, x[0]), lambda x: np.dot(x, x[0])),
    "inner": (lambda x: cr.inner(x, x), lambda x: np.inner(x, x)),
    "outer": (lambda x: cr.outer(x, x[0]), lambda x: np.outer(x, x[0])),
    "kron": (lambda x: cr.kron(x, x[0]), lambda x: np.kron(x, x[0])),
    "vecdot": (lambda x: cr.vecdot(x, x[:1]), lambda x: (x * x[:1]).sum(-1)),
    "tensordot": (
        lambda x: cr.tensordot(x, x, axes=([0], [0])),
        lambda x: np.tensordot(x, x, axes=([0], [0])),
    ),
    "einsum": (lambda x: cr.einsum("ij,kj->ik", x, x), lambda x: x @ x.T),
    "diagonal": (cr.diagonal, np.diagonal),
    "diag": (lambda x: cr.diag(x[0], 1), lambda x: np.diag(x[0], 1)),
    "trace": (cr.linalg.trace, np.trace),
    "norm": (cr.norm, np.linalg.norm),
    "norm 3": (lambda x: cr.norm(x, 3, axis=1), lambda x: np.linalg.norm(x, 3, axis=1)),
    "norm inf": (lambda x: cr.norm(x, np.inf, axis=0), lambda x: np.linalg.norm(x, np.inf, 0)),
    "norm 1": (lambda x: cr.norm(x, 1), lambda x: np.linalg.norm(x, 1)),
    "norm 2": (lambda x: cr.norm(x, 2), lambda x: np.linalg.norm(x, 2)),
    "norm nuc": (lambda x: cr.norm(x, "nuc"), lambda x: np.linalg.norm(x, "nuc")),
    "norm -inf": (
        lambda x: cr.norm(x, -np.inf, axis=(1, 0), keepdims=True),
        lambda x: np.linalg.norm(x, -np.inf, axis=(1, 0), keepdims=True),
    ),
    "clip": (lambda x: cr.clip(x, -1.03, 0.97), lambda x: np.clip(x, -1.03, 0.97)),
    "where": (lambda x: cr.where(x > 0, x * x, -x), lambda x: np.where(x > 0, x * x, -x)),
    "linspace": (
        lambda x: cr.linspace(x[0], x[1], 5),
        lambda x: np.linspace(x[0], x[1], 5),
    ),
    "full": (lambda x: cr.full((2, 4), x[0]), lambda x: np.full((2, 4), x[0])),
    "meshgrid": (
        lambda x: cr.stack(cr.meshgrid(x[0], x[:, 0])),
        lambda x: np.stack(np.meshgrid(x[0], x[:, 0])),
    ),
    "unique": (cr.unique_values, np.unique),
    "cross": (
        lambda x: cr.linalg.cross(x, x * x, axis=0),
        lambda x: np.cross(x, x * x, axis=0),
    ),
    "det": (lambda x: cr.linalg.det(x @ x.T), lambda x: np.linalg.det(x @ x.T)),
    "inv": (lambda x: cr.linalg.inv(x @ x.T), lambda x: np.linalg.inv(x @ x.T)),
    "matrix_power": (
        lambda x: cr.linalg.matrix_power(x @ x.T, 3),
        lambda x: np.linalg.matrix_power(x @ x.T, 3),
    ),
    "gelu tanh": (
        lambda x: cr.gelu(x, approximate="tanh"),
        lambda x: x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))),
    ),
    "glu": (lambda x: cr.glu(x), lambda x: x[:, :2] * sc.expit(x[:, 2:])),
    "polygamma": (
        lambda x: cr.polygamma(1, x * x + 0.5),
        lambda x: sc.polygamma(1, x * x + 0.5),
    ),
    "asarray of rows": (lambda x: cr.asarray([x[0], x[2]]), lambda x: np.asarray([x[0], x[2]])),
}
"""Functions of one array of shape (3, 4), each with its NumPy twin."""
