"""One contestant of one workload, called once: ``python -m bench.native.first mlp_mid JAX``.

Prints the seconds of that call and the loss, as soon as it is done.
"""

from __future__ import annotations

import json
import sys

from bench.native.timing import once
from bench.native.workload import Steady
from bench.native.workloads import every


def main(name: str, contestant: str) -> None:
    workload = every()[name]
    assert isinstance(workload, Steady)
    runner = workload.contestants()[contestant]()
    with runner.context():
        runner.reset()
        seconds = once(runner)
        result = float(runner.numbers()["loss"])
    print(json.dumps({"seconds": seconds, "result": result}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
