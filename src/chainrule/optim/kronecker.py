"""The Fisher information of a layer as a Kronecker product of two small matrices.

A layer y = W·ā, with ā its input and a 1 for the bias, has the gradient g·āᵀ, g = ∂L/∂y. With the
Fisher information E[āāᵀ ⊗ ggᵀ] ≈ A ⊗ G, A = E[āāᵀ], G = E[ggᵀ], its inverse takes a gradient V to
G⁻¹ V A⁻¹ (Martens & Grosse 2015, sections 3 and 4; vec stacks columns). A convolution is a layer
that is applied at every place, to the patch there; positions count as further examples (Grosse &
Martens 2016, sections 3.1 and 3.2: their Ω and Γ up to a factor that cancels).

The expectation is over targets of the model's own distribution: of g with E[ggᵀ] as for the
generalised Gauss-Newton matrix, from the Hessian of the loss in the outputs (see `curvature`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import numpy as np

from chainrule import functions, random
from chainrule.calculus import grad, jvp, vjp, vmap
from chainrule.core.errors import GradientError, ShapeError
from chainrule.core.node import topological
from chainrule.functions import linalg
from chainrule.nn.convolution import Conv1d, Conv2d, Conv3d
from chainrule.nn.linear import Linear
from chainrule.nn.module import Module
from chainrule.nn.observing import intercept
from chainrule.optim.curvature import spectrum
from chainrule.optim.transform import Problem
from chainrule.tensor import Tensor

__all__ = ["Expectation", "Factors", "Layer", "inverse", "layers_of", "measure"]

Expectation = Literal["sampled", "exact"]
Tensors = dict[str, Tensor]

CONVOLUTIONS = (Conv1d, Conv2d, Conv3d)


class Factors(NamedTuple):
    """A, of shape (inputs, inputs), and G, (outputs, outputs); or their inverses."""

    inputs: Tensor
    outputs: Tensor


@dataclasses.dataclass(frozen=True)
class Layer:
    """A layer that has Kronecker factors.

    Attributes:
        weight, bias: the paths of its parameters; the bias is None where it has none to be trained.
        module: the layer, for its settings alone.
    """

    weight: str
    bias: str | None
    module: Module

    def matrix(self, values: Tensors) -> Tensor:
        """Weight and bias, or their gradients, as one matrix, shape (outputs, inputs)."""
        weight = values[self.weight]
        rows = functions.reshape(weight, (weight.shape[0], -1))
        if self.bias is None:
            return rows
        return functions.concat([rows, values[self.bias][:, None]], axis=1)

    def parts(self, matrix: Tensor, values: Tensors) -> Tensors:
        """The way back from `matrix`, in shapes and dtypes of ``values``."""
        weight = values[self.weight]
        columns = weight.size // weight.shape[0]
        rows = functions.reshape(matrix[:, :columns], weight.shape)
        parts = {self.weight: functions.astype(rows, weight.dtype)}
        if self.bias is not None:
            parts[self.bias] = functions.astype(matrix[:, -1], values[self.bias].dtype)
        return parts

    def input_rows(self, x: Tensor) -> Tensor:
        """ā of every example and place, shape (rows, inputs)."""
        module = self.module
        if isinstance(module, CONVOLUTIONS):
            size = module.weight.size // module.weight.shape[0]
            unit = functions.eye(size, dtype=x.dtype).reshape((size, *module.weight.shape[1:]))
            patches = functions.conv(x, unit, module.stride, module.padding, module.dilation)
            x = functions.moveaxis(patches, 1, -1)
        rows = functions.reshape(x, (-1, x.shape[-1]))
        if self.bias is None:
            return rows
        return functions.concat([rows, functions.ones((rows.shape[0], 1), dtype=x.dtype)], axis=1)

    def output_rows(self, g: Tensor) -> Tensor:
        """g of every example and place, shape (rows, outputs)."""
        if isinstance(self.module, CONVOLUTIONS):
            g = functions.moveaxis(g, 1, -1)
        return functions.reshape(g, (-1, g.shape[-1]))


def layers_of(model: Module, trained: frozenset[str]) -> list[Layer]:
    """The layers of a network that have Kronecker factors, and parameters among ``trained``."""
    found = []
    for path, module in model.modules():
        known = type(module) is Linear
        if isinstance(module, CONVOLUTIONS):
            known = type(module) in CONVOLUTIONS and module.groups == 1
        weight, bias = (f"{path}.{name}".lstrip(".") for name in ("weight", "bias"))
        if known and weight in trained:
            found.append(Layer(weight, bias if bias in trained else None, module))
    return found


class _Calls(NamedTuple):
    """The inputs of each layer's calls, and its outputs, by the path of its weight."""

    inputs: dict[str, list[Tensor]]
    outputs: dict[str, list[Tensor]]


def _run(
    layers: list[Layer], problem: Problem, params: Tensors, zeros: dict[str, list[Tensor]] | None
) -> tuple[Any, _Calls]:
    """The outputs of the network, with zeros added to those of its layers, and the calls made."""
    at = {path: Tensor(value.node) for path, value in params.items()}
    names = {id(at[layer.weight]): layer for layer in layers}
    calls = _Calls({layer.weight: [] for layer in layers}, {layer.weight: [] for layer in layers})

    def interceptor(module: Module, args: tuple[Any, ...], output: Any) -> Any:
        layer = names.get(id(getattr(module, "weight", None)))
        if layer is None or type(module) is not type(layer.module):
            return output
        number = len(calls.inputs[layer.weight])
        calls.inputs[layer.weight].append(args[0])
        calls.outputs[layer.weight].append(output)
        return output if zeros is None else output + zeros[layer.weight][number]

    with intercept(interceptor):
        return problem.outputs(at), calls


