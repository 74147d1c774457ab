"""Stands between SQLite and the files of this process: writes down every call that changes one, with what is
sent to others meanwhile, in their order, and kills the process before the call it was told.

SQLite reaches its files through a table of functions (https://sqlite.org/vfs.html), which ctypes finds in the
library that Python itself uses. The functions are SQLite's own; ours go before them.
"""

from __future__ import annotations

import _sqlite3
import ctypes
import os
import signal
import struct
import threading
from ctypes import CFUNCTYPE, POINTER, Structure, c_char_p, c_int, c_int64, c_void_p
from pathlib import Path
from typing import Any, ClassVar

from aiohttp import web_protocol

HEAD = struct.Struct("<cHIq")  # kind, length of the name, length of the data, offset

_OPEN = CFUNCTYPE(c_int, c_void_p, c_void_p, c_void_p, c_int, c_void_p)
_DELETE = CFUNCTYPE(c_int, c_void_p, c_char_p, c_int)
_WRITE = CFUNCTYPE(c_int, c_void_p, c_void_p, c_int, c_int64)
_TRUNCATE = CFUNCTYPE(c_int, c_void_p, c_int64)
_SYNC = CFUNCTYPE(c_int, c_void_p, c_int)
_FOLDER = CFUNCTYPE(c_int, c_char_p, c_void_p)
_GET_CALL = CFUNCTYPE(c_void_p, c_void_p, c_char_p)
_SET_CALL = CFUNCTYPE(c_int, c_void_p, c_char_p, c_void_p)


class _Methods(Structure):
    """sqlite3_io_methods, version 3: what can be done with an open file."""

    _fields_: ClassVar = [
        ("version", c_int),
        ("close", c_void_p),
        ("read", c_void_p),
        ("write", _WRITE),
        ("truncate", _TRUNCATE),
        ("sync", _SYNC),
        ("more", c_void_p * 13),
    ]


class _Vfs(Structure):
    """sqlite3_vfs, version 3: how a file is opened."""

    _fields_: ClassVar = [
        ("version", c_int),
        ("size", c_int),
        ("longest", c_int),
        ("next", c_void_p),
        ("name", c_char_p),
        ("data", c_void_p),
        ("open", _OPEN),
        ("delete", _DELETE),
        ("more", c_void_p * 11),
        ("set_call", _SET_CALL),
        ("get_call", _GET_CALL),
    ]


class Files:
    """All files of SQLite's that have a name. `log`: where the calls are written down."""

    def __init__(self, log: Path | None = None) -> None:
        self.calls = 0
        self._dies_at: int | None = None
        how = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        self._log = None if log is None else os.open(log, how, 0o600)
        self._turn = threading.Lock()
        self._names: dict[int, bytes] = {}
        self._kept: list[Any] = []  # what C points to and Python would forget

    def arm(self, dies_at: int | None) -> None:
        """Count from here; die before the call of that number."""
        self.calls, self._dies_at = 0, dies_at

    def note(self, kind: bytes, name: bytes, offset: int = 0, data: bytes = b"") -> None:
        """Kinds: see event_log.Record."""
        if self._log is not None:
            os.write(self._log, HEAD.pack(kind, len(name), len(data), offset) + name + data)

    def _counted(self) -> None:
        self.calls += 1
        if self.calls == self._dies_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def stand_before_sqlite(self) -> None:
        """For every file that is opened from now on."""
        library = ctypes.CDLL(getattr(_sqlite3, "__file__", None))  # None: built into the interpreter
        library.sqlite3_vfs_find.restype = POINTER(_Vfs)
        vfs = library.sqlite3_vfs_find(None).contents
        self._before_opening(vfs)
        self._before_folders(vfs)

    def _before_opening(self, vfs: _Vfs) -> None:
        opened, deleted = (_copy(vfs, name) for name in ("open", "delete"))

        def open_(itself: int, name: int | None, file: int, flags: int, found: int) -> int:
            result = int(opened(itself, name, file, flags, found))
            if result == 0 and name is not None:
                self._names[file] = os.path.basename(ctypes.string_at(name))  # noqa: PTH119 - bytes
                self._before_methods(ctypes.cast(file, POINTER(POINTER(_Methods))))
            return result

        def delete(itself: int, name: bytes, syncs: int) -> int:
            with self._turn:
                self._counted()
                result = int(deleted(itself, name, syncs))
                if result == 0:
                    self.note(b"u", os.path.basename(name))  # noqa: PTH119 - bytes
                return result

        vfs.open, vfs.delete = self._keep(_OPEN(open_)), self._keep(_DELETE(delete))

    def _before_methods(self, file: Any) -> None:
        """The table is SQLite's and cannot be written to, so the file gets a copy of it."""
        methods = _Methods.from_buffer_copy(file.contents.contents)
        writes, truncates, syncs = (_copy(methods, name) for name in ("write", "truncate", "sync"))

        def write(it: int, data: int, size: int, offset: int) -> int:
            content = ctypes.string_at(data, size)
            return self._changes(b"w", it, offset, content, lambda: writes(it, data, size, offset))

        def truncate(it: int, size: int) -> int:
            return self._changes(b"t", it, size, b"", lambda: truncates(it, size))

        def sync(it: int, flags: int) -> int:
            return self._changes(b"s", it, 0, b"", lambda: syncs(it, flags))

        methods.write = self._keep(_WRITE(write))
        methods.truncate = self._keep(_TRUNCATE(truncate))
        methods.sync = self._keep(_SYNC(sync))
        file[0] = ctypes.pointer(self._keep(methods))

    def _changes(self, kind: bytes, file: int, offset: int, data: bytes, call: Any) -> int:
        with self._turn:
            self._counted()
        result = int(call())
        if result == 0:
            with self._turn:
                self.note(kind, self._names[file], offset, data)
        return result

    def _before_folders(self, vfs: _Vfs) -> None:
        """SQLite opens a folder for one purpose only: to sync it."""
        opens = _FOLDER(vfs.get_call(ctypes.addressof(vfs), b"openDirectory"))

        def folder(name: bytes, found: int) -> int:
            self.note(b"d", b"")
            return int(opens(name, found))

        ours = self._keep(_FOLDER(folder))
        vfs.set_call(ctypes.addressof(vfs), b"openDirectory", ctypes.cast(ours, c_void_p))

    def _keep(self, thing: Any) -> Any:
        self._kept.append(thing)
        return thing

    def stand_before_listener(self) -> None:
        """Note what aiohttp's server is about to send; it leaves a moment later."""
        handler: Any = web_protocol.RequestHandler
        made = handler.connection_made

        def connection_made(itself: Any, transport: Any) -> None:
            made(itself, _Loud(transport, self))

        handler.connection_made = connection_made


class _Loud:
    """A transport that tells what is written to it."""

    def __init__(self, transport: Any, files: Files) -> None:
        self._transport, self._files = transport, files

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        self._files.note(b"o", b"", 0, bytes(data))
        self._transport.write(data)

    def writelines(self, parts: list[bytes]) -> None:
        self.write(b"".join(parts))


def _copy(table: Structure, name: str) -> Any:
    """A function as it is now; a field that is read later would give what was put in its place."""
    found = getattr(table, name)
    return type(found)(ctypes.cast(found, c_void_p).value)
