"""Compiled functions: values, arguments of every kind, retracing, transformations, results."""

import copy
import functools
import pickle
import warnings

import numpy as np
import pytest

import chainrule as cr
from chainrule.compiling import compiled as compiled_module
from tests.compiling.steps import MODELS, adam_step, close, random, same_bits


def curve(x):
    return (cr.sin(x) * cr.exp(-x * x)).sum()


# -- values ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MODELS)
def test_steps_of_training(name):
    parameters, loss, data = MODELS[name]
    model, arguments = parameters(), data()
    optimizer, step = adam_step(loss)
    compiled = cr.compile(step)
    wanted = found = (model, optimizer.init(model))
    for _ in range(3):
        wanted, found = step(*wanted[:2], *arguments), compiled(*found[:2], *arguments)
        close(found, wanted)


def test_derivatives_inside():
    x = random(7).astype(np.float64)
    close(cr.compile(cr.grad(curve))(x), cr.grad(curve)(x), 1e-13)
    close(cr.compile(cr.hessian(curve))(x), cr.hessian(curve)(x), 1e-13)
    close(cr.compile(cr.jacobian(cr.grad(curve)))(x), cr.hessian(curve)(x), 1e-13)
    tangent = np.ones(7)
    both = cr.jvp(curve, (x,), (tangent,))
    close(cr.compile(lambda x, t: cr.jvp(curve, (x,), (t,)))(x, tangent), both, 1e-13)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int8", "uint32", "bool"])
@pytest.mark.parametrize("shape", [(), (1,), (0,), (3, 0, 2), (17,), (2, 33)])
def test_shapes_and_dtypes(dtype, shape):
    x = np.asarray(np.random.default_rng(0).integers(0, 2, shape)).astype(dtype)

    def f(x):
        return cr.where(x != 0, x, 1), x.T, cr.broadcast_to(x, (2, *x.shape)), x.astype("float32")

    same_bits(cr.compile(f)(x), f(cr.tensor(x)))


def test_results_that_are_arguments_constants_or_equal():
    constant = cr.tensor([1.0, 2.0])
    f = cr.compile(lambda x, y: {"b": [x, x], "a": (constant, 3, y + 0.0, y + 0.0), "n": None})
    x, y = cr.tensor([5.0]), cr.tensor([6.0])
    found = f(x, y)
    assert found["n"] is None
    close(found, {"b": [x, x], "a": (constant, cr.tensor(3), y, y), "n": None}, 0)


def test_no_arguments_and_no_results():
    close(cr.compile(lambda: cr.ones(3))(), cr.ones(3), 0)
    assert cr.compile(lambda x: None)(1.0) is None
    assert cr.compile(lambda x: ())(1.0) == ()


def test_nan_stays_nan():
    x = np.array([np.nan, -1.0, 0.0, np.inf] * 9, np.float32)

    def f(x):
        return cr.relu(x), cr.maximum(x, 0.5), cr.clip(x, -1, 1), x.max(), cr.softmax(x), x * 0

    with np.errstate(invalid="ignore"):
        expected = f(cr.tensor(x))
    for found, wanted in zip(cr.compile(f)(x), expected, strict=True):
        np.testing.assert_array_equal(found.numpy(), wanted.numpy())
    assert np.isnan(cr.compile(lambda x: cr.grad(curve)(x))(x).numpy()[0])


# -- arguments -------------------------------------------------------------------------------------


def double(x):
    return 2 * x + 1


def misaligned(x):
    raw = np.zeros(x.nbytes + 1, np.uint8)
    moved = raw[1:].view(x.dtype).reshape(x.shape)
    moved[...] = x
    return moved


def read_only(x):
    x = x.copy()
    x.flags.writeable = False
    return x


def swapped(x):
    return x.astype(x.dtype.newbyteorder())


