"""Seconds from asking for a page to having it, through the challenge and without a gate.

    python -m benchmarks.gate.clients [--rounds N]

Chromium (the machine's own, driven by Playwright; JavaScript on and off) opens a page of the test
site in a fresh context, so that every round passes the challenge once. Firefox ESR is started again
for each page, and its start is in the figure: the difference is what counts. The bar is 3 s.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import time
from pathlib import Path
from statistics import median

from playwright.sync_api import Browser, sync_playwright

from tests.gate.clients.test_browsers import QUIET
from tests.gate.servers import needs, python_server

GATED = "tests.gate.clients.site:app"
PLAIN = "tests.gate.clients.site:site"


def chromium_seconds(browser: Browser, url: str, *, scripts: bool) -> float:
    """One visit in a fresh context."""
    context = browser.new_context(java_script_enabled=scripts)
    page = context.new_page()
    begun = time.perf_counter()
    page.goto(f"{url}/page/7")
    page.wait_for_selector("#next")
    seconds = time.perf_counter() - begun
    context.close()
    return seconds


def firefox_seconds(url: str, folder: Path, *, scripts: bool) -> float:
    """From the start of Firefox to the page's style sheet, by the site's own log."""
    log = folder / "site.jsonl"
    log.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory() as profile:
        settings = f'user_pref("javascript.enabled", {str(scripts).lower()});'
        (Path(profile) / "user.js").write_text(settings, encoding="utf-8")
        command = [needs("firefox-esr"), "--headless", "--no-remote", "--profile", profile]
        begun = time.time()
        process = subprocess.Popen(
            [*command, f"{url}/page/7"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            while time.time() - begun < 60:
                lines = log.read_text("utf-8").splitlines() if log.exists() else []
                times = {one["path"]: one["time"] for one in map(json.loads, lines)}
                if "/style.css" in times:
                    return float(times["/style.css"]) - begun
                time.sleep(0.05)
        finally:
            process.kill()
            process.wait()
    raise SystemExit("Firefox did not come to the page within 60 s")


def main(rounds: int) -> None:
    """Print medians and the slowest."""
    print(f"{'seconds to the page':<34}{'gate: median':>14}{'slowest':>9}{'no gate':>9}")
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        environment = {"SITE_LOG": str(folder / "site.jsonl")}
        browser = playwright.chromium.launch(executable_path=needs("chromium"), args=QUIET)
        with (
            python_server(GATED, folder, environment=environment) as gated,
            python_server(PLAIN, folder, environment=environment) as plain,
        ):
            for scripts in (True, False):
                words = f"JavaScript {'on' if scripts else 'off'}"
                pairs = [
                    [chromium_seconds(browser, one.url, scripts=scripts) for one in (gated, plain)]
                    for _ in range(rounds)
                ]
                _row(f"Chromium, {words}", pairs)
                pairs = [
                    [firefox_seconds(one.url, folder, scripts=scripts) for one in (gated, plain)]
                    for _ in range(max(2, rounds // 4))
                ]
                _row(f"Firefox with its start, {words}", pairs)
        browser.close()


def _row(name: str, pairs: list[list[float]]) -> None:
    gated, plain = zip(*pairs, strict=True)
    print(f"{name:<34}{median(gated):>14.2f}{max(gated):>9.2f}{median(plain):>9.2f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    main(parser.parse_args().rounds)
