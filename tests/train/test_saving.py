import io
import os

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, train
from chainrule.core.errors import ArgumentError, DTypeError
from chainrule.train import safetensors
from chainrule.train.files import write_described


def network(seed=0, hidden=3):
    return nn.MLP(2, (hidden,), 2, key=cr.random.key(seed))


def same(one, other):
    return all(
        np.array_equal(value.numpy(), other.state_dict()[path].numpy())
        for path, value in one.state_dict().items()
    )


def test_round_trip(tmp_path):
    model, other = network(0), network(1)
    path = train.save(model, tmp_path / "new" / "model.safetensors", {"accuracy": 0.5})
    assert not same(model, other)
    assert train.load(other, path) is other
    assert same(model, other)
    assert other.layers[0].weight.requires_grad
    assert train.read_metadata(path) == {"accuracy": 0.5}
    assert [file.name for file in path.parent.iterdir()] == ["model.safetensors"]


def test_the_safetensors_package_reads_the_file(tmp_path):
    package = pytest.importorskip("safetensors.numpy")
    model = network()
    arrays = package.load_file(train.save(model, tmp_path / "model.safetensors"))
    assert list(arrays) == sorted(model.state_dict())
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(arrays[name], value.numpy())


def test_any_attribute_name_can_be_saved(tmp_path):
    class Named(nn.Module):
        file: cr.Tensor
        allow_pickle: cr.Tensor

    model = Named(cr.tensor(1.0), cr.tensor(2.0))
    other = Named(cr.tensor(0.0), cr.tensor(0.0))
    train.load(other, train.save(model, tmp_path / "m.safetensors"))
    assert (other.file.item(), other.allow_pickle.item()) == (1.0, 2.0)


def test_another_architecture_lists_what_differs(tmp_path):
    path = train.save(network(hidden=3), tmp_path / "model.safetensors")
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
    path = train.save(network(), tmp_path / "model.safetensors")
    other = nn.MLP(2, (3,), 2, key=cr.random.key(1), dtype="float64")
    with pytest.raises(train.SavedModelError, match="float32 in the file, float64 in the model"):
        train.load(other, path)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.6, 0.999])
def test_a_truncated_file_is_refused(tmp_path, share):
    path = train.save(network(), tmp_path / "model.safetensors")
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    model = network(1)
    with pytest.raises(train.SavedModelError, match="damaged"):
        train.load(model, path)
    assert same(model, network(1))


