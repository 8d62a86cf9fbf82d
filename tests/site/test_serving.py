"""`shiomi serve` as a process, with its default gate: who reads, who does not."""

from __future__ import annotations

import re
import socket
import time
from pathlib import Path

import httpx2
import pytest

pytest.importorskip("uvicorn")
pytest.importorskip("re2")

pytestmark = pytest.mark.process

FIREFOX = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "Accept-Language": "ja,en;q=0.5",
    "Accept-Encoding": "gzip",
    "Sec-Fetch-Dest": "document",
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-Site": "none",
}


@pytest.mark.parametrize("agent", ["GPTBot/1.2", "ClaudeBot/1.0", "CCBot/2.0", "Scrapy/2.11"])
@pytest.mark.parametrize("path", ["/2020-12-13", "/atom.xml", "/search?q=rust", "/api/v1/digests"])
def test_a_named_crawler_gets_nothing_of_the_site(served: str, agent: str, path: str) -> None:
    if agent.startswith("Scrapy") and path in ("/atom.xml", "/api/v1/digests"):
        return  # a library may read feeds and the API, within their budgets
    response = httpx2.get(served + path, headers={"User-Agent": agent})
    assert response.status_code == 403
    assert "OpenSSL" not in response.text


def test_a_browser_reads_after_one_challenge_whichever_worker_answers(served: str) -> None:
    with httpx2.Client(base_url=served, headers=FIREFOX, follow_redirects=True) as browser:
        first = browser.get("/2020-12-13")
        assert first.status_code == 403
        seconds, _, target = first.headers["refresh"].partition("; url=")
        time.sleep(int(seconds))
        assert target.startswith("/.gate/")
        assert "OpenSSL" in browser.get(target).text
        for _ in range(20):
            assert browser.get("/2020-12-13").status_code == 200
        assert browser.get("/search?q=rust").status_code == 200


def test_feed_readers_and_probes_are_not_challenged(served: str) -> None:
    agent = {"User-Agent": "newsboat/2.30 (Linux x86_64)"}
    assert httpx2.get(f"{served}/atom.xml", headers=agent).status_code == 200
    assert httpx2.get(f"{served}/healthz").text == "ok\n"
    assert "GPTBot" in httpx2.get(f"{served}/robots.txt").text


def test_an_address_in_raw_utf_8_is_answered_and_a_broken_request_gets_a_reason(
    served: str,
) -> None:
    def answer(line: str) -> str:
        host, _, port = served.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port)), 30) as connection:
            headers = "Host: x\r\nUser-Agent: newsboat/2.30\r\nConnection: close\r\n\r\n"
            connection.sendall(f"{line}\r\n{headers}".encode())
            return b"".join(iter(lambda: connection.recv(65536), b"")).decode()

    found = answer("GET /search.atom?q=脆弱性 HTTP/1.1")
    assert found.startswith("HTTP/1.1 200")
    assert "A critical vulnerability in OpenSSL" in found
    assert answer("GET /脆 HTTP/1.1").startswith("HTTP/1.1 4")
    refused = answer("GET /\x01 HTTP/1.1")
    assert refused.startswith("HTTP/1.1 400")
    assert "percent-encode them" in refused


def test_search_is_counted_by_a_budget(served: str) -> None:
    answers = [httpx2.get(f"{served}/search.atom?q=rust").status_code for _ in range(80)]
    assert answers[0] == 200
    assert 429 in answers


def test_the_counts_of_both_workers_are_at_the_metrics_address(served: str, filled: Path) -> None:
    address = (filled.parent / "metrics").read_text()
    for _ in range(20):
        httpx2.get(f"{served}/2020-12-13", headers={"User-Agent": "GPTBot/1.2"})
    for _ in range(600):
        text = httpx2.get(address).text
        found = re.search(r'clients_total{client="GPTBot",verdict="deny"} (\d+)', text)
        if found and int(found[1]) >= 20:
            break
        time.sleep(0.1)
    else:
        pytest.fail(text)
    assert httpx2.get(f"{served}/metrics").status_code != 200
