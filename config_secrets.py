"""Reads secrets from files: NAME_FILE names the file that contains the value of NAME."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from billing.model.translatable_text import Text, Verbatim

SECRETS = (
    "DISCORD_TOKEN",
    "DISCORD_CLIENT_SECRET",
    "SECRET_KEY",
    "STRIPE_API_KEY",
    "STRIPE_WEBHOOK_SECRET",
    "PAYPAL_CLIENT_SECRET",
)
FILE_NAMES = tuple(f"{name}_FILE" for name in SECRETS)
LARGEST = 64 * 1024  # bytes: no secret is longer, and a device such as /dev/zero never ends


def read_secret_files(environ: Mapping[str, str]) -> tuple[dict[str, str], dict[str, Text]]:
    """Return the settings with secrets read from their files, and the faults by name of the refused secrets.

    No fault quotes a path: somebody may have written the secret itself there.
    """
    values, faults = dict(environ), {}
    for name, path in _named(environ):
        if environ.get(name, "").strip():
            faults[name] = Text(
                "setting.secret_file_and_value", file=Verbatim(f"{name}_FILE"), name=Verbatim(name)
            )
        elif isinstance(found := read_secret(f"{name}_FILE", path), Text):
            faults[name] = found
        else:
            values[name] = found
    return values, faults


def named_files(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the names of those settings, such as STRIPE_API_KEY_FILE, that point to a secret's file."""
    return tuple(f"{name}_FILE" for name, _ in _named(environ))


def _named(environ: Mapping[str, str]) -> Iterator[tuple[str, Path]]:
    for name in SECRETS:
        if path := environ.get(f"{name}_FILE", "").strip():
            yield name, Path(path)


def read_secret(name: str, path: Path) -> str | Text:
    """Read a secret from a file, without its last line break; return a fault if it cannot be a secret.

    `name`: the setting or option that named the file, for the fault.
    """
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
        text = content.decode("utf-8-sig").removesuffix("\n").removesuffix("\r")
    except OSError as error:
        reason = Verbatim(error.strerror or type(error).__name__)
        return Text("setting.secret_file_unreadable", name=Verbatim(name), reason=reason)
    except ValueError:  # no UTF-8, or a path that no system takes
        return Text("setting.secret_file_unfit", name=Verbatim(name))
    if len(content) > LARGEST:
        return Text("setting.secret_file_unfit", name=Verbatim(name))
    return text if text.strip() else Text("setting.secret_file_empty", name=Verbatim(name))
