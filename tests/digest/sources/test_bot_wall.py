"""Bot walls: saved pages of walls are recognised, ordinary pages are not refused."""

from __future__ import annotations

import gzip
import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shiomi.digest.sources.bot_wall import bot_wall, load_walls

DATA = Path(__file__).parents[2] / "data"
WALLS: dict[str, dict[str, Any]] = tomllib.loads(
    (DATA / "bot_walls" / "walls.toml").read_text("utf-8")
)


def ordinary_pages() -> list[dict[str, str]]:
    with gzip.open(DATA / "ordinary_pages.jsonl.gz", "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def page_of(name: str) -> str:
    return (DATA / "bot_walls" / f"{name}.html").read_text("utf-8")


def test_a_saved_wall_is_recognised_by_its_name() -> None:
    recognised = {
        name: bot_wall(wall["status"], wall.get("headers", {}), page_of(name))
        for name, wall in WALLS.items()
    }
    assert recognised == {name: wall["wall"] for name, wall in WALLS.items()}


def test_walls_and_their_pages_belong_together() -> None:
    assert {file.stem for file in (DATA / "bot_walls").glob("*.html")} == set(WALLS)
    assert len(WALLS) >= 30


def test_a_wall_is_recognised_when_its_server_says_200() -> None:
    names = [name for name in WALLS if not name.startswith("plain_")]
    assert [name for name in names if bot_wall(200, {}, page_of(name)) is None] == []


def test_no_ordinary_page_is_refused() -> None:
    pages = ordinary_pages()
    assert len({page["html"] for page in pages}) >= 200
    refused = {page["origin"]: bot_wall(200, {}, page["html"]) for page in pages}
    assert {origin: wall for origin, wall in refused.items() if wall} == {}


def test_ordinary_pages_state_origin_and_licence() -> None:
    assert all(page["origin"] and page["licence"] for page in ordinary_pages())


def test_the_page_that_reddit_gives_to_feed_readers_is_a_wall(shared_data: Path) -> None:
    for file in (shared_data / "digest" / "payloads" / "reddit_blocked").glob("*.html"):
        assert bot_wall(403, {}, file.read_text("utf-8")) == "Reddit"
        assert bot_wall(200, {}, file.read_text("utf-8")) == "Reddit"


def test_a_header_alone_can_say_that_it_is_a_wall() -> None:
    assert bot_wall(200, {"CF-Mitigated": "challenge"}, "<p>x</p>") == "Cloudflare challenge"
    assert bot_wall(200, {"X-Vercel-Mitigated": "deny"}, "") == "Vercel checkpoint"


@pytest.mark.parametrize("status", [301, 304, 403, 404, 410, 429, 451, 500, 503, 999])
def test_a_status_that_is_no_success_is_never_content(status: int) -> None:
    article = "<article><p>" + "A sentence of an article. " * 50 + "</p></article>"
    assert bot_wall(status, {}, article) == f"HTTP {status}"
    assert bot_wall(200, {}, article) is None


@pytest.mark.parametrize(
    "html",
    [
        "<a " * 100_000,
        '<a href="' * 50_000,
        "<noscript>" * 50_000,
        "<!--" * 100_000,
        "<script>" * 50_000,
        "&" * 500_000,
        "<" * 500_000,
        '<form action="index" ' * 20_000,
        "<p " + "window._pxAppId " * 30_000 + ">",
        "\x00\ud800\u202e" * 1000,
    ],
)
def test_hostile_markup_is_answered(html: str) -> None:
    assert bot_wall(200, {}, html) is not None  # none of them shows anything


@given(st.text(), st.integers(100, 999), st.dictionaries(st.text(max_size=9), st.text(max_size=9)))
def test_any_answer_is_judged(html: str, status: int, headers: dict[str, str]) -> None:
    wall = bot_wall(status, headers, html)
    assert wall is None or wall
    if not 200 <= status < 300:
        assert wall is not None


def test_every_wall_of_the_table_can_be_recognised_somehow() -> None:
    for wall in load_walls():
        assert wall.header or wall.code or wall.page or (wall.title and wall.text), wall.name
        assert not wall.title or wall.text, wall.name
