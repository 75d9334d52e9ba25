"""The door's look at the arguments: what is inside of them, and whether it is as expected."""

from __future__ import annotations

from collections.abc import Callable

from chainrule.lower.llvm.door.words import (
    CONTAINER,
    LEAF,
    STATIC,
    Accepts,
    Container,
    Head,
    Layout,
    Static,
    area,
    at,
    copy,
    finish,
    function,
    load8,
    record,
    require,
    word,
)
from chainrule.lower.llvm.ir import Module, Value
from chainrule.lower.llvm.ir import lanes as lanes_of

__all__ = ["write_arguments"]


def write_arguments(module: Module, layout: Layout, lanes: int) -> None:
    """Write the functions ``containers``, ``statics``, ``leaves`` and ``disjoint``.

    Args:
        lanes: words in a vector.
    """
    _same(module, layout)
    _by_key(module)
    _in_order(module)
    _containers(module, layout)
    _statics(module)
    _leaves(module, layout)
    _overlap(module, lanes)
    _disjoint(module, lanes)


def _same(module: Module, layout: Layout) -> None:
    """Whether an object that is not the expected one is a number or string like it."""
    f = function(module, "same", "ptr", "ptr", "i64")
    found, expected, how = f.params
    require(f, how.ne(Static.IDENTICAL))
    kinds = [f.load("ptr", x.offset(layout.type)) for x in (found, expected)]
    require(f, kinds[0].eq(kinds[1]))

    def bits() -> Value:
        a, b = (f.load("i64", x.offset(layout.float_value)) for x in (found, expected))
        return a.eq(b)

    def equal() -> Value:
        equals = f.constant("i32", 2)  # Py_EQ
        return f.call("PyObject_RichCompareBool", "i32", found, expected, equals).eq(1)

    require(f, f.choose(how.eq(Static.BITS), bits, equal))
    finish(f)


def _by_key(module: Module) -> None:
    f = function(module, "by_key", "ptr", "ptr", "i64", "ptr")
    mapping, keys, count, into = f.params
    with f.loop(0, count) as loop:
        key = at(f, keys, loop.index)
        found = f.call("PyDict_GetItemWithError", "ptr", mapping, key)
        require(f, found.ne(0))
        f.store(found, into.offset(loop.index, "ptr"))
    finish(f)


def _in_order(module: Module) -> None:
    f = function(module, "in_order", "ptr", "ptr", "i64", "ptr")
    mapping, keys, count, into = f.params
    place, key, value = (f.alloca("i64", align=8) for _ in range(3))
    f.store(f.i64(0), place)
    require(f, f.call("PyDict_Size", "i64", mapping).eq(count))
    with f.loop(0, count) as loop:
        require(f, f.call("PyDict_Next", "i32", mapping, place, key, value).ne(0))
        found = f.load("ptr", key)
        expected = at(f, keys, loop.index)

        def equal(found: Value = found, expected: Value = expected) -> Value:
            return f.call("same", "i1", found, expected, f.i64(Static.EQUAL))

        require(f, f.choose(found.eq(expected), lambda: f.constant("i1", True), equal))
        f.store(f.load("ptr", value), into.offset(loop.index, "ptr"))
    finish(f)