def test_a_flipped_bit_is_found(tmp_path):
    path = train.save(network(), tmp_path / "model.safetensors")
    content = bytearray(path.read_bytes())
    wanted = network().layers[0].weight.numpy().tobytes()
    content[content.index(wanted) + 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(train.SavedModelError, match="damaged"):
        train.load(network(1), path)


def test_other_files_are_refused(tmp_path):
    np.savez(tmp_path / "arrays.npz", a=np.zeros(2))
    np.save(tmp_path / "array.npy", np.zeros(2))
    (tmp_path / "text.safetensors").write_text("hello")
    (tmp_path / "empty.safetensors").write_bytes(b"")
    with open(tmp_path / "other.safetensors", "wb") as file:
        safetensors.write(file, {"weight": np.zeros(2)}, {"format": "pt"})
    for path in sorted(tmp_path.iterdir()):
        with pytest.raises(train.SavedModelError):
            train.load(network(), path)
    with pytest.raises(FileNotFoundError):
        train.load(network(), tmp_path / "none.safetensors")


@pytest.mark.parametrize("failing", ["replace", "fsync"])
def test_a_failure_while_saving_keeps_the_old_file(tmp_path, monkeypatch, failing):
    path = train.save(network(0), tmp_path / "model.safetensors")

    def fail(*args):
        raise OSError("No space left on device")

    monkeypatch.setattr(os, failing, fail)
    with pytest.raises(OSError, match="No space left"):
        train.save(network(1), path)
    monkeypatch.undo()
    assert same(train.load(network(2), path), network(0))
    assert [file.name for file in tmp_path.iterdir()] == ["model.safetensors"]


def test_metadata_must_be_json(tmp_path):
    with pytest.raises(TypeError):
        train.save(network(), tmp_path / "model.safetensors", {"key": object()})
    assert not list(tmp_path.iterdir())


def test_no_single_wrong_byte_is_overlooked(tmp_path):
    path = train.save(
        nn.Linear(1, 1, key=cr.random.key(0)), tmp_path / "model.safetensors", {"a": 1}
    )
    whole = path.read_bytes()
    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= (0x01, 0x10, 0xFF)[place % 3]
        path.write_bytes(damaged)
        model = nn.Linear(1, 1, key=cr.random.key(1))
        with pytest.raises(train.SavedModelError):
            train.load(model, path)
        assert same(model, nn.Linear(1, 1, key=cr.random.key(1)))


@pytest.mark.parametrize(
    "description",
    [[1, 2], "text", {}, {"architecture": ""}, {"architecture": "", "metadata": [1]}],
)
def test_a_wrong_description_is_refused(tmp_path, description):
    path = write_described(tmp_path / "m", "chainrule-model", {"w": np.ones(1)}, description)
    for read in (train.read_metadata, lambda path: train.load(network(), path)):
        with pytest.raises(train.SavedModelError, match="its description has no"):
            read(path)


def test_a_folder_is_no_damaged_file(tmp_path):
    with pytest.raises(OSError, match="directory"):
        train.load(network(), tmp_path)


@pytest.mark.parametrize("function", [train.save, train.load])
def test_model_and_path_in_the_wrong_order_are_refused(tmp_path, function):
    with pytest.raises(ArgumentError, match=r"\(model, path\) takes a module.* got str and MLP"):
        function(str(tmp_path / "m.safetensors"), network())
    with pytest.raises(ArgumentError, match="got the class Linear and str"):
        function(nn.Linear, "m.safetensors")
    assert not list(tmp_path.iterdir())


def test_a_failure_names_the_file_that_was_asked_for(tmp_path, monkeypatch):
    def fail(source, target):
        raise PermissionError(13, "Permission denied", str(source), None, str(target))

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(PermissionError) as caught:
        train.save(network(), tmp_path / "m.safetensors")
    assert str(caught.value) == f"[Errno 13] Permission denied: {str(tmp_path / 'm.safetensors')!r}"


def forged(header, data=bytes(8)):
    """A file with a true checksum, of which anything else may be wrong."""
    header = safetensors._BEGINNING + safetensors._UNKNOWN.encode() + header
    header = safetensors._stamped(header, safetensors._digest(header, [data]))
    return len(header).to_bytes(8, "little") + header + data


def one(shape, offsets, dtype="F32"):
    entry = f'{{"dtype":"{dtype}","shape":{shape},"data_offsets":{offsets}}}'
    return entry.encode()


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (b'"},"a":' + one([2], [-8, 8]) + b"}", "whole numbers from 0"),
        (b'"},"a":' + one([-1], [0, 8]) + b"}", "whole numbers from 0"),
        (b'"},"a":' + one([2.0], [0, 8]) + b"}", "whole numbers from 0"),
        (b'"},"a":' + one("[true, 2]", [0, 8]) + b"}", "whole numbers from 0"),
        (b'"},"a":' + one([1], [4, 8]) + b"}", "a is not where it should be"),
        (b'"},"a":' + one([1], [0, 4]) + b',"b":' + one([2], [0, 8]) + b"}", "b is not where"),
        (b'"},"a":' + one([4], [0, 16]) + b"}", "a is not where"),
        (b'"},"a":' + one([2**62], [0, 2**64]) + b"}", "a is not where"),
        (b'"},"a":' + one([0, 10**30], [0, 0]) + b',"b":' + one([2], [0, 8]) + b"}", "dimension"),
        (b'"},"a":' + one([1], [0, 4]) + b"}", "more than its header says"),
        (b'"},"a":' + one([2], [0, 8]) + b',"a":' + one([2], [0, 8]) + b"}", "stands twice"),
        (b'"},"\xff":' + one([2], [0, 8]) + b"}", "utf-8"),
        (b'"},"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested too deeply"),
        (b'","description":"' + b"[" * 100_000 + b'"},"a":' + one([2], [0, 8]) + b"}", "recursion"),
        (b'","format":["chainrule-model"]}}', "not texts"),
        (b'"},"a":[1]}', "arrays by name"),
        (b'"},"a":' + one([1], [0, 8], "C64") + b"}", "C64"),
        (b'"}', "delimiter"),
    ],
)
def test_a_file_made_to_do_harm_is_refused(tmp_path, header, words):
    path = tmp_path / "m.safetensors"
    path.write_bytes(forged(header))
    with pytest.raises(train.SavedModelError, match=f"(?s)damaged.*{words}"):
        train.load(network(), path)


@pytest.mark.parametrize("length", [2**63, 2**64 - 1, 10**12])
def test_a_length_beyond_the_file_takes_no_memory(tmp_path, length):
    path = tmp_path / "m.safetensors"
    path.write_bytes(length.to_bytes(8, "little") + b"{}")
    with pytest.raises(train.SavedModelError, match="ends within its header"):
        train.load(network(), path)


ARRAYS = {
    "scalar": np.array(2.5),
    "empty": np.zeros((0, 3), "float32"),
    "flags": np.array([True, False, True]),
    "key": np.array([1, 2**32 - 1], "uint32"),
    "transposed": np.arange(6, dtype="int64").reshape(2, 3).T,
    "half": np.array([0.1, np.inf, np.nan], "float16"),
    "big": np.array([1.0, 2.0], ">f4"),
    **{name: np.array([0, 1, 100], name) for name in map(str, safetensors.DTYPES)},
}


def written(arrays, metadata):
    file = io.BytesIO()
    safetensors.write(file, arrays, metadata)
    return file.getvalue()


def test_every_dtype_and_shape_comes_back():
    arrays, metadata = safetensors.read(io.BytesIO(written(ARRAYS, {"a": '}{"', "sha": "0" * 64})))
    assert metadata == {"a": '}{"', "sha": "0" * 64}
    assert arrays.keys() == ARRAYS.keys()
    for name, value in ARRAYS.items():
        assert arrays[name].dtype == value.dtype.newbyteorder("=")
        assert arrays[name].flags.writeable and arrays[name].flags.aligned
        np.testing.assert_array_equal(arrays[name], value)


def test_the_safetensors_package_agrees():
    package = pytest.importorskip("safetensors.numpy")
    loaded = package.load(written(ARRAYS, {"by": "us"}))
    assert loaded.keys() == ARRAYS.keys()
    for name, value in ARRAYS.items():
        assert loaded[name].dtype == value.dtype.newbyteorder("=")
        np.testing.assert_array_equal(loaded[name], value)


def test_a_dtype_that_the_format_does_not_know_is_named():
    with pytest.raises(DTypeError, match="z: the safetensors format has no complex128"):
        written({"z": np.zeros(1, complex)}, {})