def measure(
    name: str,
    layers: list[Layer],
    problem: Problem,
    params: Tensors,
    expectation: Expectation,
    key: Tensor,
) -> dict[str, Factors]:
    """The factors of every layer at these parameters, by the path of its weight.

    Raises:
        GradientError: if a layer is not called when the outputs are computed, or out of sight.
        ShapeError: if the outputs are not one array with the examples along its first axis.
    """
    z, calls = _run(layers, problem, params, None)
    for layer in layers:
        if not calls.inputs[layer.weight]:
            raise GradientError(
                f"{name}: the outputs of the problem are computed without the layer of "
                f"{layer.weight}. Give network and loss apart, as train.fit does: "
                "opt.step(loss, outputs=lambda model: model(x)), or Problem(outputs, loss)"
            )
    if not isinstance(z, Tensor) or z.ndim == 0:
        raise ShapeError(f"{name}: the outputs are one array, with the examples along axis 0")
    _check_seen(name, calls, z)
    zeros = {
        path: [functions.zeros(out.shape, dtype=out.dtype) for out in outputs]
        for path, outputs in calls.outputs.items()
    }
    _, pullback = vjp(lambda zeros: _run(layers, problem, params, zeros)[0], zeros)
    roots = _roots(problem.loss, z)
    if expectation == "sampled":
        signs = functions.where(random.bernoulli(key, 0.5, roots.shape[:2]), 1.0, -1.0)
        cotangents = (functions.astype(signs, z.dtype)[:, :, None] * roots).sum(axis=1)[None]
    else:
        cotangents = functions.moveaxis(roots, 1, 0)
    pulled = vmap(lambda ct: pullback(ct.reshape(z.shape))[0])(cotangents)
    return {
        layer.weight: Factors(
            _second_moment([layer.input_rows(x) for x in calls.inputs[layer.weight]], mean=True),
            _second_moment(
                [
                    layer.output_rows(functions.reshape(g, (-1, *g.shape[2:])))
                    for g in pulled[layer.weight]
                ],
                mean=False,
            ),
        )
        for layer in layers
    }


def _check_seen(name: str, calls: _Calls, z: Tensor) -> None:
    """Raise if a layer was called where its inputs cannot be seen: in a trace of its own."""
    reached = set(topological([z.node])) if z.is_traced else set()
    for weight, outputs in calls.outputs.items():
        if any(output.is_traced and output.node not in reached for output in outputs):
            raise GradientError(
                f"{name}: the layer of {weight} is called inside of checkpoint, scan, cond or "
                "vmap, where its inputs are out of reach, or its output is not used. Call it "
                "outside, or leave its parameters to another method by optim.partition"
            )


def _second_moment(rows: list[Tensor], mean: bool) -> Tensor:
    """Σ rᵀr over all rows; the sum over g is that of the mean loss, in which 1/N is inside."""
    total: Tensor = sum((r.T @ r for r in rows[1:]), start=rows[0].T @ rows[0])
    return total / sum(r.shape[0] for r in rows) if mean else total


def _roots(loss: Callable[[Any], Tensor], z: Tensor) -> Tensor:
    """For every example vectors r with Σ rrᵀ the Hessian of the loss in its outputs.

    Shape (examples, outputs, outputs), the second axis numbers the vectors. The loss is a sum over
    examples, so that one product with the Hessian gives a column for all of them.
    """
    examples = z.shape[0]
    size = z.size // examples

    def flat(z_flat: Tensor) -> Tensor:
        return functions.astype(loss(z_flat.reshape(z.shape)), z.dtype)

    at = z.reshape((examples, size))
    slope = grad(flat)

    def column(unit: Tensor) -> Tensor:
        found: Tensor = jvp(slope, (at,), (functions.broadcast_to(unit, at.shape),))[1]
        return found

    columns = vmap(column)(functions.eye(size, dtype=z.dtype))
    blocks = functions.moveaxis(columns, 0, -1)
    blocks = (blocks + functions.matrix_transpose(blocks)) / 2.0
    usable = functions.isfinite(blocks).all()
    blocks = functions.where(usable, blocks, functions.eye(size, dtype=z.dtype))
    values, vectors = linalg.eigh(blocks)
    noise = size * float(np.finfo(z.dtype).eps) * values[:, -1:]
    roots = functions.sqrt(functions.where(values > noise, values, 0.0))
    # the symmetric root, which does not depend on the choice among equal eigenvalues
    symmetric: Tensor = (vectors * roots[:, None, :]) @ functions.matrix_transpose(vectors)
    return symmetric


def inverse(factors: Factors, damping: float) -> Factors:
    """(A + π√λ·I)⁻¹ and (G + √λ/π·I)⁻¹, with π² = mean eigenvalue of A over that of G.

    Factored Tikhonov damping; Martens & Grosse 2015, section 6.3, with the trace norm for π.
    """
    a, g = (linalg.trace(f) / f.shape[0] for f in factors)
    both = (a > 0) & (g > 0)
    pi = functions.sqrt(functions.where(both, a, 1.0) / functions.where(both, g, 1.0))
    root = damping**0.5
    return Factors(_inverse(factors.inputs, pi * root), _inverse(factors.outputs, root / pi))


def _inverse(matrix: Tensor, damping: Tensor) -> Tensor:
    found = spectrum(matrix)
    kept = functions.where(found.values > found.noise, found.values, 0.0) + damping
    usable = kept > 0
    reciprocal = functions.where(usable, 1.0 / functions.where(usable, kept, 1.0), 0.0)
    inverted: Tensor = (found.vectors * reciprocal) @ found.vectors.T
    return inverted
