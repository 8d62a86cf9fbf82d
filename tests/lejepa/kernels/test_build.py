"""The C kernels are built once for a user, for nobody else to tamper with, or done without."""

from __future__ import annotations

import ctypes
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from shiomi.lejepa.kernels.build import BuildError, cache_folder, load

SOURCE = "trigonometric_sums.c"

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(not any(map(shutil.which, ("cc", "gcc", "clang"))), reason="no C compiler"),
]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's cache of its own; returns the folder of the libraries, not made yet."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("CC", raising=False)
    return tmp_path / "cache" / "shiomi" / "kernels"


def python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


def works(library: ctypes.CDLL) -> bool:
    return hasattr(library, "shiomi_forward")


def test_it_is_built_at_the_first_use_and_found_at_the_next(cache: Path) -> None:
    assert works(load(SOURCE))
    (kept,) = cache.iterdir()
    made = kept.stat().st_mtime_ns
    assert works(load(SOURCE))
    assert [path.stat().st_mtime_ns for path in cache.iterdir()] == [made]
    assert stat.S_IMODE(cache.stat().st_mode) == 0o700
    assert stat.S_IMODE(kept.stat().st_mode) == 0o700


def test_a_damaged_library_is_built_anew(cache: Path) -> None:
    code = "from shiomi.lejepa.kernels.build import load; load('trigonometric_sums.c')"
    assert python(code).returncode == 0
    (kept,) = cache.iterdir()
    kept.write_bytes(b"not a library")
    assert python(code).returncode == 0
    assert kept.stat().st_size > 1000


def test_a_library_that_others_may_write_is_not_loaded_but_replaced(cache: Path) -> None:
    load(SOURCE)
    (kept,) = cache.iterdir()
    kept.chmod(0o777)
    assert works(load(SOURCE))
    assert stat.S_IMODE(kept.stat().st_mode) == 0o700


def test_a_link_in_the_library_s_place_is_not_followed(cache: Path, tmp_path: Path) -> None:
    load(SOURCE)
    (kept,) = cache.iterdir()
    elsewhere = tmp_path / "elsewhere.so"
    kept.rename(elsewhere)
    kept.symlink_to(elsewhere)
    assert works(load(SOURCE))
    assert not kept.is_symlink()


def test_a_folder_that_others_may_write_is_not_used(cache: Path) -> None:
    cache.mkdir(parents=True)
    for mode in (0o770, 0o702, 0o777):
        cache.chmod(mode)
        assert cache_folder() is None
    assert works(load(SOURCE))
    assert not list(cache.iterdir())


def test_a_link_in_the_folder_s_place_is_not_used(cache: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir(mode=0o700)
    cache.parent.mkdir(parents=True)
    cache.symlink_to(tmp_path / "other")
    assert cache_folder() is None
    assert works(load(SOURCE))
    assert not list((tmp_path / "other").iterdir())


def test_a_folder_of_another_user_is_not_used(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.mkdir(parents=True, mode=0o700)
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    assert cache_folder() is None


def test_a_file_in_the_folder_s_place_costs_the_cache_only(cache: Path) -> None:
    cache.parent.mkdir(parents=True)
    cache.write_text("in the way")
    assert works(load(SOURCE))


def test_a_cache_that_cannot_be_written_costs_the_cache_only(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.mkdir(parents=True, mode=0o700)

    def full(*_: object, **given: object) -> tuple[int, str]:
        if given.get("dir") == cache:
            raise OSError(30, "Read-only file system")
        return real(**given)  # type: ignore[no-any-return]

    real: Any = tempfile.mkstemp
    monkeypatch.setattr(tempfile, "mkstemp", full)
    assert works(load(SOURCE))
    assert not list(cache.iterdir())


def test_what_an_interrupted_build_left_does_not_disturb(cache: Path) -> None:
    cache.mkdir(parents=True, mode=0o700)
    (cache / "trigonometric_sums-torn.tmp").write_bytes(b"half")
    assert works(load(SOURCE))


@pytest.mark.slow
def test_processes_that_build_at_once_all_end_with_a_library(cache: Path) -> None:
    code = "from shiomi.lejepa.kernels.build import load; load('trigonometric_sums.c')"
    running = [subprocess.Popen([sys.executable, "-c", code], env=os.environ) for _ in range(3)]
    assert [process.wait(timeout=200) for process in running] == [0] * 3
    (kept,) = cache.iterdir()
    assert kept.suffix == ".so"


def test_without_a_compiler_it_says_what_to_install(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(cache))
    with pytest.raises(BuildError, match="install one, such as gcc"):
        load(SOURCE)


def test_a_compiler_that_fails_is_quoted(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiler = tmp_path / "cc"
    compiler.write_text("#!/bin/sh\necho 'cannot find crt1.o' >&2\nexit 1\n")
    compiler.chmod(0o755)
    monkeypatch.setenv("CC", str(compiler))
    with pytest.raises(BuildError, match=r"crt1\.o"):
        load(SOURCE)
    assert not list(cache.iterdir())


def test_without_a_compiler_the_loss_is_the_same_and_it_is_said_once(tmp_path: Path) -> None:
    code = """
import torch
from shiomi.lejepa import SIGReg
x = torch.randn(40, 8, generator=torch.Generator().manual_seed(0))
print([SIGReg()(x, step=step).item() for step in range(3)])
"""
    with_one = python(code)
    without = python(code, XDG_CACHE_HOME=str(tmp_path), PATH=str(tmp_path))
    assert with_one.returncode == without.returncode == 0, without.stderr
    assert without.stderr.count("SIGReg runs in plain torch") == 1
    assert "install one, such as gcc" in without.stderr
    numbers = [eval(done.stdout) for done in (with_one, without)]
    assert numbers[0] == pytest.approx(numbers[1], rel=1e-5)
