import copy

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.core import tree
from chainrule.core.errors import DomainError, ShapeError, TreeError


def key(seed=0):
    return cr.random.key(seed)


class Scale(nn.Module):
    factor: cr.Tensor
    power: int = 1

    def __call__(self, x):
        return x * self.factor**self.power


class Nested(nn.Module):
    def __init__(self):
        self.blocks = {"a": [nn.Linear(2, 3, key=key()), cr.tanh], "b": (Scale(weight(2.0)),)}
        self.offset = nn.parameter([1.0])
        self.note = "static"
        self.nothing = None

    def __call__(self, x):
        return self.blocks["b"][0](self.blocks["a"][1](self.blocks["a"][0](x))) + self.offset


def weight(value):
    return cr.tensor(value, requires_grad=True)


def test_parameters_have_dotted_paths():
    assert list(Nested().parameters()) == [
        "blocks.a.0.weight",
        "blocks.a.0.bias",
        "blocks.b.0.factor",
        "offset",
    ]


def test_a_module_is_a_pytree():
    model = Nested()
    leaves, structure = tree.flatten(model)
    assert all(isinstance(leaf, cr.Tensor) for leaf in leaves)
    again = structure.build(leaves)
    assert type(again) is Nested
    assert again.note == "static"
    assert again.nothing is None
    assert tree.flatten(again)[1] == structure
    assert isinstance(hash(structure), int)
    x = cr.tensor([[1.0, 2.0]], dtype="float32")
    np.testing.assert_array_equal(again(x).numpy(), model(x).numpy())


def test_static_attributes_belong_to_the_structure():
    one, other = Scale(weight(2.0)), Scale(weight(2.0), power=2)
    assert tree.flatten(one)[1] != tree.flatten(other)[1]


def test_a_gradient_with_respect_to_a_module_is_a_module():
    gradient = cr.grad(lambda model: model(3.0))(Scale(weight(2.0), power=2))
    assert isinstance(gradient, Scale)
    assert gradient.factor.item() == 12.0


def test_a_subclass_without_init_is_like_a_dataclass():
    assert Scale(weight(1.0)).power == 1
    with pytest.raises(TypeError):
        Scale()


def test_a_subclass_inherits_init():
    class Wide(nn.Linear):
        note: str = "wide"

    assert list(Wide(2, 3, key=key()).parameters()) == ["weight", "bias"]


def test_buffers_are_saved_but_not_trained():
    model = Scale(cr.tensor(2.0))
    assert model.parameters() == {}
    assert list(model.state_dict()) == ["factor"]


def test_a_shared_tensor_is_one_parameter_and_stays_shared():
    shared = weight(2.0)
    model = nn.Sequential(Scale(shared), Scale(shared))
    assert list(model.parameters()) == ["layers.0.factor"]
    other = model.replace({"layers.0.factor": weight(3.0)})
    assert other(1.0).item() == 9.0
    assert model(1.0).item() == 4.0


def test_replace_refuses_an_unknown_path():
    with pytest.raises(TreeError, match="no tensor at wrong"):
        Nested().replace({"wrong": weight(1.0)})


def test_load_state_dict_lists_every_difference_and_changes_nothing():
    model = nn.Linear(2, 3, key=key())
    before = model.weight.numpy().copy()
    with pytest.raises(TreeError) as caught:
        model.load_state_dict({"weight": np.zeros((3, 3)), "scale": np.zeros(1)})
    text = str(caught.value)
    assert "weight: shape (3, 3), expected (3, 2)" in text
    assert "bias: missing, expected (3,)" in text
    assert "scale: not in the model" in text
    np.testing.assert_array_equal(model.weight.numpy(), before)


def test_load_state_dict_gives_the_values():
    one, other = nn.Linear(2, 3, key=key(0)), nn.Linear(2, 3, key=key(1))
    other.load_state_dict(one.state_dict())
    np.testing.assert_array_equal(one.weight.numpy(), other.weight.numpy())
    assert other.weight.requires_grad


