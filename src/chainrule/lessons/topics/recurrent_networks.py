"""Recurrent networks: the same weights at every step, and gradients through time."""

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


def run(w, x):
    """The last state of hₜ = tanh(w hₜ₋₁ + xₜ), from 0."""
    h = cr.tensor(0.0)
    for t in range(x.shape[0]):
        h = cr.tanh(w * h + x[t])
    return h


def example() -> Example:
    yield "Two steps of a linear unit, h ← w h + x. Its weight is used in both of them:"
    yield derivation("w (w h_0 + x_1) + x_2", wrt="w")
    yield "In the product rule the first term is the path through step 2, the other through step 1."
    yield "Now with tanh, six steps, w = 0.8. How much each input still counts for the last state:"
    x = cr.tensor([0.5, -0.3, 0.2, 0.4, -0.1, 0.3])
    yield Value("∂h₆/∂xₜ for t = 1 … 6", cr.grad(run, argnums=1)(0.8, x))
    yield Value("∂h₆/∂w, all steps added up", cr.grad(run)(0.8, x))
    yield "Over longer sequences of small inputs, the share of the first one:"
    for w in (0.5, 0.9, 1.0):
        for steps in (10, 50):
            x = cr.tensor(np.full(steps, 1e-3))
            yield Value(f"w = {w:g}, {steps} steps", cr.grad(run, argnums=1)(w, x)[0])


def through_time(cell, state, inputs, out) -> np.ndarray:
    """The length of the gradient at the state before each step, the last one first."""

    def last(added):
        s = state
        for x, extra in zip(inputs, added, strict=True):
            s = cell(s + extra, x)
        return cr.sum(s[0] * out)

    found = cr.grad(last)([cr.zeros(state.shape)] * len(inputs))
    return np.array([cr.linalg.norm(g).item() for g in found])[::-1]


def draw(axes):
    rng = np.random.default_rng(0)
    units, steps = 32, 60
    inputs = [cr.tensor(0.1 * rng.normal(size=units)) for _ in range(steps)]
    out = cr.tensor(rng.normal(size=units))
    q, _ = np.linalg.qr(rng.normal(size=(units, units)))
    gates = [cr.tensor(rng.normal(size=(units, units)) / units) for _ in range(4)]

    def plain(radius: float):
        w = cr.tensor(radius * q)
        return lambda s, x: cr.stack([cr.tanh(w @ s[0] + x)])

    def lstm(s, x):
        c, h = s
        forget, take, give, new = (w @ h + x for w in gates)
        c = cr.sigmoid(forget + 3) * c + cr.sigmoid(take) * cr.tanh(new)
        return cr.stack([c, cr.sigmoid(give) * cr.tanh(c)])

    for radius in (0.8, 1.0, 1.2):
        lengths = through_time(plain(radius), cr.zeros((1, units)), inputs, out)
        axes.semilogy(range(1, steps + 1), lengths, label=f"plain, eigenvalues {radius:g}")
    lengths = through_time(lstm, cr.zeros((2, units)), inputs, out)
    axes.semilogy(range(1, steps + 1), lengths, "--", label="LSTM")
    axes.set_xlabel("steps back in time")
    axes.set_ylabel("length of the gradient")
    axes.legend(frameon=False, fontsize=8)


topic = Topic(
    title="Recurrent networks",
    chapter=Chapter.DEPTH,
    place=9,
    motivation="""
        A recurrent network reads a sequence step by step and multiplies by the same weights each
        time. Unrolled it is as deep as the sequence is long, so all that depth does to gradients
        happens here in full.
    """,
    mental_picture="""
        One page, copied again and again on the same machine. A little too pale, and the text is
        gone after a few copies; a little too dark, and all is black. An LSTM carries the original
        along and only adds notes to it.
    """,
    definition="""
        The state follows hₜ = tanh(W hₜ₋₁ + U xₜ + b). Backpropagation through time unrolls the
        steps and applies the chain rule: the gradient at an early state is a product of one
        Jacobian for each step in between, and that of W the sum over all steps, since W is used in
        each. In an LSTM the cell state is multiplied by a forget gate near one instead.
    """,
    formulas=(
        Formula("state", r"h_t = \tanh(W \, h_{t-1} + U \, x_t + b)"),
        Formula(
            "back through time",
            r"\frac{\partial h_T}{\partial h_t} = J_T \cdots J_{t+1}, \quad "
            r"J_s = \operatorname{diag}(1 - h_s^2) \, W",
        ),
        Formula(
            "shared weights",
            r"\frac{\partial L}{\partial W} = \sum_t \, \delta_t \, h_{t-1}^\top",
        ),
        Formula("cell of an LSTM", r"c_t = f_t \odot c_{t-1} + i_t \odot \tilde{c}_t"),
    ),
    example=example,
    questions=(
        Question(
            "Why are recurrent networks hard to train, and what does an LSTM change?",
            """
                The gradient through time is a product of one Jacobian for each step, so that it
                vanishes or explodes exponentially with the distance. An LSTM carries a cell state
                that is multiplied by a gate near one and added to, which gives the gradient a path
                that keeps its size.
            """,
        ),
        Question(
            "What is backpropagation through time?",
            """
                Backpropagation on the unrolled network. Each step is a layer with the same
                weights, so their gradients of all steps are added.
            """,
        ),
        Question(
            "Why is clipping usual for recurrent networks?",
            """
                Many equal factors make the length of the gradient jump by orders of magnitude from
                batch to batch. One long step would undo the training, and clipping bounds it.
            """,
        ),
        Question(
            "What does truncated backpropagation through time give up?",
            """
                Gradients from further back than the cut: dependences that are longer are not
                learned. It saves memory and time.
            """,
        ),
    ),
    traps=(
        Trap(
            wrong="The gradient of a shared weight is the product of its gradients at all steps.",
            why="""
                Each use of the weight is a path of its own from the weight to the loss. Slopes
                multiply along a path, and paths add.
            """,
            right="It is the sum over the steps.",
            claim="paths-sum",
        ),
        Trap(
            wrong="With an LSTM gradients neither vanish nor explode.",
            why="""
                Its gates depend on the state through weights, and a forget gate of 0.9 leaves
                0.9¹⁰⁰ after a hundred steps.
            """,
            right="They do so later and less often. LSTMs are still clipped.",
            claim="lstm-needs-less",
        ),
    ),
    claims=("rnn-vanishes", "lstm-needs-less", "clipping-saves", "paths-sum"),
    related=("vanishing-gradients", "exploding-gradients", "clipping", "chain-rule"),
    pictures=(
        Picture(
            draw,
            """
                The length of the gradient over 60 steps back in time, on a logarithmic axis. For
                plain networks it falls steeply with eigenvalues of 0.8 and slowly with 1; with 1.2
                it wavers and then grows. That of an LSTM stays almost level.
            """,
        ),
    ),
)
