"""Packages that import names at their first use."""

import subprocess
import sys
from types import ModuleType

import pytest

import chainrule as cr
from chainrule.core.later import later


@pytest.mark.parametrize("package", [cr.nn, cr.optim], ids=lambda package: package.__name__)
def test_every_public_name_is_there(package: ModuleType) -> None:
    """The names for type checkers, those offered and those of the table are the same."""
    offered = set(package.__all__)
    homes = {*package.__dict__["_homes"]}
    assert homes == offered - {"initialisers"}
    assert offered <= set(dir(package))
    for name in offered - {"initialisers"}:
        value = getattr(package, name)
        assert not isinstance(value, ModuleType), name
        assert getattr(value, "__name__", name).split("[")[0] == name or name == "Mask"


def test_a_module_does_not_hide_the_function_of_its_name() -> None:
    code = "import chainrule.optim.lbfgs, chainrule as cr; print(type(cr.optim.lbfgs).__name__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "function"


def test_what_is_not_used_is_not_imported() -> None:
    code = "import chainrule as cr, sys; cr.optim.adam; cr.nn.Linear; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    found = set(done.stdout.split())
    assert {"chainrule.optim.adam", "chainrule.nn.linear"} <= found
    assert found.isdisjoint({"chainrule.optim.lbfgs", "chainrule.nn.recurrent", "llvmlite"})


def test_a_name_that_is_not_there() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'linear_'"):
        _ = cr.nn.linear_
    with pytest.raises(AttributeError, match=r"cr\.optim\.adam\(learning_rate\)"):
        _ = cr.optim.Adam


def test_a_package_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    package = ModuleType("some_package")
    monkeypatch.setitem(sys.modules, "some_package", package)
    module = ModuleType("some_package.thing")
    module.__dict__["thing"] = 3
    monkeypatch.setitem(sys.modules, "some_package.thing", module)
    later("some_package", {"thing": ("thing",)})
    setattr(package, "thing", module)  # as the import system does
    assert package.thing == 3
    package.other = module
    assert package.other is module
