"""Programs for every processor: the IR is well formed and turns into object code."""

import dataclasses

import numpy as np
import pytest

import chainrule as cr
from chainrule.compiling import special
from chainrule.lower.llvm.machine import MACHINES, host
from chainrule.lower.llvm.program import write_program
from chainrule.lower.llvm.runtime.jit import compile_object
from chainrule.rewrite.simplify import simplify
from tests.compiling.steps import MODELS, close, random


def step_of(name):
    parameters, loss, data = MODELS[name]
    return cr.value_and_grad(loss), (parameters(), *data())


def mixed(x, i):
    wide = cr.concatenate([x[i], x[::-1, ::2].repeat(2, axis=1)], axis=0)
    half = wide.astype("float16") * 2
    whole = cr.floor(wide).astype("int32")
    return cr.sort(wide, axis=0), half.sum(), (whole // 3).max(axis=1), cr.argmax(wide, axis=1)


def blocks(w, x, y):
    """Sums along and across rows in one run, with what a row has one of between them."""
    z = cr.sigmoid(x @ w) - y
    high = (x > 2.5).any(axis=1)
    return z.sum(), x.T @ z, cr.where(high, cr.exp(-z), z).sum(), high, x * z[:, None]


PROGRAMS = {name: step_of(name) for name in MODELS}
PROGRAMS["blocks"] = (blocks, (random(53), random(331, 53, seed=1), random(331, seed=2)))
PROGRAMS["wide blocks"] = (blocks, tuple(a.astype(np.float64) for a in PROGRAMS["blocks"][1]))
PROGRAMS["mixed"] = (mixed, (random(17, 6), np.array([0, -1, 3])))


def graph_of(name):
    function, arguments = PROGRAMS[name]
    return simplify(cr.trace(function, *arguments).graph)[0]


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("name", PROGRAMS)
def test_object_code(name, machine):
    for threads, accuracy in ((1, "default"), (2, "fast")):
        program = write_program(
            graph_of(name), MACHINES[machine], threads=threads, accuracy=accuracy
        )
        assert program.arena % 64 == 0
        code = compile_object(program.text, MACHINES[machine])
        assert b"program" in code


@pytest.mark.parametrize("machine", [name for name in MACHINES if name != "neon"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_narrower_machines_compute_the_same(name, machine, monkeypatch):
    order = list(MACHINES)
    if host().name not in order or order.index(machine) < order.index(host().name):
        pytest.skip("this processor cannot run it")
    if host().name == "neon":
        pytest.skip("this processor cannot run it")
    function, arguments = PROGRAMS[name]
    monkeypatch.setattr(special, "host", lambda: dataclasses.replace(MACHINES[machine], triple=""))
    close(cr.compile(function)(*arguments), function(*arguments), 1e-4)


def test_the_text_holds_no_addresses_and_is_the_same_every_time():
    def text():
        return write_program(graph_of("attention"), MACHINES["avx2"], threads=2).text

    first = text()
    assert first == text()
    assert "inttoptr" not in first
