"""What the native door knows of objects is checked on live ones, and refused where it differs."""

from __future__ import annotations

import ctypes
import dataclasses
import sysconfig
from collections.abc import Iterator
from typing import Any

import pytest

import chainrule as cr
from chainrule.core import node as nodes
from chainrule.door import layout as layouts
from chainrule.door import native
from chainrule.door.layout import UnknownLayout, dict_offset, layout, slot_offset
from chainrule.door.spec import Kept
from tests.door.programs import describe, nothing, owned


@pytest.fixture
def forgetful() -> Iterator[None]:
    """Layout and code are looked for anew, during the test and after it."""
    layout.cache_clear()
    native._code.cache_clear()
    yield
    layout.cache_clear()
    native._code.cache_clear()


def test_offsets_of_slots() -> None:
    @dataclasses.dataclass(slots=True)
    class Three:
        a: int
        b: int
        c: int

    assert sorted(slot_offset(Three, name) for name in "abc") == [16, 24, 32]
    for cls, name in ((Three, "missing"), (cr.Tensor, "shape"), (dict, "keys")):
        with pytest.raises(UnknownLayout, match=name):
            slot_offset(cls, name)


def test_the_dict_of_an_instance() -> None:
    class Plain:
        pass

    value = Plain()
    value.x = 1
    held = vars(value)
    offset = dict_offset(value)
    assert offset < 0
    assert ctypes.c_void_p.from_address(id(value) + offset).value == id(held)
    assert dict_offset(test_the_dict_of_an_instance) == 0  # functions keep it elsewhere


@pytest.mark.usefixtures("forgetful")
@pytest.mark.parametrize("which", ["implementation", "free-threaded", "fields", "numpy"])
def test_an_unknown_interpreter_gets_the_door_in_python(
    which: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = owned(2)
    spec = describe(nothing, (x,), Kept((0,)))
    if which == "implementation":
        monkeypatch.setattr(layouts.sys.implementation, "name", "pypy")
    elif which == "free-threaded":
        monkeypatch.setattr(sysconfig, "get_config_var", lambda name: 1)
    elif which == "fields":
        monkeypatch.setattr(nodes._Fields, "__slots__", (*nodes._Fields.__slots__, "colour"))
    else:

        def unknown() -> Any:
            raise UnknownLayout("another NumPy")

        monkeypatch.setattr(native, "numpy_functions", unknown)
    assert not native.available()
    door = native.make_door(spec, (x,))
    assert type(door) is not type(len)
    assert door(x) is x
    assert door(1) == ("slow", (1,), {})
