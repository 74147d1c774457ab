"""Nobody reaches what is another's: not by a button, a menu or an option, forged or opened to them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from billing.model import SubscriptionKey
from cogs.core.subscription_keys import key_text
from i18n import tr
from standins.discord import Guild, Person, Role
from tests.app.forged_presses import ADMINS, MEMBERS, leaves, press, something
from tests.app.harness import AppHarness
from tests.app.sale import buy, rows

NOT_YOURS = "You don't have that subscription. Use /subscriptions to see yours."
NOT_MADE_FOR_YOU = "This button is for someone else. Use /subscriptions to see your own."
THEIRS = ("members", "checkouts", "locales", "sqlite_sequence", "prices")
NOT_ADMIN = "You need the Manage Server permission for this."


@dataclass
class Scene:
    """Bob and Cleo pay for Gold; Dan is a plain member beside him, Eve owns Chess alone."""

    app: AppHarness
    dan: Person
    eve: Person
    chess: Guild
    rook: Role
    keys: list[str]
    decision: str
    question: str

    @property
    def bob(self) -> Person:
        return self.app.bob

    async def state(self) -> list[str]:
        """The ledger, agreements and roles, which must not change. Refreshing the caller's own
        subscriptions and opening a payment page for them are allowed."""
        await self.app.settled()
        stripe = [(s["id"], s["status"], s["cancel_at_period_end"]) for s in self.subscriptions()]
        assert self.app.paypal is not None
        agreed = [s for s in self.app.paypal.world.all("subscription") if s.status != "APPROVAL_PENDING"]
        paypal = [(s.id, s.status) for s in agreed]
        return [*rows(self.app, THEIRS), str(stripe), str(paypal), str(self.app.roles())]

    def subscriptions(self) -> list[dict[str, object]]:
        return self.app.stripe.world.all("subscription")


@pytest.fixture
async def scene(app: AppHarness) -> Scene:
    dan, eve = app.world.add_user("dan"), app.world.add_user("eve")
    app.world.add_member(app.guild, dan)
    chess = app.world.add_guild("Chess", eve)
    await app.invite(chess)
    rook = app.world.add_role(chess, "Rook")
    options = {"name": "Rook", "role": rook, "stripe_price": app.price}
    assert "Now on sale" in (await eve.run(chess, "plans add", options)).text
    await buy(app, "stripe")
    await buy(app, "paypal", app.cleo)
    await app.bob.run(app.guild, "subscriptions")
    question = await app.ada.run(app.guild, "revoke", {"member": app.cleo, "when": "now"})
    number = str(question.buttons[0].custom_id).rpartition(":")[2]
    done = await (await app.ada.run(app.guild, "revoke", {"member": app.bob})).press("Revoke access")
    await app.settled()
    decision = str(done.button("Undo").custom_id).rpartition(":")[2]
    own = await app.ports.ledger.load_subscriptions_of(app.bob.id)
    other = await app.ports.ledger.load_subscriptions_of(app.cleo.id)
    keys = [key_text(one.key) for one in (*own, *other)]
    assert {key.partition(":")[0] for key in keys} == {"stripe", "paypal"}
    return Scene(app, dan, eve, chess, rook, keys, decision, number)


TERMS = ("now", "end", "end1800000000")
MENUS = ("managewhich", "cancelwhich")
ABOUT_ONE = ("manage", "cancel", "resume")


async def test_a_member_cannot_reach_anothers_subscription_by_any_button_or_menu(scene: Scene) -> None:
    """The forged button names the owner, the presser or nobody; each is refused."""
    app, bob = scene.app, scene.bob
    shown = await scene.dan.run(app.guild, "subscriptions")
    before, told = await scene.state(), []
    for key in scene.keys:
        for whose, refusal in ((bob.id, NOT_MADE_FOR_YOU), (scene.dan.id, NOT_YOURS), (0, NOT_YOURS)):
            pressed = [await press(app, shown, f"dues:{name}:{whose}:{key}") for name in ABOUT_ONE]
            pressed += [await press(app, shown, f"dues:cancelyes:{whose}:{said}:{key}") for said in TERMS]
            pressed += [await press(app, shown, f"dues:{name}:{whose}:", [key]) for name in MENUS]
            told += [(reply.text, refusal) for reply in pressed]
            assert [b.url for reply in pressed for b in reply.buttons] == []
    assert [said for said, refusal in told if said != refusal] == []
    assert len(told) == len(scene.keys) * 3 * 8
    assert await scene.state() == before


async def test_a_member_cannot_reach_anothers_subscription_by_any_option(scene: Scene) -> None:
    before = await scene.state()
    commands = [name for name, options in leaves(scene.app).items() if _takes(options, "subscription")]
    assert set(commands) == {"manage", "cancel", "members link"}
    for name in MEMBERS & set(commands):  # the third is for admins
        for key in scene.keys:
            for typed in (key, key.rpartition(":")[2], f" {key} ", key.upper(), "Gold", "*", "%", "' OR 1=1"):
                reply = await scene.dan.run(scene.app.guild, name, {"subscription": typed})
                assert (reply.text, reply.buttons) == (NOT_YOURS, [])
            assert await scene.dan.autocomplete(scene.app.guild, name, "subscription", key) == []
    assert await scene.state() == before


def _takes(options: list[dict[str, object]], name: str) -> bool:
    return any(option["name"] == name for option in options)


async def test_a_member_who_presses_an_admins_button_is_refused(scene: Scene) -> None:
    app = scene.app
    (plan,) = await app.ports.ledger.load_plans(app.guild.id)
    shown, dm = await scene.dan.run(app.guild, "subscriptions"), await scene.dan.run(None, "subscriptions")
    before, guild = await scene.state(), app.guild.id
    for place in (shown, dm):
        pressed = [
            await press(app, place, f"dues:lift:0:{guild}:{scene.decision}"),
            await press(app, place, f"dues:ungrant:0:{guild}:{scene.decision}"),
            await press(app, place, f"dues:braketake:0:{guild}:1"),
            await press(app, place, f"dues:brakekeep:0:{guild}:1"),
            await press(app, place, f"dues:map:0:{guild}:stripe:{app.price}", [str(plan.id)]),
            await press(app, place, f"dues:linkthis:0:{guild}:{scene.dan.id}:{scene.keys[0]}"),
            await press(app, place, f"dues:unlink:0:{guild}:0:{scene.keys[0]}"),
            await press(app, place, f"dues:theypay:0:{guild}:{scene.keys[0]}"),
        ]
        assert {reply.text for reply in pressed} == {NOT_ADMIN}
    here = [f"dues:plans:{scene.dan.id}:0", f"dues:revokeyes:{scene.dan.id}:{scene.question}"]
    here += ["dues:plans:0:0", f"dues:revokeyes:0:{scene.question}"]
    for custom_id in here:
        assert (await press(app, shown, custom_id)).text == NOT_ADMIN
        assert (await press(app, dm, custom_id)).text == "This only works in a server."
    assert await scene.state() == before


async def test_a_revocation_is_confirmed_only_by_the_admin_who_asked_and_in_their_server(
    scene: Scene,
) -> None:
    """Another admin, and Ada in another server, press Ada's own question by its number."""
    app = scene.app
    before = await scene.state()
    theirs = await scene.eve.run(scene.chess, "subscriptions")
    pressed = await press(app, theirs, f"dues:revokeyes:{scene.eve.id}:{scene.question}")
    assert "no longer open" in pressed.text
    assert await scene.state() == before
    question = await app.ada.run(app.guild, "revoke", {"member": app.cleo, "when": "now"})
    number = str(question.buttons[0].custom_id).rpartition(":")[2]
    other = await app.cleo.run(app.guild, "subscriptions")
    names = ("revokeyes", "revokeno")
    for name in names:
        assert (await press(app, other, f"dues:{name}:{app.ada.id}:{number}")).text == NOT_MADE_FOR_YOU
    said = [(await press(app, other, f"dues:{name}:{app.cleo.id}:{number}")).text for name in names]
    assert "no longer open" in said[0]
    assert said[1] == "Nothing was changed."
    assert "revoked" in (await question.press("Revoke access")).text


