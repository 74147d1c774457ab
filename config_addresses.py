"""What an address is, where settings name one."""

from __future__ import annotations

import ipaddress
from urllib.parse import SplitResult, urlsplit


def is_loopback(host: str) -> bool:
    """Whether a URL's host (lower case, no brackets) is this machine: localhost, 127.0.0.0/8 or ::1."""
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address):
        # Not is_loopback, which since Python 3.13 also follows addresses that only map to IPv4.
        return address == ipaddress.IPv6Address("::1")
    return address.is_loopback


def is_plain(value: str) -> bool:
    """Whether a value can stand in a header or an address as it is: visible ASCII, no blank inside."""
    return value.isascii() and value.isprintable() and " " not in value


def split_url(value: str, scheme: str) -> SplitResult | None:
    """Its parts; None where it is no such address, or one about whose host readers may disagree."""
    # A backslash parts the host from the path for some readers and not for others.
    if not is_plain(value) or "\\" in value:
        return None
    try:
        parts = urlsplit(value)
        fit = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return None
    # Whatever could make two readers of the address disagree about its host is refused, empty or not.
    clear = not any(mark in value for mark in "@?#")
    return parts if fit and clear and parts.scheme in {scheme, f"{scheme}s"} else None
