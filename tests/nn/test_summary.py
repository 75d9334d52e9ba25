from itertools import pairwise

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.core.errors import TraceError

KEY = cr.random.key(0)


def table(model, *inputs):
    """Rows of cells by path, with numbers as they are printed."""
    text = model.summary(*inputs)
    head, *lines = text.splitlines()
    starts = [head.index(name) for name in ("path", "layer", "output")]
    right = [head.index(n) + len(n) for n in ("parameters", "flops", "activations")]
    rows = {}
    for line in lines[:-1]:
        cells = [line[a:b].strip() for a, b in zip(starts, [*starts[1:], None], strict=True)]
        output = cells[2].rpartition(")")[0] + ")"
        edges = [starts[2] + len(output), *right]
        numbers = [line[a:b].strip() for a, b in pairwise(edges)]
        rows[cells[0]] = [cells[1], output, *numbers]
    return rows, lines[-1]


def zeros(*shape):
    return cr.zeros(shape, dtype="float32")


def test_shapes_parameters_operations_and_activations():
    model = nn.MLP(4, (5,), 3, key=KEY, activation="tanh")
    rows, sizes = table(model, zeros(2, 4))
    assert rows == {
        "layers.0": ["Linear(4, 5)", "(2, 5)", "25", str(2 * 2 * 4 * 5 + 10), "0"],
        "layers.1": ["Tanh()", "(2, 5)", "0", "10", "40 B"],  # tanh' = 1 - y²
        "layers.2": ["Linear(5, 3)", "(2, 3)", "18", str(2 * 2 * 5 * 3 + 6), "0"],
        "total": ["MLP", "(2, 3)", "43", "166", "40 B"],
    }
    assert sizes == "trainable: 43 numbers, 172 B; buffers: 0 numbers, 0 B"


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.Linear(8, 16, bias=False, key=KEY), (32, 8)),
        (nn.Conv2d(3, 4, 3, padding=1, bias=False, key=KEY), (2, 3, 8, 8)),
        (nn.Conv1d(4, 6, 3, stride=2, groups=2, bias=False, key=KEY), (2, 4, 9)),
    ],
)
def test_products_take_what_the_compiler_counts(layer, shape):
    (row, _), _ = table(layer, zeros(*shape))[0].values(), None
    compiled = cr.compile(lambda model, x: model(x))
    counted = compiled.report(layer, zeros(*shape)).flops
    assert row[3] == f"{counted}" or row[3] == f"{counted / 1000:.3g} k"


def test_a_loop_takes_the_operations_of_all_its_steps():
    def operations(length):
        model = nn.RNN(2, 3, key=KEY)
        row = table(model, zeros(1, length, 2))[0]["(model)"]
        return int(row[3]), row[4]

    (one, _), (two, kept) = operations(5), operations(10)
    bias = 3  # the sum of both biases, once
    assert two - bias == 2 * (one - bias)
    # in each step tanh' = 1 - y², and the state before it, which the gradient of W_hh reads
    assert kept == f"{10 * 3 * 4 * 2} B"


def test_layers_inside_are_indented_and_have_their_own_numbers():
    model = nn.TransformerLM(20, 8, 2, 2, max_length=16, dropout=0.1, key=KEY)
    text = model.summary([[1, 2, 3]])
    lines = text.splitlines()
    assert max(map(len, lines)) <= 100
    assert any(line.startswith("decoder.layers.1  TransformerDecoderLayer") for line in lines)
    assert any(line.startswith("  self_attn ") for line in lines)
    assert any(line.startswith("    out_proj ") for line in lines)
    column = slice(lines[0].index("output") + 10, lines[0].index("parameters") + 10)
    numbers = [int(line[column].split()[-1].replace(",", "")) for line in lines[1:-1]]
    assert sum(numbers[:-1]) == numbers[-1] == sum(p.size for p in model.parameters().values())


def test_the_model_stays_as_it_is():
    model = nn.Sequential(nn.Dropout(0.5, key=KEY), nn.BatchNorm(3))
    before = {path: x.numpy().copy() for path, x in model.state_dict().items()}
    model.summary(zeros(4, 3))
    for path, x in model.state_dict().items():
        assert not x.is_traced
        np.testing.assert_array_equal(x.numpy(), before[path])


def test_a_shared_layer_has_one_line():
    layer = nn.Linear(4, 4, key=KEY)
    rows, _ = table(nn.Sequential(layer, cr.tanh, layer), zeros(2, 4))
    assert rows["layers.0"][:4] == ["Linear(4, 4) ×2", "(2, 4)", "20", str(2 * (2 * 2 * 16 + 8))]
    assert rows["(model)"][3:] == ["8", "32 B"]
    assert rows["total"][2] == "20"


def test_a_module_that_is_not_called_counts_where_it_is_used():
    class Tied(nn.Module):
        def __init__(self):
            self.table = nn.Embedding(5, 3, key=KEY)

        def __call__(self, x):
            return x @ self.table.weight.T

    rows, _ = table(Tied(), zeros(2, 3))
    assert rows["(model)"] == ["Tied()", "(2, 5)", "15", "60", "0"]


def test_pytrees_and_integers_are_taken():
    class Looked(nn.Module):
        def __init__(self):
            self.table = nn.Embedding(5, 3, key=KEY)

        def __call__(self, batch):
            return {"rows": self.table(batch["ids"]) * batch["scale"]}

    batch = {"ids": cr.tensor([1, 2]), "scale": zeros(1)}
    rows, _ = table(Looked(), batch)
    assert rows["total"][1] == "(2, 3)"


def test_a_checkpoint_keeps_its_input_only():
    class Deep(nn.Module):
        def __init__(self, wrap):
            self.layer = nn.Linear(4, 4, key=KEY)
            self.wrap = wrap

        def __call__(self, x):
            h = self.layer(x)
            return self.wrap(lambda h: cr.tanh(cr.tanh(cr.tanh(h))))(h)

    kept = [table(Deep(wrap), zeros(2, 4))[0]["total"][4] for wrap in (lambda f: f, cr.checkpoint)]
    assert kept == ["96 B", "32 B"]


def test_attention_of_long_sequences_keeps_no_scores():
    layer = nn.MultiheadAttention(8, 2, key=KEY)
    short, long = (table(layer, zeros(1, length, 8))[0]["total"][4] for length in (512, 1024))
    assert short.endswith("MiB") and long.endswith("KiB")


def test_without_parameters_nothing_is_kept():
    rows, sizes = table(nn.Sequential(nn.Tanh(), nn.Tanh()), zeros(2, 4))
    assert rows["total"][2:] == ["0", "16", "0"]
    assert sizes.startswith("trainable: 0 numbers")


def test_a_network_that_asks_for_values_says_so():
    class Branching(nn.Module):
        def __call__(self, x):
            return x if x.sum() > 0 else -x

    with pytest.raises(TraceError, match="cond"):
        Branching().summary(zeros(2))
