"""User-Agents: whom they name, what their shape says, and that none of them can hurt."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shiomi.gate.errors import DataError
from shiomi.gate.identity.user_agents import (
    NO_AGENT,
    UNKNOWN,
    Client,
    Pattern,
    UserAgents,
    Verify,
    parse_patterns,
    read_patterns,
    user_agents,
)
from shiomi.gate.purpose import Purpose

AGENTS = user_agents()
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/140.0.0.0 Safari/537.36"
)
ANDROID = (
    "Mozilla/5.0 (Linux; Android 8.1.0; {}) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/86.0.4240.110 Mobile Safari/537.36"
)
VS_CODE = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Code/1.115.0 "
    "Chrome/142.0.7444.265 Electron/39.8.5 Safari/537.36"
)
IE_7 = "Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 6.0; SLCC1; .NET CLR 2.0.50727)"


def purpose(agent: str) -> Purpose:
    return AGENTS.client(agent).purpose


def test_the_package_carries_more_patterns_than_the_list_it_is_made_from() -> None:
    assert len(AGENTS.patterns) > 1498


@pytest.mark.parametrize(
    ("agent", "name", "expected"),
    [
        ("Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; "
         "+https://openai.com/gptbot)", "GPTBot", Purpose.AI_TRAINING),
        ("gptbot", "GPTBot", Purpose.AI_TRAINING),
        ("ClAuDeBoT", "ClaudeBot", Purpose.AI_TRAINING),
        ("CCBot/2.0 (https://commoncrawl.org/faq/)", "CCBot", Purpose.AI_TRAINING),
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/116.0.0.0 Safari/537.36",
         "crawl4ai", Purpose.AI_TRAINING),
        ("OAI-SearchBot/1.0", "OAI-SearchBot", Purpose.AI_SEARCH),
        ("ChatGPT-User/1.0", "ChatGPT-User", Purpose.USER_FETCH),
        ("Googlebot/2.1 (+http://www.google.com/bot.html)", "Googlebot", Purpose.SEARCH_ENGINE),
        ("Mozilla/5.0 (compatible; Applebot/0.1; +http://www.apple.com/go/applebot)", "Applebot",
         Purpose.MIXED),
        ("facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
         "facebookexternalhit", Purpose.LINK_PREVIEW),
        ("Mozilla/5.0 (compatible; archive.org_bot +http://archive.org/details/archive.org_bot)",
         "archive.org_bot", Purpose.ARCHIVE),
        ("FreshRSS/1.11.2 (Linux; https://freshrss.org) like Googlebot", "FreshRSS",
         Purpose.FEED_READER),
        ("newsboat/2.34 (Linux 6.1; x86_64)", "Newsboat", Purpose.FEED_READER),
        ("Scrapy/2.19 (+https://scrapy.org)", "Scrapy", Purpose.LIBRARY),
        ("curl/8.0", "curl", Purpose.LIBRARY),
    ],
)  # fmt: skip
def test_a_client_is_known_by_its_name_in_any_case(
    agent: str, name: str, expected: Purpose
) -> None:
    client = AGENTS.client(agent)
    assert (client.name, client.purpose) == (name, expected)


@pytest.mark.parametrize(
    "agent",
    [
        FIREFOX, CHROME, VS_CODE, IE_7,
        ANDROID.format("CUBOT_NOTE_S"), ANDROID.format("M bot 54"), ANDROID.format("Spider 8"),
        ANDROID.format("RUBY"), ANDROID.format("FEVER_PLUS_H"), ANDROID.format("Expanse"),
        CHROME.replace("Chrome/", "coc_coc_browser/120.0 Chrome/"),
        CHROME + " SE 2.X MetaSr 1.0", CHROME + " Sogou Mobile",
        "Mozilla/5.0 (Macintosh; U; Intel Mac OS X 10_5_6; en-us) AppleWebKit/528.16 (KHTML, like "
        "Gecko) Fluid/0.9.6 Safari/528.16",
        "Mozilla/5.0 (X11; Linux i686; rv:5.0) Gecko/20110603 SeaMonkey/2.1 Lightning/1.0b3",
        "Opera/9.80 (Windows NT 6.1) Presto/2.12.388 Version/12.18",
        "Lynx/2.8.9rel.1 libwww-FM/2.14 SSL-MM/1.4.1 OpenSSL/1.1.1d", "w3m/0.5.3+git20230121",
        "ELinks/0.13.2 (textmode; Linux 6.1.0; 80x24-2)", "Dillo/3.0.5",
    ],
)  # fmt: skip
def test_a_browser_is_a_browser_whatever_its_telephone_is_called(agent: str) -> None:
    assert purpose(agent) is Purpose.BROWSER


@pytest.mark.parametrize(
    ("agent", "expected"),
    [
        ("Mozilla/5.0 (compatible; NeverSeenGPTBot/1.0)", Purpose.AI_TRAINING),
        ("Mozilla/5.0 (compatible; Whoever/1.0; +https://whoever.ai/crawler)", Purpose.AI_TRAINING),
        ("Whoever-User/1.0", Purpose.USER_FETCH),
        ("Whoever-SearchBot/1.0", Purpose.AI_SEARCH),
        ("Mozilla/5.0 (compatible; Whoever/1.0; +https://example.org/)", Purpose.LIBRARY),
        (CHROME + " WhoeverBot", Purpose.LIBRARY),
        (CHROME + " (someone@example.org)", Purpose.LIBRARY),
        ("Mozilla/5.0", Purpose.LIBRARY),
        ("whoever", Purpose.LIBRARY),
    ],
)
def test_a_client_without_a_name_is_known_by_its_shape(agent: str, expected: Purpose) -> None:
    assert purpose(agent) is expected


def test_who_says_two_things_is_taken_for_the_ai_crawler() -> None:
    assert purpose("Googlebot/2.1 GPTBot/1.0") is Purpose.AI_TRAINING
    assert purpose("facebookexternalhit/1.1 Bytespider") is Purpose.AI_TRAINING


@pytest.mark.parametrize("agent", ["", None])
def test_no_agent_is_no_browser(agent: str | None) -> None:
    assert AGENTS.client(agent) is NO_AGENT


@given(st.text(max_size=300) | st.binary(max_size=300).map(lambda sent: sent.decode("latin-1")))
def test_no_text_is_too_odd(agent: str) -> None:
    assert AGENTS.client(agent) == AGENTS.client(agent)


@given(
    st.text(alphabet=st.characters(max_codepoint=255), max_size=80),
    st.sampled_from(["GPTBot/1.0", "claudebot", "Bytespider", "CCBOT"]),
    st.text(alphabet=st.characters(max_codepoint=255), max_size=80),
)
def test_nothing_written_around_a_crawlers_name_makes_it_something_better(
    before: str, name: str, after: str
) -> None:
    agent = f"{before} {name} {after}"
    assert purpose(agent) in {Purpose.AI_TRAINING, Purpose.AI_SEARCH, Purpose.USER_FETCH}


@pytest.mark.parametrize(
    ("agent", "expected"),
    [
        (FIREFOX + " x" * 50_000, Purpose.LIBRARY),
        ("Googlebot/2.1 " + "x" * 100_000, Purpose.LIBRARY),
        ("x " * 50_000 + "GPTBot", Purpose.AI_TRAINING),
        ("GPTBot " + "x" * 100_000, Purpose.AI_TRAINING),
        ("\0" * 100_000, Purpose.LIBRARY),
        ("(((((((((" * 11_000, Purpose.LIBRARY),
        ("Mozilla/5.0 (compatible;" + "a@" * 50_000, Purpose.LIBRARY),
    ],
)
def test_an_agent_of_100_kilobytes_is_no_browser_and_no_search_engine(
    agent: str, expected: Purpose
) -> None:
    assert purpose(agent) is expected


@pytest.mark.parametrize(
    "agent", ["GPTBot\0", "\0GPTBot", "Gecko \xff GPTBot \xe9", "\udcff GPTBot"]
)
def test_bytes_outside_ascii_hide_no_name(agent: str) -> None:
    assert purpose(agent) is Purpose.AI_TRAINING


def test_memory_stays_bounded_whatever_comes() -> None:
    agents = UserAgents([Pattern("bot", Client("bot", Purpose.LIBRARY))])
    for number in range(30_000):
        agents.client(f"agent {number}")
    agents.client("x" * 100_000)
    kept = {**agents._young, **agents._old}
    assert len(kept) <= 8192
    assert max(map(len, kept)) <= 512


def test_an_agent_asked_for_again_is_answered_alike() -> None:
    assert AGENTS.client(FIREFOX) is AGENTS.client(FIREFOX)


def test_a_pattern_that_re2_cannot_take_is_named() -> None:
    with pytest.raises(DataError, match=r"\(\?=x\)"):
        UserAgents([Pattern("(?=x)", UNKNOWN)])


def test_a_pattern_that_takes_other_engines_forever_takes_no_time() -> None:
    agents = UserAgents([Pattern("(a+)+$", Client("slow", Purpose.LIBRARY))])
    assert agents.client("a" * 1000 + "!") is UNKNOWN


@pytest.mark.parametrize(
    "line",
    ["one column", "a\tb\tlibrary\t-\t-", "a\tb\tno-purpose\t-\t-\t-", "a\tb\tlibrary\t-\t-\t-\t-"],
)
def test_a_wrong_line_is_named_with_its_number(line: str) -> None:
    with pytest.raises(DataError, match=r"^here, line 2: "):
        parse_patterns(f"# comment\n{line}\n", where="here")


def test_a_folder_of_the_operators_own_is_read_in_place_of_the_package(tmp_path: Path) -> None:
    assert read_patterns(tmp_path) == read_patterns()
    (tmp_path / "user_agents.tsv").write_text(
        "GPTBot\tours\tlibrary\tus\topenai,bing\texample.org\n", encoding="utf-8"
    )
    (pattern,) = read_patterns(tmp_path)
    verify = Verify(("openai", "bing"), ("example.org",))
    assert pattern.client == Client("ours", Purpose.LIBRARY, "us", verify)
    (tmp_path / "user_agents.tsv").write_bytes(b"\xff")
    with pytest.raises(DataError, match=r"user_agents\.tsv"):
        read_patterns(tmp_path)
