"""Python functions held back, as people write them: with functions of `cr`, operators and branches.

Those in `OVER_ARRAYS` go through an array on the way; those in `BRANCHING` decide by values and are
asked at a point.
"""

import math
from collections.abc import Callable
from typing import Any

import chainrule as cr

Function = Callable[..., Any]

# -- activations -----------------------------------------------------------------------------------


def leaky_relu(x: Any) -> Any:
    return cr.leaky_relu(x, 0.1)


def parametric_relu(x: Any, a: Any) -> Any:
    return cr.where(x > 0, x, a * x)


def elu(x: Any) -> Any:
    return cr.elu(x, alpha=0.7)


def celu(x: Any) -> Any:
    return cr.celu(x, alpha=2.0)


def gelu_tanh(x: Any) -> Any:
    return cr.gelu(x, approximate="tanh")


def gelu_quick(x: Any) -> Any:
    return x * cr.sigmoid(1.702 * x)


def gelu_by_hand(x: Any) -> Any:
    return 0.5 * x * (1 + cr.erf(x / math.sqrt(2)))


def squareplus(x: Any, b: Any) -> Any:
    return (x + cr.sqrt(x * x + b)) / 2


def swish(x: Any, beta: Any) -> Any:
    return x * cr.sigmoid(beta * x)


def serf(x: Any) -> Any:
    return x * cr.erf(cr.softplus(x))


def snake(x: Any, a: Any) -> Any:
    return x + cr.sin(a * x) ** 2 / a


def hard_shrink(x: Any) -> Any:
    return cr.where(cr.abs(x) > 0.5, x, 0.0)


def soft_shrink(x: Any) -> Any:
    return cr.sign(x) * cr.maximum(cr.abs(x) - 0.5, 0)


def bent_identity(x: Any) -> Any:
    return (cr.sqrt(x**2 + 1) - 1) / 2 + x


def clipped(x: Any) -> Any:
    return cr.clip(x, -1, 1) ** 2


def smooth_step(x: Any) -> Any:
    t = cr.clip(x, 0, 1)
    return t * t * (3 - 2 * t)


# -- losses ----------------------------------------------------------------------------------------


def squared_error(w: Any, b: Any, x: Any, y: Any) -> Any:
    return (w * x + b - y) ** 2


def huber(r: Any) -> Any:
    a = abs(r)
    return cr.where(a < 1.5, 0.5 * r**2, 1.5 * (a - 0.75))


def pinball(y: Any, p: Any) -> Any:
    return cr.maximum(0.9 * (y - p), -0.1 * (y - p))


def log_cosh(r: Any) -> Any:
    return r + cr.softplus(-2 * r) - math.log(2)


def hinge(w: Any, x: Any, y: Any) -> Any:
    return cr.relu(1 - y * w * x)


def squared_hinge(s: Any) -> Any:
    return cr.maximum(0, 1 - s) ** 2


def cross_entropy(z: Any, y: Any) -> Any:
    p = cr.sigmoid(z)
    return -(y * cr.log(p) + (1 - y) * cr.log(1 - p))


def stable_cross_entropy(z: Any, y: Any) -> Any:
    return cr.maximum(z, 0) - z * y + cr.log1p(cr.exp(-cr.abs(z)))


def focal(z: Any) -> Any:
    p = cr.sigmoid(z)
    return -0.25 * (1 - p) ** 2 * cr.log(p)


def dice(p: Any, y: Any) -> Any:
    return 1 - 2 * p * y / (p + y + 1e-6)


def tversky(p: Any, y: Any) -> Any:
    true = p * y
    return 1 - true / (true + 0.3 * p * (1 - y) + 0.7 * (1 - p) * y)


def poisson(s: Any, k: Any) -> Any:
    return cr.exp(s) - k * s


def tweedie(m: Any, y: Any) -> Any:
    return m**0.5 / 0.5 + y * m**-0.5 / 0.5


def triplet(a: Any, p: Any, n: Any) -> Any:
    return cr.maximum((a - p) ** 2 - (a - n) ** 2 + 0.2, 0)


def preference(s: Any, t: Any) -> Any:
    return -cr.log_sigmoid(0.1 * (s - t))


def clipped_ratio(r: Any, advantage: Any) -> Any:
    return cr.minimum(r * advantage, cr.clip(r, 0.8, 1.2) * advantage)


def elastic(w: Any, x: Any, y: Any) -> Any:
    return (y - w * x) ** 2 / 2 + 0.1 * (0.5 * cr.abs(w) + 0.25 * w**2)


def cosine(a: Any, b: Any, c: Any, d: Any) -> Any:
    return (a * c + b * d) / (cr.hypot(a, b) * cr.hypot(c, d))


