"""robots.txt is read as RFC 9309 says, and as protego reads it wherever the two agree."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from protego import Protego

from shiomi.gate.signals.robots_parser import LONGEST, parse_robots

CRAWLERS = ("GPTBot", "Googlebot", "ia_archiver", "somebody")


def allows(text: str, target: str, crawler: str = "GPTBot") -> bool:
    return parse_robots(text).allows(crawler, target)


@pytest.mark.parametrize(
    ("rules", "target", "expected"),
    [
        # RFC 9309, 2.2.2 and 5.2: the longest match counts, Allow where two are equally long.
        ("Allow: /p\nDisallow: /", "/page", True),
        ("Allow: /folder\nDisallow: /folder", "/folder/page", True),
        ("Allow: /page\nDisallow: /*.htm", "/page.htm", False),
        ("Allow: /example/page/\nDisallow: /example/page/disallowed.gif",
         "/example/page/disallowed.gif", False),
        ("Allow: /$\nDisallow: /", "/", True),
        ("Allow: /$\nDisallow: /", "/page.htm", False),
        ("Disallow: *.gif$", "/pictures/a.gif", False),
        ("Disallow: *.gif$", "/pictures/a.gif?x", True),
        ("Disallow: /a*b*c", "/aXbYc/more", False),
        ("Disallow: /a*b*c$", "/abc/abc", False),
        ("Disallow: /a**b", "/ab", False),
        ("Disallow: /fish*$", "/fish", False),
        # 2.2.2: percent-encoding is evened out on both sides, but for reserved characters.
        ("Disallow: /foo/bar/ツ", "/foo/bar/%E3%83%84", False),
        ("Disallow: /foo/bar/%e3%83%84", "/foo/bar/ツ", False),
        ("Disallow: /foo/bar/%62%61%7A", "/foo/bar/baz", False),
        ("Disallow: /a%2fb", "/a/b", True),
        ("Disallow: /a b", "/a%20b", False),
        ("Disallow: /a?b=1", "/a?b=12", False),
        ("Disallow:", "/", True),
        ("Disallow: /", "/robots.txt", True),
        ("Disallow: /x", "", True),
        ("Disallow: /x", "x", False),
    ],
)  # fmt: skip
def test_the_rule_that_says_most_counts(rules: str, target: str, expected: bool) -> None:
    assert allows(f"User-agent: *\n{rules}\n", target) is expected


@pytest.mark.parametrize(
    ("text", "crawler", "expected"),
    [
        ("User-agent: gptbot\nDisallow: /", "GPTBot", False),
        ("User-agent: GPTBot/1.0\nDisallow: /", "GPTBot", False),
        ("User-agent: GPTBot*\nDisallow: /", "GPTBot", False),
        ("User-agent: GPT\nDisallow: /", "GPTBot", True),
        ("User-agent: GPTBot-Image\nDisallow: /", "GPTBot", True),
        ("User-agent: *\nDisallow: /\nUser-agent: GPTBot\nAllow: /", "GPTBot", True),
        ("User-agent: *\nDisallow: /\nUser-agent: GPTBot\nAllow: /", "CCBot", False),
        # 2.2.1: groups of one crawler are put together; other records part no group.
        ("User-agent: GPTBot\nAllow: /a\nUser-agent: x\nAllow: /\nUser-agent: GPTBot\nDisallow: /",
         "GPTBot", False),
        ("User-agent: GPTBot\nSitemap: https://a.b/\nUser-agent: x\nDisallow: /", "GPTBot", False),
        ("User-agent: GPTBot\n\n\nUser-agent: x\n\nDisallow: /", "GPTBot", False),
        ("User-agent: GPTBot\nUser-agent: *\nDisallow: /", "CCBot", False),
        ("Disallow: /\nUser-agent: *\nAllow: /", "GPTBot", True),
        ("User-agent: GPTBot\n", "GPTBot", True),
        ("User-agent: *\nDisallow: /\nUser-agent: GPTBot\n", "GPTBot", True),
        # What everybody forgives.
        ("\ufeffUser-agent: *\r\nDisallow: /\r", "GPTBot", False),
        ("useragent *\ndissallow /", "GPTBot", False),
        ("User-agent: * # all\nDisallow: / # of it", "GPTBot", False),
        ("  USER-AGENT :  *  \n  DISALLOW :  /  ", "GPTBot", False),
    ],
)  # fmt: skip
def test_a_crawler_finds_its_group(text: str, crawler: str, expected: bool) -> None:
    assert allows(text, "/page", crawler) is expected


def test_sitemaps_are_kept_wherever_they_stand() -> None:
    text = "Sitemap: https://a.test/1\nUser-agent: *\nDisallow: /\nsitemap https://a.test/2\n"
    assert parse_robots(text).sitemaps == ["https://a.test/1", "https://a.test/2"]


@given(
    st.binary(max_size=400),
    st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=40),
)
def test_anything_can_be_read_and_asked(text: bytes, target: str) -> None:
    assert parse_robots(text).allows("GPTBot", target) in (True, False)


PATTERNS = st.text(alphabet="ab/*$%2e", max_size=8).map(lambda text: f"/{text}")
RULES = st.lists(st.tuples(st.sampled_from(["Allow", "Disallow"]), PATTERNS), max_size=6)


@given(RULES, st.text(alphabet="ab/e", max_size=10).map(lambda text: f"/{text}"))
def test_made_up_rules_are_read_as_protego_reads_them(
    rules: list[tuple[str, str]], target: str
) -> None:
    """Of patterns where a `$` is not the end, the RFC says nothing; protego reads it twice."""
    kept = [(kind, pattern) for kind, pattern in rules if "$" not in pattern[:-1]]
    text = "User-agent: *\n" + "".join(f"{kind}: {pattern}\n" for kind, pattern in kept)
    protego = Protego.parse(text)
    assert allows(text, target) is protego.can_fetch(f"https://a.test{target}", "GPTBot")


@pytest.mark.parametrize(
    "text",
    [
        "User-agent: *\nDisallow: /" + "a*" * 200_000,
        "User-agent: *\n" + "Disallow: /a\n" * 150_000,
        "User-agent: a\n" * 150_000 + "Disallow: /",
        "\0" * 1_000_000,
        "x" * (LONGEST + 10) + "\nUser-agent: *\nDisallow: /",
        "User-agent: " + "x" * 1_000_000,
    ],
)
def test_a_hostile_file_is_read_all_the_same(text: str) -> None:
    robots = parse_robots(text)
    assert robots.allows("GPTBot", "/" + "a" * 2000) in (True, False)


def test_only_the_beginning_of_an_endless_file_is_read() -> None:
    text = "User-agent: *\nDisallow: /a\n#".ljust(LONGEST + 5, "x") + "\nDisallow: /\n"
    assert parse_robots(text).allows("GPTBot", "/b")
    assert not parse_robots(text.encode()).allows("GPTBot", "/a")


def test_real_files_are_read_as_protego_reads_them(shared_data: Path) -> None:
    """Every thirtieth of 4,231; the whole is benchmarks/gate/robots.py's to compare."""
    compared = 0
    with tarfile.open(shared_data / "gate" / "protego-robots.tar.gz") as archive:
        for member in archive.getmembers()[::30]:
            file = archive.extractfile(member) if "/test_data/" in member.name else None
            if file is None:
                continue
            body = file.read()
            theirs, ours = Protego.parse(body.decode("utf-8-sig", "replace")), parse_robots(body)
            for path in ("/", "/index.html", "/a/b.php?x=1", "/search?q=%E3%81%82", "/private/"):
                for crawler in CRAWLERS:
                    expected = theirs.can_fetch(f"https://a.test{path}", crawler)
                    assert ours.allows(crawler, path) is expected, (member.name, path, crawler)
                    compared += 1
    assert compared > 2000
