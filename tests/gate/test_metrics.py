"""Metrics: true sums, few labels, and text that Prometheus reads."""

from __future__ import annotations

import json
import re
from pathlib import Path

from shiomi.gate.decision import Decision, Verdict
from shiomi.gate.metrics import Metrics, prometheus_text
from shiomi.gate.purpose import Purpose
from tests.gate.servers import ROOT

_LINE = re.compile(r'[a-z_]+(\{([a-z]+="(\\.|[^"\\])*",?)+\})? [0-9.]+')


def allowed(client: str = "Firefox") -> Decision:
    return Decision(Verdict.ALLOW, "cookie", Purpose.BROWSER, client)


def test_decisions_are_counted_by_verdict_purpose_and_reason() -> None:
    metrics, same = Metrics(), allowed()
    for _ in range(5):
        metrics.count(same, 0.00002)
    metrics.count(allowed(), 0.5)
    metrics.count(Decision(Verdict.DENY, "purpose", Purpose.AI_TRAINING, "GPTBot"), 0.0001)
    text = prometheus_text([metrics.snapshot()])
    said = '{verdict="allow",purpose="browser",reason="cookie"} 6'
    assert f"shiomi_gate_requests_total{said}" in text
    assert 'shiomi_gate_clients_total{client="GPTBot",verdict="deny"} 1' in text
    assert 'shiomi_gate_decision_seconds_bucket{le="3e-05"} 5' in text
    assert 'shiomi_gate_decision_seconds_bucket{le="+Inf"} 7' in text
    assert "shiomi_gate_decision_seconds_count 7" in text


def test_what_was_counted_stays_counted_over_any_number_of_snapshots() -> None:
    metrics, same = Metrics(), allowed()
    for expected in (1, 2, 3):
        metrics.count(same, 0.0)
        assert metrics.snapshot()["verdicts"] == [["allow", "browser", "cookie", expected]]


def test_labels_are_bounded_whatever_comes() -> None:
    metrics = Metrics()
    for number in range(3000):
        metrics.count(allowed(f"client {number}"), 0.0)
    snapshot = metrics.snapshot()
    assert len(snapshot["clients"]) <= 501
    assert sum(count for *_, count in snapshot["clients"]) == 3000
    assert sum(count for *_, count in snapshot["verdicts"]) == 3000
    text = prometheus_text([snapshot, snapshot])
    assert text.count("shiomi_gate_clients_total{") <= 502


def test_every_line_is_one_that_prometheus_reads_whatever_a_client_is_called() -> None:
    metrics = Metrics()
    metrics.count(allowed('a "quoted\\" name\nin two lines'), 0.0)
    for line in prometheus_text([metrics.snapshot()], entries=(3, 1)).splitlines():
        assert line.startswith("# ") or _LINE.fullmatch(line), line


def test_workers_find_each_others_counts_and_those_of_the_dead(tmp_path: Path) -> None:
    here, there = Metrics(), Metrics()
    here.count(allowed(), 0.0)
    there.count(allowed(), 0.0)
    there.save(tmp_path)
    (tmp_path / "0.json").write_text("{half", encoding="utf-8")
    next(tmp_path.glob("[1-9]*.json")).rename(tmp_path / "1.json")
    here.save(tmp_path)
    others = here.saved_by_others(tmp_path)
    assert '"cookie"} 2' in prometheus_text([here.snapshot(), *others])


def test_the_dashboard_asks_for_metrics_that_there_are() -> None:
    dashboard = json.loads((ROOT / "deploy" / "gate" / "grafana.json").read_text(encoding="utf-8"))
    there = prometheus_text([Metrics().snapshot()], entries=(0, 0))
    asked = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    names = set(re.findall(r"shiomi_\w+", " ".join(asked)))
    assert names
    assert all(f"# TYPE {name.removesuffix('_bucket')} " in there for name in names)
