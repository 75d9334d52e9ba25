import ctypes
import math
import os
import signal
import threading
import time

import pytest

from chainrule.lower.llvm.ir import Module, vector
from chainrule.lower.llvm.machine import MACHINES, Machine, host
from chainrule.lower.llvm.runtime import disk_cache, jit


def scaling(name: str = "scale", factor: float = 2.0, machine: Machine | None = None) -> str:
    """y[i] = factor·x[i], through a function that is to be inlined."""
    machine = machine or host()
    type = vector(machine.lanes("float"), "float")
    module = Module()
    inner = module.function("inner", [("x", type)], type, "alwaysinline")
    inner.ret(inner.params[0] * factor)
    f = module.function(name, [("x", "ptr"), ("n", "i64")], internal=False)
    with f.loop(0, f.params[1], machine.lanes("float")) as loop:
        place = f.params[0].offset(loop.index, "float")
        f.store(f.call("inner", type, f.load(type, place)), place)
    f.ret()
    return str(module)


def run_scaling(code: jit.Code, name: str = "scale") -> list[float]:
    values = (ctypes.c_float * 64)(*range(64))
    call = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64)(code.address(name))
    call(ctypes.addressof(values), 64)
    return list(values)


@pytest.mark.parametrize("level", [0, 1, 2])
def test_code_runs(level: int) -> None:
    code = jit.load(jit.compile_object(scaling(), host(), level))
    assert run_scaling(code) == [2.0 * i for i in range(64)]


@pytest.mark.parametrize("machine", MACHINES.values(), ids=MACHINES)
def test_every_machine_has_code(machine: Machine) -> None:
    text = scaling(machine=machine)
    code = jit.compile_object(text, machine)
    assert code == jit.compile_object(text, machine)
    assert code.startswith(b"\x7fELF")
    assert b"inner" not in code  # inlined, and the original is gone


def test_ill_formed_ir_is_refused() -> None:
    with pytest.raises(RuntimeError, match="parsing error"):
        jit.compile_object("define void @f() { ret i64 0 ", host())
    with pytest.raises(RuntimeError, match="dominate"):
        jit.verify(
            "define i64 @f(i1 %c) {\n br i1 %c, label %a, label %b\n"
            "a:\n %x = add i64 1, 2\n br label %b\nb:\n ret i64 %x\n}"
        )


@pytest.mark.parametrize("scalar", ["i8", "i16", "float", "double"])
def test_stores_with_a_constant_mask_write_its_lanes_alone(scalar: str) -> None:
    """Lanes from memory, or where whole numbers are narrowed just before."""
    count = 16
    module = Module()
    for active in range(count + 1):
        f = module.function(f"f{active}", [("x", "ptr"), ("y", "ptr")], internal=False)
        if scalar[0] == "i":
            x = f.load(vector(count, "i32"), f.params[0])
            x = f.emit(vector(count, scalar), f"trunc {x.type} {x.text} to <{count} x {scalar}>")
        else:
            x = f.load(vector(count, scalar), f.params[0])
        f.masked_store(x, f.params[1], f.mask(count, active))
        f.ret()
    number = {
        "i8": ctypes.c_int8,
        "i16": ctypes.c_int16,
        "float": ctypes.c_float,
        "double": ctypes.c_double,
    }[scalar]
    code = jit.load(jit.compile_object(str(module), host()))
    x = ((ctypes.c_int32 if scalar[0] == "i" else number) * count)(*range(1, count + 1))
    for active in range(count + 1):
        y = (number * count)(*[-1] * count)
        call = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)
        call(code.address(f"f{active}"))(ctypes.addressof(x), ctypes.addressof(y))
        assert list(y) == [*range(1, active + 1), *[-1] * (count - active)]


def test_an_absent_function_is_an_error() -> None:
    code = jit.load(jit.compile_object(scaling(), host()))
    with pytest.raises(RuntimeError, match="missing"):
        code.address("missing")
    assert run_scaling(code)[1] == 2.0


def test_an_absent_external_symbol_is_an_error() -> None:
    text = "declare void @absent()\ndefine void @f() {\n call void @absent()\n ret void\n}"
    code = jit.load(jit.compile_object(text, host()))
    with pytest.raises(RuntimeError):
        code.address("f")


