"""Data frames of pandas and Polars."""

import numpy as np
import pytest

from chainrule import data
from chainrule.core.errors import ArgumentError, DomainError, DTypeError

COLUMNS = {
    "size": [1.0, 2.5, 3.0],
    "rooms": [2, 3, 4],
    "garden": [True, False, True],
    "price": [10.0, 19.0, 30.0],
    "kind": [0, 1, 1],
    "city": ["Bern", "Rome", "Bern"],
}


@pytest.fixture(params=["pandas", "polars"])
def frames(request):
    return pytest.importorskip(request.param)


def test_columns_become_inputs_and_targets(frames):
    frame = frames.DataFrame({name: COLUMNS[name] for name in ("size", "rooms", "garden", "kind")})
    found = data.Dataset.from_frame(frame, "kind", name="houses")
    assert found.inputs.dtype == np.float64
    np.testing.assert_array_equal(found.inputs, [[1.0, 2, 1], [2.5, 3, 0], [3.0, 4, 1]])
    np.testing.assert_array_equal(found.targets, [0, 1, 1])
    assert found.targets.dtype == np.int64
    assert found.name == "houses"


def test_columns_may_be_chosen(frames):
    frame = frames.DataFrame(COLUMNS)
    found = data.Dataset.from_frame(
        frame, ["price", "size"], inputs=["rooms", "garden"], dtype="float32"
    )
    assert found.inputs.dtype == np.float32
    np.testing.assert_array_equal(found.inputs, [[2, 1], [3, 0], [4, 1]])
    np.testing.assert_array_equal(found.targets, [[10.0, 1.0], [19.0, 2.5], [30.0, 3.0]])


def test_boolean_targets_are_classes(frames):
    frame = frames.DataFrame(COLUMNS)
    assert data.Dataset.from_frame(frame, "garden", inputs=["size"]).targets.tolist() == [1, 0, 1]


def test_text_and_categories_are_refused(frames):
    frame = frames.DataFrame(COLUMNS)
    with pytest.raises(DTypeError, match=r"column 'city' is .* holds no numbers \('Bern'\)"):
        data.Dataset.from_frame(frame, "price")
    kind = "category" if frames.__name__ == "pandas" else frames.Categorical
    column = frame["city"].astype(kind) if kind == "category" else frame["city"].cast(kind)
    with pytest.raises(DTypeError, match="dummies"):
        data.Dataset.from_frame(frames.DataFrame({"x": [1, 2, 3], "y": column}), "y")


def test_times_are_refused(frames):
    times = np.array(["2020-01-01", "2020-01-02"], "datetime64[ms]")
    with pytest.raises(DTypeError, match=r"'when' .* seconds"):
        data.Dataset.from_frame(frames.DataFrame({"when": times, "y": [1, 2]}), "y")


@pytest.mark.parametrize("values", [[1.0, None, 2.0], [1, None, 2], [True, None, False]])
def test_missing_values_are_told(frames, values):
    frame = frames.DataFrame({"x": values, "y": [0, 1, 1]})
    with pytest.raises(DomainError, match=r"column 'x' has 1 missing or infinite .* row 1"):
        data.Dataset.from_frame(frame, "y")


def test_nullable_columns_of_pandas():
    pandas = pytest.importorskip("pandas")
    whole = pandas.Series([1, 2, 3], dtype="Int64")
    frame = pandas.DataFrame({"x": whole, "y": [0, 1, 1]})
    assert data.Dataset.from_frame(frame, "y").inputs[:, 0].tolist() == [1, 2, 3]
    frame["x"] = pandas.Series([1, None, 3], dtype="Int64")
    with pytest.raises(DomainError, match="1 missing"):
        data.Dataset.from_frame(frame, "y")
    twice = pandas.DataFrame([[1, 2]], columns=["a", "a"])
    with pytest.raises(DomainError, match="has 2 columns 'a'"):
        data.Dataset.from_frame(twice, "a")


def test_columns_that_are_not_there_are_told(frames):
    frame = frames.DataFrame({"x": [1.0], "y": [2.0]})
    with pytest.raises(DomainError, match="no column 'z'; its columns are 'x', 'y'"):
        data.Dataset.from_frame(frame, "z")
    with pytest.raises(DomainError, match="no column of inputs"):
        data.Dataset.from_frame(frame, ["x", "y"])


def test_inputs_are_floating_point(frames):
    frame = frames.DataFrame({"x": np.float32([1, 2]), "z": np.int8([1, 2]), "y": [1, 2]})
    assert data.Dataset.from_frame(frame, "y").inputs.dtype == np.float32
    assert data.Dataset.from_frame(frame, "y", ["z"]).inputs.dtype == np.float64
    with pytest.raises(DTypeError, match="floating-point one, not int64"):
        data.Dataset.from_frame(frame, "y", dtype="int64")


def test_what_is_no_frame_is_told():
    with pytest.raises(ArgumentError, match="not a ndarray"):
        data.Dataset.from_frame(np.zeros((2, 2)), "y")
