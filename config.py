"""The settings. Only this module reads the environment, and it defines the valid values of each setting.

docs/settings.md describes them for people; a test compares it and config.example.env with DEFAULTS.
"""

from __future__ import annotations

import base64
import math
import os
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import certifi
from dotenv import dotenv_values

from billing.model.translatable_text import Text
from config_addresses import is_loopback, is_plain, split_url
from config_misspellings import find_misspelt
from config_secrets import FILE_NAMES, named_files, read_secret_files

DEFAULTS: Mapping[str, str] = {
    "DISCORD_TOKEN": "",
    "DISCORD_API_URL": "https://discord.com/api/v10",
    "DISCORD_GATEWAY_URL": "",
    "DISCORD_CLIENT_SECRET": "",
    "SECRET_KEY": "",
    "DATABASE_URL": "sqlite:///data/ledger.db",
    "HTTP_HOST": "127.0.0.1",
    "HTTP_PORT": "8080",
    "PUBLIC_URL": "http://127.0.0.1:8080",
    "STRIPE_API_KEY": "",
    "STRIPE_WEBHOOK_SECRET": "",
    "STRIPE_API_URL": "https://api.stripe.com",
    "PAYPAL_CLIENT_ID": "",
    "PAYPAL_CLIENT_SECRET": "",
    "PAYPAL_WEBHOOK_ID": "",
    "PAYPAL_API_URL": "https://api-m.paypal.com",
    "PAYPAL_CA_FILE": "",
    "PAYPAL_VERIFY": "offline",
    "BACKUP_DIR": "",
    "BACKUP_KEEP": "14",
    "GRACE_DAYS": "7",
    "SYNC_INTERVAL_MINUTES": "60",
    "LOG_LEVEL": "info",
    "LOG_FORMAT": "text",
}
LOG_LEVELS = ("debug", "info", "warning", "error", "critical")
LOG_FORMATS = ("text", "json")
PAYPAL_VERIFY = ("offline", "postback")

_DISCORD_HOSTS = frozenset({"discord.com"})
_GATEWAY_HOSTS = frozenset({"gateway.discord.gg"})
_STRIPE_HOSTS = frozenset({"api.stripe.com"})
_PAYPAL_HOSTS = frozenset({"api-m.paypal.com", "api-m.sandbox.paypal.com"})
_PAYPAL_GROUP = ("PAYPAL_CLIENT_ID", "PAYPAL_CLIENT_SECRET", "PAYPAL_WEBHOOK_ID")
_SIGNING_SECRET = "whsec_"  # noqa: S105 - how each begins
_NO_STRIPE_KEYS = {
    "pk_": Text("setting.stripe_key_publishable"),
    _SIGNING_SECRET: Text("setting.stripe_key_signing"),
    "we_": Text("setting.stripe_key_endpoint"),
    "sk_org_": Text("setting.stripe_key_organisation"),
    "rk_org_": Text("setting.stripe_key_organisation"),
}
_HOOK = re.compile(r"/webhooks(/(stripe|paypal))?$", re.IGNORECASE)
_SQLITE = "sqlite:///"
_SHORTEST_KEY = 32  # bytes
_HEX = re.compile(r"[0-9a-fA-F]+", re.ASCII)
# Longer than any sane setting, and short enough that adding it to a date cannot overflow.
_MOST_GRACE_DAYS = 3650
_LEAST_SYNC_MINUTES, _MOST_SYNC_MINUTES = 0.01, 366 * 24 * 60


class SettingsError(Exception):
    """Raised when settings are wrong. `faults`: a text for each fault; none of them quotes a value."""

    def __init__(self, faults: list[Text]) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = faults


@dataclass(frozen=True)
class StripeSettings:
    api_key: str = field(repr=False)
    webhook_secrets: tuple[str, ...] = field(repr=False)
    api_url: str


@dataclass(frozen=True)
class PayPalSettings:
    client_id: str = field(repr=False)
    client_secret: str = field(repr=False)
    webhook_ids: tuple[str, ...]
    api_url: str
    ca_file: Path
    verify: str


