"""The peers' lists, their page, and the messages about a missing peer. No test installs a peer."""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path

import pytest

from bench import table
from bench.load import Tally
from bench.peers import __main__ as peers
from bench.peers import install
from bench.peers.install import Missing, Peer
from bench.table import Figure

MARKED = Figure("ours", (0.4, 0.5, 0.3), 0.3, 0.45)
BARE = Figure("theirs", (0.06, 0.05, 0.07))
PEER = Peer("a peer", ("nothing",), "SELECT 1")
SERVER = '''
import sqlite3, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Careless(BaseHTTPRequestHandler):
    """Answers, and stores nothing."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        forged = "0" * 64 in self.headers["Stripe-Signature"]
        self.send_response(400 if forged and sys.argv[1] == "wary" else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        """Not to be seen."""

ThreadingHTTPServer.request_queue_size = 64
sqlite3.connect(sys.argv[2]).execute("CREATE TABLE events (id)")
server = ThreadingHTTPServer(("127.0.0.1", 0), Careless)
print(server.server_port, flush=True)
server.serve_forever()
'''


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the peers' page, in a folder of the test; the bench writes to it."""
    copy = Path(shutil.copy(table.PEERS_PAGE, tmp_path))
    monkeypatch.setattr(table, "PEERS_PAGE", copy)
    monkeypatch.chdir(tmp_path)
    return copy


def around(page: Path, part: str) -> tuple[str, str, str]:
    """The text before a part, the part, and the text after it."""
    before, rest = page.read_text().split(f"<!-- {part} -->\n")
    inside, after = rest.split(f"<!-- end of {part} -->")
    return before, inside, after


@pytest.mark.parametrize(
    ("source", "part", "figure"),
    [(table.PAGE, "figures", MARKED), (table.PEERS_PAGE, "peers", BARE)],
)
def test_writing_a_table_changes_nothing_else_on_its_page(
    tmp_path: Path, source: Path, part: str, figure: Figure
) -> None:
    page = Path(shutil.copy(source, tmp_path))
    before, old, after = around(page, part)
    table.write([figure], page, part)
    assert around(page, part)[::2] == (before, after)
    assert table.table([figure]) in around(page, part)[1] != old


def test_writing_to_a_page_without_the_two_comments_fails(page: Path) -> None:
    page.write_text("# Performance\n")
    with pytest.raises(ValueError, match="no place for peers"):
        table.write([BARE], page, "peers")


def test_a_table_shows_marks_only_for_figures_that_have_them() -> None:
    assert "reach" not in table.table([BARE])
    assert re.search(r"\| theirs +\| 0.06 +\| 0.05 to 0.07 +\|$", table.table([BARE]), re.MULTILINE)
    assert "beyond" in table.table([BARE, MARKED])
    assert re.search(
        r"\| ours .*\| ≥ 0.3 +\| ≥ 0.45 +\| reached +\|$", table.table([BARE, MARKED]), re.MULTILINE
    )


def test_figures_are_ratios_to_the_bare_handler_of_the_same_round() -> None:
    rounds = [
        {"bare": Tally(1000, 0, 1.0, 0.01, 0.02, 0.0), "x": Tally(100, 0, 1.0, 0.1, 0.2, 0.0)},
        {"bare": Tally(500, 0, 1.0, 0.01, 0.01, 0.0), "x": Tally(100, 0, 1.0, 0.1, 0.2, 0.0)},
    ]
    rate, wait = peers.figures({"X": "x"}, rounds)
    assert (rate.what, rate.rounds) == ("X, rate", (0.1, 0.2))
    assert (wait.what, wait.rounds) == ("X, p99", (10.0, 20.0))


