"""Logs a process's writes to its ledger and its messages to others, call by call, and computes the files
that a power cut would leave."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.crashes.files import HEAD


@dataclass(frozen=True)
class Record:
    """One call: w write, s sync, t truncate, u deletion of a file of the ledger; d sync of its folder; o
    bytes that the listener is about to send."""

    kind: str
    path: str
    offset: int
    data: bytes


def read_log(path: Path) -> Iterator[Record]:
    """All calls in the log, in order."""
    raw, at = path.read_bytes(), 0
    while at < len(raw):
        kind, path_size, size, offset = HEAD.unpack_from(raw, at)
        at += HEAD.size
        name = raw[at : at + path_size].decode()
        data = raw[at + path_size : at + path_size + size]
        at += path_size + size
        yield Record(kind.decode(), Path(name).name, offset, data)


class Disk:
    """The files that are certain to be on the disk. Only synced content of a file counts, and only files
    whose creation or removal the folder's sync has seen; in the worst case the rest is lost."""

    def __init__(self) -> None:
        self._kept: dict[str, bytearray] = {}
        self._unsynced: dict[str, list[Record]] = {}
        self._names: set[str] = set()
        self._names_kept: set[str] = set()

    def see(self, record: Record) -> None:
        """Apply the next call of the log."""
        match record.kind:
            case "w" | "t":
                self._names.add(record.path)
                self._unsynced.setdefault(record.path, []).append(record)
            case "s":
                kept = self._kept.setdefault(record.path, bytearray())
                for done in self._unsynced.pop(record.path, []):
                    _apply(kept, done)
            case "u":
                self._names.discard(record.path)
                self._unsynced.pop(record.path, None)
            case "d":
                self._names_kept = set(self._names)

    def leave(self, folder: Path) -> None:
        """The contents of the files after a power cut at this moment."""
        for name in self._names_kept:
            (folder / name).write_bytes(self._kept.get(name, b""))


def _apply(content: bytearray, record: Record) -> None:
    if record.kind == "t":
        del content[record.offset :]
        content.extend(bytes(record.offset - len(content)))
        return
    content.extend(bytes(max(0, record.offset - len(content))))
    content[record.offset : record.offset + len(record.data)] = record.data
