"""What is wrong with the set-up, as far as ledger and providers can tell."""

from __future__ import annotations

from collections.abc import Container, Iterable

from billing.errors import DuesError, LedgerDamaged, ProviderError
from billing.model import Binding, Finding, Intent, Plan, SubscriptionKey
from billing.model.texts import MemberRef, Reasons, Text
from billing.ports import Ledger, Ports, Provider
from billing.provider_names import display_name
from billing.rules.access import block_on, plans_of
from billing.rules.brake import REMOVALS_PAUSED, allowed
from billing.sweep_state import SweepState, load_sweep
from billing.use_cases.execute_intent import why_held
from billing.use_cases.new_ledger import load_lacks
from billing.use_cases.reconcile import MOST_SKEW, WAITS
from billing.use_cases.unowned_subscriptions import find_nobodys
from billing.use_cases.webhook_health import finding_of

WAITS_TOO_LONG = 300
NAMED = 10
WISHES = 200  # of those that wait, looked at
_EVER = (1 << 63) - 1


async def diagnose(ports: Ports, guild_id: int, *, owner: bool = False) -> list[Finding]:
    """Findings about every provider and about what waits in the ledger for this server. `owner`: the
    application's owner or team asks; others are told only what concerns their server."""
    found = []
    for provider in ports.providers.values():
        found += await check_provider(ports, provider, guild_id)
        arrived = finding_of(provider, ports.arrivals.of(provider.name))
        found += [arrived] if arrived else []
        swept = await load_sweep(ports.ledger, provider)
        found += find_failing_sweep(provider.title, swept, ports.now(), ports.sync_interval)
    findings = found if owner else _of_server(guild_id, found)
    if not ports.providers:
        cure = "Set STRIPE_API_KEY and STRIPE_WEBHOOK_SECRET, or the PAYPAL_ settings, and start again."
        findings.append(Finding("providers", False, "No payment provider is set up.", cure))
    findings += await find_strays(ports.ledger, ports.providers.values(), [guild_id], ports.now())
    findings += await find_nobodys(ports.ledger, ports.providers.values(), guild_id, owner=owner)
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
    """Those about one server, and that the account's are the owner's to see and to cure. An account may be
    shared with other servers, whose admins must not change it or read of it here."""
    own = [finding for finding in found if finding.guild_id == guild_id]
    rest = [finding for finding in found if finding.guild_id is None]
    if not rest:
        return own
    if all(finding.ok for finding in rest):
        says = "What concerns the whole payment account is shown to the bot's owner."
        return [*own, Finding("payment account", True, says)]
    says = "Something about the payment account as a whole is wrong. Only the bot's owner sees and mends it."
    cure = "Ask the bot's owner to type /doctor, or to run `python bot.py check`."
    return [*own, Finding("payment account", False, says, cure)]


async def check_provider(ports: Ports, provider: Provider, guild_id: int | None) -> list[Finding]:
    """What the provider finds, or that it cannot be asked. `guild_id` None: the plans of all servers."""
    plans = await ports.ledger.load_plans(guild_id)
    try:
        return await provider.check(plans, f"{ports.public_url}/webhooks/{provider.name}")
    except ProviderError as error:
        return [
            Finding(
                provider.title, False, error.user_message, "Check the key and the provider's status page."
            )
        ]


def find_failing_sweep(title: str, state: SweepState, now: int, interval: float) -> list[Finding]:
    """Whether the ledger could not be compared with the provider when that was last tried. It is a fault once
    that lasts longer than a passing one."""
    if state.failing_since is None:
        return []
    says = (
        f"The comparison with {title} {state.words()} If a notification was missed, a payment or a "
        "cancellation goes unnoticed until it works again."
    )
    cure = (
        f"Look at {title}'s status page first. If nothing is wrong there, mend what else is said of {title} "
        "here. The bot keeps trying."
    )
    return [Finding(f"{title} comparison", not state.too_long(now, interval), says, cure, note=True)]


def find_key(providers: Container[str], *, signed: bool) -> Finding:
    """What an empty SECRET_KEY costs; it is no fault."""
    if signed:
        says = "SECRET_KEY is set: PayPal's subscriptions show whose they are, should the ledger be lost."
        return Finding("secret key", True, f"{says} Keep the key with your backups.")
    costs = "If the ledger is lost, Stripe's payers are found again by themselves"
    if "paypal" in providers:
        costs += ", and PayPal's must be linked by hand with `/members link`"
    says = f"SECRET_KEY is not set. {costs}. docs/settings.md tells how to set it."
    return Finding("secret key", True, says, note=True)


