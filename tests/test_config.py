"""The settings: what is accepted, what is refused in which words, and that no value ever leaks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import certifi
import pytest
from dotenv import dotenv_values
from hypothesis import given
from hypothesis import strategies as st

from config import DEFAULTS, Settings, SettingsError, StripeSettings, load
from config_addresses import is_loopback
from i18n.plain import plain_words

ROOT = Path(__file__).resolve().parent.parent
TOKEN = {"DISCORD_TOKEN": "token-for-tests"}
STRIPE = {"STRIPE_API_KEY": "rk_test_key", "STRIPE_WEBHOOK_SECRET": "whsec_one"}
PAYPAL = {"PAYPAL_CLIENT_ID": "client", "PAYPAL_CLIENT_SECRET": "hush", "PAYPAL_WEBHOOK_ID": "hook"}


def read(**values: str) -> Settings:
    return Settings.from_env({**TOKEN, **values})


def faults_of(environ: Mapping[str, str]) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        Settings.from_env(environ)
    return [plain_words(fault) for fault in caught.value.faults]


def only_fault(**values: str) -> str:
    (fault,) = faults_of({**TOKEN, **values})
    return fault


def test_the_token_alone_is_enough_and_the_rest_has_defaults() -> None:
    assert read() == Settings(
        discord_token="token-for-tests",
        discord_api_url="https://discord.com/api/v10",
        discord_gateway_url=None,
        ledger_path=Path("data/ledger.db"),
        http_host="127.0.0.1",
        http_port=8080,
        public_url="http://127.0.0.1:8080",
        stripe=None,
        paypal=None,
        grace_seconds=7 * 86_400,
        sync_interval_seconds=3600,
        backup_dir=None,
        backup_keep=14,
        log_level="info",
        log_format="text",
    )


@pytest.mark.parametrize("environ", [{}, {"DISCORD_TOKEN": ""}, {"DISCORD_TOKEN": " \t"}])
def test_the_token_is_required(environ: dict[str, str]) -> None:
    (fault,) = faults_of(environ)
    assert fault.startswith("DISCORD_TOKEN isn't set. ")


def test_a_token_with_the_word_bot_before_it_is_refused() -> None:
    assert "Remove that word" in only_fault(DISCORD_TOKEN="Bot abc.def")


@pytest.mark.parametrize("name", ["DISCORD_TOKEN", "STRIPE_API_KEY", "STRIPE_WEBHOOK_SECRET", *PAYPAL])
@pytest.mark.parametrize("value", ["two words", "line\nbreak", "zero\x00", "clé", "zero\u200bwidth"])
def test_a_secret_that_no_header_could_carry_is_refused(name: str, value: str) -> None:
    fault = only_fault(**{**STRIPE, **PAYPAL, name: value})
    assert fault.startswith(f"{name} contains a space or another character")


def test_blanks_around_a_value_are_dropped_and_a_blank_value_is_an_empty_one() -> None:
    settings = read(DISCORD_TOKEN=" padded ", HTTP_PORT=" 99 ", LOG_LEVEL=" ", STRIPE_API_KEY=" ")
    assert settings.discord_token == "padded"
    assert (settings.http_port, settings.log_level, settings.stripe) == (99, "info", None)


def test_all_wrong_settings_are_named_at_once() -> None:
    wrong = {
        "DISCORD_API_URL": "https://example.org/api/v10",
        "DISCORD_GATEWAY_URL": "https://gateway.discord.gg",
        "DATABASE_URL": "postgres://somewhere/else",
        "HTTP_HOST": "http://x",
        "HTTP_PORT": "port",
        "PUBLIC_URL": "dues.example.org",
        "STRIPE_API_KEY": "pk_test_published",
        "STRIPE_WEBHOOK_SECRET": ",",
        "STRIPE_API_URL": "http://api.stripe.com",
        "PAYPAL_CLIENT_ID": "client",
        "PAYPAL_API_URL": "ftp://127.0.0.1",
        "PAYPAL_CA_FILE": "/nowhere/at-all.pem",
        "PAYPAL_VERIFY": "never",
        "GRACE_DAYS": "a week",
        "SYNC_INTERVAL_MINUTES": "never",
        "LOG_LEVEL": "loud",
        "LOG_FORMAT": "xml",
    }
    faults = faults_of(wrong)
    named = [fault.split(" ", 1)[0] for fault in faults]
    expected = {*wrong, "DISCORD_TOKEN", "PAYPAL_CLIENT_SECRET", "PAYPAL_WEBHOOK_ID"} - {"PAYPAL_CLIENT_ID"}
    assert sorted(named) == sorted(expected)
    assert all(fault.endswith(".") for fault in faults)


SERVICES = {
    "DISCORD_API_URL": ("https", "discord.com", "/api/v10"),
    "DISCORD_GATEWAY_URL": ("wss", "gateway.discord.gg", ""),
    "STRIPE_API_URL": ("https", "api.stripe.com", ""),
    "PAYPAL_API_URL": ("https", "api-m.sandbox.paypal.com", ""),
}


def service_value(settings: Settings, name: str) -> str | None:
    values = {
        "DISCORD_API_URL": settings.discord_api_url,
        "DISCORD_GATEWAY_URL": settings.discord_gateway_url,
        "STRIPE_API_URL": settings.stripe.api_url if settings.stripe else None,
        "PAYPAL_API_URL": settings.paypal.api_url if settings.paypal else None,
    }
    return values[name]


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_address_may_be_its_own_host_or_local(name: str) -> None:
    scheme, own, path = SERVICES[name]
    for host in (own, "127.0.0.1:9000", "127.9.8.7", "localhost:1", "[::1]:9000"):
        url = f"{scheme}://{host}{path}"
        assert service_value(read(**STRIPE, **PAYPAL, **{name: f"{url}/"}), name) == url
    plain = f"{scheme[:-1]}://127.0.0.1:9000{path}"
    assert service_value(read(**STRIPE, **PAYPAL, **{name: plain}), name) == plain


@pytest.mark.parametrize("name", SERVICES)
def test_a_services_own_host_needs_https(name: str) -> None:
    scheme, own, path = SERVICES[name]
    assert f"must begin with {scheme}://" in only_fault(**{name: f"{scheme[:-1]}://{own}{path}"})


FOREIGN_HOSTS = [
    "example.org",
    "{own}.example.org",
    "evil-{own}",
    "{own}.",
    "10.0.0.1",
    "0.0.0.0",
    "128.0.0.1",
    "127.1",
    "2130706433",
    "0x7f.0.0.1",
    "localhost.",
    "localhost.example.org",
    "[::2]",
    "[::ffff:127.0.0.1]",
    "[::ffff:8.8.8.8]",
    "[::1%25eth0]",
]


@pytest.mark.parametrize("name", SERVICES)
@pytest.mark.parametrize("host", FOREIGN_HOSTS)
def test_a_service_address_on_another_host_is_refused(name: str, host: str) -> None:
    scheme, own, path = SERVICES[name]
    fault = only_fault(**{name: f"{scheme}://{host.format(own=own)}{path}"})
    assert fault.startswith(f"{name} must ")


CROOKED_URLS = [
    "{scheme}://{own}@example.org",
    "{scheme}://example.org@{own}",
    "{scheme}://name:word@127.0.0.1",
    "{scheme}://@127.0.0.1",
    "{scheme}://127.0.0.1\\@example.org",
    "{scheme}://127.0.0.1\\.example.org",
    "{scheme}://127.0.0.1#@example.org",
    "{scheme}://127.0.0.1?x=@example.org",
    "{scheme}://127.0.0.1?",
    "{scheme}://127.0.0.1:0",
    "{scheme}://127.0.0.1:99999",
    "{scheme}://127.0.0.1:port",
    "{scheme}://127.0.0.1 .example.org",
    "{scheme}://127.0.0.1\n.example.org",
    "{scheme}://[::1",
    "{scheme}://",
    "{scheme}:127.0.0.1",
    "//127.0.0.1",
    "127.0.0.1",
    "file:///etc/hosts",
    "{scheme}://ⅾiscord.com",
    "{scheme}://127。0。0。1",
]


@pytest.mark.parametrize("name", [*SERVICES, "PUBLIC_URL"])
@pytest.mark.parametrize("url", CROOKED_URLS)
def test_an_ambiguous_address_is_refused(name: str, url: str) -> None:
    scheme, own, _ = SERVICES.get(name, ("https", "dues.example.org", ""))
    fault = only_fault(**{name: url.format(scheme=scheme, own=own)})
    assert fault.startswith(f"{name} must be an address such as {scheme}://host")


@pytest.mark.parametrize(
    "url", ["https://dues.example.org", "http://10.0.0.1:81", "https://example.org/dues"]
)
def test_the_public_url_may_be_any_host(url: str) -> None:
    assert read(PUBLIC_URL=f"{url}/").public_url == url


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///data/ledger.db", "data/ledger.db"),
        ("sqlite:////srv/my dues/ledger.db", "/srv/my dues/ledger.db"),
    ],
)
def test_the_ledger_path_may_be_relative_or_absolute(url: str, path: str) -> None:
    assert read(DATABASE_URL=url).ledger_path == Path(path)


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:///",
        "sqlite://ledger.db",
        "sqlite:///:memory:",
        "sqlite:///data/",
        "sqlite:///ledger.db?mode=ro",
        "sqlite:///ledger.db#1",
        "sqlite:///led\x00ger.db",
        "SQLITE:///ledger.db",
        "data/ledger.db",
        "postgres://db/ledger",
    ],
)
def test_a_database_url_of_another_kind_is_refused(url: str) -> None:
    assert only_fault(DATABASE_URL=url).startswith("DATABASE_URL must point to an SQLite file, such as ")


@pytest.mark.parametrize("port", ["0", "1", "65535"])
def test_a_valid_port_is_accepted(port: str) -> None:
    assert read(HTTP_PORT=port).http_port == int(port)


@pytest.mark.parametrize("port", ["-1", "65536", "8080.0", "8_080", "٨٠", "0x50", "9" * 5000])
def test_an_invalid_port_is_refused(port: str) -> None:
    assert only_fault(HTTP_PORT=port).startswith("HTTP_PORT must be a whole number from 0 to 65535")


@pytest.mark.parametrize("host", ["0.0.0.0", "::1", "localhost", "dues.internal"])
def test_a_valid_listening_host_is_accepted(host: str) -> None:
    assert read(HTTP_HOST=host).http_host == host


@pytest.mark.parametrize("host", ["http://127.0.0.1", "127.0.0.1/x", "a b", "[::1]", "me@here"])
def test_an_invalid_listening_host_is_refused(host: str) -> None:
    assert only_fault(HTTP_HOST=host).startswith("HTTP_HOST must be an address to listen on")


@pytest.mark.parametrize(("days", "seconds"), [("0", 0), ("0.5", 43_200), ("7", 604_800), ("1e-5", 1)])
def test_the_grace_may_be_zero_or_a_fraction_of_a_day(days: str, seconds: int) -> None:
    assert read(GRACE_DAYS=days).grace_seconds == seconds


@pytest.mark.parametrize(("minutes", "seconds"), [("60", 3600.0), ("0.01", 0.6), (".5", 30.0)])
def test_the_sync_interval_may_be_a_fraction_of_a_minute(minutes: str, seconds: float) -> None:
    assert read(SYNC_INTERVAL_MINUTES=minutes).sync_interval_seconds == pytest.approx(seconds)


@pytest.mark.parametrize("name", ["GRACE_DAYS", "SYNC_INTERVAL_MINUTES"])
@pytest.mark.parametrize("value", ["-1", "nan", "inf", "-inf", "1e308", "0,5", "7 days", "seven", "0x7"])
def test_an_invalid_length_of_time_is_refused(name: str, value: str) -> None:
    assert only_fault(**{name: value}).startswith(f"{name} must be a number from 0 to ")


@pytest.mark.parametrize("value", ["0", "0.0", "-0", "1e-9", "0.001", "0.00999"])
def test_a_sync_interval_close_to_zero_is_refused(value: str) -> None:
    assert only_fault(SYNC_INTERVAL_MINUTES=value).startswith("SYNC_INTERVAL_MINUTES must be at least 0.01")


def test_log_level_and_format_ignore_case() -> None:
    settings = read(LOG_LEVEL="DEBUG", LOG_FORMAT="Json")
    assert (settings.log_level, settings.log_format) == ("debug", "json")
    assert only_fault(LOG_LEVEL="trace").startswith("LOG_LEVEL must be one of: debug, info,")
    assert only_fault(LOG_FORMAT="logfmt") == "LOG_FORMAT must be one of: text, json."


def test_stripe_is_on_if_key_and_secret_are_set() -> None:
    settings = read(STRIPE_API_KEY="sk_test_1", STRIPE_WEBHOOK_SECRET="whsec_new, whsec_old")
    assert settings.stripe == StripeSettings(
        "sk_test_1", ("whsec_new", "whsec_old"), "https://api.stripe.com"
    )


@pytest.mark.parametrize("blank", [{}, {"STRIPE_WEBHOOK_SECRET": ""}, {"STRIPE_WEBHOOK_SECRET": " \t "}])
def test_stripe_without_its_webhook_secret_is_refused(blank: dict[str, str]) -> None:
    assert only_fault(STRIPE_API_KEY="sk_test_1", **blank).startswith("STRIPE_WEBHOOK_SECRET isn't set")


def test_stripe_without_its_key_is_refused() -> None:
    assert only_fault(STRIPE_WEBHOOK_SECRET="whsec_one").startswith("STRIPE_API_KEY isn't set")


@pytest.mark.parametrize("secrets", [",", "whsec_a,", ",whsec_a", "whsec_a,,whsec_b", "whsec_a, ,whsec_b"])
def test_an_empty_webhook_secret_among_others_is_refused(secrets: str) -> None:
    fault = only_fault(STRIPE_API_KEY="sk_test_1", STRIPE_WEBHOOK_SECRET=secrets)
    assert fault.startswith("STRIPE_WEBHOOK_SECRET has an empty value before or after a comma")
    assert "contains a space" in only_fault(STRIPE_API_KEY="sk_1", STRIPE_WEBHOOK_SECRET="whsec_a,two words")


def test_a_publishable_key_is_refused() -> None:
    assert "publishable" in only_fault(**{**STRIPE, "STRIPE_API_KEY": "pk_live_1"})


def test_paypal_is_on_if_all_its_settings_are_set(tmp_path: Path) -> None:
    paypal = read(**PAYPAL).paypal
    assert paypal is not None
    assert (paypal.ca_file, paypal.verify) == (Path(certifi.where()), "offline")
    (tmp_path / "ca.pem").write_bytes(Path(certifi.where()).read_bytes())
    own = read(**PAYPAL, PAYPAL_CA_FILE=str(tmp_path / "ca.pem"), PAYPAL_VERIFY="PostBack").paypal
    assert (own and own.ca_file, own and own.verify) == (tmp_path / "ca.pem", "postback")


@pytest.mark.parametrize("missing", PAYPAL)
@pytest.mark.parametrize("blank", ["", "  "])
def test_paypal_with_a_part_of_its_settings_is_refused(missing: str, blank: str) -> None:
    assert only_fault(**{**PAYPAL, missing: blank}).startswith(f"{missing} isn't set")


def test_a_ca_file_without_certificates_is_refused(tmp_path: Path) -> None:
    absent = only_fault(PAYPAL_CA_FILE="/nowhere.pem")
    assert absent.startswith("PAYPAL_CA_FILE points to a file that Dues can't find")
    (tmp_path / "ca.pem").write_text("certificates")
    unreadable = only_fault(PAYPAL_CA_FILE=str(tmp_path / "ca.pem"))
    assert unreadable.startswith("PAYPAL_CA_FILE points to a file without")


def test_the_repr_of_the_settings_shows_no_secret() -> None:
    shown = repr(read(DISCORD_TOKEN="s3cret", STRIPE_API_KEY="s3cret", STRIPE_WEBHOOK_SECRET="whsec_s3cret"))
    assert "StripeSettings" in shown
    assert "s3cret" not in shown
    assert "s3cret" not in repr(read(**{**PAYPAL, "PAYPAL_CLIENT_SECRET": "s3cret-d"}))


printable = st.text(st.characters(exclude_categories=["Cs"]), min_size=6)


@given(st.dictionaries(st.sampled_from(sorted(DEFAULTS)), printable))
def test_no_value_is_ever_quoted_in_a_fault(environ: dict[str, str]) -> None:
    marked = {name: f"s3cret{value}" for name, value in environ.items()}
    faults = faults_of({**marked, "HTTP_PORT": "none"})
    assert all("s3cret" not in fault and fault.split(" ", 1)[0] in DEFAULTS for fault in faults)


@given(st.ip_addresses())
def test_only_local_hosts_count_as_loopback(address: object) -> None:
    assert is_loopback(str(address)) == (str(address).startswith("127.") or str(address) == "::1")


def test_the_environment_overrides_the_dotenv_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = "DISCORD_TOKEN=from-file\nHTTP_PORT=1\nSTRIPE_API_KEY=sk_1\nPAYPAL_CLIENT_ID\n# note\n"
    (tmp_path / "env").write_text(lines)
    monkeypatch.setenv("HTTP_PORT", "2")
    monkeypatch.setenv("STRIPE_API_KEY", "")
    settings = load(tmp_path / "env")
    assert (settings.discord_token, settings.http_port, settings.stripe) == ("from-file", 2, None)


def test_the_dotenv_file_is_read_where_the_bot_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("DISCORD_TOKEN=here", encoding="utf-8-sig")
    monkeypatch.chdir(tmp_path)
    assert load().discord_token == "here"


def test_a_dollar_sign_in_the_dotenv_file_is_literal(tmp_path: Path) -> None:
    (tmp_path / "env").write_text("DISCORD_TOKEN=a${HOME}b\n")
    assert load(tmp_path / "env").discord_token == "a${HOME}b"


def test_a_missing_dotenv_file_is_not_a_fault(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"^setting.token_missing"):
        load(tmp_path / "absent")


def test_a_dotenv_file_in_an_unknown_encoding_is_reported(tmp_path: Path) -> None:
    (tmp_path / "env").write_bytes(b"DISCORD_TOKEN=\xff\xfe")
    with pytest.raises(SettingsError, match=r"^setting.file_unreadable error=UnicodeDecodeError"):
        load(tmp_path / "env")


def test_the_example_file_names_every_setting_with_default_and_comment() -> None:
    example = ROOT / "config.example.env"
    assert dotenv_values(example, interpolate=False) == dict(DEFAULTS)
    blocks = example.read_text().split("\n\n")
    assert all("#" in block.splitlines()[0] for block in blocks)
