"""Sharpness-aware minimisation: the gradient at the worst point nearby."""

from __future__ import annotations

from typing import Any

from chainrule import functions
from chainrule.calculus import grad
from chainrule.core.errors import GradientError
from chainrule.optim.common import call_text, checked_positive, in_dtype_of
from chainrule.optim.transform import Optimizer, Problem, global_norm, map_leaves, widened
from chainrule.tensor import Tensor

__all__ = ["sam"]


def sam(optimizer: Optimizer, rho: float = 0.05, *, adaptive: bool = False) -> Optimizer:
    """``optimizer`` with the gradient at θ + ε, where ε = ρ·g / ‖g‖ leads up the slope.

    Foret, Kleiner, Mobahi and Neyshabur 2021 (ICLR), equations 2 and 3: a step against
    max L(θ + ε) over ‖ε‖ ≤ ρ, to first order. Adaptive, it does not depend on the scale of the
    parameters: ε = ρ·θ²·g / ‖θ·g‖; Kwon, Kim, Park and Choi 2021 (ICML), algorithm 1 (ASAM).
    Every step takes a second gradient, on the same batch.

    Args:
        optimizer: what takes the step, at θ.
        rho: ρ, above 0.
        adaptive: whether ε is relative to the parameters; then a larger ρ is usual, such as 0.5.

    Raises:
        DomainError: if ``rho`` is not above 0.

    Raises (the step):
        GradientError: if the problem is not given, which has the loss at other points.

    >>> import chainrule as cr
    >>> optimizer = cr.optim.sam(cr.optim.sgd(0.1), rho=1.0)
    >>> w = cr.tensor([3.0])
    >>> square = cr.optim.Problem(lambda w: w, lambda w: (w * w).sum())
    >>> updates, _ = optimizer.update(cr.grad(square)(w), optimizer.init(w), w, square)
    >>> updates  # the gradient at 4 instead of 3, times -0.1
    tensor([-0.8])
    """
    rho = checked_positive("sam", "rho", rho)
    name = call_text(sam, repr(optimizer), rho=rho, adaptive=adaptive)

    def step(grads: Any, state: Any, params: Any, problem: Problem | None) -> tuple[Any, Any]:
        if problem is None:
            raise GradientError(
                f"{name} takes a second gradient and needs the loss as a function of the "
                "parameters: give update(…, problem=Problem(outputs, loss)), as train.fit does"
            )
        here = map_leaves(name, lambda p: p.detach(), params)
        slopes = grads
        if adaptive:
            slopes = map_leaves(name, lambda g, p: widened(g) * widened(p), grads, here)
        norm = global_norm(slopes)
        # at a stationary point there is no way up, and nowhere to go
        length = functions.where(norm > 0, rho / functions.where(norm > 0, norm, 1), 0)

        def shifted(p: Tensor, s: Tensor) -> Tensor:
            way = s * widened(p) if adaptive else s
            return p + functions.astype(way * in_dtype_of(way, length), p.dtype)

        steep = grad(problem)(map_leaves(name, shifted, here, slopes))
        return optimizer.update(steep, state, params, problem)

    return Optimizer(name, optimizer.init, step)
