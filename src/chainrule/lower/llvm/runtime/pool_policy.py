"""One thread or several: how launches of a program find out which is faster.

It starts with several threads, as the first launch may be a long one; one launch with one thread
and a trial with several follow. Whichever is faster stays, while both are measured on. After a
trial failed, or several threads became the slower way, the next trial comes after some time, twice
as long each time: on a busy machine a trial is dear.
"""

from __future__ import annotations

from chainrule.lower.llvm.ir import Function, Module, Value

__all__ = ["POLICY_BYTES", "write_launch_adaptive"]

POLICY_BYTES = 64
# A policy: i64 each.
_MODE = 0
_RUNS = 8  # launches in this mode
_ONE, _SEVERAL = 16, 24  # nanoseconds of a launch with one thread, with several
_RETRY = 32  # the time of the next trial
_RETREAT = 40  # nanoseconds to the trial after the next failure, halved
_STARTING, _TRIAL, _WITH_SEVERAL, _WITH_ONE = range(4)  # modes

_SHORTEST_RETREAT = 10_000_000  # nanoseconds
_LONGEST_RETREAT = 1_000_000_000
_REFRESH = 256  # launches with several threads, of which the last is run by one to compare


def _set(f: Function, place: Value, value: int) -> None:
    f.store(f.i64(value), place)


def write_launch_adaptive(module: Module) -> None:
    """``void launch_adaptive(ptr state, ptr program, ptr table, i64 threads, ptr policy)``, in a
    module with ``launch`` and ``now``."""
    _write_learn_one(module)
    _write_learn_several(module)
    f = module.function(
        "launch_adaptive",
        [(name, "ptr") for name in ("state", "program", "table")]
        + [("threads", "i64"), ("policy", "ptr")],
        internal=False,
    )
    state, program, table, threads, policy = f.params
    mode, runs = policy.offset(_MODE), policy.offset(_RUNS)
    begun = f.call("now", "i64")
    due = begun.ge(f.load("i64", policy.offset(_RETRY)))
    with f.when(f.load("i64", mode).eq(_WITH_ONE) & due):
        _set(f, mode, _TRIAL)
        _set(f, runs, 0)
    now_in = f.load("i64", mode)
    count = f.load("i64", runs)
    refresh = (count & (_REFRESH - 1)).eq(_REFRESH - 1)
    several = (
        (now_in.eq(_STARTING) & count.eq(0))
        | now_in.eq(_TRIAL)
        | (now_in.eq(_WITH_SEVERAL) & ~refresh)
    )
    wanted = several.select(threads, 1)
    ran = f.call("launch", "i64", state, program, table, wanted)
    now = f.call("now", "i64")
    with f.when(~several):
        f.call("learn_one", "void", policy, now - begun)
    with f.when(ran.gt(1)):
        f.call("learn_several", "void", policy, now - begun, now)
    f.ret()


def _write_learn_one(module: Module) -> None:
    """``void learn_one(ptr policy, i64 spent)`` after a launch with one thread."""
    f = module.function("learn_one", [("policy", "ptr"), ("spent", "i64")], attributes="noinline")
    policy, spent = f.params
    mode, runs, one, retreat = (policy.offset(place) for place in (_MODE, _RUNS, _ONE, _RETREAT))
    now_in, known = f.load("i64", mode), f.load("i64", one)
    starting = now_in.eq(_STARTING)
    # a mean of the last few, in which an interrupted one counts no more than double
    bounded = spent.lt(known * 2).select(spent, known * 2)
    f.store(starting.select(spent, known + (bounded - known).ashr(2)), one)
    f.store(f.load("i64", runs) + 1, runs)
    with f.when(starting):
        _set(f, mode, _TRIAL)
        _set(f, runs, 0)
    with f.when(now_in.eq(_WITH_SEVERAL)):  # they have been right for long
        f.store(f.load("i64", retreat).ashr(1), retreat)
    f.ret()


def _write_learn_several(module: Module) -> None:
    """``void learn_several(ptr policy, i64 spent, i64 now)`` after a launch with several threads.

    The very first launch meets cold caches and teaches nothing. In a trial, the first launch wakes
    the workers; the mean of three more decides. Afterwards a mean of about the last sixteen is
    kept; interruptions count in full, since they are what a busy machine does.
    """
    f = module.function(
        "learn_several",
        [("policy", "ptr"), ("spent", "i64"), ("now", "i64")],
        attributes="noinline",
    )
    policy, spent, now = f.params
    mode, runs, retreat = (policy.offset(place) for place in (_MODE, _RUNS, _RETREAT))
    count = f.load("i64", runs) + 1
    f.store(count, runs)
    one = f.load("i64", policy.offset(_ONE))
    known = f.load("i64", policy.offset(_SEVERAL))
    now_in = f.load("i64", mode)
    trial = now_in.eq(_TRIAL)
    total = count.eq(1).select(f.i64(0), known + spent)
    mean = known + (spent - known).ashr(4)
    f.store(trial.select(total, mean), policy.offset(_SEVERAL))
    with f.when(trial & count.eq(4)):
        _set(f, mode, _WITH_SEVERAL)
        _set(f, runs, 0)
        f.store(f.emit("i64", f"sdiv i64 {total.text}, 3"), policy.offset(_SEVERAL))
    lost = trial.select(total.ge(one * 3), mean.gt(one))
    with f.when(lost & now_in.ne(_STARTING)):
        _set(f, mode, _WITH_ONE)
        pause = f.load("i64", retreat) * 2
        pause = pause.gt(_SHORTEST_RETREAT).select(pause, _SHORTEST_RETREAT)
        pause = pause.lt(_LONGEST_RETREAT).select(pause, _LONGEST_RETREAT)
        f.store(pause, retreat)
        f.store(now + pause, policy.offset(_RETRY))
    f.ret()
