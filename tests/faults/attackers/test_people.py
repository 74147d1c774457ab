"""Nobody reaches what is another's: not by a button, a menu or an option, forged or opened to them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from billing.model import SubscriptionKey
from cogs.core.components import FOREIGN
from cogs.core.keys import key_text
from standins.discord import Guild, Person, Role
from tests.cogs.town import Town
from tests.faults.attackers.hands import ADMINS, MEMBERS, leaves, press, something
from tests.faults.attackers.shop import buy, rows

NOT_YOURS = "You have no such subscription. /subscriptions lists yours."
NOT_MADE_FOR_YOU = "This button was made for somebody else. /subscriptions shows yours."
THEIRS = ("members", "checkouts", "sqlite_sequence", "prices")
NOT_ADMIN = "You need the Manage Server permission for this."


@dataclass
class Scene:
    """Bob and Cleo pay for Gold; Dan is a plain member beside him, Eve owns Chess alone."""

    town: Town
    dan: Person
    eve: Person
    chess: Guild
    rook: Role
    keys: list[str]
    decision: str
    question: str

    @property
    def bob(self) -> Person:
        return self.town.bob

    async def state(self) -> list[str]:
        """What must not change: ledger, agreements, roles. That who used a command is looked at, and a page
        to pay that they asked for, are theirs."""
        await self.town.settled()
        stripe = [(s["id"], s["status"], s["cancel_at_period_end"]) for s in self.subscriptions()]
        assert self.town.paypal is not None
        agreed = [s for s in self.town.paypal.world.all("subscription") if s.status != "APPROVAL_PENDING"]
        paypal = [(s.id, s.status) for s in agreed]
        return [*rows(self.town, THEIRS), str(stripe), str(paypal), str(self.town.roles())]

    def subscriptions(self) -> list[dict[str, object]]:
        return self.town.stripe.world.all("subscription")


@pytest.fixture
async def scene(town: Town) -> Scene:
    dan, eve = town.world.add_user("dan"), town.world.add_user("eve")
    town.world.add_member(town.guild, dan)
    chess = town.world.add_guild("Chess", eve)
    await town.invite(chess)
    rook = town.world.add_role(chess, "Rook")
    options = {"name": "Rook", "role": rook, "stripe_price": town.price}
    assert "Now on sale" in (await eve.run(chess, "plans add", options)).text
    await buy(town, "stripe")
    await buy(town, "paypal", town.cleo)
    await town.bob.run(town.guild, "subscriptions")
    question = await town.ada.run(town.guild, "revoke", {"member": town.cleo, "when": "now"})
    number = str(question.buttons[0].custom_id).rpartition(":")[2]
    done = await (await town.ada.run(town.guild, "revoke", {"member": town.bob})).press("Revoke access")
    await town.settled()
    decision = str(done.button("Undo").custom_id).rpartition(":")[2]
    own = await town.ports.ledger.load_subscriptions_of(town.bob.id)
    other = await town.ports.ledger.load_subscriptions_of(town.cleo.id)
    keys = [key_text(one.key) for one in (*own, *other)]
    assert {key.partition(":")[0] for key in keys} == {"stripe", "paypal"}
    return Scene(town, dan, eve, chess, rook, keys, decision, number)


TERMS = ("now", "end", "end1800000000")
MENUS = ("managewhich", "cancelwhich")
ABOUT_ONE = ("manage", "cancel", "resume")


async def test_anothers_subscription_in_every_button_and_menu(scene: Scene) -> None:
    """By who claims to be its owner, by who names themselves, and by who says that it is anybody's."""
    town, bob = scene.town, scene.bob
    shown = await scene.dan.run(town.guild, "subscriptions")
    before, told = await scene.state(), []
    for key in scene.keys:
        for whose, refusal in ((bob.id, NOT_MADE_FOR_YOU), (scene.dan.id, NOT_YOURS), (0, NOT_YOURS)):
            pressed = [await press(town, shown, f"dues:{name}:{whose}:{key}") for name in ABOUT_ONE]
            pressed += [await press(town, shown, f"dues:cancelyes:{whose}:{said}:{key}") for said in TERMS]
            pressed += [await press(town, shown, f"dues:{name}:{whose}:", [key]) for name in MENUS]
            told += [(reply.text, refusal) for reply in pressed]
            assert [b.url for reply in pressed for b in reply.buttons] == []
    assert [said for said, refusal in told if said != refusal] == []
    assert len(told) == len(scene.keys) * 3 * 8
    assert await scene.state() == before


