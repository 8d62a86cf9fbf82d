"""`shiomi rig update` and `shiomi rig model add`, with real files and loopback servers."""

from __future__ import annotations

import base64
import datetime
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from shiomi.cli import shiomi
from shiomi.cli.rig import installed
from shiomi.rig.tables import sign, table_text
from tests.loopback import QuietHandler, loopback

PRIVATE = bytes(range(32))
KEY = base64.b64encode(
    Ed25519PrivateKey.from_private_bytes(PRIVATE).public_key().public_bytes_raw()
).decode()
CONFIG = {
    "model_type": "qwen3", "num_hidden_layers": 36, "hidden_size": 4096,
    "intermediate_size": 12288, "num_attention_heads": 32, "num_key_value_heads": 8,
    "head_dim": 128, "vocab_size": 151936, "max_position_embeddings": 40960,
    "tie_word_embeddings": False,
}  # fmt: skip
ROW = {
    "gpu": "RTX 3090", "gpus": 1, "model": "Qwen3-8B", "quantisation": "Q4_K_M",
    "engine": "llama.cpp", "day": "2026-11-01", "prompt_tokens": 512, "written_tokens": 128,
    "decode": 140.0, "prefill": None,
}  # fmt: skip


def rig(*arguments: object) -> Result:
    return CliRunner().invoke(shiomi, ["rig", *map(str, arguments)])


def data_file(path: Path, **tables: str) -> Path:
    payload = {
        "date": "2026-12-24",
        "tables": {k.replace("_csv", ".csv"): v for k, v in tables.items()},
    }
    path.write_bytes(sign(payload, PRIVATE))
    return path


@contextmanager
def served(answers: dict[str, bytes]) -> Iterator[str]:
    class Handler(QuietHandler):
        def do_GET(self) -> None:
            self.body()
            body = answers.get(self.path.partition("?")[0])
            status = 404 if body is None else 200
            self.answer(status, body or b"", ETag='"one"', X_Repo_Commit="c0ffee")

        do_POST = do_HEAD = do_GET

    with loopback(Handler) as address:
        yield address


@pytest.mark.slow
def test_a_data_file_is_installed_once_its_key_is_given_and_then_used(
    tmp_path: Path, fresh_account: Path
) -> None:
    scores = "model,chat,code,long\nGemma-3-4B-it,100,100,100\n"
    file = data_file(tmp_path / "d.json", quality_csv=scores)
    assert "--key" in str(rig("update", file).exception)
    done = rig("update", file, "--key", KEY)
    assert done.exit_code == 0, done.output
    assert "2026-12-24" in done.output
    assert (fresh_account / "trusted.key").read_text() == KEY
    listed = rig("fit", "--simulate", "RTX 3060 12 GB, 32 GB", "--json")
    assert json.loads(listed.stdout)["models"][0]["model"] == "Gemma-3-4B-it"
    assert "2026-12-24" in rig("update", file).output  # the key is trusted now


def test_a_file_of_another_signer_or_with_a_broken_table_changes_nothing(
    tmp_path: Path, fresh_account: Path
) -> None:
    good = data_file(tmp_path / "good.json")
    assert rig("update", good, "--key", KEY).exit_code == 0
    kept = (fresh_account / "data.json").read_bytes()
    broken = data_file(tmp_path / "b.json", gpus_csv=table_text("gpus.csv")[:300] + ",x\nb,c")
    assert "cannot be used" in str(rig("update", broken).exception)
    assert "not the trusted key" in str(rig("update", good, "--key", "other").exception)
    assert (fresh_account / "data.json").read_bytes() == kept


def test_a_data_file_is_fetched_from_loopback_and_only_https_elsewhere(tmp_path: Path) -> None:
    body = data_file(tmp_path / "d.json").read_bytes()
    with served({"/d.json": body}) as address:
        assert rig("update", f"{address}/d.json", "--key", KEY).exit_code == 0
        assert "404" in str(rig("update", f"{address}/none", "--key", KEY).exception)
    assert "https" in str(rig("update", "http://example.org/d.json").exception)


def test_data_older_than_120_days_are_named_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    installed.activate_installed(datetime.date(2027, 3, 1))
    assert capsys.readouterr().err == ""
    installed.activate_installed(datetime.date(2027, 12, 1))
    assert "days old (2026-11-29)" in capsys.readouterr().err


def test_rows_of_others_are_imported_once_and_impossible_ones_left_out(
    tmp_path: Path, fresh_account: Path
) -> None:
    file = tmp_path / "rows.jsonl"
    rows = [ROW, ROW, ROW | {"decode": 4000.0}]
    file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    done = rig("update", "--rows", file)
    assert "left out" in done.output
    rig("update", "--rows", file)
    assert len((fresh_account / "rows.jsonl").read_text().splitlines()) == 1


def test_a_measured_speed_is_shown_before_it_is_shared(tmp_path: Path) -> None:
    usage = {"prompt_tokens": 512, "completion_tokens": 128}
    times = {"prompt_n": 512, "prompt_ms": 200.0, "predicted_n": 128, "predicted_ms": 900.0}
    answer = json.dumps({"content": "x", "usage": usage, "timings": times}).encode()
    pc = ("--simulate", "RTX 3090, 64 GB", "--model", "qwen3:8b", "--runs", "1")
    with served({"/completion": answer, "/v1/completions": answer}) as address:
        for agreed, lines in (("n", 0), ("y", 1)):
            done = CliRunner().invoke(
                shiomi,
                ["rig", "measure", address, *pc, "--share", str(tmp_path / "rows.jsonl")],
                input=f"{agreed}\n",
            )
            assert '"gpu": "GeForce RTX 3090"' in done.stderr, (done.output, done.exception)
            file = tmp_path / "rows.jsonl"
            assert len(file.read_text().splitlines() if file.exists() else []) == lines
    assert "1 rows added" in rig("update", "--rows", tmp_path / "rows.jsonl").output


def test_a_config_is_added_and_found_by_name(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(CONFIG), encoding="utf-8")
    done = rig("model", "add", tmp_path / "config.json", "--name", "Mine-8B")
    assert "8.191 B parameters" in done.output
    assert rig("speed", "Mine-8B", "--simulate", "RTX 3090, 64 GB").exit_code == 0


def test_a_repository_is_added_from_a_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    about = {
        "id": "me/Hub-8B", "modelId": "me/Hub-8B", "sha": "c0ffee", "siblings": [],
        "createdAt": "2026-06-01T00:00:00.000Z", "tags": [], "private": False,
        "safetensors": {"parameters": {"BF16": 8190735360}, "total": 8190735360},
    }  # fmt: skip
    config = json.dumps(CONFIG).encode()
    answers = {
        "/api/models/me/Hub-8B": json.dumps(about).encode(),
        "/me/Hub-8B/resolve/main/config.json": config,
    }
    with served(answers) as address:
        monkeypatch.setenv("HF_ENDPOINT", address)
        done = rig("model", "add", "me/Hub-8B")
    assert done.exit_code == 0, (done.output, done.exception)
    assert "Hub-8B" in done.output
    assert rig("speed", "me/Hub-8B", "--simulate", "RTX 3090, 64 GB").exit_code == 0


def test_layers_that_are_not_known_are_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(
        json.dumps(CONFIG | {"model_type": "rwkv"}), encoding="utf-8"
    )
    done = rig("model", "add", tmp_path / "config.json")
    assert "rwkv" in str(done.exception)
