"""Linear layers, products of vectors and matrices, norms, quadratic forms."""

# ruff: noqa: RET504 - the names are those of the formulas, also that of the result

from __future__ import annotations

from typing import Any

from chainrule import functions as cr
from chainrule.explaining.arrays.catalogue.entry import entry
from chainrule.explaining.arrays.expression import call, power

LAYERS, PRODUCTS, NORMS = "linear layers", "products and sums", "norms and distances"

# -- linear layers ---------------------------------------------------------------------------------


@entry(
    "linear layer",
    LAYERS,
    "Y = X W + 1 bᵀ for a batch of examples in rows",
    "X W b",
    X="n d",
    W="d k",
    b="k",
    seed="n k",
    textbook={"X": lambda t: t.G @ t.W.T, "W": lambda t: t.X.T @ t.G},
    also=("linear layer with batch", "dense layer", "fully connected layer"),
)
def linear_layer(X: Any, W: Any, b: Any) -> Any:
    Y = X @ W + b
    return Y


@entry(
    "linear layer of one example",
    LAYERS,
    "y = W x + b for a column x",
    "x W b",
    x="d",
    W="k d",
    b="k",
    seed="k",
    textbook={"x": lambda t: t.W.T @ t.G, "W": lambda t: call("outer", t.G, t.x)},
)
def linear_layer_of_one_example(x: Any, W: Any, b: Any) -> Any:
    y = W @ x + b
    return y


@entry(
    "linear layer, weights out by in",
    LAYERS,
    "Y = X Wᵀ + 1 bᵀ, the layout of PyTorch and chainrule.nn",
    "X W b",
    X="n d",
    W="k d",
    b="k",
    seed="n k",
    textbook={"X": lambda t: t.G @ t.W, "W": lambda t: t.G.T @ t.X},
)
def linear_layer_out_by_in(X: Any, W: Any, b: Any) -> Any:
    Y = X @ W.T + b
    return Y


@entry(
    "bias",
    LAYERS,
    "a vector added to every row: the sum over the broadcast axis",
    "b",
    X="n k",
    b="k",
    seed="n k",
)
def bias(X: Any, b: Any) -> Any:
    Y = X + b
    return Y


@entry(
    "scale and shift",
    LAYERS,
    "Y = X ⊙ 1 γᵀ + 1 βᵀ, the affine part of a normalisation",
    "X gamma beta",
    X="n d",
    gamma="d",
    beta="d",
    seed="n d",
)
def scale_and_shift(X: Any, gamma: Any, beta: Any) -> Any:
    Y = X * gamma + beta
    return Y


@entry(
    "weight decay",
    LAYERS,
    "a loss with λ/2 ‖W‖² added: the derivative grows by λ W",
    "W",
    X="n d",
    W="d k",
    Y="n k",
    lambda_="",
)
def weight_decay(X: Any, W: Any, Y: Any, lambda_: Any) -> Any:
    Z = X @ W
    L = cr.mean((Z - Y) ** 2) + lambda_ / 2 * (W**2).sum()
    return L


# -- products --------------------------------------------------------------------------------------


@entry(
    "dot product",
    PRODUCTS,
    "L = uᵀ v",
    "u v",
    u="d",
    v="d",
    textbook={"u": lambda t: t.v, "v": lambda t: t.u},
)
def dot_product(u: Any, v: Any) -> Any:
    L = u @ v
    return L


@entry(
    "outer product",
    PRODUCTS,
    "Y = u vᵀ",
    "u v",
    u="n",
    v="d",
    seed="n d",
    textbook={"u": lambda t: t.G @ t.v, "v": lambda t: t.G.T @ t.u},
)
def outer_product(u: Any, v: Any) -> Any:
    Y = cr.outer(u, v)
    return Y


@entry(
    "matrix product",
    PRODUCTS,
    "C = A B",
    "A B",
    A="n d",
    B="d k",
    seed="n k",
    textbook={"A": lambda t: t.G @ t.B.T, "B": lambda t: t.A.T @ t.G},
)
def matrix_product(A: Any, B: Any) -> Any:
    C = A @ B
    return C


@entry(
    "matrix times vector",
    PRODUCTS,
    "y = A x",
    "A x",
    A="n d",
    x="d",
    seed="n",
    textbook={"A": lambda t: call("outer", t.G, t.x), "x": lambda t: t.A.T @ t.G},
)
def matrix_times_vector(A: Any, x: Any) -> Any:
    y = A @ x
    return y


