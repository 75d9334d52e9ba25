import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.core.errors import ArgumentError, DomainError, IndexingError, ShapeError
from chainrule.core.tree import flatten
from tests.nn.peers import close_to_torch, copied

RNG = np.random.default_rng(0)
KEY = cr.random.key(0)


def numbers(*shape):
    return RNG.normal(size=shape)


def disturbed(model):
    """The model with parameters that are all different, biases and norms too."""
    for tensor in model.parameters().values():
        tensor.assign_(tensor.numpy() + 0.1 * numbers(*tensor.shape))
    return model


def same_names(model):
    return {path: path for path in model.parameters()}


# -- against PyTorch -------------------------------------------------------------------------------


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("kind", ["self", "cross", "value", "masked", "causal"])
def test_multihead_attention_equals_pytorchs(kind, bias):
    torch = pytest.importorskip("torch")
    model = disturbed(nn.MultiheadAttention(6, 2, bias=bias, key=KEY, dtype="float64"))
    peer = torch.nn.MultiheadAttention(6, 2, bias=bias, batch_first=True).double()
    names = same_names(model)
    copied(model, peer, names)
    x, other, value = numbers(3, 4, 6), numbers(3, 5, 6), numbers(3, 5, 6)
    mask = np.tri(4, dtype=bool) if kind == "causal" else RNG.random((4, 4)) < 0.6
    mask[:, 0] = True
    options = {"mask": mask} if kind == "masked" else {"is_causal": kind == "causal"}
    forbidden = torch.tensor(~mask) if kind in ("masked", "causal") else None

    def ours(model, *inputs):
        return model(*inputs, **options)

    def theirs(query, key=None, value=None):
        key = query if key is None else key
        value = key if value is None else value
        return peer(query, key, value, need_weights=False, attn_mask=forbidden)[0]

    theirs.named_parameters = peer.named_parameters
    inputs = {"cross": [x, other], "value": [x, other, value]}.get(kind, [x])
    close_to_torch(ours, theirs, names, model, *inputs)


@pytest.mark.parametrize("norm_first", [True, False])
@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_encoder_layer_equals_pytorchs(norm_first, activation):
    torch = pytest.importorskip("torch")
    options = {"activation": activation, "norm_first": norm_first}
    model = nn.TransformerEncoderLayer(6, 2, 10, key=KEY, dtype="float64", **options)
    peer = torch.nn.TransformerEncoderLayer(6, 2, 10, 0.0, batch_first=True, **options).double()
    names = same_names(disturbed(model))
    copied(model, peer, names)
    close_to_torch(lambda m, x: m(x), peer, names, model, numbers(3, 4, 6))


@pytest.mark.parametrize("norm_first", [True, False])
def test_decoder_equals_pytorchs(norm_first):
    torch = pytest.importorskip("torch")
    options = {"dim_feedforward": 10, "norm_first": norm_first}
    model = nn.TransformerDecoder(6, 2, num_layers=2, key=KEY, dtype="float64", **options)
    layer = torch.nn.TransformerDecoderLayer(6, 2, dropout=0.0, batch_first=True, **options)
    norm = torch.nn.LayerNorm(6) if norm_first else None
    peer = torch.nn.TransformerDecoder(layer, 2, norm).double()
    names = same_names(disturbed(model))
    copied(model, peer, names)
    future = torch.nn.Transformer.generate_square_subsequent_mask(4, dtype=torch.float64)

    def theirs(x, memory):
        return peer(x, memory, tgt_mask=future)

    theirs.named_parameters = peer.named_parameters
    close_to_torch(
        lambda m, x, memory: m(x, memory), theirs, names, model, numbers(3, 4, 6), numbers(3, 5, 6)
    )


def test_encoder_equals_pytorchs():
    torch = pytest.importorskip("torch")
    model = nn.TransformerEncoder(6, 3, num_layers=2, key=KEY, norm_first=True, dtype="float64")
    layer = torch.nn.TransformerEncoderLayer(6, 3, 24, 0.0, batch_first=True, norm_first=True)
    peer = torch.nn.TransformerEncoder(
        layer, 2, torch.nn.LayerNorm(6), enable_nested_tensor=False
    ).double()
    names = same_names(disturbed(model))
    copied(model, peer, names)
    close_to_torch(lambda m, x: m(x), peer, names, model, numbers(3, 4, 6))


