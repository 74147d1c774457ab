"""Measures the size of a ledger on disk."""

from __future__ import annotations

from pathlib import Path

from db.sqlite.private_files import beside


def size_of(path: Path) -> int:
    """Return the bytes that the ledger takes on disk, including its write-ahead log."""
    parts = (path, beside(path, "-wal"))
    return sum(part.stat().st_size for part in parts if part.exists())