def tool(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """All that the PATH leads to: Node without headers, an npm that fails, and what builds."""
    folder = tmp_path / "bin"
    folder.mkdir()
    tool(folder, "node", f'[ "$2" = process.execPath ] && echo {folder}/node || echo 20.0.0')
    tool(folder, "npm", "echo nobody answers >&2; exit 1")
    for name in ("make", "c++"):
        tool(folder, name, "exit 1")
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(install, "PLACE", tmp_path / "peers")
    return folder


@pytest.mark.parametrize("name", ["node", "npm", "make", "c++"])
def test_a_missing_tool_is_named(tools: Path, name: str) -> None:
    (tools / name).unlink()
    with pytest.raises(Missing, match=rf"there is no {re.escape(name)} on the PATH.*Install what is missing"):
        install.express()


def test_missing_headers_of_node_are_named(tools: Path) -> None:
    with pytest.raises(Missing, match=r"headers are not in .*libnode-dev"):
        install.express()


def test_express_is_left_out_with_a_reason_if_its_registry_cannot_be_reached(
    tools: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    headers = tools.parent / "include" / "node"
    headers.mkdir(parents=True)
    (headers / "node_version.h").touch()
    with pytest.raises(Missing, match=r"npm could not install it.*reaches its registry"):
        install.express()
    assert capfd.readouterr().err.endswith("nobody answers\n")
    assert not (install.PLACE / "express" / "installed").exists()


def test_dj_stripe_is_left_out_with_a_reason_if_its_index_cannot_be_reached(
    tools: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool(tools, "python", "exit 1")
    monkeypatch.setattr(sys, "executable", str(tools / "python"))
    with pytest.raises(Missing, match=r"pip could not install it.*reaches its package index"):
        install.dj_stripe()


def absent() -> Peer:
    raise Missing("The other is left out.")


def test_one_missing_peer_leaves_the_page_and_shows_the_other(
    page: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = page.read_text()
    monkeypatch.setattr(peers, "measure", lambda found, rounds: [BARE] * (found == [PEER] and rounds == 2))
    monkeypatch.setattr(peers, "PEERS", (absent, lambda: PEER))
    assert peers.main(["--rounds", "2"]) == 0
    said = capsys.readouterr()
    assert "The other is left out." in said.err
    assert "| theirs" in said.out
    assert page.read_text() == text
    monkeypatch.setattr(peers, "PEERS", (lambda: PEER,))
    assert peers.main(["--rounds", "2"]) == 0
    assert "| theirs" in around(page, "peers")[1]


def test_nothing_is_measured_if_all_peers_are_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "PEERS", (absent, absent))
    assert peers.main([]) == 1


def test_a_failed_turn_is_reported_and_nothing_is_written(
    page: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = page.read_text()

    def fail(_: object) -> Tally:
        raise RuntimeError("3 notifications were not taken")

    monkeypatch.setattr(peers, "measure_ours", fail)
    monkeypatch.setattr(peers, "PEERS", (lambda: PEER,))
    assert peers.main([]) == 1
    assert "3 notifications were not taken\nbare was not measured" in capsys.readouterr().err
    assert page.read_text() == text


def careless(tmp_path: Path, kind: str) -> Peer:
    script = tmp_path / "careless.py"
    script.write_text(SERVER)
    return Peer("it", (sys.executable, str(script), kind), "SELECT count(*) FROM events")


def test_a_peer_that_accepts_a_forged_event_is_not_measured(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="it answered 200 to a forged"):
        peers.measure_peer(careless(tmp_path, "credulous"))


@pytest.mark.slow
def test_a_peer_that_stores_nothing_is_not_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "SECONDS", 0.1)
    monkeypatch.setattr(peers, "WARMING", 0.1)
    with pytest.raises(RuntimeError, match=r"it answered for [1-9][0-9]* events and holds 0"):
        peers.measure_peer(careless(tmp_path, "wary"))


def test_the_peers_lists_pin_and_hash_everything_and_name_no_index() -> None:
    wanted, lock = (json.loads(path.read_text()) for path in install.PACKAGES)
    packages = lock["packages"]
    assert packages.pop("")["dependencies"] == wanted["dependencies"]
    assert {name: packages[f"node_modules/{name}"]["version"] for name in wanted["dependencies"]} == wanted[
        "dependencies"
    ]
    assert [
        name for name, package in packages.items() if not package["integrity"].startswith("sha512-")
    ] == []
    assert [name for name, package in packages.items() if "resolved" in package] == []
    listed = re.split(r"^(?=\S+==)", install.WHEELS.read_text(), flags=re.MULTILINE)[1:]
    assert len(listed) > 5
    assert [entry for entry in listed if "--hash=sha256:" not in entry] == []
