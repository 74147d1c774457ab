"""The dashboard and the alert rules in deploy/ ask only for metrics and labels that /metrics has."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from runtime import build_info
from tests.deploy.image import ROOT
from web.metrics import READ, Metrics

BOARD: dict[str, Any] = json.loads((ROOT / "deploy" / "grafana-dashboard.json").read_text("utf-8"))
ALERTS = (ROOT / "deploy" / "alerts.yml").read_text("utf-8")
EXPRESSIONS = re.findall(r"^        expr: '([^']+)'$", ALERTS, re.MULTILINE)
QUERIES = [target["expr"] for panel in BOARD["panels"] for target in panel["targets"]]
OF_PROMETHEUS = {"up": {"job", "instance"}}


def told() -> dict[str, set[str]]:
    """Every series of /metrics with its labels, once each thing has happened."""
    metrics = Metrics(build_info())
    metrics.answered("stripe", "GET subscriptions/{id}", "ok", 0.1)
    metrics.gave_role(1.0)
    metrics.notifications.labels("stripe", "200").inc()
    metrics.refused.labels("stripe").inc()
    text = metrics.text({name: {"x": 1.0} if told.label else 1.0 for name, told in READ.items()})
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(text.decode()):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


def asked(expression: str) -> Iterator[tuple[str, set[str]]]:
    """The series that an expression of PromQL names, each with the labels that are asked of it."""
    grouped = {one.strip() for by in re.findall(r"by \(([^)]*)\)", expression) for one in by.split(",")}
    for name, chosen in re.findall(r"\b(dues_\w+|up)\b(?:\{([^}]*)\})?", expression):
        yield name, set(re.findall(r"(\w+)\s*(?:=|!=|=~|!~)\"", chosen)) | grouped


@pytest.mark.parametrize("expressions", [EXPRESSIONS, QUERIES], ids=["alerts", "dashboard"])
def test_every_metric_and_label_that_is_asked_for_exists(expressions: list[str]) -> None:
    known = told() | OF_PROMETHEUS
    assert len(expressions) > 15
    for expression in expressions:
        names = list(asked(expression))
        assert names, expression
        for name, labels in names:
            assert labels <= known.get(name, set()), expression
            assert name in known, expression


def test_legends_name_labels_that_their_query_keeps() -> None:
    known = told()
    for panel in BOARD["panels"]:
        for target in panel["targets"]:
            shown = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
            kept = re.search(r"by \(([^)]*)\)", target["expr"])
            (name, *_) = (name for name, _ in asked(target["expr"]))
            labels = {one.strip() for one in kept[1].split(",")} if kept else known[name]
            assert shown <= labels, target["expr"]


def test_the_dashboard_shows_every_metric() -> None:
    shown = {name for query in QUERIES for name, _ in asked(query)}
    endings = ("_created", "_count", "_sum")
    assert shown == {name for name in told() if not name.endswith(endings)}


def test_the_panels_of_the_dashboard_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in BOARD["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells
    assert len({panel["id"] for panel in BOARD["panels"]}) == len(BOARD["panels"])


def test_the_alerts_are_those_that_the_operations_page_explains() -> None:
    page = (ROOT / "docs" / "operations.md").read_text("utf-8")
    table = page.split("| when | for | do |")[1].split("\n\n")[0]
    rows = [re.split(r" *(?<!\\)\| *", row)[1:] for row in table.splitlines()[2:]]
    explained = [
        (expression.replace("\\|", "|"), row[1])
        for row in rows
        for expression in re.findall(r"`([^`]+)`", row[0])
    ]
    rules = re.findall(r"expr: '([^']+)'\n(?:        for: (\w+)\n)?", ALERTS)
    assert sorted(explained) == sorted(rules)
    assert len(set(re.findall(r"- alert: (\w+)", ALERTS))) == len(rules)
