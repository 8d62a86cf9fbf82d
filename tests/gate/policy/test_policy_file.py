"""The policy file: every key with its default, and what cannot be meant is said with its line."""

from __future__ import annotations

import re
import tomllib
from contextlib import suppress
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shiomi.gate.errors import PolicyError
from shiomi.gate.policy import (
    Action,
    Budget,
    NetworkRule,
    PathRule,
    Policy,
    Rate,
    default_policy_text,
    load_policy,
    parse_policy,
    preset_text,
    presets,
)
from shiomi.gate.purpose import Purpose

KEY = "k" * 32


def problems(text: str) -> list[str]:
    with pytest.raises(PolicyError) as raised:
        parse_policy(text, {})
    return str(raised.value).splitlines()


def test_the_file_says_what_the_code_does() -> None:
    assert parse_policy(default_policy_text()) == Policy()


def test_an_empty_file_is_the_default_policy() -> None:
    assert parse_policy("") == Policy()


def test_every_key_stands_in_the_file() -> None:
    document = tomllib.loads(default_policy_text())
    for field in fields(Policy):
        hint = get_type_hints(Policy)[field.name]
        if is_dataclass(hint):
            assert set(document[field.name]) == {one.name for one in fields(hint)}
    assert set(document["purpose"]) == set(Purpose)
    for budget in document["budget"].values():
        assert set(budget) == {one.name for one in fields(Budget)}
    for rule in (PathRule, NetworkRule):  # these stand as comments
        for field in fields(rule):
            assert re.search(rf"^# {field.name} = ", default_policy_text(), re.MULTILINE)


def test_the_comments_examples_are_a_policy() -> None:
    text = default_policy_text()
    example = re.compile(r"^# (?=\[\[|(?:match|action|budget|purposes|challenge|name|addresses) =)")
    lines = [example.sub("", line) for line in text.splitlines()]
    policy = parse_policy("\n".join(lines))
    assert len(policy.paths) == 2
    assert policy.networks[0].action is Action.ALLOW


def test_the_default_denies_ai_crawlers_and_keeps_who_brings_readers() -> None:
    purposes = Policy().purposes
    assert {p for p in Purpose if purposes[p].action is Action.DENY} == {
        Purpose.AI_TRAINING,
        Purpose.AI_SEARCH,
    }
    for purpose in (Purpose.SEARCH_ENGINE, Purpose.LINK_PREVIEW, Purpose.ARCHIVE):
        assert purposes[purpose].action is Action.ALLOW
        assert purposes[purpose].unverified is Action.BUDGET


def test_what_is_left_out_keeps_its_default() -> None:
    policy = parse_policy('[trap]\nvisits = 5\n[budget.people]\naddress = "10/second"')
    assert policy.trap.visits == 5
    assert policy.trap.ban_hours == 24
    assert policy.budgets["people"].address == Rate(10, 1.0, 10)
    assert policy.budgets["people"].prefix == Policy().budgets["people"].prefix


def test_an_action_alone_speaks_for_the_unproven_too_but_frees_nobody_unproven() -> None:
    policy = parse_policy(
        '[purpose.archive]\naction = "deny"\n[purpose.ai-search]\naction = "allow"'
    )
    assert policy.purposes[Purpose.ARCHIVE].unverified is Action.DENY
    assert policy.purposes[Purpose.AI_SEARCH].unverified is Action.BUDGET


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("60/minute", Rate(60, 60.0, 60)),
        ("60/minute, burst 20", Rate(60, 60.0, 20)),
        ("5 per second burst 10", Rate(5, 1.0, 10)),
        ("1/day", Rate(1, 86400.0, 1)),
        ("off", None),
    ],
)
def test_rates_are_written_as_they_are_said(text: str, rate: Rate | None) -> None:
    policy = parse_policy(f'[budget.x]\naddress = "{text}"\n[feeds]\nbudget = "x"')
    assert policy.budgets["x"].address == rate


