"""`shiomi rig`, run as a user runs it: in an empty folder, with right and with wrong input."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from shiomi.cli import shiomi
from shiomi.cli.exits import Exit
from shiomi.cli.rig.planning import Amount
from shiomi.rig.buy.catalog import load_catalog
from shiomi.rig.buy.parts import GraphicsCard
from shiomi.rig.errors import RigError
from tests.loopback import QuietHandler, loopback
from tests.rig.gguf_files import llama

PC = ("--simulate", "RTX 3090 x2, 64 GB")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs `shiomi rig ARGS` in an empty folder; an error for people is exit code 1."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLUMNS", raising=False)

    def call(*args: str) -> Result:
        done = CliRunner().invoke(shiomi, ["rig", *args])
        if isinstance(done.exception, RigError):
            done.exit_code = Exit.FAILED
        elif done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done

    return call


def said(done: Result) -> str:
    """What the user reads, wherever it was printed."""
    return f"{done.output}{done.exception or ''}"


@pytest.mark.process
def test_the_commands_import_nothing_heavy_before_they_run() -> None:
    code = (
        "import sys, shiomi.cli.rig\n"
        "print(*[m for m in ('numpy', 'scipy', 'httpx2', 'jinja2', 'pynvml',"
        " 'shiomi.rig.estimate.speed')"
        " if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


@pytest.mark.process
def test_without_the_solver_the_remedy_is_named() -> None:
    code = (
        "import sys; sys.modules['scipy.sparse'] = None; sys.modules['scipy.optimize'] = None\n"
        "from shiomi.cli import main\n"
        "sys.argv = ['shiomi', 'rig', 'upgrade', '--budget', '300000', '--have', 'Ryzen 5 5500']\n"
        "main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == Exit.FAILED
    assert "docs/install.md" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.process
def test_fit_imports_neither_numpy_nor_scipy() -> None:
    code = (
        "import sys\nfrom click.testing import CliRunner\nfrom shiomi.cli import shiomi\n"
        "CliRunner().invoke(shiomi, ['rig', 'fit', '--simulate', 'RTX 3090'])\n"
        "print(*[m for m in ('numpy', 'scipy', 'httpx2', 'jinja2', 'torch') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


@pytest.mark.slow
def test_detect_reads_this_machine_and_its_file_is_the_machine(run: Any, tmp_path: Path) -> None:
    assert "memory" in run("detect").output
    described = run("detect", "--json").output
    (tmp_path / "mine.json").write_text(described)
    (tmp_path / "dump.json").write_text(run("detect", "--dump").output)
    for file in ("mine.json", "dump.json"):
        again = json.loads(run("fit", "--machine", file, "--json").output)
        assert again["machine"] == json.loads(described)["name"]
    assert "メモリ" in run("detect", "--lang", "ja").output


def test_detect_measures_the_disk_on_a_file(run: Any, tmp_path: Path) -> None:
    (tmp_path / "model").write_bytes(bytes(64 * 2**20))
    assert json.loads(run("detect", "--time-file", "model", "--json").output)["disk_read_gb_s"] > 0
    (tmp_path / "small").write_bytes(b"x")
    done = run("detect", "--time-file", "small")
    assert done.exit_code == Exit.FAILED
    assert "64 MB" in said(done)


@pytest.mark.slow
def test_fit_shows_models_with_bounds_and_the_best_of_them(run: Any) -> None:
    done = run("fit", *PC)
    assert done.exit_code == Exit.DONE
    assert re.search(
        r"Qwen3.6-27B +Q\d_\w+ +\d\d\.\d +[12] GPU +\d+\.\d +\d+\.\d \(\d", done.output
    )
    assert "Best model for each use" in done.output
    assert len(run("fit", *PC, "--all").output) > len(done.output)
    assert "用途ごとの最良" in run("fit", *PC, "--lang", "ja").output


@pytest.mark.slow
@pytest.mark.parametrize(
    ("args", "text"),
    [
        (("train", "--simulate", "64 GB"), "CPUでの学習は計算に入れていない"),
        (("writer", "--simulate", "RTX 3090", "--deadline", "0.01"), "書けるモデルがない"),
        (("plan", "--budget", "9"), "9円で買えるマシンはない"),
        (
            ("plan", "--budget", "30000", "--model", "deepseek-v3.1"),
            "確実に動かせるものがない",
        ),
    ],
)
def test_why_there_is_no_answer_is_said_in_the_language_asked_for(
    run: Any, args: tuple[str, ...], text: str
) -> None:
    done = run(*args, "--lang", "ja")
    assert done.exit_code == Exit.FAILED
    assert text in said(done)


@pytest.mark.slow
def test_fit_of_another_format_context_and_own_models(run: Any, tmp_path: Path) -> None:
    done = json.loads(run("fit", *PC, "--quantisation", "q8_0", "--json").output)
    assert {x["quantisation"] for x in done["models"]} == {"Q8_0"}
    longer = json.loads(run("fit", *PC, "--context", "131072", "--json").output)
    assert len(longer["models"]) < len(done["models"])
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "mine.toml").write_text('name = "Mine"\n')
    broken = run("fit", *PC, "--models", "models")
    assert broken.exit_code == Exit.FAILED
    assert "mine.toml has no source" in said(broken)


def test_fit_says_where_nothing_runs(run: Any) -> None:
    done = run("fit", "--simulate", "0.5 GB")
    assert done.exit_code == Exit.PARTLY
    assert "0 of" in done.output


@pytest.mark.slow
@pytest.mark.parametrize(
    ("args", "reason"),
    [
        (("fit", "--simulate", "RTX 3060"), "could be any of"),
        (("fit", "--simulate", "RTX 3091"), "nearest known"),
        (("fit", "--simulate", ""), "names no part"),
        (("fit", *PC, "--context", "0"), "context must be"),
        (("fit", *PC, "--users", "-1"), "users must be"),
        (("fit", *PC, "--speed", "nan"), "speeds must be"),
        (("fit", *PC, "--quantisation", "Q4_X"), "not known"),
        (("speed", "qwen3", *PC), "could be any of"),
        (("speed", "qwen9:1b", *PC), "no model"),
        (("speed", "no.gguf", *PC), "cannot be read"),
        (("speed", "qwen3:8b", *PC, "--engine", "abacus"), "engine must be"),
        (("writer", *PC, "--language", "tlh"), "no model is known to write"),
        (("writer", *PC, "--deadline", "0"), "deadline must be"),
        (("train", *PC, "--epochs", "0"), "epochs must be"),
        (("train", "G", *PC), "must be ViT-S"),
        (("check", "a part that is none"), "no part"),
        (("measure", "nonsense", "--model", "qwen3:8b", *PC), "url must be"),
        (("measure", "http://127.0.0.1:9", "--model", "qwen3:8b", *PC), "no answer"),
    ],
)
def test_what_is_wrong_is_named(run: Any, args: tuple[str, ...], reason: str) -> None:
    done = run(*args)
    assert done.exit_code == Exit.FAILED
    assert reason in said(done)


@pytest.mark.parametrize(
    "args",
    [
        ("fit", *PC, "--machine", "nothing.json"),
        ("fit", "--memory-speed", "-1"),
        ("fit", "--context", "many"),
        ("speed",),
        ("plan", "--model", "qwen3:8b"),
        ("prices", "-o", "prices.csv"),
        ("check",),
        ("measure", "http://127.0.0.1:9"),
        ("train", "--lang", "fr"),
    ],
)
def test_a_wrong_call_is_a_usage_error(run: Any, args: tuple[str, ...]) -> None:
    assert run(*args).exit_code == Exit.USAGE


def test_a_file_of_a_machine_that_is_none_is_named(run: Any, tmp_path: Path) -> None:
    (tmp_path / "m.json").write_text('{"memory_gb": 64}')
    done = run("fit", "--machine", "m.json")
    assert done.exit_code == Exit.FAILED
    assert "did you mean memory_gib?" in said(done)
    assert run("fit", "--machine", "m.json", *PC).exit_code == Exit.USAGE


def test_speed_says_every_term_and_what_is_missing(run: Any) -> None:
    done = run("speed", "gpt-oss-20b", *PC)
    assert done.exit_code == Exit.DONE
    for term in ("tok/s", "GiB", " W", "JPY/Mtok", "loading: ?", "Sources:"):
        assert term in done.output
    too_large = run("speed", "deepseek-v3.1", *PC, "--json")
    assert too_large.exit_code == Exit.PARTLY
    assert json.loads(too_large.output)["fits"] is False


@pytest.mark.slow
def test_a_model_file_is_read_and_a_broken_one_named(run: Any, tmp_path: Path) -> None:
    file = llama(tmp_path / "mine.gguf", tokens=300)
    done = json.loads(run("speed", "mine.gguf", *PC, "--context", "512", "--json").output)
    assert done["fits"] is True
    assert done["quantisation"] == "F16"
    whole = file.read_bytes()
    for cut in (0, 4, 40, len(whole) // 4):
        (tmp_path / "cut.gguf").write_bytes(whole[:cut])
        broken = run("speed", "cut.gguf", *PC)
        assert broken.exit_code == Exit.FAILED
        assert "cut.gguf" in said(broken)
    (tmp_path / "config.json").write_text('{"model_type": "llama", "num_hidden_layers": 1e9}')
    hostile = run("speed", "config.json", *PC)
    assert hostile.exit_code == Exit.FAILED
    assert "num_hidden_layers" in said(hostile)


def test_memory_speed_is_taken_where_it_is_not_found_out(run: Any) -> None:
    args = ("speed", "qwen3:8b", "--simulate", "32 GB", "--json")
    assert run(*args).exit_code == Exit.PARTLY
    done = json.loads(run(*args, "--memory-speed", "90").output)
    assert done["decode"]["value"] > 1


@pytest.mark.slow
def test_writer_and_train_report(run: Any) -> None:
    assert "should write here" in run("writer", *PC).output
    assert json.loads(run("writer", *PC, "--json").output)[0]["seconds"]["high"] <= 1800
    assert "ViT-H" in run("train", *PC).output
    assert len(json.loads(run("train", "S", *PC, "--json").output)["encoders"]) == 2


class Llama(QuietHandler):
    """Answers as llama.cpp's server does: 512 tokens read in 0.2 s, 128 written in 2 s."""

    def do_POST(self) -> None:
        timings = {"prompt_n": 512, "prompt_ms": 200, "predicted_n": 128, "predicted_ms": 2000}
        body = json.dumps({"timings": timings}).encode()
        self.body()
        self.answer(200, body)


