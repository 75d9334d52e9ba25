"""Running an iterator ahead in a thread of its own."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any, Generic, TypeVar

__all__ = ["prefetched"]

Item = TypeVar("Item")

PATIENCE = 1.0
"""Seconds that the end waits for the thread to finish the item that it is at."""


def prefetched(items: Iterable[Item], ahead: int) -> Iterator[Item]:
    """The same items in the same order, of which a thread prepares up to ``ahead`` in advance.

    What is raised while an item is made is raised, with its traceback, where the item is asked for.
    Whoever stops before the end, closes the iterator or lets go of it ends the thread, which closes
    ``items``. Threads that are still at work do not keep the interpreter from exiting.

    Args:
        items: read by the thread alone.
        ahead: how many items may be waiting, at least 1.

    >>> from chainrule.data.prefetch import prefetched
    >>> list(prefetched(range(5), ahead=2))
    [0, 1, 2, 3, 4]
    """
    ready: _Ready[Item] = _Ready(ahead)
    thread = threading.Thread(
        target=_fill, args=(items, ready), name="chainrule prefetch", daemon=True
    )
    thread.start()
    try:
        while ready.wait():
            yield ready.take()
    finally:
        ready.close()
        # the garbage collector may find this iterator while it runs in the thread itself
        if thread is not threading.current_thread():
            thread.join(PATIENCE)


class _Ready(Generic[Item]):
    """Items that wait to be taken. One thread puts, another takes, either may end it."""

    def __init__(self, room: int) -> None:
        self._room = room
        self._items: deque[Item] = deque()
        self._changed = threading.Condition()
        self._ended = False
        self._closed = False
        self._error: BaseException | None = None

    def put(self, item: Item) -> bool:
        """Add an item when there is room; False if nobody wants it any more."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or len(self._items) < self._room)
            if not self._closed:
                self._items.append(item)
                self._changed.notify_all()
            return not self._closed

    def end(self, error: BaseException | None) -> None:
        """There will be no further item, perhaps because of an error."""
        with self._changed:
            self._ended, self._error = True, error
            self._changed.notify_all()

    def wait(self) -> bool:
        """Whether there is a next item; raises the error that there is in its place."""
        with self._changed:
            self._changed.wait_for(lambda: self._ended or self._items)
            if self._items:
                return True
            error, self._error = self._error, None
        if error is not None:
            raise error
        return False

    def take(self) -> Item:
        """The next item."""
        with self._changed:
            item = self._items.popleft()
            self._changed.notify_all()
            return item

    def close(self) -> None:
        """Nobody wants further items."""
        with self._changed:
            self._closed = True
            self._items.clear()
            self._changed.notify_all()


def _fill(items: Iterable[Any], ready: _Ready[Any]) -> None:
    """What the thread does."""
    error: BaseException | None = None
    try:
        iterator = iter(items)
        try:
            for item in iterator:
                if not ready.put(item):
                    break
        finally:
            close = getattr(iterator, "close", None)
            if close is not None:
                close()
    except BaseException as raised:  # it is the consumer's, who asks for the item
        error = raised
    ready.end(error)
