import numpy as np
import pytest
from typer.testing import CliRunner

import chainrule as cr
from chainrule.cli.train import app
from chainrule.cli.train.tabular import fits, hinge_objective


def test_the_rounded_hinge_is_nearly_the_hinge():
    rng = np.random.default_rng(0)
    x, sign = rng.normal(size=(20, 3)), rng.choice([-1.0, 1.0], 20)
    model = {"w": cr.tensor(rng.normal(size=3)), "b": cr.tensor(0.3)}
    w = model["w"].numpy()
    exact = w @ w / 2 + np.maximum(0, 1 - sign * (x @ w + 0.3)).sum()
    for width in (1.0, 1e-3):
        above = hinge_objective(model, cr.tensor(x), cr.tensor(sign), width).item() - exact
        assert 0 <= above <= 20 * width * np.log(2)


@pytest.mark.slow
def test_every_minimum_is_that_of_scikit_learn():
    pytest.importorskip("sklearn")
    found = list(fits())
    assert [fit.model for fit in found] == [
        "logistic regression",
        "support vector machine",
        "linear regression",
        "ridge",
        "lasso",
    ]
    for fit in found:
        # libsvm itself is farther from the minimum than ours
        least = 1e-5 if fit.model == "support vector machine" else 1e-6
        assert fit.difference < least, fit
        assert fit.ours <= fit.theirs * (1 + 1e-9), fit


@pytest.mark.slow
def test_the_command():
    pytest.importorskip("sklearn")
    done = CliRunner().invoke(app, ["tabular"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert "98.77% right" in done.output and "7 of 10 weights" in done.output
