"""The array that people hold: a node together with its value.

A `Tensor` points at an immutable node. Operators build new nodes and give new tensors; assignment
to an item or `assign_` lets the tensor point at another node, and never changes a recorded one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from chainrule.core.errors import (
    DomainError,
    DTypeError,
    GradientError,
    ShapeError,
    TraceError,
)
from chainrule.core.node import (
    LITERAL,
    VARIABLE,
    Node,
    apply,
    array,
    literal,
    topological,
    variable,
)
from chainrule.core.source import user_location
from chainrule.core.types import ArrayType, as_dtype
from chainrule.lift import BOOL, FLOAT, INT, as_node, keeps_graph, promote, scalar_node, to_numpy
from chainrule.methods import TensorMethods, operable
from chainrule.modes import current as _mode
from chainrule.modes import mode, no_grad
from chainrule.ops import arithmetic as ar
from chainrule.ops import (
    logic,
    operators,  # noqa: F401, binds the operators of nodes
)
from chainrule.ops.exponential import stop_gradient
from chainrule.ops.shape import full
from chainrule.rules.vjp import pull

if TYPE_CHECKING:
    import numpy.typing as npt  # slow to import

__all__ = [
    "ArrayLike",
    "Tensor",
    "combine",
    "mode",
    "no_grad",
    "power",
    "tensor",
    "wrap",
    "zeros_for",
]

ArrayLike: TypeAlias = "Tensor | npt.ArrayLike"
"""What array functions take: a tensor, NumPy array, number, or nested list of these."""

Operator = Callable[[Any, Any], "Tensor"]

_NUMBERS = (float, int)


class Gradient:
    """The place where the gradient of one variable is kept; it belongs to the variable's leaf."""

    __slots__ = ("tensor",)

    def __init__(self) -> None:
        self.tensor: Tensor | None = None


def wrap(node: Node) -> Tensor:
    """The tensor of a node just computed, as this thread's mode wants it."""
    if _mode.special:
        if not _mode.grad:
            node = _constant(node)
        if _mode.notes is not None:
            line = user_location()
            if line is not None:
                _mode.notes.setdefault(node, set()).add(line)
        weak = _mode.weak
        if weak and node.sources and all(s in weak or s.primitive is LITERAL for s in node.sources):
            weak.add(node)
    return Tensor(node)


def _constant(node: Node) -> Node:
    """The node as a constant of every derivative."""
    if node.value is None:  # traced: whether it is tracked shows only when it is differentiated
        return stop_gradient(node) if node.type.is_float else node
    return array(node.value) if node.tracked else node


def _binary(primitive: Any, integer: bool = True) -> tuple[Operator, Operator]:
    """The operator method for a primitive, and its reflection."""

    def forward(self: Tensor, other: Any) -> Any:
        a = self.node
        if type(other) is Tensor:
            b = other.node
            if a.type.dtype is b.type.dtype and (integer or a.type.is_float):
                node = apply(primitive, (a, b))
                return wrap(node) if _mode.special else Tensor(node)
        elif type(other) in _NUMBERS and a.type.is_float:
            node = apply(primitive, (a, scalar_node(other, a.type.dtype)))
            return wrap(node) if _mode.special else Tensor(node)
        elif not operable(other):
            return NotImplemented
        return combine(primitive, self, other, to_float=not integer)

    def reflected(self: Tensor, other: Any) -> Any:
        a = self.node
        if type(other) in _NUMBERS and a.type.is_float:
            node = apply(primitive, (scalar_node(other, a.type.dtype), a))
            return wrap(node) if _mode.special else Tensor(node)
        if not operable(other):
            return NotImplemented
        return combine(primitive, other, self, to_float=not integer)

    return forward, reflected


def combine(primitive: Any, a: Any, b: Any, to_float: bool = False) -> Tensor:
    """An elementwise primitive of two things that may have to be promoted to one dtype."""
    try:
        nodes = promote(a, b, to_float=to_float)
    except DTypeError:
        if primitive.result != "bool":
            raise
        nodes = promote(a, b, to_float=True)  # a number outside the dtype still compares
    return wrap(apply(primitive, tuple(nodes)))


def _in_place(operator: Operator) -> Operator:
    """``x += y`` gives ``x`` a new value: the name is bound to the result, as for numbers.

    Within `no_grad` a leaf that requires a gradient is updated itself, so that the loop
    ``for p in parameters: p -= rate * p.grad`` trains.
    """

    def update(self: Tensor, other: Any) -> Any:
        result = operator(self, other)
        if _mode.grad or self._cell() is None or result is NotImplemented:
            return result
        return self.assign_(result)

    return update


