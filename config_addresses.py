"""Checks and parses the addresses in settings."""

from __future__ import annotations

import ipaddress
from urllib.parse import SplitResult, urlsplit


def is_loopback(host: str) -> bool:
    """Return True if a URL's host (lower case, no brackets) is localhost, in 127.0.0.0/8, or ::1."""
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address):
        # Not `is_loopback`, which since Python 3.13 also accepts IPv6 addresses that map to IPv4 ones.
        return address == ipaddress.IPv6Address("::1")
    return address.is_loopback


def is_plain(value: str) -> bool:
    """Return True if a value is safe in a header or an address unchanged: visible ASCII without blanks."""
    return value.isascii() and value.isprintable() and " " not in value


def split_url(value: str, scheme: str) -> SplitResult | None:
    """Split a URL into its parts; return None if it is invalid or its host is ambiguous."""
    # Some programs treat a backslash as the end of the host, and others do not.
    if not is_plain(value) or "\\" in value:
        return None
    try:
        parts = urlsplit(value)
        fit = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return None
    # Refuse every character, even in an empty part, that could make two programs disagree about the host.
    clear = not any(mark in value for mark in "@?#")
    return parts if fit and clear and parts.scheme in {scheme, f"{scheme}s"} else None