async def test_anothers_subscription_in_every_option(scene: Scene) -> None:
    before = await scene.state()
    commands = [name for name, options in leaves(scene.town).items() if _takes(options, "subscription")]
    assert set(commands) == {"manage", "cancel", "members link"}
    for name in MEMBERS & set(commands):  # the third is for admins
        for key in scene.keys:
            for typed in (key, key.rpartition(":")[2], f" {key} ", key.upper(), "Gold", "*", "%", "' OR 1=1"):
                reply = await scene.dan.run(scene.town.guild, name, {"subscription": typed})
                assert (reply.text, reply.buttons) == (NOT_YOURS, [])
            assert await scene.dan.autocomplete(scene.town.guild, name, "subscription", key) == []
    assert await scene.state() == before


def _takes(options: list[dict[str, object]], name: str) -> bool:
    return any(option["name"] == name for option in options)


async def test_an_admins_button_under_a_members_finger(scene: Scene) -> None:
    town = scene.town
    (plan,) = await town.ports.ledger.load_plans(town.guild.id)
    shown, dm = await scene.dan.run(town.guild, "subscriptions"), await scene.dan.run(None, "subscriptions")
    before, guild = await scene.state(), town.guild.id
    for place in (shown, dm):
        pressed = [
            await press(town, place, f"dues:lift:0:{guild}:{scene.decision}"),
            await press(town, place, f"dues:ungrant:0:{guild}:{scene.decision}"),
            await press(town, place, f"dues:braketake:0:{guild}:1"),
            await press(town, place, f"dues:brakekeep:0:{guild}:1"),
            await press(town, place, f"dues:map:0:{guild}:stripe:{town.price}", [str(plan.id)]),
            await press(town, place, f"dues:linkthis:0:{guild}:{scene.dan.id}:{scene.keys[0]}"),
            await press(town, place, f"dues:unlink:0:{guild}:0:{scene.keys[0]}"),
            await press(town, place, f"dues:theypay:0:{guild}:{scene.keys[0]}"),
        ]
        assert {reply.text for reply in pressed} == {NOT_ADMIN}
    here = [f"dues:plans:{scene.dan.id}:0", f"dues:revokeyes:{scene.dan.id}:{scene.question}"]
    here += ["dues:plans:0:0", f"dues:revokeyes:0:{scene.question}"]
    for custom_id in here:
        assert (await press(town, shown, custom_id)).text == NOT_ADMIN
        assert (await press(town, dm, custom_id)).text == "This works in a server only."
    assert await scene.state() == before


async def test_what_an_admin_asks_is_asked_of_nobody_else(scene: Scene) -> None:
    """Ada's own question, with its number, in the hands of another admin and in another server."""
    town = scene.town
    before = await scene.state()
    theirs = await scene.eve.run(scene.chess, "subscriptions")
    pressed = await press(town, theirs, f"dues:revokeyes:{scene.eve.id}:{scene.question}")
    assert "no longer open" in pressed.text
    assert await scene.state() == before
    question = await town.ada.run(town.guild, "revoke", {"member": town.cleo, "when": "now"})
    number = str(question.buttons[0].custom_id).rpartition(":")[2]
    other = await town.cleo.run(town.guild, "subscriptions")
    names = ("revokeyes", "revokeno")
    for name in names:
        assert (await press(town, other, f"dues:{name}:{town.ada.id}:{number}")).text == NOT_MADE_FOR_YOU
    said = [(await press(town, other, f"dues:{name}:{town.cleo.id}:{number}")).text for name in names]
    assert "no longer open" in said[0]
    assert said[1] == "Nothing was changed."
    assert "revoked" in (await question.press("Revoke access")).text


