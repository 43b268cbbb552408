"""The page for Prometheus, docs/metrics.md, the alerts and the dashboard speak of the same."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import redis
import yaml

from app.metrics import MEASURES, exposition
from app.settings import Settings, SourceSettings

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs" / "metrics.md"
RULES = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yml").read_text())
ALERTS = [rule for group in RULES["groups"] for rule in group["rules"]]
SUFFIXES = {"histogram": ("_bucket", "_sum", "_count")}


class Row(NamedTuple):
    """A metric in the table of docs/metrics.md."""

    labels: tuple[str, ...]
    alerts: set[str]


def section(title: str, end: str) -> str:
    return DOCS.read_text().split(f"## {title}\n")[1].split(end)[0]


def documented() -> dict[str, Row]:
    found: dict[str, Row] = {}
    for row in re.findall(r"^\| `relay_.*$", section("Metrics", "\n### "), re.MULTILINE):
        name, labels, tells, alert = re.split(r"\s*\|\s*", row.strip("| "))
        assert name.strip("`") not in found, row
        assert tells, row
        assert alert, row
        words = tuple(re.findall(r"`(\w+)`", labels))
        found[name.strip("`")] = Row(words, set(re.findall(r"`(Relay\w+)`", alert)))
    return found


def names() -> dict[str, tuple[str, ...]]:
    """The metrics as the page names them, with their labels."""
    return {one.name + ("_total" if one.type == "counter" else ""): one.labels for one in MEASURES}


def family(series: str) -> str:
    """The metric to which a series belongs; those of a histogram have endings of their own."""
    return re.sub(r"_(bucket|sum|count)$", "", series)


def metrics_in(expression: str) -> set[str]:
    """The names of metrics in an expression of PromQL."""
    bare = re.sub(r'"(?:[^"\\]|\\.)*"' + r"|'(?:[^'\\]|\\.)*'", "", expression)
    bare = re.sub(r"\{[^{}]*\}|\[[^\[\]]*\]", " ", bare)
    bare = re.sub(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^()]*\)", " ", bare)
    bare = re.sub(r"\boffset\s+\S+", " ", bare)
    words = re.findall(r"(?<![\w.$])([A-Za-z_:][\w:]*)(?!\w)(?!\s*\()", bare)
    return set(words) - {"and", "or", "unless", "bool", "by", "without", "inf", "Inf", "NaN"}


def labels_in(expression: str) -> Iterator[tuple[str, str]]:
    """Each metric of an expression with a label that its selector names."""
    for metric, selector in re.findall(r"([A-Za-z_:][\w:]*)\{([^{}]*)\}", expression):
        yield from ((metric, label) for label in re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", selector))


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("relay_a_total > 5", {"relay_a_total"}),
        ("sum by (le, x) (rate(relay_a_bucket{y=\"relay_z\", z!~'b'}[5m]))", {"relay_a_bucket"}),
        ("relay_a / on (x) group_left (y) relay_b offset 1d", {"relay_a", "relay_b"}),
        ("max without (x) (relay_a[$__rate_interval]) or vector(0)", {"relay_a"}),
        ("absent(relay_a) and on () relay_b == bool 1e3", {"relay_a", "relay_b"}),
        ("label_values(relay_a, destination)", {"relay_a", "destination"}),
    ],
)
def test_the_metrics_of_an_expression_are_found(expression: str, expected: set[str]) -> None:
    assert metrics_in(expression) == expected


def test_every_metric_is_explained_and_every_explained_one_is_told() -> None:
    assert {name: row.labels for name, row in documented().items()} == names()


def test_every_metric_says_in_a_sentence_what_it_is() -> None:
    for one in MEASURES:
        assert re.fullmatch(r"relay(_[a-z]+)+", one.name), one.name
        assert re.fullmatch(r"[A-Z0-9].*[^.]\.", one.about), one.about


def test_every_alert_is_explained_with_its_severity_and_its_patience() -> None:
    rows = re.findall(r"^\| `(Relay\w+)` \| (\w+) \| (\w+) \|", section("Alerts", "\n## "), re.M)
    told = [(one["alert"], one["labels"]["severity"], one["for"]) for one in ALERTS]
    assert rows == told
    assert {severity for _, severity, _ in told} == {"critical", "warning"}


def test_beside_metrics_stand_alerts_that_look_at_them_and_every_alert_stands_there() -> None:
    rows = documented()
    look = {one["alert"]: set(map(family, metrics_in(one["expr"]))) for one in ALERTS}
    assert set().union(*(row.alerts for row in rows.values())) == look.keys()
    for name, row in rows.items():
        assert [alert for alert in row.alerts if name not in look[alert]] == [], name


def slug(heading: str) -> str:
    """The anchor of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def test_every_alert_says_what_to_do_and_where_that_is_explained() -> None:
    for one in ALERTS:
        told = one["annotations"]
        page, _, anchor = told["runbook"].partition("#")
        headings = re.findall(r"^#+ (.+)$", (ROOT / page).read_text(), re.MULTILINE)
        assert anchor in map(slug, headings), told["runbook"]
        assert told["summary"], one["alert"]
        assert told["description"].endswith("."), one["alert"]


