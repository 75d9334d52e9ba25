import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.core.errors import DomainError, ShapeError
from tests.nn.peers import close_to_torch, copied

RNG = np.random.default_rng(0)
NETWORKS = {"RNN": nn.RNN, "LSTM": nn.LSTM, "GRU": nn.GRU}
CELLS = {"RNN": nn.RNNCell, "LSTM": nn.LSTMCell, "GRU": nn.GRUCell}


def make(kind, *args, **options):
    return NETWORKS[kind](*args, key=cr.random.key(1), dtype="float64", **options)


def state_of(kind, shape, seed=3):
    rng = np.random.default_rng(seed)
    parts = [cr.tensor(rng.normal(size=shape)) for _ in range(2 if kind == "LSTM" else 1)]
    return tuple(parts) if kind == "LSTM" else parts[0]


def torch_names(model):
    """PyTorch's name of each parameter."""
    names = {}
    for path in model.parameters():
        _, layer, way, name = path.split(".")
        names[path] = f"{name}_l{layer}" + ("_reverse" if way == "1" else "")
    return names


@pytest.mark.parametrize("kind", NETWORKS)
@pytest.mark.parametrize(
    ("layers", "bidirectional", "bias", "given"),
    [
        (1, False, True, False),
        (2, True, True, True),
        (3, False, False, True),
        (1, True, True, True),
    ],
)
def test_outputs_states_and_gradients_equal_pytorchs(kind, layers, bidirectional, bias, given):
    torch = pytest.importorskip("torch")
    options = {"bias": bias, "bidirectional": bidirectional}
    model = make(kind, 3, 4, layers, **options)
    peer = getattr(torch.nn, kind)(3, 4, layers, batch_first=True, **options).double()
    names = torch_names(model)
    copied(model, peer, names)
    x = RNG.normal(size=(2, 5, 3))
    state = state_of(kind, (layers * (1 + bidirectional), 2, 4)) if given else None

    def ours(model, x, state):
        return model(x, state)

    close_to_torch(ours, peer, names, model, x, state)


def test_relu_equals_pytorchs():
    torch = pytest.importorskip("torch")
    model = make("RNN", 3, 4, nonlinearity="relu")
    peer = torch.nn.RNN(3, 4, nonlinearity="relu", batch_first=True).double()
    names = torch_names(model)
    copied(model, peer, names)
    close_to_torch(lambda m, x: m(x), peer, names, model, RNG.normal(size=(2, 5, 3)))


@pytest.mark.parametrize("kind", CELLS)
@pytest.mark.parametrize("given", [True, False])
def test_cells_equal_pytorchs(kind, given):
    torch = pytest.importorskip("torch")
    model = CELLS[kind](3, 4, key=cr.random.key(1), dtype="float64")
    peer = getattr(torch.nn, f"{kind}Cell")(3, 4).double()
    names = {path: path for path in model.parameters()}
    copied(model, peer, names)
    state = state_of(kind, (2, 4)) if given else None
    close_to_torch(lambda m, x, s: m(x, s), peer, names, model, RNG.normal(size=(2, 3)), state)


@pytest.mark.parametrize("kind", NETWORKS)
def test_a_network_is_its_cell_step_by_step(kind):
    model = make(kind, 3, 4)
    ((cell,),) = model.cells
    x = cr.tensor(RNG.normal(size=(2, 5, 3)))
    outputs, final = model(x)
    state = None
    for step in range(5):
        state = cell(x[:, step], state)
        h = state[0] if kind == "LSTM" else state
        np.testing.assert_allclose(outputs[:, step].numpy(), h.numpy(), rtol=1e-14)
    last = final[0] if kind == "LSTM" else final
    np.testing.assert_allclose(last[0].numpy(), h.numpy(), rtol=1e-14)


@pytest.mark.parametrize("kind", NETWORKS)
def test_a_sequence_may_be_cut(kind):
    model = make(kind, 3, 4, 2)
    x = cr.tensor(RNG.normal(size=(2, 7, 3)))
    whole, final = model(x)
    first, state = model(x[:, :3])
    second, state = model(x[:, 3:], state)
    joined = cr.concat([first, second], axis=1)
    np.testing.assert_allclose(joined.numpy(), whole.numpy(), rtol=1e-14)
    for a, b in zip(state, final, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-14)


