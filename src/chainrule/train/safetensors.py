"""Arrays in the safetensors format, which other libraries read and write as well.

A file is the length of the header (8 bytes, little-endian), the header, which is JSON, and the
bytes of the arrays one after the other:

    {"__metadata__": {"sha256": "…", …},
     "weight": {"dtype": "F32", "shape": [1, 2], "data_offsets": [0, 8]}, …}

The metadata are texts by name. The first of them is the SHA-256 of header and arrays, as they are
with zeros in its place: so a file that was damaged anywhere is told from one that was not.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from typing import Any, BinaryIO

import numpy as np

from chainrule.core.errors import DTypeError

__all__ = ["read", "write"]

DTYPES = {
    np.dtype(name): code
    for name, code in {
        "bool": "BOOL",
        "uint8": "U8",
        "int8": "I8",
        "uint16": "U16",
        "int16": "I16",
        "float16": "F16",
        "uint32": "U32",
        "int32": "I32",
        "float32": "F32",
        "uint64": "U64",
        "int64": "I64",
        "float64": "F64",
    }.items()
}
_BY_CODE = {code: dtype.newbyteorder("<") for dtype, code in DTYPES.items()}

_BEGINNING = b'{"__metadata__":{"sha256":"'
_UNKNOWN = "0" * 64


def write(file: BinaryIO, arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> None:
    """Fill a binary file.

    Args:
        file: at its beginning.
        arrays: by name.
        metadata: texts by name.

    Raises:
        DTypeError: if an array has a dtype that the format does not know.

    >>> import io, numpy as np
    >>> from chainrule.train import safetensors
    >>> file = io.BytesIO()
    >>> safetensors.write(file, {"a": np.array([1.0, 2.0])}, {"by": "me"})
    >>> safetensors.read(io.BytesIO(file.getvalue()))
    ({'a': array([1., 2.])}, {'by': 'me'})
    """
    entries: dict[str, Any] = {"__metadata__": {"sha256": _UNKNOWN} | dict(metadata)}
    parts, end = [], 0
    # the widest first, so that every array begins at a multiple of its item
    for name in sorted(arrays, key=lambda name: (-arrays[name].dtype.itemsize, name)):
        value = arrays[name]
        code = DTYPES.get(value.dtype.newbyteorder("="))
        if code is None:
            raise DTypeError(f"{name}: the safetensors format has no {value.dtype.name}")
        begin, end = end, end + value.nbytes
        entries[name] = {
            "dtype": code,
            "shape": list(value.shape),
            "data_offsets": [begin, end],
        }
        little = np.ascontiguousarray(value, value.dtype.newbyteorder("<"))
        parts.append(little.reshape(-1).view(np.uint8).data)
    header = json.dumps(entries, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    header = _stamped(header, _digest(header, parts))
    file.write(len(header).to_bytes(8, "little"))
    file.write(header)
    for part in parts:
        file.write(part)


def read(file: BinaryIO) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """The arrays, which may be changed, and the metadata of a file written by `write`.

    Raises:
        ValueError: if it is damaged, or was written by others; the message says in what way.
    """
    content = bytearray(file.read())
    length = int.from_bytes(content[:8], "little")
    if len(content) < 8 or length > len(content) - 8:
        raise ValueError("it ends within its header")
    header, data = bytes(content[8 : 8 + length]), memoryview(content)[8 + length :]
    if not header.startswith(_BEGINNING):
        raise ValueError("its header does not begin with a checksum")
    place = len(_BEGINNING)
    digest = header[place : place + len(_UNKNOWN)].decode("latin-1")
    if digest != _digest(_stamped(header, _UNKNOWN), [data]):
        raise ValueError("its checksum is another one than that of its content")
    entries = _parsed(header)
    metadata = entries.pop("__metadata__")
    if not all(isinstance(text, str) for text in metadata.values()):
        raise ValueError("its metadata are not texts by name")
    del metadata["sha256"]
    return _arrays(entries, data), metadata


def _parsed(header: bytes) -> dict[str, Any]:
    """The header, which begins with metadata."""
    try:
        entries = json.loads(header, object_pairs_hook=_by_name)
    except RecursionError:
        raise ValueError("its header is nested too deeply") from None
    if not all(isinstance(entry, dict) for entry in entries.values()):
        raise ValueError("its header does not describe arrays by name")
    found: dict[str, Any] = entries
    return found


def _by_name(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands twice in its header")
    return found


def _arrays(entries: Mapping[str, Any], data: memoryview) -> dict[str, np.ndarray]:
    """The arrays in the data, of which each has its own part and all together the whole."""
    arrays, end = {}, 0
    for name, entry in sorted(entries.items(), key=lambda item: item[1]["data_offsets"]):
        dtype, shape, offsets = _BY_CODE[entry["dtype"]], entry["shape"], entry["data_offsets"]
        if not all(type(number) is int and number >= 0 for number in (*shape, *offsets)):
            raise ValueError(f"shape and place of {name} are not whole numbers from 0 on")
        size = dtype.itemsize * math.prod(shape)
        if offsets != [end, end + size] or end + size > len(data):
            raise ValueError(f"{name} is not where it should be, or has another size")
        values = np.frombuffer(data[end : end + size], dtype)
        arrays[name] = values.astype(dtype.newbyteorder("="), copy=False).reshape(shape)
        end += size
    if end != len(data):
        raise ValueError("it holds more than its header says")
    return arrays


def _digest(header: bytes, parts: list[Any]) -> str:
    digest = hashlib.sha256(header)
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


def _stamped(header: bytes, digest: str) -> bytes:
    place = len(_BEGINNING)
    return header[:place] + digest.encode() + header[place + len(digest) :]