# -- laws ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"num_kv_heads": 1}, {"rotary": nn.RotaryPositions()}])
def test_attention_in_pieces_is_causal_attention(options):
    layer = nn.MultiheadAttention(8, 4, key=KEY, dtype="float64", **options)
    x = cr.tensor(numbers(2, 7, 8))
    cache, parts, first = layer.start(2, 10), [], 0
    for size in (3, 1, 2, 1):
        part, cache = layer.extend(x[:, first : first + size], cache)
        parts.append(part)
        first += size
    np.testing.assert_allclose(
        cr.concat(parts, axis=1).numpy(), layer(x, is_causal=True).numpy(), rtol=1e-12
    )
    assert cache.length.item() == 7
    assert not cache.keys.numpy()[:, :, 7:].any()


def test_grouped_heads_are_repeated_heads():
    few = nn.MultiheadAttention(8, 4, 2, key=KEY, dtype="float64")
    many = nn.MultiheadAttention(8, 4, key=KEY, dtype="float64")
    assert few.in_proj_weight.shape == (16, 8)
    q, k, v = (few.in_proj_weight[rows] for rows in (slice(8), slice(8, 12), slice(12, 16)))
    twice = lambda w: cr.repeat(w.reshape((2, 2, 8)), 2, axis=0).reshape((8, 8))
    many = many.replace(
        {
            "in_proj_weight": cr.concat([q, twice(k), twice(v)]),
            "out_proj.weight": few.out_proj.weight,
        }
    )
    x = numbers(2, 5, 8)
    np.testing.assert_allclose(few(x).numpy(), many(x).numpy(), rtol=1e-12)


def test_a_sequence_without_a_batch():
    layer = nn.MultiheadAttention(6, 2, key=KEY, dtype="float64")
    x = numbers(2, 4, 6)
    np.testing.assert_allclose(layer(x[0]).numpy(), layer(x).numpy()[0], rtol=1e-13)


@pytest.mark.parametrize("options", [{}, {"cross_attention": False, "norm_first": True}])
def test_decoding_in_pieces_is_decoding(options):
    model = disturbed(
        nn.TransformerDecoder(8, 2, num_layers=2, key=KEY, dtype="float64", **options)
    )
    memory = numbers(2, 5, 8) if not options else None
    x = cr.tensor(numbers(2, 6, 8))
    with cr.no_grad():
        caches, parts = model.start(2, 6, memory), []
    step = cr.compile(lambda m, x, c: m.extend(x, c), donate=(2,))
    for place in range(6):
        part, caches = step(model, x[:, place : place + 1], caches)
        parts.append(part)
    np.testing.assert_allclose(
        cr.concat(parts, axis=1).numpy(), model(x, memory).numpy(), rtol=1e-11
    )
    assert not step.report().fallbacks
    with pytest.raises(IndexingError):
        step(model, x[:, :1], caches)


def test_later_positions_change_nothing_before_them():
    model = nn.TransformerLM(20, 8, 2, 2, max_length=8, key=KEY, dtype="float64")
    tokens = RNG.integers(0, 20, (2, 8))
    other = tokens.copy()
    other[:, 5:] = (other[:, 5:] + 1) % 20
    first, second = model(tokens).numpy(), model(other).numpy()
    np.testing.assert_array_equal(first[:, :5], second[:, :5])
    assert (first[:, 5:] != second[:, 5:]).any()


def test_tied_weights_are_one_parameter():
    tied = nn.TransformerLM(20, 8, 2, 1, max_length=8, key=KEY)
    own = nn.TransformerLM(20, 8, 2, 1, max_length=8, tie_weights=False, key=KEY)
    assert own.parameters().keys() - tied.parameters().keys() == {"head.weight"}
    slope = cr.grad(lambda m: (m([[1, 2]])[0, 1] ** 2).sum())(tied)
    assert slope.embedding.weight.numpy()[3:].any()  # rows that were not looked up