@pytest.mark.parametrize("kind", NETWORKS)
def test_one_sequence_without_a_batch_and_vmap(kind):
    model = make(kind, 3, 4, 2, bidirectional=True)
    x = cr.tensor(RNG.normal(size=(2, 5, 3)))
    batched, _ = model(x)
    for n in range(2):
        np.testing.assert_allclose(model(x[n])[0].numpy(), batched[n].numpy(), rtol=1e-13)
    mapped = cr.vmap(lambda row: model(row)[0])(x)
    np.testing.assert_allclose(mapped.numpy(), batched.numpy(), rtol=1e-13)


@pytest.mark.parametrize("kind", NETWORKS)
def test_native_equals_eager(kind):
    model = make(kind, 3, 4, 2, bidirectional=True)
    x = cr.tensor(RNG.normal(size=(2, 5, 3)))
    state = state_of(kind, (4, 2, 4))

    def loss(model, x, state):
        outputs, final = model(x, state)
        h = final[0] if kind == "LSTM" else final
        return (outputs**2).sum() + cr.sin(h).sum()

    slope = cr.value_and_grad(loss, argnums=(0, 1, 2))
    compiled = cr.compile(slope)
    found, wanted = compiled(model, x, state), slope(model, x, state)
    for a, b in zip(*(cr.core.tree.flatten(t)[0] for t in (found, wanted)), strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-11, atol=1e-13)
    assert not compiled.report().fallbacks


def test_dropout_between_layers():
    model = make("GRU", 3, 4, 3, dropout=0.5)
    x = cr.tensor(RNG.normal(size=(2, 5, 3)))
    keys = model.buffers()
    assert list(keys) == ["dropouts.0.key", "dropouts.1.key"]
    assert (model(x)[0].numpy() != model(x)[0].numpy()).any()
    plain = make("GRU", 3, 4, 3)
    np.testing.assert_array_equal(model.eval()(x)[0].numpy(), plain(x)[0].numpy())
    assert not plain.buffers()


def test_gradients_of_second_order():
    model = make("GRU", 2, 3)
    x = cr.tensor(RNG.normal(size=(1, 3, 2)))
    report = cr.check_gradient(
        lambda x: (cr.grad(lambda x: (model(x)[0] ** 2).sum())(x) ** 2).sum(), x
    )
    assert report.ok


def test_initial_parameters_are_within_the_bound():
    model = nn.LSTM(8, 16, key=cr.random.key(0))
    for tensor in model.parameters().values():
        values = tensor.numpy()
        assert values.dtype == np.float32
        assert 0.2 < abs(values).max() <= 0.25
    first, second = (nn.LSTM(8, 16, 2, key=cr.random.key(0)).cells[layer][0] for layer in (0, 1))
    assert not np.array_equal(first.weight_hh.numpy(), second.weight_hh.numpy())


def test_representations():
    assert repr(nn.LSTMCell(2, 3, key=cr.random.key(0))) == "LSTMCell(2, 3)"
    assert repr(nn.RNNCell(2, 3, False, "relu", key=cr.random.key(0))) == (
        "RNNCell(2, 3, bias=False, nonlinearity='relu')"
    )
    assert repr(make("GRU", 2, 3, 2, bidirectional=True)).startswith(
        "GRU(2, 3, num_layers=2, bidirectional=True\n"
    )


def test_bad_input():
    with pytest.raises(DomainError, match="num_layers is a whole number"):
        make("RNN", 2, 3, 0)
    with pytest.raises(DomainError, match="RNN: dropout is a number from 0 to 1, not 2"):
        make("RNN", 2, 3, dropout=2.0)  # of one layer, which has none
    with pytest.raises(DomainError, match="hidden_size is a whole number"):
        make("GRU", 2, 0)
    with pytest.raises(DomainError, match="nonlinearity"):
        make("RNN", 2, 3, nonlinearity="gelu")
    model = make("LSTM", 2, 3)
    with pytest.raises(ShapeError, match=r"last axis of 2.*\(4, 5, 3\)"):
        model(cr.zeros((4, 5, 3)))
    with pytest.raises(ShapeError, match=r"a sequence.*\(2,\)"):
        model(cr.zeros(2))
    with pytest.raises(ShapeError, match=r"the state is \(h, c\), not one tensor"):
        model(cr.zeros((4, 5, 2)), cr.zeros((1, 4, 3)))
    with pytest.raises(ShapeError, match=r"state c has shape \(4, 3\), expected \(1, 4, 3\)"):
        model(cr.zeros((4, 5, 2)), (cr.zeros((1, 4, 3)), cr.zeros((4, 3))))
    with pytest.raises(ShapeError, match="one tensor h, not a tuple of 2"):
        make("GRU", 2, 3)(cr.zeros((4, 5, 2)), (cr.zeros((1, 4, 3)), cr.zeros((1, 4, 3))))
