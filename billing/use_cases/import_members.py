"""Lets an admin import subscriptions from before Dues: preview them, link them to members, and undo that."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from billing.errors import Conflict, NotAllowed, NotFound, ProviderNotFound
from billing.model import Binding, BoundBy, Subscription, SubscriptionKey
from billing.model.imports import Import, ImportRow, RowState
from billing.model.translatable_text import Text
from billing.ports import ListPart, Ports, Provider
from billing.rules.member_import import MOST_ROWS, Facts, Line, Sorted, SortedLine, sort_lines
from billing.use_cases.link_member import NOT_HERE, Ask, bind, find_had, find_linkable, mask_of, unlink
from billing.use_cases.selling_servers import load_sellers, sells_at

VALID = 86_400  # seconds for which a preview can be applied
UNDOABLE = 7 * 86_400  # seconds for which an import can be undone
AT_ONCE = 20  # rows between two reports of progress
LOOKED_AT = 100  # members in one look at Discord
TO_LINK = (RowState.PLANNED, RowState.LINKING)
TO_UNDO = (RowState.LINKED, RowState.LINKING, RowState.UNDOING)

Progress = Callable[[Import], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Preview:
    """The sorted rows of an import. `import_id` is None if the import would link nothing."""

    lines: tuple[SortedLine, ...]
    import_id: int | None

    def of(self, kind: Sorted) -> list[SortedLine]:
        """Return the rows of a kind."""
        return [each for each in self.lines if each.kind is kind]


async def preview(
    ports: Ports, guild_id: int, lines: Sequence[Line] | None, by: int, *, owner: bool
) -> Preview:
    """Sort the rows of an import, and record the ones that would be linked.

    If `lines` is None, the rows are read from the account's own metadata. Raises NotFound or NotAllowed if
    this admin may not link anything at any provider.
    """
    providers = await _allowed(ports, guild_id, owner=owner)
    found: dict[str, Subscription] = {}
    if lines is None:
        lines, found = await _read_metadata(ports, providers, guild_id)
    for line in lines:
        if line.is_readable and line.subscription not in found:
            one = await _find(ports, providers, line.subscription)
            if one is not None:
                found[line.subscription] = one
    members = list(dict.fromkeys(line.member_id for line in lines if line.member_id is not None))
    present: set[int] = set()
    for at in range(0, len(members), LOOKED_AT):
        present |= set(await ports.roles.look(guild_id, members[at : at + LOOKED_AT]))
    plans = await ports.ledger.load_plans(guild_id, removed=True)
    facts = Facts(guild_id, plans, found, frozenset(present), owner, ports.now(), ports.grace)
    done = sort_lines(lines, facts)
    rows = [
        ImportRow(each.line.number, each.line.member_id, each.key)
        for each in done
        if each.kind is Sorted.LINKS and each.key is not None and each.line.member_id is not None
    ]
    made = await ports.ledger.record_import(guild_id, by, rows, ports.now()) if rows else None
    return Preview(tuple(done), made)


async def _allowed(ports: Ports, guild_id: int, *, owner: bool) -> list[Provider]:
    """Return the providers at which this admin may link, by the same rule as `find_linkable`.

    Raises NotFound or NotAllowed if there are none.
    """
    found, shared = [], False
    for provider in ports.providers.values():
        home = (provider.name, provider.account)
        if await sells_at(ports.ledger, guild_id, *home):
            if owner or len(await load_sellers(ports.ledger, *home)) == 1:
                found.append(provider)
            else:
                shared = True
    if not found:
        raise NotAllowed(Text("error.account_shared")) if shared else NotFound(NOT_HERE)
    return found


async def _find(ports: Ports, providers: Sequence[Provider], name: str) -> Subscription | None:
    for provider in providers:
        known = await ports.ledger.load_subscription(SubscriptionKey(provider.name, provider.account, name))
        if known is not None:
            return known
    for provider in providers:
        try:
            return await provider.fetch_subscription(name)
        except ProviderNotFound:
            continue
    return None


async def _read_metadata(
    ports: Ports, providers: Sequence[Provider], guild_id: int
) -> tuple[list[Line], dict[str, Subscription]]:
    """Read the running subscriptions whose metadata names their member.

    Subscriptions that name another server, or that already have an owner, are left out.
    """
    lines: list[Line] = []
    found: dict[str, Subscription] = {}
    for provider in providers:
        if not provider.lists_all:
            continue
        async for one in provider.list_subscriptions(part=ListPart(ended=False)):
            if one.claim is None or one.claim.guild_id not in (None, guild_id) or len(lines) == MOST_ROWS:
                continue
            known = await ports.ledger.load_subscription(one.key)
            if known is not None and known.binding is not None:
                continue
            found[one.key.id] = one
            lines.append(Line(len(lines) + 1, str(one.claim.member_id), one.key.id))
    return lines, found


async def require_import(ports: Ports, guild_id: int, import_id: int) -> Import:
    """Return this server's import. Raises Conflict if it is gone or belongs to another server."""
    found = await ports.ledger.load_import(import_id)
    if found is None or found.guild_id != guild_id:
        raise Conflict(Text("error.import_gone"))
    return found


