"""Every primitive × every law."""

import zlib

import numpy as np
import pytest

from chainrule.ops.table import PRIMITIVES
from tests.conformance.laws import LAWS


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("name", PRIMITIVES)
def test_law(name: str, law: str) -> None:
    rng = np.random.default_rng(zlib.crc32(f"{name} {law}".encode()))
    with np.errstate(all="ignore"):
        LAWS[law](PRIMITIVES[name], rng)
