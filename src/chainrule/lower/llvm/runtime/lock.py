"""A lock that native code can take."""

from __future__ import annotations

import ctypes
import os
import sys
import weakref

__all__ = ["REENTERED", "Lock", "ReenteredError"]

REENTERED = -1
"""The status word of a run that did not begin: its thread is already inside of another one."""

_SIZE = 128  # at least that of a pthread_mutex_t, or of its attributes, anywhere
_ERRORCHECK = 1 if sys.platform == "darwin" else 2


class ReenteredError(Exception):
    """The thread that wants the lock holds it."""


class Lock:
    """A mutex of the system. Native code takes it by ``address``, Python by ``with``.

    A thread that holds it and wants it again (a signal handler or a finalizer that runs while the
    reference is called) gets a number other than 0 from native code, or `ReenteredError`.
    In the child of a fork it is free: the thread that held it is not there.
    """

    def __init__(self) -> None:
        self._memory = (ctypes.c_int64 * (_SIZE // 8))()
        self._reset()
        _locks.add(self)

    def _reset(self) -> None:
        ctypes.memset(self._memory, 0, _SIZE)
        attributes = (ctypes.c_int64 * (_SIZE // 8))()
        _libc.pthread_mutexattr_init(attributes)
        _libc.pthread_mutexattr_settype(attributes, _ERRORCHECK)
        _libc.pthread_mutex_init(self._memory, attributes)
        _libc.pthread_mutexattr_destroy(attributes)

    @property
    def address(self) -> int:
        """Of the ``pthread_mutex_t``."""
        return ctypes.addressof(self._memory)

    def __enter__(self) -> None:
        if _libc.pthread_mutex_lock(self._memory):  # ctypes lets go of the GIL meanwhile
            raise ReenteredError

    def __exit__(self, *_: object) -> None:
        _libc.pthread_mutex_unlock(self._memory)


_libc = ctypes.CDLL(None)
_locks: weakref.WeakSet[Lock] = weakref.WeakSet()


def _reset_all() -> None:
    for lock in _locks:
        lock._reset()


os.register_at_fork(after_in_child=_reset_all)
