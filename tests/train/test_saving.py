import json
import os
import zipfile

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, train
from chainrule.core.errors import ArgumentError


def network(seed=0, hidden=3):
    return nn.MLP(2, (hidden,), 2, key=cr.random.key(seed))


def same(one, other):
    return all(
        np.array_equal(value.numpy(), other.state_dict()[path].numpy())
        for path, value in one.state_dict().items()
    )


def test_round_trip(tmp_path):
    model, other = network(0), network(1)
    path = train.save(model, tmp_path / "new" / "model.npz", {"accuracy": 0.5})
    assert not same(model, other)
    assert train.load(other, path) is other
    assert same(model, other)
    assert other.layers[0].weight.requires_grad
    assert train.read_metadata(path) == {"accuracy": 0.5}
    assert [file.name for file in path.parent.iterdir()] == ["model.npz"]


def test_numpy_alone_reads_the_file(tmp_path):
    model = network()
    with np.load(train.save(model, tmp_path / "model.npz"), allow_pickle=False) as arrays:
        np.testing.assert_array_equal(arrays["layers.0.weight"], model.layers[0].weight.numpy())


def test_any_attribute_name_can_be_saved(tmp_path):
    class Named(nn.Module):
        file: cr.Tensor
        allow_pickle: cr.Tensor

    model = Named(cr.tensor(1.0), cr.tensor(2.0))
    other = Named(cr.tensor(0.0), cr.tensor(0.0))
    train.load(other, train.save(model, tmp_path / "m.npz"))
    assert (other.file.item(), other.allow_pickle.item()) == (1.0, 2.0)


def test_another_architecture_lists_what_differs(tmp_path):
    path = train.save(network(hidden=3), tmp_path / "model.npz")
    other = nn.MLP(2, (4, 5), 2, key=cr.random.key(1))
    before = {name: value.numpy() for name, value in other.state_dict().items()}
    with pytest.raises(train.SavedModelError) as caught:
        train.load(other, path)
    text = str(caught.value)
    for words in (
        "another architecture",
        "layers.0.weight: shape (3, 2), expected (4, 2)",
        "layers.4.bias: missing, expected (2,)",
        "Linear(2, 3)",
    ):
        assert words in text
    for name, value in before.items():
        np.testing.assert_array_equal(other.state_dict()[name].numpy(), value)


def test_another_dtype_is_refused(tmp_path):
    path = train.save(network(), tmp_path / "model.npz")
    other = nn.MLP(2, (3,), 2, key=cr.random.key(1), dtype="float64")
    with pytest.raises(train.SavedModelError, match="float32 in the file, float64 in the model"):
        train.load(other, path)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.6, 0.999])
def test_a_truncated_file_is_refused(tmp_path, share):
    path = train.save(network(), tmp_path / "model.npz")
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    model = network(1)
    with pytest.raises(train.SavedModelError, match="damaged"):
        train.load(model, path)
    assert same(model, network(1))


def test_a_flipped_bit_is_found(tmp_path):
    path = train.save(network(), tmp_path / "model.npz")
    content = bytearray(path.read_bytes())
    wanted = network().layers[0].weight.numpy().tobytes()
    content[content.index(wanted) + 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(train.SavedModelError, match="damaged"):
        train.load(network(1), path)


def test_other_files_are_refused(tmp_path):
    np.savez(tmp_path / "arrays.npz", a=np.zeros(2))
    np.save(tmp_path / "array.npy", np.zeros(2))
    (tmp_path / "text.npz").write_text("hello")
    np.save(tmp_path / "pickle.npy", np.array([object()]), allow_pickle=True)
    with zipfile.ZipFile(tmp_path / "empty.npz", "w"):
        pass
    for file in sorted(tmp_path.iterdir()):
        with pytest.raises(train.SavedModelError):
            train.load(network(), file)
    with pytest.raises(FileNotFoundError):
        train.load(network(), tmp_path / "none.npz")


@pytest.mark.parametrize("failing", ["replace", "fsync"])
def test_a_failure_while_saving_keeps_the_old_file(tmp_path, monkeypatch, failing):
    path = train.save(network(0), tmp_path / "model.npz")

    def fail(*args):
        raise OSError("No space left on device")

    monkeypatch.setattr(os, failing, fail)
    with pytest.raises(OSError, match="No space left"):
        train.save(network(1), path)
    monkeypatch.undo()
    assert same(train.load(network(2), path), network(0))
    assert [file.name for file in tmp_path.iterdir()] == ["model.npz"]


def test_metadata_must_be_json(tmp_path):
    with pytest.raises(TypeError):
        train.save(network(), tmp_path / "model.npz", {"key": object()})
    assert not list(tmp_path.iterdir())


def test_no_single_wrong_byte_gives_another_error(tmp_path):
    path = train.save(nn.Linear(1, 1, key=cr.random.key(0)), tmp_path / "model.npz", {"a": 1})
    whole = path.read_bytes()
    original = nn.Linear(1, 1, key=cr.random.key(0))
    refused = 0
    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= (0x01, 0x10, 0xFF)[place % 3]
        path.write_bytes(damaged)
        model = nn.Linear(1, 1, key=cr.random.key(1))
        try:
            train.load(model, path)
        except train.SavedModelError:
            refused += 1
            assert same(model, nn.Linear(1, 1, key=cr.random.key(1)))
        else:  # it was a date, or something else that says nothing about the arrays
            assert same(model, original)
    assert refused > len(whole) // 2


@pytest.mark.parametrize(
    "description",
    [
        [1, 2],
        "text",
        {"format": "chainrule-model", "version": 1},
        {"format": "chainrule-model", "version": 1, "architecture": "", "metadata": [1]},
        {"format": "chainrule-model", "version": 2, "architecture": "", "metadata": {}},
    ],
)
def test_a_wrong_description_is_refused(tmp_path, description):
    text = np.frombuffer(json.dumps(description).encode(), dtype=np.uint8)
    np.savez(tmp_path / "m.npz", __description__=text, weight=np.ones((1, 1)))
    for read in (train.read_metadata, lambda path: train.load(network(), path)):
        with pytest.raises(train.SavedModelError):
            read(tmp_path / "m.npz")


def test_a_folder_is_no_damaged_file(tmp_path):
    with pytest.raises(OSError, match="directory"):
        train.load(network(), tmp_path)


@pytest.mark.parametrize("function", [train.save, train.load])
def test_model_and_path_in_the_wrong_order_are_refused(tmp_path, function):
    with pytest.raises(ArgumentError, match=r"\(model, path\) takes a module.* got str and MLP"):
        function(str(tmp_path / "m.npz"), network())
    with pytest.raises(ArgumentError, match="got the class Linear and str"):
        function(nn.Linear, "m.npz")
    assert not list(tmp_path.iterdir())


def test_a_failure_names_the_file_that_was_asked_for(tmp_path, monkeypatch):
    def fail(source, target):
        raise PermissionError(13, "Permission denied", str(source), None, str(target))

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(PermissionError) as caught:
        train.save(network(), tmp_path / "m.npz")
    assert str(caught.value) == f"[Errno 13] Permission denied: {str(tmp_path / 'm.npz')!r}"
