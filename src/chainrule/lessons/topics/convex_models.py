"""Models whose loss is convex: linear and logistic regression, ridge, lasso, support vectors."""

import numpy as np

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


def example() -> Example:
    yield "Ridge regression with one weight, three examples and the penalty w²/10:"
    loss = "(1 - w)^2 + (3 - 2w)^2 + (2 - w)^2 + w^2/10"
    yield derivation(loss, wrt="w", order=2)
    yield "The second derivative is positive and the same everywhere: one minimum, where f′ is 0."
    f = cr.parse(loss)
    slope, curvature = cr.derivative(f)(0.0), cr.derivative(f, 2)(0.0)
    yield Value("w* = −f′(0)/f″(0)", -slope / curvature)
    yield "Descent finds the same from two starts:"
    for start in (-10.0, 25.0):
        w = cr.tensor(start)
        for _ in range(100):
            w = w - 0.05 * cr.derivative(f)(w)
        yield Value(f"from {start:g}", w)
    yield "With two features that are equal the loss is flat in one direction, (1, −1):"
    x = cr.tensor([[1.0, 1.0], [2.0, 2.0]])
    H = cr.hessian(lambda w: cr.sum((x @ w - 1) ** 2))(cr.zeros(2))
    yield Value("eigenvalues of the Hessian", np.linalg.eigvalsh(H.numpy()))


topic = Topic(
    title="Convex models",
    chapter=Chapter.LANDSCAPES,
    place=2,
    motivation="For some models training is a solved problem: whatever the start, the answer is "
    "the same. Knowing which they are saves restarts, and gives a sound baseline to compare "
    "networks with.",
    mental_picture="All of them are a convex loss of a linear function of the weights. Tilting and "
    "adding bowls gives a bowl again, and a penalty such as ‖w‖² is one more bowl on top.",
    definition="If the prediction is linear in the weights and the loss convex in the prediction, "
    "the training loss is convex in the weights. That holds for linear regression, logistic and "
    "softmax regression, support vector machines, and for all of these with an L1 or L2 penalty.",
    formulas=(
        Formula("ridge", r"\min_w \lVert X w - y \rVert^2 + \lambda \lVert w \rVert^2"),
        Formula("lasso", r"\min_w \lVert X w - y \rVert^2 + \lambda \lVert w \rVert_1"),
        Formula(
            "normal equations of ridge",
            r"(X^\top X + \lambda I) w = X^\top y",
        ),
    ),
    example=example,
    questions=(
        Question(
            "Which models of machine learning have a convex loss?",
            "Linear and logistic regression, support vector machines, ridge and lasso: a convex "
            "loss of a prediction that is linear in the weights. Descent reaches the global "
            "optimum of each.",
        ),
        Question(
            "What does a penalty λ‖w‖² do to a least-squares loss?",
            "It adds 2λ to every eigenvalue of the Hessian. Flat directions get a curvature, so "
            "that the minimiser becomes unique, and the problem better conditioned.",
        ),
    ),
    traps=(
        Trap(
            wrong="A convex loss gives the same weights from every start.",
            why="Where features depend on each other, whole lines of weights give the same "
            "predictions.",
            right="It gives the same lowest loss. The weights are unique if the loss is strictly "
            "convex, as with an L2 penalty.",
            claim="convex-same-optimum",
        ),
    ),
    claims=("convex-same-optimum",),
    related=("convexity", "loss-functions", "non-convex-models"),
)
