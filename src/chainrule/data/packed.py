"""The compressed files that come with the package."""

from __future__ import annotations

__all__ = ["unpacked"]


def unpacked(name: str) -> bytes:
    """The content of a gzip file beside this one."""
    import gzip  # here, since few of those who import chainrule load these data
    from importlib import resources

    return gzip.decompress(resources.files(__package__).joinpath(name).read_bytes())