def find_wrong_clock(skew: float) -> list[Finding]:
    """`skew`: seconds that this machine's clock is ahead of a provider's."""
    if abs(skew) <= MOST_SKEW:
        return []
    away = "ahead of" if skew > 0 else "behind"
    says = (
        f"This machine's clock is {duration(abs(skew))} {away} the payment provider's. Until it is right, "
        "nobody loses a role because time ran out, and notifications may be refused."
    )
    cure = "Set the clock, and keep it right with NTP: `timedatectl set-ntp true`."
    return [Finding("clock", False, says, cure)]


def duration(seconds: float) -> str:
    """In the largest unit that fits, such as '2 hours'."""
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= length:
            count = round(seconds / length)
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return f"{round(seconds)} seconds"


async def find_strays(
    ledger: Ledger, providers: Iterable[Provider], guild_ids: Iterable[int], now: int
) -> list[Finding]:
    """Subscriptions that run, as far as was seen, at accounts that the bot is not connected to any more, such
    as a provider's test mode. They keep giving access, but for those that an admin has revoked."""
    connected = {(provider.name, provider.account) for provider in providers}
    strays: dict[tuple[str, str], list[int]] = {}
    for guild_id in guild_ids:
        for key, member in await ledger.load_running(guild_id):
            home = (key.provider, key.account)
            if home not in connected and not await _is_revoked(ledger, guild_id, member, key, now):
                strays.setdefault(home, []).append(member)
    return [
        _stray(f"{display_name(name)} ({account})", members) for (name, account), members in strays.items()
    ]


async def _is_revoked(ledger: Ledger, guild_id: int, member: int, key: SubscriptionKey, now: int) -> bool:
    subscription = await ledger.load_subscription(key)
    plans = plans_of(subscription, await ledger.load_plans(guild_id, removed=True)) if subscription else []
    overrides = await ledger.load_overrides(guild_id, member, now)
    return block_on((plan.id for plan in plans), overrides, key) is not None


def _stray(where: str, members: list[int]) -> Finding:
    who = " ".join(f"<@{m}>" for m in members[:NAMED]) + (" and others" if len(members) > NAMED else "")
    many = "one subscription was" if len(members) == 1 else f"{len(members)} subscriptions were"
    says = (
        f"The bot is not connected to {where}, where {many} running when it last looked. Whatever becomes of "
        f"that there, the roles stay: {who}."
    )
    cure = (
        "Start the bot with that account's settings again, end there what is not to go on, and change back "
        "once /subscriptions shows it ended; or take the access with /revoke."
    )
    return Finding("payments elsewhere", False, says, cure)


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
        return f"{finding.what}: {error.user_message}"
    return f"{finding.what}: mended."


async def _ledger(ports: Ports, *, owner: bool) -> list[Finding]:
    """How much waits, of all servers, is the owner's to read."""
    health = await ports.ledger.load_health(ports.now())
    if health.damage:
        cure = "Whoever runs the bot stops it and restores a backup. The log names the damage."
        return [Finding("ledger", False, LedgerDamaged.user_message, cure)]
    waits = max(health.oldest_event_age or 0, health.oldest_member_age or 0)
    late = waits >= WAITS_TOO_LONG
    says = "The bot is behind with its work." if late else "The bot is up to date with its work."
    if owner:
        many = {"events": health.inbox, "members": health.members, "requests": health.intents}
        waiting = ", ".join(f"{what} {count}" for what, count in many.items() if count)
        says = f"Waiting: {waiting}." if waiting else "Nothing is waiting."
    cure = "The provider or Discord may be down; it goes on by itself. The log tells more."
    return [Finding("ledger", not late, says, cure), *_unasked(health.unasked, owner=owner)]


def _unasked(many: int, *, owner: bool) -> list[Finding]:
    if not many:
        return []
    held = f"{many} subscriptions" if owner else "Subscriptions"
    says = (
        f"The bot's records are older than its last run, as after a restored backup or a long stop. {held} "
        "are on hold until their provider was asked: nobody gets or loses a role by them."
    )
    cure = "This ends by itself as soon as the provider answers."
    return [Finding("records", False, says, cure)]


