"""`python bot.py verify FILE`: the exit code and the words for each kind of file."""

from __future__ import annotations

from pathlib import Path

import pytest

from file_commands import verify
from receipt_signing import ReceiptSigner

KEY = b"k" * 32
SIGNED = ReceiptSigner([KEY]).sign("Your Gold subscription ends on 4 March 2027: 5,00 €")


@pytest.mark.parametrize(
    ("content", "code", "said"),
    [
        (SIGNED.encode(), 0, "is genuine"),
        (SIGNED.replace("\n", "\r\n").encode(), 0, "is genuine"),
        (SIGNED.replace("March", "June").encode(), 1, "NOT genuine"),
        (b"Your Gold subscription ends.", 1, "isn't a signed receipt"),
        (b"\xff\xfe\x00", 1, "isn't a signed receipt"),
    ],
)
def test_a_receipt_is_checked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes, code: int, said: str
) -> None:
    file = tmp_path / "receipt.txt"
    file.write_bytes(content)
    assert verify(file, [KEY]) == code
    assert said in capsys.readouterr().out


@pytest.mark.parametrize(("keys", "said"), [([KEY], "Couldn't read"), ([], "SECRET_KEY isn't set")])
def test_without_a_file_or_a_key_nothing_is_said_about_the_receipt(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], keys: list[bytes], said: str
) -> None:
    assert verify(tmp_path / "none.txt", keys) == 2
    assert said in capsys.readouterr().err
