"""Array functions under their array API and NumPy names; the public ones are in `chainrule`."""

import math

from chainrule.functions import (
    activation,
    convolution,
    creation,
    cumulative,
    dtypes,
    elementwise,
    indexing,
    joining,
    linalg,
    linear,
    logic,
    manipulation,
    pooling,
    reduction,
    searching,
    transcendental,
)
from chainrule.functions.activation import *  # noqa: F403
from chainrule.functions.convolution import *  # noqa: F403
from chainrule.functions.creation import *  # noqa: F403
from chainrule.functions.cumulative import *  # noqa: F403
from chainrule.functions.dtypes import *  # noqa: F403
from chainrule.functions.elementwise import *  # noqa: F403
from chainrule.functions.joining import *  # noqa: F403
from chainrule.functions.linear import *  # noqa: F403
from chainrule.functions.linear import trace  # not public: cr.trace records a program
from chainrule.functions.logic import *  # noqa: F403
from chainrule.functions.manipulation import *  # noqa: F403
from chainrule.functions.pooling import *  # noqa: F403
from chainrule.functions.reduction import *  # noqa: F403
from chainrule.functions.searching import *  # noqa: F403
from chainrule.functions.transcendental import *  # noqa: F403

e = math.e
pi = math.pi
inf = math.inf
nan = math.nan
newaxis = None

__all__ = ["e", "inf", "linalg", "nan", "newaxis", "pi"]
__all__ += activation.__all__
__all__ += convolution.__all__
__all__ += creation.__all__
__all__ += cumulative.__all__
__all__ += dtypes.__all__
__all__ += elementwise.__all__
__all__ += joining.__all__
__all__ += linear.__all__
__all__ += logic.__all__
__all__ += manipulation.__all__
__all__ += pooling.__all__
__all__ += reduction.__all__
__all__ += searching.__all__
__all__ += transcendental.__all__

internal = (indexing, trace)  # what methods of tensors use beside the public names
