"""Direct convolution: the primitive `conv_` as kernels, without a matrix of windows in memory.

A convolution and both of its gradients are one primitive, so one entry does all of them. The shape
decides what lies in the lanes of a vector: features (`conv_forward`; `conv_split` where the kernel
is larger than the result, as in gradients of weights), columns of the result (`conv_columns`: few
features or few taps), or columns of the kernel (`conv_dots`: gradients of weights, few features).
"""

from __future__ import annotations

from chainrule.lower.llvm.conv.columns import Columns
from chainrule.lower.llvm.conv.dots import Dots
from chainrule.lower.llvm.conv.forward import Forward
from chainrule.lower.llvm.conv.pack import divided, remainder
from chainrule.lower.llvm.conv.shape import ConvShape, Epilogue, Geometry, Job, Place, Reader
from chainrule.lower.llvm.conv.split import Split
from chainrule.lower.llvm.ir import Module
from chainrule.lower.llvm.kernel import Kernel, kernel_function
from chainrule.lower.llvm.machine import Machine

FEW_TAPS = 32
"""With so few products a sum is cheaper to compute than to turn from features to columns."""

__all__ = ["ConvShape", "emit_conv", "workspace_bytes"]

Plan = Forward | Split | Columns | Dots


def _plan(g: Geometry, machine: Machine, direct: bool) -> Plan:
    kernel = g.kernel[0] * g.kernel[1] * g.kernel[2]
    if kernel > g.places:
        return Dots.of(g, machine) or Split.of(g, machine, direct)
    lanes = machine.lanes(g.scalar)
    wide = g.out[2] >= lanes // 2
    if wide and (g.features < lanes // 2 or g.taps <= FEW_TAPS):
        return Columns.of(g, machine)
    return Forward.of(g, machine, direct)


def _empty(shape: ConvShape) -> bool:
    return 0 in shape.out_shape


def workspace_bytes(shape: ConvShape, machine: Machine) -> int:
    """Bytes that the kernels need besides operands and result, aligned to 64."""
    g = Geometry(shape)
    if _empty(shape) or not g.taps:
        return 0
    return max(_plan(g, machine, d).workspace_bytes for d in {g.inside, False})


def emit_conv(
    module: Module,
    name: str,
    shape: ConvShape,
    machine: Machine,
    *,
    x: Place,
    w: Place,
    workspace: Place,
    epilogue: Epilogue,
    read_x: Reader | None = None,
) -> list[Kernel]:
    """Write the kernels of a convolution, to be run one after the other.

    Args:
        name: of the kernels' functions, followed by suffixes.
        x, w, workspace: emit addresses inside a kernel, of element 0, …, 0.
        epilogue: stores what is finished: called with the function, the index of the first lane
            (batch, feature, *spatial), the sums and a mask. Lanes run along the last axis. The sums
            are a vector with a mask or None, or a scalar with None. Each element of the result is
            handed over exactly once.
        read_x: reads the input instead of plain loads, once or more for each element: called with
            the function, an index (batch, channel, *spatial), a number of lanes along the last
            axis (0 for a scalar) and a mask or None; lanes outside of the mask must be zero.

    The bits of the result do not depend on how tasks are shared out.
    """
    g = Geometry(shape)
    if _empty(shape):
        return []
    if not g.taps:
        return [_zeros(module, name, g, epilogue)]
    direct = g.inside and read_x is None
    plan = _plan(g, machine, direct)
    return plan.emit(Job(module, name, x, w, workspace, epilogue, read_x))


def _zeros(module: Module, name: str, g: Geometry, epilogue: Epilogue) -> Kernel:
    """The sum over no channels."""
    f = kernel_function(module, name)
    depth, height, columns = g.out
    with (
        f.loop(f.params[1], f.params[2]) as task,
        f.loop(0, g.features) as feature,
        f.loop(0, depth) as z,
        f.loop(0, height) as y,
        f.loop(0, columns) as column,
    ):
        group, n = remainder(task.index, g.groups), divided(task.index, g.groups)
        place = (z.index, y.index, column.index)
        index = g.out_index(group, n, feature.index, place)
        epilogue(f, index, f.constant(g.scalar, 0), None)
    f.ret()
    return Kernel(name, g.batch * g.groups)
