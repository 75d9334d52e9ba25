"""The results that the door returns."""

from __future__ import annotations

from collections.abc import Callable

from chainrule.lower.llvm.door.words import (
    FRESH,
    OP,
    Head,
    Layout,
    Op,
    area,
    at,
    clear,
    copy,
    finish,
    function,
    record,
    require,
    word,
)
from chainrule.lower.llvm.ir import Module, Value

__all__ = ["write_results"]


def write_results(module: Module, layout: Layout) -> None:
    """Write the functions ``prepare``, ``wrap`` and ``build``."""
    _prepare(module, layout)
    _wrap(module, layout)
    _build(module, layout)


def _prepare(module: Module, layout: Layout) -> None:
    """Take hold of what will be returned, and make the arrays of fresh results."""
    f = function(module, "prepare")
    clear(f, area(f, Head.OWNED), word(f, Head.OWNED_N))
    kept, numbers = area(f, Head.KEPT), word(f, Head.KEPT_OBJECTS, "ptr")
    with f.loop(0, word(f, Head.KEPT_N)) as loop:
        found = at(f, f.params[1], at(f, numbers, loop.index, "i64"))
        f.call("Py_IncRef", "void", found)
        f.store(found, kept.offset(loop.index, "ptr"))
    records, table = word(f, Head.FRESH, "ptr"), area(f, Head.TABLE)
    fresh, cells = area(f, Head.OWNED), area(f, Head.FRESH_CELLS)
    values, donors = area(f, Head.VALUES), area(f, Head.DONORS)
    tensor, variable = word(f, Head.TENSOR, "ptr"), word(f, Head.VARIABLE, "ptr")
    with f.loop(0, word(f, Head.FRESH_N)) as loop:
        slot, dtype, ndim, shape, _, leaf, number = record(f, records, loop.index, FRESH)

        def reused() -> Value:
            donor = at(f, f.params[1], number)
            with f.when(f.load("ptr", donor.offset(layout.type)).eq(tensor)):
                node = f.load("ptr", donor.offset(layout.tensor_node))
                with f.when(f.load("ptr", node.offset(layout.node_primitive)).eq(variable)):
                    f.call("Py_IncRef", "void", node)
                    f.store(node, donors.offset(loop.index, "ptr"))
            array = at(f, values, leaf)
            f.call("Py_IncRef", "void", array)
            f.store(array, fresh.offset(loop.index, "ptr"))
            return f.load("ptr", array.offset(layout.array_data))

        def new() -> Value:
            return f.choose(ndim.eq(0), lambda: cells.offset(loop.index, "i64"), array)

        def array() -> Value:
            f.call("Py_IncRef", "void", dtype)  # which the call takes away
            made = f.call_pointer(
                word(f, Head.NEW_ARRAY, "ptr"),
                "ptr",
                word(f, Head.ARRAY, "ptr"),
                dtype,
                ndim.cast("trunc", "i32"),
                shape,
                *[f.constant("ptr", 0)] * 2,
                f.constant("i32", 0),
                f.constant("ptr", 0),
            )
            require(f, made.ne(0))
            f.store(made, fresh.offset(loop.index, "ptr"))
            return f.load("ptr", made.offset(layout.array_data))

        f.store(f.choose(leaf.ge(0), reused, new), table.offset(slot, "ptr"))
    finish(f)