async def test_a_server_opened_its_admins_commands_to_everyone(scene: Scene) -> None:
    """Whatever Discord lets them type, with every option given, and while they type it."""
    town = scene.town
    commands = leaves(town)
    assert commands.keys() == ADMINS | MEMBERS
    before = await scene.state()
    for name in ADMINS:
        options = {option["name"]: something(town, option) for option in commands[name]}
        required = {o["name"]: options[o["name"]] for o in commands[name] if o.get("required")}
        for given in (options, required):
            reply = await scene.dan.run(town.guild, name, given, force=True)
            assert (name, reply.text, reply.buttons) == (name, NOT_ADMIN, [])
        for typed in (o["name"] for o in commands[name] if o.get("autocomplete")):
            assert await scene.dan.autocomplete(town.guild, name, typed, "", required, force=True) == []
    assert await scene.state() == before


async def test_another_servers_plan_role_and_channel_in_every_option(scene: Scene) -> None:
    """Eve may do everything in Chess, and nothing in Pottery."""
    town, eve, chess = scene.town, scene.eve, scene.chess
    (gold,) = await town.ports.ledger.load_plans(town.guild.id)
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
            assert reply.text == "There is no such plan here. /plans list shows them."
        assert await eve.autocomplete(chess, "plans edit", "plan", plan) == []
        assert "no such plan here" in (await eve.run(chess, "subscribe", {"plan": plan})).text
    assert "have no running subscription" in (await eve.run(chess, "revoke", {"member": scene.bob})).text
    strange = {"name": "X", "role": town.gold, "stripe_price": town.price}
    assert "of another server" in (await eve.run(chess, "plans add", strange)).text
    strange = {"plan": "Rook", "add_role": town.gold}
    assert "of another server" in (await eve.run(chess, "plans edit", strange)).text
    elsewhere = {"notice_channel": town.guild.channel()}
    reply = await eve.run(chess, "plans settings", elsewhere)
    assert "One of the options cannot be used here." in reply.text
    assert await scene.state() == before


async def test_another_servers_things_in_every_admins_button(scene: Scene) -> None:
    town, eve = scene.town, scene.eve
    (gold,) = await town.ports.ledger.load_plans(town.guild.id)
    (rook,) = await town.ports.ledger.load_plans(scene.chess.id)
    shown = await eve.run(scene.chess, "subscriptions")
    before, pottery, chess = await scene.state(), town.guild.id, scene.chess.id
    price = f"stripe:{town.price}"
    said = {
        f"dues:lift:0:{pottery}:{scene.decision}": NOT_ADMIN,
        f"dues:lift:0:{chess}:{scene.decision}": "There is no such decision in this server.",
        f"dues:braketake:0:{pottery}:1": NOT_ADMIN,
        f"dues:brakekeep:0:{pottery}:1": NOT_ADMIN,
        f"dues:ask:{eve.id}:{pottery}:{scene.decision}": "This is not revoked any more. /subscribe shows "
        "what you can have.",
        f"dues:buy:{eve.id}:{pottery}:{gold.id}": "There is no such plan here. /subscribe shows what is on "
        "sale.",
        f"dues:buy:{eve.id}:{chess}:{gold.id}": "There is no such plan here. /plans list shows them.",
    }
    assert {custom_id: (await press(town, shown, custom_id)).text for custom_id in said} == said
    for guild, plan, refusal in (
        (pottery, gold, NOT_ADMIN),
        (pottery, rook, NOT_ADMIN),
        (chess, gold, "There is no such plan here. /plans list shows them."),
    ):
        reply = await press(town, shown, f"dues:map:0:{guild}:{price}", [str(plan.id)])
        assert reply.text == refusal
    assert await scene.state() == before


async def test_a_hidden_plan_is_not_to_be_had_by_its_number(scene: Scene) -> None:
    town = scene.town
    await town.ada.run(town.guild, "plans edit", {"plan": "Gold", "hidden": True})
    (gold,) = await town.ports.ledger.load_plans(town.guild.id)
    before = await scene.state()
    for place in (town.guild, None):
        shown = await scene.dan.run(place, "subscriptions")
        reply = await press(town, shown, f"dues:buy:{scene.dan.id}:{town.guild.id}:{gold.id}")
        assert reply.text == "There is no such plan here. /subscribe shows what is on sale."
    assert await scene.state() == before
    own = await scene.bob.run(town.guild, "subscriptions")
    mine = await press(town, own, f"dues:buy:{scene.bob.id}:{town.guild.id}:{gold.id}")
    assert "revoked this for you" in mine.text


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
    FOREIGN,
    NOT_YOURS,
    NOT_ADMIN,
    "There is no such plan here.",
    "There is no such decision in this server.",
    "This is not revoked any more.",
    "This decision is lifted already.",
    "There is no such grant in this server.",
    "There is no such running subscription on a price that this server sells.",
    "This grant has ended already.",
    "This question is no longer open",
    "This works in a server only.",
    "The bot knows of no running subscription of yours.",
    "Nothing was changed.",
    "Gold",
    "The bot is not in",
    "Nothing is on sale here.",
    "Which subscription",
    "Stripe knows no price",
    "is not set up for this bot",
    "The bot was removed",
)


