"""The report as text, JSON and one page: complete, readable, harmless whatever is logged."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import html5lib
import pytest
from click.testing import CliRunner

from shiomi.cli.exits import Exit
from shiomi.cli.gate.report import report
from shiomi.gate.errors import DataError
from shiomi.gate.identity import load_tables
from shiomi.gate.policy import Policy
from shiomi.gate.report.access_log import Hit, Reading, read_hits
from shiomi.gate.report.page import report_page
from shiomi.gate.report.summary import Summary, summarise
from shiomi.gate.report.text import no_log_text, printable, report_text, size_text
from shiomi.gate.state.memory import MemoryState

NOON = 1_800_000_000
HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(1)>\x1b[2J\u202e'
LINE = '{} - - [17/May/2015:10:05:{:02} +0000] "GET {} HTTP/1.1" 200 {} "-" "{}"\n'


def hostile_summary() -> Summary:
    hits = [
        Hit(HOSTILE, NOON, "GET", f"/{HOSTILE}", 200, 10, HOSTILE, HOSTILE),
        Hit("192.0.2.1", NOON + 90_000, "GET", "/feed", 200, 5000, "", f"Twitterbot/1.0 {HOSTILE}"),
    ]
    return summarise(hits, Policy(), load_tables(), MemoryState(clients=1000))


def elements(page: str) -> list[str]:
    return [node.tag for node in html5lib.parse(page, namespaceHTMLElements=False).iter("*")]


def test_the_page_holds_no_markup_of_the_log_and_no_script() -> None:
    reading = Reading(lines=3, bad_lines=1, bad_samples=[HOSTILE], broken_files=[HOSTILE])
    page = report_page(hostile_summary(), reading)
    found = elements(page)
    assert "script" not in found
    assert "img" not in found
    assert "\x1b" not in page
    assert "\u202e" not in page
    assert "&lt;script&gt;" in page


def test_the_page_fetches_nothing() -> None:
    page = report_page(hostile_summary(), Reading())
    assert "http" not in page.partition("</style>")[0]
    assert not {"link", "iframe", "object", "embed"} & set(elements(page))


def test_the_page_shows_a_plot_with_words_for_those_who_do_not_see_it() -> None:
    page = report_page(hostile_summary(), Reading())
    assert page.count('role="img"') == 2
    assert 'aria-label="Requests per hour by purpose, at most 1"' in page


def test_the_text_moves_no_terminal() -> None:
    lines = report_text(hostile_summary(), Reading(bad_lines=1, bad_samples=[HOSTILE]))
    assert all(line.isprintable() for line in lines)


def test_an_empty_log_is_said_to_be_empty() -> None:
    assert report_text(Summary(), Reading()) == ["No request was found in the log."]
    assert "No request was found" in report_page(Summary(), Reading())


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (2.5e9, "2.5 GB"), (7e15, "7000.0 TB")],
)
def test_sizes_are_decimal(size: float, text: str) -> None:
    assert size_text(size) == text


def test_long_text_is_cut() -> None:
    assert printable("x" * 500, 10) == "xxxxxxxxx…"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "access.log"
    lines = [LINE.format("192.0.2.1", n, f"/{n}", 10**6, "GPTBot/1.2") for n in range(30)]
    lines += [
        LINE.format("198.51.100.1", n, f"/{n}", 10, "Mozilla/5.0 Firefox/140.0") for n in range(9)
    ]
    path.write_text("".join(lines), encoding="utf-8")
    return path


def test_the_command_says_who_came_and_what_it_cost(log: Path) -> None:
    done = CliRunner().invoke(report, [str(log), "--per-gb", "1000"])
    assert done.exit_code == Exit.DONE
    assert "39 requests, 30.0 MB, cost 30.00" in done.stdout
    assert "GPTBot" in done.stdout
    assert "refused 30" in done.stdout


def test_the_command_speaks_json(log: Path) -> None:
    done = CliRunner().invoke(report, [str(log), "--json"])
    told = json.loads(done.stdout)
    assert told["requests"] == 39
    assert told["clients"][0]["name"] == "GPTBot"
    assert told["clients"][0]["verdicts"] == {"deny": 30}
    assert told["hours"][0]["requests"]["ai-training"] == 30
    assert told["cost"] is None


def test_the_command_writes_one_page(log: Path, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    done = CliRunner().invoke(report, [str(log), "--html", str(page)])
    assert done.exit_code == Exit.DONE
    assert "GPTBot" in page.read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("content", "shown"),
    [
        (b"hello\nworld\n", ":1: hello"),
        (b'{"ip": "192.0.2.1", "status": 200}\n', ':1: {"ip": "192.0.2.1"'),
        (b"\xfd7zXZ\x00\x00\x04\x1b[2J", ":1: \\xfd7zXZ"),
        (gzip.compress(b"hello\n" * 5000, mtime=0), ":1: hello"),
    ],
)
@pytest.mark.parametrize("form", [[], ["--json"], ["--html", "report.html"]])
def test_what_is_no_access_log_is_refused_with_its_first_line_and_what_is_understood(
    content: bytes, shown: str, form: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("garbage.log").write_bytes(content)
    done = CliRunner().invoke(report, ["garbage.log", *form])
    assert isinstance(done.exception, DataError)
    said = str(done.exception)
    assert f"garbage.log{shown}" in said
    assert all(line.isprintable() for line in said.splitlines())
    assert "common or combined" in said
    assert done.stdout == ""
    assert not Path("report.html").exists()


def test_lines_of_a_log_among_others_are_reported_and_the_others_counted(log: Path) -> None:
    log.write_bytes(b"hello\n" * 50 + log.read_bytes())
    done = CliRunner().invoke(report, [str(log), "--json"])
    assert done.exit_code == Exit.DONE
    told = json.loads(done.stdout)
    assert (told["requests"], told["log"]["bad_lines"]) == (39, 50)


def test_a_log_without_a_line_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "empty.log").touch()
    done = CliRunner().invoke(report, [str(tmp_path / "empty.log")])
    assert done.exit_code == Exit.DONE
    assert done.stdout == "No request was found in the log.\n"


def test_the_lines_that_are_said_to_be_understood_are(tmp_path: Path) -> None:
    said = no_log_text(Reading(lines=1, bad_lines=1, bad_samples=["hello"]))
    examples = [line for line in said.splitlines() if "GET" in line]
    for front, behind in (("", ""), ("www.example.org:443 ", ' 0.003 "gzip"')):
        lines = [f"{front}{line.strip()}{behind}" for line in examples]
        path = tmp_path / "access.log"
        path.write_text("\n".join(lines), encoding="utf-8")
        reading = Reading()
        assert len(list(read_hits([path], reading))) == 2
        assert reading.without_user_agent == 1


def test_files_are_read_in_the_order_of_their_times(log: Path, tmp_path: Path) -> None:
    later = tmp_path / "a-later.log"
    later.write_text(LINE.format("192.0.2.1", 59, "/", 10, "GPTBot/1.2"), encoding="utf-8")
    done = CliRunner().invoke(report, [str(later), str(log), "--json"])
    told = json.loads(done.stdout)
    assert told["begins"] < told["ends"]
    assert told["requests"] == 40


def test_a_log_that_breaks_off_is_reported_as_far_as_it_goes(log: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.log.gz"
    broken.write_bytes(gzip.compress(log.read_bytes() * 100)[:-20])
    done = CliRunner().invoke(report, [str(broken)])
    assert done.exit_code == Exit.PARTLY
    assert "Read only up to an error" in done.stdout
    assert "GPTBot" in done.stdout