def test_a_secret_is_read_from_the_environment() -> None:
    policy = parse_policy('[cookie]\nkeys = ["env:NEW", "env:OLD"]', {"NEW": KEY, "OLD": "o" * 40})
    assert policy.cookie.keys == (KEY, "o" * 40)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("contct = 'x'", "line 1: contct: is not a known key; did you mean contact?"),
        (
            "\n[purpose.gptbot]\naction='deny'",
            "line 2: purpose.gptbot: is not a known key; known here:",
        ),
        (
            "[purpose.browser]\nactoin = 'deny'",
            "line 2: purpose.browser.actoin: is not a known key; did",
        ),
        (
            "[purpose.browser]\naction = 'block'",
            "line 2: purpose.browser.action: 'block' is not an action",
        ),
        ("purpose = 3", "line 1: purpose: must be tables like [purpose.NAME]"),
        ("path = {}", "line 1: path: must be written [[path]]"),
        ("[[path]]\naction = 'deny'", "path[0]: needs the key match"),
        ("[[path]]\nmatch = '/a'", "line 2: path[0].match: must be a list, like"),
        ("[trap]\nvisits = 0", "line 2: trap.visits: must be a number from 1 to 1,000, got 0"),
        ("[trap]\nvisits = true", "line 2: trap.visits: must be a whole number; got True"),
        ("[budget.people]\nall = '0/minute'", "line 2: budget.people.all: must be a rate like"),
        ("[budget.people]\nall = '5 a day'", "line 2: budget.people.all: must be a rate like"),
        ("[cookie]\nkeys = ['short']", "cookie.keys[0]: must have at least 32 characters"),
        ("[cookie]\nkeys = ['env:NOT']", "names the environment variable NOT, which is not set"),
        ("[cookie]\nname = 'a b'", "line 2: cookie.name:"),
        ("[challenge]\npath = 'gate'", "line 2: challenge.path:"),
        (
            "[challenge]\nstatus = 404",
            "line 2: challenge.status: must be 403, 429, 503 or 200, got 404",
        ),
        ("on_failure = 'challenge'", "line 1: on_failure:"),
        ('contact = "a\\nb"', "line 1: contact:"),
        (
            "[robots]\nsitemaps = ['x']",
            'robots.sitemaps: must be a whole URL, "https://...", got "x"',
        ),
        ("x = [", "this is not valid TOML"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text: str, says: str) -> None:
    assert says in "\n".join(problems(text))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "[purpose.browser]\naction = 'deny'\nunverified = 'allow'",
            'line 3: purpose.browser.unverified: "allow" must not let more through than action =',
        ),
        (
            "[[path]]\nmatch=['/a/*']\naction='deny'\n[[path]]\nmatch=['/a/b']\naction='allow'",
            'line 5: path[1].match: "/a/b" is never used: "/a/*" of path[0] is first',
        ),
        (
            "[[path]]\nmatch=['/robots.txt']\naction='deny'",
            'line 2: path[0].match: "/robots.txt" is always served',
        ),
        (
            "[[path]]\nmatch=['/a']\naction='challenge'\nchallenge=false",
            "line 4: path[0].challenge: is false, but an action of the rule",
        ),
        ("[[path]]\nmatch=['/a']", "line 1: path[0]: changes nothing"),
        ("[feeds]\nbudget='feds'", "line 2: feeds.budget: must be one of people, strangers"),
        ("[budget.x]\naddress='1/second'", "line 1: budget.x: is not used by any purpose"),
        (
            "[budget.people]\nprefix='10/minute'",
            "line 2: budget.people.prefix: must not allow less than address",
        ),
        (
            "[[network]]\nname='a'\naddresses=['192.0.2.0/24']\n"
            "[[network]]\nname='b'\naddresses=['192.0.2.0/24']",
            'line 6: network[1].addresses: 192.0.2.0/24 belongs to network "a" already',
        ),
        (
            "[[network]]\nname='a'\naddresses=['0.0.0.0/0']\naction='allow'",
            "would let everybody through",
        ),
        ("[proxies]\ntrusted=['::/0']", "line 1: proxies: trusted: ::/0 would trust the headers"),
        ("[robots]\nserve=false\ndisallow=['/x']", "line 2: robots.serve: is false, so"),
        ("[signals]\ntdm_reservation=false\ntdm_policy='https://x.example/'", "has no effect"),
        ("[trap]\naction='allow'", "line 2: trap.action: must be deny or tarpit"),
        ("[challenge]\npath='/.well-known/gate/'", "line 2: challenge.path: must not be below"),
    ],
)
def test_contradictions_say_where(text: str, says: str) -> None:
    assert says in "\n".join(problems(text))


