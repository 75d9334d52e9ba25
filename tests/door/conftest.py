from __future__ import annotations

from typing import Any

import pytest

from chainrule.door.native import make_door
from chainrule.door.spec import DoorSpec
from chainrule.door.twin import python_door
from tests.door.programs import BUILT_IN


@pytest.fixture(params=["native", "python"])
def make(request: pytest.FixtureRequest) -> Any:
    def made(spec: DoorSpec, example: tuple[Any, ...]) -> Any:
        if request.param == "python":
            return python_door(spec)
        door = make_door(spec, example)
        assert type(door) is BUILT_IN
        return door

    return made
