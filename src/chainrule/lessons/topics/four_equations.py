"""The four equations of backpropagation, for layers a = σ(W a + b)."""

import chainrule as cr
from chainrule.lessons.kit import (
    Chapter,
    Example,
    Formula,
    Question,
    Topic,
    Trap,
    Value,
    derivation,
)


def loss(model, x, y):
    return cr.mean((model(x) - y) ** 2)


def example() -> Example:
    model = cr.nn.MLP(2, [3], 2, activation="sigmoid", key=cr.random.key(0))
    x, y = cr.tensor([[1.0, -1.0]]), cr.tensor([[0.0, 1.0]])
    yield "A network of 2, 3 and 2 units. Examples are rows here, so the equations are transposed:"
    yield derivation(model, x, y, loss="mse")
    yield "The engine, which knows the operations and nothing of layers:"
    found = cr.grad(loss)(model, x, y).parameters()
    yield Value("∂L/∂W₁", found["layers.0.weight"])
    yield Value("∂L/∂b₁", found["layers.0.bias"])


topic = Topic(
    title="The four equations",
    chapter=Chapter.DIFFERENTIATION,
    place=6,
    motivation="""
        For a network of plain layers backpropagation fits into four lines. Whoever can derive
        them understands what a backward pass computes, what it keeps, and where gradients vanish.
    """,
    mental_picture="""
        An error signal δ walks from the last layer to the first. At each layer it is turned by
        the transposed weights and damped by the slopes of the activations; where it stands, it
        meets the input that was kept there, and the two make the gradient of the weights.
    """,
    definition="""
        δˡ is the derivative of the loss by the pre-activations zˡ of layer l. The last one comes
        from the loss, each other from the one after it. The gradient by the weights is the outer
        product of δˡ and the layer's input, the gradient by the biases δˡ itself. Over a batch the
        last two are summed.
    """,
    formulas=(
        Formula("layer", r"z^{l} = W^{l} a^{l-1} + b^{l}, \quad a^{l} = \sigma(z^{l})"),
        Formula("error of the last layer", r"\delta^{L} = \nabla_a L \odot \sigma'(z^{L})"),
        Formula(
            "error, passed back",
            r"\delta^{l} = (W^{l+1})^\top \delta^{l+1} \odot \sigma'(z^{l})",
        ),
        Formula(
            "gradient of weights",
            r"\frac{\partial L}{\partial W^{l}} = \delta^{l} (a^{l-1})^\top",
        ),
        Formula("gradient of biases", r"\frac{\partial L}{\partial b^{l}} = \delta^{l}"),
    ),
    example=example,
    questions=(
        Question(
            "State the four equations of backpropagation.",
            """
                The error of the last layer is the slope of the loss times that of the activation,
                and that of any other is the next one's, times the transposed weights, times the
                slope of its own activation. The gradient by the weights is the error times the
                layer's input, transposed, and by the biases it is the error.
            """,
        ),
        Question(
            "Where do the equations show that gradients vanish?",
            """
                In the second: every layer multiplies the error by W and by σ′. With slopes of at
                most ¼ the error shrinks unless the weights make up for it.
            """,
        ),
        Question(
            "What has to be kept of the forward pass?",
            "The input of each layer, for the third equation, and σ′(z) or z, for the second.",
        ),
    ),
    traps=(
        Trap(
            wrong="The error is passed back by the weights W.",
            why="W leads from inputs to outputs; its shape does not even fit the other way.",
            right="By the transpose: each weight carries the error from its output to its input.",
            claim="four-equations",
        ),
    ),
    claims=("four-equations", "vjp", "sigmoid-vanishes"),
    related=("backpropagation", "jacobian", "vanishing-gradients"),
)
