"""Identity: a claim is believed only where something proves it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from shiomi.gate.addresses import parse_address
from shiomi.gate.errors import DataError
from shiomi.gate.gatekeeper import Gatekeeper
from shiomi.gate.identity import Identity, Tables, identify, load_tables
from shiomi.gate.identity.user_agents import Client
from shiomi.gate.purpose import Purpose
from shiomi.gate.request import Request

TABLES = load_tables()
GOOGLE = "66.249.64.1"
ELSEWHERE = "192.0.2.1"
GOOGLEBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


def request(agent: str, peer: str | None = ELSEWHERE, *more: tuple[str, str]) -> Request:
    return Request.make(peer=peer, headers=[("User-Agent", agent), *more])


@pytest.mark.parametrize("peer", [GOOGLE, f"::ffff:{GOOGLE}", "2001:4860:4801:10::1"])
def test_googlebot_from_googles_own_address_is_proven_without_asking_anybody(peer: str) -> None:
    identity = identify(request(GOOGLEBOT, peer), TABLES)
    assert (identity.client.name, identity.verified, identity.by) == ("Googlebot", True, "ranges")
    assert not identity.pending


@pytest.mark.parametrize(
    ("says", "verdict"), [(True, "allow"), (False, "challenge"), (None, "challenge")]
)
def test_googlebot_from_outside_its_ranges_needs_a_yes_of_dns(
    says: bool | None, verdict: str
) -> None:
    asked = []

    def confirm(address: bytes, suffixes: Sequence[str]) -> bool | None:
        asked.append((address, tuple(suffixes)))
        return says

    decision = Gatekeeper(tables=TABLES).judge(request(GOOGLEBOT), confirm=confirm)
    assert decision.verdict == verdict
    assert asked == [(parse_address(ELSEWHERE), ("googlebot.com", "google.com"))]


def test_a_false_bingbot_is_refused_where_nobody_asks_dns() -> None:
    assert Gatekeeper(tables=TABLES).judge(request("bingbot/2.0")).reason == "claim"


def test_gptbot_from_the_wrong_address_is_a_gptbot_that_lies() -> None:
    identity = identify(request("GPTBot/1.2"), TABLES)
    assert identity.verified is False
    assert identity.client.purpose is Purpose.AI_TRAINING


def test_whom_nothing_can_prove_is_neither_true_nor_false() -> None:
    identity = identify(request("ClaudeBot/1.0"), TABLES)
    assert (identity.verified, identity.pending, identity.by) == (None, (), "user-agent")


def test_a_client_whose_address_is_not_known_is_not_called_a_liar() -> None:
    for agent in (GOOGLEBOT, "GPTBot/1.2"):
        identity = identify(request(agent, None), TABLES)
        assert (identity.verified, identity.pending) == (None, ())


def test_dns_is_asked_only_where_it_can_help() -> None:
    for agent, peer in ((GOOGLEBOT, GOOGLE), ("GPTBot", ELSEWHERE), (FIREFOX, ELSEWHERE)):
        assert not identify(request(agent, peer), TABLES).pending


def test_a_signature_proves_more_than_the_user_agent_says() -> None:
    signer = Client("Signed", Purpose.USER_FETCH)
    tables = Tables(TABLES.agents, TABLES.ranges, lambda _: signer)
    signed = identify(request(FIREFOX, ELSEWHERE, ("Signature-Input", "sig=()")), tables)
    assert signed == Identity(signer, True, "signature")
    assert identify(request(FIREFOX), tables).client.purpose is Purpose.BROWSER


def test_keys_in_the_operators_folder_are_trusted(tmp_path: Path) -> None:
    vectors = Path(__file__).parents[2] / "data" / "gate" / "web-bot-auth"
    text = (vectors / "web_bot_auth_architecture_v1.json").read_text(encoding="utf-8")
    vector = json.loads(text)[2]
    (tmp_path / "keys").mkdir()
    keys = json.dumps({"keys": [vector["key"]]})
    (tmp_path / "keys" / "ChatGPT-User.json").write_text(keys, encoding="utf-8")
    tables = load_tables(tmp_path)
    assert tables.signed_by is not None
    expired = request(
        FIREFOX,
        ELSEWHERE,
        ("Host", "example.com"),
        ("Signature-Input", vector["signature_input"]),
        ("Signature", vector["signature"]),
    )
    assert identify(expired, tables, weigh=False) == identify(expired, TABLES, weigh=False)
    (tmp_path / "keys" / "nobody.json").write_text(keys, encoding="utf-8")
    with pytest.raises(DataError, match="nobody"):
        load_tables(tmp_path)


def test_a_signature_that_is_not_good_changes_nothing() -> None:
    tables = Tables(TABLES.agents, TABLES.ranges, lambda _: None)
    bad = request("GPTBot", ELSEWHERE, ("Signature-Input", "sig=()"))
    assert identify(bad, tables) == identify(request("GPTBot"), TABLES)


def test_only_browsers_are_weighed() -> None:
    assert identify(request(FIREFOX), TABLES).weight > 0
    assert identify(request(FIREFOX), TABLES, weigh=False).weight == 0
    assert identify(request("curl/8.0"), TABLES).weight == 0


def test_every_range_the_patterns_name_is_there() -> None:
    named = {name for p in TABLES.agents.patterns for name in p.client.verify.ranges}
    assert named <= TABLES.ranges.names
    assert "openai" in named
