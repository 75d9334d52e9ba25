"""The dense Hessian of the Rosenbrock function of 100 variables, float64."""

from __future__ import annotations

from typing import Any

import numpy as np

from bench.native.workload import OWN, Array, Contestants, Numbers, Runner, Steady, Work

N = 100


def _rosenbrock(space: Any, x: Array) -> Array:
    return space.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def contestants() -> Contestants:
    x = np.random.default_rng(0).normal(size=N)
    names = ("Hessian",)

    def chainrule() -> Runner:
        import chainrule as cr
        from bench.native import with_chainrule

        hessian = cr.hessian(lambda x: _rosenbrock(cr, x))
        return with_chainrule.function(lambda x: (hessian(x),), [x], names)

    def torch_hessian(x: Array) -> Any:
        import torch as library

        return (library.func.hessian(lambda x: _rosenbrock(library, x))(x),)

    def torch() -> Runner:
        from bench.native import with_torch

        return with_torch.function(torch_hessian, [x], names)

    def torch_compiled() -> Runner:
        from bench.native import with_torch

        return with_torch.function_compiled(torch_hessian, [x], names)

    def jax() -> Runner:
        import jax as library

        from bench.native import with_jax

        hessian = library.hessian(lambda x: _rosenbrock(with_jax.space, x))
        return with_jax.function(lambda x: (hessian(x),), [x], names, double=True)

    def autograd() -> Runner:
        import autograd as library

        from bench.native import with_autograd

        hessian = library.hessian(lambda x: _rosenbrock(with_autograd.space, x))
        return with_autograd.function(lambda x: (hessian(x),), [x], names)

    return {
        OWN: chainrule,
        "PyTorch": torch,
        "torch.compile": torch_compiled,
        "JAX": jax,
        "autograd": autograd,
        "CasADi": lambda: _casadi(x, {}),
        "CasADi, C": lambda: _casadi(x, _C),
    }


_C = {"jit": True, "compiler": "shell", "jit_options": {"flags": ["-O3", "-march=native"]}}
"""CasADi writes C and has the system's compiler translate it."""


def _casadi(x: np.ndarray, options: dict[str, Any]) -> Runner:
    """Through buffers, which is CasADi's quickest way in and out of Python."""
    import casadi

    symbols = casadi.SX.sym("x", N)
    y = casadi.sum1(100.0 * (symbols[1:] - symbols[:-1] ** 2) ** 2 + (1.0 - symbols[:-1]) ** 2)
    function = casadi.Function(
        "hessian", [symbols], [casadi.densify(casadi.hessian(y, symbols)[0])], options
    )
    buffer: Any
    buffer, trigger = function.buffer()
    argument: Any = x.copy()
    result: Any = np.zeros((N, N))  # columns first, but it is symmetric
    buffer.set_arg(0, memoryview(argument))
    buffer.set_res(0, memoryview(result))

    alive = (function, buffer)  # the trigger holds neither of them

    def numbers() -> Numbers:
        assert alive
        return {"Hessian": result.copy()}

    return Runner(trigger, numbers)


WORKLOADS = (
    Steady(
        "rosenbrock",
        "Rosenbrock-100 dense Hessian, float64",
        15,
        contestants=contestants,
        work=Work(10 * N, 8 * (N + N * N), double=True),
        tolerance=1e-12,
    ),
)