@dataclass(frozen=True)
class Settings:
    """All settings of the owner. URLs have no trailing slash; a provider that is turned off is None."""

    discord_token: str = field(repr=False)
    discord_api_url: str
    discord_gateway_url: str | None
    ledger_path: Path
    http_host: str
    http_port: int
    public_url: str
    stripe: StripeSettings | None
    paypal: PayPalSettings | None
    grace_seconds: int
    sync_interval_seconds: float
    backup_dir: Path | None
    backup_keep: int
    log_level: str
    log_format: str
    discord_client_secret: str = field(default="", repr=False)
    secret_keys: tuple[bytes, ...] = field(default=(), repr=False)
    misspelt: tuple[Text, ...] = ()  # a text for each name in the file that is nearly a setting's
    secret_files: tuple[str, ...] = ()  # names such as STRIPE_API_KEY_FILE, of those that are set

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Settings:
        """Read all settings. Raises SettingsError with all faults at once."""
        reader = _Reader(environ)
        settings = cls(
            discord_token=_read_token(reader),
            discord_api_url=reader.service_url("DISCORD_API_URL", _DISCORD_HOSTS),
            discord_gateway_url=reader.service_url("DISCORD_GATEWAY_URL", _GATEWAY_HOSTS, "ws") or None,
            discord_client_secret=reader.secret("DISCORD_CLIENT_SECRET"),
            ledger_path=_read_ledger_path(reader),
            http_host=_read_bind_host(reader),
            http_port=_read_port(reader),
            public_url=_read_public_url(reader),
            stripe=_read_stripe(reader),
            paypal=_read_paypal(reader),
            grace_seconds=round(reader.number("GRACE_DAYS", _MOST_GRACE_DAYS) * 86_400),
            sync_interval_seconds=_read_interval(reader) * 60,
            backup_dir=_read_backup_dir(reader),
            backup_keep=_read_backup_keep(reader),
            log_level=reader.choice("LOG_LEVEL", LOG_LEVELS),
            log_format=reader.choice("LOG_FORMAT", LOG_FORMATS),
            secret_keys=_read_secret_keys(reader),
            secret_files=named_files(environ),
        )
        if reader.faults:
            raise SettingsError(reader.faults)
        return settings


def load(env_file: Path = Path(".env")) -> Settings:
    """Load this process's settings from its environment, which wins, and from `env_file` if it exists.

    Raises SettingsError with all faults at once.
    """
    named = read_env_file(env_file)
    misspelt = find_misspelt(named, (*DEFAULTS, *FILE_NAMES))
    try:
        return replace(Settings.from_env({**named, **os.environ}), misspelt=tuple(misspelt))
    except SettingsError as error:
        raise SettingsError([*error.faults, *misspelt]) from None


def environment() -> dict[str, str]:
    """Return the settings in this process's environment, which win over .env."""
    return {name: os.environ[name] for name in (*DEFAULTS, *FILE_NAMES) if name in os.environ}


def terminal_locale() -> str:
    """Return the terminal's locale, such as 'de-DE', from LC_ALL, LC_MESSAGES or LANG; "" if none is set."""
    named = next(filter(None, map(os.environ.get, ("LC_ALL", "LC_MESSAGES", "LANG"))), "")
    return named.partition(".")[0].replace("_", "-")


