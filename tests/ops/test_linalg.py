"""Matrix functions against their definitions and PyTorch; and what happens where they fail."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.linalg

from chainrule.core.errors import DomainError, DTypeError, ShapeError
from chainrule.core.node import Node, array, variable
from chainrule.ops import linalg, spectral
from chainrule.ops.contract import matmul
from chainrule.rules.jvp import push
from chainrule.rules.vjp import pull
from tests.ops.nodes import gradient, hessian, total

RNG = np.random.default_rng(2)


def normal(*shape: int) -> Any:
    return np.asarray(RNG.normal(size=shape))


def invertible(*shape: int) -> Any:
    return normal(*shape) + 3 * np.eye(shape[-1])


def definite(*shape: int) -> Any:
    x = normal(*shape)
    return x @ np.swapaxes(x, -1, -2) + np.eye(shape[-1])


def test_gradient_of_the_log_determinant_is_the_inverse_transposed() -> None:
    for x in (invertible(4, 4), -invertible(3, 3), invertible(2, 3, 3)):
        wanted = np.swapaxes(np.linalg.inv(x), -1, -2)
        np.testing.assert_allclose(gradient(linalg.log_abs_det, x), wanted, rtol=1e-10)


def test_gradient_of_the_determinant_is_the_cofactor_matrix() -> None:
    x = invertible(3, 3)
    cofactors = np.linalg.det(x) * np.linalg.inv(x).T
    np.testing.assert_allclose(gradient(linalg.det, x), cofactors, rtol=1e-10)
    np.testing.assert_allclose(linalg.det(array(x)).value, np.linalg.det(x))


def test_hessian_of_the_log_determinant() -> None:
    """∂² ln|det A| / ∂A_ij ∂A_kl = −(A⁻¹)_jk (A⁻¹)_li."""
    x = invertible(3, 3)
    inverse = np.linalg.inv(x)
    wanted = -np.einsum("jk,li->ijkl", inverse, inverse).reshape(9, 9)
    np.testing.assert_allclose(hessian(linalg.log_abs_det, x), wanted, atol=1e-12)


@pytest.mark.parametrize(
    ("a", "b"),
    [((3, 3), (3,)), ((3, 3), (3, 2)), ((4, 3, 3), (3,)), ((4, 3, 3), (3, 2)), ((3, 3), (4, 3, 2))],
)
def test_solve_is_numpys(a: Any, b: Any) -> None:
    x, y = invertible(*a), normal(*b)
    np.testing.assert_allclose(linalg.solve(array(x), array(y)).value, np.linalg.solve(x, y))


@pytest.mark.parametrize("n", [1, 5, 64, 65, 150])
@pytest.mark.parametrize("lower", [True, False])
@pytest.mark.parametrize("transpose", [True, False])
def test_triangular_solve_is_scipys(n: int, lower: bool, transpose: bool) -> None:
    """Also with anything in the triangle that is not read."""
    x, b = normal(n, n) / n + 2 * np.eye(n), normal(n, 3)
    np.testing.assert_allclose(
        linalg.triangular_solve(array(x), array(b), lower, transpose).value,
        scipy.linalg.solve_triangular(x, b, trans=int(transpose), lower=lower),
        rtol=1e-12,
        atol=1e-12,
    )


def test_reconstructions() -> None:
    for lead in ((), (2,)):
        a = definite(*lead, 4, 4)
        lower = linalg.cholesky(array(a)).value
        np.testing.assert_allclose(lower @ np.swapaxes(lower, -1, -2), a)
        w, v = (part.value for part in spectral.eigh(array(a)))
        np.testing.assert_allclose(v * w[..., None, :] @ np.swapaxes(v, -1, -2), a)
        for shape in ((4, 4), (5, 3), (3, 5)):
            x = normal(*lead, *shape)
            u, s, vt = (part.value for part in spectral.svd(array(x)))
            np.testing.assert_allclose(u * s[..., None, :] @ vt, x)
            if shape[0] >= shape[1]:
                q, r = (part.value for part in spectral.qr(array(x)))
                np.testing.assert_allclose(q @ r, x)
                np.testing.assert_allclose(r, np.triu(r))
                assert np.all(np.diagonal(r, 0, -2, -1) > 0)


def test_signs_of_vectors_do_not_hang_on_rounding() -> None:
    """Entries of equal size: the first decides, in both precisions and for every order."""
    a = np.array([[2.0, -1.0], [-1.0, 2.0]])
    for dtype in ("float64", "float32"):
        vectors = spectral.eigvecsh(array(a.astype(dtype)))
        assert vectors.dtype == dtype
        assert np.all(vectors.value[0] > 0)


# -- against torch, first and second order -------------------------------------------------------


# Vectors enter by their entrywise squares, which do not hang on signs.
CASES: dict[str, tuple[Callable[..., Any], Callable[..., Any], tuple[Any, ...]]] = {
    "inv": (linalg.inv, lambda t, x: t.linalg.inv(x), (invertible(2, 3, 3),)),
    "det": (linalg.det, lambda t, x: t.linalg.det(x), (invertible(2, 3, 3),)),
    "solve": (
        linalg.solve,
        lambda t, a, b: t.linalg.solve(a, b),
        (invertible(2, 3, 3), normal(2, 3, 2)),
    ),
    "solve one matrix": (
        linalg.solve,
        lambda t, a, b: t.linalg.solve(a, b),
        (invertible(3, 3), normal(4, 3, 2)),
    ),
    "triangular": (
        lambda a, b: linalg.triangular_solve(a, b, lower=False),
        lambda t, a, b: t.linalg.solve_triangular(a, b, upper=True),
        (invertible(3, 3), normal(3, 2)),
    ),
    "cholesky": (
        linalg.cholesky,
        lambda t, a: t.linalg.cholesky((a + a.mT) / 2),
        (definite(2, 3, 3),),
    ),
    "eigvalsh": (
        spectral.eigvalsh,
        lambda t, a: t.linalg.eigvalsh((a + a.mT) / 2),
        (definite(2, 3, 3),),
    ),
    "eigenvectors": (
        lambda a: spectral.eigh(a)[1] * spectral.eigh(a)[1],
        lambda t, a: t.linalg.eigh((a + a.mT) / 2)[1] ** 2,
        (definite(2, 3, 3),),
    ),
    "singular values": (
        spectral.singular_values,
        lambda t, a: t.linalg.svdvals(a),
        (normal(2, 4, 3),),
    ),
    "singular vectors": (
        lambda a: spectral.svd(a)[0] * spectral.svd(a)[0],
        lambda t, a: t.linalg.svd(a, full_matrices=False)[0] ** 2,
        (normal(2, 4, 3),),
    ),
    "q": (
        lambda a: spectral.qr(a)[0] * spectral.qr(a)[0],
        lambda t, a: t.linalg.qr(a)[0] ** 2,
        (normal(2, 4, 3),),
    ),
    "r": (
        lambda a: spectral.qr(a)[1] * spectral.qr(a)[1],
        lambda t, a: t.linalg.qr(a)[1] ** 2,
        (normal(2, 4, 3),),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_gradients_and_hessian_products_are_torchs(name: str) -> None:
    torch = pytest.importorskip("torch")
    ours, theirs, values = CASES[name]
    nodes = [variable(value) for value in values]
    y = ours(*nodes)
    w, moves = normal(*y.shape), [normal(*value.shape) for value in values]
    first = pull([y], [array(w)], nodes, record=True)
    second = push(first, {n: array(v) for n, v in zip(nodes, moves, strict=True)})

    tensors = [torch.tensor(value, requires_grad=True) for value in values]
    t = theirs(torch, *tensors)
    np.testing.assert_allclose(y.value, t.detach().numpy(), rtol=1e-9, atol=1e-9)
    grads = torch.autograd.grad(t, tensors, torch.tensor(w), create_graph=True)
    along = sum((g * torch.tensor(v)).sum() for g, v in zip(grads, moves, strict=True))
    products = torch.autograd.grad(along, tensors)
    for node, wanted in zip(first, grads, strict=True):
        assert node is not None
        np.testing.assert_allclose(node.value, wanted.detach().numpy(), rtol=1e-8, atol=1e-8)
    for node, wanted in zip(second, products, strict=True):
        assert node is not None
        np.testing.assert_allclose(node.value, wanted.numpy(), rtol=1e-7, atol=1e-7)


def test_sum_of_eigenvalues_at_equal_ones() -> None:
    """Σ λ is the trace, also where the eigenvectors are not determined."""
    np.testing.assert_allclose(gradient(spectral.eigvalsh, np.eye(3)), np.eye(3), atol=1e-14)


def test_log_likelihood_of_a_gaussian() -> None:
    """½ bᵀ S⁻¹ b + ½ ln det S has the gradient ½ (S⁻¹ − S⁻¹ b bᵀ S⁻¹)."""
    s, b = definite(4, 4), normal(4)

    def loss(x: Node) -> Node:
        root = linalg.cholesky(x)
        z = linalg.triangular_solve(root, array(b))
        return 0.5 * (matmul(z, z) + linalg.log_abs_det(root) * 2.0)

    inverse = np.linalg.inv(s)
    wanted = 0.5 * (inverse - np.outer(inverse @ b, inverse @ b))
    np.testing.assert_allclose(gradient(loss, s), wanted, rtol=1e-9)


# -- dtypes, empty matrices ----------------------------------------------------------------------

UNARY: dict[str, Callable[[Node], Any]] = {
    "inv": linalg.inv,
    "det": linalg.det,
    "cholesky": linalg.cholesky,
    "eigvalsh": spectral.eigvalsh,
    "eigvecsh": spectral.eigvecsh,
    "qr": lambda x: spectral.qr(x)[1],
    "svd": lambda x: spectral.svd(x)[0],
}


@pytest.mark.parametrize("name", UNARY)
def test_float32_and_empty(name: str) -> None:
    single = UNARY[name](array(definite(3, 3).astype("float32")))
    assert single.dtype == "float32" and single.value.dtype == "float32"
    for shape in ((0, 2, 2), (0, 0)):
        x = variable(np.zeros(shape))
        (ct,) = pull([total(UNARY[name](x))], [array(np.asarray(1.0))], [x])
        assert ct is None or ct.shape == shape


# -- where they fail -----------------------------------------------------------------------------

SINGULAR = np.array([[1.0, 2.0], [2.0, 4.0]])


@pytest.mark.parametrize(
    ("make", "error", "said"),
    [
        (lambda: linalg.inv(array(SINGULAR)), DomainError, "inv: a matrix is singular"),
        (lambda: linalg.solve(array(SINGULAR), array(np.ones(2))), DomainError, "singular"),
        (
            lambda: linalg.triangular_solve(array(np.zeros((2, 2))), array(np.ones(2))),
            DomainError,
            "triangular_solve: a matrix is singular",
        ),
        (lambda: gradient(linalg.det, SINGULAR), DomainError, "singular"),
        (lambda: linalg.cholesky(array(-np.eye(2))), DomainError, "not positive definite"),
        (lambda: linalg.inv(array(np.ones((2, 3)))), ShapeError, "not square"),
        (lambda: linalg.inv(array(np.ones(3))), ShapeError, "no matrix"),
        (lambda: linalg.inv(array(np.ones((2, 2), int))), DTypeError, "not int64"),
        (lambda: spectral.qr(array(np.ones((2, 3)))), ShapeError, "more columns than rows"),
        (
            lambda: linalg.solve(array(np.eye(3)), array(np.ones(2))),
            ShapeError,
            r"\(3, 3\).*\(2,\).*2 rows",
        ),
        (
            lambda: linalg.solve(array(np.ones((2, 3, 3))), array(np.ones((4, 3, 1)))),
            ShapeError,
            "do not broadcast",
        ),
        (
            lambda: linalg.solve(array(np.eye(2)), array(np.ones(2, np.float32))),
            DTypeError,
            "float64 and float32",
        ),
    ],
)
def test_errors_say_what_is_wrong(make: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        make()


def test_a_singular_matrix_still_has_a_determinant() -> None:
    assert linalg.det(array(np.zeros((2, 2)))).value == 0.0
    sign, log = linalg.slogdet(array(np.zeros((2, 2))))
    assert (sign.value, log.value) == (0.0, -np.inf)
