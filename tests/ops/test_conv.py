"""Convolutions against PyTorch, forward and both gradients; second order by finite differences."""

from typing import Any

import numpy as np
import pytest

from chainrule.core.errors import DTypeError, ShapeError
from chainrule.core.node import array, variable
from chainrule.ops import conv as module
from chainrule.ops.conv import conv_
from chainrule.ops.convolution import conv, conv_transpose
from chainrule.rules.jvp import push
from chainrule.rules.vjp import pull

RNG = np.random.default_rng(1)


def normal(*shape: int) -> Any:
    return np.asarray(RNG.normal(size=shape))


# input, kernel, strides, padding, dilation, groups
SETTINGS: list[tuple[Any, ...]] = [
    ((2, 3, 9), (4, 3, 3), 1, 0, 1, 1),
    ((2, 3, 9), (4, 3, 3), 2, 1, 1, 1),
    ((2, 3, 10), (4, 3, 3), 3, 2, 2, 1),
    ((2, 4, 9), (6, 2, 3), 2, 1, 1, 2),
    ((2, 4, 9), (8, 1, 3), 1, 1, 2, 4),
    ((1, 2, 5), (3, 2, 1), 2, 0, 1, 1),
    ((2, 3, 8, 7), (4, 3, 3, 2), 1, 0, 1, 1),
    ((2, 3, 8, 7), (4, 3, 3, 2), (2, 3), (1, 2), 1, 1),
    ((2, 4, 8, 9), (4, 2, 3, 2), (2, 1), (2, 0), (2, 3), 2),
    ((1, 2, 5, 6, 4), (3, 2, 2, 3, 2), 1, 0, 1, 1),
    ((2, 4, 5, 6, 4), (4, 2, 2, 3, 2), (2, 1, 2), (1, 2, 0), (1, 2, 1), 2),
]


