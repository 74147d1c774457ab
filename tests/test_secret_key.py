"""The setting SECRET_KEY: what is a key, and that none is ever shown."""

from __future__ import annotations

import base64

import pytest

from tests.test_config import only_fault, read

KEY = bytes(range(32))


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("", ()),
        (KEY.hex(), (KEY,)),
        (KEY.hex().upper(), (KEY,)),
        (base64.b64encode(KEY).decode(), (KEY,)),
        (base64.urlsafe_b64encode(bytes([251] * 40)).decode().rstrip("="), (bytes([251] * 40),)),
        (f"{KEY.hex()} , {bytes(reversed(KEY)).hex()}", (KEY, bytes(reversed(KEY)))),
    ],
)
def test_secret_keys_are_read_as_hex_or_base64(text: str, keys: tuple[bytes, ...]) -> None:
    settings = read(SECRET_KEY=text)
    assert settings.secret_keys == keys
    assert "secret_keys" not in repr(settings)


@pytest.mark.parametrize(
    "text",
    [
        "change-me",
        KEY[:31].hex(),
        KEY.hex()[:-1],
        base64.b64encode(KEY[:31]).decode(),
        f"{KEY.hex()},",
        f"{KEY.hex()},,{KEY.hex()}",
        f"{KEY.hex()},short",
        "ü" * 64,
        "correct horse battery staple, but longer than forty characters",
    ],
)
def test_a_weak_secret_key_is_refused_without_being_shown(text: str) -> None:
    fault = only_fault(SECRET_KEY=text)
    assert fault.startswith("SECRET_KEY must be at least 32 random bytes, written as hex or base64")
    assert not any(part.strip() and part.strip() in fault for part in text.split(","))
