"""No method of the ledger answers without a bound."""

from __future__ import annotations

import inspect
import typing

from billing.ports import Ledger

# Each of these is limited by what is asked for.
BY_KEY = {
    # by the length of the list that is passed
    "load_known": "ids",
    "load_member_states": "members",
    "load_known_events": "ids",
    "load_returned": "return_ids",
    "load_sold": "prices",
    # by what one person, customer or subscription can have
    "load_customer_subscriptions": "customer_id",
    "load_free_days": "member_id",
    "load_granting": "member_id",
    "load_intents_of": "key",
    "load_managed": "member_id",
    "load_overrides": "member_id",
    "load_subscriptions_of": "member_id",
    "load_untold": "member_id",
    "load_waiting_news": "member_id",
    "load_with_member": "key",
    # by what one decision of an admin covers: a member's plans
    "load_decision": "decision_id",
    "record_lifted": "decision_id",
    # by what `record_plan` accepts
    "load_plans": "guild_id",
}
LISTS = (list, set, frozenset, dict, tuple)


def lists_of_the_port() -> dict[str, inspect.Signature]:
    methods = inspect.getmembers(Ledger, inspect.isfunction)
    return {
        name: inspect.signature(method)
        for name, method in methods
        if not name.startswith("_")
        and typing.get_origin(typing.get_type_hints(method).get("return")) in LISTS
    }


def test_each_list_of_the_ledger_has_a_limit_or_is_bounded_by_its_key() -> None:
    found = lists_of_the_port()
    assert len(found) > 30
    unbounded = {name for name, signature in found.items() if "limit" not in signature.parameters}
    assert unbounded == set(BY_KEY)
    for name, key in BY_KEY.items():
        parameter = found[name].parameters[key]
        assert parameter.default is inspect.Parameter.empty
        assert "None" not in str(parameter.annotation)


def test_no_limit_of_the_ledger_has_a_default() -> None:
    for name, signature in lists_of_the_port().items():
        if "limit" in signature.parameters:
            assert signature.parameters["limit"].default is inspect.Parameter.empty, name