def _wrap(module: Module, layout: Layout) -> None:
    """Make tensors of the fresh results; those without an array are scalars.

    Whatever exists is in the owned area at any moment.
    """
    f = function(module, "wrap")
    records, owned = word(f, Head.FRESH, "ptr"), area(f, Head.OWNED)
    cells, donors = area(f, Head.FRESH_CELLS), area(f, Head.DONORS)
    null, none = f.constant("ptr", 0), f.i64(0)
    with f.loop(0, word(f, Head.FRESH_N)) as loop:
        _, dtype, _, _, type, _, _ = record(f, records, loop.index, FRESH)
        place = owned.offset(loop.index, "ptr")
        with f.when(f.load("ptr", place).eq(0)):
            cell = cells.offset(loop.index, "i64")
            new_scalar = word(f, Head.NEW_SCALAR, "ptr")
            scalar = f.call_pointer(new_scalar, "ptr", cell, dtype, null)
            require(f, scalar.ne(0))
            f.store(scalar, place)
        node = f.call("PyType_GenericAlloc", "ptr", word(f, Head.NODE, "ptr"), none)
        require(f, node.ne(0))
        f.store(f.load("ptr", place), node.offset(layout.node_value))
        f.store(node, place)
        serial = f.call("PyIter_Next", "ptr", word(f, Head.COUNTER, "ptr"))
        require(f, serial.ne(0))
        f.store(serial, node.offset(layout.node_serial))
        donor = f.load("ptr", donors.offset(loop.index, "ptr"))
        empty = word(f, Head.EMPTY, "ptr")

        def field(constant: Value, offset: int) -> Value:
            return f.choose(
                donor.eq(0), lambda: constant, lambda: f.load("ptr", donor.offset(offset))
            )

        for value, offset in (
            (field(word(f, Head.CONSTANT, "ptr"), layout.node_primitive), layout.node_primitive),
            (field(empty, layout.node_argument), layout.node_argument),
            (field(word(f, Head.FALSE, "ptr"), layout.node_tracked), layout.node_tracked),
            (empty, layout.node_sources),
            (type, layout.node_type),
        ):
            f.call("Py_IncRef", "void", value)
            f.store(value, node.offset(offset))
        f.store(null, donors.offset(loop.index, "ptr"))
        f.call("Py_DecRef", "void", donor)
        tensor = f.call("PyType_GenericAlloc", "ptr", word(f, Head.TENSOR, "ptr"), none)
        require(f, tensor.ne(0))
        f.store(node, tensor.offset(layout.tensor_node))
        f.store(tensor, place)
    finish(f)


def _build(module: Module, layout: Layout) -> None:
    """Put the result together, in postfix order; it is what the stack holds at the end."""
    f = function(module, "build")
    records, owned = word(f, Head.OPS, "ptr"), area(f, Head.OWNED)
    stack, kept = area(f, Head.STACK), area(f, Head.KEPT)
    null = f.constant("ptr", 0)
    with f.loop(0, word(f, Head.OPS_N)) as loop:
        kind, place, count, address = record(f, records, loop.index, OP)
        here = stack.offset(place, "ptr")

        def share(value: Value) -> None:
            f.call("Py_IncRef", "void", value)
            f.store(value, here)

        def move(source: Value) -> None:
            f.store(f.load("ptr", source), here)
            f.store(null, source)

        def filled(made: Value, first: Callable[[], Value]) -> None:
            require(f, made.ne(0))
            copy(f, here, first(), count)
            clear(f, here, count)
            f.store(made, here)

        def sequence(kind: str) -> None:
            made = f.call(f"Py{kind}_New", "ptr", count)
            if kind == "Tuple":
                filled(made, lambda: made.offset(layout.tuple_items))
            else:
                filled(made, lambda: f.load("ptr", made.offset(layout.list_items)))

        def release() -> None:
            with f.loop(0, count) as inner:
                f.call("Py_DecRef", "void", at(f, here, inner.index))
            clear(f, here, count)

        def mapping() -> None:
            made = f.call("PyDict_New", "ptr")
            require(f, made.ne(0))
            with f.loop(0, count, carried=[f.constant("i32", 0)]) as inner:
                key, value = at(f, address, inner.index), at(f, here, inner.index)
                inner.carry(inner.values[0] | f.call("PyDict_SetItem", "i32", made, key, value))
            release()
            f.store(made, here)
            require(f, inner.results[0].eq(0))

        def call() -> None:
            made = f.call("PyObject_Vectorcall", "ptr", address, here, count, null)
            require(f, made.ne(0))
            release()
            f.store(made, here)

        f.switch(
            kind,
            {
                Op.FRESH: lambda: move(owned.offset(count, "ptr")),
                Op.FRESH_SHARED: lambda: share(at(f, owned, count)),
                Op.KEPT: lambda: move(kept.offset(count, "ptr")),
                Op.OBJECT: lambda: share(address),
                Op.TUPLE: lambda: sequence("Tuple"),
                Op.LIST: lambda: sequence("List"),
                Op.DICT: mapping,
                Op.CALL: call,
            },
        )
    finish(f)
