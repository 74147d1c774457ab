"""Actions of PayPal's buyers: approve, decline, view their automatic payments, and cancel one."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from standins.paypal import billing, subscriptions
from standins.paypal.errors import missing, unfit
from standins.paypal.state import Buyer, Obj, Subscription, World, new_id

Request = tuple[Subscription, Obj | None]  # the second is what a revision would change


def asked(world: World, link: str) -> Request:
    """Return the subscription behind an approval link, given as its URL or ba_token.

    Raises PayPalRefusal 404 if there is none.
    """
    found: Request | None = world.find("ba_token", _token(link))
    if found is None:
        raise missing()
    return found


def is_open(request: Request) -> bool:
    """Return True if the request still waits for the buyer's approval."""
    subscription, revision = request
    return subscription.status in (("ACTIVE", "SUSPENDED") if revision is not None else ("APPROVAL_PENDING",))


def approve(world: World, link: str, buyer: Buyer) -> str:
    """Approve the request behind a link, and return the URL to which the browser is redirected.

    Raises PayPalRefusal if there is nothing to approve.
    """
    request = asked(world, link)
    if not is_open(request):
        raise unfit("SUBSCRIPTION_STATUS_INVALID", "This agreement was closed already.")
    subscription, revision = request
    back = way_back(request, link, "return_url")
    if revision is not None:
        subscriptions.accept_revision(world, subscription, revision)
        world.tables["ba_token"].pop(_token(link))
        return back
    subscription.buyer = buyer
    if subscription.context.get("user_action") == "CONTINUE":
        billing.set_status(world, subscription, "APPROVED")
    else:
        billing.begin(world, subscription)
    return back


def decline(world: World, link: str) -> str:
    """Decline the request behind a link, and return the URL to which the browser is redirected."""
    return way_back(asked(world, link), link, "cancel_url")


def _token(link: str) -> str:
    return str(dict(parse_qsl(urlsplit(link).query)).get("ba_token", link))


def way_back(request: Request, link: str, name: str) -> str:
    """Return the merchant's return URL with PayPal's parameters; empty if the merchant gave none."""
    subscription, revision = request
    context = (revision or {}).get("application_context") or subscription.context
    if name not in context:
        return ""
    parts = urlsplit(context[name])
    told = {"subscription_id": subscription.id, "ba_token": _token(link), "token": new_id()}
    query = "&".join(one for one in (parts.query, urlencode(told)) if one)
    return str(urlunsplit(parts._replace(query=query)))


def automatic_payments(world: World, buyer: Buyer) -> list[Subscription]:
    """Return the buyer's subscriptions, newest first."""
    return [one for one in reversed(world.all("subscription")) if one.buyer is buyer]


def cancel_automatic(world: World, buyer: Buyer, subscription_id: str) -> Subscription:
    """Cancel a buyer's automatic payment. Raises PayPalRefusal if it is not theirs or has ended."""
    found = world.subscription(subscription_id)
    if found.buyer is not buyer:
        raise missing()
    subscriptions.cancel(world, found.id, "Cancelled by the buyer")
    return found
