"""Every primitive × every law."""

import zlib

import numpy as np
import pytest

from chainrule.ops.record import Projection
from chainrule.ops.table import PRIMITIVES
from tests.conformance.laws import LAWS

# a projection takes one result out of a call, and is examined with each call
EXAMINED = [name for name, record in PRIMITIVES.items() if not isinstance(record, Projection)]


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("name", EXAMINED)
def test_law(name: str, law: str) -> None:
    rng = np.random.default_rng(zlib.crc32(f"{name} {law}".encode()))
    with np.errstate(all="ignore"):
        LAWS[law](PRIMITIVES[name], rng)