def charbonnier(p: Any, y: Any) -> Any:
    return cr.sqrt((p - y) ** 2 + 1e-6)


def barron(r: Any) -> Any:
    return 2 * (((r / 0.5) ** 2 / 1.5 + 1) ** 0.75 - 1)


def wing(r: Any) -> Any:
    a = cr.abs(r)
    return cr.where(a < 2, 2 * cr.log1p(a / 0.5), a - 2 + 2 * math.log(5))


# -- probability -----------------------------------------------------------------------------------


def normal(x: Any, mu: Any, s: Any) -> Any:
    return cr.exp(-0.5 * ((x - mu) / s) ** 2) / (s * math.sqrt(2 * math.pi))


def log_normal(x: Any, mu: Any, log_s: Any) -> Any:
    return -log_s - 0.5 * math.log(2 * math.pi) - (x - mu) ** 2 * cr.exp(-2 * log_s) / 2


def kl_of_normals(m: Any, s: Any) -> Any:
    return 0.5 * (m * m + s * s - 1 - cr.log(s**2))


def kl_by_logarithms(m: Any, v: Any) -> Any:
    return -0.5 * (1 + v - m**2 - cr.exp(v))


def entropy(p: Any) -> Any:
    return -p * cr.log(p) - (1 - p) * cr.log(1 - p)


def entropy_of_logit(z: Any) -> Any:
    return cr.softplus(z) - z * cr.sigmoid(z)


def jensen_shannon(p: Any, q: Any) -> Any:
    m = (p + q) / 2
    return 0.5 * (p * cr.log(p / m) + q * cr.log(q / m))


def student(x: Any, nu: Any) -> Any:
    k = cr.lgamma((nu + 1) / 2) - cr.lgamma(nu / 2) - cr.log(nu * math.pi) / 2
    return k - (nu + 1) / 2 * cr.log1p(x * x / nu)


def gamma_density(x: Any, k: Any, theta: Any) -> Any:
    return (k - 1) * cr.log(x) - x / theta - k * cr.log(theta) - cr.lgamma(k)


def logistic_density(x: Any) -> Any:
    s = cr.sigmoid(x)
    return s * (1 - s)


def gumbel(z: Any) -> Any:
    return -z - cr.exp(-z)


def mixture(x: Any, a: Any) -> Any:
    return cr.log(a * cr.exp(-((x - 1) ** 2)) + (1 - a) * cr.exp(-((x + 1) ** 2)))


def distribution_function(x: Any) -> Any:
    return 0.5 * cr.erfc(-x / math.sqrt(2))


def log_sum_of_two(x: Any, y: Any) -> Any:
    return cr.logaddexp(x, y)


def softmax_by_hand(a: Any, b: Any, c: Any) -> Any:
    ea, eb, ec = cr.exp(a), cr.exp(b), cr.exp(c)
    return ea / (ea + eb + ec)


# -- networks and schedules ------------------------------------------------------------------------


def two_layers(x: Any, w1: Any, w2: Any) -> Any:
    h = cr.tanh(w1 * x)
    return cr.sigmoid(w2 * h)


def three_layers(x: Any) -> Any:
    h = cr.tanh(0.5 * x + 0.1)
    h = cr.tanh(-1.2 * h + 0.3)
    return 0.7 * h


def residual(x: Any, w: Any) -> Any:
    return x + cr.relu(w * x)


def gate(x: Any, w: Any, v: Any) -> Any:
    return cr.silu(w * x) * (v * x)


def recurrent(h: Any, w: Any, u: Any) -> Any:
    for x in (0.5, -1.0, 0.25):
        h = cr.tanh(w * x + u * h)
    return h


def cell(c: Any, f: Any, i: Any, g: Any, o: Any) -> Any:
    return cr.sigmoid(o) * cr.tanh(cr.sigmoid(f) * c + cr.sigmoid(i) * cr.tanh(g))


def horner(x: Any) -> Any:
    total = 0.0
    for coefficient in (1, -3, 2, 5):
        total = total * x + coefficient
    return total


def normalised(x: Any, y: Any) -> Any:
    mean = (x + y) / 2
    variance = ((x - mean) ** 2 + (y - mean) ** 2) / 2
    return (x - mean) / cr.sqrt(variance + 1e-5)


def root_mean_square(x: Any, y: Any, g: Any) -> Any:
    return g * x / cr.sqrt((x**2 + y**2) / 2 + 1e-6)


def cosine_schedule(t: Any) -> Any:
    return 1e-4 + 0.5 * (1e-3 - 1e-4) * (1 + cr.cos(math.pi * t / 1000))