def compare(y: Any, nodes: list[Any], t: Any, tensors: list[Any]) -> None:
    """Equal values and equal gradients of a random weighted sum."""
    torch = pytest.importorskip("torch")
    np.testing.assert_allclose(y.value, t.detach().numpy(), rtol=1e-11, atol=1e-11)
    w = normal(*y.shape)
    t.backward(torch.tensor(w))
    for ct, tensor in zip(pull([y], [array(w)], nodes), tensors, strict=True):
        assert ct is not None
        np.testing.assert_allclose(ct.value, tensor.grad.numpy(), rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize(("x", "w", "strides", "padding", "dilation", "groups"), SETTINGS)
def test_conv_is_torchs(
    x: Any, w: Any, strides: Any, padding: Any, dilation: Any, groups: int
) -> None:
    torch = pytest.importorskip("torch")
    values = [normal(*x), normal(*w)]
    nodes = [variable(v) for v in values]
    y = conv(*nodes, strides, padding, dilation, groups)
    tensors = [torch.tensor(v, requires_grad=True) for v in values]
    function = [torch.nn.functional.conv1d, torch.nn.functional.conv2d, torch.nn.functional.conv3d]
    t = function[len(x) - 3](
        *tensors, None, stride=strides, padding=padding, dilation=dilation, groups=groups
    )
    compare(y, nodes, t, tensors)


@pytest.mark.parametrize(("x", "w", "strides", "padding", "dilation", "groups"), SETTINGS)
@pytest.mark.parametrize("more", [0, 1])
def test_conv_transpose_is_torchs(
    x: Any, w: Any, strides: Any, padding: Any, dilation: Any, groups: int, more: int
) -> None:
    torch = pytest.importorskip("torch")
    x = (x[0], w[0], *x[2:])  # the kernel of conv, read from its results to its input
    rank = len(x) - 2
    steps = [strides] * rank if isinstance(strides, int) else strides
    taps = [dilation] * rank if isinstance(dilation, int) else dilation
    extra = tuple(more if max(s, d) > 1 else 0 for s, d in zip(steps, taps, strict=True))
    values = [normal(*x), normal(*w)]
    nodes = [variable(v) for v in values]
    y = conv_transpose(*nodes, strides, padding, dilation, groups, output_padding=extra)
    tensors = [torch.tensor(v, requires_grad=True) for v in values]
    f = torch.nn.functional
    function = [f.conv_transpose1d, f.conv_transpose2d, f.conv_transpose3d][rank - 1]
    t = function(
        *tensors,
        None,
        stride=strides,
        padding=padding,
        dilation=dilation,
        groups=groups,
        output_padding=extra,
    )
    compare(y, nodes, t, tensors)


@pytest.mark.parametrize("strides", [1, 2, 3])
@pytest.mark.parametrize("kernel", [1, 2, 3, 4])
@pytest.mark.parametrize("dilation", [1, 2])
def test_same_padding(strides: int, kernel: int, dilation: int) -> None:
    """⌈n / s⌉ places for conv, n · s for its adjoint; for stride 1 PyTorch's values."""
    x, w = normal(1, 2, 7), normal(2, 2, kernel)
    y = conv(array(x), array(w), strides, "same", dilation)
    assert y.shape == (1, 2, -(-7 // strides))
    up = conv_transpose(array(x), array(w), strides, "same", dilation)
    assert up.shape == (1, 2, 7 * strides)
    if strides == 1:
        torch = pytest.importorskip("torch")
        t = torch.nn.functional.conv1d(
            torch.tensor(x), torch.tensor(w), padding="same", dilation=dilation
        )
        np.testing.assert_allclose(y.value, t.numpy(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("padding", ["valid", "same", 1, (2,), ((0, 3),)])
@pytest.mark.parametrize(("strides", "dilation"), [(1, 1), (2, 1), (1, 2), (3, 2)])
def test_conv_transpose_is_the_adjoint(padding: Any, strides: int, dilation: int) -> None:
    """⟨conv(x), y⟩ = ⟨x, convᵀ(y)⟩ where conv uses up its input."""
    w, y = array(normal(4, 3, 3)), normal(2, 4, 5)
    up = conv_transpose(array(y), w, strides, padding, dilation)
    x = normal(*up.shape)
    down = conv(array(x), w, strides, padding, dilation)
    assert down.shape == y.shape
    np.testing.assert_allclose(np.vdot(down.value, y), np.vdot(x, up.value))


def test_uneven_padding_is_padding_by_hand() -> None:
    x, w = normal(1, 2, 5, 6), normal(3, 2, 2, 3)
    padded = np.pad(x, ((0, 0), (0, 0), (1, 0), (0, 2)))
    np.testing.assert_allclose(
        conv(array(x), array(w), padding=((1, 0), (0, 2))).value,
        conv(array(padded), array(w)).value,
    )


@pytest.mark.parametrize("batch_groups", [1, 2])
def test_second_order_by_finite_differences(batch_groups: int) -> None:
    """The mixed second derivative of Σ y³, which is not bilinear any more."""
    groups = 3 - batch_groups
    x, w = normal(2, 4, 7), normal(4, 4 // groups, 3)
    vx, vw = normal(*x.shape), normal(*w.shape)

    def gradients(h: float, record: bool = False) -> tuple[list[Any], list[Any]]:
        nodes = [variable(x + h * vx), variable(w + h * vw)]
        y = conv_(
            *nodes,
            strides=(2,),
            padding=((1, -1),),
            lhs_dilation=(2,),
            rhs_dilation=(1,),
            feature_groups=groups,
            batch_groups=batch_groups,
        )
        return nodes, pull([y * y * y], [array(np.ones(y.shape))], nodes, record=record)

    nodes, first = gradients(0.0, record=True)
    found = push(first, {nodes[0]: array(vx), nodes[1]: array(vw)})
    h = 1e-5
    for part, up, down in zip(found, gradients(h)[1], gradients(-h)[1], strict=True):
        assert part is not None
        wanted = (up.value - down.value) / (2 * h)
        np.testing.assert_allclose(part.value, wanted, rtol=1e-6, atol=1e-5)


def test_blocks_do_not_change_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    x, w = array(normal(7, 4, 6, 5)), array(normal(6, 2, 3, 2))
    whole = conv(x, w, groups=2).value
    monkeypatch.setattr(module, "BLOCK", 1000)
    np.testing.assert_allclose(conv(x, w, groups=2).value, whole, rtol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float16", "int64", "int8"])
def test_dtype_is_kept(dtype: str) -> None:
    x = np.asarray(RNG.integers(0, 3, (2, 3, 6))).astype(dtype)
    w = np.asarray(RNG.integers(0, 3, (2, 3, 2))).astype(dtype)
    y = conv(array(x), array(w))
    assert y.dtype == dtype and y.value.dtype == dtype
    wanted = conv(array(x.astype(float)), array(w.astype(float))).value
    np.testing.assert_array_equal(y.value, wanted)


def test_nothing_to_convolve() -> None:
    assert conv(array(normal(0, 3, 6)), array(normal(2, 3, 2))).shape == (0, 2, 5)
    none = conv(array(normal(2, 0, 6)), array(normal(2, 0, 2)))
    np.testing.assert_array_equal(none.value, np.zeros((2, 2, 5)))


def ones(*shape: int) -> Any:
    return array(np.ones(shape))


@pytest.mark.parametrize(
    ("make", "error", "said"),
    [
        (lambda: conv(ones(1, 2, 5), ones(3, 4, 3)), ShapeError, "2 channels.*wants 4"),
        (lambda: conv(ones(2, 5), ones(3, 2, 3)), ShapeError, r"expected input \(batch"),
        (lambda: conv(ones(1, 2, 5), ones(3, 2, 6)), ShapeError, "spans 6 elements.*has 5"),
        (lambda: conv(ones(1, 2, 5), ones(3, 2, 3), dilation=3), ShapeError, "spans 7"),
        (lambda: conv(ones(1, 4, 5), ones(3, 2, 3), groups=2), ShapeError, "divided into 2"),
        (lambda: conv(ones(1, 2, 5), ones(3, 2, 3), strides=0), ShapeError, "strides must be at"),
        (lambda: conv(ones(1, 2, 5), ones(3, 2, 3), strides=(1, 1)), ShapeError, "2 strides"),
        (lambda: conv(ones(1, 2, 5), ones(3, 2, 3), padding="full"), ShapeError, "'full'"),
        (lambda: conv(ones(1, 2, 5), ones(3, 2, 3), padding=(1, 1)), ShapeError, "1 spatial"),
        (
            lambda: conv(ones(1, 2, 5), array(np.ones((3, 2, 3), np.float32))),
            DTypeError,
            "float64 and float32",
        ),
        (lambda: conv_transpose(ones(1, 2, 5), ones(3, 2, 3)), ShapeError, "channels divisible"),
    ],
)
def test_errors_say_what_is_wrong(make: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        make()
