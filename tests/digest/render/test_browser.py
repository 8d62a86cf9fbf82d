"""The pages in a real browser (Chromium) and in lynx; skipped where these are not installed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from shiomi.digest.document import Digest
from shiomi.digest.languages import Language
from shiomi.digest.publishing import publish
from shiomi.digest.render import render_site

pytestmark = pytest.mark.process

CHROMIUM = next(filter(None, map(shutil.which, ["chromium", "chromium-browser"])), None)
LYNX = shutil.which("lynx")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on PATH")
needs_lynx = pytest.mark.skipif(LYNX is None, reason="no lynx on PATH")

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
]

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


class Browser:
    """Chromium over its debugging pipe: messages of JSON, each ended by a zero byte."""

    def __init__(self, profile: Path) -> None:
        assert CHROMIUM is not None
        read_in, self._write = os.pipe()
        self._read, write_out = os.pipe()
        command = [CHROMIUM, *FLAGS, f"--user-data-dir={profile}", "about:blank"]
        self._process = subprocess.Popen(
            ["bash", "-c", f'exec 3<&{read_in} 4>&{write_out}; exec "$@"', "bash", *command],
            pass_fds=(read_in, write_out),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(read_in)
        os.close(write_out)
        self._rest = b""
        self._last = 0
        self.events: list[dict[str, Any]] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = None
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Network", "Log", "Runtime"):
            self.call(f"{domain}.enable")

    _session: str | None = None

    def call(self, method: str, **params: object) -> dict[str, Any]:
        self._last += 1
        message = {"id": self._last, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == self._last:
                assert "error" not in answer, answer
                return dict(answer["result"])
            self.events.append(answer)

    def _receive(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            part = os.read(self._read, 1 << 16)
            assert part, "the browser ended"
            self._rest += part
        message, _, self._rest = self._rest.partition(b"\0")
        return dict(json.loads(message))

    def open(self, path: Path, *, width: int, dark: bool = False) -> None:
        self.events.clear()
        self._width = width
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=900,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.call("Page.navigate", url=path.as_uri())
        while not any(one.get("method") == "Page.loadEventFired" for one in self.events):
            self.events.append(self._receive())

    def inspect(self) -> dict[str, Any]:
        value = self.call(
            "Runtime.evaluate", expression=INSPECT.replace("WIDTH", str(self._width))
        )["result"]["value"]
        return dict(json.loads(value))

    def close(self) -> None:
        os.close(self._write)
        os.close(self._read)
        self._process.kill()
        self._process.wait()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    one = Browser(tmp_path_factory.mktemp("profile"))
    yield one
    one.close()


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


PAGES = ["2025-11-16.html", "index.html", "en/2025-11-16.html", "long/2025-11-16.html"]


@needs_chromium
@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [320, 360, 390, 1280])
@pytest.mark.parametrize("page", PAGES)
def test_a_page_fits_reads_and_asks_for_nothing(
    page: str, width: int, dark: bool, browser: Browser, site: Path
) -> None:
    browser.open(site / page, width=width, dark=dark)
    seen = browser.inspect()
    assert (seen["wide"], seen["inner"], seen["width"]) == ([], width, width)
    assert seen["poor"] == []
    assert seen["scripts"] == 0
    requested = [
        one["params"]["request"]["url"]
        for one in browser.events
        if one.get("method") == "Network.requestWillBeSent"
    ]
    assert [url for url in requested if not url.startswith("data:")] == [(site / page).as_uri()]
    said = [
        one
        for one in browser.events
        if one.get("method")
        in ("Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown")
    ]
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
