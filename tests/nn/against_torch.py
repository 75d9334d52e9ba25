"""A layer held against PyTorch's: outputs and all gradients, eager and native."""

import numpy as np

import chainrule as cr


def as_numpy(state):
    return {name: value.detach().numpy() for name, value in state.items()}


def objective(parameters, inputs, cotangent, layer, constants):
    outputs = layer.replace(parameters)(*inputs, *constants)
    return (outputs * cotangent).sum(), outputs


def assert_same_as_torch(ours, theirs, *inputs, constants=(), rtol=1e-9, atol=1e-10, native=True):
    """Compare float64 layers that have the same paths; ``constants`` are not differentiated.

    Their values are loaded into ours. The gradient is that of Σ cotangent · output for a random
    cotangent, with respect to every parameter and every input.
    """
    import torch

    theirs = theirs.double()
    ours.load_state_dict(as_numpy(theirs.state_dict()))
    given = [torch.tensor(x, requires_grad=True) for x in inputs]
    expected = theirs(*given, *(torch.tensor(c) for c in constants))
    cotangent = np.random.default_rng(len(inputs)).normal(size=tuple(expected.shape))
    (expected * torch.tensor(cotangent)).sum().backward()

    differentiate = cr.value_and_grad(
        lambda p, x, ct, c: objective(p, x, ct, ours, c), argnums=(0, 1), has_aux=True
    )
    before = {path: buffer.numpy().copy() for path, buffer in ours.buffers().items()}
    for run in (differentiate, cr.compile(differentiate)) if native else (differentiate,):
        for path, buffer in before.items():
            ours.state_dict()[path].assign_(buffer)
        arguments = (
            ours.parameters(),
            tuple(cr.tensor(x) for x in inputs),
            cr.tensor(cotangent),
            tuple(cr.tensor(c) for c in constants),
        )
        (_, outputs), (for_parameters, for_inputs) = run(*arguments)

        def same(found, wanted, what):
            np.testing.assert_allclose(
                found.numpy(), wanted.detach().numpy(), rtol=rtol, atol=atol, err_msg=what
            )

        same(outputs, expected, "outputs")
        for path, parameter in theirs.named_parameters():
            same(for_parameters[path], parameter.grad, path)
        for place, x in enumerate(given):
            same(for_inputs[place], x.grad, f"input {place}")