@pytest.mark.parametrize("where", ["in the server", "in a DM"])
async def test_what_no_card_ever_carried(scene: Scene, caplog: pytest.LogCaptureFixture, where: str) -> None:
    """Every action there is, by a member and by an admin, with every kind of nonsense behind it."""
    town = scene.town
    assert town.process is not None
    actions = sorted(town.process.bot.actions)
    assert len(actions) >= 18
    place = town.guild if where == "in the server" else None
    for who in (scene.dan, town.ada):
        shown = await who.run(place, "subscriptions")
        before, odd = await scene.state(), []
        for action in actions:
            for rest in RESTS if place else RESTS[::3]:
                values = ["x"] if action in ("map", *MENUS) and len(rest) % 2 else None
                custom_id = f"dues:{action}:{who.id}:{rest.format(guild=town.guild.id)}"
                said = (await press(town, shown, custom_id, values)).text
                odd += [] if any(polite in said for polite in POLITE) else [(action, rest[:20], said)]
        assert odd == []
        assert await scene.state() == before
    assert [r.getMessage() for r in caplog.records if r.levelname == "ERROR" or r.exc_info] == []


@pytest.mark.parametrize("values", [None, [], [""], ["x"], ["9" * 30], ["a", "b"], ["stripe:test:sub_nope"]])
async def test_menus_with_other_choices_than_theirs(scene: Scene, values: list[str] | None) -> None:
    town = scene.town
    shown = await town.ada.run(town.guild, "subscriptions")
    before = await scene.state()
    for custom_id in (
        f"dues:managewhich:{town.ada.id}:",
        f"dues:cancelwhich:{town.ada.id}:",
        f"dues:map:0:{town.guild.id}:stripe:{town.price}",
    ):
        said = (await press(town, shown, custom_id, values)).text
        assert any(polite in said for polite in POLITE), said
    assert await scene.state() == before


@pytest.mark.parametrize("custom_id", ["dues:", "dues::", "dues:::", "dues:manage", "dues:manage:x"])
async def test_ids_that_end_too_early(town: Town, custom_id: str) -> None:
    shown = await town.bob.run(town.guild, "subscriptions")
    assert (await press(town, shown, custom_id)).text == FOREIGN


async def test_what_was_deleted_meanwhile(town: Town) -> None:
    """Buttons of a plan that was removed, a decision that was lifted, a subscription that is forgotten."""
    window = await town.bob.run(town.guild, "subscribe")
    await buy(town, "stripe")
    (gold,) = await town.ports.ledger.load_plans(town.guild.id)
    (own,) = await town.ports.ledger.load_subscriptions_of(town.bob.id)
    done = await (await town.ada.run(town.guild, "revoke", {"member": town.bob})).press("Revoke access")
    note = await town.bob.dm_containing("Access revoked")
    await done.press("Undo")
    await town.ada.run(town.guild, "plans remove", {"plan": "Gold"})
    await town.settled()
    before = rows(town, THEIRS)
    assert "lifted already" in (await done.press("Undo")).text
    assert "not revoked any more" in (await note.press("Ask the admins")).text
    buying = f"dues:buy:{town.bob.id}:{town.guild.id}:{gold.id}"
    assert "no such plan here" in (await press(town, window, buying)).text
    gone = key_text(replace(own.key, id="sub_gone"))
    assert (await press(town, window, f"dues:manage:{town.bob.id}:{gone}")).text == NOT_YOURS
    elsewhere = key_text(SubscriptionKey("stripe", "live", own.key.id))
    assert (await press(town, window, f"dues:manage:{town.bob.id}:{elsewhere}")).text == NOT_YOURS
    assert rows(town, THEIRS) == before
