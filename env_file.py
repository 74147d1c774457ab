"""Changes the settings file .env: keeps everything that it does not change, and replaces the file at once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from io import StringIO
from itertools import count
from pathlib import Path

from dotenv.parser import Binding, parse_stream


def change_values(text: str, values: Mapping[str, str | None]) -> str:
    """The file's text with these values.

    A name that the file lacks is added at its end; None removes the name. A name that stands there twice
    stays once, because only its last line counts.
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
    """A line with another value. Blank lines above it belong to it and stay."""
    line = binding.original.string
    above = line[: len(line) - len(line.lstrip())]
    return above if value is None else f"{above}{binding.key}={value}\n"


def save_env(path: Path, text: str, stamp: str) -> Path | None:
    """Replace the file, which only its owner may read; OSError leaves the former file as it was.

    Returns the path of a copy of the former file, with `stamp` in its name; None if there was none.
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
    """Create a file that only its owner can read, and wait until it is on the disk."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
