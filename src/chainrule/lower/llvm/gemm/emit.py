"""Matrix products C[b,m,n] = Σ_k A[b,m,k]·B[b,k,n], generated for one shape, without a BLAS.

Tiles of rows x vectors are summed over k in registers (K. Goto and R. van de Geijn, "Anatomy of
high-performance matrix multiplication", 2008) and handed to an epilogue, which stores what it makes
of them. Where it pays, operands are packed first, in a kernel of its own. A product with few
results and a long k is cut along k, and the parts are added in a last kernel.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from chainrule.lower.llvm.gemm.compute import (
    Pointer,
    bytes_a,
    bytes_b,
    divided,
    emit_compute,
    emit_pack,
    emit_zero,
    round_up,
)
from chainrule.lower.llvm.gemm.dot import emit_dot
from chainrule.lower.llvm.gemm.pack import Read, either
from chainrule.lower.llvm.gemm.plan import (
    ALIGN,
    GemmShape,
    ceil_div,
    lanes_of,
    parts_of_k,
    plan,
    size_of,
)
from chainrule.lower.llvm.gemm.tile import Finish
from chainrule.lower.llvm.ir import Function, Module, Value, lanes, vector
from chainrule.lower.llvm.kernel import Kernel, kernel_function
from chainrule.lower.llvm.machine import Machine

__all__ = ["Epilogue", "GemmShape", "Pointer", "Read", "emit_gemm", "packed", "workspace_bytes"]

Epilogue = Callable[[Function, Value, Value, Value, Value, Value | None], None]


def workspace_bytes(
    shape: GemmShape, machine: Machine, *, read_a: bool = False, read_b: bool = False
) -> int:
    """Bytes of shared memory for packed operands and parts of sums, to be aligned to 64.

    ``read_a`` and ``read_b`` say whether `emit_gemm` will be given these callbacks.
    """
    if not shape.batch * shape.m * shape.n:
        return 0

    def nowhere(f: Function) -> Value:
        raise AssertionError("only sizes are asked for")

    def nothing(*_: object) -> Value:
        raise AssertionError("only sizes are asked for")

    given = Product(
        shape,
        nowhere,
        nowhere,
        nothing if read_a else None,
        nothing if read_b else None,
        lambda *_: None,
    )
    return _workspace(given.normal(), machine)


def packed(shape: GemmShape, machine: Machine) -> tuple[bool, bool]:
    """Whether A and B are packed by the first kernel, which then does nothing else, into memory
    that no other kernel writes to."""
    if not shape.batch * shape.m * shape.n * shape.k:
        return False, False

    def a(f: Function) -> Value:
        raise AssertionError("only the plan is asked for")

    def b(f: Function) -> Value:
        raise AssertionError("only the plan is asked for")

    product = Product(shape, a, b, None, None, lambda *_: None).normal()
    shape = product.shape
    if parts_of_k(shape, machine, False, False) > 1:
        return False, False  # the parts share memory with what is left over
    decided = plan(shape, machine, False, False)
    flags = bool(decided.pack_a), decided.pack_b == "shared"
    return flags if product.a is a else flags[::-1]


def emit_gemm(
    module: Module,
    name: str,
    shape: GemmShape,
    machine: Machine,
    *,
    a: Pointer,
    b: Pointer,
    workspace: Pointer,
    epilogue: Epilogue,
    read_a: Read | None = None,
    read_b: Read | None = None,
) -> list[Kernel]:
    """Write the kernels: phases, to be run in order with a barrier between them.

    Args:
        a, b, workspace: emit base pointers. A pointer is that of the element [0, 0, 0], also where
            a stride is negative. The workspace is aligned to 64 bytes.
        epilogue: ``(f, batch, row, col, acc, mask)`` with indices as i64; runs once for every
            vector of C with ``acc`` complete. ``acc`` has as many lanes as the processor's vectors,
            or half of that, for columns ``col`` and on; ``mask`` says which of them exist, None
            where all do. It stores, in memory that is not read as A or B. Its code is written
            several times.
        read_a, read_b: instead of loads, ``(f, batch, row, col, lanes, mask)`` gives elements of A
            or B; rows and columns are those of the operand (m, k) or (k, n). The operand is then
            packed. With 0 lanes it is one element; otherwise ``lanes``, a power of two, from there
            along the axis whose stride in ``shape`` is 1 (if both are: k of A, n of B); if none is,
            elements are asked for one by one. With a mask, the other lanes do not exist and their
            values do not matter. An element may be asked for more than once. With a batch stride
            of 0, batch 0 stands for all.

    Returns:
        No kernels where C is empty; where k is 0 the epilogue gets zeros.
    """
    if not shape.batch * shape.m * shape.n:
        return []

    def finish(f: Function, batch: Value, row: Value, col: Value, acc: Value, active: int) -> None:
        count = lanes(acc.type)
        epilogue(f, batch, row, col, acc, None if active == count else f.mask(count, active))

    product = Product(shape, a, b, read_a, read_b, finish).normal()
    return _emit(module, name, product, machine, workspace)


@dataclass(frozen=True)
class Product:
    """What is to be computed: a shape, where operands come from, where results go."""

    shape: GemmShape
    a: Pointer
    b: Pointer
    read_a: Read | None
    read_b: Read | None
    finish: Finish

    def normal(self) -> Product:
        """The same, with one row instead of one column, and with rows instead of batches of one
        row where B is the same for all."""
        found = self._unambiguous()._merged()
        if found.shape.n == 1 and found.shape.m > 1:
            found = found._swapped()._merged()
        return found

    def _unambiguous(self) -> Product:
        """With callbacks, strides only say which axis vectors take: at most one."""
        shape = self.shape
        if self.read_a and shape.a[1] == shape.a[2] == 1:
            shape = replace(shape, a=(shape.a[0], 0, 1))
        if self.read_b and shape.b[1] == shape.b[2] == 1:
            shape = replace(shape, b=(shape.b[0], 0, 1))
        return replace(self, shape=shape)

    def _merged(self) -> Product:
        shape, finish = self.shape, self.finish
        if shape.batch == 1 or shape.m > 1 or shape.b[0] or self.read_a:
            return self
        if not isinstance(shape.a[0], int):
            return self

        def in_batch(
            f: Function, batch: Value, row: Value, col: Value, acc: Value, active: int
        ) -> None:
            finish(f, row, batch, col, acc, active)

        merged = replace(shape, batch=1, m=shape.batch, a=(0, shape.a[0], shape.a[2]))
        return replace(self, shape=merged, finish=in_batch)

    def _swapped(self) -> Product:
        shape, finish = self.shape, self.finish
        batch_a, row_a, col_a = shape.a
        batch_b, row_b, col_b = shape.b
        swapped = replace(
            shape, m=shape.n, n=shape.m, a=(batch_b, col_b, row_b), b=(batch_a, col_a, row_a)
        )

        def by_lanes(
            f: Function, batch: Value, row: Value, col: Value, acc: Value, active: int
        ) -> None:
            sums = f.alloca(acc.type)
            f.store(acc, sums, ALIGN)
            with f.loop(0, active) as loop:
                x = f.load(shape.scalar, sums.offset(loop.index, shape.scalar))
                one = f.constant(acc.type, 0).with_lane(0, x)
                finish(f, batch, col + loop.index, row, one, 1)

        return Product(
            swapped,
            self.b,
            self.a,
            _swapped_read(self.read_b),
            _swapped_read(self.read_a),
            by_lanes,
        )

    def part(self, first: int, length: int, count: int, finish: Finish) -> Product:
        """``count`` stretches of k from ``first``, each of this length, as batches."""
        shape = self.shape

        def stride(along_k: int, read: Read | None) -> int:
            return 0 if count == 1 else length * along_k or int(read is not None)

        cut = replace(
            shape,
            batch=count,
            k=length,
            a=(stride(shape.a[2], self.read_a), *shape.a[1:]),
            b=(stride(shape.b[1], self.read_b), *shape.b[1:]),
        )
        scalar = shape.scalar
        return Product(
            cut,
            lambda f: self.a(f).offset(first * shape.a[2], scalar),
            lambda f: self.b(f).offset(first * shape.b[1], scalar),
            _shifted_read(self.read_a, 1, first, length),
            _shifted_read(self.read_b, 0, first, length),
            finish,
        )


def _swapped_read(read: Read | None) -> Read | None:
    if read is None:
        return None

    def swapped(
        f: Function, batch: Value, row: Value, col: Value, lanes: int, mask: Value | None
    ) -> Value:
        return read(f, batch, col, row, lanes, mask)

    return swapped


def _shifted_read(read: Read | None, axis: int, first: int, length: int) -> Read | None:
    if read is None:
        return None

    def shifted(
        f: Function, batch: Value, row: Value, col: Value, lanes: int, mask: Value | None
    ) -> Value:
        shift = batch * length + first
        if axis:
            return read(f, f.i64(0), row, col + shift, lanes, mask)
        return read(f, f.i64(0), row + shift, col, lanes, mask)

    return shifted


def _workspace(product: Product, machine: Machine) -> int:
    shape = product.shape
    parts = parts_of_k(shape, machine, product.read_a is not None, product.read_b is not None)
    if parts == 1:
        decided = plan(shape, machine, product.read_a is not None, product.read_b is not None)
        return bytes_a(shape, decided) + bytes_b(shape, decided)
    length, rest = divmod(shape.k, parts)
    cut = product.part(0, length, parts, product.finish)
    need = _workspace(cut, machine)
    if rest:
        need = max(need, _workspace(product.part(0, rest, 1, product.finish), machine))
    return _sums_bytes(shape, machine, parts) + need


def _sums_bytes(shape: GemmShape, machine: Machine, parts: int) -> int:
    """Of the partial sums: one more than parts, for the rest of k."""
    count = lanes_of(shape, machine)
    columns = ceil_div(shape.n, count) * count
    return round_up((parts + 1) * shape.m * columns * size_of(shape.scalar))


def _emit(
    module: Module, name: str, product: Product, machine: Machine, workspace: Pointer
) -> list[Kernel]:
    shape, read_a, read_b = product.shape, product.read_a, product.read_b
    parts = parts_of_k(shape, machine, read_a is not None, read_b is not None)
    if parts > 1:
        return _emit_parts(module, name, product, machine, workspace, parts)
    decided = plan(shape, machine, read_a is not None, read_b is not None)
    if not shape.k:
        return [emit_zero(module, name, shape, decided, product.finish)]
    if decided.dot:
        return [
            emit_dot(module, name, shape, machine, decided, product.a, product.b, product.finish)
        ]
    kernels = []
    if decided.pack_a or decided.pack_b == "shared":
        kernels.append(
            emit_pack(
                module,
                f"{name}.pack",
                shape,
                decided,
                product.a,
                product.b,
                workspace,
                read_a,
                read_b,
            )
        )
    kernels.append(
        emit_compute(
            module,
            name,
            shape,
            machine,
            decided,
            product.a,
            product.b,
            workspace,
            product.finish,
            read_b,
        )
    )
    return kernels


def _emit_parts(
    module: Module,
    name: str,
    product: Product,
    machine: Machine,
    workspace: Pointer,
    parts: int,
) -> list[Kernel]:
    shape = product.shape
    scalar, count = shape.scalar, lanes_of(shape, machine)
    columns = ceil_div(shape.n, count) * count
    length, rest = divmod(shape.k, parts)
    used = _sums_bytes(shape, machine, parts)
    align = count * size_of(scalar)

    def keep(first: int) -> Finish:
        def finish(
            f: Function, batch: Value, row: Value, col: Value, acc: Value, active: int
        ) -> None:
            index = ((batch + first) * shape.m + row) * columns + col
            f.store(acc, workspace(f).offset(index, scalar), align)

        return finish

    def behind(f: Function) -> Value:
        return workspace(f).offset(used)

    cut = product.part(0, length, parts, keep(0))
    kernels = _emit(module, f"{name}.parts", cut, machine, behind)
    if rest:
        remaining = product.part(parts * length, rest, 1, keep(parts))
        kernels += _emit(module, f"{name}.rest", remaining, machine, behind)

    f = kernel_function(module, name)
    sums = workspace(f)
    type = vector(count, scalar)
    active = shape.n - (columns - count)

    def add(row: Value, col: Value, active: int) -> None:
        line = sums.offset(row * columns + col, scalar)
        total = f.load(type, line, align)
        for part in range(1, parts + bool(rest)):
            total = total + f.load(type, line.offset(part * shape.m * columns, scalar), align)
        product.finish(f, f.i64(0), row, col, total, active)

    with f.loop(f.params[1], f.params[2]) as tasks:
        row, place = divided(tasks.index, columns // count)
        col = place * count
        either(place, columns // count, count, active, partial(add, row, col))
    f.ret()
    size = (parts + bool(rest) + 1) * shape.m * columns * size_of(scalar)
    kernels.append(Kernel(name, shape.m * columns // count, 0, size))
    return kernels
