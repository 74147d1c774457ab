"""What is wrong with the set-up, as far as ledger and providers can tell."""

from __future__ import annotations

from billing.brake import TELL, allowed
from billing.errors import DuesError, ProviderError
from billing.model import Binding, Finding, Plan
from billing.ports import Ports, Provider

WAITS_TOO_LONG = 300


async def diagnose(ports: Ports, guild_id: int) -> list[Finding]:
    """Findings about every provider and about what waits in the ledger for this server."""
    findings = []
    for provider in ports.providers.values():
        findings += await check_provider(ports, provider, guild_id)
    if not ports.providers:
        cure = "Set STRIPE_API_KEY and STRIPE_WEBHOOK_SECRET, or the PAYPAL_ settings, and start again."
        findings.append(Finding("providers", False, "No payment provider is set up.", cure))
    return [*findings, *await _ledger(ports), *await _brake(ports, guild_id), *await _parked(ports, guild_id)]


async def check_provider(ports: Ports, provider: Provider, guild_id: int | None) -> list[Finding]:
    """What the provider finds, or that it cannot be asked. `guild_id` None: the plans of all servers."""
    plans = await ports.ledger.load_plans(guild_id)
    try:
        return await provider.check(plans, f"{ports.public_url}/webhooks/{provider.name}")
    except ProviderError as error:
        return [Finding(provider.title, False, error.tell, "Check the key and the provider's status page.")]


async def fix(ports: Ports, guild_id: int, findings: list[Finding]) -> list[str]:
    """Carry out the cures that need no person; what was done or why not, a sentence each."""
    plans = await ports.ledger.load_plans(guild_id)
    said = [
        await _fixed(ports, provider, finding, plans)
        for finding in findings
        for provider in ports.providers.values()
        if not finding.ok and (finding.fix or "").startswith(f"{provider.name}:")
    ]
    members = await _load_waiting(ports, guild_id)
    if members:
        marks = [Binding(guild_id, member) for member, _ in members]
        await ports.ledger.record_marks(marks, "doctor", ports.now())
        said.append(f"Trying the roles of {len(members)} waiting members again.")
    return said


async def _fixed(ports: Ports, provider: Provider, finding: Finding, plans: list[Plan]) -> str:
    assert finding.fix is not None
    try:
        await provider.fix(finding.fix, plans, f"{ports.public_url}/webhooks/{provider.name}")
    except DuesError as error:
        return f"{finding.what}: {error.tell}"
    return f"{finding.what}: mended."


async def _ledger(ports: Ports) -> list[Finding]:
    health = await ports.ledger.load_health(ports.now())
    waits = max(health.oldest_event_age or 0, health.oldest_member_age or 0)
    says = f"{health.inbox} events, {health.members} members, {health.intents} wishes waiting."
    cure = "The provider or Discord may be down; it goes on by itself. The log tells more."
    return [Finding("ledger", waits < WAITS_TOO_LONG, says, cure)]


async def _brake(ports: Ports, guild_id: int) -> list[Finding]:
    brake = await ports.ledger.load_brake(guild_id)
    if brake is None:
        return []
    says = (
        f"Within an hour {brake.taken} of {brake.holders} members lost their roles; {brake.braked} more were "
        f"to. More than {allowed(brake.holders)} at once may be a mistake, so no roles are taken now."
    )
    return [Finding("brake", False, says, "Look at the provider, then decide with the buttons below.")]


async def _load_waiting(ports: Ports, guild_id: int) -> list[tuple[int, str]]:
    """The parked, but for those who wait for an admin's decision alone."""
    return [(member, why) for member, why in await ports.ledger.load_parked(guild_id) if why != TELL]


async def _parked(ports: Ports, guild_id: int) -> list[Finding]:
    reasons: dict[str, list[int]] = {}
    for member, reason in await _load_waiting(ports, guild_id):
        reasons.setdefault(reason, []).append(member)
    return [
        Finding("roles", False, " ".join(f"<@{m}>" for m in members[:10]) + f": {reason}", reason)
        for reason, members in reasons.items()
    ]
