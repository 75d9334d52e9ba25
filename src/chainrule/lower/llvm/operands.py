"""Contraction and convolution steps: their operands, and what follows them in the same kernel.

The kernels of `gemm` and `conv` hand every finished vector of the result to an epilogue. Here the
epilogue computes the rest of the group (bias, activation, the derivative of an activation, the
update of an optimizer) from it and stores what others need.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from chainrule.core.node import Node
from chainrule.lower.llvm.elementwise import memory_type
from chainrule.lower.llvm.ir import Function, Value, lanes
from chainrule.lower.llvm.kernel import Buffer, Kernel, digits
from chainrule.lower.llvm.loops.evaluate import Emission
from chainrule.lower.llvm.loops.settings import Settings
from chainrule.lower.llvm.plan.frame import Frame, GemmTask, Step
from chainrule.lower.llvm.plan.group import Group
from chainrule.lower.llvm.plan.index import Var
from chainrule.lower.llvm.plan.schedule import Operand
from chainrule.lower.llvm.plan.table import ARENA

__all__ = ["emit_contraction", "emit_convolution"]


def _base(frame: Frame, operand: Operand, scalar: str) -> Callable[[Function], Value]:
    buffer = frame.place(operand.base)
    assert buffer is not None
    return lambda f: buffer.pointer(f).offset(operand.offset, scalar)


def _workspace(frame: Frame, step: Step) -> Callable[[Function], Value]:
    offset = 0 if step.workspace is None else frame.base + step.workspace.offset
    return Buffer(ARENA, offset).pointer


class _Finish:
    """Stores what a group wants of each vector of its first node's result."""

    def __init__(self, settings: Settings, frame: Frame, group: Group) -> None:
        self.settings = settings
        self.frame = frame
        self.group = group
        self.sources = group.sources
        self._emissions: dict[Function, Emission] = {}

    def _place(self, node: Node) -> Buffer | None:
        return self.frame.place(node) if node in self.sources else None

    def __call__(
        self,
        f: Function,
        known: Sequence[tuple[Var, Value]],
        acc: Value,
        mask: Value | None,
    ) -> None:
        group = self.group
        em = self._emissions.get(f)
        count = max(lanes(acc.type), 1)
        if em is None:
            em = self.settings.emission(f, count, self._place)
            self._emissions[f] = em
        if group.members[0].shape[-1] == 1 and lanes(acc.type):
            acc, mask, count = acc.lane(0), None, 1
        em.count = count
        em.vector_var = group.axes[-1] if count > 1 and group.axes else None
        with em.somewhere():
            for var, value in known:
                em.know(var, value)
            em.bind(group.members[0], acc)
            # all are computed first, for one may lie where another is read from
            values = [em.value(node, group.index[node], mask) for node in group.stored]
            for node, value in zip(group.stored, values, strict=True):
                buffer = self.frame.place(node)
                assert buffer is not None
                em.store(node, buffer, group.index[node], value, mask)
            em.bound.clear()


def emit_contraction(settings: Settings, name: str, frame: Frame, step: Step) -> list[Kernel]:
    """The kernels of a matrix product and what follows it."""
    from chainrule.lower.llvm.gemm.emit import emit_gemm  # not before a program needs it

    task: GemmTask = step.extra
    group, product = step.group, task.product
    first = group.members[0]
    out = first.argument[2]
    finish = _Finish(settings, frame, group)
    labels = [label for dim in product.batch for label in dim.labels]

    def epilogue(
        f: Function, batch: Value, row: Value, col: Value, acc: Value, mask: Value | None
    ) -> None:
        values: dict[int, Value] = {}
        extents = product.extents
        for owned, value in ((labels, batch), (product.row.labels, row)):
            places = digits(f, value, [extents[label] for label in owned])
            values.update(zip(owned, places, strict=True))
        values[product.column.labels[0]] = col
        finish(f, _known(group, out, extents, values, f), acc, mask)

    scalar = memory_type(first.dtype)
    return emit_gemm(
        settings.module,
        name,
        task.shape,
        settings.machine,
        a=_base(frame, task.a, scalar),
        b=_base(frame, task.b, scalar),
        workspace=_workspace(frame, step),
        epilogue=epilogue,
    )


def _known(
    group: Group,
    out: Sequence[int],
    extents: dict[int, int],
    values: dict[int, Value],
    f: Function,
) -> list[tuple[Var, Value]]:
    """The loop variables of the group, some of which were split, from the values of the labels."""
    known: list[tuple[Var, Value]] = []
    axes = list(group.axes)
    for label in out:
        rest = extents[label]
        if rest == 1:
            continue
        own = []
        while rest > 1:
            own.append(axes.pop(0))
            rest //= own[-1].extent
        known += zip(own, digits(f, values[label], [v.extent for v in own]), strict=True)
    return known


def emit_convolution(settings: Settings, name: str, frame: Frame, step: Step) -> list[Kernel]:
    """The kernels of a convolution and what follows it."""
    from chainrule.lower.llvm.conv.emit import emit_conv

    group = step.group
    first = group.members[0]
    finish = _Finish(settings, frame, group)

    def epilogue(f: Function, index: Sequence[Value], acc: Value, mask: Value | None) -> None:
        numbers = range(first.ndim)
        extents = dict(enumerate(first.shape))
        values = dict(enumerate(index))
        finish(f, _known(group, numbers, extents, values, f), acc, mask)

    scalar = memory_type(first.dtype)
    x, w = (frame.operand(first, source) for source in first.sources)
    return emit_conv(
        settings.module,
        name,
        step.extra,
        settings.machine,
        x=_base(frame, x, scalar),
        w=_base(frame, w, scalar),
        workspace=_workspace(frame, step),
        epilogue=epilogue,
    )
