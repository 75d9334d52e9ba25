"""Contractions against NumPy: matmul, tensordot, einsum, diagonals; Hessians of matrix chains."""

import string
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from chainrule.core.errors import DTypeError, IndexingError, ParseError, ShapeError
from chainrule.core.node import Node, array, topological, variable
from chainrule.ops import operators  # noqa: F401
from chainrule.ops.contract import contract, diagonal, matmul, tensordot, trace
from chainrule.ops.einsum import einsum
from chainrule.rules.jvp import push
from chainrule.rules.vjp import pull

RNG = np.random.default_rng(0)


def normal(*shape: int) -> Any:
    return np.asarray(RNG.normal(size=shape))


MATMUL_SHAPES = [
    ((2, 3), (3, 4)),
    ((3,), (3,)),
    ((3,), (3, 4)),
    ((2, 3), (3,)),
    ((5, 2, 3), (3, 4)),
    ((2, 3), (5, 3, 4)),
    ((5, 2, 3), (3,)),
    ((3,), (5, 3, 4)),
    ((5, 2, 3), (5, 3, 4)),
    ((5, 1, 2, 3), (6, 3, 4)),
    ((1, 1, 2, 3), (1, 3, 4)),
    ((1, 2, 3), (7, 3, 4)),
    ((0, 3), (3, 4)),
    ((2, 0), (0, 4)),
    ((4, 2, 0), (4, 0, 1)),
]


@pytest.mark.parametrize(("a", "b"), MATMUL_SHAPES)
@pytest.mark.parametrize("dtype", ["float64", "float32", "int64", "int8", "bool", "float16"])
def test_matmul_is_numpys(a: tuple[int, ...], b: tuple[int, ...], dtype: str) -> None:
    x, y = (np.asarray(RNG.integers(0, 3, shape)).astype(dtype) for shape in (a, b))
    found, wanted = matmul(array(x), array(y)), x @ y
    assert (found.shape, found.dtype) == (wanted.shape, wanted.dtype)
    np.testing.assert_array_equal(found.value, wanted)


def test_matmul_of_strangely_strided_stacks() -> None:
    stacks = [
        normal(3, 5, 4).transpose(2, 1, 0),  # no unit stride in a matrix
        normal(8, 10, 3)[::-2, ::2],
        np.broadcast_to(normal(3), (4, 5, 3)),
        np.broadcast_to(normal(5, 1), (4, 5, 3)),
    ]
    for x in stacks:
        for y in (x.swapaxes(1, 2), normal(4, 3, 2)):
            np.testing.assert_allclose(matmul(array(x), array(y)).value, x @ y, rtol=1e-12)


def test_plain_matmul_builds_one_node() -> None:
    a, b = variable(normal(2, 3)), variable(normal(3, 4))
    y = matmul(a, b)
    assert y.primitive is contract and y.sources == (a, b)
    ca, cb = pull([y], [array(np.ones((2, 4)))], [a, b])
    assert ca is not None and cb is not None
    np.testing.assert_allclose(ca.value, np.ones((2, 4)) @ b.value.T)
    np.testing.assert_allclose(cb.value, a.value.T @ np.ones((2, 4)))


@pytest.mark.parametrize("axes", [0, 1, 2, ((0, 2), (1, 0)), (-1, 0), ((), ())])
def test_tensordot_is_numpys(axes: Any) -> None:
    x, y = normal(2, 3, 4), normal(4, 2, 5) if axes not in (2,) else normal(3, 4, 5)
    np.testing.assert_allclose(
        tensordot(array(x), array(y), axes).value, np.tensordot(x, y, axes), rtol=1e-13
    )


# -- einsum --------------------------------------------------------------------------------------


