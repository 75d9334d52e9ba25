"""Modules: networks as pytrees whose leaves are tensors.

A module is an ordinary object. Its attributes that are tensors, modules, or lists, tuples and
dicts with such inside are its children; everything else (sizes, functions, flags) is static and
belongs to the structure; a number of NumPy becomes one of Python. So a module can be given to
`cr.grad`, `cr.vmap` or an optimizer as it is.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Self, dataclass_transform

import numpy as np

from chainrule.core import tree
from chainrule.core.errors import ChainRuleError, TraceError, TreeError
from chainrule.core.node import INPUT, Node, now
from chainrule.lift import to_numpy
from chainrule.modes import current
from chainrule.nn.observing import observed
from chainrule.tensor import Tensor, tensor

__all__ = ["Module", "parameter", "static_parts", "trainable"]


@dataclass_transform(eq_default=False)
class Module:
    """Base class of layers and networks: write ``__init__`` (or annotate fields) and ``__call__``.

    A subclass without an ``__init__`` of its own gets that of a dataclass from its annotations.
    Tensors with ``requires_grad=True`` are parameters; other tensors are buffers.

    >>> import chainrule as cr
    >>> class Line(cr.nn.Module):
    ...     slope: cr.Tensor
    ...     offset: cr.Tensor
    ...
    ...     def __call__(self, x):
    ...         return self.slope * x + self.offset
    >>> model = Line(cr.tensor(2.0, requires_grad=True), cr.tensor(1.0, requires_grad=True))
    >>> model(3.0).item()
    7.0
    >>> sorted(model.parameters())
    ['offset', 'slope']
    """

    __slots__ = ("__dict__", "__weakref__", "_born")
    _born: int
    """The serial of its making; no part of the pytree, nor of copies."""

    training: bool = True
    """Whether the module behaves as in training (dropout drops); set by `train` and `eval`."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        written = any(
            "__init__" in vars(base) and "__dataclass_fields__" not in vars(base)
            for base in cls.__mro__[:-1]
        )
        if inspect.get_annotations(cls) and not written:
            dataclasses.dataclass(cls, eq=False, repr=False)
        if "__call__" in vars(cls):
            cls.__call__ = observed(cls.__call__)  # type: ignore[method-assign]
        tree.register(cls, _take_apart, functools.partial(_put_together, cls))

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        module = super().__new__(cls)
        object.__setattr__(module, "_born", now())
        return module

    def __getstate__(self) -> dict[str, Any]:
        return vars(self)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The output of the network; every subclass defines it."""
        name = type(self).__name__
        wrong = f"; rename {name}.forward to __call__" if hasattr(type(self), "forward") else ""
        raise NotImplementedError(f"{name} has no __call__: say what it computes{wrong}")

    if not TYPE_CHECKING:  # else every misspelt attribute would pass for one

        def __getattr__(self, name: str) -> Any:
            message = f"{type(self).__name__!r} object has no attribute {name!r}"
            if name in _ELSEWHERE:
                message += f"; in chainrule: {_ELSEWHERE[name]}"
            raise AttributeError(message, name=name, obj=self)

    def __setattr__(self, name: str, value: Any) -> None:
        if current.since is not None and isinstance(value, Tensor):
            _check_stays(self, name, value.node)
        # NumPy's numbers would widen the float32 arrays that they are multiplied with
        super().__setattr__(name, value.item() if isinstance(value, np.generic) else value)

    # -- tensors by path ---------------------------------------------------------------------------

    def parameters(self) -> dict[str, Tensor]:
        """The tensors to be trained by their paths, such as ``"layers.0.weight"``.

        A tensor that stands in several places is listed once, under its first path.

        >>> import chainrule as cr
        >>> model = cr.nn.Linear(2, 1, key=cr.random.key(0))
        >>> for path, tensor in model.parameters().items():
        ...     print(path, tensor.shape)
        weight (1, 2)
        bias (1,)
        """
        return trainable(self)

    def state_dict(self) -> dict[str, Tensor]:
        """Every tensor by its path, parameters and buffers."""
        return dict(tree.paths(self))

    def buffers(self) -> dict[str, Tensor]:
        """The tensors of `state_dict` that are not to be trained, such as running statistics.

        >>> import chainrule as cr
        >>> class Scaled(cr.nn.Module):
        ...     factor: cr.Tensor
        >>> Scaled(cr.tensor(2.0)).buffers()
        {'factor': tensor(2.)}
        """
        return {path: leaf for path, leaf in tree.paths(self) if not leaf.requires_grad}

    def load_state_dict(self, state: Mapping[str, Any]) -> Self:
        """Give the tensors the values in ``state``; nothing changes if anything does not fit.

        Args:
            state: an array or tensor for each path of `state_dict`, of the same shape. Values are
                cast to the dtype of the model within one kind: float64 to float32, integers to
                floating point, but not back.

        Raises:
            TreeError: if paths are missing or unknown, a shape differs, or values are no numbers
                of the right kind; all are listed.
        """
        own = self.state_dict()
        new: dict[str, np.ndarray] = {}
        differences = [
            f"{path}: missing, expected {own[path].shape}" for path in own.keys() - state.keys()
        ]
        differences += [f"{path}: not in the model" for path in state.keys() - own.keys()]
        for path in own.keys() & state.keys():
            try:
                value = new[path] = to_numpy(state[path])
            except ChainRuleError as error:  # strings, complex numbers, ragged lists
                differences.append(f"{path}: {str(error).splitlines()[0]}")
                continue
            shape, dtype = own[path].shape, own[path].dtype
            if value.shape != shape:
                differences.append(f"{path}: shape {value.shape}, expected {shape}")
            elif not np.can_cast(value.dtype, dtype, "same_kind"):
                differences.append(f"{path}: {value.dtype} values, expected {dtype}")
        if differences:
            listed = "\n  ".join(sorted(differences))
            raise TreeError(f"the values do not fit this model:\n  {listed}")
        for path, value in new.items():
            own[path].assign_(value)
        return self

    def replace(self, tensors: Mapping[str, Tensor]) -> Self:
        """A copy with other tensors at some paths of `parameters`; this module stays as it is.

        Raises:
            TreeError: if a path is not that of a tensor of this module.

        >>> import chainrule as cr
        >>> layer = cr.nn.Linear(2, 1, key=cr.random.key(0))
        >>> layer.replace({"bias": cr.tensor([5.0])}).bias
        tensor([5.])
        """
        own = self.state_dict()
        unknown = tensors.keys() - own.keys()
        if unknown:
            raise TreeError(
                f"{type(self).__name__} has no tensor at {', '.join(sorted(unknown))}; "
                f"its paths are {', '.join(own)}"
            )
        # by identity, so that a tensor that is used in two places stays one
        new = {id(own[path]): value for path, value in tensors.items()}
        leaves, structure = tree.flatten(self)
        replaced: Self = structure.build(new.get(id(leaf), leaf) for leaf in leaves)
        return replaced

    def modules(self) -> Iterator[tuple[str, Module]]:
        """This module (path "") and all inside it, outer before inner, with their paths."""
        yield from _modules(self, "")

    # -- mode --------------------------------------------------------------------------------------

    def train(self, mode: bool = True) -> Self:
        """Set this module and all inside it to behave as in training; returns the module."""
        for _, module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """Set this module and all inside it to behave as in use; returns the module."""
        return self.train(False)

    # -- what it is --------------------------------------------------------------------------------

    def extra_repr(self) -> str:
        """What stands in the brackets of the representation; by default the static attributes."""
        hidden = ("training",)
        return ", ".join(
            f"{name}={getattr(value, '__name__', None) or repr(value)}"
            for name, value in vars(self).items()
            if name not in hidden and not name.startswith("_") and not _holds(value)
        )

    def __repr__(self) -> str:
        lines = []
        for name, value in vars(self).items():
            if not _holds(value):
                continue
            if isinstance(value, Tensor):
                lines.append(f"{name}: {value.node.type!r}")
            else:
                lines.append(f"{name}:{_nested_repr(value)}")
        head = f"{type(self).__name__}({self.extra_repr()}"
        if not any(_has_module(value) for value in vars(self).values()):
            return f"{head})"
        body = "".join(f"\n{line}" for line in lines).replace("\n", "\n  ")
        return f"{head}{body}\n)"

    def summary(self, *inputs: Any) -> str:
        """A table of the layers: shapes, parameters, operations and memory of one call.

        *parameters*: those of the layer itself, without those of layers with a line of their own;
        *flops*: operations of the layer itself, a multiplication and an addition being one each
        (`rules.flops`); *activations*: bytes of what it computes that the reverse pass reads, each
        array once, not counting inputs, parameters and views. A layer that is called several times
        has one line. The columns add up to the total. The call is traced, on a copy: nothing is
        computed, and running statistics and random keys stay as they are.

        Args:
            inputs: example inputs, as for a call of the module; their values do not matter.

        Raises:
            TraceError: where the network asks for a value.

        >>> import chainrule as cr
        >>> model = cr.nn.MLP(64, (32,), 10, key=cr.random.key(0))
        >>> print(model.summary(cr.zeros((1, 64), dtype="float32")))
        path      layer           output   parameters   flops  activations
        layers.0  Linear(64, 32)  (1, 32)       2,080  4.13 k        128 B
        layers.1  ReLU()          (1, 32)           0      32        128 B
        layers.2  Linear(32, 10)  (1, 10)         330     650            0
        total     MLP             (1, 10)       2,410  4.81 k        256 B
        trainable: 2,410 numbers, 9.41 KiB; buffers: 0 numbers, 0 B
        """
        from chainrule.nn.summary import summarize

        return summarize(self, *inputs)


_ELSEWHERE = {
    "forward": "__call__ says what a module computes, and model(x) calls it",
    "named_parameters": "parameters() is a dict, for path, tensor in model.parameters().items()",
    "named_modules": "modules() gives the paths, for path, module in model.modules()",
    "zero_grad": "opt = cr.optim.adam(1e-3).bind(model), then opt.zero_grad()",
    "to": "the dtype is an argument of the layer, such as dtype='float64'",
}
"""What others call methods, and what does it here."""


def _check_stays(module: Module, name: str, node: Node) -> None:
    """Raise if what a module from outside of a traced function is given would be lost.

    What a copy made inside is given is the function's own business. What is computed from captured
    tensors alone, such as the next key, is computed outside, in a compiled program however once.
    """
    assert current.since is not None
    if current.program is not None and module._born < current.program:
        raise TraceError(
            f"{type(module).__name__} sets {name} when it is called, here in a function that runs "
            "once for its graph (cr.compile, cr.trace): the program would not do it. Use "
            "model.eval(); or give the function model.buffers(), call model.replace(buffers) in "
            "it, and return the buffers of that copy, as train.make_step does."
        )
    if module._born < current.since and _uses_input(node, current.since):
        raise TraceError(
            f"{type(module).__name__} sets {name} when it is called, here in a function that runs "
            "on tensors without values (cr.vmap, cr.checkpoint, cr.scan, cr.cond, cr.while_loop), "
            "where the new value would be lost. Call the layer outside of it, or use model.eval(); "
            "in a loop carry model.buffers() along, and put them into the model by model.replace."
        )


def _uses_input(node: Node, since: int) -> bool:
    """Whether a node depends on an input made at ``since`` or later."""
    seen: set[Node] = set()
    waiting = [node]
    while waiting:
        node = waiting.pop()
        if node in seen or node.serial < since:
            continue
        if node.primitive is INPUT:
            return True
        seen.add(node)
        waiting.extend(node.sources)
    return False


# -- the pytree ------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class _Container:
    """The static skeleton of a container: its kind, its keys, and skeletons of its items."""

    kind: type
    keys: tuple[Any, ...]
    items: tuple[Any, ...]


_CHILD = object()


def _skeleton(value: Any, path: str, children: list[tuple[str, Any]]) -> Any:
    """What is static in ``value``; tensors and modules are moved to ``children``."""
    if isinstance(value, (Tensor, Module)):
        children.append((path, value))
        return _CHILD
    if isinstance(value, dict):
        named = value.items()
    elif isinstance(value, (tuple, list)):
        named = enumerate(value)  # type: ignore[assignment]
    elif isinstance(value, np.ndarray):
        raise TreeError(
            f"{path} is a NumPy array; an array of a module is a tensor: wrap it in cr.tensor(…)"
        )
    else:
        return value
    prefix = f"{path}." if path else ""
    items = tuple([_skeleton(item, f"{prefix}{key}", children) for key, item in named])
    return _Container(type(value), tuple([key for key, _ in named]), items)


def _fill(skeleton: Any, children: Iterator[Any]) -> Any:
    """The value with this skeleton and these children."""
    if skeleton is _CHILD:
        return next(children)
    if not isinstance(skeleton, _Container):
        return skeleton
    items = [_fill(item, children) for item in skeleton.items]
    kind = skeleton.kind
    if issubclass(kind, dict):
        return kind(zip(skeleton.keys, items, strict=True))
    make: Callable[..., Any] = kind
    return make(*items) if hasattr(kind, "_fields") else make(items)


def _take_apart(module: Module) -> tree.Children:
    children: list[tuple[str, Any]] = []
    return children, _skeleton(vars(module), "", children)


def _put_together(cls: type[Module], skeleton: Any, children: list[Any]) -> Module:
    module = Module.__new__(cls)
    vars(module).update(_fill(skeleton, iter(children)))
    return module


def trainable(value: Any) -> dict[str, Tensor]:
    """The tensors of a pytree that require a gradient by path, each once under its first."""
    found: dict[int, tuple[str, Tensor]] = {}
    for path, leaf in tree.paths(value):
        if leaf.requires_grad:
            found.setdefault(id(leaf), (path, leaf))
    return dict(found.values())


def static_parts(module: Module) -> dict[str, Any]:
    """Every attribute of a module and of those inside by path, with its tensors and modules blanked
    out: what a change of the structure can be told by."""
    return {
        f"{path}.{name}".lstrip("."): _skeleton(value, name, [])
        for path, inner in module.modules()
        for name, value in vars(inner).items()
    }


def _holds(value: Any) -> bool:
    """Whether a tensor or a module is inside."""
    children: list[tuple[str, Any]] = []
    _skeleton(value, "", children)
    return bool(children)


def _has_module(value: Any) -> bool:
    children: list[tuple[str, Any]] = []
    _skeleton(value, "", children)
    return any(isinstance(child, Module) for _, child in children)


def _modules(module: Module, path: str) -> Iterator[tuple[str, Module]]:
    yield path, module
    for name, child in _take_apart(module)[0]:
        if isinstance(child, Module):
            yield from _modules(child, f"{path}.{name}" if path else name)


def _nested_repr(value: Any) -> str:
    """A space and the value, or the items of a container on lines of their own."""
    if isinstance(value, dict):
        items = [f"{key}:{_nested_repr(item)}" for key, item in value.items()]
    elif isinstance(value, (tuple, list)):
        items = [f"{index}:{_nested_repr(item)}" for index, item in enumerate(value)]
    else:
        return f" {getattr(value, '__name__', None) or repr(value)}"
    return "".join(f"\n{item}" for item in items).replace("\n", "\n  ")


def parameter(value: Any, dtype: Any = "float32") -> Tensor:
    """A tensor to be trained: a copy of ``value`` with ``requires_grad=True``."""
    return tensor(value, dtype=dtype, requires_grad=True)
