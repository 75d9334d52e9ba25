"""What every layer has to do: keep a state, be a pytree, compile, and have the right gradient."""

import copy
import inspect
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.core import tree
from chainrule.nn import (
    activations,
    cells,
    containers,
    convolution,
    dropout,
    linear,
    multihead,
    normalisation,
    pooling,
    positions,
    recurrent,
    transformer,
)

ROOMS = (
    *(activations, cells, containers, convolution, dropout, linear, multihead, normalisation),
    *(pooling, positions, recurrent, transformer),
)


@dataclass(frozen=True)
class Case:
    """How to make a layer, and the shapes of its inputs."""

    name: str
    arguments: tuple[Any, ...]
    shapes: tuple[tuple[int, ...], ...]
    keyed: bool = False
    typed: bool = False
    options: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name

    def layer(self, seed=0, dtype="float32"):
        more = dict(self.options)
        if self.keyed:
            more["key"] = cr.random.key(seed)
        if self.typed:
            more["dtype"] = dtype
        return getattr(nn, self.name)(*self.arguments, **more)

    def inputs(self, dtype="float32"):
        rng = np.random.default_rng(1)
        return [cr.tensor(rng.normal(size=shape), dtype=dtype) for shape in self.shapes]


def plain(name, *arguments, shape=(3, 4, 5)):
    return Case(name, arguments, (shape,))


def typed(name, *arguments, shape=(3, 4, 5)):
    return Case(name, arguments, (shape,), typed=True)


def keyed(name, *arguments, shapes, **options):
    return Case(name, arguments, shapes, keyed=True, typed=True, options=options)


SPATIAL = {1: (6,), 2: (4, 5), 3: (3, 2, 3)}
CASES = [
    *(plain(name) for name in activations.__all__ if name not in ("GLU", "PReLU")),
    plain("GLU", 1),
    typed("PReLU", 4),
    plain("Flatten"),
    plain("Identity"),
    plain("Function", cr.sin),
    plain("Residual", cr.tanh),
    plain("Sequential", nn.Tanh(), cr.exp),
    *(
        keyed(f"{kind}{rank}d", 4, 2, 2, 2, 1, shapes=((1, 4, *shape),), groups=2)
        for kind in ("Conv", "ConvTranspose")
        for rank, shape in SPATIAL.items()
    ),
    *(
        plain(f"{kind}Pool{rank}d", 2, shape=(2, 3, *shape))
        for kind in ("Max", "Avg", "AdaptiveMax", "AdaptiveAvg")
        for rank, shape in SPATIAL.items()
    ),
    *(Case(name, (0.4,), ((3, 4, 5),), keyed=True) for name in dropout.__all__),
    keyed("Linear", 5, 3, shapes=((4, 5),)),
    keyed("Bilinear", 5, 2, 3, shapes=((4, 5), (4, 2))),
    keyed("Embedding", 5, 3, shapes=()),
    typed("BatchNorm", 4),
    typed("InstanceNorm", 4),
    typed("LayerNorm", (4, 5)),
    typed("RMSNorm", 5),
    typed("GroupNorm", 2, 4),
    *(keyed(f"{name}Cell", 3, 2, shapes=((2, 3),)) for name in ("RNN", "LSTM", "GRU")),
    *(keyed(name, 2, 2, shapes=((1, 3, 2),)) for name in ("RNN", "LSTM", "GRU")),
    keyed("LearnedPositions", 5, 4, shapes=((2, 3, 4),)),
    plain("SinusoidalPositions", shape=(2, 3, 4)),
    plain("RotaryPositions", shape=(2, 3, 4)),
    keyed("MultiheadAttention", 4, 2, 1, shapes=((2, 3, 4),)),
    keyed("TransformerEncoderLayer", 2, 1, 2, shapes=((1, 3, 2),)),
    keyed("TransformerEncoder", 2, 1, 1, shapes=((1, 3, 2),), norm_first=True),
    keyed("TransformerDecoderLayer", 2, 1, 2, shapes=((1, 2, 2), (1, 1, 2))),
    keyed("TransformerDecoder", 2, 1, 1, shapes=((1, 3, 2),), cross_attention=False),
]


def call(case, layer, dtype="float32"):
    if case.name == "Embedding":
        return layer(cr.tensor([[0, 4], [2, 2]]))
    return first(layer(*case.inputs(dtype)))


def first(found):
    """The outputs of a layer that also gives a state."""
    return found[0] if isinstance(found, tuple) else found


def test_the_table_is_complete():
    offered = {name for room in ROOMS for name in room.__all__}
    classes = {name for name in offered if inspect.isclass(getattr(nn, name, None))}
    layers = {name for name in classes if issubclass(getattr(nn, name), nn.Module)}
    assert layers == {case.name for case in CASES}


@pytest.mark.parametrize("case", [c for c in CASES if c.name != "Embedding"], ids=str)
def test_integers_are_numbers(case):
    numbers = [cr.tensor(np.arange(np.prod(s)).reshape(s) % 3 - 1) for s in case.shapes]
    expected = first(case.layer()(*(x.astype("float32") for x in numbers)))
    found = first(case.layer()(*numbers))
    np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-5, atol=1e-6)
    assert not case.typed or found.dtype == "float32"


