"""Plants for claims on descent, optimizers and landscapes."""

from functools import partial

import chainrule as cr
from tests.lessons.breaking import Plant, in_place_of


def _first_for_all(function, in_axes=0):
    """A vmap that gives every example the result of the first."""
    batched = cr.calculus.vmap(function, in_axes)

    def mapped(*args):
        found = batched(*args)
        return found * 0 + found[0]

    return mapped


PLANTS = [
    Plant(
        "batch-noise",
        "every example has the gradient of the first",
        in_place_of(cr, "vmap", _first_for_all),
    ),
    Plant(
        "learning-rate",
        "descent climbs",
        in_place_of(cr.optim, "sgd", partial(cr.optim.sgd, maximize=True)),
    ),
]