def warm_up(t: Any) -> Any:
    return 512**-0.5 * cr.minimum(t**-0.5, t * 4000**-1.5)


def one_cycle(t: Any) -> Any:
    return cr.where(t < 0.3, t / 0.3, 0.5 * (1 + cr.cos(math.pi * (t - 0.3) / 0.7)))


def newton(x: Any) -> Any:
    y = x
    for _ in range(2):
        y = (y + 2 / y) / 2
    return y


def logistic_map(x: Any, r: Any) -> Any:
    return r * (r * x * (1 - x)) * (1 - r * x * (1 - x))


def rosenbrock(x: Any, y: Any) -> Any:
    return (1 - x) ** 2 + 100 * (y - x**2) ** 2


def himmelblau(x: Any, y: Any) -> Any:
    return (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2


def rastrigin(x: Any) -> Any:
    return 10 + x**2 - 10 * cr.cos(2 * math.pi * x)


def angle(x: Any, y: Any) -> Any:
    return cr.arctan2(y, x) if hasattr(cr, "arctan2") else cr.atan2(y, x)


def distance(x: Any, y: Any) -> Any:
    return cr.hypot(x - 1, y + 2)


def frozen(x: Any, w: Any) -> Any:
    return w * cr.stop_gradient(x) * x


def black_scholes(s: Any) -> Any:
    d = (cr.log(s / 100) + 0.05) / 0.2
    return s * cr.erfc(-d / math.sqrt(2)) / 2


# -- what goes through arrays, and what decides by values ------------------------------------------


def softmax_of_two(x: Any, y: Any) -> Any:
    return cr.softmax(cr.stack([x, y]))[0]


def logsumexp_of_three(x: Any, y: Any, z: Any) -> Any:
    return cr.logsumexp(cr.stack([x, y, z]))


def log_softmax_of_three(x: Any, y: Any, z: Any) -> Any:
    return cr.log_softmax(cr.stack([x, y, z]))[1]


def mean_of_squares(x: Any, y: Any) -> Any:
    return (cr.stack([x, y, x * y]) ** 2).mean()


def dot(x: Any, y: Any) -> Any:
    return cr.tensor([1.0, 2.0]) @ cr.stack([x, y])


def polynomial(x: Any) -> Any:
    return (cr.tensor([1.0, -2.0, 0.5]) * x ** cr.tensor([0.0, 1.0, 2.0])).sum()


def largest(x: Any, y: Any) -> Any:
    return cr.stack([x, y, 2 * x]).max()


def batch_norm(x: Any, y: Any, z: Any) -> Any:
    v = cr.stack([x, y, z])
    return ((v - v.mean()) / cr.sqrt(v.var() + 1e-5))[0]


def absolute(x: Any) -> Any:
    return x if x > 0 else -x


def bounded(x: Any) -> Any:
    if x > 2:
        return 2 * x - 1
    if x < -2:
        return -2 * x - 1
    return x**2


def repeated(x: Any) -> Any:
    while x < 10:
        x = x * x + 1
    return x


PLAIN: tuple[Function, ...] = (
    *(leaky_relu, parametric_relu, elu, celu, cr.selu, cr.mish, cr.softsign, cr.hardswish),
    *(cr.hardsigmoid, cr.hardtanh, cr.relu6, cr.gelu, gelu_tanh, gelu_quick, gelu_by_hand),
    *(squareplus, swish, serf, snake, hard_shrink, soft_shrink, bent_identity, clipped),
    *(smooth_step, squared_error, huber, pinball, log_cosh, hinge, squared_hinge, cross_entropy),
    *(stable_cross_entropy, focal, dice, tversky, poisson, tweedie, triplet, preference),
    *(clipped_ratio, elastic, cosine, charbonnier, barron, wing, normal, log_normal),
    *(kl_of_normals, kl_by_logarithms, entropy, entropy_of_logit, jensen_shannon, student),
    *(gamma_density, logistic_density, gumbel, mixture, distribution_function, log_sum_of_two),
    *(softmax_by_hand, two_layers, three_layers, residual, gate, recurrent, cell, horner),
    *(normalised, root_mean_square, cosine_schedule, warm_up, one_cycle, newton, logistic_map),
    *(rosenbrock, himmelblau, rastrigin, angle, distance, frozen, black_scholes),
)
OVER_ARRAYS: tuple[Function, ...] = (
    *(softmax_of_two, logsumexp_of_three, log_softmax_of_three, mean_of_squares, dot, polynomial),
    *(largest, batch_norm),
)
BRANCHING: tuple[tuple[Function, tuple[float, ...]], ...] = (
    (absolute, (-2.0,)),
    (bounded, (3.0,)),
    (bounded, (0.5,)),
    (repeated, (1.5,)),
)