def test_programs_with_the_same_names_are_apart() -> None:
    codes = [jit.load(jit.compile_object(scaling(factor=k), host())) for k in (2.0, 3.0)]
    assert [run_scaling(code)[1] for code in codes] == [2.0, 3.0]
    del codes[0]
    assert run_scaling(codes[0])[1] == 3.0


def test_code_calls_libc_libm_pthreads_and_python() -> None:
    text = """
    declare double @cbrt(double)
    declare double @llvm.exp.f64(double)
    declare ptr @memcpy(ptr, ptr, i64)
    declare i32 @pthread_mutex_init(ptr, ptr)
    declare i32 @pthread_mutex_lock(ptr)
    declare i32 @pthread_mutex_unlock(ptr)
    declare i32 @pthread_cond_init(ptr, ptr)
    declare i32 @pthread_create(ptr, ptr, ptr, ptr)
    declare i32 @clock_gettime(i32, ptr)
    declare ptr @PyLong_FromLong(i64)
    @PyFloat_Type = external global i8
    define double @root(double %x) {
      %y = call double @cbrt(double %x)
      ret double %y
    }
    define double @exponential(double %x) {
      %y = call double @llvm.exp.f64(double %x)
      ret double %y
    }
    define i32 @lock() {
      %m = alloca [128 x i8], align 16
      %a = call i32 @pthread_mutex_init(ptr %m, ptr null)
      %b = call i32 @pthread_mutex_lock(ptr %m)
      %c = call i32 @pthread_mutex_unlock(ptr %m)
      %d = or i32 %a, %b
      %e = or i32 %d, %c
      ret i32 %e
    }
    define ptr @integer() {
      %r = call ptr @PyLong_FromLong(i64 12345678901)
      ret ptr %r
    }
    define ptr @float_type() {
      ret ptr @PyFloat_Type
    }
    """
    code = jit.load(jit.compile_object(text, host()))
    real = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)
    assert math.isclose(real(code.address("root"))(27.0), 3.0)
    assert math.isclose(real(code.address("exponential"))(1.0), math.e)
    assert ctypes.CFUNCTYPE(ctypes.c_int)(code.address("lock"))() == 0
    assert ctypes.PYFUNCTYPE(ctypes.py_object)(code.address("integer"))() == 12345678901
    assert ctypes.CFUNCTYPE(ctypes.c_void_p)(code.address("float_type"))() == id(float)


def test_threads_compile_and_load_at_once() -> None:
    results: dict[int, float] = {}

    def work(i: int) -> None:
        text = scaling(f"scale{i}", float(i))
        code = jit.load(jit.compile_object(text, host()))
        results[i] = run_scaling(code, f"scale{i}")[1]

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert results == {i: float(i) for i in range(8)}


def test_a_child_forked_while_a_thread_compiles_can_compile() -> None:
    stop = threading.Event()

    def compile_always() -> None:
        while not stop.is_set():
            jit.compile_object(scaling(), host())

    thread = threading.Thread(target=compile_always)
    thread.start()
    try:
        for _ in range(5):
            time.sleep(0.003)
            child = os.fork()
            if child == 0:
                signal.alarm(20)
                right = run_scaling(jit.load(jit.compile_object(scaling(), host())))[1] == 2.0
                os._exit(0 if right else 1)
            assert os.waitpid(child, 0)[1] == 0
    finally:
        stop.set()
        thread.join()


def test_object_code_comes_from_the_disk(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.setenv("CHAINRULE_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
    text = scaling()
    code = jit.cached_object(text, host())
    assert code == jit.compile_object(text, host())
    with monkeypatch.context() as patched:
        patched.setattr(jit, "compile_object", None)
        assert jit.cached_object(text, host()) == code
    assert run_scaling(jit.load(code))[1] == 2.0

    calls: list[tuple[object, ...]] = []

    def compiled(*args: object) -> bytes:
        calls.append(args)
        return b"other"

    monkeypatch.setattr(jit, "compile_object", compiled)
    for change in (
        (text + "\n", host(), jit.LEVEL),
        (text, MACHINES["avx2"], jit.LEVEL),
        (text, host(), 2),
    ):
        assert jit.cached_object(*change) == b"other"
    assert len(calls) == 3
    disk_cache.clear()
    assert jit.cached_object(text, host()) == b"other"