@st.composite
def einsums(draw: st.DrawFn) -> tuple[str, list[tuple[int, ...]]]:
    """Any pattern: one to four operands, repeated letters, ellipses, an implicit result."""
    letters = "abcde"
    extent = {letter: draw(st.integers(1, 3)) for letter in letters}
    terms, shapes = [], []
    hidden = draw(st.lists(st.integers(1, 3), max_size=2))
    dotted = False
    for _ in range(draw(st.integers(1, 4))):
        term = "".join(draw(st.lists(st.sampled_from(letters), max_size=4)))
        shape = [extent[letter] for letter in term]
        if draw(st.booleans()):
            dotted = True
            place = draw(st.integers(0, len(term)))
            term = f"{term[:place]}...{term[place:]}"
            # fewer axes, and axes of extent 1, broadcast against the others
            own = hidden[draw(st.integers(0, len(hidden))) :]
            shape[place:place] = [1 if draw(st.booleans()) else n for n in own]
        terms.append(term)
        shapes.append(tuple(shape))
    subscripts = ",".join(terms)
    if draw(st.booleans()):
        known = sorted(set(subscripts) & set(string.ascii_lowercase))
        kept = draw(st.permutations(known))[: draw(st.integers(0, len(known)))]
        place = draw(st.integers(0, len(kept)))
        dots = ["..."] if dotted else []
        subscripts += "->" + "".join([*kept[:place], *dots, *kept[place:]])
    return subscripts, shapes


@settings(max_examples=300)
@given(einsums())
def test_einsum_is_numpys(case: tuple[str, list[tuple[int, ...]]]) -> None:
    subscripts, shapes = case
    rng = np.random.default_rng(len(subscripts))
    operands = [np.asarray(rng.normal(size=shape)) for shape in shapes]
    wanted = np.einsum(subscripts, *operands)
    found = einsum(subscripts, *map(array, operands))
    assert found.shape == np.shape(wanted)
    np.testing.assert_allclose(found.value, wanted, rtol=1e-10, atol=1e-10)


@settings(max_examples=60)
@given(einsums())
def test_einsum_gradient_is_linear_in_each_operand(
    case: tuple[str, list[tuple[int, ...]]],
) -> None:
    """⟨∂y/∂x_i, x_i⟩ = ⟨w, y⟩ for every operand, since y is linear in each."""
    subscripts, shapes = case
    rng = np.random.default_rng(len(subscripts))
    operands = [variable(np.asarray(rng.normal(size=shape))) for shape in shapes]
    y = einsum(subscripts, *operands)
    w = np.asarray(rng.normal(size=y.shape))
    for operand, ct in zip(operands, pull([y], [array(w)], operands), strict=True):
        assert ct is not None and ct.type is operand.type
        np.testing.assert_allclose(np.vdot(ct.value, operand.value), np.vdot(w, y.value), atol=1e-8)


def test_einsum_contracts_in_a_cheap_order() -> None:
    thin, wide = normal(1000, 2), normal(2, 1000)
    y = einsum("ij,jk,kl->il", *map(variable, (wide, thin, wide)))
    largest = max(node.type.size for node in topological([y]))
    assert largest == 2000  # never the 1000 by 1000 product


def test_einsum_of_numpys_documentation() -> None:
    a, b = np.arange(25.0).reshape(5, 5), np.arange(5.0)
    for subscripts, operands in [
        ("ii", (a,)),
        ("ii->i", (a,)),
        ("ij->i", (a,)),
        ("ji", (a,)),
        ("ij,j", (a, b)),
        ("...j,j", (a, b)),
        ("i,i", (b, b)),
        ("i,j", (b, b)),
        ("ij,ji->", (a, a)),
        (" i j , j k -> k i ", (a, a)),
    ]:
        found = einsum(subscripts, *map(array, operands)).value
        np.testing.assert_array_equal(found, np.einsum(subscripts, *operands))


# -- diagonals -----------------------------------------------------------------------------------


@pytest.mark.parametrize("offset", [-3, -1, 0, 1, 4])
@pytest.mark.parametrize("axes", [(0, 1), (2, 0), (-1, 1)])
def test_diagonal_and_trace_are_numpys(offset: int, axes: tuple[int, int]) -> None:
    x = normal(2, 3, 4)
    np.testing.assert_array_equal(
        diagonal(array(x), offset, *axes).value, np.diagonal(x, offset, *axes)
    )
    np.testing.assert_allclose(trace(array(x), offset, *axes).value, np.trace(x, offset, *axes))


# -- higher derivatives --------------------------------------------------------------------------


