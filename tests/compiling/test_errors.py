"""What goes wrong in compiled functions, and what the errors say."""

import numpy as np
import pytest

import chainrule as cr
from tests.compiling.steps import random

X = random(2, 3)
outside = None
shelf = []
drawer = {}


def branching(x):
    if x.sum() > 0:
        return x
    return -x


def looping(x):
    while x.sum() < 10:
        x = x * 2
    return x


def storing(x):
    global outside
    outside = x * 2
    return x


def appending(x):
    shelf.append(x * 2)
    return x


def filing(x):
    drawer["x"] = {"deep": [x * 2]}
    return x


# -- tracing ---------------------------------------------------------------------------------------

VALUES = {
    "if": (branching, r"truth value.*cr\.where or cr\.cond"),
    "while": (looping, r"truth value.*cr\.while_loop"),
    "float": (lambda x: x * float(x.sum()), r"float\(\) needs the value"),
    "int": (lambda x: x * int(x.sum()), r"int\(\) needs the value"),
    "item": (lambda x: x.sum().item(), r"item\(\) needs the value"),
    "numpy": (lambda x: x.numpy(), r"numpy\(\) needs the value"),
    "asarray": (lambda x: np.asarray(x), r"needs the value"),
    "range": (lambda x: [x for _ in range(x.astype("int64").sum())], "an index needs the value"),
    "mask": (lambda x: x[x > 0], r"boolean mask.*cr\.where"),
    "nonzero": (lambda x: cr.nonzero(x), "shape of the result depends on values"),
    "in": (lambda x: 1.0 in x, "needs the value"),
}


@pytest.mark.parametrize("name", VALUES)
def test_needing_a_value(name):
    function, message = VALUES[name]
    with pytest.raises(cr.TraceError, match=message) as caught:
        cr.compile(function)(X)
    assert __file__ in str(caught.value)
    assert isinstance(caught.value, TypeError)


def nonlocal_leak():
    kept = None

    def f(x):
        nonlocal kept
        kept = x
        return x

    return f, lambda: kept


@pytest.mark.parametrize("function", [storing, appending, filing, nonlocal_leak()[0]])
def test_storing_a_traced_tensor_outside(function):
    try:
        with pytest.raises(cr.TraceError, match=r"stored a traced tensor in the .* outside") as got:
            cr.compile(function)(X)
        assert __file__ in str(got.value)
    finally:
        shelf.clear()
        drawer.clear()


def test_changing_an_argument():
    def f(batch):
        batch["x"] = batch["x"] * 2
        return batch["x"]

    with pytest.raises(cr.TraceError, match="changed its argument at"):
        cr.compile(f)({"x": X})


def test_changing_what_holds_no_tensors_is_allowed():
    calls = []

    def counting(x):
        calls.append(len(calls))
        return x

    f = cr.compile(counting)
    f(X)
    f(X)
    assert calls == [0]


def test_printing_shows_a_type(capsys):
    def shown(x):
        print(x * 2)
        return x

    cr.compile(shown)(X)
    assert "traced float32[2,3]" in capsys.readouterr().out


def test_captured_parameters():
    w = cr.tensor([1.0, 2.0, 3.0], requires_grad=True)
    with pytest.raises(cr.TraceError, match="requires a gradient and is no argument"):
        cr.compile(lambda x: x @ w)(np.ones(3))
    assert cr.compile(lambda x: x @ w.detach())(np.ones(3)).item() == 6.0


def test_tensors_of_a_finished_trace():
    class Layer:
        def __call__(self, x):
            self.last = x
            return x

    layer = Layer()
    cr.compile(layer)(X)
    with pytest.raises(cr.TraceError, match="needs the value of a traced tensor"):
        layer.last.numpy()
    with pytest.raises(cr.TraceError, match="kept from another trace"):
        cr.compile(lambda x: x + layer.last)(X)


def test_mistakes_in_the_function_keep_their_line():
    with pytest.raises(cr.ShapeError, match=r"matmul: shapes \(2, 3\) and \(2, 3\)") as caught:
        cr.compile(lambda x: x @ x)(X)
    assert __file__ in str(caught.value)


# -- arguments -------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", ["relu", b"relu", len, cr.relu])
def test_arguments_that_are_no_arrays(given):
    with pytest.raises(cr.ChainRuleError, match=r"argument 'how' is a .*arrays and numbers") as got:
        cr.compile(lambda x, how: x)(X, given)
    assert "cr.compile(f, static='how')" in str(got.value)


@pytest.mark.parametrize("given", [1j, np.array([object()]), object(), np.array("2020", "M8[Y]")])
def test_dtypes_without_a_calculus(given):
    with pytest.raises(cr.ChainRuleError, match=r"argument 'x' at 1 is a .*arrays and numbers"):
        cr.compile(lambda x: x)([X, given])


def test_wrong_number_of_arguments():
    f = cr.compile(lambda x, y: x + y)
    with pytest.raises(TypeError, match="missing 1 required positional argument"):
        f(X)
    with pytest.raises(TypeError, match="unexpected keyword"):
        f(X, X, z=X)
    f(X, X)
    with pytest.raises(TypeError):
        f(X, X, X)
    f(X, X)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threads": 0}, "at least 1"),
        ({"threads": 1.5}, "an integer"),
        ({"accuracy": "high"}, '"default" or "fast"'),
        ({"memory": "many"}, "like '512MiB'"),
        ({"memory": -1}, "at least 0"),
        ({"donate": "x"}, "positions"),
    ],
)
def test_options(options, message):
    with pytest.raises(cr.ChainRuleError, match=message):
        cr.compile(lambda x: x, **options)


