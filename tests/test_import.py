"""`import chainrule` brings in NumPy and nothing optional (its time: bench/import_time.py)."""

import subprocess
import sys

EXTRAS = {
    "autograd",
    "jax",
    "matplotlib",
    "mpmath",
    "networkx",
    "onnx",
    "pandas",
    "PIL",
    "safetensors",
    "scipy",
    "sklearn",
    "sympy",
    "tensorboardX",
    "torch",
}
ON_DEMAND = {"llvmlite", "rich", "typer"}  # needed at run time, but not by everybody


def modules_after(statement: str) -> set[str]:
    code = f"{statement}\nimport sys\nprint(*sorted(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=120
    )
    return {name.split(".")[0] for name in done.stdout.split()}


def test_import_takes_no_extra() -> None:
    assert modules_after("import chainrule") & (EXTRAS | ON_DEMAND) == set()


def test_the_probe_sees_an_import() -> None:
    assert "mpmath" in modules_after("import chainrule, mpmath")


def test_version_is_stated() -> None:
    import chainrule
    from chainrule._version import __version__

    assert chainrule.__version__ == __version__