def test_all_that_is_wrong_is_said_at_once() -> None:
    found = problems("a = 1\nb = 2\n[trap]\nc = 3")
    assert [line.partition(":")[0] for line in found] == ["line 1", "line 2", "line 4"]
    assert len(problems("\n".join(f"x{number} = 1" for number in range(1000)))) == 21


def test_a_file_that_is_none_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="shiomi gate policy"):
        load_policy(tmp_path / "gate.toml")
    with pytest.raises(PolicyError, match="cannot be read"):
        load_policy(tmp_path)
    file = tmp_path / "gate.toml"
    file.write_bytes(b"contact = '\xff'")
    with pytest.raises(PolicyError, match="not UTF-8"):
        load_policy(file)
    file.write_bytes(b"\xef\xbb\xbfcontact = 'x'\n")  # as Windows' editor saves it
    assert load_policy(file).contact == "x"
    file.write_text("contact = 'x'\nvisits = 1\nhours = 1")
    with pytest.raises(PolicyError) as raised:
        load_policy(file)
    assert [line.partition(": ")[0] for line in str(raised.value).splitlines()] == [str(file)] * 2


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["match", "action", "x", "browser"]), inner, max_size=3)
    ),
    max_leaves=6,
)
KEYS = [field.name for field in fields(Policy)] + ["purpose", "path", "network", "budget", "zz"]


@pytest.mark.slow
@given(st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=4))
def test_no_value_of_a_key_is_another_error(document: dict[str, object]) -> None:
    from shiomi.gate.policy.policy_file import _Reader

    reader = _Reader({})
    policy = reader.policy(document)
    assert isinstance(policy, Policy) or reader.problems


@given(st.text(max_size=200))
def test_no_text_is_another_error(text: str) -> None:
    with suppress(PolicyError):
        assert isinstance(parse_policy(text), Policy)


@pytest.mark.parametrize("line", ["[" + " " * 30_000, "[[" + " a" * 30_000, " " * 30_000 + "x"])
def test_a_long_line_does_not_slow_down_the_search_for_the_lines_of_errors(line: str) -> None:
    """With a pattern of cubic time, this test would not end."""
    assert problems(f'contact = """\n{line}\n"""\nzz = 1')[-1].startswith("line 4: zz")


def test_deep_nesting_is_an_error_of_the_file() -> None:
    assert "not valid TOML" in problems("a = " + "[" * 5000)[0]


def test_actions_stand_widest_first() -> None:
    assert list(Action) == ["allow", "budget", "challenge", "tarpit", "deny"]
    for one in Action:
        for other in Action:
            assert one.narrower(other) == max(one, other, key=list(Action).index)


@pytest.mark.parametrize("name", presets())
def test_a_preset_is_a_good_policy_that_opens_nothing_to_ai_crawlers(name: str) -> None:
    policy = parse_policy(preset_text(name))
    assert policy.paths
    for rule in policy.paths:
        assert (rule.action, rule.challenge) == (None, False)


def test_the_command_lists_the_presets_that_ship() -> None:
    from shiomi.cli.gate.policy import _PRESETS

    assert presets() == _PRESETS
