"""Many small shapes, each compiled for itself: the gradient of a loss at 30 batch sizes."""

from __future__ import annotations

from bench.native.workload import Fresh

_TEMPLATE = """
import json
from time import perf_counter
import numpy as np
{setup}
rng = np.random.default_rng(0)
w = rng.normal(size=(8, 8)).astype(np.float32)
batches = [rng.normal(size=(size, 8)).astype(np.float32) for size in range(1, 31)]
f(w, rng.normal(size=(31, 8)).astype(np.float32))  # what only the first call costs
start = perf_counter()
total = sum(float(abs(np.asarray(f(w, x))).sum()) for x in batches)
print(json.dumps({{"seconds": perf_counter() - start, "result": total}}), flush=True)
"""

_SETUPS = {
    "chainrule": """
import chainrule as cr
f = cr.compile(cr.grad(lambda w, x: cr.mean(cr.tanh(x @ w) ** 2)))
""",
    "PyTorch": """
import torch
def f(w, x):
    w = torch.tensor(w, requires_grad=True)
    (torch.tanh(torch.tensor(x) @ w) ** 2).mean().backward()
    return w.grad
""",
    "JAX": """
import jax
import jax.numpy as jnp
f = jax.jit(jax.grad(lambda w, x: jnp.mean(jnp.tanh(x @ w) ** 2)))
""",
    "autograd": """
import autograd
import autograd.numpy as anp
f = autograd.grad(lambda w, x: anp.mean(anp.tanh(x @ w) ** 2))
""",
}


def _commands() -> dict[str, tuple[str, ...]]:
    programs = {name: ("-c", _TEMPLATE.format(setup=text)) for name, text in _SETUPS.items()}
    own = programs.pop("chainrule")
    return {"chainrule, cold cache": own, "chainrule, warm cache": own, **programs}


WORKLOADS = (
    Fresh(
        "shapes",
        "gradient of tanh(x w) at 30 batch sizes, each for the first time",
        commands=_commands,
        inside=True,
        rounds=5,
        note="seconds for all 30 calls; peers that do not compile have nothing to compile again",
    ),
)
