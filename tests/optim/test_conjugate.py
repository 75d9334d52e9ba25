import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chainrule as cr
from chainrule import optim
from chainrule.core.errors import ArgumentError, DomainError, GradientError, TreeError
from tests.optim.problems import STARTS, rosenbrock, walk

RNG = np.random.default_rng(0)
BETAS = ["polak_ribiere", "fletcher_reeves", "hager_zhang"]


def definite(rng, n, spread=10.0):
    root = np.linalg.qr(rng.normal(size=(n, n)))[0]
    return root * np.geomspace(1, spread, n) @ root.T


class TestLinear:
    @given(st.integers(1, 8), st.integers(0, 2**32 - 1))
    @settings(max_examples=25)
    def test_it_solves_in_n_steps(self, n, seed):
        rng = np.random.default_rng(seed)
        a, b = definite(rng, n), rng.normal(size=n)
        found = optim.cg(lambda v: cr.tensor(a) @ v, cr.tensor(b), tol=1e-8)
        assert found.converged.item()
        assert found.steps.item() <= n
        np.testing.assert_allclose(found.x.numpy(), np.linalg.solve(a, b), rtol=1e-6, atol=1e-7)
        residual = np.linalg.norm(b - a @ found.x.numpy())
        np.testing.assert_allclose(found.residual_norm.item(), residual, atol=1e-13)

    def test_as_many_steps_as_scipy(self):
        linalg = pytest.importorskip("scipy.sparse.linalg")
        a, b = definite(RNG, 60, 1e4), RNG.normal(size=60)
        steps = []
        theirs, _ = linalg.cg(a, b, rtol=1e-8, callback=steps.append)
        ours = cr.compile(lambda a, b: optim.cg(lambda v: a @ v, b, tol=1e-8))(a, b)
        np.testing.assert_allclose(ours.x.numpy(), theirs, rtol=1e-4, atol=1e-7)
        assert abs(ours.steps.item() - len(steps)) <= 2

    def test_pytrees_and_a_start(self):
        b = {"w": cr.tensor([[1.0, 2.0]]), "b": cr.tensor(3.0)}

        def matvec(v):
            return {"w": 2 * v["w"] + v["b"], "b": 5 * v["b"] + v["w"].sum()}

        found = optim.cg(matvec, b)
        again = optim.cg(matvec, b, found.x)
        assert again.steps.item() == 0
        for x in (found.x, again.x):
            np.testing.assert_allclose(matvec(x)["w"].numpy(), b["w"].numpy(), rtol=1e-6)
            np.testing.assert_allclose(matvec(x)["b"].numpy(), 3, rtol=1e-6)

    def test_a_matrix_that_is_not_positive_definite_ends_it(self):
        a = cr.tensor([[1.0, 0.0], [0.0, -1.0]])
        found = optim.cg(lambda v: a @ v, cr.tensor([1.0, 2.0]))
        assert not found.converged.item()
        assert np.isfinite(found.x.numpy()).all()

    def test_max_steps_end_it(self):
        a, b = definite(RNG, 30, 1e6), RNG.normal(size=30)
        found = optim.cg(lambda v: cr.tensor(a) @ v, cr.tensor(b), max_steps=3)
        assert (found.steps.item(), found.converged.item()) == (3, False)

    def test_bad_input_is_refused(self):
        b = cr.ones(2)
        with pytest.raises(ArgumentError, match="matvec"):
            optim.cg(cr.eye(2), b)
        with pytest.raises(DomainError, match="tol"):
            optim.cg(lambda v: v, b, tol=-1.0)
        with pytest.raises(TreeError):
            optim.cg(lambda v: [v, v], b)


@pytest.mark.parametrize("beta", BETAS)
class TestNonlinear:
    @pytest.mark.parametrize("name", STARTS)
    def test_standard_problems(self, name, beta):
        function, start, minimum = STARTS[name]
        found = optim.minimize(
            function, np.array(start), optim.conjugate_gradient(beta=beta), tolerance=1e-6
        )
        # Fletcher-Reeves makes many tiny steps after a bad one (Nocedal & Wright, section 5.2)
        assert found.reason == "gradient" or (name, beta) == ("powell", "fletcher_reeves")
        tolerance = 2e-2 if name == "powell" else 1e-5
        np.testing.assert_allclose(found.x.numpy(), minimum, atol=tolerance)

    def test_a_quadratic_takes_the_steps_of_linear_conjugate_gradients(self, beta):
        """With exact searches all three β agree, and the iterates are those of `cg`."""
        a, b = cr.tensor(definite(RNG, 5)), cr.tensor(RNG.normal(size=5))
        method = optim.conjugate_gradient(beta=beta, line_search=None)
        x = cr.zeros(5)
        state = method.init(x)
        for k in range(1, 6):
            g = a @ x - b
            updates, state = method.update(g, state, x)
            exact = -(g @ updates) / (updates @ (a @ updates))
            x = x + exact * updates
            expected = optim.cg(lambda v: a @ v, b, tol=0.0, max_steps=k).x.numpy()
            np.testing.assert_allclose(x.numpy(), expected, rtol=1e-8, atol=1e-10)

    def test_compiled_steps_equal_eager_ones(self, beta):
        method = optim.conjugate_gradient(beta=beta)

        @cr.compile
        def step(x, state):
            value, gradient = cr.value_and_grad(rosenbrock)(x)
            problem = optim.Problem(lambda x: x, rosenbrock, value)
            updates, state = method.update(gradient, state, x, problem)
            return optim.apply_updates(x, updates), state

        x = cr.tensor([-1.2, 1.0, 0.5])
        eager = walk(method, rosenbrock, x, 6)
        state = method.init(x)
        for expected in eager:
            x, state = step(x, state)
            np.testing.assert_allclose(x.numpy(), expected.numpy(), rtol=1e-8)

    def test_no_step_ascends(self, beta):
        for search in ("strong_wolfe", "backtracking"):
            method = optim.conjugate_gradient(beta=beta, line_search=search)
            points = walk(method, rosenbrock, cr.tensor([-1.2, 1.0]), 25)
            values = [rosenbrock(x).item() for x in points]
            assert (np.diff(values) <= 0).all()


def test_against_scipy():
    scipy = pytest.importorskip("scipy.optimize")
    start = np.tile([-1.2, 1.0], 10)
    theirs = scipy.minimize(
        scipy.rosen, start, jac=scipy.rosen_der, method="CG", options={"gtol": 1e-6}
    )
    ours = optim.minimize(rosenbrock, start, optim.conjugate_gradient(), tolerance=1e-6)
    assert ours.converged
    np.testing.assert_allclose(ours.x.numpy(), theirs.x, atol=1e-5)
    assert ours.steps <= 2 * theirs.nit + 10


def test_bad_input_is_refused():
    with pytest.raises(DomainError, match="hager_zhang"):
        optim.conjugate_gradient(beta="dai_yuan")
    method, x = optim.conjugate_gradient(), cr.ones(2)
    with pytest.raises(GradientError, match=r"optim\.Problem"):
        method.update(x, method.init(x), x)
