"""The door: the native function through which Python calls a compiled program.

One function serves every program. It is a METH_FASTCALL function whose ``self`` is a tuple; the
first item of that is an array of words, the *head* (`Head`), which says what the arguments must
look like, where their data pointers go in the table of the program, what to run, and what to
return. So the code is compiled once for a machine and kept on disk, and a new signature costs no
compilation. No address is in the code; the tuple keeps alive whatever the head points to.

The function looks before it acts: until everything has matched nothing is changed, and whatever
does not match, for whatever reason, is handed to the callable ``slow`` as it came.

Memory of one call is a *frame* on the stack, cut into areas whose byte offsets are in the head.
The area of objects comes first: word 0 is spare, the arguments follow, then what is inside of them.
"""

from __future__ import annotations

from chainrule.lower.llvm.door.arguments import write_arguments
from chainrule.lower.llvm.door.results import write_results
from chainrule.lower.llvm.door.words import Head, Layout, area, at, copy, function, require, word
from chainrule.lower.llvm.ir import Module, Value
from chainrule.lower.llvm.machine import Machine
from chainrule.lower.llvm.runtime.lock import REENTERED

__all__ = ["door_text"]


def door_text(layout: Layout, machine: Machine) -> str:
    """LLVM IR of the function ``door``."""
    module = Module()
    for name, result, params in _PYTHON:
        module.declare(name, result, params.split())
    write_arguments(module, layout, machine.lanes("i64"))
    _start(module)
    _run(module)
    write_results(module, layout)
    _door(module, layout, machine.lanes("i64"))
    return str(module)


_PYTHON = [
    ("Py_IncRef", "void", "ptr"),
    ("Py_DecRef", "void", "ptr"),
    ("PyDict_GetItemWithError", "ptr", "ptr ptr"),
    ("PyDict_New", "ptr", ""),
    ("PyDict_Next", "i32", "ptr ptr ptr ptr"),
    ("PyDict_SetItem", "i32", "ptr ptr ptr"),
    ("PyDict_Size", "i64", "ptr"),
    ("PyErr_Clear", "void", ""),
    ("PyErr_Occurred", "ptr", ""),
    ("PyEval_RestoreThread", "void", "ptr"),
    ("PyEval_SaveThread", "ptr", ""),
    ("PyIter_Next", "ptr", "ptr"),
    ("PyList_New", "ptr", "i64"),
    ("PyLong_AsLongLong", "i64", "ptr"),
    ("PyLong_FromLongLong", "ptr", "i64"),
    ("PyObject_GenericGetDict", "ptr", "ptr ptr"),
    ("PyObject_RichCompareBool", "i32", "ptr ptr i32"),
    ("PyObject_Vectorcall", "ptr", "ptr ptr i64 ptr"),
    ("PyTuple_New", "ptr", "i64"),
    ("PyType_GenericAlloc", "ptr", "ptr i64"),
    ("pthread_mutex_lock", "i32", "ptr"),
    ("pthread_mutex_unlock", "i32", "ptr"),
]


def _start(module: Module) -> None:
    """Run the program, in this thread or in several."""
    f = function(module, "start")
    table = area(f, Head.TABLE)
    program = word(f, Head.PROGRAM, "ptr")
    launch = word(f, Head.LAUNCH, "ptr")
    with f.when(launch.ne(0)):
        pool, policy = word(f, Head.POOL, "ptr"), word(f, Head.POLICY, "ptr")
        f.call_pointer(launch, "void", pool, program, table, word(f, Head.THREADS), policy)
    with f.when(launch.eq(0)):
        f.call_pointer(program, "void", table, f.i64(0), f.i64(1), f.constant("ptr", 0))
    f.ret(f.constant("i1", True))


def _run(module: Module) -> None:
    """Run the program, where it is long without the GIL but one call at a time."""
    f = function(module, "run")
    head, frame = f.params
    lock = word(f, Head.LOCK, "ptr")
    values, count = area(f, Head.VALUES), word(f, Head.LEAVES_N)
    with f.when(lock.eq(0)):
        f.call("start", "i1", head, frame)
    with f.when(lock.ne(0)):
        with f.loop(0, count) as loop:  # other threads may let go of them meanwhile
            f.call("Py_IncRef", "void", at(f, values, loop.index))
        thread = f.call("PyEval_SaveThread", "ptr")
        taken = f.call("pthread_mutex_lock", "i32", lock).eq(0)
        with f.when(taken):
            f.call("start", "i1", head, frame)
            f.call("pthread_mutex_unlock", "i32", lock)
        with f.when(~taken):
            status = at(f, area(f, Head.TABLE), word(f, Head.STATUS_SLOT))
            f.store(f.i64(REENTERED), status)
        f.call("PyEval_RestoreThread", "void", thread)
        with f.loop(0, count) as loop:
            f.call("Py_DecRef", "void", at(f, values, loop.index))
    f.ret(f.constant("i1", True))


def _door(module: Module, layout: Layout, lanes: int) -> None:
    f = module.function(
        "door",
        [("self", "ptr"), ("args", "ptr"), ("count", "i64"), ("names", "ptr")],
        "ptr",
        internal=False,
    )
    block, args, count, names = f.params
    words = f.load("ptr", block.offset(layout.tuple_items))
    head = f.load("ptr", words.offset(layout.array_data))
    size = at(f, head, Head.FRAME, "i64")
    frame = f.emit("ptr", f"alloca i8, i64 {size.text}, align 64")
    null = f.constant("ptr", 0)

    def area(which: Head) -> Value:
        return frame.offset(at(f, head, which, "i64"))

    def try_(name: str, otherwise: str) -> None:
        f.guard(f.call(name, "i1", head, frame), otherwise)

    require(f, names.eq(0))
    require(f, count.eq(at(f, head, Head.ARGUMENTS, "i64")))
    copy(f, args, frame.offset(1, "ptr"), count)
    table = area(Head.TABLE)
    vectors = at(f, head, Head.TABLE_VECTORS, "i64")
    copy(f, at(f, head, Head.TEMPLATE), table, vectors, f"<{lanes} x i64>")
    for check in ("containers", "statics", "leaves", "disjoint"):
        try_(check, "no")
    status = f.alloca("i64", 2, align=8)  # the number, and what a look-up says
    f.store(f.i64(0), status)
    f.store(status, table.offset(at(f, head, Head.STATUS_SLOT, "i64"), "ptr"))
    try_("prepare", "error")
    f.call("run", "i1", head, frame)
    found = f.load("i64", status)
    f.guard(found.eq(0), "failed")
    try_("wrap", "error")
    try_("build", "error")
    f.ret(f.load("ptr", area(Head.STACK)))

    def drop() -> None:
        owned = area(Head.OWNED)
        with f.loop(0, at(f, head, Head.OWNED_N, "i64")) as loop:
            f.call("Py_DecRef", "void", at(f, owned, loop.index))

    f.start_block("no")
    f.call("PyErr_Clear", "void")
    f.ret(f.call("PyObject_Vectorcall", "ptr", at(f, head, Head.SLOW), args, count, names))
    f.start_block("error")
    drop()
    f.ret(null)
    f.start_block("failed")
    drop()
    number = f.call("PyLong_FromLongLong", "ptr", found)
    f.guard(number.ne(0), "no_memory")
    f.store(number, frame)
    failed = at(f, head, Head.FAILED)
    result = f.call("PyObject_Vectorcall", "ptr", failed, frame, count + 1, null)
    f.call("Py_DecRef", "void", number)
    f.ret(result)
    f.start_block("no_memory")
    f.ret(null)
