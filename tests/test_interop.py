"""Tensors among NumPy arrays, PyTorch tensors and array API consumers."""

import numpy as np
import pytest

import chainrule as cr


def test_asarray_is_a_read_only_view_and_copies_on_demand() -> None:
    t = cr.tensor([1.0, 2.0])
    assert not np.asarray(t).flags.writeable
    assert np.shares_memory(np.asarray(t), t.numpy())
    changed = np.array(t)
    changed[0] = 5.0
    assert t.tolist() == [1.0, 2.0]
    assert np.asarray(t, dtype=np.float32).dtype == np.float32
    assert np.asarray([cr.tensor(1.0), cr.tensor(2.0)]).tolist() == [1.0, 2.0]
    with pytest.raises(TypeError, match="without a copy"):
        np.asarray(t, dtype=np.float32, copy=False)


def test_the_value_of_a_recorded_tensor_may_be_read() -> None:
    w = cr.tensor([1.0, 2.0], requires_grad=True)
    assert (w * 2).numpy().tolist() == [2.0, 4.0]


def test_ufuncs_of_numpy_are_ours() -> None:
    w = cr.tensor([0.5, 1.5], requires_grad=True)
    loss = np.sum(np.exp(w) * np.asarray([1.0, 2.0]) + np.arctan2(w, 2.0) - np.power(w, 2))
    assert isinstance(loss, cr.Tensor)
    loss.backward()
    x = w.numpy()
    wanted = np.exp(x) * [1.0, 2.0] + 2 / (x**2 + 4) - 2 * x
    np.testing.assert_allclose(w.grad, wanted)
    for name in ("sin", "arcsin", "absolute", "invert", "rint", "logaddexp", "maximum"):
        f = getattr(np, name)
        given = np.asarray([True, False]) if name == "invert" else np.asarray([0.3, -0.7])
        arguments = (given,) * f.nin
        found = f(*map(cr.tensor, arguments))
        assert isinstance(found, cr.Tensor)
        np.testing.assert_allclose(found, f(*arguments), rtol=1e-15)


def test_functions_of_numpy_are_ours() -> None:
    w = cr.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    for found in (
        np.concatenate([w, w]), np.where(w > 2, w, 0.0), np.mean(w, axis=0), np.linalg.norm(w),
        np.linalg.inv(w), np.transpose(w), np.clip(w, 2.0, 3.0), np.cumsum(w), np.trace(w),
        np.einsum("ij->j", w), np.zeros_like(w), np.stack([w, w], axis=1),
    ):  # fmt: skip
        assert isinstance(found, cr.Tensor)
    assert np.mean(w, axis=0).requires_grad
    assert (np.shape(w), np.ndim(w), np.size(w)) == ((2, 2), 2, 4)
    assert np.allclose(w, w.numpy()) and np.array_equal(w, w.numpy())


def test_functions_of_numpy_that_we_lack_take_values_but_lose_no_derivative_silently() -> None:
    x = cr.tensor([1.0, 2.0, 4.0])
    assert isinstance(np.convolve(x, [1.0, 1.0]), np.ndarray)
    assert np.add.reduce(x) == 7.0
    total = np.zeros(3)
    total += x
    assert total.tolist() == [1.0, 2.0, 4.0]
    w = cr.tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(cr.GradientError, match="detach"):
        np.convolve(w, [1.0, 1.0])
    with pytest.raises(cr.GradientError, match="detach"):
        np.cbrt(w)
    assert np.cbrt(w.detach()).shape == (2,)


def test_array_namespace() -> None:
    t = cr.tensor([1.0])
    assert t.__array_namespace__() is cr
    assert t.__array_namespace__(api_version="2023.12") is cr
    assert cr.__array_api_version__ == "2023.12"
    xp = t.__array_namespace__()
    assert (
        xp.asarray([1, 2], dtype=xp.float32, device=t.device).to_device("cpu").dtype == xp.float32
    )


def test_float16_is_stored_and_computed() -> None:
    half = np.float16([1.0, 2.5])
    t = cr.tensor(half)
    assert t.dtype == cr.float16 and np.asarray(t).dtype == np.float16
    assert (t * 2).dtype == cr.float16
    assert repr(t) == "tensor([1. , 2.5], dtype=float16)"
    assert (t + cr.tensor([1.0], "float32")).dtype == cr.float32


