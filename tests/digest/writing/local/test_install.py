"""`shiomi writer install` against a loopback server that behaves like the hub."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import pytest
from click.testing import CliRunner

from shiomi.cli import shiomi
from shiomi.cli.exits import Exit
from shiomi.cli.writer_setup import set_writer
from shiomi.digest.config import load_config, parse_config
from shiomi.digest.errors import WriterError
from shiomi.digest.writing.local.catalogue import offers, rate
from shiomi.digest.writing.local.lock import lock_of, newest
from shiomi.rig.estimate.memory import weights_gib
from shiomi.rig.machine.simulate import simulated
from tests.digest.writing.local.hub import COMMIT, Hub, hub

CONTENT = b"GGUF" + bytes(range(256)) * 90_000  # 23 MB: the hub's client writes 10 MB at once
NAME = "Qwen3-30B-A3B-Instruct-2507"  # the catalogue has no hash of it
FILE = f"models/{NAME}-Q4_K_M.gguf"
PINNED = "Qwen3-8B"


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with hub(CONTENT) as one:
        _use(monkeypatch, one.endpoint)
        monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda seconds: None)
        yield one


def _use(monkeypatch: pytest.MonkeyPatch, endpoint: str) -> None:
    """As HF_ENDPOINT, which is read at import."""
    template = endpoint + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", endpoint)
    monkeypatch.setattr(huggingface_hub.constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_TELEMETRY", True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "shiomi.toml").write_text('[writer]\nendpoint = ""\nmodel = ""\n', encoding="utf-8")
    return tmp_path


def install(folder: Path, *more: str, model: str = NAME) -> tuple[int, str]:
    arguments = ["-c", str(folder / "shiomi.toml"), "writer", "install", "--memory-speed", "40"]
    arguments += ["--model", model] if model else []
    done = CliRunner().invoke(shiomi, [*arguments, *more])
    if isinstance(done.exception, WriterError):  # main() prints it
        return Exit.FAILED, str(done.exception)
    return done.exit_code, done.output


def test_it_downloads_verifies_locks_and_sets_the_configuration(served: Hub, folder: Path) -> None:
    code, said = install(folder, "--yes")
    assert code == Exit.DONE, said
    file = folder / FILE
    assert file.read_bytes() == CONTENT
    lock = lock_of(file)
    assert lock is not None
    assert (lock.model, lock.revision, lock.bytes) == (NAME, COMMIT, len(CONTENT))
    assert lock.sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert load_config(folder / "shiomi.toml").writer.local
    assert newest(folder / "models") == file
    assert [path.name for path in (folder / "models").iterdir() if ".part" in path.name] == []


def test_nothing_is_downloaded_without_being_asked_for(served: Hub, folder: Path) -> None:
    for more, code in ((("--dry-run",), Exit.DONE), ((), Exit.USAGE)):
        got, said = install(folder, *more)
        assert got == code, said
        assert "\nspeed " in said  # or that it does not fit: this machine decides
        assert "0.02 GB; " in said  # size, then what is free
        assert not (folder / "models").exists()
    assert all(method == "HEAD" for method, _, _ in served.asked)


def test_a_cut_connection_is_resumed_where_it_stopped(served: Hub, folder: Path) -> None:
    served.cut_after = [12_000_000, 11_000_000]
    code, said = install(folder, "--yes", "--json")
    assert code == Exit.DONE, said
    assert json.loads(said)["downloaded"] is True
    ranges = [found for method, path, found in served.asked if "storage" in path]
    written = 10 * 2**20
    assert ranges == [None, f"bytes={written}-", f"bytes={2 * written}-"]


@pytest.mark.process
def test_after_ctrl_c_the_same_command_continues(served: Hub, folder: Path) -> None:
    command = [sys.executable, "-m", "shiomi.cli", "-c", str(folder / "shiomi.toml"), "writer"]
    command += ["install", "--memory-speed", "40", "--model", NAME, "--yes"]
    environment = os.environ | {"HF_ENDPOINT": served.endpoint}
    served.hold_after = 12_000_000
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        while not any(part.stat().st_size for part in (folder / "models").glob("*.part")):
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == Exit.INTERRUPTED
    assert "the same command continues" in said
    (part,) = (folder / "models").glob("*.part")
    kept = part.stat().st_size
    assert 0 < kept <= 12_000_000
    served.hold_after = None
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
    assert served.asked[-1][2] == f"bytes={kept}-"
    assert (folder / FILE).read_bytes() == CONTENT
    assert {path for _, path, _ in served.asked if "resolve" not in path} == {"/storage/file"}


def test_a_storage_without_ranges_starts_again(served: Hub, folder: Path) -> None:
    served.cut_after, served.ranges = [12_000_000], False
    assert install(folder, "--yes")[0] == Exit.DONE
    assert (folder / FILE).read_bytes() == CONTENT


def test_an_installed_model_is_not_fetched_again(served: Hub, folder: Path) -> None:
    assert install(folder, "--yes")[0] == Exit.DONE
    served.asked.clear()
    code, said = install(folder, "--yes")
    assert code == Exit.DONE
    assert "already have" in said
    assert all(method == "HEAD" for method, _, _ in served.asked)


def test_bytes_of_another_hash_are_deleted(served: Hub, folder: Path) -> None:
    served.content = CONTENT[:-1] + b"!"
    code, said = install(folder, "--yes")
    assert code == Exit.FAILED
    assert hashlib.sha256(served.content).hexdigest() in said
    assert list((folder / "models").iterdir()) == []


def test_a_file_that_the_catalogue_pins_must_be_that_file(served: Hub, folder: Path) -> None:
    code, said = install(folder, "--yes", model=PINNED)
    assert code == Exit.FAILED
    assert f"--sha256 {served.etag}" in said
    assert not (folder / "models").exists()
    assert install(folder, "--yes", "--sha256", served.etag, model=PINNED)[0] == Exit.DONE


def test_a_lock_pins_what_was_first_downloaded(served: Hub, folder: Path) -> None:
    assert install(folder, "--yes")[0] == Exit.DONE
    served.content = CONTENT + b"new"
    served.etag = hashlib.sha256(served.content).hexdigest()
    code, said = install(folder, "--yes")
    assert code == Exit.FAILED
    assert "has changed on the hub" in said
    assert (folder / FILE).read_bytes() == CONTENT


def test_without_any_hash_the_user_must_give_one(served: Hub, folder: Path) -> None:
    served.etag = "a-git-hash"
    code, said = install(folder, "--yes")
    assert code == Exit.FAILED
    assert "--sha256" in said


FAULTS = {
    "no such repository": (401, "RepoNotFound", "choose another --model"),
    "no such file": (404, "EntryNotFound", "no longer has"),
    "terms": (403, "GatedRepo", "HF_TOKEN"),
    "fault": (500, "", "try again later"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_refusal_is_told_with_the_remedy(name: str, served: Hub, folder: Path) -> None:
    served.status, served.code, remedy = FAULTS[name]
    code, said = install(folder, "--yes")
    assert code == Exit.FAILED
    assert remedy in said


def test_a_hub_out_of_reach_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _use(monkeypatch, "http://127.0.0.1:9")
    code, said = install(folder, "--yes")
    assert code == Exit.FAILED
    assert "HF_ENDPOINT" in said


def test_a_disk_that_is_too_small_is_told_before_the_download(served: Hub, folder: Path) -> None:
    served.size = 10**15
    code, said = install(folder, "--yes")
    assert code == Exit.FAILED
    assert "GB free; 1000000.3 GB are needed" in said
    assert all(method == "HEAD" for method, _, _ in served.asked)


def test_a_disk_that_fills_up_keeps_the_part(
    served: Hub, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(url: str, opened: Any, **_: Any) -> None:
        opened.write(CONTENT[:1000])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("huggingface_hub.file_download.http_get", full)
    code, said = install(folder, "--yes")
    assert code == Exit.FAILED
    assert "is full" in said
    (part,) = (folder / "models").glob("*.part")
    assert part.stat().st_size == 1000


def test_the_catalogue_has_the_models_that_the_docs_promise() -> None:
    found = offers()
    assert len(found) >= 8
    sizes = [offer.known.model.parameters for offer in found]
    assert min(sizes) < 2e9
    assert max(sizes) > 30e9
    for offer in found:
        assert "ja" in offer.known.languages
        assert offer.known.licence
        assert bool(offer.sha256) == bool(offer.source)
        shape = weights_gib(offer.known.model, "Q4_K_M").value * 2**30
        assert 0.9 < offer.bytes / shape < 1.2, offer.name  # what is stated agrees with the shape


@pytest.mark.parametrize(
    ("parts", "least"), [("RTX 4090, 64 GB", 8e9), ("RTX 3060 12 GB, 32 GB", 4e9)]
)
def test_a_larger_machine_gets_a_better_model(parts: str, least: float) -> None:
    best = rate(simulated(parts), "ja", 8)[0]
    assert best.done_in(1800)
    assert best.offer.known.model.parameters > least


def test_the_list_names_every_model_and_what_it_takes(folder: Path) -> None:
    code, said = install(folder, "--list", model="")
    assert code == Exit.DONE
    assert all(offer.name in said for offer in offers())
    code, said = install(folder, "--list", "--json", model="")
    assert len(json.loads(said)) == len(offers())


def test_a_name_that_is_not_in_the_catalogue_is_told_with_those_that_are(folder: Path) -> None:
    code, said = install(folder, "--yes", model="gpt-7")
    assert code == Exit.FAILED
    assert PINNED in said


def test_a_filled_in_writer_is_not_replaced(served: Hub, folder: Path) -> None:
    text = '[writer]\nendpoint = "http://127.0.0.1:9/v1"\nmodel = "mine"\n'
    (folder / "shiomi.toml").write_text(text, encoding="utf-8")
    code, said = install(folder, "--yes")
    assert code == Exit.DONE
    assert 'set endpoint = "" and model = "local"' in said
    assert (folder / "shiomi.toml").read_text(encoding="utf-8") == text


def test_only_an_empty_writer_is_filled_in_and_comments_stay() -> None:
    template = files("shiomi.cli").joinpath("shiomi.toml").read_text(encoding="utf-8")
    changed = set_writer(template, "http://127.0.0.1:9/v1", "mine")
    assert changed is not None
    assert parse_config(changed).writer.model == "mine"
    different = [
        (old, new)
        for old, new in zip(template.splitlines(), changed.splitlines(), strict=True)
        if old != new
    ]
    assert [old.partition(" ")[0] for old, _ in different] == ["endpoint", "model"]
    assert different[1][0].index("#") == different[1][1].index("#")
    assert set_writer(changed, "", "local") is None
    assert set_writer("[collect]\ndays = 3\n", "", "local") is None