@pytest.fixture
def llama_cpp() -> Iterator[str]:
    with loopback(Llama) as address:
        yield address


@pytest.mark.slow
def test_a_measurement_is_kept_and_narrows_the_estimates(run: Any, llama_cpp: str) -> None:
    model = ("--model", "qwen3:8b")
    done = run("measure", llama_cpp, *model, *PC, "-o", "mine.calibration")
    assert done.exit_code == Exit.DONE
    assert "64.0 tok/s" in done.output
    assert "kept in mine.calibration" in done.output
    wide = json.loads(run("speed", "qwen3:14b", *PC, "--json").output)["decode"]
    args = ("speed", "qwen3:14b", *PC, "--json", "--calibration", "mine.calibration")
    narrow = json.loads(run(*args).output)["decode"]
    assert narrow["high"] / narrow["low"] != wide["high"] / wide["low"]
    assert "measured here" in narrow["basis"]
    without = run("measure", llama_cpp, *model, "--simulate", "32 GB", "--json")
    assert without.exit_code == Exit.PARTLY
    assert json.loads(without.output)["calibration"] is None


def filled(file: Path) -> None:
    """Fill a price list in with invented prices: the better the card, the dearer."""
    catalog = load_catalog()
    with file.open(encoding="utf-8", newline="") as opened:
        rows = list(csv.DictReader(opened))
    for row in rows:
        part = catalog.parts[row["part"]]
        dear = 3_000 * (part.vram_gb or 0) if isinstance(part, GraphicsCard) else 0
        row |= {"price_jpy": str(int(15_000 + dear)), "date": "2025-11-25", "shop": "invented"}
    with file.open("w", encoding="utf-8", newline="") as opened:
        writer = csv.DictWriter(opened, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


@pytest.mark.slow
def test_from_a_model_to_prices_to_a_plan_and_an_upgrade(run: Any, tmp_path: Path) -> None:
    model = ("--model", "qwen3:32b")
    assert run("prices", *model, "-o", "prices.csv").exit_code == Exit.DONE
    again = run("prices", *model, "-o", "prices.csv")
    assert again.exit_code == Exit.FAILED
    assert "not overwritten" in again.output
    empty = run("plan", "--budget", "300000", *model, "--prices", "prices.csv")
    assert empty.exit_code == Exit.FAILED
    assert "has no price yet" in empty.output
    filled(tmp_path / "prices.csv")
    args = ("--budget", "300000", *model, "--prices", "prices.csv")
    done = run("plan", *args, "--lang", "ja")
    assert done.exit_code == Exit.DONE
    assert "証明済み" in done.output
    assert "Qwen3-32B Q4_K_M" in done.output
    best = json.loads(run("plan", *args, "--json").output)["best"]
    assert best["price"] <= 300_000
    own = [x["id"] for x in best["parts"] for _ in range(x["quantity"])]
    assert run("check", *own).exit_code == Exit.DONE
    have = [word for part in own for word in ("--have", part)]
    more = run("upgrade", "--budget", "0", *model, "--prices", "prices.csv", *have, "--json")
    assert more.exit_code == Exit.DONE
    assert json.loads(more.output)["best"]["price"] == 0


@pytest.mark.parametrize("budget", ["-1", "nan", "1e18", "many"])
def test_an_absurd_budget_is_refused(run: Any, budget: str) -> None:
    assert run("plan", "--budget", budget).exit_code == Exit.USAGE


@pytest.mark.slow
def test_prices_without_a_card_or_a_key_say_what_to_do(
    run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key in ("SHIOMI_YAHOO_CLIENT_ID", "SHIOMI_RAKUTEN_APPLICATION_ID"):
        monkeypatch.delenv(key, raising=False)
    none = run("prices", "--model", "kimi-k2.5", "-o", "prices.csv")
    assert none.exit_code == Exit.FAILED
    assert "--most-gpus" in none.output
    done = run("prices", "--model", "qwen3:8b", "-o", "prices.csv", "--shop", "yahoo")
    assert done.exit_code == Exit.FAILED
    assert "SHIOMI_YAHOO_CLIENT_ID" in said(done)


@pytest.mark.slow
def test_check_refuses_what_does_not_go_together(run: Any) -> None:
    board = "ASRock X570 Phantom Gaming 4 AMD AM4 ATX Motherboard"
    done = run("check", "AMD Ryzen 7 7700X", board)
    assert done.exit_code == Exit.FOUND
    assert "is for socket AM5" in done.output
    assert json.loads(run("check", "AMD Ryzen 7 7700X", board, "--json").output)["refused"]
    twice = run("check", "AMD Ryzen 7 7700X", "AMD Ryzen 7 7700X")
    assert twice.exit_code == Exit.FAILED
    assert "two parts of kind cpu" in said(twice)


@pytest.mark.parametrize(
    ("text", "amount", "currency"),
    [
        ("300,000", 300_000, None),
        ("¥300000", 300_000, "JPY"),
        ("30万", 300_000, None),
        ("３０万円", 300_000, "JPY"),
        ("$2,500", 2500, "USD"),
        ("1000 usd", 1000, "USD"),
        ("1000ドル", 1000, "USD"),
    ],
)
def test_an_amount_may_be_written_as_people_do(
    text: str, amount: float, currency: str | None
) -> None:
    assert Amount().convert(text, None, None) == (amount, currency)


def test_yen_that_buy_nothing_point_to_dollars(run: Any) -> None:
    assert "--currency USD" in said(run("plan", "--budget", "1000"))
    assert run("plan", "--budget", "$1000", "--currency", "JPY").exit_code == Exit.USAGE


def test_every_leaf_has_an_example_in_its_help() -> None:
    group = shiomi.commands["rig"]
    assert isinstance(group, click.Group)
    for name, command in group.commands.items():
        assert f"shiomi rig {name}" in (command.help or ""), name


@pytest.mark.slow
@pytest.mark.parametrize("command", ["check", "upgrade"])
def test_the_parts_of_a_help_page_are_parts_of_the_catalogue(run: Any, command: str) -> None:
    text = run(command, "--help").output
    examples = text[text.index("Example:") : text.index("Options:")]
    named = re.findall(r'"([^"]+)"', examples)
    assert len(named) == 3
    assert all(load_catalog().find(name).name for name in named)


@pytest.mark.slow
def test_models_of_unknown_speed_stand_behind_those_of_a_known_one(run: Any) -> None:
    done = run("fit", "--simulate", "RTX 3060 12 GB, 32 GB", "--json")
    known = [model["decode"] is not None for model in json.loads(done.output)["models"]]
    assert {True, False} <= set(known)
    assert known == sorted(known, reverse=True)