async def apply_import(
    ports: Ports, guild_id: int, import_id: int, by: int, progress: Progress, *, owner: bool
) -> Import:
    """Link what the preview showed, continuing an interrupted import.

    Raises Conflict if the import has expired, is gone, or belongs to another server.
    """
    made = await require_import(ports, guild_id, import_id)
    started = made.made_at if made.applied_at is None else made.applied_at
    if ports.now() > started + VALID or made.many(RowState.UNDOING, RowState.UNDONE, RowState.KEPT):
        raise Conflict(Text("error.import_expired"))
    async with ports.locks.lock(("import", guild_id)):
        await ports.ledger.record_import_applied(import_id, ports.now())

        async def link_row(row: ImportRow) -> None:
            ask = Ask(guild_id, row.member_id, row.key, by, owner=owner)
            await _link(ports, import_id, ask, row)

        return await _work(ports, import_id, TO_LINK, link_row, progress)


async def undo_import(ports: Ports, guild_id: int, import_id: int, by: int, progress: Progress) -> Import:
    """Unlink exactly what the import linked. Raises Conflict if it is too late or the import is gone."""
    made = await require_import(ports, guild_id, import_id)
    if made.applied_at is None or ports.now() > made.applied_at + UNDOABLE:
        raise Conflict(Text("error.import_not_undoable"))
    async with ports.locks.lock(("import", guild_id)):

        async def unlink_row(row: ImportRow) -> None:
            await _unlink(ports, import_id, guild_id, row, by)

        return await _work(ports, import_id, TO_UNDO, unlink_row, progress)


async def _work(
    ports: Ports,
    import_id: int,
    states: Sequence[RowState],
    handle: Callable[[ImportRow], Awaitable[None]],
    progress: Progress,
) -> Import:
    after = 0
    while rows := await ports.ledger.load_import_rows(import_id, states, after, AT_ONCE):
        for row in rows:
            await handle(row)
        after = rows[-1].line
        found = await ports.ledger.load_import(import_id)
        assert found is not None
        await progress(found)
    found = await ports.ledger.load_import(import_id)
    assert found is not None
    return found


async def _link(ports: Ports, import_id: int, ask: Ask, row: ImportRow) -> None:
    """Link one row. A temporary error is raised, and the row is tried again later."""
    known = await ports.ledger.load_subscription(row.key)
    whose = Binding(ask.guild_id, ask.member_id)
    if row.state is RowState.LINKING and known and known.binding == whose and known.bound_by is BoundBy.ADMIN:
        await ports.ledger.record_import_row(import_id, replace(row, state=RowState.LINKED), ports.now())
        return
    try:
        _, plans = await find_linkable(ports, ask)
        had = mask_of(plans, await find_had(ports, ask, plans))
        row = replace(row, state=RowState.LINKING, had=had)
        await ports.ledger.record_import_row(import_id, row, ports.now())
        await bind(ports, ask, plans)
    except (NotFound, NotAllowed, Conflict):
        row = replace(row, state=RowState.REFUSED)
    else:
        row = replace(row, state=RowState.LINKED)
    await ports.ledger.record_import_row(import_id, row, ports.now())


async def _unlink(ports: Ports, import_id: int, guild_id: int, row: ImportRow, by: int) -> None:
    await ports.ledger.record_import_row(import_id, replace(row, state=RowState.UNDOING), ports.now())
    known = await ports.ledger.load_subscription(row.key)
    state = RowState.UNDONE
    if known is not None and known.binding is not None:
        if known.binding != Binding(guild_id, row.member_id):
            state = RowState.KEPT
        else:
            try:
                await unlink(ports, guild_id, row.key, by, row.had)
            except Conflict:
                state = RowState.KEPT
    await ports.ledger.record_import_row(import_id, replace(row, state=state), ports.now())
