"""The check finds each fault of the set-up, and the fix repairs it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from billing.errors import ProviderRefused
from billing.model import Finding, Plan, Price
from i18n.plain import plain_words
from providers.paypal.provider import PayPalProvider
from providers.paypal.setup import EVENTS
from standins.clock import MovableClock
from standins.paypal import PayPalServer
from standins.paypal.notices import EVENT_TYPES
from tests.contract.providers.harness import Sink
from tests.providers.paypal.conftest import CLIENT, hook_of, provider_at


async def sold(fake: PayPalServer, provider: PayPalProvider, **more: Any) -> Plan:
    plan_id = fake.add_plan(fake.add_product("Gold"), "5.00", **more)["id"]
    return Plan(1, 100, "Gold", (1,), (await provider.fetch_price(plan_id),))


def wrong(findings: list[Finding]) -> list[Finding]:
    found = [finding for finding in findings if not finding.ok]
    assert all(finding.cure for finding in found)
    return found


async def test_a_correct_paypal_setup_has_no_faults(
    fake: PayPalServer, sink: Sink, provider: PayPalProvider
) -> None:
    findings = await provider.check([await sold(fake, provider)], sink.url)
    assert wrong(findings) == []
    assert "no money moves" in plain_words(findings[0].message)
    assert [plain_words(finding.what) for finding in findings] == [
        "PayPal credentials",
        "PayPal webhook",
        "PayPal plan for Gold",
    ]


async def test_wrong_paypal_credentials_are_the_only_finding(
    fake: PayPalServer, sink: Sink, clock: MovableClock
) -> None:
    other = PayPalProvider(CLIENT, "another", ("HOOK1",), fake.url, clock, ca_file=fake.ca_file)
    (finding,) = wrong(await other.check([], sink.url))
    assert "rejected" in plain_words(finding.message)
    await other.close()


async def test_a_missing_webhook_is_found_with_its_cure(
    fake: PayPalServer, sink: Sink, clock: MovableClock
) -> None:
    other = PayPalProvider(
        fake.client_id, fake.client_secret, ("8PT597110X687430L",), fake.url, clock, ca_file=fake.ca_file
    )
    (finding,) = wrong(await other.check([], sink.url))
    assert finding.fix is None
    assert sink.url in plain_words(finding.cure)
    assert all(event in plain_words(finding.cure) for event in EVENTS)
    await other.close()


async def test_the_fix_corrects_the_address_of_a_webhook(
    fake: PayPalServer, provider: PayPalProvider
) -> None:
    wanted = "https://dues.example.org/webhooks/paypal"
    (finding,) = wrong(await provider.check([], wanted))
    assert wanted in plain_words(finding.message)
    assert finding.fix is not None
    await provider.fix(finding.fix, [], wanted)
    assert wrong(await provider.check([], wanted)) == []


async def test_the_fix_adds_missing_events_to_the_webhook_and_keeps_others(
    fake: PayPalServer, sink: Sink, provider: PayPalProvider
) -> None:
    hook_of(fake)["event_types"] = [{"name": "CATALOG.PRODUCT.CREATED"}, {"name": EVENTS[0]}]
    (finding,) = wrong(await provider.check([], sink.url))
    assert EVENTS[1] in plain_words(finding.message)
    assert EVENTS[0] not in plain_words(finding.message).split()
    assert finding.fix is not None
    await provider.fix(finding.fix, [], sink.url)
    assert wrong(await provider.check([], sink.url)) == []
    names = {one["name"] for one in hook_of(fake)["event_types"]}
    assert names == {*EVENTS, "CATALOG.PRODUCT.CREATED"}


async def test_a_webhook_address_that_paypal_refuses_is_explained(
    fake: PayPalServer, provider: PayPalProvider
) -> None:
    with pytest.raises(ProviderRefused) as refused:
        await provider.fix(
            f"paypal:webhook:{hook_of(fake)['id']}", [], "http://dues.example.org/webhooks/paypal"
        )
    assert "https://" in plain_words(refused.value.user_message)
    with pytest.raises(ProviderRefused):
        await provider.fix("paypal:other", [], "https://dues.example.org/x")


def test_every_event_is_one_that_paypal_sends() -> None:
    assert set(EVENTS) <= set(EVENT_TYPES)
    assert list(EVENTS) == sorted(EVENTS)


async def test_a_missing_permission_for_disputes_is_a_finding(
    fake: PayPalServer, sink: Sink, provider: PayPalProvider
) -> None:
    fake.faults.add("status", "/v1/customer/disputes", status=403, times=1)
    (finding,) = wrong(await provider.check([], sink.url))
    assert "disputes" in plain_words(finding.message)


async def test_a_plan_that_cannot_be_sold_is_a_finding(
    fake: PayPalServer, sink: Sink, provider: PayPalProvider
) -> None:
    plan = await sold(fake, provider, trials=[("0", "DAY", 7)])
    (price,) = plan.prices

    async def fault(changed: Plan) -> str:
        (finding,) = wrong(await provider.check([changed], sink.url))
        return plain_words(finding.message)

    def priced(**more: Any) -> Plan:
        return replace(plan, prices=(replace(price, **more),))

    assert "live account" in await fault(priced(account="live"))
    assert "can't find the plan" in await fault(priced(id="P-NONE"))
    assert "different" in await fault(priced(amount=400))
    assert "7 free days" in await fault(replace(plan, trial_days=0))
    assert wrong(await provider.check([replace(plan, trial_days=7)], sink.url)) == []
    await provider._api.post(f"/v1/billing/plans/{price.id}/deactivate")
    assert "turned off" in await fault(plan)


async def test_removed_plans_and_plans_of_other_providers_are_not_checked(
    sink: Sink, provider: PayPalProvider
) -> None:
    gone = Price("paypal", "sandbox", "P-NONE", "PROD-1", 500, "usd", "month")
    plans = [
        Plan(1, 100, "Gone", (1,), (gone,), removed_at=5),
        Plan(2, 100, "Else", (1,), (replace(gone, provider="stripe"),)),
    ]
    assert wrong(await provider.check(plans, sink.url)) == []


async def test_an_outage_of_paypal_is_a_finding(
    fake: PayPalServer, sink: Sink, provider: PayPalProvider
) -> None:
    await fake.go_down()
    (finding,) = wrong(await provider.check([], sink.url))
    assert "check failed" in plain_words(finding.message)
    assert "paypal-status.com" in plain_words(finding.cure)
    await fake.come_back()


@pytest.mark.parametrize(
    ("where", "what"),
    [
        ("/v1/notifications/webhooks", "PayPal webhook"),
        ("/v1/customer/disputes", "PayPal disputes"),
        ("/v1/billing/plans/", "PayPal plan for Gold"),
    ],
)
@pytest.mark.parametrize(("status", "cure"), [(403, "turn on"), (400, "PAYPAL_API_URL"), (503, "status.com")])
async def test_a_failed_check_keeps_the_findings_of_the_others(
    fake: PayPalServer, sink: Sink, provider: PayPalProvider, where: str, what: str, status: int, cure: str
) -> None:
    plan = await sold(fake, provider)
    hook_of(fake)["event_types"] = [{"name": EVENTS[0]}]
    plan = replace(plan, prices=(replace(plan.prices[0], amount=400),))
    before = await provider.check([plan], sink.url)
    assert len(wrong(before)) == 2
    fake.faults.add("status", where, status=status, times=None)
    after = wrong(await provider.check([plan], sink.url))
    assert [f for f in after if plain_words(f.what) != what] == [
        f for f in wrong(before) if plain_words(f.what) != what
    ]
    (fault,) = [f for f in after if plain_words(f.what) == what]
    assert cure in plain_words(fault.cure)


async def test_an_unreadable_ca_file_is_a_finding(
    fake: PayPalServer, sink: Sink, clock: MovableClock, tmp_path: Path
) -> None:
    other = provider_at(fake, clock, ca_file=tmp_path / "none.pem")
    (finding,) = wrong(await other.check([], sink.url))
    assert "PAYPAL_CA_FILE" in plain_words(finding.message)
    await other.close()


def test_the_setup_page_names_every_event_that_the_program_needs() -> None:
    page = (Path(__file__).parents[3] / "docs" / "setup-paypal.md").read_text()
    listed = page.split("let `/doctor fix` choose them:")[1].split("```")[1].split()
    assert listed == list(EVENTS)