def test_pytorch_weights_load_as_they_are():
    torch = pytest.importorskip("torch")
    theirs = torch.nn.Linear(4, 3)
    ours = nn.Linear(4, 3, key=key())
    ours.load_state_dict({k: v.detach().numpy() for k, v in theirs.state_dict().items()})
    x = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    np.testing.assert_allclose(
        ours(cr.tensor(x)).numpy(), theirs(torch.tensor(x)).detach().numpy(), rtol=1e-5, atol=1e-6
    )


def test_mode_is_set_for_all_inside():
    model = Nested()
    assert all(module.training for _, module in model.modules())
    assert model.eval() is model
    assert not any(module.training for _, module in model.modules())
    again = tree.flatten(model)[1].build(tree.flatten(model)[0])
    assert not again.training
    assert model.train().training


def test_copies_are_independent():
    model = nn.Linear(2, 1, key=key())
    other = copy.deepcopy(model)
    other.weight.assign_(np.zeros((1, 2)))
    assert model.weight.numpy().any()


def test_a_numpy_attribute_is_refused():
    class Wrong(nn.Module):
        def __init__(self):
            self.table = np.zeros(3)

    with pytest.raises(TreeError, match=r"table is a NumPy array"):
        Wrong().parameters()


def test_a_module_without_call_says_so():
    class Empty(nn.Module):
        pass

    with pytest.raises(NotImplementedError, match="Empty has no __call__"):
        Empty()(1.0)


def test_repr_shows_the_layers():
    model = nn.Sequential(nn.Linear(2, 3, key=key()), cr.tanh)
    assert repr(model) == "Sequential(\n  layers:\n    0: Linear(2, 3)\n    1: tanh\n)"
    assert repr(Scale(weight(1.0), power=3)) == "Scale(power=3)"


def test_vmap_over_a_stack_of_modules():
    stack = Scale(cr.tensor([1.0, 2.0, 3.0]))
    np.testing.assert_array_equal(cr.vmap(lambda m: m(2.0))(stack).numpy(), [2.0, 4.0, 6.0])


class TestLinear:
    def test_is_the_affine_map(self):
        layer = nn.Linear(2, 3, key=key(), dtype="float64")
        x = np.random.default_rng(0).normal(size=(4, 5, 2))
        expected = x @ layer.weight.numpy().T + layer.bias.numpy()
        np.testing.assert_allclose(layer(cr.tensor(x)).numpy(), expected, rtol=1e-14)

    def test_starts_float32_with_gradients(self):
        layer = nn.Linear(2, 3, key=key())
        assert layer.weight.dtype == layer.bias.dtype == np.float32
        assert layer.weight.requires_grad
        assert layer.bias.requires_grad

    def test_without_bias(self):
        layer = nn.Linear(2, 3, key=key(), bias=False)
        assert list(layer.parameters()) == ["weight"]
        assert repr(layer) == "Linear(2, 3, bias=False)"

    @pytest.mark.parametrize("shape", [(), (3,), (4, 3)])
    def test_names_both_shapes(self, shape):
        with pytest.raises(ShapeError, match=r"Linear\(2, 1\).*2.*shape"):
            nn.Linear(2, 1, key=key())(cr.tensor(np.zeros(shape), dtype="float32"))

    def test_needs_extents(self):
        with pytest.raises(DomainError):
            nn.Linear(0, 1, key=key())


def test_mlp_refuses_an_unknown_activation():
    with pytest.raises(DomainError, match="relu, tanh, sigmoid, gelu"):
        nn.MLP(2, (3,), 1, key=key(), activation="step")


def test_mlp_knows_the_activations_that_have_a_gain():
    with pytest.raises(DomainError) as caught:
        nn.initialisers.gain("step")
    known = str(caught.value).partition("known are ")[2].partition(", or give")[0].split(", ")
    for name in set(known) - {"linear"}:
        model = nn.MLP(2, 3, 1, key=key(), activation=name)
        assert type(model[1]).__name__.lower() == name.replace("_", "")