@pytest.mark.parametrize("positions", ["learned", "sinusoidal", "rotary"])
def test_order_matters(positions):
    model = nn.TransformerLM(
        20, 8, 2, 1, max_length=8, positions=positions, key=KEY, dtype="float64"
    )
    one, two = model([[1, 2, 2, 3]]).numpy(), model([[2, 1, 2, 3]]).numpy()
    assert abs(one[0, -1] - two[0, -1]).max() > 1e-8


def test_dropout_in_training_only():
    model = nn.TransformerLM(20, 8, 2, 2, max_length=8, dropout=0.3, key=KEY)
    tokens = RNG.integers(0, 20, (2, 8))
    assert (model(tokens).numpy() != model(tokens).numpy()).any()
    keys = {tuple(key.numpy()) for key in model.buffers().values()}
    assert len(keys) == len(model.buffers()) == 1 + 2 * 5
    model.eval()
    assert (model(tokens).numpy() == model(tokens).numpy()).all()


@pytest.mark.parametrize("positions", ["learned", "rotary"])
def test_a_training_step_is_native_and_learns(positions):
    model = nn.TransformerLM(
        11, 16, 2, 1, max_length=8, positions=positions, dropout=0.1, key=KEY, num_kv_heads=1
    )
    tokens = cr.tensor(np.arange(9)[None] + np.arange(2)[:, None])
    optimizer = cr.optim.adam(1e-2)
    make = cr.train.make_step(model, nn.cross_entropy, optimizer)
    step = cr.compile(make, donate=(0, 1))
    parameters, buffers = model.parameters(), model.buffers()
    state = optimizer.init(parameters)
    eager = make(parameters, state, tokens[:, :-1], tokens[:, 1:], buffers)
    losses = []
    for _ in range(80):
        after = step(parameters, state, tokens[:, :-1], tokens[:, 1:], buffers)
        parameters, state, buffers = after.parameters, after.state, after.buffers
        losses.append(after.loss.item())
    np.testing.assert_allclose(losses[0], eager.loss.item(), rtol=1e-5)
    assert losses[-1] < 0.3 * losses[0]
    assert not step.report().fallbacks


def test_bad_input():
    with pytest.raises(DomainError, match="embed_dim is a multiple of num_heads, 7 is none of 2"):
        nn.MultiheadAttention(7, 2, key=KEY)
    with pytest.raises(DomainError, match="num_heads is a multiple of num_kv_heads, 4 is none of"):
        nn.MultiheadAttention(8, 4, 3, key=KEY)
    with pytest.raises(DomainError, match="unknown activation 'swish'"):
        nn.TransformerEncoderLayer(8, 2, activation="swish", key=KEY)
    with pytest.raises(DomainError, match="positions are"):
        nn.TransformerLM(5, 8, 2, 1, 8, positions="none", key=KEY)
    layer = nn.MultiheadAttention(8, 2, key=KEY)
    x = cr.zeros((2, 3, 8))
    with pytest.raises(ShapeError, match=r"the query takes a last axis of 8.*\(2, 3, 6\)"):
        layer(cr.zeros((2, 3, 6)))
    with pytest.raises(ShapeError, match="a value needs a key"):
        layer(x, value=x)
    with pytest.raises(ShapeError, match=r"needs \(2, 2, 8, 4\)"):
        layer.extend(x, layer.start(1, 8))
    with pytest.raises(IndexingError, match="room for 2 positions; 0 are in use, and 3 more"):
        layer.extend(x, layer.start(2, 2))
    decoder = nn.TransformerDecoderLayer(8, 2, key=KEY)
    with pytest.raises(ArgumentError, match="give them as memory"):
        decoder(x)
    alone = nn.TransformerDecoderLayer(8, 2, cross_attention=False, key=KEY)
    with pytest.raises(ArgumentError, match="made with cross_attention=False"):
        alone(x, x)
    model = nn.TransformerLM(5, 8, 2, 1, 8, key=KEY)
    with pytest.raises(ShapeError, match="at most max_length=8 tokens"):
        model(np.zeros((1, 9), int))
    with pytest.raises(IndexingError, match="index 5 is out of range"):
        model([[5]])
    assert flatten(model.start(1, 3))[0][0].shape == (1, 2, 8, 4)
