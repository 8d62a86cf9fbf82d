"""The pages in a real browser (Chromium) and in lynx; skipped where these are not installed."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Page

from shiomi.digest.document import Digest
from shiomi.digest.languages import Language
from shiomi.digest.publishing import publish
from shiomi.digest.render import render_site
from tests.chromium import chromium

pytestmark = pytest.mark.process

LYNX = shutil.which("lynx")
needs_lynx = pytest.mark.skipif(LYNX is None, reason="no lynx on PATH")

# The contrast of every text with what lies behind it (WCAG 2.2, 1.4.3), and what sticks out.
INSPECT = """(() => {
  const parse = c => { const m = c.match(/[\\d.]+/g).map(Number);
    return [...m.slice(0, 3), m[3] ?? 1]; };
  const lum = c => { const [r, g, b] = c.slice(0, 3).map(v => { v /= 255;
    return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const behind = e => { for (; e; e = e.parentElement) {
    const c = parse(getComputedStyle(e).backgroundColor); if (c[3] > 0) return c; }
    return [255, 255, 255, 1]; };
  const poor = [], wide = [];
  for (const e of document.body.querySelectorAll('*')) {
    const own = [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim());
    if (own && !e.closest('svg')) {
      const [a, b] = [lum(parse(getComputedStyle(e).color)), lum(behind(e))];
      const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
      if (ratio < 4.5) poor.push([e.tagName, e.className, ratio]);
    }
    if (e.getBoundingClientRect().right > WIDTH + 0.5 && !e.closest('.skip, caption'))
      wide.push([e.tagName, e.className, e.textContent.slice(0, 40)]);
  }
  return JSON.stringify({poor, wide, width: document.documentElement.scrollWidth,
    height: document.documentElement.scrollHeight, inner: innerWidth,
    scripts: document.scripts.length, title: document.title});
})()"""


@pytest.fixture(scope="module")
def tab() -> Iterator[Page]:
    with chromium() as browser:
        yield browser.new_page()


@pytest.fixture(scope="module")
def site(
    tmp_path_factory: pytest.TempPathFactory,
    sample: Digest,
    ja: Language,
    en: Language,
    hostile: Callable[[str, str], Digest],
) -> Path:
    """Two digests, the index and the English page, and one whose every text is hard to set."""
    folder = tmp_path_factory.mktemp("site")
    older = replace(sample, week=sample.week.before(), as_of=sample.as_of - 604_800)
    publish(render_site([sample, older], ja), folder)
    publish(render_site([replace(sample, language="en")], en), folder / "en")
    long = "Donaudampfschifffahrtsgesellschaft" * 8 + " <b onclick='x()'>" + "長" * 99
    publish(render_site([hostile(long, "https://a.example/" + "x" * 300)], ja), folder / "long")
    return folder


SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
PAGES = ["2025-11-16.html", "index.html", "en/2025-11-16.html", "long/2025-11-16.html"]


@pytest.mark.parametrize("page", PAGES)
def test_a_page_fits_reads_and_asks_for_nothing(page: str, tab: Page, site: Path) -> None:
    said: list[str] = []
    asked: list[str] = []
    tab.on("console", lambda message: said.append(message.text))
    tab.on("pageerror", lambda error: said.append(str(error)))
    tab.on("request", lambda request: asked.append(request.url))
    for width, scheme in product((320, 390, 1280), SCHEMES):
        tab.set_viewport_size({"width": width, "height": 900})
        tab.emulate_media(color_scheme=scheme)
        asked.clear()
        tab.goto((site / page).as_uri())
        seen = json.loads(tab.evaluate(INSPECT.replace("WIDTH", str(width))))
        assert (seen["wide"], seen["inner"], seen["width"]) == ([], width, width)
        assert seen["poor"] == []
        assert seen["scripts"] == 0
        assert [url for url in asked if not url.startswith("data:")] == [(site / page).as_uri()]
    assert said == []


def lynx(page: Path) -> str:
    assert LYNX is not None
    command = [LYNX, "-dump", "-nolist", "-width=100", "-display_charset=utf-8", str(page)]
    return subprocess.run(command, check=True, capture_output=True, timeout=60).stdout.decode()


@needs_lynx
def test_lynx_shows_every_heading_count_and_chart_as_text(site: Path) -> None:
    text = " ".join(lynx(site / PAGES[0]).split())
    for expected in [
        "海外コミュニティ動向 - 2025-11-16",
        "Blocking LLM crawlers without JavaScript",
        "Hacker News 146 72 2025-11-16 18:04",
        "Reddit (r/programming) 不明 不明 不明",
        "2025-11-16 18:04 JSTに146ポイント。",
        "週ごとのスレッド数（古い順、最後が今週）: 1、2、1、2、5",
        "原文引用: Hacker News",
        "今週の技術トレンド",
        "継続ウォッチ",
    ]:
        assert expected in text


@needs_lynx
def test_lynx_takes_the_page_title_for_the_title(site: Path, tmp_path: Path) -> None:
    assert LYNX is not None
    shutil.copy(site / PAGES[0], tmp_path / "page.html")
    crawled = subprocess.run(
        [LYNX, "-crawl", "-dump", "-display_charset=utf-8", str(tmp_path / "page.html")],
        check=True,
        capture_output=True,
        timeout=60,
        cwd=tmp_path,
    ).stdout.decode()
    assert "THE_TITLE:海外コミュニティ動向 - 2025-11-16" in crawled