async def test_admin_commands_that_a_server_opened_to_everyone_still_refuse_members(scene: Scene) -> None:
    """Members type each admin command that Discord lets them type, with every option, and use its
    suggestions."""
    app = scene.app
    commands = leaves(app)
    assert commands.keys() == ADMINS | MEMBERS
    before = await scene.state()
    for name in ADMINS:
        options = {option["name"]: something(app, option) for option in commands[name]}
        required = {o["name"]: options[o["name"]] for o in commands[name] if o.get("required")}
        for given in (options, required):
            reply = await scene.dan.run(app.guild, name, given, force=True)
            assert (name, reply.text, reply.buttons) == (name, NOT_ADMIN, [])
        for typed in (o["name"] for o in commands[name] if o.get("autocomplete")):
            assert await scene.dan.autocomplete(app.guild, name, typed, "", required, force=True) == []
    assert await scene.state() == before


async def test_an_admin_cannot_use_another_servers_plan_role_or_channel_in_any_option(scene: Scene) -> None:
    """Eve may do everything in Chess, and nothing in Pottery."""
    app, eve, chess = scene.app, scene.eve, scene.chess
    (gold,) = await app.ports.ledger.load_plans(app.guild.id)
    before = await scene.state()
    for plan in (f"plan:{gold.id}", "Gold", "gold", f"plan:0{gold.id}", f"plan: {gold.id}"):
        for name, more in (
            ("plans edit", {"name": "Mine"}),
            ("plans edit", {"stripe_price": "none"}),
            ("plans remove", {}),
            ("revoke", {"member": scene.bob}),
            ("grant", {"member": scene.bob}),
        ):
            reply = await eve.run(chess, name, {"plan": plan, **more})
            assert reply.text == tr("error.no_such_plan_for_admin")
        assert await eve.autocomplete(chess, "plans edit", "plan", plan) == []
        assert "plan doesn't exist" in (await eve.run(chess, "subscribe", {"plan": plan})).text
    assert "don't have an active subscription" in (await eve.run(chess, "revoke", {"member": scene.bob})).text
    strange = {"name": "X", "role": app.gold, "stripe_price": app.price}
    assert "belongs to another server" in (await eve.run(chess, "plans add", strange)).text
    strange = {"plan": "Rook", "add_role": app.gold}
    assert "belongs to another server" in (await eve.run(chess, "plans edit", strange)).text
    elsewhere = {"notice_channel": app.guild.channel()}
    reply = await eve.run(chess, "plans settings", elsewhere)
    assert "One of the options can't be used." in reply.text
    assert await scene.state() == before