def read_env_file(path: Path) -> dict[str, str]:
    """Read a settings file, values unchecked; empty if absent. Raises SettingsError if it is unreadable."""
    try:
        values = dotenv_values(path, interpolate=False, encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        fault = Text("setting.file_unreadable", path=str(path), error=type(error).__name__)
        raise SettingsError([fault]) from None
    return {name: value or "" for name, value in values.items()}


class _Reader:
    """Reads settings one at a time and collects all their faults."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ, self._unread = read_secret_files(environ)
        self.faults = [*self._unread.values()]

    def missing(self, name: str, fault: Text) -> None:
        """Record a fault for a setting without a value, unless the file of its secret was already refused."""
        if name not in self._unread:
            self.faults.append(fault)

    def text(self, name: str) -> str:
        """Return the value without surrounding blanks, or the default if it is empty or missing."""
        return self._environ.get(name, "").strip() or DEFAULTS[name]

    def secret(self, name: str) -> str:
        value = self.text(name)
        if not is_plain(value):
            self.faults.append(Text("setting.unfit", name=name))
        return value

    def number(self, name: str, most: int) -> float:
        """Return a decimal number from 0 to `most`; record a fault and return 0 if it is invalid."""
        try:
            value = float(self.text(name))
        except ValueError:
            value = math.nan
        if not 0 <= value <= most:  # false for nan as well
            self.faults.append(Text("setting.number", name=name, most=most, default=DEFAULTS[name]))
            return 0
        return value

    def choice(self, name: str, choices: tuple[str, ...]) -> str:
        value = self.text(name).lower()
        if value not in choices:
            self.faults.append(Text("setting.choice", name=name, choices=", ".join(choices)))
        return value

    def url(self, name: str, scheme: str) -> str:
        """Return a URL with this scheme or its encrypted form (https for http); empty if it is missing."""
        value = self.text(name)
        if value and split_url(value, scheme) is None:
            self.faults.append(Text("setting.url", name=name, scheme=scheme))
        return value.rstrip("/")

    def service_url(self, name: str, own_hosts: frozenset[str], scheme: str = "http") -> str:
        """Return a service's URL: at one of its own hosts (encrypted), or at a stand-in on this machine."""
        value = self.url(name, scheme)
        parts = split_url(value, scheme)
        if parts is None or is_loopback(parts.hostname or ""):
            return value
        if parts.hostname not in own_hosts:
            self.faults.append(Text("setting.host", name=name, hosts=", ".join(sorted(own_hosts))))
        elif parts.scheme != f"{scheme}s":
            self.faults.append(Text("setting.encrypted", name=name, scheme=scheme))
        return value


def _read_token(reader: _Reader) -> str:
    token = reader.text("DISCORD_TOKEN")
    if not token:
        reader.missing("DISCORD_TOKEN", Text("setting.token_missing"))
    elif token.startswith("Bot "):
        reader.faults.append(Text("setting.token_with_bot"))
    else:
        reader.secret("DISCORD_TOKEN")
    return token


def _read_public_url(reader: _Reader) -> str:
    url = reader.url("PUBLIC_URL", "http")
    if _HOOK.search(url):
        reader.faults.append(Text("setting.public_url_webhook"))
    return url


def _read_secret_keys(reader: _Reader) -> tuple[bytes, ...]:
    value = reader.text("SECRET_KEY")
    keys = tuple(_key_of(part.strip()) for part in value.split(",")) if value else ()
    if any(len(key) < _SHORTEST_KEY for key in keys):
        reader.faults.append(Text("setting.secret_key", bytes=_SHORTEST_KEY))
    return keys


def _key_of(text: str) -> bytes:
    """Decode a key from hex or base64; return no bytes if it is neither."""
    try:
        if _HEX.fullmatch(text):
            return bytes.fromhex(text)
        plain = text.rstrip("=").replace("-", "+").replace("_", "/")
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except ValueError:
        return b""


def _read_ledger_path(reader: _Reader) -> Path:
    value = reader.text("DATABASE_URL")
    path = value.removeprefix(_SQLITE)
    unfit = path == value or path in {"", ":memory:"} or path.endswith("/")
    if unfit or not path.isprintable() or "?" in path or "#" in path:
        relative, absolute = DEFAULTS["DATABASE_URL"], f"{_SQLITE}/srv/dues/ledger.db"
        reader.faults.append(Text("setting.database_url", relative=relative, absolute=absolute))
    return Path(path)


def _read_backup_dir(reader: _Reader) -> Path | None:
    value = reader.text("BACKUP_DIR")
    if not value.isprintable():
        reader.faults.append(Text("setting.backup_dir_unfit"))
    elif value and Path(value).exists() and not Path(value).is_dir():
        reader.faults.append(Text("setting.backup_dir_file"))
    return Path(value) if value else None


def _read_backup_keep(reader: _Reader) -> int:
    value = reader.text("BACKUP_KEEP")
    if not (value.isascii() and value.isdigit() and 0 < len(value) <= 4 and int(value) > 0):
        reader.faults.append(Text("setting.backup_keep"))
        return 1
    return int(value)


def _read_bind_host(reader: _Reader) -> str:
    host = reader.text("HTTP_HOST")
    if not is_plain(host) or any(mark in host for mark in "/@?#[]"):
        reader.faults.append(Text("setting.http_host"))
    return host


def _read_port(reader: _Reader) -> int:
    value = reader.text("HTTP_PORT")
    port = int(value) if value.isascii() and value.isdigit() and len(value) <= 5 else -1
    if not 0 <= port <= 65_535:
        reader.faults.append(Text("setting.http_port"))
    return port


def _read_interval(reader: _Reader) -> float:
    before = len(reader.faults)
    minutes = reader.number("SYNC_INTERVAL_MINUTES", _MOST_SYNC_MINUTES)
    if minutes < _LEAST_SYNC_MINUTES and len(reader.faults) == before:
        reader.faults.append(Text("setting.sync_interval"))
    return minutes


def _read_stripe(reader: _Reader) -> StripeSettings | None:
    key, secrets = reader.secret("STRIPE_API_KEY"), reader.text("STRIPE_WEBHOOK_SECRET")
    url = reader.service_url("STRIPE_API_URL", _STRIPE_HOSTS)
    if not key and not secrets:
        return None
    if not key:
        reader.missing("STRIPE_API_KEY", Text("setting.stripe_key_missing"))
    reader.faults += [fault for start, fault in _NO_STRIPE_KEYS.items() if key.startswith(start)]
    return StripeSettings(key, _read_webhook_secrets(reader, secrets), url)


def _read_webhook_secrets(reader: _Reader, value: str) -> tuple[str, ...]:
    name, secrets = "STRIPE_WEBHOOK_SECRET", tuple(part.strip() for part in value.split(","))
    if not value:
        reader.missing(name, Text("setting.stripe_secret_missing"))
    elif not all(secrets):
        # An empty secret would let anybody sign, because anybody can compute HMAC with an empty key.
        reader.faults.append(Text("setting.empty_item", name=name))
    elif not all(is_plain(secret) for secret in secrets):
        reader.faults.append(Text("setting.unfit", name=name))
    elif any(secret.startswith(("sk_", "rk_")) for secret in secrets):
        reader.faults.append(Text("setting.stripe_secret_is_key"))
    elif not all(
        secret.startswith(_SIGNING_SECRET) and len(secret) > len(_SIGNING_SECRET) for secret in secrets
    ):
        # Any other value, such as the endpoint's id (we_...), would make the bot refuse every genuine
        # notification.
        reader.faults.append(Text("setting.stripe_secret_start"))
    return secrets


def _read_paypal(reader: _Reader) -> PayPalSettings | None:
    values = [reader.secret(name) for name in _PAYPAL_GROUP[:2]] + [reader.text(_PAYPAL_GROUP[2])]
    url, ca_file = reader.service_url("PAYPAL_API_URL", _PAYPAL_HOSTS), _read_ca_file(reader)
    verify = reader.choice("PAYPAL_VERIFY", PAYPAL_VERIFY)
    if not any(values):
        return None
    for name, value in zip(_PAYPAL_GROUP, values, strict=True):
        if not value:
            reader.missing(name, Text("setting.paypal_missing", name=name))
    client_id, client_secret, webhook_ids = values
    several = tuple(part.strip() for part in webhook_ids.split(","))
    if webhook_ids and not all(several):
        reader.faults.append(Text("setting.empty_item", name=_PAYPAL_GROUP[2]))
    elif not all(is_plain(part) for part in several):
        reader.faults.append(Text("setting.unfit", name=_PAYPAL_GROUP[2]))
    return PayPalSettings(client_id, client_secret, several, url, ca_file, verify)


def _read_ca_file(reader: _Reader) -> Path:
    path = reader.text("PAYPAL_CA_FILE")
    if not path:
        return Path(certifi.where())
    if not Path(path).is_file():
        reader.faults.append(Text("setting.ca_file_missing"))
        return Path(path)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except OSError:  # including ssl.SSLError
        reader.faults.append(Text("setting.ca_file_unreadable"))
    return Path(path)
