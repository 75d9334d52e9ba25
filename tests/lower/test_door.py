"""The code of the door is well formed for every machine."""

import pytest

from chainrule.lower.llvm.door.text import door_text
from chainrule.lower.llvm.door.words import Head, Layout
from chainrule.lower.llvm.machine import MACHINES
from chainrule.lower.llvm.runtime.jit import compile_object
from chainrule.lower.llvm.runtime.lock import Lock

LAYOUT = Layout(*range(8, 8 * 20, 8))


@pytest.mark.parametrize("name", MACHINES)
def test_it_compiles(name: str) -> None:
    assert compile_object(door_text(LAYOUT, MACHINES[name]), MACHINES[name])


def test_the_words_of_the_head_count_from_zero() -> None:
    assert [int(word) for word in Head] == list(range(len(Head)))


def test_a_lock_is_exclusive() -> None:
    lock = Lock()
    with lock:
        pass
    with lock:
        assert lock.address % 8 == 0
