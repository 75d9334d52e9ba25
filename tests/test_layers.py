"""Imports run downward only: core → ops → rules, rewrite → lower → tensors, calculus → the rest.

An import inside a function counts like any other. Within one layer everything may be imported.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "src" / "chainrule"
LAYERS = {
    "_version": 0,
    "core": 0,
    "ops": 1,
    "rules": 2,
    "rewrite": 2,
    "lower": 3,
    "calculus": 4,
    "compiling": 4,
    "door": 4,
    "functions": 4,
    "nn": 5,
    "pictures": 5,
    "optim": 5,
    "train": 5,
    "data": 5,
    "estimators": 5,
    "explaining": 5,
    "prove": 5,
    "diagnose": 5,
    "notation": 5,
    "lab": 5,
    "__init__": 6,
    "lessons": 7,  # uses the package as everybody does
    "cli": 7,
    "__main__": 7,
}
MODULES = sorted(ROOT.rglob("*.py"))


def layer(module: str) -> int:
    """The layer of ``chainrule.part.…``; modules right under the package are the public face."""
    _, _, inner = module.partition(".")
    part = inner.split(".")[0] or "__init__"
    if part in LAYERS:
        return LAYERS[part]
    assert (ROOT / f"{part}.py").exists(), f"{module}: say in LAYERS which layer {part} is"
    return LAYERS["functions"]


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(("chainrule", *(part for part in parts if part != "__init__")))


def imported(source: str, module: str, is_package: bool) -> Iterator[tuple[int, str]]:
    """Line and name of each module of chainrule that ``source`` imports, wherever it does."""
    package = module if is_package else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, *filter(None, [base])])
            names = [_submodule(base, alias.name) for alias in node.names]
        else:
            continue
        for name in names:
            if name.split(".")[0] == "chainrule":
                yield node.lineno, name


def _submodule(base: str, name: str) -> str:
    """``base.name`` where that is a module, else ``base``: what `from base import name` needs."""
    inside = ROOT.joinpath(*base.split(".")[1:], name)
    return f"{base}.{name}" if inside.is_dir() or inside.with_suffix(".py").exists() else base


def upward(source: str, module: str, is_package: bool = False) -> list[str]:
    own = layer(module)
    return [
        f"{module}:{line} imports {name}, which is above it"
        for line, name in imported(source, module, is_package)
        if layer(name) > own
    ]


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_run_downward(path: Path) -> None:
    assert upward(path.read_text(), name_of(path), path.name == "__init__.py") == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("chainrule.core.node", "from chainrule.ops import record"),
        ("chainrule.core.node", "import chainrule"),
        ("chainrule.ops.shape", "def f():\n    from chainrule.rules.vjp import pull"),
        ("chainrule.ops.shape", "from ..rules import vjp"),
        ("chainrule.rules.vjp", "from chainrule import tensor"),
        ("chainrule.tensor", "import chainrule.cli"),
    ],
)
def test_an_upward_import_is_found(module: str, source: str) -> None:
    assert len(upward(source, module)) == 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("chainrule.ops.shape", "from chainrule.core.node import Node\nimport numpy"),
        ("chainrule.rules.jvp", "from chainrule.rules.scale import scale"),
        ("chainrule.tensor", "from chainrule.calculus import grad"),
        ("chainrule.cli", "import numpy as np\nfrom chainrule.tensor import tensor"),
    ],
)
def test_downward_and_level_imports_pass(module: str, source: str) -> None:
    assert upward(source, module) == []
