"""Plants for claims on deep networks, losses and uses of gradients."""

import chainrule as cr
from chainrule.ops.shape import full
from tests.lessons.breaking import Plant, in_place_of, in_record

PLANTS = [
    Plant(
        "relu-dies",
        "relu has a slope of a hundredth where it is off",
        in_record("relu", partials=(lambda x, y: full(0.01, x.type),)),
    ),
    Plant(
        "mse-gradient",
        "the power rule forgets the exponent",
        in_record("integer_pow", partials=(lambda x, y, n: x,)),
    ),
    Plant(
        "cross-entropy-learns",
        "the derivative of the sigmoid is 1",
        in_record("sigmoid", partials=(lambda x, y: full(1.0, x.type),)),
    ),
    Plant(
        "rnn-vanishes",
        "the derivative of tanh is a half",
        in_record("tanh", partials=(lambda x, y: full(0.5, x.type),)),
    ),
    Plant(
        "architectures",
        "the derivative of sin is 1",
        in_record("sin", partials=(lambda x, y: full(1.0, x.type),)),
    ),
    Plant(
        "policy-gradient",
        "the log of the policy is not the log of softmax",
        in_place_of(cr, "log_softmax", lambda x: x),
    ),
    Plant(
        "sigmoid-vanishes",
        "the derivative of the sigmoid is the sigmoid",
        in_record("sigmoid", partials=(lambda x, y: y,)),
    ),
    Plant(
        "relu-mends",
        "the derivative of relu is 1 everywhere",
        in_record("relu", partials=(lambda x, y: full(1.0, x.type),)),
    ),
    Plant(
        "residual-mends",
        "the derivative of tanh is off by a factor of two",
        in_record("tanh", partials=(lambda x, y: 2 * (1 - y * y),)),
    ),
    Plant(
        "initialisation-mends",
        "He's weights have the variance 1/n",
        in_place_of(cr.nn.initialisers, "he_normal", cr.nn.initialisers.lecun_normal),
    ),
    Plant(
        "clipping-direction",
        "clipping by norm clips each entry",
        in_place_of(cr.optim, "clip_by_global_norm", cr.optim.clip_by_value),
    ),
    Plant(
        "clipping-saves",
        "the limit of clipping is a million times as large",
        in_place_of(
            cr.optim,
            "clip_by_global_norm",
            lambda limit, clip=cr.optim.clip_by_global_norm: clip(1e6 * limit),
        ),
    ),
    Plant(
        "logistic-gradient",
        "losses are averaged where their sum is asked for",
        in_place_of(
            cr.nn,
            "cross_entropy",
            lambda *args, reduction, loss=cr.nn.cross_entropy: loss(*args, reduction="mean"),
        ),
    ),
    Plant(
        "explode",
        "gradients are capped at one",
        in_place_of(cr, "grad", lambda f, grad=cr.grad: lambda x: cr.minimum(grad(f)(x), 1.0)),
    ),
]
