"""What the composition rule knows of textbook functions, and that it claims nothing wrong."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.core.node import Node, input_node
from chainrule.core.types import DTYPES, array_type
from chainrule.rules.curvature import curvature

ALL = (-np.inf, np.inf)
POSITIVE = (1e-3, np.inf)

CASES = [
    ("3x + 2y - 1", ALL, "affine"),
    ("7", ALL, "constant"),
    ("x^2 + |y|", ALL, "convex"),
    ("log(1 + e^(-x))", ALL, "unknown"),  # convex, but by no rule of composition
    ("softplus(-3x)", ALL, "convex"),
    ("max(x, 2y)", ALL, "convex"),
    ("-x^2 - e^x", ALL, "concave"),
    ("ln x + sqrt y", POSITIVE, "concave"),
    ("1/x", POSITIVE, "convex"),
    ("x^3", POSITIVE, "convex"),
    ("x^3", ALL, "unknown"),
    ("x*y", ALL, "unknown"),
    ("e^(x^2)", ALL, "convex"),
    ("e^(-x^2)", ALL, "unknown"),
    ("sqrt(x)^2", POSITIVE, "unknown"),
    ("(x^2)^2", ALL, "convex"),
    ("-3 relu(x + y)", ALL, "concave"),
    ("min(x, ln y)", POSITIVE, "concave"),
    ("sin x", ALL, "unknown"),
]


def read(text: str, box: tuple[float, float]) -> str:
    f = cr.parse(text)
    holes: list[Node] = [input_node(array_type((), DTYPES["float64"])) for _ in f.names]
    output = f(*map(cr.Tensor, holes)).node
    bounds = tuple(np.asarray(end) for end in box)
    (found,) = curvature([output], dict.fromkeys(holes, bounds))
    return found


@pytest.mark.parametrize(("text", "box", "wanted"), CASES)
def test_known_shapes(text: str, box: tuple[float, float], wanted: str) -> None:
    assert read(text, box) == wanted


@pytest.mark.parametrize(("text", "box", "shape"), CASES)
def test_hessians_agree(text: str, box: tuple[float, float], shape: str) -> None:
    f = cr.parse(text)
    if shape in ("unknown", "constant"):
        return
    rng = np.random.default_rng(0)
    low, high = max(box[0], -2.0), min(box[1], 2.0)
    for _ in range(20):
        point = cr.tensor(rng.uniform(low, high, len(f.names)))
        eigenvalues = np.linalg.eigvalsh(cr.hessian(lambda p: f(*p))(point).numpy())
        if shape in ("convex", "affine"):
            assert eigenvalues.min() >= -1e-9
        if shape in ("concave", "affine"):
            assert eigenvalues.max() <= 1e-9


def test_arrays() -> None:
    x = input_node(array_type((3,), DTYPES["float64"]))
    box = (np.full(3, -np.inf), np.full(3, np.inf))
    t = cr.Tensor(x)
    A = np.array([[1.0, -2.0, 0.5]])
    found = curvature(
        [(A @ t).node, cr.logsumexp(A @ t).node, cr.abs(A @ t).sum().node, (-cr.max(t)).node],
        {x: box},
    )
    assert found == ["affine", "convex", "convex", "concave"]