def test_the_examples_are_of_alerts_that_there_are() -> None:
    examples = (ROOT / "deploy/prometheus/alerts_test.yml").read_text()
    assert set(re.findall(r"Relay\w+", examples)) <= {one["alert"] for one in ALERTS}


def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ROOT / "deploy/grafana/usage-relay.json").read_text())
    return found


def expressions() -> Iterator[str]:
    yield from (one["expr"] for one in ALERTS)
    for panel in dashboard()["panels"]:
        yield from (target["expr"] for target in panel.get("targets", []))
    for variable in dashboard()["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["query"].removeprefix("label_values(").split(",")[0]


@pytest.fixture
def told(store: redis.Redis, store_url: str) -> dict[str, str]:
    """What the page of a live store says of its metrics: the name of each, and its type."""
    source = SourceSettings.model_validate(
        {"id": "web", "write_key": "key", "destinations": ("kable",)}
    )
    settings = Settings.model_validate(
        {"store_url": store_url, "sources": {"web": source}, "destinations": {}}
    )
    page = exposition(store, settings, 1_700_000_000_000).decode()
    return dict(re.findall(r"^# TYPE (\S+) (\S+)$", page, re.MULTILINE))


def test_alerts_and_dashboard_use_what_the_page_tells_and_leave_nothing_out(
    told: dict[str, str],
) -> None:
    series = {
        name + suffix: name
        for name, type_ in told.items()
        for suffix in SUFFIXES.get(type_, ("",))
    }
    used = {metric for expression in expressions() for metric in metrics_in(expression)}
    assert used - series.keys() == set()
    assert {series[metric] for metric in used} == told.keys()
    assert told.keys() == names().keys()


def test_alerts_and_dashboard_select_by_labels_that_there_are() -> None:
    for expression in expressions():
        for metric, label in labels_in(expression):
            known = names()[family(metric)]
            assert label in (*known, "le"), expression


def test_the_dashboard_works_with_any_data_source() -> None:
    found = dashboard()
    assert found["templating"]["list"][0]["type"] == "datasource"
    panels = [panel for panel in found["panels"] if panel["type"] != "row"]
    assert {panel["datasource"]["uid"] for panel in panels} == {"${datasource}"}
    assert len({panel["id"] for panel in found["panels"]}) == len(found["panels"])
    for panel in panels:
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert panel["description"], panel["title"]


def test_the_scrape_reads_its_token_from_a_file() -> None:
    [scrape] = yaml.safe_load((ROOT / "deploy/prometheus/scrape.yml").read_text())[
        "scrape_configs"
    ]
    assert scrape["metrics_path"] == "/metrics"
    assert scrape["authorization"]["type"] == "Bearer"
    assert scrape["authorization"]["credentials_file"].startswith("/")
