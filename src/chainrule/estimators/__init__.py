"""Estimators with the interface of scikit-learn, which has to be installed: the extra [data].

They minimise the objectives of scikit-learn's classes of the same names, and fit into its pipelines
and searches; arguments of the same name mean the same. Not all are there, and the penalty of
`LinearRegression` is an argument where scikit-learn has a class for each. `chainrule.train` offers
them too.
"""

from chainrule.core.errors import MissingExtraError

try:
    import sklearn as _sklearn  # noqa: F401
except ImportError:
    raise MissingExtraError("scikit-learn", "data") from None

from chainrule.estimators.linear import LinearRegression
from chainrule.estimators.logistic import LogisticRegression
from chainrule.estimators.mlp import MLPClassifier, MLPRegressor

__all__ = ["LinearRegression", "LogisticRegression", "MLPClassifier", "MLPRegressor"]
