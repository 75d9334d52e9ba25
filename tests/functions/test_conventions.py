"""Array API conventions: values, shapes and dtypes equal NumPy's."""

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from tests.functions.table import ALONG, ELEMENTWISE, NO_BOOLEANS, POSITIVE, SHAPED, Entry

FLOATS = (np.float32, np.float64)
SHAPES = ((), (4,), (2, 3), (0,), (2, 0, 3))


def drawn(entry: Entry, shape: tuple[int, ...], dtype: Any) -> list[np.ndarray]:
    rng = np.random.default_rng(len(shape))
    found = [np.asarray(rng.uniform(*domain, shape)) for domain in entry.domains]
    if np.dtype(dtype).kind == "i":  # round away from zero, into the domain
        found = [
            np.asarray(np.ceil(np.abs(x)) * (1 if domain[0] >= 0 else np.sign(x)))
            for x, domain in zip(found, entry.domains, strict=True)
        ]
        if entry.domains[0] == (-0.9, 0.9):
            found = [np.zeros(shape) for _ in found]
    if np.dtype(dtype).kind == "b":
        found = [np.asarray(x > 0) for x in found]
    return [x.astype(dtype) for x in found]


def same(ours: Any, wanted: Any, tolerance: float) -> None:
    wanted = np.asarray(wanted)
    assert isinstance(ours, cr.Tensor)
    assert ours.shape == wanted.shape
    assert ours.dtype == wanted.dtype
    np.testing.assert_allclose(ours.numpy(), wanted, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", FLOATS, ids=lambda d: d.__name__)
@pytest.mark.parametrize("entry", ELEMENTWISE, ids=str)
def test_elementwise_floats(entry: Entry, dtype: Any, shape: tuple[int, ...]) -> None:
    values = drawn(entry, shape, dtype)
    wanted = np.asarray(entry.numpy(*values))
    if wanted.dtype.kind == "f":
        wanted = wanted.astype(dtype)  # the twins in Python may widen
    same(entry.ours(*map(cr.tensor, values)), wanted, 2e-6 if dtype is np.float32 else 1e-13)


@pytest.mark.parametrize("dtype", [np.int64, np.int32], ids=lambda d: d.__name__)
@pytest.mark.parametrize("entry", [e for e in ELEMENTWISE if e.integers], ids=str)
def test_elementwise_integers(entry: Entry, dtype: Any) -> None:
    values = drawn(entry, (2, 3), dtype)
    wanted = np.asarray(entry.numpy(*values))
    same(entry.ours(*values), wanted, 1e-12)


@pytest.mark.parametrize(
    "entry",
    [
        e
        for e in ELEMENTWISE
        if e.integers and e.name not in NO_BOOLEANS and POSITIVE not in e.domains
    ],
    ids=str,
)
def test_elementwise_booleans(entry: Entry) -> None:
    values = drawn(entry, (5,), np.bool_)
    if entry.domains[0] == (1.2, 3.0):
        values = [np.ones(5, np.bool_)]
    wanted = np.asarray(entry.numpy(*(v if not entry.smooth else v.astype(float) for v in values)))
    same(entry.ours(*values), wanted, 1e-12)


@pytest.mark.parametrize("name", ["pow", "add", "multiply", "atan2", "logaddexp", "less"])
def test_broadcasting(name: str) -> None:
    a, b = np.linspace(0.5, 2, 6).reshape(3, 1, 2), np.linspace(1, 3, 4).reshape(4, 1)
    same(
        getattr(cr, name)(a, b),
        {"atan2": np.arctan2, "pow": np.power}.get(name, getattr(np, name, None))(a, b),
        1e-14,
    )


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", [None, 0, -1, (0, 2), ()], ids=str)
@pytest.mark.parametrize("entry", ALONG, ids=str)
def test_reductions(entry: Entry, axis: Any, keepdims: bool) -> None:
    if axis == () and entry.name == "logsumexp":  # SciPy's does not reduce over no axis
        x = np.random.default_rng(0).normal(size=(2, 3, 4))
        same(entry.ours(x, axis, keepdims=keepdims), x, 1e-13)
        return
    x = np.random.default_rng(0).normal(size=(2, 3, 4))
    same(
        entry.ours(x, axis, keepdims=keepdims), entry.numpy(x, axis=axis, keepdims=keepdims), 1e-13
    )


@pytest.mark.parametrize("dtype", [np.float32, np.int64, np.int8, np.uint8, np.bool_])
@pytest.mark.parametrize("name", ["sum", "prod", "mean", "var", "max", "any", "cumsum"])
def test_dtypes_of_reductions(name: str, dtype: Any) -> None:
    x = np.asarray([[3, 0, 2], [1, 1, 5]]).astype(dtype)
    if dtype is np.bool_ and name in ("var", "mean", "max"):
        x = x.astype(np.int64)
    same(getattr(cr, name)(x, axis=1), getattr(np, name)(x, axis=1), 1e-6)


@pytest.mark.parametrize("name", ["sum", "prod", "any", "all"])
def test_reductions_of_nothing(name: str) -> None:
    for shape, axis in (((0,), None), ((2, 0), 1), ((0, 3), 0)):
        x = np.zeros(shape)
        same(getattr(cr, name)(x, axis=axis), getattr(np, name)(x, axis=axis), 0.0)


@pytest.mark.parametrize("dtype", FLOATS, ids=lambda d: d.__name__)
@pytest.mark.parametrize("name", SHAPED)
def test_whole_arrays(name: str, dtype: Any) -> None:
    ours, wanted = SHAPED[name]
    x = np.random.default_rng(1).normal(size=(3, 4)).astype(dtype)
    found = ours(cr.tensor(x))
    same(found, np.asarray(wanted(x)).astype(dtype), 1e-4 if dtype is np.float32 else 1e-12)


def test_creation() -> None:
    same(cr.arange(5), np.arange(5), 0.0)
    same(cr.arange(1, 2, 0.25, dtype=np.float32), np.arange(1, 2, 0.25, np.float32), 0.0)
    same(cr.eye(2, 3, k=1), np.eye(2, 3, 1), 0.0)
    same(cr.linspace(0, 1, 4, endpoint=False), np.linspace(0, 1, 4, endpoint=False), 0.0)
    same(cr.logspace(0, 3, 4), np.logspace(0, 3, 4), 1e-14)
    same(cr.full((2, 2), 3), np.full((2, 2), 3), 0.0)
    same(cr.full_like(np.float32([1, 2]), 3), np.float32([3, 3]), 0.0)
    same(cr.zeros((2, 0), dtype="int32"), np.zeros((2, 0), np.int32), 0.0)
    same(cr.ones(3), np.ones(3), 0.0)
    same(cr.empty_like(np.ones((2, 3), np.bool_)), np.zeros((2, 3), np.bool_), 0.0)
    for ours, theirs in zip(cr.meshgrid([1, 2], [3, 4, 5], [6], indexing="ij"),
                            np.meshgrid([1, 2], [3, 4, 5], [6], indexing="ij")):  # fmt: skip
        same(ours, theirs, 0.0)


def test_promotion_and_dtypes() -> None:
    single = cr.tensor(1.0, dtype=cr.float32)
    assert (single * 2.5).dtype == cr.float32  # Python numbers do not widen
    assert (single + np.float64(1)).dtype == cr.float64
    assert (cr.tensor(1) + 0.5).dtype == cr.float64
    assert (cr.tensor(True) + 1).dtype == cr.int64
    assert (cr.tensor([1], dtype="int8") * cr.tensor([1], dtype="uint8")).dtype == cr.int16
    assert cr.sin(cr.tensor(1, dtype="int8")).dtype == cr.float64
    assert cr.sin(np.float16([1])).dtype == cr.float16
    assert cr.result_type(cr.int8, 1.0) == cr.float64
    assert cr.result_type(cr.tensor(1.0, "float32"), 1.0, True) == cr.float32
    assert cr.can_cast(cr.int32, cr.float64) and not cr.can_cast(cr.float64, cr.float32)
    assert cr.finfo(single).eps == np.finfo(np.float32).eps
    assert cr.iinfo("int16").max == 32767
    assert cr.isdtype(cr.int8, "signed integer") and not cr.isdtype(cr.int8, "bool")
    assert cr.isdtype(cr.float32, (cr.float64, cr.float32))
    assert cr.astype([1.5], cr.int32).dtype == cr.int32
    info = cr.__array_namespace_info__()
    assert info.default_dtypes()["real floating"] == cr.float64
    assert set(info.dtypes(kind="real floating")) == {"float16", "float32", "float64"}


def test_integer_powers_stay_integers() -> None:
    same(cr.tensor([2, 3]) ** cr.tensor([3, 2]), np.asarray([8, 9]), 0.0)
    same(cr.tensor([2, 3]) ** 2, np.asarray([4, 9]), 0.0)
    with pytest.raises(cr.DomainError, match="negative powers"):
        cr.tensor([2, 3]) ** -1
    same(cr.tensor([2.0, 4.0]) ** -1, np.asarray([0.5, 0.25]), 0.0)


def test_searching_and_sets() -> None:
    x = np.asarray([[3, 1, 3], [2, 2, 1]])
    for axis in (None, 0, 1):
        same(cr.argmax(x, axis), np.argmax(x, axis), 0.0)
        same(cr.argmin(x, axis), np.argmin(x, axis), 0.0)
    same(cr.argmax(x, keepdims=True), np.argmax(x, keepdims=True), 0.0)
    same(cr.argsort(x, axis=1), np.argsort(x, axis=1, kind="stable"), 0.0)
    for ours, theirs in zip(cr.nonzero(x > 2), np.nonzero(x > 2)):
        same(ours, theirs, 0.0)
    for ours, theirs in zip(cr.where(x > 2), np.where(x > 2)):
        same(ours, theirs, 0.0)
    same(cr.argwhere(x > 2), np.argwhere(x > 2), 0.0)
    line, probes = np.asarray([1.0, 2.0, 2.0, 5.0]), np.asarray([[2.0, 0.0], [9.0, 3.0]])
    for side in ("left", "right"):
        same(cr.searchsorted(line, probes, side=side), np.searchsorted(line, probes, side), 0.0)
    found = cr.unique_all(x)
    for ours, theirs in zip(found, np.unique_all(x)):
        same(ours, theirs, 0.0)
    same(cr.one_hot([0, 2, 5], 3, dtype=cr.int64), np.eye(6, 3, dtype=int)[[0, 2, 5]], 0.0)
    same(cr.one_hot([0, 2], 3, axis=0), np.eye(3, dtype=np.float32)[[0, 2]].T, 0.0)
    assert cr.unique_values([np.nan, np.nan]).shape == (2,)


def test_quantiles_equal_numpys() -> None:
    x = np.random.default_rng(2).normal(size=(5, 4))
    for method in ("linear", "lower", "higher", "nearest", "midpoint"):
        for q in (0.0, 0.3, 1.0, [0.25, 0.5, 0.9]):
            for axis in (None, 0, 1):
                same(
                    cr.quantile(x, q, axis, method=method),
                    np.quantile(x, q, axis=axis, method=method),
                    1e-13,
                )
    assert np.isnan(cr.median([1.0, np.nan, 2.0]).item())


STANDARD = """
abs acos acosh add all any arange argmax argmin argsort asarray asin asinh astype atan atan2
atanh bitwise_and bitwise_invert bitwise_left_shift bitwise_or bitwise_right_shift bitwise_xor
bool broadcast_arrays broadcast_to can_cast ceil clip concat copysign cos cosh cumulative_sum
divide e empty empty_like equal exp expand_dims expm1 eye finfo flip float32 float64 floor
floor_divide from_dlpack full full_like greater greater_equal hypot iinfo inf int16 int32 int64
int8 isdtype isfinite isinf isnan less less_equal linspace log log10 log1p log2 logaddexp
logical_and logical_not logical_or logical_xor matmul matrix_transpose max maximum mean meshgrid
min minimum moveaxis multiply nan negative newaxis nonzero not_equal ones ones_like permute_dims
pi positive pow prod remainder repeat reshape result_type roll round searchsorted sign signbit
sin sinh sort sqrt square squeeze stack std subtract sum take tan tanh tensordot tile tril triu
trunc uint16 uint32 uint64 uint8 unique_all unique_counts unique_inverse unique_values unstack
var vecdot where zeros zeros_like cumulative_prod diff take_along_axis count_nonzero
"""
STANDARD_LINALG = """
cholesky cross det diagonal eigh inv matmul matrix_norm matrix_power matrix_transpose outer qr
slogdet solve svd svdvals tensordot trace vecdot vector_norm
"""


def test_array_api_names_are_there() -> None:
    assert [name for name in STANDARD.split() if not hasattr(cr, name)] == []
    assert [name for name in STANDARD_LINALG.split() if not hasattr(cr.linalg, name)] == []


def test_public_names_are_listed_and_documented() -> None:
    for name in cr.__all__:
        thing = getattr(cr, name)
        if callable(thing):
            assert thing.__doc__, name
            ours = thing.__module__.startswith("chainrule.functions.") and name[0] != "_"
            assert not ours or ">>> " in thing.__doc__, f"{name} has no example"


def test_rounding_to_tens_and_hundreds() -> None:
    values = np.array([1234, 1250, 1350, -1250, -1251, 1251, 0, 50, -150])
    for dtype in ("int16", "int64", "float32", "float64"):
        for decimals in (-1, -2, -3):
            given = values.astype(dtype)
            same(cr.round(given, decimals), np.round(given, decimals), 0.0)
    same(cr.round(cr.tensor([200, 205, 215], dtype="uint8"), -1), np.uint8([200, 200, 220]), 0.0)


def test_integers_of_linspace_are_floored() -> None:
    same(cr.linspace(-1, 1, 4, dtype=int), np.linspace(-1, 1, 4, dtype=int), 0.0)
    same(cr.logspace(0, 1, 4, dtype=int), np.logspace(0, 1, 4, dtype=int), 0.0)


@pytest.mark.parametrize("axis", [None, 1])
def test_median_and_quantile_of_nothing_are_nan(axis: int | None) -> None:
    empty = cr.zeros((2, 0))
    assert np.isnan(cr.median(empty, axis)).all()
    assert cr.median(empty, axis).shape == (() if axis is None else (2,))
    found = cr.quantile(empty, [0.1, 0.5], axis, keepdims=True)
    assert np.isnan(found).all() and found.shape == (2, *((1, 1) if axis is None else (2, 1)))
    assert cr.grad(lambda x: cr.median(x))(cr.zeros(0)).shape == (0,)


def test_the_method_mean_takes_a_dtype() -> None:
    found = cr.tensor([1, 2]).mean(dtype="float32")
    assert found.dtype == cr.float32 and found.item() == 1.5