@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid", "gelu"])
def test_mlp_differentiates(activation):
    model = nn.MLP(3, (4, 5), 2, key=key(), activation=activation)
    (model(cr.tensor(np.ones((2, 3)), dtype="float32")) ** 2).sum().backward()
    for path, parameter in model.parameters().items():
        assert parameter.grad is not None, path
        assert parameter.grad.dtype == np.float32
        assert np.isfinite(parameter.grad.numpy()).all()


@pytest.mark.parametrize(
    ("bias", "words"),
    [
        (np.array(["a"]), "bias: "),
        (np.array([1 + 2j]), "bias: .*complex"),
        ([[1.0], [1.0, 2.0]], "bias: "),
        (np.array([object()]), "bias: "),
    ],
)
def test_load_state_dict_changes_nothing_for_values_that_are_no_numbers(bias, words):
    model = nn.Linear(2, 1, key=key())
    before = model.weight.numpy().copy()
    with pytest.raises(TreeError, match=words):
        model.load_state_dict({"weight": np.ones((1, 2)), "bias": bias})
    np.testing.assert_array_equal(model.weight.numpy(), before)


def test_load_state_dict_casts_within_a_kind_only():
    model = nn.Linear(2, 1, key=key())
    model.load_state_dict({"weight": np.full((1, 2), 0.5), "bias": [3]})
    assert model.bias.dtype == np.float32
    assert model.bias.item() == 3.0
    counter = Scale(cr.tensor(0))
    with pytest.raises(TreeError, match="factor: float64 values, expected int64"):
        counter.load_state_dict({"factor": 1.5})


def test_buffers_are_what_is_not_trained():
    shared = weight(2.0)
    model = nn.Sequential(Scale(shared), Scale(cr.tensor(3.0)), Scale(shared))
    assert list(model.buffers()) == ["layers.1.factor"]


def test_mlp_takes_one_width_and_lists():
    model = nn.MLP(3, 16, 1, key=key())
    assert [layer.weight.shape for layer in model.layers[::2]] == [(16, 3), (1, 16)]
    y = model([0.1, 0.2, 0.3])
    assert (y.shape, y.dtype) == ((1,), np.float32)


@pytest.mark.parametrize("hidden", ["64", (3.0,), (0,), None])
def test_mlp_refuses_widths_that_are_none(hidden):
    with pytest.raises(DomainError, match=r"such as MLP\(64, \(128, 32\), 10"):
        nn.MLP(3, hidden, 1, key=key())


@pytest.mark.parametrize("activation", [cr.tanh, nn.Tanh, nn.Tanh(), "tanh"])
def test_mlp_takes_an_activation_in_any_form(activation):
    model, named = (nn.MLP(2, 4, 1, key=key(), activation=a) for a in (activation, "tanh"))
    assert repr(model) == repr(named)
    x = cr.tensor([[1.0, -2.0]], dtype="float32")
    np.testing.assert_array_equal(model(x).numpy(), named(x).numpy())


def test_mlp_takes_a_function_as_activation():
    model = nn.MLP(1, 2, 1, key=key(), activation=lambda x: x * x)
    first, square, last = model.layers
    x = cr.tensor([3.0], dtype="float32")
    np.testing.assert_array_equal(model(x).numpy(), last(first(x) * first(x)).numpy())
    assert square(3) == 9


@pytest.mark.parametrize("name", ["named_parameters", "forward", "zero_grad"])
def test_names_used_elsewhere_get_a_hint(name):
    with pytest.raises(AttributeError, match=f"no attribute '{name}'; in chainrule: ") as caught:
        getattr(nn.ReLU(), name)
    assert caught.value.name == name
    assert not hasattr(nn.ReLU(), "weigth")