class Tensor(TensorMethods):
    """An n-dimensional array that can be differentiated. Made by `tensor` and array functions.

    It follows NumPy and the array API standard in operators, broadcasting and indexing, and PyTorch
    in ``requires_grad``, ``backward()`` and ``grad``. Tensors are values: a slice is not a view,
    and ``x[index] = value`` lets ``x`` alone stand for a changed array.
    """

    __slots__ = ("__weakref__", "node")
    __hash__ = object.__hash__

    def __init__(self, node: Node) -> None:
        if type(node) is not Node:
            raise DTypeError(f"tensors are made by cr.tensor(…), not by cr.Tensor({node!r})")
        self.node = node

    # -- what it is --------------------------------------------------------------------------------

    @property
    def shape(self) -> tuple[int, ...]:
        """Extents along each axis."""
        return self.node.type.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """The element type, a NumPy dtype."""
        return self.node.type.dtype

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.node.type.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return self.node.type.size

    @property
    def nbytes(self) -> int:
        """Bytes that the elements take."""
        return self.size * self.dtype.itemsize

    @property
    def device(self) -> str:
        """Always "cpu" (array API)."""
        return "cpu"

    @property
    def is_traced(self) -> bool:
        """Whether the tensor stands for a value that is only known when a traced program runs."""
        return self.node.value is None

    def __len__(self) -> int:
        if not self.shape:
            raise ShapeError("a 0-dimensional tensor has no length")
        return self.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        return (self[index] for index in range(len(self)))

    # -- its value ---------------------------------------------------------------------------------

    def __repr__(self) -> str:
        if self.node.value is None:
            return f"tensor(traced {self.node.type!r})"
        text = np.array2string(np.asarray(self.node.value), separator=", ", prefix="tensor(")
        notes = "" if self.dtype in (FLOAT, INT, BOOL) else f", dtype={self.dtype.name}"
        if 0 in self.shape:
            notes = f", shape={self.shape}" + notes
        if self.node.tracked:
            notes += ", requires_grad=True"
        return f"tensor({text}{notes})"

    def __format__(self, spec: str) -> str:
        if spec and self.size == 1:
            return format(self.item(), spec)
        return format(str(self), spec)

    def __reduce__(self) -> Any:
        return tensor, (
            np.array(self._value("pickling")),
            None,
            self.is_leaf and self.requires_grad,
        )

    def __copy__(self) -> Tensor:
        return Tensor(self.node)

    def __deepcopy__(self, memo: Any) -> Tensor:
        leaf = self.is_leaf and self.requires_grad
        fresh = tensor(np.array(self._value("copying")), requires_grad=leaf)
        if self.grad is not None:
            fresh.grad = self.grad
        memo[id(self)] = fresh
        return fresh

    # -- derivatives -------------------------------------------------------------------------------

    @property
    def requires_grad(self) -> bool:
        """Whether operations on this tensor are recorded for `backward`."""
        return self.node.tracked

    @property
    def is_leaf(self) -> bool:
        """Whether the tensor was not computed from others that require a gradient."""
        return not self.node.sources

    @property
    def grad(self) -> Tensor | None:
        """The gradient that `backward` accumulated for this leaf, or None."""
        cell = self._cell()
        return None if cell is None else cell.tensor

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        cell = self._cell()
        if cell is None:
            raise GradientError("only a leaf with requires_grad=True keeps a gradient")
        if value is None:
            cell.tensor = None
            return
        found = as_node(value, self.dtype)
        if found.shape != self.shape:
            raise ShapeError(f"a gradient of shape {found.shape} for a tensor of {self.shape}")
        cell.tensor = Tensor(_constant(found))

    def _cell(self) -> Gradient | None:
        node = self.node
        return node.argument[0] if node.primitive is VARIABLE else None

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Make this leaf a variable, or a constant again; returns the tensor itself."""
        if not self.is_leaf:
            raise GradientError("requires_grad_ is for leaves; use .detach() to cut a result off")
        if requires_grad != self.node.tracked:
            self.node = _leaf(self._value("requires_grad_"), requires_grad)
        return self

    def zero_grad(self) -> None:
        """Forget the accumulated gradient."""
        cell = self._cell()
        if cell is not None:
            cell.tensor = None

    def detach(self) -> Tensor:
        """The same value as a constant: nothing flows back through it."""
        return Tensor(_constant(self.node))

    def assign_(self, value: Any) -> Tensor:
        """Let this leaf hold a new value of the same shape and dtype; returns the tensor itself.

        Graphs recorded earlier keep the old value; their `backward` still adds to ``grad``.

        Raises:
            GradientError: if the tensor was computed from others that require a gradient.
            ShapeError: if the value has another shape.
        """
        if not self.is_leaf:
            raise GradientError("assign_ is for leaves; this tensor was computed from others")
        if isinstance(value, Tensor):
            new = np.asarray(value._value("assign_"), self.dtype)
        else:
            new = to_numpy(value).astype(self.dtype, copy=False)
        if new.shape != self.shape:
            raise ShapeError(f"assign_: value has shape {new.shape}, tensor has {self.shape}")
        self.node = variable(new, self._cell()) if self.node.tracked else array(new)
        return self

    def backward(self, gradient: Any = None) -> None:
        """Differentiate with respect to every leaf that requires a gradient; adds to its ``grad``.

        Args:
            gradient: the cotangent, of this tensor's shape; may be left out for a scalar.

        Raises:
            GradientError: if nothing here requires a gradient, or the tensor is not scalar and no
                ``gradient`` is given.
        """
        root = self.node
        if root.value is None:
            raise TraceError(
                "backward() in a traced function (compile, vmap, scan, checkpoint) has no values "
                "to add to .grad; use cr.grad there, which returns the gradient"
            )
        if not root.tracked:
            raise GradientError(
                "backward() on a tensor that does not depend on any leaf with requires_grad=True "
                "(results of a compiled function carry no history: compile value_and_grad instead)"
            )
        if gradient is None:
            if root.shape != ():
                raise GradientError(
                    f"backward() needs a scalar, this tensor has shape {root.shape}. Reduce it "
                    "first, for example with .sum(), or pass the cotangent as backward(gradient)."
                )
            ct = literal(1.0, root.dtype)
        else:
            ct = as_node(gradient, root.dtype)
            if ct.shape != root.shape:
                raise ShapeError(f"gradient has shape {ct.shape}, the tensor has {root.shape}")
        leaves = [
            node
            for node in topological([root])
            if node.primitive is VARIABLE and node.argument[0] is not None
        ]
        if not leaves:
            raise GradientError(
                "backward() reaches no leaf with requires_grad=True: the tensor depends only on "
                "the variables of a derivative such as cr.grad, which returns its result"
            )
        for leaf, found in zip(leaves, pull([root], [ct], leaves, record=False), strict=True):
            if found is not None:
                cell = leaf.argument[0]
                before = cell.tensor
                value = found if before is None else before.node + found
                cell.tensor = Tensor(_constant(value))

    # -- operators ---------------------------------------------------------------------------------

    __add__, __radd__ = _binary(ar.add)
    __sub__, __rsub__ = _binary(ar.sub)
    __mul__, __rmul__ = _binary(ar.mul)
    __truediv__, __rtruediv__ = _binary(ar.div, integer=False)
    __lt__, _ = _binary(logic.less)
    __le__, _ = _binary(logic.less_equal)
    __gt__, _ = _binary(logic.greater)
    __ge__, _ = _binary(logic.greater_equal)

    __iadd__ = _in_place(__add__)
    __isub__ = _in_place(__sub__)
    __imul__ = _in_place(__mul__)
    __itruediv__ = _in_place(__truediv__)

    def __neg__(self) -> Tensor:
        return wrap(ar.neg(self.node))

    def __pos__(self) -> Tensor:
        return self

    def __pow__(self, exponent: Any) -> Tensor:
        return power(self, exponent) if operable(exponent) else NotImplemented

    def __rpow__(self, base: Any) -> Tensor:
        return power(base, self) if operable(base) else NotImplemented

    __eq__, _ = _binary(logic.equal)  # type: ignore[assignment]
    __ne__, _ = _binary(logic.not_equal)  # type: ignore[assignment]
    del _


def power(base: Any, exponent: Any) -> Tensor:
    """``base ** exponent``; a Python integer as exponent follows the rule for polynomials."""
    if type(exponent) is int:
        x = as_node(base)
        if x.type.is_float or (exponent >= 0 and x.dtype is not BOOL):
            return wrap(ar.integer_pow(x, n=exponent))
    x, c = promote(base, exponent)
    if not x.type.is_float and c.value is not None and c.dtype.kind == "i" and (c.value < 0).any():
        raise DomainError(
            "integers to negative powers are no integers; cast the base with .astype('float64')"
        )
    return wrap(ar.pow_(x, c))


def _leaf(value: Any, requires_grad: bool) -> Node:
    if not requires_grad:
        return array(value)
    if value.dtype.kind != "f":
        raise DTypeError(
            f"only floating-point tensors can require a gradient, not {value.dtype.name}; "
            "give a float dtype, for example dtype='float32'"
        )
    return variable(value, Gradient())


def tensor(data: Any, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """A tensor with a copy of ``data``: a number, nested lists, a NumPy array or another tensor.

    Derivatives flow through tensors in ``data``, unless a new leaf is made by ``requires_grad``.

    Args:
        data: the values. Python floats become float64, integers int64, as in NumPy.
        dtype: the element type; by default that of the data.
        requires_grad: whether operations on it are recorded, so that `Tensor.backward` can
            differentiate with respect to it. Only for floating-point dtypes.

    Raises:
        DTypeError: for complex or non-numeric data, or ``requires_grad`` with integers.

    >>> import chainrule as cr
    >>> x = cr.tensor(2.0, requires_grad=True)
    >>> y = (3 * x + 1) ** 4
    >>> y.backward()
    >>> x.grad
    tensor(4116.)
    """
    if not requires_grad and keeps_graph(data):
        return Tensor(as_node(data, None if dtype is None else as_dtype(dtype)))
    value = to_numpy(data, dtype)
    if dtype is not None:
        value = value.astype(as_dtype(dtype), copy=False)
    if isinstance(value, np.ndarray):
        value.flags.writeable = False  # what was recorded from it must not change
    return Tensor(_leaf(value, requires_grad))


def zeros_for(type: ArrayType) -> Node:
    """A constant zero of this type: the derivative of what does not depend on a variable."""
    return full(0, type)


# At the end, since the functions need the class above and its methods need the functions.
from chainrule import functions, interop, methods  # noqa: E402

methods.fn = interop.fn = functions
