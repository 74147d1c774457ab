"""Notices of older ledgers are read again, and what this program cannot read holds nothing up."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from billing.model import BODIES, NoticeBody, Unknown
from db import SqliteLedger
from tests.db.old_notices import OLD


async def read(path: Path, kind: str, facts: str) -> NoticeBody:
    """The body of a notice that lies in a ledger like this."""
    async with await SqliteLedger.open(path):
        pass
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(
            "INSERT INTO notices (key, guild_id, member_id, kind, facts, created_at, next_try_at)"
            " VALUES ('k', 1, 2, ?, ?, 3, 3)",
            (kind, facts),
        )
    async with await SqliteLedger.open(path) as ledger:
        (notice,) = await ledger.load_notices(9, 9)
        assert notice.body.kind == kind
        return notice.body


@pytest.mark.parametrize(("kind", "facts", "body"), [(kind, facts, body) for kind, facts, _, body in OLD])
async def test_a_notice_written_by_version_0_1_is_read(
    tmp_path: Path, kind: str, facts: str, body: NoticeBody
) -> None:
    assert await read(tmp_path / "l.db", kind, facts) == body


@pytest.mark.parametrize(
    ("kind", "facts"),
    [("of a later version", '{"more":1}'), ("started", "{}"), ("dispute", '{"state":"new"}')],
)
async def test_an_unknown_kind_or_an_incomplete_body_is_read_as_unknown(
    tmp_path: Path, kind: str, facts: str
) -> None:
    assert await read(tmp_path / "l.db", kind, facts) == Unknown(kind)


async def test_a_field_of_a_later_version_is_ignored(tmp_path: Path) -> None:
    kind, facts, _, body = OLD[0]
    assert await read(tmp_path / "l.db", kind, f'{facts[:-1]},"later":[1]}}') == body


def test_every_kind_of_version_0_1_still_has_a_class() -> None:
    assert {kind for kind, *_ in OLD} <= set(BODIES)
