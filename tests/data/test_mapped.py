"""Files that are read batch by batch."""

import numpy as np
import pytest

from chainrule import data
from chainrule.core.errors import DomainError, DTypeError, ShapeError

X = np.arange(40.0).reshape(20, 2)
Y = np.arange(20) % 2


@pytest.fixture
def files(tmp_path):
    np.save(tmp_path / "x.npy", X)
    np.save(tmp_path / "y.npy", Y)
    return data.Dataset.from_files(tmp_path / "x.npy", tmp_path / "y.npy", "files")


def test_files_hold_what_was_saved(files):
    assert isinstance(files.inputs, np.memmap)
    assert files.is_mapped
    assert not data.Dataset(X, Y).is_mapped
    assert repr(files) == "Dataset(files: 20 examples, inputs (2,) float64, targets () int64)"
    np.testing.assert_array_equal(files.inputs, X)


def test_nothing_is_read_before_a_batch(tmp_path):
    values = X.copy()
    values[17, 1] = np.nan
    np.save(tmp_path / "x.npy", values)
    mapped = data.Dataset(data.open_npy(tmp_path / "x.npy"), Y)  # does not look for it
    loader = data.Loader(mapped, 5, shuffle=False)
    found = loader.epoch(1)
    for _ in range(3):
        next(found)
    with pytest.raises(DomainError, match=r"batch 3 of epoch 1: the inputs hold .* row 2"):
        next(found)


@pytest.mark.parametrize("prefetch", [0, 2])
def test_batches_are_those_of_the_array(files, prefetch):
    mapped = data.Loader(files, 6, prefetch=prefetch).epoch(2, dtype="float32")
    memory = data.Loader((X, Y), 6).epoch(2, dtype="float32")
    for (x, y), (a, b) in zip(mapped, memory, strict=True):
        np.testing.assert_array_equal(x.numpy(), a.numpy())
        np.testing.assert_array_equal(y.numpy(), b.numpy())
        assert type(x.numpy()) is np.ndarray


def test_a_split_stays_on_the_disk(files):
    train, validation, test = files.split(test=0.2, validation=0.2, seed=1)
    wanted = data.Dataset(X, Y).split(test=0.2, validation=0.2, seed=1)
    for part, expected in zip((train, validation, test), wanted, strict=True):
        assert part.is_mapped
        assert part.inputs.shape == expected.inputs.shape
        np.testing.assert_array_equal(np.asarray(part.inputs), expected.inputs)
        np.testing.assert_array_equal(part.targets[:], expected.targets)
    again = train.take([3, 1])
    assert again.is_mapped
    np.testing.assert_array_equal(np.asarray(again.inputs), wanted[0].inputs[[3, 1]])
    np.testing.assert_array_equal(train.inputs[2:5, 0], wanted[0].inputs[2:5, 0])
    np.testing.assert_array_equal(train.inputs[4], wanted[0].inputs[4])
    np.testing.assert_array_equal(train.inputs[4, 1], wanted[0].inputs[4, 1])


def test_bare_numbers_may_be_mapped(tmp_path):
    X.astype("<f4").tofile(tmp_path / "x.bin")
    mapped = np.memmap(tmp_path / "x.bin", "<f4", "r", shape=(20, 2))
    dataset = data.Dataset(mapped, Y)
    assert dataset.is_mapped
    x, _ = next(data.Loader(dataset, 20, shuffle=False).epoch(1))
    np.testing.assert_array_equal(x.numpy(), X)


def test_numbers_in_the_other_byte_order_are_read(tmp_path):
    np.save(tmp_path / "x.npy", X.astype(">f8"))
    x, _ = next(data.Loader((data.open_npy(tmp_path / "x.npy"), Y), 20, shuffle=False).epoch(1))
    assert x.dtype == np.dtype("=f8")
    np.testing.assert_array_equal(x.numpy(), X)


def test_bad_files_are_refused(tmp_path):
    np.save(tmp_path / "objects.npy", np.array([1, "a", None], dtype=object))
    np.save(tmp_path / "words.npy", np.array(["a", "b"]))
    np.savez(tmp_path / "many.npz", x=X)
    (tmp_path / "text.npy").write_text("1, 2, 3")
    np.save(tmp_path / "x.npy", X)
    np.save(tmp_path / "y.npy", Y[1:])
    for name, error, words in [
        ("objects.npy", DTypeError, "holds Python objects"),
        ("words.npy", DTypeError, "words.npy: dtype <U1 is not supported"),
        ("many.npz", DomainError, "archive of arrays"),
        ("text.npy", DomainError, "no .npy file"),
    ]:
        with pytest.raises(error, match=words):
            data.open_npy(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        data.open_npy(tmp_path / "nowhere.npy")
    with pytest.raises(ShapeError, match="20 inputs but 19 targets"):
        data.Dataset.from_files(tmp_path / "x.npy", tmp_path / "y.npy")
