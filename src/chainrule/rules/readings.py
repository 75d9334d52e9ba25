"""The readings together, for primitives that carry graphs of their own."""

from __future__ import annotations

from chainrule.rules.batch import batch
from chainrule.rules.jvp import push
from chainrule.rules.vjp import pull


class _Readings:
    push = staticmethod(push)
    pull = staticmethod(pull)
    batch = staticmethod(batch)


READINGS = _Readings()