def test_foreign_byte_order_and_strides() -> None:
    swapped = np.arange(4, dtype=">f8")
    assert cr.tensor(swapped).dtype == cr.float64
    assert cr.tensor(swapped[::-2]).tolist() == [3.0, 1.0]


def test_dlpack_with_numpy() -> None:
    t = cr.tensor([[1.0, 2.0], [3.0, 4.0]])
    taken = np.from_dlpack(t)
    assert taken.tolist() == t.tolist()
    for dtype in ("float32", "int8", "uint16", "bool", "float16"):
        again = cr.from_dlpack(np.ones(3, dtype))
        assert again.dtype == dtype and again.tolist() == np.ones(3, dtype).tolist()
    source = np.ones(2)
    copied, shared = cr.from_dlpack(source), cr.from_dlpack(source, copy=False)
    source[0] = 7.0
    assert (copied.tolist(), shared.tolist()) == ([1.0, 1.0], [7.0, 1.0])
    assert t.__dlpack_device__() == (1, 0)
    assert np.from_dlpack(t[0, 0]).shape == ()


def test_dlpack_with_pytorch() -> None:
    torch = pytest.importorskip("torch")
    t = cr.tensor([[1.0, 2.0]], dtype=cr.float32)
    there = torch.from_dlpack(t)
    assert there.dtype == torch.float32
    there[0, 0] = 9.0  # other libraries may write; tensors never change
    assert t.tolist() == [[1.0, 2.0]]
    back = cr.from_dlpack(torch.arange(3.0))
    assert back.tolist() == [0.0, 1.0, 2.0] and back.dtype == cr.float32
    assert cr.from_dlpack(t).tolist() == t.tolist()
    assert cr.tensor(torch.ones(2).numpy()).tolist() == [1.0, 1.0]
    with pytest.raises(cr.DTypeError, match="grad"):
        cr.from_dlpack(torch.ones(2, requires_grad=True))
    with pytest.raises(cr.DTypeError, match="does not export"):
        cr.from_dlpack(torch.ones(2, dtype=torch.bfloat16))


def test_arguments_of_numpy_are_translated() -> None:
    w = cr.tensor([1.0, 4.0, 9.0, 2.0], requires_grad=True)
    x = w.numpy()
    for f in (
        lambda a: np.std(a, ddof=1), lambda a: np.var(a, None, None, None, 1),
        lambda a: np.diff(a, 1), lambda a: np.tensordot(a, a, 1), lambda a: np.take(a, [0], 0),
        lambda a: np.argsort(a, kind="stable"), lambda a: np.clip(a, a_min=2.0, a_max=3.0),
        lambda a: np.sum(a, 0, None, None), lambda a: np.round(a, 1, None),
    ):  # fmt: skip
        found = f(w)
        assert isinstance(found, cr.Tensor)
        np.testing.assert_allclose(found, f(x))
    assert np.std(w, ddof=1).requires_grad


def test_arguments_that_only_numpy_takes() -> None:
    t = cr.tensor([1.0, 4.0, 9.0])
    w = cr.tensor([1.0, 4.0, 9.0], requires_grad=True)
    for f, wanted in (
        (lambda a: np.sum(a, where=np.array([True, False, True])), 10.0),
        (lambda a: np.max(a, initial=12.0), 12.0),
    ):
        assert f(t) == wanted
        with pytest.raises(cr.GradientError, match=r"numpy's (sum|max) with these arguments"):
            f(w)


def test_a_refused_function_of_numpy_is_named_and_has_written_nothing() -> None:
    w = cr.tensor([1.0, 2.0], requires_grad=True)
    out, total = np.zeros(2), np.zeros(())
    with pytest.raises(cr.GradientError, match="numpy's heaviside "):
        np.heaviside(w, 0.5)
    with pytest.raises(cr.GradientError, match=r"numpy's add\.reduce "):
        np.add.reduce(w)
    with pytest.raises(cr.GradientError, match="numpy's add "):
        np.add(w, 1.0, out=out)
    with pytest.raises(cr.GradientError, match="numpy's sum "):
        np.sum(w, 0, None, total)
    assert out.tolist() == [0.0, 0.0] and total == 0.0
