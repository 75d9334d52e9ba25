"""The names of other libraries: what their messages lead to is there."""

import re
from importlib import import_module

import pytest

import chainrule as cr
from chainrule.core.elsewhere import _NAMES

CASES = [(package, name, ours) for package, names in _NAMES.items() for name, ours in names.items()]


@pytest.mark.parametrize(("package", "name", "ours"), CASES)
def test_a_name_of_others_leads_to_ours(package, name, ours):
    with pytest.raises(AttributeError) as caught:
        getattr(import_module(package), name)
    assert (
        str(caught.value) == f"module {package!r} has no attribute {name!r}; in chainrule: {ours}"
    )
    for path in re.findall(r"\b(?:cr|data|nn|optim|train)\.[\w.]+", ours):
        found = cr
        for part in path.removeprefix("cr.").rstrip(".").split("."):
            found = getattr(found, part)
        assert callable(found) or found is cr.data.augment or found is cr.nn.initialisers, path


@pytest.mark.parametrize("package", [*_NAMES, "chainrule.calculus"])
def test_other_names_have_no_hint(package):
    with pytest.raises(AttributeError, match=r"has no attribute '_?nothing'$"):
        _ = import_module(package).nothing
