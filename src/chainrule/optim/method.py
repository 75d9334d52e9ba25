"""A method of descent from its direction: what every method shares.

Every piece works leaf by leaf, in the dtype of the leaf; factors such as a learning rate and bias
corrections are computed in float64 first, and what is accumulated for a float16 leaf in float32.

A NaN in a gradient goes on into its parameter, and `train.fit` stops there: no method hides it. To
leave out such steps see `skip_non_finite`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from chainrule.optim.common import call_text, checked, number_text
from chainrule.optim.decay import add_decayed_weights
from chainrule.optim.groups import Mask, check_mask
from chainrule.optim.scaling import LearningRate, scale_by_learning_rate
from chainrule.optim.transform import Optimizer, chain, map_leaves, stateless

__all__ = ["method"]


def method(
    make: Callable[..., Optimizer],
    learning_rate: LearningRate,
    direction: Optimizer,
    options: Mapping[str, Any],
    *,
    weight_decay: float,
    mask: Mask | None,
    maximize: bool,
    decoupled: bool = False,
    after: Optimizer | None = None,
) -> Optimizer:
    """The optimizer that ``make`` gives: θ ← θ − η·d(g + λ·θ), or decoupled θ − η·(d(g) + λ·θ).

    Args:
        make: the public function, for the name.
        learning_rate: η.
        direction: d, from gradients to a direction that leads up.
        options: further arguments of ``make``, for the name.
        weight_decay: λ.
        mask: of the parameters that decay.
        maximize: whether to climb: −g takes the place of g, as in PyTorch.
        decoupled: whether the decay is added after the direction.
        after: what is done with the two together, before the learning rate.

    Raises:
        DomainError: for values out of range.
        ArgumentError: if the mask is none.
    """
    own = make.__name__
    pieces = [direction]
    if mask is not None:
        check_mask(own, mask)
    weight_decay = checked(own, "weight_decay", weight_decay)
    if weight_decay:
        pieces.insert(1 if decoupled else 0, add_decayed_weights(weight_decay, mask))
    if maximize:
        pieces.insert(0, stateless("ascent", lambda g, _: map_leaves(own, lambda g: -g, g)))
    if after is not None:
        pieces.append(after)
    pieces.append(scale_by_learning_rate(learning_rate))
    name = call_text(
        make,
        number_text(learning_rate),
        **options,
        weight_decay=weight_decay,
        maximize=maximize,
        mask=mask,
    )
    return dataclasses.replace(chain(*pieces), name=name)
