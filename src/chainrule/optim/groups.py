"""Parameter groups: different optimizers, or none, for different parameters.

Parameters are chosen by their paths, such as ``layers.0.weight``, in the notation of file names:
``*`` stands for anything, ``?`` for one character, ``[0-3]`` for one of several. A pattern that
begins with ``*.`` also chooses what has nothing before the dot: ``*.bias`` is every bias.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from chainrule import functions
from chainrule.core import tree
from chainrule.core.errors import ArgumentError, TreeError
from chainrule.optim.transform import Optimizer, Problem, map_leaves
from chainrule.tensor import Tensor

__all__ = ["Mask", "check_mask", "chosen", "freeze", "mask_text", "masked", "partition"]

Mask = str | Sequence[str] | Callable[[str, Tensor], bool]
"""Which parameters: a pattern of paths, several of them, or a function of path and tensor."""


def partition(optimizers: Mapping[str, Optimizer]) -> Optimizer:
    """Each parameter is trained by the optimizer of the first pattern that its path matches.

    An optimizer sees the parameters of its group alone, so that clipping by a global norm in it is
    by the norm of the group.

    Args:
        optimizers: by pattern, for example ``{"*.bias": optim.sgd(0.1), "*": optim.adamw(1e-3)}``.

    Raises:
        ArgumentError: if this is no mapping from patterns to optimizers.

    Raises (at the start):
        TreeError: if a parameter matches no pattern, or a pattern is the first match of none.

    >>> import chainrule as cr
    >>> optim = cr.optim
    >>> optimizer = optim.partition({"*.bias": optim.freeze(), "*": optim.sgd(0.5)})
    >>> params = {"0.bias": cr.tensor([1.0]), "0.weight": cr.tensor([1.0])}
    >>> updates, state = optimizer.update(params, optimizer.init(params), params)
    >>> updates
    {'0.bias': tensor([0.]), '0.weight': tensor([-0.5])}
    """
    if not isinstance(optimizers, Mapping) or not optimizers:
        raise ArgumentError(
            'partition takes a mapping such as {"*.bias": optim.sgd(0.1), "*": optim.adam(1e-3)}, '
            f"not {optimizers!r}"
        )
    for pattern, optimizer in optimizers.items():
        if not isinstance(pattern, str) or not isinstance(optimizer, Optimizer):
            raise ArgumentError(
                f"partition: {pattern!r}: {optimizer!r} is not a pattern and an optimizer"
            )
    patterns = list(optimizers)
    name = f"partition({{{', '.join(f'{p!r}: {o!r}' for p, o in optimizers.items())}}})"

    def groups(params: Any) -> list[_Part]:
        paths = [path for path, _ in tree.paths(params)]
        first = [next((p for p in patterns if _matches(path, p)), None) for path in paths]
        missed = [_shown(path) for path, p in zip(paths, first, strict=True) if p is None]
        if missed:
            raise TreeError(
                f"partition: no pattern of {patterns} matches {', '.join(missed)}; put "
                '"*": … at the end for the rest'
            )
        unused = [pattern for pattern in patterns if pattern not in first]
        if unused:
            raise TreeError(
                f"partition: {unused} is the first match of no parameter; they are "
                f"{', '.join(paths)}"
            )
        return [_Part(paths, [found == pattern for found in first]) for pattern in patterns]

    def init(params: Any) -> Any:
        parts = groups(params)
        return tuple(
            optimizer.init(part.of(params))
            for part, optimizer in zip(parts, optimizers.values(), strict=True)
        )

    def step(grads: Any, state: Any, params: Any, problem: Problem | None) -> tuple[Any, Any]:
        updates, new = map_leaves(name, lambda g, p: g, grads, params), []
        for part, optimizer, own in zip(groups(params), optimizers.values(), state, strict=True):
            found, own = optimizer.update(
                part.of(grads), own, part.of(params), part.problem(problem, params)
            )
            updates = part.put(found, updates)
            new.append(own)
        return updates, tuple(new)

    return Optimizer(name, init, step)


def masked(optimizer: Optimizer, mask: Mask) -> Optimizer:
    """``optimizer`` for the parameters chosen by ``mask``; updates of the others pass as they are.

    Raises (at the start):
        TreeError: if the mask chooses no parameter.

    >>> import chainrule as cr
    >>> piece = cr.optim.masked(cr.optim.clip_by_global_norm(1.0), "*.weight")
    >>> params = {"bias": cr.tensor([5.0]), "weight": cr.tensor([5.0])}
    >>> piece.update(params, piece.init(params), params)[0]
    {'bias': tensor([5.]), 'weight': tensor([1.])}
    """
    check_mask("masked", mask)
    name = f"masked({optimizer!r}, {mask_text(mask)})"

    def init(params: Any) -> Any:
        return optimizer.init(_part("masked", mask, params).of(params))

    def step(grads: Any, state: Any, params: Any, problem: Problem | None) -> tuple[Any, Any]:
        own = _part("masked", mask, params)
        found, state = optimizer.update(
            own.of(grads), state, own.of(params), own.problem(problem, params)
        )
        return own.put(found, map_leaves(name, lambda g, p: g, grads, params)), state

    return Optimizer(name, init, step)


def freeze(mask: Mask = "*") -> Optimizer:
    """Updates of zero for the parameters chosen, so that they keep their values to the bit.

    It belongs at the end of a chain, after weight decay and the like; in a `partition` it stands
    for an optimizer. Gradients of what is frozen are still computed; to save that time use
    ``.requires_grad_(False)``.

    Raises (at the start):
        TreeError: if the mask chooses no parameter.

    >>> import chainrule as cr
    >>> optimizer = cr.optim.chain(cr.optim.sgd(0.1), cr.optim.freeze("layers.0.*"))
    >>> params = {"layers.0.bias": cr.tensor([1.0]), "layers.1.bias": cr.tensor([1.0])}
    >>> optimizer.update(params, optimizer.init(params), params)[0]
    {'layers.0.bias': tensor([0.]), 'layers.1.bias': tensor([-0.1])}
    """
    check_mask("freeze", mask)
    name = "freeze()" if mask == "*" else f"freeze({mask_text(mask)})"

    def init(params: Any) -> tuple[()]:
        chosen("freeze", mask, params)
        return ()

    def step(grads: Any, state: Any, params: Any, problem: Problem | None) -> tuple[Any, Any]:
        def still(g: Tensor, frozen: bool) -> Tensor:
            return functions.zeros_like(g) if frozen else g

        return map_leaves(name, still, grads, chosen("freeze", mask, params)), state

    return Optimizer(name, init, step)


# -- masks -----------------------------------------------------------------------------------------


def check_mask(function: str, mask: Mask) -> None:
    """Raise if this is no mask.

    Raises:
        ArgumentError: saying what one is.
    """
    if callable(mask) or isinstance(mask, str):
        return
    if isinstance(mask, (list, tuple)) and mask and all(isinstance(p, str) for p in mask):
        return
    raise ArgumentError(
        f'{function}: a mask is a pattern of paths such as "*.weight", a list of patterns, or a '
        f"function (path, tensor) -> bool, not {mask!r}"
    )


def chosen(function: str, mask: Mask, params: Any) -> Any:
    """For each parameter whether the mask chooses it: a pytree of booleans.

    Raises:
        TreeError: if a pattern, or the function, chooses none.
    """
    leaves = tree.paths(params)
    if not isinstance(mask, str) and callable(mask):
        found = [bool(mask(path, leaf)) for path, leaf in leaves]
        idle = [] if any(found) else [mask_text(mask)]
    else:
        patterns = [mask] if isinstance(mask, str) else list(mask)
        hits = [[_matches(path, pattern) for path, _ in leaves] for pattern in patterns]
        idle = [repr(p) for p, hit in zip(patterns, hits, strict=True) if not any(hit)]
        found = [any(hit[place] for hit in hits) for place in range(len(leaves))]
    if idle:
        raise TreeError(
            f"{function}: {', '.join(idle)} chooses no parameter; they are "
            f"{', '.join(_shown(path) for path, _ in leaves)}"
        )
    return tree.flatten(params)[1].build(found)


def mask_text(mask: Mask) -> str:
    """A mask as it is shown in a name."""
    return getattr(mask, "__name__", repr(mask))


def _shown(path: str) -> str:
    return path or "the tensor itself, whose path is empty"


def _matches(path: str, pattern: str) -> bool:
    return fnmatchcase(path, pattern) or fnmatchcase(f".{path}", pattern)


# -- parts of a pytree -----------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class _Part:
    """Some of the leaves of pytrees of one structure.

    Args:
        paths: of all leaves.
        own: which of them belong to the part.
    """

    paths: Sequence[str]
    own: Sequence[bool]

    def of(self, whole: Any) -> dict[str, Any]:
        """The part of a pytree, by path."""
        leaves = tree.flatten(whole)[0]
        if len(leaves) != len(self.own):
            raise TreeError(
                f"gradients and parameters must belong to the same model: {len(leaves)} leaves "
                f"for {len(self.own)} parameters"
            )
        rows = zip(self.paths, leaves, self.own, strict=True)
        return {path: leaf for path, leaf, own in rows if own}

    def put(self, part: Mapping[str, Any], whole: Any) -> Any:
        """The pytree with the leaves of the part taken from ``part``."""
        leaves, structure = tree.flatten(whole)
        rows = zip(self.paths, leaves, self.own, strict=True)
        return structure.build([part[path] if own else leaf for path, leaf, own in rows])

    def problem(self, problem: Problem | None, params: Any) -> Problem | None:
        """The problem as one of the part alone, the others being kept as they are."""
        if problem is None:
            return None
        outputs = problem.outputs
        return dataclasses.replace(problem, outputs=lambda part: outputs(self.put(part, params)))


def _part(function: str, mask: Mask, params: Any) -> _Part:
    return _Part(
        [path for path, _ in tree.paths(params)], tree.flatten(chosen(function, mask, params))[0]
    )