async def test_an_admin_cannot_reach_another_server_by_any_button(scene: Scene) -> None:
    app, eve = scene.app, scene.eve
    (gold,) = await app.ports.ledger.load_plans(app.guild.id)
    (rook,) = await app.ports.ledger.load_plans(scene.chess.id)
    shown = await eve.run(scene.chess, "subscriptions")
    before, pottery, chess = await scene.state(), app.guild.id, scene.chess.id
    price = f"stripe:{app.price}"
    said = {
        f"dues:lift:0:{pottery}:{scene.decision}": NOT_ADMIN,
        f"dues:lift:0:{chess}:{scene.decision}": "That decision doesn't exist in this server.",
        f"dues:braketake:0:{pottery}:1": NOT_ADMIN,
        f"dues:brakekeep:0:{pottery}:1": NOT_ADMIN,
        f"dues:ask:{eve.id}:{pottery}:{scene.decision}": "Your access is no longer revoked. Use /subscribe "
        "to see what you can buy.",
        f"dues:buy:{eve.id}:{pottery}:{gold.id}": "That plan doesn't exist. Use /subscribe to see what's "
        "on sale.",
        f"dues:buy:{eve.id}:{chess}:{gold.id}": tr("error.no_such_plan_for_admin"),
    }
    assert {custom_id: (await press(app, shown, custom_id)).text for custom_id in said} == said
    for guild, plan, refusal in (
        (pottery, gold, NOT_ADMIN),
        (pottery, rook, NOT_ADMIN),
        (chess, gold, tr("error.no_such_plan_for_admin")),
    ):
        reply = await press(app, shown, f"dues:map:0:{guild}:{price}", [str(plan.id)])
        assert reply.text == refusal
    assert await scene.state() == before


async def test_a_hidden_plan_cannot_be_bought_by_its_number(scene: Scene) -> None:
    app = scene.app
    await app.ada.run(app.guild, "plans edit", {"plan": "Gold", "hidden": True})
    (gold,) = await app.ports.ledger.load_plans(app.guild.id)
    before = await scene.state()
    for place in (app.guild, None):
        shown = await scene.dan.run(place, "subscriptions")
        reply = await press(app, shown, f"dues:buy:{scene.dan.id}:{app.guild.id}:{gold.id}")
        assert reply.text == "That plan doesn't exist. Use /subscribe to see what's on sale."
    assert await scene.state() == before
    own = await scene.bob.run(app.guild, "subscriptions")
    mine = await press(app, own, f"dues:buy:{scene.bob.id}:{app.guild.id}:{gold.id}")
    assert "revoked your access to this" in mine.text


