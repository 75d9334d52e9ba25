"""Convolutions as native code sees them: three spatial axes, groups apart, operands by strides."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod

from chainrule.lower.llvm.ir import Function, Module, Value, bits
from chainrule.ops.conv import conv_flops

__all__ = ["TASKS", "ConvShape", "Epilogue", "Geometry", "Job", "Place", "Reader", "Triple", "up"]

Triple = tuple[int, int, int]
Place = Callable[[Function], Value]
"""Emits the address of an array's element 0, …, 0."""
Epilogue = Callable[[Function, Sequence[Value], Value, "Value | None"], None]
Reader = Callable[[Function, list[Value], int, "Value | None"], Value]


TASKS = 16
"""So many tasks are wanted, for two to eight threads."""


def up(n: int, multiple: int) -> int:
    """The next multiple."""
    return -(-n // multiple) * multiple


@dataclass(frozen=True)
class ConvShape:
    """What is convolved: the arguments of the primitive `conv_`, and where the operands lie.

    Attributes:
        scalar: "float" or "double".
        x_shape: (batch, channels, *spatial), with one to three spatial axes.
        w_shape: (features, channels / feature_groups, *spatial).
        strides, padding, lhs_dilation, rhs_dilation, feature_groups, batch_groups: as `conv_` has
            them; padding may be negative.
        x, w: for each axis of an operand the distance of neighbours in elements, of any sign;
            exchanged axes and reversed kernels cost nothing.
    """

    scalar: str
    x_shape: tuple[int, ...]
    w_shape: tuple[int, ...]
    strides: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    lhs_dilation: tuple[int, ...]
    rhs_dilation: tuple[int, ...]
    feature_groups: int
    batch_groups: int
    x: tuple[int, ...]
    w: tuple[int, ...]

    @property
    def out_shape(self) -> tuple[int, ...]:
        """(batch / batch_groups, features, *spatial)."""
        spatial = []
        for axis, (s, a, b) in enumerate(
            zip(self.strides, self.lhs_dilation, self.rhs_dilation, strict=True)
        ):
            n, k = self.x_shape[axis + 2], self.w_shape[axis + 2]
            available = _dilated(n, a) + sum(self.padding[axis])
            spatial.append((available - _dilated(k, b)) // s + 1)
        return (self.x_shape[0] // self.batch_groups, self.w_shape[0], *spatial)

    @property
    def x_numbers(self) -> int:
        return prod(self.x_shape)

    @property
    def w_numbers(self) -> int:
        return prod(self.w_shape)

    @property
    def flops(self) -> int:
        return conv_flops(self.out_shape, self.w_shape)


def _dilated(extent: int, dilation: int) -> int:
    return 0 if extent == 0 else (extent - 1) * dilation + 1


def _three(values: Sequence[int], missing: int) -> Triple:
    a, b, c = (missing,) * (3 - len(values)) + tuple(values)
    return a, b, c


@dataclass(frozen=True)
class Geometry:
    """A `ConvShape` with exactly three spatial axes (depth, height, width) and both sorts of groups
    as one. Everything is counted for one group.

    Attributes:
        groups: how many independent convolutions there are.
        batch, channels, features: extents within a group.
        x_extent, kernel, out: spatial extents.
        stride, dilation, spread, low: along each axis the stride, the dilation of the kernel and of
            the input, and the padding before the first element.
        x_group, x_batch, x_channel, x_step: distances of neighbours in the input.
        w_group, w_feature, w_channel, w_step: likewise in the kernel.
    """

    shape: ConvShape

    @property
    def scalar(self) -> str:
        return self.shape.scalar

    @property
    def size(self) -> int:
        """Bytes of one number."""
        return bits(self.shape.scalar) // 8

    @cached_property
    def rank(self) -> int:
        return len(self.shape.strides)

    @cached_property
    def groups(self) -> int:
        return self.shape.feature_groups * self.shape.batch_groups

    @cached_property
    def batch(self) -> int:
        return self.shape.x_shape[0] // self.shape.batch_groups

    @cached_property
    def channels(self) -> int:
        return self.shape.w_shape[1]

    @cached_property
    def features(self) -> int:
        return self.shape.w_shape[0] // self.groups

    @cached_property
    def x_extent(self) -> Triple:
        return _three(self.shape.x_shape[2:], 1)

    @cached_property
    def kernel(self) -> Triple:
        return _three(self.shape.w_shape[2:], 1)

    @cached_property
    def out(self) -> Triple:
        return _three(self.shape.out_shape[2:], 1)

    @cached_property
    def stride(self) -> Triple:
        return _three(self.shape.strides, 1)

    @cached_property
    def dilation(self) -> Triple:
        return _three(self.shape.rhs_dilation, 1)

    @cached_property
    def spread(self) -> Triple:
        return _three(self.shape.lhs_dilation, 1)

    @cached_property
    def low(self) -> Triple:
        return _three([lo for lo, _ in self.shape.padding], 0)

    @cached_property
    def x_batch(self) -> int:
        return self.shape.x[0]

    @cached_property
    def x_channel(self) -> int:
        return self.shape.x[1]

    @cached_property
    def x_group(self) -> int:
        if self.shape.batch_groups > 1:
            return self.batch * self.x_batch
        return self.channels * self.x_channel

    @cached_property
    def x_step(self) -> Triple:
        return _three(self.shape.x[2:], 0)

    @cached_property
    def w_feature(self) -> int:
        return self.shape.w[0]

    @cached_property
    def w_group(self) -> int:
        return self.features * self.w_feature

    @cached_property
    def w_channel(self) -> int:
        return self.shape.w[1]

    @cached_property
    def w_step(self) -> Triple:
        return _three(self.shape.w[2:], 0)

    @cached_property
    def taps(self) -> int:
        """How many products make one number of the result."""
        return self.channels * self.kernel[0] * self.kernel[1] * self.kernel[2]

    @cached_property
    def places(self) -> int:
        """Spatial positions of the result."""
        return self.out[0] * self.out[1] * self.out[2]

    def reach(self, axis: int, outputs: int) -> int:
        """How many padded elements so many neighbouring outputs read along an axis."""
        span = (self.kernel[axis] - 1) * self.dilation[axis] + 1
        return (outputs - 1) * self.stride[axis] + span

    @cached_property
    def inside(self) -> bool:
        """Whether all that is read lies in x as it is, without zeros around or between."""
        return all(
            self.low[axis] <= 0
            and self.spread[axis] == 1
            and self.reach(axis, self.out[axis]) - self.low[axis] <= self.x_extent[axis]
            for axis in range(3)
        )

    def x_index(self, group: Value, n: Value, c: Value, spatial: Sequence[Value]) -> list[Value]:
        """The index in x of an element of a group."""
        if self.shape.batch_groups > 1:
            n = group * self.batch + n
        else:
            c = group * self.channels + c
        return [n, c, *spatial[3 - self.rank :]]

    def out_index(
        self, group: Value, n: Value, feature: Value, spatial: Sequence[Value]
    ) -> list[Value]:
        """The index in the result of a feature of a group."""
        return [n, group * self.features + feature, *spatial[3 - self.rank :]]


@dataclass(frozen=True)
class Job:
    """What the kernels of a convolution are written into and read from: see `emit_conv`."""

    module: Module
    name: str
    x: Place
    w: Place
    workspace: Place
    epilogue: Epilogue
    read_x: Reader | None
