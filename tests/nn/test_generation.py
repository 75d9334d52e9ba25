import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.core.errors import ArgumentError, DomainError, DTypeError, ShapeError
from chainrule.nn.generation import _sizes

RNG = np.random.default_rng(0)
KEY = cr.random.key(0)


def transformer(positions="learned", **options):
    return nn.TransformerLM(
        13, 8, 2, 2, max_length=32, positions=positions, key=KEY, dtype="float64", **options
    )


def recurrent(kind=nn.LSTM):
    network = kind(6, 8, 2, key=KEY, dtype="float64")
    return nn.RecurrentLM(13, network, key=cr.random.key(1))


MODELS = {
    "learned": transformer,
    "sinusoidal": lambda: transformer("sinusoidal"),
    "rotary, grouped": lambda: transformer("rotary", num_kv_heads=1),
    "LSTM": recurrent,
    "GRU": lambda: recurrent(nn.GRU),
}


@pytest.mark.parametrize("name", MODELS)
def test_logits_of_every_step_are_those_of_the_whole_sequence(name):
    model = MODELS[name]()
    tokens = cr.tensor(RNG.integers(0, 13, (2, 9)))
    whole = model(tokens).numpy()
    step = cr.compile(lambda m, tokens, state: m.extend(tokens, state), donate=(2,))
    state, first = model.start(2, 9), 0
    for size in (4, 1, 1, 2, 1):
        logits, state = step(model, tokens[:, first : first + size], state)
        np.testing.assert_allclose(
            logits.numpy(), whole[:, first : first + size], rtol=1e-10, atol=1e-12
        )
        first += size
    assert not step.report().fallbacks


@pytest.mark.parametrize("name", MODELS)
def test_the_likeliest_tokens_are_those_of_the_whole_sequence(name):
    model = MODELS[name]()
    prompt = RNG.integers(0, 13, (2, 5))
    found = nn.generate(model, prompt, 6, temperature=0).numpy()
    expected = prompt
    for _ in range(6):
        following = model(expected).numpy()[:, -1].argmax(axis=-1)
        expected = np.concatenate([expected, following[:, None]], axis=1)
    np.testing.assert_array_equal(found, expected)


def test_the_step_is_traced_once_for_each_size_of_piece(monkeypatch):
    model = transformer()
    calls = []
    extend = nn.TransformerLM.extend

    def counted(self, tokens, state):
        calls.append(tokens.shape)
        return extend(self, tokens, state)

    monkeypatch.setattr(nn.TransformerLM, "extend", counted)
    run = lambda length, seed: nn.generate(
        model, np.zeros(length, int), 20, key=cr.random.key(seed), top_k=7
    )
    run(6, 0)
    assert sorted(calls) == [(1, 1), (1, 2), (1, 4)]
    run(7, 1)
    run(2, 2)
    assert len(calls) == 3


def test_a_key_decides_and_draws_follow_the_probabilities():
    class Constant(nn.Module):
        """Always the same logits."""

        logits: cr.Tensor

        def start(self, batch_size, length):
            return cr.zeros((batch_size,))

        def extend(self, tokens, state):
            return cr.broadcast_to(self.logits, (*tokens.shape, 4)), state

    p = np.array([0.5, 0.3, 0.15, 0.05])
    model = Constant(cr.tensor(np.log(p)))
    draw = lambda seed, **options: nn.generate(
        model, np.zeros((500, 1), int), 8, key=cr.random.key(seed), **options
    ).numpy()[:, 1:]
    assert (draw(0) == draw(0)).all() and (draw(0) != draw(1)).any()

    def close(tokens, expected):
        share = np.bincount(tokens.ravel(), minlength=4) / tokens.size
        # five standard errors of the largest variance
        np.testing.assert_allclose(share, expected, atol=5 * np.sqrt(0.25 / tokens.size))

    close(draw(2), p)
    close(draw(3, temperature=0.5), p**2 / (p**2).sum())
    close(draw(4, top_k=2), [0.625, 0.375, 0, 0])
    assert not (draw(4, top_k=2) > 1).any()
    assert not draw(5, temperature=0).any()


@pytest.mark.parametrize("temperature", [1e-30, 1e-40, 1e-60])
def test_temperatures_near_zero_take_the_likeliest(temperature):
    model, prompt = transformer(), [[1, 2], [3, 4]]
    found = nn.generate(model, prompt, 5, key=cr.random.key(1), temperature=temperature)
    assert found.tolist() == nn.generate(model, prompt, 5, temperature=0).tolist()


def test_the_model_stays_as_it_is():
    model = transformer(dropout=0.5)
    before = {path: x.numpy().copy() for path, x in model.state_dict().items()}
    one, two = (nn.generate(model, [1, 2], 4, temperature=0) for _ in range(2))
    assert (one == two).all()
    assert model.training and model.decoder.layers[0].training
    for path, x in model.state_dict().items():
        np.testing.assert_array_equal(x.numpy(), before[path])


def test_pieces_of_a_prompt():
    for length in range(1, 70):
        pieces = _sizes(length)
        assert sum(pieces) == length
        assert pieces == sorted(set(pieces), reverse=True)
    assert _sizes(300) == [128, 128, 32, 8, 4]


def test_bad_input():
    model = transformer()
    with pytest.raises(ShapeError, match="33 tokens does not fit, max_length is 32"):
        nn.generate(model, np.zeros(30, int), 4, temperature=0)
    assert nn.generate(model, np.zeros(29, int), 4, temperature=0).shape == (33,)
    with pytest.raises(ArgumentError, match="random key"):
        nn.generate(model, [1], 2)
    with pytest.raises(DomainError, match="temperature"):
        nn.generate(model, [1], 2, temperature=-1.0)
    with pytest.raises(DomainError, match="top_k"):
        nn.generate(model, [1], 2, key=KEY, top_k=0)
    with pytest.raises(DomainError, match="steps"):
        nn.generate(model, [1], 0, key=KEY)
    with pytest.raises(ShapeError, match="at least one token"):
        nn.generate(model, np.zeros((2, 0), int), 2, key=KEY)
    with pytest.raises(DTypeError, match="integers"):
        nn.generate(model, [1.0], 2, key=KEY)
    with pytest.raises(ArgumentError, match="Linear has no start"):
        nn.generate(nn.Linear(2, 2, key=KEY), [1], 2, key=KEY)
    with pytest.raises(DomainError, match="reads backward too"):
        nn.RecurrentLM(5, nn.GRU(2, 3, bidirectional=True, key=KEY), key=KEY)