async def _lacks(ports: Ports, guild_id: int) -> list[Finding]:
    many = await load_lacks(ports, guild_id)
    if not many:
        return []
    says = (
        f"The bot's ledger is new. {many} running subscriptions that the bot sold here before give no roles, "
        "as it knows no plan for them."
    )
    cure = (
        "If there should be older records, whoever runs the bot stops it and restores a backup, or puts "
        "DATABASE_URL right. Otherwise add the plans again with the same prices, or answer the notice."
    )
    return [Finding("ledger", False, says, cure)]


async def _backups(ports: Ports) -> list[Finding]:
    health = await ports.ledger.load_health(ports.now())
    if health.backup_failed:
        cure = "The bot tries again every hour. The log names the folder and the reason."
        return [Finding("backups", False, "The last daily backup of the ledger failed.", cure)]
    return [find_backup(health.backup_age)]


def find_backup(age: float | None) -> Finding:
    """None at all is no fault: the owner may copy the whole machine."""
    return Finding("backups", True, backup_words(age), note=age is None)


def backup_words(age: float | None) -> str:
    """How old the newest backup is, as far as is known."""
    if age is None:
        return "No backup of the ledger is known. Set BACKUP_DIR for a daily one."
    hours = int(age // 3_600)
    return f"The newest backup of the ledger is {hours} h old." if hours else "The ledger was just backed up."


async def _held(ports: Ports, guild_id: int) -> list[Finding]:
    """Wishes that a provider does not let the bot carry out. Its check may find nothing: whether a key may
    change things shows only when it is to."""
    held: dict[str, list[Intent]] = {}
    for intent in await ports.ledger.load_intents(_EVER, WISHES):
        if why_held(intent) and ports.connects(intent.key):
            subscription = await ports.ledger.load_subscription(intent.key)
            if subscription and subscription.binding and subscription.binding.guild_id == guild_id:
                held.setdefault(intent.key.provider, []).append(intent)
    return [_held_at(display_name(provider), intents) for provider, intents in held.items()]


def _held_at(title: str, intents: list[Intent]) -> Finding:
    names = ", ".join(f"`{intent.key.id}`" for intent in intents[:NAMED])
    more = " and others" if len(intents) > NAMED else ""
    says = f"{title} does not let the bot do what was asked of it, so it is still to be done: {names}{more}."
    cure = (
        f"Mend what else is said of {title} here. If nothing is, give the bot all permissions that "
        f"docs/setup-{title.lower()}.md names; the log names the call. What waits is done by itself then."
    )
    return Finding("wishes", False, says, cure)


async def _brake(ports: Ports, guild_id: int) -> list[Finding]:
    brake = await ports.ledger.load_brake(guild_id)
    if brake is None:
        return []
    says = (
        f"Within an hour {brake.taken} of {brake.holders} members lost their roles; {brake.braked} more were "
        f"to. More than {allowed(brake.holders)} at once may be a mistake, so no roles are taken now."
    )
    return [Finding("brake", False, says, "Look at the provider, then decide with the buttons below.")]


async def _load_waiting(ports: Ports, guild_id: int) -> list[tuple[int, Reasons]]:
    """Members whose roles cannot be set, except those who wait for nothing but an admin's decision."""
    parked = await ports.ledger.load_parked(guild_id)
    return [(member, why) for member, why in parked if why != (REMOVALS_PAUSED,)]


async def _parked(ports: Ports, guild_id: int) -> list[Finding]:
    found: dict[Reasons, list[int]] = {}
    for member, reasons in await _load_waiting(ports, guild_id):
        found.setdefault(reasons, []).append(member)
    return [
        Finding(
            "roles",
            False,
            Text("finding.roles_not_set", members=tuple(map(MemberRef, members[:NAMED])), reason=reason),
        )
        for reasons, members in found.items()
        for reason in reasons
    ]


async def _retried(ports: Ports, guild_id: int) -> list[Finding]:
    """Whose roles are to go, once the provider has answered or the wait for it is over."""
    tried = await ports.ledger.load_retried(guild_id, ports.now() - WAITS_TOO_LONG)
    waiting = [member for member, why in tried if why == WAITS]
    if not waiting:
        return []
    who = " ".join(f"<@{m}>" for m in waiting[:NAMED]) + (" and others" if len(waiting) > NAMED else "")
    says = f"What paid for the roles of {who} has ended, and the provider does not answer whether that is so."
    cure = (
        "They go without its word after an hour and a quarter at most; /revoke with when: now does at once."
    )
    return [Finding("roles", False, says, cure)]
