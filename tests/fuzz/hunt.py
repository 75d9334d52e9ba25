"""The hunt: many cases in processes that may crash, and shrinking of what fails.

    python -m tests.fuzz.hunt --seed 1 --first 0 --count 1000 --jobs 2
    python -m tests.fuzz.hunt --seed 1 --first 17 --shrink

A process works off a range of cases and prints the number of each before it starts it, so that
after a crash or a timeout the number is known and the next process goes on behind it.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Iterator

import numpy as np

import chainrule as cr
from tests.fuzz import case as cases
from tests.fuzz.check import InvalidCaseError, check
from tests.fuzz.draw import draw
from tests.fuzz.shrink import shrunk

PATIENCE = 120.0
"""Seconds that one case may take."""

ENOUGH = 150
"""Cases that one process does."""

MOST = 20
"""Failures after which the hunt ends."""


def outcome(case: cases.Case) -> str | None:
    """What is wrong with a case; None if nothing is, "invalid" if it is no case."""
    try:
        with np.errstate(all="ignore"):
            check(case)
    except InvalidCaseError:
        return "invalid"
    except AssertionError as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        return (
            f"{type(error).__name__}: {error} ({os.path.basename(where.filename)}:{where.lineno})"
        )
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        text = str(error).split("\n")[0][:300]
        return f"{type(error).__name__}: {text} ({os.path.basename(where.filename)}:{where.lineno})"
    return None


def described(case: cases.Case) -> str:
    """The case as Python, and its graph."""
    try:
        graph = str(cr.trace(cases.function(case), *cases.arguments(case)).graph)
    except Exception as error:
        graph = f"(cannot be traced: {error})"
    return f"{case!r}\n{graph}"


def work(seed: int, first: int, last: int) -> None:
    """Check cases and print what happened, a line each."""
    for number in range(first, last):
        print("start", number, flush=True)
        case = draw(seed, number)
        wrong = outcome(case)
        print("done", number, wrong or "right", flush=True)


def supervised(seed: int, first: int, last: int) -> Iterator[tuple[int, str]]:
    """Run `work` in processes; yields (number, outcome) for every case."""
    while first < last:
        command = [sys.executable, "-m", "tests.fuzz.hunt", "--seed", str(seed)]
        end = min(last, first + ENOUGH)
        command += ["--work", "--first", str(first), "--count", str(end - first)]
        with tempfile.TemporaryFile("w+") as errors:
            process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=errors, text=True, env=_environment()
            )
            timer = threading.Timer(PATIENCE, process.kill)
            timer.start()
            assert process.stdout is not None
            running = first
            for line in process.stdout:
                word, number, *rest = line.split(maxsplit=2)
                timer.cancel()
                timer = threading.Timer(PATIENCE, process.kill)
                timer.start()
                if word == "done":
                    yield int(number), rest[0].strip()
                    running = int(number) + 1
            code = process.wait()
            timer.cancel()
            if running < end:
                errors.seek(0)
                tail = errors.read()[-300:].strip().replace("\n", " | ")
                yield running, f"the process ended with {code}: {tail}"
                running += 1
            first = running


def _environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def hunt(seed: int, first: int, count: int, jobs: int) -> dict[int, str]:
    """All cases of a range; returns those that went wrong."""
    wrong: dict[int, str] = {}
    counts = {"right": 0, "invalid": 0}
    lock = threading.Lock()

    def part(start: int, stop: int) -> None:
        for number, text in supervised(seed, start, stop):
            with lock:
                if text in counts:
                    counts[text] += 1
                else:
                    if len(wrong) >= MOST:
                        return
                    wrong[number] = text
                    print(f"{seed}:{number} {text}", flush=True)

    step = -(-count // jobs)
    bounds = [(first + j * step, min(first + count, first + (j + 1) * step)) for j in range(jobs)]
    threads = [threading.Thread(target=part, args=bound) for bound in bounds]
    start = time.time()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(f"{count} cases, {counts}, {len(wrong)} wrong, {time.time() - start:.0f} s", flush=True)
    return wrong


def alone(case: cases.Case) -> str | None:
    """`outcome` in a process of its own, for cases that may crash."""
    code = (
        "import sys; from tests.fuzz.hunt import *; from tests.fuzz.case import *\n"
        f"print(outcome({case!r}))"
    )
    try:
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            env=_environment(),
        )
    except subprocess.TimeoutExpired:
        return "timeout"
    if done.returncode:
        return f"the process ended with {done.returncode}"
    found = done.stdout.strip().splitlines()[-1]
    return None if found == "None" else found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--work", action="store_true")
    parser.add_argument("--shrink", action="store_true")
    parser.add_argument("--show", action="store_true")
    parser.add_argument("--alone", action="store_true", help="shrink a case that crashes")
    given = parser.parse_args()
    if given.work:
        work(given.seed, given.first, given.first + given.count)
        return 0
    if given.show or given.shrink:
        case = draw(given.seed, given.first)
        test = alone if given.alone else outcome
        print(test(case))
        if given.shrink:
            case = shrunk(case, test)
            print(test(case))
        print(described(case))
        return 0
    return 1 if hunt(given.seed, given.first, given.count, given.jobs) else 0


if __name__ == "__main__":
    sys.exit(main())