def test_numbers_of_numpy_do_not_widen_a_layer():
    x = cr.ones((3, 4), dtype="float32")
    half = np.float64(0.5)
    layers = [
        *(nn.LeakyReLU(half), nn.ELU(half), nn.Hardtanh(-half, half), nn.Softplus(half)),
        *(nn.LayerNorm(4, eps=half), nn.BatchNorm(4, momentum=half), nn.RMSNorm(4, eps=half)),
        nn.Dropout(half, key=cr.random.key(0)),
    ]
    assert {layer(x).dtype.name for layer in layers} == {"float32"}
    assert layers[5].running_mean.dtype == "float32"
    q = cr.ones((1, 3, 4), dtype="float32")
    assert nn.scaled_dot_product_attention(q, q, q, scale=1 / np.sqrt(4)).dtype == "float32"


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_keeps_the_dtype(case, dtype):
    assert call(case, case.layer(dtype=dtype), dtype).dtype == dtype


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_state_that_is_loaded_is_the_same_layer(case):
    one, other = case.layer(0), case.layer(1)
    call(case, one)  # moves the statistics
    other.load_state_dict({path: value.numpy() for path, value in one.state_dict().items()})
    np.testing.assert_array_equal(call(case, one).numpy(), call(case, other).numpy())
    for path, value in one.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), other.state_dict()[path].numpy())


@pytest.mark.parametrize("case", CASES, ids=str)
def test_is_a_pytree_and_can_be_copied(case):
    layer = case.layer()
    leaves, structure = tree.flatten(layer)
    assert structure == tree.flatten(copy.deepcopy(layer))[1]
    assert isinstance(hash(structure), int)
    again = structure.build(leaves)
    assert repr(again) == repr(layer)
    np.testing.assert_array_equal(
        call(case, again.eval()).numpy(), call(case, copy.deepcopy(layer).eval()).numpy()
    )


@pytest.mark.parametrize("case", CASES, ids=str)
def test_representation_is_short_and_hides_what_is_usual(case):
    text = repr(case.layer())
    assert text.startswith(f"{case.name}(")
    assert "training" not in text
    assert "Tensor" not in text
    assert all(len(line) < 100 for line in text.splitlines())


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_summary_counts_its_parameters(case):
    layer = case.layer()
    inputs = case.inputs() or [cr.tensor([[0, 4], [2, 2]])]
    lines = layer.summary(*inputs).splitlines()
    assert all(len(line) <= 100 for line in lines)
    total = sum(parameter.size for parameter in layer.parameters().values())
    assert lines[-1].startswith(f"trainable: {total:,} numbers")
    assert f"  {total:,}  " in lines[-2]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_trains_natively_without_falling_back(case):
    layer = case.layer()
    inputs, indices = case.inputs(), [] if case.shapes else [cr.tensor([[0, 4], [2, 2]])]

    def loss(parameters, inputs, indices, key):
        used = layer.replace(parameters)
        drops = {"key": key} if isinstance(used, nn.Dropout) else {}
        outputs = first(used(*inputs, *indices, **drops))
        return cr.sin(outputs).sum(), outputs

    slope = cr.value_and_grad(loss, argnums=(0, 1), has_aux=True)
    compiled = cr.compile(slope)
    arguments = (layer.parameters(), inputs, indices, cr.random.key(3))
    for (path, ours), (_, theirs) in zip(
        tree.paths(compiled(*arguments)), tree.paths(slope(*arguments)), strict=True
    ):
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-4, atol=1e-5, err_msg=path)
    assert compiled.report().fallbacks == []


MODES = [
    (case, training)
    for case in CASES
    for training in (True, False)
    if training or case.name in (*dropout.__all__, "BatchNorm")  # the others have one mode
]


@pytest.mark.parametrize(("case", "training"), MODES, ids=str)
def test_gradients(case, training):
    layer = case.layer(dtype="float64").train(training)
    call(case, layer, "float64")
    fixed = cr.random.key(5)

    def f(parameters, *inputs):
        used = layer.replace(parameters)
        if isinstance(used, nn.Dropout):
            return cr.sin(used(*inputs, key=fixed))
        return cr.sin(first(used(*inputs)) if inputs else call(case, used))

    arguments = [layer.parameters(), *case.inputs("float64")]
    if not arguments[0]:
        f = lambda *inputs, f=f: f({}, *inputs)
        arguments = arguments[1:]
    assert cr.check_gradient(f, *arguments).ok


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [("BatchNorm2d", "BatchNorm"), ("MSELoss", "mse"), ("Dropout2d", "SpatialDropout")],
)
def test_names_of_pytorch_lead_to_ours(theirs, ours):
    with pytest.raises(AttributeError, match=f"no attribute '{theirs}'; in chainrule: nn.{ours}$"):
        getattr(nn, theirs)


def test_a_gradient_of_a_module_with_a_key_says_what_to_do():
    model = nn.Sequential(nn.Linear(2, 2, key=cr.random.key(0)), nn.Dropout(key=cr.random.key(1)))
    x = cr.ones((3, 2), dtype="float32")
    with pytest.raises(cr.DTypeError, match=r"buffer of a network.*\(model\.parameters\(\)\)"):
        cr.grad(lambda model: model(x).sum())(model)
    gradient = cr.grad(lambda p: model.replace(p)(x).sum())(model.parameters())
    assert gradient.keys() == model.parameters().keys()
