"""Wrong arguments get typed errors that name both shapes, the operation and the user's line."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr

SHAPES: dict[str, Callable[[], Any]] = {
    "add": lambda: cr.add(cr.ones((2, 3)), cr.ones((4, 5))),
    "mul": lambda: cr.ones((2, 3)) * cr.ones((4, 5)),
    "matmul": lambda: cr.matmul(cr.ones((2, 3)), cr.ones((4, 5))),
    "where": lambda: cr.where([True, False], cr.ones((2, 3)), cr.ones((4, 5))),
    "concat": lambda: cr.concat([cr.ones((2, 3)), cr.ones((4, 5))]),
    "stack": lambda: cr.stack([cr.ones((2, 3)), cr.ones((4, 5))]),
    "broadcast_to": lambda: cr.broadcast_to(cr.ones((2, 3)), (4, 5)),
    "reshape": lambda: cr.reshape(cr.ones((2, 3)), (4, 5)),
    "einsum": lambda: cr.einsum("ij,jk", cr.ones((2, 3)), cr.ones((4, 5))),
    "tensordot": lambda: cr.tensordot(cr.ones((2, 3)), cr.ones((4, 5)), axes=1),
    "vecdot": lambda: cr.vecdot(cr.ones((2, 3)), cr.ones((4, 5))),
    "solve": lambda: cr.linalg.solve(cr.ones((2, 3)), cr.ones((4, 5))),
}


@pytest.mark.parametrize("name", SHAPES)
def test_shape_errors_name_the_operation_the_shapes_and_the_line(name: str) -> None:
    with pytest.raises(cr.ShapeError) as caught:
        SHAPES[name]()
    message = str(caught.value)
    assert "(2, 3)" in message
    assert "(4, 5)" in message or name == "solve"
    assert name in message or (name == "concat" and "concatenate" in message)
    assert "test_errors.py" in message
    assert f'"{name}": lambda:' in message  # the text of the line itself
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize(
    ("f", "error", "words"),
    [
        (lambda: cr.sum(cr.ones((2, 3)), axis=2), cr.ShapeError, "sum: axis 2 is out of bounds"),
        (lambda: cr.sum(cr.ones(3), axis=(0, 0)), cr.ShapeError, "names an axis twice"),
        (lambda: cr.sum(cr.ones(3), axis=0.5), cr.DTypeError, "an axis is an integer"),
        (lambda: cr.max(cr.zeros((0,))), cr.ShapeError, "no max of no elements"),
        (lambda: cr.squeeze(cr.ones((2, 1)), 0), cr.ShapeError, "axis 0 .* has extent 2"),
        (lambda: cr.tensor([1 + 2j]), cr.DTypeError, "complex"),
        (lambda: cr.sin(np.ones(2, complex)), cr.DTypeError, "two real arrays"),
        (lambda: cr.ones(2) * 1j, cr.DTypeError, "complex"),
        (lambda: cr.tensor(["a"]), cr.DTypeError, "not supported"),
        (lambda: cr.tensor([[1, 2], [3]]), cr.ShapeError, "cannot make an array"),
        (lambda: cr.tensor([1, 2], requires_grad=True), cr.DTypeError, "floating-point"),
        (lambda: cr.zeros((-1,)), cr.ShapeError, "negative"),
        (lambda: cr.zeros("a"), cr.ShapeError, "a shape is an integer or a tuple"),
        (lambda: cr.zeros(2, device="cuda"), cr.DTypeError, "CPU"),
        (lambda: cr.reshape(cr.ones(6), (4, -1)), cr.ShapeError, "do not fill"),
        (lambda: cr.split(cr.ones(5), 2), cr.ShapeError, "array_split"),
        (lambda: cr.quantile([1.0], 2.0), cr.DomainError, r"in \[0, 1\]"),
        (lambda: cr.quantile([1.0], 0.5, method="best"), cr.DomainError, "linear, lower"),
        (lambda: cr.gelu(1.0, approximate="erf"), cr.DomainError, "tanh"),
        (lambda: cr.norm(cr.ones(2), "fro", axis=0), cr.DomainError, "norm of matrices"),
        (lambda: cr.one_hot([0.5], 2), cr.DTypeError, "integer class numbers"),
        (lambda: cr.take([1.0], [3]), cr.IndexingError, "index 3 is outside axis 0"),
        (lambda: cr.bitwise_and(1.0, 2.0), cr.DTypeError, "bitwise_and"),
        (lambda: cr.bitwise_left_shift(1, -1), cr.DomainError, "negative"),
        (lambda: cr.finfo(cr.int32), cr.DTypeError, "iinfo"),
        (lambda: cr.isdtype(cr.int32, "small"), cr.DTypeError, "kinds are"),
        (lambda: cr.arange(0, 1, 0), cr.ShapeError, "step"),
        (lambda: cr.tensor(300, dtype="int8") + 1000, cr.DTypeError, "int8"),
        (lambda: cr.polygamma(-1, 1.0), cr.DomainError, "order"),
        (lambda: cr.from_dlpack([1.0]), cr.DTypeError, "__dlpack__"),
        (lambda: cr.concat([1.0, 2.0]), cr.ShapeError, "use stack"),
        (lambda: cr.stack([]), cr.ShapeError, "at least one"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_wrong_arguments(f: Callable[[], Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        f()


@pytest.mark.parametrize(
    "f",
    [
        cr.nonzero, cr.argwhere, cr.unique_all, cr.unique_values, lambda x: x[x > 0],
        lambda x: cr.repeat(cr.ones(3), x.astype(int)),
    ],
)  # fmt: skip
def test_results_of_unknown_shape_cannot_be_traced(f: Callable[[Any], Any]) -> None:
    with pytest.raises(cr.TraceError, match="values"):
        cr.trace(f, np.ones(3))


def test_a_traced_mask_is_told_of_where() -> None:
    with pytest.raises(cr.TraceError, match=re.escape("cr.where(mask, x, other)")):
        cr.vmap(lambda x: x[x > 0].sum())(np.ones((2, 3)))

    def masked(x: cr.Tensor) -> cr.Tensor:
        x[x > 0] = 0.0
        return x

    with pytest.raises(cr.TraceError, match=r"cr\.where"):
        cr.trace(masked, np.ones(3))


@pytest.mark.parametrize(
    ("f", "advice"),
    [
        (lambda a: a + a, r"use \| or \^"),
        (lambda a: a * a, "use &"),
        (lambda a: a - a, r"use \^"),
        (lambda a: -a, "use ~"),
    ],
)
def test_arithmetic_of_booleans_says_what_to_do(f: Callable[[Any], Any], advice: str) -> None:
    with pytest.raises(cr.DTypeError, match=advice + r", or \.astype"):
        f(cr.tensor([True, False]))


def test_rounding_to_more_than_the_dtype_holds() -> None:
    with pytest.raises(cr.DomainError, match="1000 does not fit into int8"):
        cr.round(cr.tensor([5], dtype="int8"), -3)
