"""From the start of a process to its first result, and the time of the first call alone."""

from __future__ import annotations

from collections.abc import Mapping

from bench.native.workload import Fresh

Commands = Mapping[str, tuple[str, ...]]

_SMALL = {
    "chainrule": """
import chainrule as cr
result = cr.compile(cr.grad(lambda x: cr.sin(x * x)))(1.5).item()
""",
    "PyTorch": """
import torch
x = torch.tensor(1.5, requires_grad=True)
torch.sin(x * x).backward()
result = x.grad.item()
""",
    "JAX": """
import jax
import jax.numpy as jnp
result = jax.grad(lambda x: jnp.sin(x * x))(1.5).item()
""",
    "JAX, jit": """
import jax
import jax.numpy as jnp
result = jax.jit(jax.grad(lambda x: jnp.sin(x * x)))(1.5).item()
""",
    "autograd": """
import autograd
import autograd.numpy as np
result = autograd.grad(lambda x: np.sin(x * x))(1.5)
""",
    "CasADi": """
import casadi
x = casadi.SX.sym("x")
result = float(casadi.Function("f", [x], [casadi.gradient(casadi.sin(x * x), x)])(1.5))
""",
}
_REPORT = "import json; print(json.dumps({'result': float(result)}), flush=True)"


def _small() -> Commands:
    programs = {name: ("-c", text + _REPORT) for name, text in _SMALL.items()}
    return _both_caches(programs)


def _first(workload: str, *contestants: str) -> Commands:
    """Programs that make one contestant of another workload ready and call it once."""
    return _both_caches(
        {name: ("-m", "bench.native.first", workload, name) for name in ("chainrule", *contestants)}
    )


def _both_caches(programs: Commands) -> Commands:
    """chainrule without and with compiled code on disk; see `fresh`."""
    own = programs["chainrule"]
    peers = {name: command for name, command in programs.items() if name != "chainrule"}
    return {"chainrule, cold cache": own, "chainrule, warm cache": own, **peers}


WORKLOADS = (
    Fresh(
        "start_small",
        "process start to the first gradient of a small function",
        at_most=0.25,
        commands=_small,
        note="sin(x²) at one point; the interpreter's own start is included",
    ),
    Fresh(
        "start_mlp",
        "process start to the first step of MLP 784-256-128-10",
        at_most=0.6,
        commands=lambda: _first("mlp_mid", "PyTorch", "JAX", "autograd"),
        note="from the disk cache the aim is 0.25 s",
    ),
    Fresh(
        "compile",
        "first step of the Transformer: tracing, compiling, running",
        floor=1.0,
        commands=lambda: _first("transformer", "torch.compile", "JAX"),
        inside=True,
        rounds=3,
        note="seconds of the first call in a process, with everything imported",
    ),
)
