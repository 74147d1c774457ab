"""The language in which each person last used Discord."""

from __future__ import annotations

from pathlib import Path

from billing.ports import Ledger
from tests.contract.ledger.conftest import Opening, opened
from tests.contract.ledger.nouns import ANNA, BERT


async def test_a_person_whose_locale_was_never_recorded_has_none(ledger: Ledger) -> None:
    await ledger.record_locale(ANNA.member_id, "de")
    assert await ledger.load_locale(BERT.member_id) is None


async def test_the_last_recorded_locale_replaces_the_one_before(ledger: Ledger) -> None:
    for locale in ("de", "de", "en-GB"):
        await ledger.record_locale(ANNA.member_id, locale)
    assert await ledger.load_locale(ANNA.member_id) == "en-GB"


async def test_a_recorded_locale_survives_a_restart(open_ledger: Opening, tmp_path: Path) -> None:
    async with opened(open_ledger, tmp_path) as ledger:
        await ledger.record_locale(ANNA.member_id, "de")
    async with opened(open_ledger, tmp_path) as ledger:
        assert await ledger.load_locale(ANNA.member_id) == "de"