@entry(
    "elementwise product",
    PRODUCTS,
    "C = A ⊙ B, the Hadamard product",
    "A B",
    A="n d",
    B="n d",
    seed="n d",
    textbook={"A": lambda t: t.G * t.B, "B": lambda t: t.G * t.A},
    also=("Hadamard product",),
)
def elementwise_product(A: Any, B: Any) -> Any:
    C = A * B
    return C


@entry(
    "elementwise quotient",
    PRODUCTS,
    "C = A ⊘ B",
    "A B",
    A="n d",
    B="n d: positive",
    seed="n d",
    textbook={"A": lambda t: t.G / t.B, "B": lambda t: -(t.G * t.A) / t.B**2},
)
def elementwise_quotient(A: Any, B: Any) -> Any:
    C = A / B
    return C


@entry(
    "transpose",
    PRODUCTS,
    "B = Aᵀ",
    "A",
    A="n d",
    seed="d n",
    textbook={"A": lambda t: t.G.T},
)
def transposed(A: Any) -> Any:
    B = A.T
    return B


@entry("sum of a vector", PRODUCTS, "L = 1ᵀ x", "x", x="d")
def sum_of_a_vector(x: Any) -> Any:
    L = x.sum()
    return L


@entry("mean of a vector", PRODUCTS, "L = 1ᵀ x / n", "x", x="n")
def mean_of_a_vector(x: Any) -> Any:
    L = x.mean()
    return L


@entry(
    "maximum of a vector",
    PRODUCTS,
    "L = max x: all of the derivative goes to the largest element",
    "x",
    x="n",
)
def maximum_of_a_vector(x: Any) -> Any:
    L = x.max()
    return L


@entry(
    "variance of a vector",
    PRODUCTS,
    "L = mean((x − mean x)²)",
    "x",
    x="n",
    textbook={"x": lambda t: 2 / t.n * (t.x - call("mean", t.x, argument=((0,), False)))},
)
def variance_of_a_vector(x: Any) -> Any:
    L = x.var()
    return L


@entry(
    "mean over the rows",
    PRODUCTS,
    "y = Xᵀ 1 / n",
    "X",
    X="n d",
    seed="d",
)
def mean_over_the_rows(X: Any) -> Any:
    y = X.mean(axis=0)
    return y


# -- norms -----------------------------------------------------------------------------------------


@entry(
    "Euclidean norm",
    NORMS,
    "L = ‖x‖: the unit vector along x",
    "x",
    x="d",
    textbook={"x": lambda t: t.x / call("norm", t.x)},
    also=("norm", "L2 norm"),
)
def euclidean_norm(x: Any) -> Any:
    L = cr.sqrt((x**2).sum())
    return L


@entry(
    "squared norm",
    NORMS,
    "L = ‖x‖²",
    "x",
    x="d",
    textbook={"x": lambda t: 2 * t.x},
)
def squared_norm(x: Any) -> Any:
    L = (x**2).sum()
    return L


@entry(
    "Frobenius norm",
    NORMS,
    "L = ‖A‖, the root of the sum of all squares",
    "A",
    A="n d",
    textbook={"A": lambda t: t.A / call("norm", t.A)},
)
def frobenius_norm(A: Any) -> Any:
    L = cr.sqrt((A**2).sum())
    return L


@entry(
    "L1 norm",
    NORMS,
    "L = Σ |xᵢ|: the signs, with 0 taken at 0",
    "x",
    x="d",
    textbook={"x": lambda t: call("apply", t.x, argument=("sign",))},
)
def l1_norm(x: Any) -> Any:
    L = cr.abs(x).sum()
    return L


@entry(
    "distance",
    NORMS,
    "L = ‖x − y‖",
    "x y",
    x="d",
    y="d",
    textbook={"x": lambda t: (t.x - t.y) / call("norm", t.x - t.y)},
)
def distance(x: Any, y: Any) -> Any:
    L = cr.sqrt(((x - y) ** 2).sum())
    return L


@entry(
    "cosine similarity",
    NORMS,
    "L = uᵀ v / (‖u‖ ‖v‖)",
    "u",
    u="d",
    v="d",
    textbook={
        "u": lambda t: (
            t.v / (call("norm", t.u) * call("norm", t.v))
            - call("inner", t.u, t.v) / (power(call("norm", t.u), 3) * call("norm", t.v)) * t.u
        )
    },
)
def cosine_similarity(u: Any, v: Any) -> Any:
    L = u @ v / (cr.sqrt((u**2).sum()) * cr.sqrt((v**2).sum()))
    return L


@entry(
    "normalised vector",
    NORMS,
    "y = x/‖x‖: the part of g along y is taken away",
    "x",
    x="d",
    seed="d",
)
def normalised_vector(x: Any) -> Any:
    r = cr.sqrt((x**2).sum())
    y = x / r
    return y
