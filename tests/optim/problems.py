"""Standard problems of the optimisation literature (Moré, Garbow and Hillstrom 1981)."""

import chainrule as cr


def rosenbrock(x):
    """Minimum 0 at (1, …, 1); the valley is curved."""
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


def powell(x):
    """Powell's singular function: minimum 0 at 0, where the Hessian has rank 2."""
    return (
        (x[0] + 10 * x[1]) ** 2
        + 5 * (x[2] - x[3]) ** 2
        + (x[1] - 2 * x[2]) ** 4
        + 10 * (x[0] - x[3]) ** 4
    )


def beale(x):
    """Minimum 0 at (3, 1/2)."""
    return (
        (1.5 - x[0] * (1 - x[1])) ** 2
        + (2.25 - x[0] * (1 - x[1] ** 2)) ** 2
        + (2.625 - x[0] * (1 - x[1] ** 3)) ** 2
    )


def logistic(features, labels, penalty=1e-2):
    """The penalised loss of logistic regression; strictly convex."""
    features, labels = cr.tensor(features), cr.tensor(labels)

    def loss(w):
        z = features @ w
        return (cr.softplus(z) - labels * z).mean() + penalty * (w * w).sum()

    return loss


STARTS = {
    "rosenbrock": (rosenbrock, [-1.2, 1.0], [1.0, 1.0]),
    "powell": (powell, [3.0, -1.0, 0.0, 1.0], [0.0, 0.0, 0.0, 0.0]),
    "beale": (beale, [1.0, 1.0], [3.0, 0.5]),
}
"""Function, the usual start, and the minimum."""


def walk(optimizer, function, start, steps):
    """The points that an optimizer visits."""
    x = start
    state = optimizer.init(x)
    points = []
    for _ in range(steps):
        value, gradient = cr.value_and_grad(function)(x)
        problem = cr.optim.Problem(lambda x: x, function, value)
        updates, state = optimizer.update(gradient, state, x, problem)
        x = cr.optim.apply_updates(x, updates)
        points.append(x)
    return points