def test_no_function():
    with pytest.raises(cr.ChainRuleError, match="takes a function"):
        cr.compile(3)


# -- looking up ------------------------------------------------------------------------------------

LOOKUPS = {
    "rows": (lambda x, i: x[i], (6, 4)),
    "elements": (lambda x, i: x[i, i % 4], (6, 4)),
    "vector": (lambda x, i: x[i] * 2, (6,)),
    "summed": (lambda x, i: (x[i] * x[i]).sum(), (6, 33)),
    "padded": (lambda x, i: cr.pad(x, ((0, 0), (1, 1)))[i], (6, 4)),
    "joined": (lambda x, i: cr.concatenate([x[:3], 2 * x[3:]])[i], (6, 5)),
    "gradient": (lambda x, i: cr.grad(lambda x: (x[i] ** 2).sum())(x), (6, 3)),
}


@pytest.mark.parametrize("name", LOOKUPS)
@pytest.mark.parametrize("wrong", [6, -7, 1 << 40, -(1 << 62)])
def test_places_outside_an_axis(name, wrong):
    function, shape = LOOKUPS[name]
    x = random(*shape)
    f = cr.compile(function)
    right = np.array([0, 5, -6, -1, 2] * 5)
    for _ in range(2):
        for position in (0, 7, 24):
            places = right.copy()
            places[position] = wrong
            message = (
                rf"index {wrong} is outside axis 0 of size 6; indices go from -6 to 5, made at"
            )
            with pytest.raises(cr.IndexingError, match=message) as caught:
                f(x, places)
            assert __file__ in str(caught.value)
            assert isinstance(caught.value, IndexError)
        found, wanted = f(x, right), function(cr.tensor(x), right)
        np.testing.assert_allclose(found.numpy(), wanted.numpy(), rtol=1e-5)


def test_donated_arguments_after_a_wrong_index():
    x, i = cr.tensor(random(6)), np.array([0, 6])
    f = cr.compile(lambda x, i: (x * 2, x[i]), donate=0)
    f(cr.tensor(random(6)), np.array([0, 1]))
    before = x.numpy().copy()
    for _ in range(2):
        with pytest.raises(cr.IndexingError):
            f(x, i)
        np.testing.assert_array_equal(x.numpy(), before)


def test_places_of_narrow_dtypes():
    x = np.arange(200.0)
    f = cr.compile(lambda x, i: x[i])
    np.testing.assert_array_equal(f(x, np.array([199, 128], np.uint8)).numpy(), [199, 128])
    np.testing.assert_array_equal(f(x, np.array([-1, -128], np.int8)).numpy(), [199, 72])
    with pytest.raises(cr.IndexingError):
        f(x, np.array([200], np.uint8))


def test_nothing_outside_is_read():
    """The last page before one that must not be touched holds the array."""
    import ctypes
    import mmap

    page = mmap.PAGESIZE
    memory = mmap.mmap(-1, 2 * page)
    start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.mprotect(ctypes.c_void_p(start + page), ctypes.c_size_t(page), 0) == 0
    for count in (1, 3, 7, 15, 16, 17, 31, 33):
        for dtype in ("float32", "float64", "int8", "float16"):
            size = count * np.dtype(dtype).itemsize
            raw = (ctypes.c_uint8 * size).from_address(start + page - size)
            x = np.frombuffer(raw, dtype)
            x[...] = np.arange(count)
            f = cr.compile(
                lambda x: (x + x, x[::2] * x[1:2], x.sum(), x[::-1], cr.pad(x, 2), x.max(), x[-1:])
            )
            found, wanted = f(x), np.arange(count).astype(dtype)
            np.testing.assert_array_equal(found[0].numpy(), wanted + wanted)
            places = np.frombuffer(
                (ctypes.c_uint8 * (8 * count)).from_address(start + page - 8 * count), np.int64
            )
            places[...] = 0
            looked = cr.compile(lambda x, i: cr.pad(x, 1)[i] + x[i])(np.ones(3), places)
            np.testing.assert_array_equal(looked.numpy(), np.ones(count))


# -- finite numbers --------------------------------------------------------------------------------


def test_check_finite_names_the_operation_and_its_line():
    def f(x):
        y = x * 2
        z = cr.log(y)  # here
        return (z + 1).sum()

    compiled = cr.compile(f, check_finite=True)
    assert np.isfinite(compiled(np.array([1.0, 2.0])).item())
    with pytest.raises(cr.NonFiniteError) as caught:
        compiled(np.array([1.0, -1.0, 0.0]))
    text = str(caught.value)
    assert text.startswith("log")
    assert "z = cr.log(y)  # here" in text
    assert "1 NaN and 1 infinite of 3 elements" in text
    assert isinstance(caught.value, FloatingPointError)


def test_check_finite_names_an_argument():
    f = cr.compile(lambda first, second: first + second, check_finite=True)
    with pytest.raises(cr.NonFiniteError, match="the argument second"):
        f(np.ones(2), np.array([1.0, np.nan]))


def test_without_the_check_nothing_is_raised():
    assert np.isnan(cr.compile(lambda x: cr.log(x))(-1.0).item())


# -- the reference inside of a program -------------------------------------------------------------


def test_errors_of_the_reference_reach_the_caller():
    f = cr.compile(lambda a: cr.linalg.cholesky(a) + 1)
    good, bad = np.eye(3), -np.eye(3)
    wanted = None
    try:
        cr.linalg.cholesky(bad)
    except Exception as error:
        wanted = type(error)
    assert wanted is not None
    for _ in range(2):
        np.testing.assert_array_equal(f(good).numpy(), good + 1)
        with pytest.raises(wanted):
            f(bad)
