"""Plants for claims on descent, optimizers and landscapes."""

from functools import partial

import chainrule as cr
from chainrule.ops.arithmetic import integer_pow
from tests.lessons.breaking import Plant, in_place_of, in_record


def _first_for_all(function, in_axes=0):
    """A vmap that gives every example the result of the first."""
    batched = cr.calculus.vmap(function, in_axes)

    def mapped(*args):
        found = batched(*args)
        return found * 0 + found[0]

    return mapped


def _without_correction(rate, b1=0.9, b2=0.999):
    """Adam whose running means are taken as they are."""

    def init(params):
        return 0 * params, 0 * params

    def step(grads, state, params, problem):
        m, v = b1 * state[0] + (1 - b1) * grads, b2 * state[1] + (1 - b2) * grads**2
        return -rate * m / (cr.sqrt(v) + 1e-8), (m, v)

    return cr.optim.Optimizer("adam", init, step)


def _l2(rate, weight_decay):
    """Adam with a penalty, where AdamW is asked for."""
    return cr.optim.chain(cr.optim.add_decayed_weights(weight_decay), cr.optim.adam(rate))


PLANTS = [
    Plant(
        "momentum-average",
        "momentum is an average",
        in_place_of(
            cr.optim,
            "sgd",
            lambda rate, momentum, dampening=0.0, sgd=cr.optim.sgd: sgd(
                rate, momentum=momentum, dampening=momentum
            ),
        ),
    ),
    Plant("adam-step", "Adam is plain descent", in_place_of(cr.optim, "adam", cr.optim.sgd)),
    Plant("rmsprop", "RMSProp is plain descent", in_place_of(cr.optim, "rmsprop", cr.optim.sgd)),
    Plant(
        "newton",
        "the Hessian is twice as large",
        in_place_of(cr, "hessian", lambda f, hessian=cr.hessian: lambda w: 2 * hessian(f)(w)),
    ),
    Plant(
        "newton-saddle",
        "the Hessian is made positive",
        in_place_of(
            cr, "hessian", lambda f, hessian=cr.hessian: lambda w: abs(hessian(f)(w)) + cr.eye(2)
        ),
    ),
    Plant(
        "schedule",
        "the decay does not decay",
        in_place_of(cr.optim, "cosine_decay", lambda rate, steps: cr.optim.constant(rate)),
    ),
    Plant(
        "convex-chord",
        "the derivative of the sigmoid has the wrong sign",
        in_record("sigmoid", partials=(lambda x, y: y * (y - 1),)),
    ),
    Plant(
        "descent-decreases",
        "the derivative of sin is 2 − sin²",
        in_record("sin", partials=(lambda x, y: 2 - integer_pow(y, n=2),)),
    ),
    Plant(
        "bias-correction",
        "Adam does not correct its bias",
        in_place_of(cr.optim, "adam", _without_correction),
    ),
    Plant("adamw", "AdamW is Adam with a penalty", in_place_of(cr.optim, "adamw", _l2)),
    Plant("adam-scale", "Adam is plain descent", in_place_of(cr.optim, "adam", cr.optim.sgd)),
    Plant(
        "saddle",
        "momentum is ignored",
        in_place_of(cr.optim, "sgd", lambda rate, momentum=0.0, sgd=cr.optim.sgd: sgd(rate)),
    ),
    Plant(
        "saddle-noise",
        "the derivative of a power has the wrong sign",
        in_record("integer_pow", partials=(lambda x, y, n: -n * integer_pow(x, n=n - 1),)),
    ),
    Plant(
        "stationary",
        "the derivative of a power is off by a constant",
        in_record("integer_pow", partials=(lambda x, y, n: n * integer_pow(x, n=n - 1) + 0.01,)),
    ),
    Plant(
        "zero-gradient",
        "every gradient is off by a constant",
        in_place_of(cr, "grad", lambda f, grad=cr.grad: lambda x: grad(f)(x) + 0.1),
    ),
    Plant(
        "convex-same-optimum",
        "descent climbs",
        in_place_of(cr, "grad", lambda f, grad=cr.grad: lambda x: -grad(f)(x)),
    ),
    Plant(
        "critical-saddles",
        "the Hessian has lost all but its diagonal's absolute value",
        in_place_of(
            cr,
            "hessian",
            lambda f, hessian=cr.hessian: lambda w, q: abs(hessian(f)(w, q)) * cr.eye(w.shape[0]),
        ),
    ),
    Plant(
        "random-search",
        "descent climbs",
        in_place_of(cr.optim, "sgd", partial(cr.optim.sgd, maximize=True)),
    ),
    Plant(
        "flat-high-loss",
        "the derivative of the sigmoid is 1",
        in_record("sigmoid", partials=(lambda x, y: 0 * y + 1,)),
    ),
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
    Plant("similar-minima", "Adam is plain descent", in_place_of(cr.optim, "adam", cr.optim.sgd)),
    Plant(
        "warmup",
        "a warmup starts at the full rate",
        in_place_of(cr.optim, "linear_warmup", lambda steps, then: cr.optim.constant(then)),
    ),
]
