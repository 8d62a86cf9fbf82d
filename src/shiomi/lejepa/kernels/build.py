"""Compile a C source of this package at first use, with the compiler of the machine, and cache the
library.

The library is stored in the user's cache folder. Its name is a hash of its source, compiler, flags
and processor. It is written under a temporary name and then renamed, so that processes that build
at the same time do not conflict. The library is loaded only if this user owns the file and its
folder, and nobody else may write to them. If no such folder exists, this process builds a library
of its own in a temporary folder.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import os
import platform
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

__all__ = ["BuildError", "cache_folder", "load"]

_COMPILERS = ("cc", "gcc", "clang")
_FLAGS = (
    "-O3", "-std=gnu11", "-fPIC", "-shared", "-pthread",
    # Fused multiply-adds; no errno and no traps. Not -ffast-math: NaN must stay NaN.
    "-ffp-contract=fast", "-fno-math-errno", "-fno-trapping-math",
)  # fmt: skip
_TUNINGS = (("-march=native",), ("-mcpu=native",), ())
_SECONDS = 120


class BuildError(Exception):
    """The library cannot be built or loaded; the text says why."""


def load(source: str) -> ctypes.CDLL:
    """Return the library compiled from this C source. Build it if it is not in the cache.

    Raises
    ------
    BuildError
        No compiler is found, the compiler fails, or the system is Windows, where file owners are
        not checked and a library in use cannot be replaced.
    """
    if os.name == "nt":
        raise BuildError("the C kernels are not built on Windows")
    text = (resources.files(__package__) / source).read_bytes()
    compiler = _compiler()
    name = f"{Path(source).stem}-{_key(text, compiler)}.so"
    kept = cache_folder()
    if kept is not None:
        with contextlib.suppress(BuildError, OSError):
            return _open(kept / name)
        with contextlib.suppress(OSError):
            _build(compiler, text, kept / name)
            return _open(kept / name)
    # No cache folder. On Linux and macOS a loaded library still works after its file is deleted.
    with _temporary_folder() as folder:
        try:
            _build(compiler, text, folder / name)
            return _open(folder / name)
        except OSError as error:
            raise BuildError(f"{folder / name}: {error}") from error


def cache_folder() -> Path | None:
    """Return the folder of built libraries, and create it if it is missing. None: there is no
    folder that only this user can write to."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    try:
        # The specification says to ignore relative paths.
        home = Path(base) if Path(base).is_absolute() else Path.home() / ".cache"
        folder = home / "shiomi" / "kernels"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder if _ours(folder.lstat(), stat.S_ISDIR) else None
    except (OSError, RuntimeError):  # RuntimeError: no home
        return None


def _ours(status: os.stat_result, kind: object) -> bool:
    """Return whether the path is of this kind, belongs to this user, and nobody else may write to
    it."""
    right_kind = kind(status.st_mode)  # type: ignore[operator]
    return right_kind and status.st_uid == os.getuid() and not status.st_mode & 0o022


def _open(path: Path) -> ctypes.CDLL:
    """Load the library through the file descriptor whose owner was checked."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if not _ours(os.fstat(handle), stat.S_ISREG):
            raise BuildError(f"{path} can be written by other users")
        by_handle = Path(f"/proc/self/fd/{handle}")
        library = ctypes.CDLL(str(by_handle if by_handle.exists() else path))
    except BaseException:
        os.close(handle)
        raise
    # The file stays open: the loader identifies libraries by name, so the name must not be reused.
    return library


def _build(compiler: str, text: bytes, target: Path) -> None:
    """Compile `text` to `target`. The file appears there only when it is complete."""
    handle, made = tempfile.mkstemp(dir=target.parent, prefix=target.stem, suffix=".tmp")
    os.close(handle)
    said = ""
    try:
        for tuning in _TUNINGS:
            command = [compiler, *_FLAGS, *tuning, "-x", "c", "-", "-o", made, "-lm"]
            try:
                done = subprocess.run(  # noqa: S603 - the compiler, no shell
                    command, input=text, capture_output=True, timeout=_SECONDS, check=False
                )
            except subprocess.TimeoutExpired as error:
                raise BuildError(f"{compiler} took over {_SECONDS} s") from error
            if done.returncode == 0:
                Path(made).chmod(0o700)
                Path(made).replace(target)
                return
            said = done.stderr.decode(errors="replace").strip()[-500:]
        raise BuildError(f"{compiler} failed: {said or 'no message'}")
    finally:
        Path(made).unlink(missing_ok=True)


def _compiler() -> str:
    named = os.environ.get("CC", "").split()
    # A $CC with arguments ("ccache gcc") is meant for build systems and is ignored.
    for name in (*named[:1], *_COMPILERS) if len(named) == 1 else _COMPILERS:
        found = shutil.which(name)
        if found:
            return found
    raise BuildError(f"no C compiler found ({', '.join(_COMPILERS)}); install one, such as gcc")


def _key(text: bytes, compiler: str) -> str:
    """Return a hash of everything that the library depends on."""
    status = Path(compiler).stat()
    made_of = (
        text.hex(), compiler, status.st_size, status.st_mtime_ns, _FLAGS, _TUNINGS, _processor()
    )  # fmt: skip
    return hashlib.sha256(repr(made_of).encode()).hexdigest()[:24]


def _processor() -> str:
    """Return the processor features that -march=native uses. Different machines may share a
    cache."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith(("flags", "Features")):
                return line
    return f"{platform.machine()} {platform.processor()}"


@contextlib.contextmanager
def _temporary_folder() -> Iterator[Path]:
    try:
        folder = Path(tempfile.mkdtemp(prefix="shiomi-"))
    except OSError as error:
        raise BuildError(f"no folder to build in: {error}") from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