def test_hessian_of_a_matrix_chain() -> None:
    """f(X) = tr(Xᵀ A X B) has the Hessian-vector product A V B + Aᵀ V Bᵀ."""
    a, b, x, v = normal(3, 3), normal(2, 2), normal(3, 2), normal(3, 2)
    node = variable(x)
    f = einsum("ji,jk,kl,li->", node, array(a), node, array(b))
    (gradient,) = pull([f], [array(np.asarray(1.0))], [node], record=True)
    assert gradient is not None
    np.testing.assert_allclose(gradient.value, a @ x @ b + a.T @ x @ b.T)
    (product,) = push([gradient], {node: array(v)}, record=True)
    assert product is not None
    np.testing.assert_allclose(product.value, a @ v @ b + a.T @ v @ b.T)


def test_third_derivative_of_a_cube() -> None:
    """f(X) = tr(X³): D³f[V, V, V] = 6 tr(V³)."""
    x, v = variable(normal(3, 3)), normal(3, 3)
    y: Any = trace(matmul(matmul(x, x), x))
    for _ in range(3):
        (y,) = push([y], {x: array(v)}, record=True)
    np.testing.assert_allclose(y.value, 6 * np.trace(v @ v @ v))


def test_gradients_match_torch() -> None:
    torch = pytest.importorskip("torch")
    a, b, c = normal(2, 5, 3), normal(3, 4), normal(5, 4)
    w = normal(2, 4, 4)
    nodes = [variable(x) for x in (a, b, c)]
    y = matmul(einsum("bij->bji", matmul(nodes[0], nodes[1])), nodes[2])
    cts = pull([y], [array(w)], nodes)
    tensors = [torch.tensor(x, requires_grad=True) for x in (a, b, c)]
    t = (tensors[0] @ tensors[1]).mT @ tensors[2]
    t.backward(torch.tensor(w))
    for ct, tensor in zip(cts, tensors, strict=True):
        assert ct is not None
        np.testing.assert_allclose(ct.value, tensor.grad.numpy(), rtol=1e-12, atol=1e-12)


# -- mistakes ------------------------------------------------------------------------------------


def ones(*shape: int) -> Node:
    return array(np.ones(shape))


@pytest.mark.parametrize(
    ("make", "error", "said"),
    [
        (lambda: matmul(ones(2, 3), ones(4, 5)), ShapeError, r"\(2, 3\) and \(4, 5\).*last axis"),
        (lambda: matmul(ones(2, 3), ones(2)), ShapeError, r"only axis of the second has 2"),
        (lambda: matmul(ones(2, 3), ones()), ShapeError, r"scalar.*use \*"),
        (lambda: matmul(ones(2, 3, 3), ones(4, 3, 3)), ShapeError, r"axis 0 of \(4, 3, 3\)"),
        (lambda: matmul(ones(2, 2), array(np.ones((2, 2), "f"))), DTypeError, "cast"),
        (lambda: tensordot(ones(2, 3), ones(3, 3)), ShapeError, r"axis 0 of the first has 2"),
        (lambda: tensordot(ones(2), ones(3), 2), IndexingError, "more axes"),
        (lambda: tensordot(ones(2), ones(2), (1, 0)), IndexingError, "axis 1 does not exist"),
        (lambda: tensordot(ones(2, 2), ones(2, 2), ((0, 0), (0, 1))), IndexingError, "twice"),
        (lambda: tensordot(ones(2, 2), ones(2, 2), ((0, 1), (1,))), ShapeError, "paired"),
        (lambda: einsum("ij,jk", ones(2, 3), ones(4, 5)), ShapeError, r"einsum 'ij,jk'.*axis 0"),
        (lambda: einsum("ij", ones(2, 3), ones(4)), ShapeError, "1 operands, 2 were given"),
        (lambda: einsum("ij", ones(2)), ShapeError, "names 2 axes"),
        (lambda: einsum("ii", ones(2, 3)), ShapeError, "2 and 3 elements"),
        (lambda: einsum("ij->ik", ones(2, 3)), ParseError, "each once"),
        (lambda: einsum("ij->ii", ones(2, 3)), ParseError, "each once"),
        (lambda: einsum("i1", ones(2, 3)), ParseError, "letters"),
        (lambda: einsum("...i->i", ones(2, 3)), ParseError, "keep the axes"),
        (lambda: diagonal(ones(3)), IndexingError, "does not exist"),
        (lambda: diagonal(ones(3, 3), 0, 1, 1), IndexingError, "twice"),
        (lambda: contract(ones(2), ones(2), a=(0,), b=(1,), out=(0,)), ShapeError, "two of"),
    ],
)
def test_errors_say_what_is_wrong(make: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        make()
