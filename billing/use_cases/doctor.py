"""Checks the setup as far as the ledger and the providers know it."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from functools import partial
from itertools import product

from billing.errors import DuesError, LedgerDamaged, ProviderError
from billing.model import Finding, Intent, Plan, SubscriptionKey
from billing.model.translatable_text import MemberRef, Reasons, Text, Verbatim
from billing.paging import every
from billing.ports import Ledger, Ports, Provider
from billing.provider_names import display_name
from billing.rules.access import block_on, plans_of
from billing.rules.brake import REMOVALS_PAUSED, allowed
from billing.sweep_state import SweepState, failing_text, load_sweep
from billing.use_cases.execute_intent import why_held
from billing.use_cases.new_ledger import load_lacks
from billing.use_cases.parked_members import every_parked, queue_parked
from billing.use_cases.reconcile import MOST_SKEW, WAITS
from billing.use_cases.sweep_round import load_round_time
from billing.use_cases.unowned_subscriptions import find_nobodys
from billing.use_cases.webhook_health import finding_of

WAITS_TOO_LONG = 300
NAMED = 10
REQUESTS = 200  # how many waiting requests are examined
_EVER = (1 << 63) - 1
_BACKUPS = Text("finding.what_backups")
_ROLES = Text("finding.what_roles")


async def diagnose(ports: Ports, guild_id: int, *, owner: bool = False) -> list[Finding]:
    """Return findings about every provider, and about the work in the ledger that waits for this server.

    `owner`: the application's owner or team asks; anyone else sees only findings about their own server.
    """
    found = []
    for provider in ports.providers.values():
        found += await check_provider(ports, provider, guild_id)
        arrived = finding_of(provider, ports.arrivals.of(provider.name))
        found += [arrived] if arrived else []
        swept = await load_sweep(ports.ledger, provider)
        found += find_failing_sweep(provider.title, swept, ports.now(), ports.sync_interval)
        found += await find_round_time(ports, provider)
    findings = found if owner else _of_server(guild_id, found)
    if not ports.providers:
        findings.append(find_no_provider())
    findings += await find_strays(ports.ledger, ports.providers.values(), [guild_id], ports.now())
    findings += await find_nobodys(ports.ledger, ports.providers.values(), guild_id, owner=owner)
    findings += await find_price_conflicts(ports.ledger, guild_id)
    findings += find_wrong_clock(ports.clock_skew())
    findings += [
        *await _ledger(ports, owner=owner),
        *await _lacks(ports, guild_id),
        *await _backups(ports),
        *await _held(ports, guild_id),
        *await _brake(ports, guild_id),
    ]
    return [*findings, *await _parked(ports, guild_id), *await _retried(ports, guild_id)]


def _of_server(guild_id: int, found: list[Finding]) -> list[Finding]:
    """Return the findings about this server, with a hint if there are others that only the owner may see.

    Other servers may share the account, so admins must not change it or read about it here.
    """
    own = [finding for finding in found if finding.guild_id == guild_id]
    rest = [finding for finding in found if finding.guild_id is None]
    if not rest:
        return own
    what = Text("finding.what_account")
    if all(finding.ok for finding in rest):
        return [*own, Finding(what, True, Text("finding.account_ok"))]
    cure = Text("finding.account_wrong_cure")
    return [*own, Finding(what, False, Text("finding.account_wrong"), cure)]


def find_no_provider() -> Finding:
    """Return the finding that no provider is turned on, so nobody can pay."""
    what, cure = Text("finding.what_providers"), Text("finding.no_provider_cure")
    return Finding(what, False, Text("finding.no_provider"), cure)


async def check_provider(ports: Ports, provider: Provider, guild_id: int) -> list[Finding]:
    """Return the provider's own findings about a server's plans, or one that says why there are none."""
    plans = await ports.ledger.load_plans(guild_id)
    try:
        return await provider.check(plans, f"{ports.public_url}/webhooks/{provider.name}")
    except ProviderError as error:
        cure = Text("finding.provider_failed_cure", provider=provider.title)
        return [Finding(provider.title, False, error.user_message, cure)]


def find_failing_sweep(title: str, state: SweepState, now: int, interval: float) -> list[Finding]:
    """Return a finding if the last comparison of the ledger with the provider failed.

    It is a fault once sweeps have failed for longer than a temporary fault lasts. `interval`: seconds between
    two sweeps.
    """
    if state.failing_since is None:
        return []
    what, ok = Text("finding.what_comparison", provider=title), not state.too_long(now, interval)
    says = failing_text(title, state)
    return [Finding(what, ok, says, Text("finding.comparison_fails_cure", provider=title), note=True)]


async def find_round_time(ports: Ports, provider: Provider) -> list[Finding]:
    """Return a note about how long it takes to compare every subscription; empty if it takes only moments."""
    time = await load_round_time(ports.ledger, provider)
    says = time.text(provider.title, ports.sync_interval)
    what = Text("finding.what_comparison", provider=provider.title)
    return [] if says is None else [Finding(what, True, says, note=True)]


def find_key(providers: Container[str], *, signed: bool) -> Finding:
    """Return a finding about SECRET_KEY; an empty one has disadvantages, which are noted, but is no fault."""
    what = Text("finding.what_secret_key")
    if signed:
        return Finding(what, True, Text("finding.secret_key_set"))
    code = "finding.no_secret_key_paypal" if "paypal" in providers else "finding.no_secret_key"
    return Finding(what, True, Text(code), note=True)


def find_wrong_clock(skew: float) -> list[Finding]:
    """Return a finding if the clock is too far off.

    `skew`: seconds by which this machine's clock is ahead of a provider's.
    """
    if abs(skew) <= MOST_SKEW:
        return []
    code = "finding.clock_ahead" if skew > 0 else "finding.clock_behind"
    says = Text(code, duration=duration(abs(skew)))
    return [Finding(Text("finding.what_clock"), False, says, Text("finding.clock_cure"))]


async def find_price_conflicts(ledger: Ledger, guild_id: int) -> list[Finding]:
    """Return a finding for each price that two plans of the server shared.

    Earlier versions let two plans share a price if they were added at the same moment; payers got the roles
    of the older plan.
    """
    return [
        Finding(
            Text("finding.what_price"),
            False,
            Text(
                "finding.price_conflict",
                price=Verbatim(conflict.price_id),
                provider=display_name(conflict.provider),
                plan=conflict.plan,
                kept_by=conflict.kept_by,
            ),
            Text("finding.price_conflict_cure", plan=conflict.plan),
        )
        for conflict in await ledger.load_price_conflicts(guild_id, NAMED)
    ]


_UNITS = (("count.days", 86_400), ("count.hours", 3_600), ("count.minutes", 60))


def duration(seconds: float) -> Text:
    """Return a duration in the largest unit that fits, such as '2 hours'."""
    for unit, length in _UNITS:
        if seconds >= length:
            return Text(unit, n=round(seconds / length))
    return Text("count.seconds", n=round(seconds))


async def find_strays(
    ledger: Ledger, providers: Iterable[Provider], guild_ids: Iterable[int], now: int
) -> list[Finding]:
    """Return findings about subscriptions last seen running in accounts that are no longer connected.

    Such an account may be a provider's test mode. The subscriptions keep giving access unless an admin has
    revoked it.
    """
    connected = {(provider.name, provider.account) for provider in providers}
    strays: dict[tuple[str, str], list[int]] = {}
    homes = every(ledger.load_homes, ("", ""), lambda home: home)
    former = [home async for home in homes if home not in connected]
    for home, guild_id in product(former, guild_ids if former else ()):
        running = every(partial(ledger.load_running, guild_id, home), 0, lambda found: found[0])
        async for _, key, member in running:
            if not await _is_revoked(ledger, guild_id, member, key, now):
                strays.setdefault(home, []).append(member)
    return [_stray(name, account, members) for (name, account), members in strays.items()]


async def _is_revoked(ledger: Ledger, guild_id: int, member: int, key: SubscriptionKey, now: int) -> bool:
    subscription = await ledger.load_subscription(key)
    plans = plans_of(subscription, await ledger.load_plans(guild_id, removed=True)) if subscription else []
    overrides = await ledger.load_overrides(guild_id, member, now)
    return block_on((plan.id for plan in plans), overrides, key) is not None


def _stray(provider: str, account: str, members: list[int]) -> Finding:
    where, refs = {"provider": display_name(provider), "account": account}, list(map(MemberRef, members))
    says = Text("finding.elsewhere", n=len(members), members=_named(refs), **where)
    return Finding(Text("finding.what_elsewhere"), False, says, Text("finding.elsewhere_cure"))


def _named(things: Sequence[MemberRef | Verbatim]) -> tuple[MemberRef | Verbatim | Text, ...]:
    """Return the first few things, with a note if there are more."""
    return (*things[:NAMED], *([Text("finding.others")] if len(things) > NAMED else ()))


async def fix(ports: Ports, guild_id: int, findings: list[Finding]) -> list[Text]:
    """Apply the cures that need no person; return for each what was done, or why it was not."""
    plans = await ports.ledger.load_plans(guild_id)
    said = [
        await _fixed(ports, provider, finding, plans)
        for finding in findings
        for provider in ports.providers.values()
        if not finding.ok and (finding.fix or "").startswith(f"{provider.name}:")
    ]
    if many := await queue_parked(ports, guild_id, "doctor", but=(REMOVALS_PAUSED,)):
        said.append(Text("finding.roles_retried", n=many))
    return said


async def _fixed(ports: Ports, provider: Provider, finding: Finding, plans: list[Plan]) -> Text:
    assert finding.fix is not None
    try:
        await provider.fix(finding.fix, plans, f"{ports.public_url}/webhooks/{provider.name}")
    except DuesError as error:
        return Text("finding.not_fixed", what=finding.what, reason=error.user_message)
    return Text("finding.fixed", what=finding.what)


async def _ledger(ports: Ports, *, owner: bool) -> list[Finding]:
    """Return findings about the ledger and the work that waits in it; only the owner sees the numbers."""
    health = await ports.ledger.load_health(ports.now())
    what = Text("finding.what_ledger")
    if health.damage:
        return [Finding(what, False, LedgerDamaged.user_message, Text("finding.damage_cure"))]
    waits = max(health.oldest_event_age or 0, health.oldest_member_age or 0)
    late = waits >= WAITS_TOO_LONG
    says = Text("finding.work_late" if late else "finding.work_done")
    if owner:
        many = {
            "count.events": health.inbox,
            "count.members": health.members,
            "count.requests": health.intents,
        }
        waiting = tuple(Text(code, n=count) for code, count in many.items() if count)
        says = Text("finding.waiting", items=waiting) if waiting else Text("finding.nothing_waiting")
    unasked = _unasked(health.unasked, owner=owner)
    return [Finding(what, not late, says, Text("finding.work_late_cure")), *unasked]


def _unasked(many: int, *, owner: bool) -> list[Finding]:
    if not many:
        return []
    says = Text("finding.records_old", n=many) if owner else Text("finding.records_old_some")
    return [Finding(Text("finding.what_records"), False, says, Text("finding.records_old_cure"))]


async def _lacks(ports: Ports, guild_id: int) -> list[Finding]:
    many = await load_lacks(ports, guild_id)
    if not many:
        return []
    says = Text("finding.ledger_new", n=many)
    return [Finding(Text("finding.what_ledger"), False, says, Text("finding.ledger_new_cure"))]


async def _backups(ports: Ports) -> list[Finding]:
    health = await ports.ledger.load_health(ports.now())
    if health.backup_failed:
        says, cure = Text("finding.backup_failed"), Text("finding.backup_failed_cure")
        return [Finding(_BACKUPS, False, says, cure)]
    return [find_backup(health.backup_age)]


def find_backup(age: float | None) -> Finding:
    """Return the finding about the newest backup.

    `age`: seconds; None, no backup, is no fault, because the owner may copy the whole machine.
    """
    return Finding(_BACKUPS, True, backup_words(age), note=age is None)


def backup_words(age: float | None) -> Text:
    """Return the age of the newest backup in words. `age`: seconds; None if there is none."""
    if age is None:
        return Text("finding.no_backup")
    hours = int(age // 3_600)
    return (
        Text("finding.backup_age", age=Text("count.hours", n=hours)) if hours else Text("finding.backup_new")
    )


async def _held(ports: Ports, guild_id: int) -> list[Finding]:
    """Return findings about requests that a provider refuses to execute until somebody acts.

    The provider's own check may find nothing, because a missing permission of a key shows only when something
    is changed.
    """
    held: dict[str, list[Intent]] = {}
    for intent in await ports.ledger.load_intents(_EVER, REQUESTS):
        if why_held(intent) and ports.connects(intent.key):
            subscription = await ports.ledger.load_subscription(intent.key)
            if subscription and subscription.binding and subscription.binding.guild_id == guild_id:
                held.setdefault(intent.key.provider, []).append(intent)
    return [_held_at(display_name(provider), intents) for provider, intents in held.items()]


def _held_at(title: str, intents: list[Intent]) -> Finding:
    ids = _named([Verbatim(intent.key.id) for intent in intents])
    says = Text("finding.requests_held", provider=title, subscriptions=ids)
    document = Verbatim(f"docs/setup-{title.lower()}.md")
    cure = Text("finding.requests_held_cure", provider=title, document=document)
    return Finding(Text("finding.what_requests"), False, says, cure)


async def _brake(ports: Ports, guild_id: int) -> list[Finding]:
    brake = await ports.ledger.load_brake(guild_id)
    if brake is None:
        return []
    counts = {"taken": brake.taken, "holders": brake.holders, "braked": brake.braked}
    says = Text("finding.brake", allowed=allowed(brake.holders), **counts)
    return [Finding(Text("finding.what_brake"), False, says, Text("finding.brake_cure"))]


async def _parked(ports: Ports, guild_id: int) -> list[Finding]:
    """Return findings about members whose roles cannot be set.

    Members who only await an admin's decision are left out.
    """
    found: dict[Reasons, list[MemberRef]] = {}
    async for member, reasons in every_parked(ports.ledger, guild_id):
        if reasons != (REMOVALS_PAUSED,) and len(named := found.setdefault(reasons, [])) <= NAMED:
            named.append(MemberRef(member))
    return [
        Finding(_ROLES, False, Text("finding.roles_not_set", members=_named(members), reason=reason))
        for reasons, members in found.items()
        for reason in reasons
    ]


async def _retried(ports: Ports, guild_id: int) -> list[Finding]:
    """Return a finding about members whose roles are kept for now, until their provider answers.

    The roles will be removed once it has answered, or once waiting for it has lasted too long.
    """
    load = partial(ports.ledger.load_retried, guild_id, ports.now() - WAITS_TOO_LONG)
    waiting = [
        MemberRef(member) async for member, why in every(load, 0, lambda found: found[0]) if why == WAITS
    ]
    if not waiting:
        return []
    says = Text("finding.roles_wait", members=_named(waiting))
    return [Finding(_ROLES, False, says, Text("finding.roles_wait_cure"))]