LAYOUTS = {
    "C": lambda x: x,
    "F": np.asfortranarray,
    "strided": lambda x: np.repeat(x, 2, axis=1)[:, ::2],
    "backwards": lambda x: np.flip(np.ascontiguousarray(np.flip(x))),
    "repeated": lambda x: np.broadcast_to(x[:1, :1], x.shape),
    "misaligned": misaligned,
    "read-only": read_only,
    "other byte order": swapped,
    "a subclass": lambda x: np.ma.masked_array(x).view(np.ndarray),
    "a tensor": cr.tensor,
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_arrays_however_they_lie_in_memory(layout):
    x = random(3, 5).astype(np.float64)
    f = cr.compile(double)
    given = LAYOUTS[layout](x)
    before = np.array(given)
    for _ in range(2):
        close(f(given), double(cr.tensor(before)), 0)
    np.testing.assert_array_equal(np.array(given), before)


def test_numbers():
    f = cr.compile(lambda x, y: x * y)
    for x in (2.0, 3, True, np.float32(4), np.int8(5), np.float64(6)):
        close(f(x, 2.5), cr.asarray(x) * 2.5, 0)
    for x in (random(3), np.arange(3), np.ones(2, bool)):  # a number does not widen an array
        for y in (2.5, 3):
            close(f(x, y), cr.tensor(x) * y, 0)
    close(f(random(3), np.float64(2.5)), cr.tensor(random(3)) * cr.tensor(2.5), 0)


def test_static_arguments():
    traces = []

    def f(x, power, name="square"):
        traces.append(name)
        return x**power if name == "square" else -x

    compiled = cr.compile(f, static=("power", 2))
    assert compiled(3.0, 2).item() == 9.0
    assert compiled(4.0, 2).item() == 16.0
    assert compiled(3.0, power=3, name="negative").item() == -3.0
    assert traces == ["square", "negative"]


def test_by_name_and_by_default():
    f = cr.compile(lambda x, rate=2.0, *, scale=1.0: x * rate * scale)
    assert f(3.0).item() == 6.0
    assert f(x=3.0, rate=4.0).item() == 12.0
    assert f(3.0, rate=4.0).item() == 12.0
    with pytest.raises(cr.ChainRuleError, match="scale can only be given by name"):
        f(3.0, scale=2.0)
    fixed = cr.compile(functools.partial(lambda x, *, scale: x * scale, scale=2.0))
    assert fixed(3.0).item() == 6.0


def test_a_parameter_need_not_be_detached():
    w = cr.tensor([1.0, 2.0], requires_grad=True)
    found = cr.compile(lambda w: (w * w).sum())(w)
    assert found.item() == 5.0
    assert not found.requires_grad


def test_methods_and_decorators():
    class Scale(cr.nn.Module):
        factor: cr.Tensor

        @cr.compile
        def apply(self, x):
            return self.factor * x

        @staticmethod
        @cr.compile(threads=1)
        def square(x):
            """The square."""
            return x * x

    for factor in (3.0, 4.0):
        assert Scale(cr.tensor(factor)).apply(2.0).item() == 2 * factor
    assert Scale.square(3.0).item() == 9.0
    assert Scale.square.__doc__ == "The square."
    assert "square" in repr(Scale.square)


# -- retracing -------------------------------------------------------------------------------------


def test_a_trace_for_each_structure_shape_and_dtype():
    traces = []

    def f(x):
        traces.append(1)
        return cr.tensor(0.0) if isinstance(x, list) else x + 1

    compiled = cr.compile(f)
    same = [np.ones(3), np.zeros(3), np.ones(4), np.ones(3, np.float32), np.ones(3), [np.ones(3)]]
    for x in same:
        compiled(x)
    assert len(traces) == 4


def test_the_number_of_programs_is_bounded(monkeypatch):
    monkeypatch.setattr(compiled_module, "KEPT", 3)
    f = cr.compile(double)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for n in range(1, 6):
            close(f(np.ones(n)), 3 * cr.ones(n), 0)
    assert "3 programs" in repr(f)
    close(f(np.ones(1)), 3 * cr.ones(1), 0)


def test_a_warning_where_shapes_never_settle(monkeypatch):
    monkeypatch.setattr(compiled_module, "MANY", 4)
    f = cr.compile(double)
    for n in range(1, 4):
        f(np.ones(n))
    with pytest.warns(cr.CompileWarning, match=r"double was compiled 4 times") as caught:
        f(np.ones(4))
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        f(np.ones(5))


def test_a_failed_trace_is_not_kept():
    broken = True

    def f(x):
        if broken:
            raise ZeroDivisionError
        return x

    compiled = cr.compile(f)
    with pytest.raises(ZeroDivisionError):
        compiled(1.0)
    broken = False
    assert compiled(1.0).item() == 1.0


# -- together with transformations -----------------------------------------------------------------


def test_derivatives_and_batches_of_a_compiled_function():
    compiled = cr.compile(curve)
    x = cr.tensor(random(4).astype(np.float64))
    close(cr.grad(compiled)(x), cr.grad(curve)(x), 1e-13)
    close(cr.hessian(compiled)(x), cr.hessian(curve)(x), 1e-13)
    xs = cr.tensor(random(3, 4).astype(np.float64))
    close(cr.vmap(compiled)(xs), cr.vmap(curve)(xs), 1e-13)
    close(cr.compile(cr.grad(compiled))(x), cr.grad(curve)(x), 1e-13)
    close(cr.compile(cr.vmap(cr.grad(compiled)))(xs), cr.vmap(cr.grad(curve))(xs), 1e-13)


def test_compiled_inside_compiled():
    inner = cr.compile(lambda x: x * 2)
    outer = cr.compile(lambda x: inner(x) + inner(x + 1))
    assert outer(3.0).item() == 14.0
    assert len(outer.report().kernels) == 1


def test_backward_through_a_compiled_function():
    x = cr.tensor([1.0, 2.0], requires_grad=True)
    y = cr.compile(lambda x: x * x)(x * 1.0)
    y.sum().backward()
    close(x.grad, cr.tensor([2.0, 4.0]), 0)


# -- results ---------------------------------------------------------------------------------------


def test_results_are_ordinary_tensors():
    y = cr.compile(double)(np.ones((2, 3)))
    same_bits(pickle.loads(pickle.dumps(y)), y)
    same_bits(copy.deepcopy(y), y)
    again = pickle.loads(pickle.dumps(cr.compile(double, threads=1)))
    same_bits(again(np.ones((2, 3))), y)
    w = cr.tensor(2.0, requires_grad=True)
    (w * y).sum().backward()
    assert w.grad.item() == 18.0
    assert y.sum().item() == 18.0


def test_results_of_earlier_calls_stay():
    f = cr.compile(double)
    ys = [f(np.full(5, float(n))) for n in range(4)]
    for n, y in enumerate(ys):
        np.testing.assert_array_equal(y.numpy(), np.full(5, 2.0 * n + 1))


def test_the_same_bits_every_time_and_with_any_number_of_threads(monkeypatch):
    from chainrule.lower.llvm import program

    monkeypatch.setattr(program, "PER_THREAD", 1e-9)
    x, w = random(200, 65), random(65, 33, seed=1)

    def f(x, w):
        return cr.softmax(x @ w), (x * x).sum(), cr.cumsum(x, axis=0), x.sum(axis=0), x[3:, ::-1]

    wanted = cr.compile(f, threads=1)(x, w)
    for threads in (1, 2, 3):
        compiled = cr.compile(f, threads=threads)
        for _ in range(3):
            same_bits(compiled(x, w), wanted)
        assert compiled.report().threads == threads


# -- reports ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MODELS)
def test_reports(name):
    parameters, loss, data = MODELS[name]
    f = cr.compile(cr.value_and_grad(loss))
    report = f.report(parameters(), *data())
    text = str(report)
    assert report.kernels
    assert report.flops > 0
    assert report.bytes > 0
    assert report.arena % 64 == 0
    assert report.microseconds > 0
    assert f"{len(report.kernels)} kernels" in text
    assert repr(report) == text


def test_a_report_says_what_the_reference_does():
    f = cr.compile(lambda a: cr.linalg.inv(a))
    a = np.eye(3) * 2
    close(f(a), cr.tensor(np.eye(3) / 2), 1e-15)
    assert any(line.startswith("inv:") for line in f.report().fallbacks)
    assert "by the reference: inv" in str(f.report())
    with pytest.raises(cr.ChainRuleError, match="nothing was compiled"):
        cr.compile(double).report()
