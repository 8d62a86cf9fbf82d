"""The command line, run as a user runs it: in an empty folder, as a process of its own."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.resources import as_file
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from shiomi.cli import shiomi
from shiomi.cli.exits import Exit
from shiomi.digest.config import Config, WriterConfig, load_config
from shiomi.sample import sample_files

Run = Callable[..., subprocess.CompletedProcess[str]]


def walked(
    command: click.Command, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """The command and all that are under it, however deep, with the words that call each."""
    yield path, command
    if isinstance(command, click.Group):
        for name, below in command.commands.items():
            yield from walked(below, (*path, name))


def runs_by_itself(command: click.Command) -> bool:
    """Whether the command does something of its own, and not only leads to others."""
    return not isinstance(command, click.Group) or command.invoke_without_command


COMMANDS = dict(walked(shiomi))
# One writes a file, the other answers by HTTP until it is stopped.
SILENT = {("init",), ("mcp",), ("run",), ("serve",), ("gate", "serve")} | {
    ("link", name) for name in ("join", "split", "undo", "export")
}
REPORTING = [p for p, command in COMMANDS.items() if runs_by_itself(command) and p not in SILENT]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs `shiomi ARGS` in an empty folder."""

    def call(*args: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-W", "error", "-m", "shiomi.cli", *args]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    return call


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_has_help_that_teaches(path: tuple[str, ...]) -> None:
    done = CliRunner().invoke(shiomi, [*path, "--help"])
    assert done.exit_code == Exit.DONE
    assert len(done.output.splitlines()) > 6


@pytest.mark.process
def test_help_is_the_same_in_a_process_of_its_own(run: Run) -> None:
    done = run("digest", "check", "--help")
    assert done.returncode == Exit.DONE
    assert done.stderr == ""
    assert "contradicts" in done.stdout


def test_every_option_says_what_it_does() -> None:
    options = [
        (*path, option.name)
        for path, command in COMMANDS.items()
        for option in command.params
        if isinstance(option, click.Option) and not option.help
    ]
    assert options == []


@pytest.mark.parametrize("path", REPORTING, ids=" ".join)
def test_every_command_that_reports_speaks_json(path: tuple[str, ...]) -> None:
    assert "--json" in [name for option in COMMANDS[path].params for name in option.opts]


@pytest.mark.process
def test_the_help_imports_nothing_heavy() -> None:
    code = (
        "import sys, shiomi.cli\n"
        "print(*[m for m in ('numpy', 'torch', 'httpx2', 'jinja2', 'msgspec', 'rich', 'sqlite3',"
        " 'shiomi.digest.archive') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


@pytest.mark.process
def test_init_writes_a_file_that_says_the_defaults(run: Run, tmp_path: Path) -> None:
    assert run("init").returncode == Exit.DONE
    config = load_config(tmp_path / "shiomi.toml")
    writer = WriterConfig(models=tmp_path / "models")
    defaults = Config(archive=tmp_path / "shiomi.sqlite3", out=tmp_path / "public", writer=writer)
    assert config == defaults


@pytest.mark.process
def test_init_does_not_write_over_a_file(run: Run, tmp_path: Path) -> None:
    (tmp_path / "shiomi.toml").write_text("mine")
    done = run("init")
    assert done.returncode == Exit.FAILED
    assert "--force" in done.stderr
    assert (tmp_path / "shiomi.toml").read_text() == "mine"


@pytest.mark.process
@pytest.mark.parametrize("command", [["collect"], ["digest"], ["search", "x"], ["status"]])
def test_without_a_configuration_the_remedy_is_named(run: Run, command: list[str]) -> None:
    done = run(*command)
    assert done.returncode == Exit.FAILED
    assert "shiomi init" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.process
def test_an_unknown_command_is_a_usage_error(run: Run) -> None:
    assert run("digset").returncode == Exit.USAGE


@pytest.mark.process
def test_a_digest_of_an_empty_archive_says_what_to_do(run: Run, tmp_path: Path) -> None:
    run("init")
    assert run("import", "nothing.jsonl").returncode == Exit.FAILED
    done = run("digest", "--week", "2020-12-06")
    assert done.returncode == Exit.FAILED
    assert "shiomi collect" in done.stderr
    assert not list(tmp_path.glob("public/*"))


@pytest.mark.process
def test_what_is_exported_is_imported_to_the_same(run: Run, tmp_path: Path) -> None:
    run("init")
    for resource in sample_files():
        with as_file(resource) as path:
            assert run("import", str(path)).returncode == Exit.DONE
    assert run("export", "one.jsonl.gz", "--since", "2020-12-10").returncode == Exit.DONE
    (tmp_path / "shiomi.sqlite3").unlink()
    assert run("import", "one.jsonl.gz").returncode == Exit.DONE
    assert run("export", "two.jsonl.gz").returncode == Exit.DONE
    one, two = (
        gzip.decompress((tmp_path / name).read_bytes()) for name in ("one.jsonl.gz", "two.jsonl.gz")
    )
    assert one == two
    assert one.count(b"\n") > 500


@pytest.mark.process
def test_json_output_is_one_document(run: Run) -> None:
    run("init")
    run("import", "nothing.jsonl")  # makes the empty archive
    assert json.loads(run("status", "--json").stdout)
    assert json.loads(run("search", "--json", "規制").stdout) == []


@pytest.mark.process
def test_a_reader_that_goes_away_is_no_failure(run: Run, tmp_path: Path) -> None:
    run("init")
    with as_file(sample_files()[-1]) as path:
        run("import", str(path))
    command = (
        f"{sys.executable} -m shiomi.cli search --limit 1000 a | head -1; exit ${{PIPESTATUS[0]}}"
    )
    done = subprocess.run(
        ["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == Exit.DONE
    assert done.stderr == ""


@pytest.mark.process
def test_what_is_the_users_own_is_not_written_over(run: Run, tmp_path: Path) -> None:
    run("init")
    run("import", "nothing.jsonl")
    before = (tmp_path / "shiomi.sqlite3").read_bytes(), (tmp_path / "shiomi.toml").read_bytes()
    assert run("export", "shiomi.sqlite3", "--force").returncode == Exit.USAGE
    assert run("export", "shiomi.toml", "--force").returncode == Exit.USAGE
    assert run("demo", "--out", ".").returncode == Exit.USAGE
    (tmp_path / "mine.jsonl").write_text("mine")
    assert run("export", "mine.jsonl").returncode == Exit.USAGE
    assert (tmp_path / "mine.jsonl").read_text() == "mine"
    after = (tmp_path / "shiomi.sqlite3").read_bytes(), (tmp_path / "shiomi.toml").read_bytes()
    assert after == before


@pytest.mark.process
def test_a_file_with_bad_lines_is_imported_in_part_and_said_so(run: Run, tmp_path: Path) -> None:
    run("init")
    thread = {
        "community": "lobsters",
        "id": "abc123",
        "title": "\u001b[2JA tide",
        "created": 1_607_000_000,
        "link": "https://lobste.rs/s/abc123",
    }
    (tmp_path / "part.jsonl").write_text(json.dumps(thread) + '\n{"community": 3}\n')
    assert run("import", "part.jsonl").returncode == Exit.PARTLY
    (tmp_path / "none.jsonl").write_text('{"community": 3}\n')
    assert run("import", "none.jsonl").returncode == Exit.FAILED
    found = run("search", "tide")
    assert "A tide" in found.stdout
    assert "\x1b" not in found.stdout + run("status").stdout


@pytest.mark.process
def test_an_option_of_the_group_before_its_command_is_refused(run: Run, tmp_path: Path) -> None:
    (tmp_path / "digest.md").write_text("# 海外コミュニティ動向 - 2020-12-06")
    done = run("digest", "--json", "check", "digest.md")
    assert done.returncode == Exit.USAGE
    assert "--json must be after `check`" in done.stderr


@pytest.mark.process
def test_a_week_that_has_not_begun_is_refused(run: Run) -> None:
    run("init")
    run("import", "nothing.jsonl")
    done = run("digest", "--week", "2999-01-01")
    assert done.returncode == Exit.FAILED
    assert "has not begun" in done.stderr
