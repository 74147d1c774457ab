"""Edits the settings file .env: keeps everything else in it, and replaces the file in one step."""

from __future__ import annotations

import os
from collections.abc import Mapping
from io import StringIO
from itertools import count
from pathlib import Path

from dotenv.parser import Binding, parse_stream


def change_values(text: str, values: Mapping[str, str | None]) -> str:
    """Return the settings file's text with these values changed.

    A name that the file lacks is added at its end; the value None removes a name. If a name appears twice,
    only its last line is kept, because only that one counts.
    """
    bindings = list(parse_stream(StringIO(text)))
    last = {binding.key or "": number for number, binding in enumerate(bindings)}
    lines = [
        binding.original.string
        if (name := binding.key or "") not in values
        else _changed(binding, values[name] if number == last[name] else None)
        for number, binding in enumerate(bindings)
    ]
    new = {name: value for name, value in values.items() if name not in last and value is not None}
    above = "".join(lines)
    below = "".join(f"{name}={value}\n" for name, value in new.items())
    return f"{above}\n{below}" if below and above and not above.endswith("\n") else above + below


def _changed(binding: Binding, value: str | None) -> str:
    """Return a line with another value, or nothing if the value is None. Blank lines above it stay."""
    line = binding.original.string
    above = line[: len(line) - len(line.lstrip())]
    return above if value is None else f"{above}{binding.key}={value}\n"


def save_env(path: Path, text: str, stamp: str) -> Path | None:
    """Replace the settings file with this text, and make it readable by its owner alone.

    Returns the path of a copy of the former file, with `stamp` in its name; None if there was no file. If an
    OSError is raised, the former file is unchanged.
    """
    path = path.resolve()
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    try:
        _write(part, text.encode())
        kept = _keep(path, stamp)
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise
    return kept


def _keep(path: Path, stamp: str) -> Path | None:
    if not path.exists():
        return None
    taken = (path.with_name(f"{path.name}.{stamp}{f'-{n}' if n else ''}") for n in count())
    kept = next(one for one in taken if not one.exists())
    _write(kept, path.read_bytes())
    if hasattr(os, "geteuid") and os.geteuid() == 0:  # root sets up for the bot's own user
        owner = path.stat()
        for one in (kept, path.with_name(f"{path.name}.part")):
            os.chown(one, owner.st_uid, owner.st_gid)
    return kept


def _write(path: Path, content: bytes) -> None:
    """Create a file that only its owner can read, and wait until its content is on disk."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
