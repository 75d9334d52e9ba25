"""Residual connections: layers that add to what they are given."""

import numpy as np

import chainrule as cr
from chainrule.lessons.kit import (
    Chapter,
    Example,
    Formula,
    Picture,
    Question,
    Topic,
    Trap,
    Value,
    derivation,
)


def plain(x, w):
    return cr.tanh(w @ x)


def residual(x, w):
    return x + cr.tanh(w @ x)


def stack(layer, weights):
    def network(x):
        for w in weights:
            x = layer(x, cr.tensor(w))
        return x

    return network


def example() -> Example:
    yield "A layer of one unit with a connection around it: the slope of tanh, and a 1 beside it."
    yield derivation("x + tanh(w x)", wrt="x")
    yield "Two units, and a layer with small weights. The Jacobian of the layer, without and with:"
    w, x = np.array([[0.2, -0.1], [0.1, 0.3]]), cr.tensor([0.5, -1.0])
    yield Value("J of tanh(W x)", cr.jacobian(lambda x: plain(x, cr.tensor(w)))(x))
    yield Value("J of x + tanh(W x)", cr.jacobian(lambda x: residual(x, cr.tensor(w)))(x))
    yield "Twenty such layers, and the sum of their outputs. Length of its gradient by the input:"
    for name, layer in (("plain", plain), ("residual", residual)):
        network = stack(layer, [w] * 20)
        yield Value(name, cr.linalg.norm(cr.grad(lambda x, f=network: f(x).sum())(x)))


def draw(axes):
    rng = np.random.default_rng(0)
    draws = rng.normal(size=(30, 64, 64)) / 8
    x, out = cr.tensor(rng.normal(size=64)), cr.tensor(rng.normal(size=64))
    for name, layer, scale in (
        ("plain, small weights", plain, 0.3),
        ("residual, small weights", residual, 0.3),
        ("residual, branches of full size", residual, 1.0),
        ("residual, branches / √30", residual, 1 / np.sqrt(30)),
    ):
        shares = []
        for depth in range(1, 31):
            network = stack(layer, scale * draws[:depth])
            g = cr.grad(lambda x, f=network: (f(x) * out).sum())(x)
            shares.append((cr.linalg.norm(g) / cr.linalg.norm(out)).item())
        axes.semilogy(range(1, 31), shares, label=name)
    axes.set_ylim(1e-8, 1e3)
    axes.set_xlabel("layers")
    axes.set_ylabel("share of the gradient that passes")
    axes.legend(frameon=False, fontsize=8)


topic = Topic(
    title="Residual connections",
    chapter=Chapter.DEPTH,
    place=6,
    motivation="""
        Plain networks of many layers can train worse than shallow ones, although they could do the
        same and more. A layer that adds a correction to its input, instead of replacing it, lets
        signals and gradients past itself, and hundreds of layers become trainable.
    """,
    mental_picture="""
        A motorway with a slip road at each layer. The gradient drives straight through from the
        loss to the first layer; what each layer has to say joins from the side.
    """,
    definition="""
        A residual block computes y = x + f(x), with f a few layers of equal input and output
        size. Its Jacobian is I plus that of f. The gradient at its input is therefore that at its
        output, unchanged, plus what comes through f: a sum of two paths.
    """,
    formulas=(
        Formula("block", r"y = x + f(x), \quad \frac{\partial y}{\partial x} = I + J_f"),
        Formula(
            "gradient past a block",
            r"\frac{\partial L}{\partial x} = \frac{\partial L}{\partial y} + "
            r"J_f^\top \frac{\partial L}{\partial y}",
        ),
        Formula(
            "two blocks",
            r"(I + J_2)(I + J_1) = I + J_1 + J_2 + J_2 J_1",
        ),
    ),
    example=example,
    questions=(
        Question(
            "How do residual connections help against vanishing gradients?",
            """
                The Jacobian of a block is the identity plus that of its branch, so the gradient
                reaches every layer along a path that multiplies by nothing. Even where all
                branches pass next to nothing, the first layer still hears the loss.
            """,
        ),
        Question(
            "What can a residual block represent more easily than a plain layer?",
            """
                The identity: it only has to bring its branch to zero. So adding blocks need not
                make a network worse.
            """,
        ),
        Question(
            "Through how many paths does a gradient pass n residual blocks?",
            """
                2ⁿ: at each block either around or through the branch. Most of them go through
                about half of the branches; the shortest goes around all.
            """,
        ),
        Question(
            "What if input and output of a block differ in size?",
            """
                The connection gets a linear map of its own, such as a 1 × 1 convolution. The
                gradient then passes that map instead of the identity.
            """,
        ),
    ),
    traps=(
        Trap(
            wrong="With residual connections the size of the gradient is no longer an issue.",
            why="""
                I + J is on average larger than one. Where branches are of full size the factors
                multiply, and the gradient grows with depth.
            """,
            right="""
                They keep it from vanishing. Against growth branches are scaled down, normalised,
                or started at zero.
            """,
            claim="residual-mends",
        ),
        Trap(
            wrong="Past a residual block the gradient is the product of the slopes on its path.",
            why="There are two paths, around the branch and through it.",
            right="Along a path slopes multiply, and the paths are added: hence I + J.",
            claim="paths-sum",
        ),
    ),
    claims=("residual-mends", "paths-sum", "gradient-flow"),
    related=("vanishing-gradients", "chain-rule", "normalisation", "jacobian"),
    pictures=(
        Picture(
            draw,
            """
                The share of the gradient that passes up to 30 layers, on a logarithmic axis. With
                small weights it falls steeply for plain layers and stays level for residual ones;
                with branches of full size residual layers make it grow, and with branches divided
                by √30 it is level again.
            """,
        ),
    ),
)