def _containers(module: Module, layout: Layout) -> None:
    """Find the objects inside of containers, outer before inner."""
    f = function(module, "containers")
    objects = f.params[1]
    records = word(f, Head.CONTAINERS, "ptr")
    with f.loop(0, word(f, Head.CONTAINERS_N)) as loop:
        kind, source, type, count, target, keys, dict_at = record(f, records, loop.index, CONTAINER)
        value = at(f, objects, source)
        into = objects.offset(target, "i64")
        require(f, f.load("ptr", value.offset(layout.type)).eq(type))

        def items(first: Callable[[], Value]) -> None:
            require(f, f.load("i64", value.offset(layout.size)).eq(count))
            copy(f, first(), into, count)

        def slots() -> None:
            with f.loop(0, count) as inner:
                found = f.load("ptr", value.offset(at(f, keys, inner.index, "i64")))
                require(f, found.ne(0))
                f.store(found, into.offset(inner.index, "ptr"))

        def attributes() -> Value:
            null = f.constant("ptr", 0)
            dict_ = f.choose(
                dict_at.ne(0), lambda: f.load("ptr", value.offset(dict_at)), lambda: null
            )
            bits = dict_.cast("ptrtoint", "i64")
            # an odd word points to the values of an instance that has no dict yet
            return f.choose(bits.ne(0) & (bits & 1).eq(0), lambda: dict_, made_attributes)

        def made_attributes() -> Value:
            found = f.call("PyObject_GenericGetDict", "ptr", value, f.constant("ptr", 0))
            require(f, found.ne(0))
            f.call("Py_DecRef", "void", found)  # the object holds it
            return found

        def search(how: str, mapping: Value) -> None:
            require(f, f.call(how, "i1", mapping, keys, count, into))

        def whole() -> None:
            require(f, f.call("PyDict_Size", "i64", value).eq(count))
            in_order = f.call("in_order", "i1", value, keys, count, into)
            with f.when(~in_order):
                search("by_key", value)

        f.switch(
            kind,
            {
                Container.TUPLE: lambda: items(lambda: value.offset(layout.tuple_items)),
                Container.LIST: lambda: items(
                    lambda: f.load("ptr", value.offset(layout.list_items))
                ),
                Container.DICT: whole,
                Container.ITEMS: lambda: search("in_order", value),
                Container.VARS: lambda: search("in_order", attributes()),
                Container.FIELDS: lambda: search("by_key", attributes()),
                Container.SLOTS: slots,
            },
        )
    finish(f)


def _statics(module: Module) -> None:
    f = function(module, "statics")
    records = word(f, Head.STATICS, "ptr")
    with f.loop(0, word(f, Head.STATICS_N)) as loop:
        source, expected, how = record(f, records, loop.index, STATIC)
        found = at(f, f.params[1], source)

        def same(found: Value = found, expected: Value = expected, how: Value = how) -> Value:
            return f.call("same", "i1", found, expected, how)

        require(f, f.choose(found.eq(expected), lambda: f.constant("i1", True), same))
    finish(f)


def _leaves(module: Module, layout: Layout) -> None:
    """Put the data pointers of the arguments into the table."""
    f = function(module, "leaves")
    records = word(f, Head.LEAVES, "ptr")
    table, cells = area(f, Head.TABLE), area(f, Head.CELLS)
    values, starts, ends = (area(f, w) for w in (Head.VALUES, Head.STARTS, Head.ENDS))
    tensor, array = word(f, Head.TENSOR, "ptr"), word(f, Head.ARRAY, "ptr")
    integer, true = word(f, Head.INT, "ptr"), word(f, Head.TRUE, "ptr")
    same_dtype = word(f, Head.SAME_DTYPE, "ptr")
    with f.loop(0, word(f, Head.LEAVES_N)) as loop:
        (source, slot, accepts, needed, dtype, ndim, shape, size, span, scalar, number) = record(
            f, records, loop.index, LEAF
        )
        given = at(f, f.params[1], source)
        is_tensor = f.load("ptr", given.offset(layout.type)).eq(tensor)

        def held() -> Value:
            node = f.load("ptr", given.offset(layout.tensor_node))
            require(f, node.ne(0) & accepts.ne(Accepts.NUMBER))
            tracked = f.load("ptr", node.offset(layout.node_tracked)).eq(true)
            with f.when(tracked):  # only as a leaf of the user, who asks for no derivative here
                sources = f.load("ptr", node.offset(layout.node_sources))
                require(f, f.load("i64", sources.offset(layout.size)).eq(0))
                argument = f.load("ptr", node.offset(layout.node_argument))
                cell = f.load("ptr", argument.offset(layout.tuple_items))
                require(f, cell.ne(word(f, Head.NONE, "ptr")))
            return f.load("ptr", node.offset(layout.node_value))

        def bare() -> Value:
            require(f, accepts.ne(Accepts.TENSOR))
            return given

        value = f.choose(is_tensor, held, bare)
        kind = f.load("ptr", value.offset(layout.type))

        def in_array() -> Value:
            require(f, accepts.ne(Accepts.NUMBER))
            found = f.load("ptr", value.offset(layout.array_dtype))

            def equivalent() -> Value:  # an unpickled array has a dtype of its own
                return f.call_pointer(same_dtype, "i8", found, dtype).ne(0)

            same = f.choose(found.eq(dtype), lambda: f.constant("i1", True), equivalent)
            require(f, same)
            require(f, f.load("i32", value.offset(layout.array_ndim)).cast("sext", "i64").eq(ndim))
            flags = f.load("i32", value.offset(layout.array_flags)).cast("zext", "i64")
            require(f, (flags & needed).eq(needed))
            extents = f.load("ptr", value.offset(layout.array_shape))
            with f.loop(0, ndim) as axes:
                extent = at(f, extents, axes.index, "i64")
                require(f, extent.eq(at(f, shape, axes.index, "i64")))
            return f.load("ptr", value.offset(layout.array_data))

        def in_scalar() -> Value:
            return f.choose(kind.eq(scalar), lambda: value.offset(layout.scalar_data), in_cell)

        def in_cell() -> Value:
            require(f, ~is_tensor & kind.eq(number))
            cell = cells.offset(loop.index, "i64")
            f.store(
                f.choose(
                    kind.eq(integer), from_int, lambda: f.choose(is_float(), from_float, from_bool)
                ),
                cell,
            )
            return cell

        def is_float() -> Value:
            return size.eq(8)  # the other is a bool

        def from_int() -> Value:
            found = f.call("PyLong_AsLongLong", "i64", value)
            failed = f.choose(
                found.eq(-1),
                lambda: f.call("PyErr_Occurred", "ptr").ne(0),
                lambda: f.constant("i1", False),
            )
            require(f, ~failed)
            return found

        def from_float() -> Value:
            return f.load("i64", value.offset(layout.float_value))

        def from_bool() -> Value:
            return value.eq(true).cast("zext", "i64")

        data = f.choose(kind.eq(array), in_array, in_scalar)
        f.store(data, table.offset(slot, "ptr"))
        f.store(value, values.offset(loop.index, "ptr"))
        start = data.cast("ptrtoint", "i64")
        f.store(start, starts.offset(span, "i64"))
        f.store(start + size, ends.offset(span, "i64"))
    finish(f)


