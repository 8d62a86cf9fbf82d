"""Policies of Anubis and go-away: what is carried over, and that the rest is named."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

from shiomi.cli.gate import gate
from shiomi.gate.errors import DataError
from shiomi.gate.foreign_policy import Imported, globs, import_policy
from shiomi.gate.identity import load_tables

ANUBIS = r"""
bots:
  - import: (data)/meta/ai-block-aggressive.yaml
  - import: (data)/apps/nextcloud.yaml
  - name: api
    path_regex: ^/api/.*$
    action: ALLOW
  - name: feeds
    path_regex: \.(rss|atom|xml)$
    action: ALLOW
  - name: admin
    action: DENY
    expression:
      any:
        - path.startsWith("/wp-admin")
        - path == "/xmlrpc.php"
  - name: office
    remote_addresses: [192.0.2.0/24, "2001:db8::/48"]
    action: ALLOW
  - name: gpt
    user_agent_regex: GPTBot|ClaudeBot
    action: DENY
  - name: mine
    user_agent_regex: my-script
    action: ALLOW
  - name: countries
    action: WEIGH
    geoip: {countries: [BR]}
  - name: odd
    path_regex: ^/[a-z]{3}/
    action: ALLOW
  - name: both
    path_regex: ^/x$
    user_agent_regex: y
    action: DENY
thresholds:
  - {name: some, expression: weight > 0, action: CHALLENGE}
"""
GO_AWAY = """
networks:
  office: [{prefixes: [192.0.2.0/24]}]
  cloud: [{url: https://a.example/ranges}]
challenges: {js: {}}
rules:
  - name: files
    conditions: ['path.startsWith("/assets/")', '(path.endsWith(".css"))']
    action: pass
  - name: blocked
    conditions: ['(remoteAddress.network("office"))']
    action: block
  - name: clouds
    conditions: ['remoteAddress.network("cloud")']
    action: drop
  - name: rest
    conditions: ['userAgent.startsWith("Mozilla")']
    action: challenge
"""


def imported(kind: str, text: str, folder: Path) -> tuple[Imported, list[object], list[object]]:
    file = folder / "policy.yaml"
    file.write_text(text, encoding="utf-8")
    done = import_policy(kind, file, load_tables())
    document = tomllib.loads(done.text)
    return done, document.get("path", []), document.get("network", [])


def test_an_anubis_policy_keeps_its_paths_and_addresses_and_names_the_rest(tmp_path: Path) -> None:
    done, paths, networks = imported("anubis", ANUBIS, tmp_path)
    open_to_programs = {"challenge": False, "budget": "programs"}
    assert paths == [
        {"match": ["/api/*"], **open_to_programs},
        {"match": ["*.rss", "*.atom", "*.xml"], **open_to_programs},
        {"match": ["/wp-admin*", "/xmlrpc.php"], "action": "deny"},
    ]
    given = ["192.0.2.0/24", "2001:db8::/48"]
    assert networks == [{"name": "office", "addresses": given, "action": "allow"}]
    assert done.covered == ["(data)/meta/ai-block-aggressive.yaml", "gpt"]
    missing = [name for name, _ in done.missing]
    assert missing == [
        "(data)/apps/nextcloud.yaml", "mine", "countries", "odd", "both", "thresholds",
    ]  # fmt: skip


def test_a_go_away_policy_keeps_its_paths_and_addresses_and_names_the_rest(tmp_path: Path) -> None:
    done, paths, networks = imported("go-away", GO_AWAY, tmp_path)
    assert paths == [{"match": ["/assets/*", "*.css"], "challenge": False, "budget": "programs"}]
    assert networks == [{"name": "blocked", "addresses": ["192.0.2.0/24"], "action": "deny"}]
    assert [name for name, _ in done.missing] == ["clouds", "rest", "challenges"]


@pytest.mark.parametrize(
    ("regex", "patterns"),
    [
        ("^/favicon\\.ico$", ["/favicon.ico"]),
        ("^/a/?$", ["/a/", "/a"]),
        ("/raw/", ["*/raw/*"]),
        ("^/(?:feed|rss)/.*", ["/feed/*", "/rss/*"]),
        ("^/[0-9]+$", None),
        ("^/a|/b$", None),
        ("^/\\w+$", None),
        ("", None),
        ("^", None),
        ("(", None),
        (".*", None),
    ],
)
def test_a_regular_expression_becomes_patterns_that_match_the_same_or_none(
    regex: str, patterns: list[str] | None
) -> None:
    assert globs(regex) == patterns


@pytest.mark.parametrize("text", ["bots: [", "[]", "rules: []", "bots: 3"])
def test_a_file_that_is_no_policy_is_named(text: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"policy\.yaml"):
        imported("anubis", text, tmp_path)


def test_the_command_writes_a_file_once_and_lists_the_missing_rules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.yaml").write_text(ANUBIS, encoding="utf-8")
    done = CliRunner().invoke(gate, ["import", "anubis", "a.yaml"])
    assert done.exit_code == 0
    assert "carried over: 4 rules" in done.output
    assert "  countries: action WEIGH" in done.output
    assert Path("gate.toml").exists()
    assert CliRunner().invoke(gate, ["import", "anubis", "a.yaml"]).exit_code == 1


def test_status_says_that_the_service_does_not_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(gate, ["status", "--url", "http://127.0.0.1:1"])
    assert done.exit_code == 1
    assert "policy    the default policy: no errors" in done.output
    assert "http://127.0.0.1:1 does not answer" in done.output
