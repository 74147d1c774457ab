"""Encodes gateway frames: as text, or as one compressed stream per connection (zlib or zstd)."""

from __future__ import annotations

import importlib
import zlib
from collections.abc import Callable

Pack = Callable[[bytes], bytes]


def packer(asked: str | None) -> Pack | None:
    """Return the compressor for a connection's `?compress=…`; None if frames are sent as text.

    If this Python has no zstd, clients that ask for it get text, which they accept too. Raises KeyError for a
    compression that Discord does not have.
    """
    return {None: _plain, "zlib-stream": _zlib, "zstd-stream": _zstd}[asked]()


def _plain() -> None:
    return None


def _zlib() -> Pack:
    stream = zlib.compressobj()
    return lambda data: stream.compress(data) + stream.flush(zlib.Z_SYNC_FLUSH)


def _zstd() -> Pack | None:
    """Return a zstd compressor from the standard library (Python 3.14) or the zstandard package, or None."""
    try:
        stream = importlib.import_module("compression.zstd").ZstdCompressor()
    except ImportError:
        return _zstandard()
    return lambda data: bytes(stream.compress(data, stream.FLUSH_BLOCK))


def _zstandard() -> Pack | None:
    try:
        package = importlib.import_module("zstandard")
    except ImportError:
        return None
    stream = package.ZstdCompressor().compressobj()
    return lambda data: bytes(stream.compress(data) + stream.flush(package.COMPRESSOBJ_FLUSH_BLOCK))
