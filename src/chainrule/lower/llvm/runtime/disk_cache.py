"""A cache of bytes on disk, shared by all processes of a user.

It lies in the user's cache folder, or where ``CHAINRULE_CACHE_DIR`` says (empty: no cache). Where
that folder cannot be written everything works without it, silently.

A file is never trusted for its name. It must belong to the user, be writable by nobody else, lie
in a folder of which the same holds, and carry the key and checksum of its content::

    magic (8 bytes) | sha256 of the key | length of the content (8 bytes) | its sha256 | content
"""

from __future__ import annotations

import os
import stat
import sys
import time
from contextlib import suppress
from hashlib import sha256
from itertools import count
from pathlib import Path

__all__ = ["clear", "get", "location", "put"]

MAGIC = b"CRcache1"  # its digit is the version of the format
LIMIT = 256 << 20
_HEADER = len(MAGIC) + 32 + 8 + 32
_PRUNE_EVERY = 32  # writes of this process, the first included
_STALE = 3600.0  # seconds: left by a writer that died; also how finely the last use is known
_writes = count()


def location() -> Path | None:
    """The folder of the cache; None where there is none."""
    chosen = os.environ.get("CHAINRULE_CACHE_DIR")
    if chosen is not None:
        return Path(chosen).absolute() if chosen else None
    home = os.path.expanduser("~")
    if sys.platform == "darwin":
        base = os.path.join(home, "Library", "Caches")
    else:
        base = os.environ.get("XDG_CACHE_HOME", "")
        if not os.path.isabs(base):  # the specification: relative paths are to be ignored
            base = os.path.join(home, ".cache")
    return Path(base, "chainrule") if os.path.isabs(base) else None


def get(key: str) -> bytes | None:
    """What was put under the key; None where there is nothing that can be trusted."""
    folder = _trusted_folder()
    if folder is None:
        return None
    digest = _digest(key)
    try:
        descriptor = os.open(
            os.path.join(folder, digest.hex()), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
        )
        with open(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not (stat.S_ISREG(status.st_mode) and _private(status)):
                return None
            content = _content(file.read(), digest)
            if content is not None and time.time() - status.st_mtime > _STALE:
                os.utime(descriptor)  # the time of last use, for `_prune`
            return content
    except OSError:
        return None


def put(key: str, payload: bytes) -> None:
    """Keep the bytes under the key, in place of what was there."""
    folder = _trusted_folder(create=True)
    if folder is None or len(payload) > LIMIT // 4:
        return
    digest = _digest(key)
    header = MAGIC + digest + len(payload).to_bytes(8, "little") + sha256(payload).digest()
    temporary = os.path.join(folder, f"{digest.hex()}.{os.urandom(8).hex()}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with open(descriptor, "wb") as file:
                file.write(header)
                file.write(payload)
            os.replace(temporary, os.path.join(folder, digest.hex()))
        except BaseException:
            with suppress(OSError):
                os.unlink(temporary)
            raise
        if next(_writes) % _PRUNE_EVERY == 0:
            _prune(folder, LIMIT)
    except OSError:
        return


def clear() -> None:
    """Remove everything from the cache."""
    folder = _trusted_folder()
    if folder is not None:
        with suppress(OSError):
            _prune(folder, -1)


def _digest(key: str) -> bytes:
    return sha256(key.encode("utf-8", "surrogatepass")).digest()


def _content(data: bytes, digest: bytes) -> bytes | None:
    content = data[_HEADER:]
    header = MAGIC + digest + len(content).to_bytes(8, "little") + sha256(content).digest()
    return content if data[:_HEADER] == header else None


def _private(status: os.stat_result) -> bool:
    """Whether nobody but the user could have written it."""
    return status.st_uid == os.geteuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _trusted_folder(create: bool = False) -> str | None:
    # a folder of our own making: that of the user may well be writable by a group
    chosen = location()
    if chosen is None:
        return None
    folder = os.path.join(chosen, "compiled")
    try:
        try:
            status = os.lstat(folder)
        except FileNotFoundError:
            if not create:
                return None
            os.makedirs(chosen, exist_ok=True)
            with suppress(FileExistsError):
                os.mkdir(folder, 0o700)
            status = os.lstat(folder)
    except OSError:
        return None
    return folder if stat.S_ISDIR(status.st_mode) and _private(status) else None


def _prune(folder: str, limit: int) -> None:
    """Remove what dead writers left; above the limit, remove the least recently used down to
    three quarters of it, so that the next write does not prune again."""
    now = time.time()
    files: list[tuple[float, int, str]] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            try:
                status = entry.stat(follow_symlinks=False)
                if "." in entry.name and now - status.st_mtime > _STALE:
                    os.unlink(entry.path)
                else:
                    files.append((status.st_mtime, status.st_size, entry.path))
            except OSError:  # another process removed it
                continue
    total = sum(size for _, size, _ in files)
    if total <= limit:
        return
    for _, size, path in sorted(files):
        with suppress(OSError):
            os.unlink(path)
        total -= size
        if total <= limit * 3 // 4:
            break
