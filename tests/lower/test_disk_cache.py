import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from chainrule.lower.llvm.runtime import disk_cache


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CHAINRULE_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_what_was_put_is_found(folder: Path) -> None:
    assert disk_cache.get("a") is None
    disk_cache.put("a", b"one")
    disk_cache.put("b\0é\ud800", b"")
    assert disk_cache.get("a") == b"one"
    assert disk_cache.get("b\0é\ud800") == b""
    disk_cache.put("a", b"two")
    assert disk_cache.get("a") == b"two"
    assert len(files(folder)) == 2
    disk_cache.clear()
    assert disk_cache.get("a") is None
    assert files(folder) == []
    disk_cache.clear()


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[:20],
        lambda data: data[:-1],
        lambda data: data + b"x",
        lambda data: b"X" + data[1:],
        lambda data: data[:-1] + bytes([data[-1] ^ 1]),
        lambda data: data[:60] + bytes([data[60] ^ 1]) + data[61:],
        lambda data: b"\x7fELF" * 100,
    ],
    ids=["empty", "header", "short", "long", "magic", "content", "checksum", "foreign"],
)
def test_a_damaged_file_is_ignored_and_replaced(
    folder: Path, damage: Callable[[bytes], bytes]
) -> None:
    disk_cache.put("key", b"payload")
    (path,) = files(folder)
    path.write_bytes(damage(path.read_bytes()))
    assert disk_cache.get("key") is None
    disk_cache.put("key", b"payload")
    assert disk_cache.get("key") == b"payload"


def test_a_file_under_another_name_is_ignored(folder: Path) -> None:
    disk_cache.put("a", b"of a")
    (path,) = files(folder)
    disk_cache.put("b", b"of b")
    (other,) = set(files(folder)) - {path}
    os.replace(path, other)
    assert disk_cache.get("b") is None


def test_what_others_could_have_written_is_not_trusted(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk_cache.put("key", b"payload")
    (path,) = files(folder)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    for place in (path, path.parent):
        right = place.stat().st_mode
        for bit in (0o020, 0o002):
            place.chmod(right | bit)
            assert disk_cache.get("key") is None
            place.chmod(right)
            assert disk_cache.get("key") == b"payload"
    with monkeypatch.context() as patched:
        patched.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)
        assert disk_cache.get("key") is None
    moved = path.rename(path.with_name("elsewhere"))
    path.symlink_to(moved)
    assert disk_cache.get("key") is None


def test_a_folder_of_others_is_not_written(folder: Path) -> None:
    disk_cache.put("key", b"payload")
    (path,) = files(folder)
    path.parent.chmod(0o777)
    disk_cache.put("other", b"payload")
    assert files(folder) == [path]


def test_nothing_is_kept_without_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    for chosen in ("", str(tmp_path / "file"), str(tmp_path / "file" / "below"), "/proc/none"):
        monkeypatch.setenv("CHAINRULE_CACHE_DIR", chosen)
        disk_cache.put("key", b"payload")
        assert disk_cache.get("key") is None
        disk_cache.clear()
    assert disk_cache.location() == Path("/proc/none")
    monkeypatch.setenv("CHAINRULE_CACHE_DIR", "")
    assert disk_cache.location() is None


def test_a_full_disk_leaves_nothing_behind(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk_cache.put("before", b"payload")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    disk_cache.put("key", b"payload")
    assert disk_cache.get("key") is None
    assert len(files(folder)) == 1


def test_location(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CHAINRULE_CACHE_DIR", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert disk_cache.location() == tmp_path / "xdg" / "chainrule"
    for ignored in ("", "relative/path"):
        monkeypatch.setenv("XDG_CACHE_HOME", ignored)
        assert disk_cache.location() == tmp_path / ".cache" / "chainrule"
    monkeypatch.setattr(sys, "platform", "darwin")
    assert disk_cache.location() == tmp_path / "Library" / "Caches" / "chainrule"


def test_the_least_recently_used_goes_first(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk_cache, "LIMIT", 100_000)
    monkeypatch.setattr(disk_cache, "_PRUNE_EVERY", 1)
    for i in range(4):
        before = set(files(folder))
        disk_cache.put(str(i), bytes(24_000))
        (path,) = set(files(folder)) - before
        used = time.time() - 100_000 + i
        os.utime(path, (used, used))
    assert disk_cache.get("0") is not None  # now the one used last
    disk_cache.put("4", bytes(24_000))
    assert [disk_cache.get(str(i)) is not None for i in range(5)] == [
        True,
        False,
        False,
        True,
        True,
    ]
    disk_cache.put("big", bytes(25_001))
    assert disk_cache.get("big") is None


def test_leftovers_of_dead_writers_are_removed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk_cache, "_PRUNE_EVERY", 1)
    disk_cache.put("a", b"")
    (path,) = files(folder)
    old, new = path.with_name("ab.01"), path.with_name("ab.02")
    for left in (old, new):
        left.write_bytes(b"half")
    os.utime(old, (1.0, 1.0))
    disk_cache.put("b", b"")
    assert not old.exists()
    assert new.exists()


WRITER = """
import sys
from chainrule.lower.llvm.runtime import disk_cache
for turn in range(60):
    for key in ("x", "y"):
        disk_cache.put(key, key.encode() * 100_000)
        found = disk_cache.get(key)
        assert found is None or found == key.encode() * 100_000, "torn file"
    if turn % 20 == 7:
        disk_cache.clear()
"""


def test_processes_write_at_once(folder: Path) -> None:
    writers = [subprocess.Popen([sys.executable, "-c", WRITER]) for _ in range(3)]
    assert [writer.wait(120) for writer in writers] == [0, 0, 0]
    for key in ("x", "y"):
        disk_cache.put(key, b"last")
        assert disk_cache.get(key) == b"last"
    assert len(files(folder)) == 2