RESTS = [
    "",
    "x",
    "1:1",
    "9" * 30,
    "9" * 4_400,
    "１",
    "\x00",
    "{guild}:-1",
    "{guild}:" + "9" * 30,
    "{guild}:stripe:price_nope",
    "{guild}:nobody:x",
    "now:stripe:test:sub_nope",
    "stripe:test:sub_nope",
    "paypal:sandbox:I-NOPE",
    "a" * 5_000,
]
POLITE = (
    tr("error.outdated_button"),
    tr("error.guild_gone"),
    NOT_YOURS,
    NOT_ADMIN,
    "That plan doesn't exist",
    "That decision doesn't exist in this server.",
    "Your access is no longer revoked.",
    "This has already been undone.",
    "That grant doesn't exist in this server.",
    "No active subscription with this ID uses one of this server's prices.",
    "This grant has already ended.",
    "This question is no longer open",
    "This only works in a server.",
    "The bot couldn't find an active subscription of yours.",
    "Nothing was changed.",
    "Your roles, and why",
    "### Settings",
    "Gold",
    "The bot isn't in the server.",
    "There's nothing on sale right now.",
    "Which subscription",
    "Stripe can't find the price",
    "isn't set up for this bot",
    "The bot was removed",
)


@pytest.mark.parametrize("where", ["in the server", "in a DM"])
async def test_a_component_id_that_no_card_carried_is_refused(
    scene: Scene, caplog: pytest.LogCaptureFixture, where: str
) -> None:
    """Every action there is, by a member and by an admin, with every kind of nonsense behind it."""
    app = scene.app
    assert app.process is not None
    actions = sorted(app.process.bot.actions)
    assert len(actions) >= 18
    place = app.guild if where == "in the server" else None
    for who in (scene.dan, app.ada):
        shown = await who.run(place, "subscriptions")
        before, odd = await scene.state(), []
        for action in actions:
            for rest in RESTS if place else RESTS[::3]:
                values = ["x"] if action in ("map", *MENUS) and len(rest) % 2 else None
                custom_id = f"dues:{action}:{who.id}:{rest.format(guild=app.guild.id)}"
                said = (await press(app, shown, custom_id, values)).text
                odd += [] if any(polite in said for polite in POLITE) else [(action, rest[:20], said)]
        assert odd == []
        assert await scene.state() == before
    assert [r.getMessage() for r in caplog.records if r.levelname == "ERROR" or r.exc_info] == []


@pytest.mark.parametrize("values", [None, [], [""], ["x"], ["9" * 30], ["a", "b"], ["stripe:test:sub_nope"]])
async def test_a_menu_with_a_choice_that_it_did_not_offer_is_refused(
    scene: Scene, values: list[str] | None
) -> None:
    app = scene.app
    shown = await app.ada.run(app.guild, "subscriptions")
    before = await scene.state()
    for custom_id in (
        f"dues:managewhich:{app.ada.id}:",
        f"dues:cancelwhich:{app.ada.id}:",
        f"dues:map:0:{app.guild.id}:stripe:{app.price}",
    ):
        said = (await press(app, shown, custom_id, values)).text
        assert any(polite in said for polite in POLITE), said
    assert await scene.state() == before


@pytest.mark.parametrize("custom_id", ["dues:", "dues::", "dues:::", "dues:manage", "dues:manage:x"])
async def test_a_component_id_that_ends_too_early_is_refused(app: AppHarness, custom_id: str) -> None:
    shown = await app.bob.run(app.guild, "subscriptions")
    assert (await press(app, shown, custom_id)).text == tr("error.outdated_button")


async def test_a_press_about_something_gone_says_so_and_changes_nothing(app: AppHarness) -> None:
    """Buttons of a plan that was removed, a decision that was lifted, a subscription that is forgotten."""
    window = await app.bob.run(app.guild, "subscribe")
    await buy(app, "stripe")
    (gold,) = await app.ports.ledger.load_plans(app.guild.id)
    (own,) = await app.ports.ledger.load_subscriptions_of(app.bob.id)
    done = await (await app.ada.run(app.guild, "revoke", {"member": app.bob})).press("Revoke access")
    note = await app.bob.dm_containing("Access revoked")
    await done.press("Undo")
    await app.ada.run(app.guild, "plans remove", {"plan": "Gold"})
    await app.settled()
    before = rows(app, THEIRS)
    assert "already been undone" in (await done.press("Undo")).text
    assert "no longer revoked" in (await note.press("Ask the admins")).text
    buying = f"dues:buy:{app.bob.id}:{app.guild.id}:{gold.id}"
    assert "plan doesn't exist" in (await press(app, window, buying)).text
    gone = key_text(replace(own.key, id="sub_gone"))
    assert (await press(app, window, f"dues:manage:{app.bob.id}:{gone}")).text == NOT_YOURS
    elsewhere = key_text(SubscriptionKey("stripe", "live", own.key.id))
    assert (await press(app, window, f"dues:manage:{app.bob.id}:{elsewhere}")).text == NOT_YOURS
    assert rows(app, THEIRS) == before
