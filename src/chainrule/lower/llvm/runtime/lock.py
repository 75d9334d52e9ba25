"""A lock that native code can take."""

from __future__ import annotations

import ctypes
import os
import weakref

__all__ = ["Lock"]

_SIZE = 128  # at least that of a pthread_mutex_t anywhere


class Lock:
    """A mutex of the system. Native code takes it by ``address``, Python by ``with``.

    In the child of a fork it is free: the thread that held it is not there.
    """

    def __init__(self) -> None:
        self._memory = (ctypes.c_int64 * (_SIZE // 8))()
        self._reset()
        _locks.add(self)

    def _reset(self) -> None:
        ctypes.memset(self._memory, 0, _SIZE)
        _libc.pthread_mutex_init(self._memory, None)

    @property
    def address(self) -> int:
        """Of the ``pthread_mutex_t``."""
        return ctypes.addressof(self._memory)

    def __enter__(self) -> None:
        _libc.pthread_mutex_lock(self._memory)  # ctypes lets go of the GIL meanwhile

    def __exit__(self, *_: object) -> None:
        _libc.pthread_mutex_unlock(self._memory)


_libc = ctypes.CDLL(None)
_locks: weakref.WeakSet[Lock] = weakref.WeakSet()


def _reset_all() -> None:
    for lock in _locks:
        lock._reset()


os.register_at_fork(after_in_child=_reset_all)