def _overlap(module: Module, lanes: int) -> None:
    """Whether memory overlaps donated memory from some place on."""
    f = function(module, "overlap", "ptr", "ptr", "i64", "i64")
    starts, ends = area(f, Head.STARTS), area(f, Head.ENDS)
    own, first = f.params[2:]
    many = f"<{lanes} x i64>"
    start, end = (at(f, a, own, "i64").splat(lanes) for a in (starts, ends))
    none = f.constant(f"<{lanes} x i1>", False)
    with f.loop(first, word(f, Head.DONATED_N), lanes, carried=[none]) as loop:
        others = [load8(f, many, a.offset(loop.index, "i64")) for a in (starts, ends)]
        loop.carry(loop.values[0] | (others[0].lt(end) & others[1].gt(start)))
    f.ret(_any(loop.results[0]))


def _any(lanes: Value) -> Value:
    f, count = lanes.f, lanes_of(lanes.type)
    return f.emit(f"i{count}", f"bitcast {lanes!r} to i{count}").ne(0)


def _disjoint(module: Module, lanes: int) -> None:
    """Whether no donated memory overlaps that of another argument.

    Donated memory is mostly where it was in the last call: then it is not compared with itself.
    """
    f = function(module, "disjoint")
    head, frame = f.params
    many = f"<{lanes} x i64>"
    starts, ends = area(f, Head.STARTS), area(f, Head.ENDS)
    donated, distinct = word(f, Head.DONATED_N), word(f, Head.DISTINCT, "ptr")
    # the last vector reaches further: nothing overlaps there
    f.store(f.constant(many, 2**63 - 1), starts.offset(donated, "i64"), 8)
    f.store(f.constant(many, 0), ends.offset(donated, "i64"), 8)
    none = f.constant(f"<{lanes} x i1>", False)
    with f.loop(0, donated, lanes, carried=[none]) as loop:
        now, before = (load8(f, many, a.offset(loop.index, "i64")) for a in (starts, distinct))
        loop.carry(loop.values[0] | now.ne(before))
    with f.when(_any(loop.results[0])):
        with f.loop(0, donated) as loop:
            overlap = f.call("overlap", "i1", head, frame, loop.index, loop.index + 1)
            require(f, ~overlap)
        with f.loop(0, donated, lanes) as loop:
            now = load8(f, many, starts.offset(loop.index, "i64"))
            f.store(now, distinct.offset(loop.index, "i64"), 8)
    with f.loop(word(f, Head.OTHERS), word(f, Head.OTHERS_END)) as loop:
        require(f, ~f.call("overlap", "i1", head, frame, loop.index, f.i64(0)))
    finish(f)
