"""The address that a server listens on: what may be at the path of its Unix socket."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from shiomi.uvicorn_server import listen

if not hasattr(socket, "AF_UNIX"):
    pytest.skip("no Unix sockets", allow_module_level=True)


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A path that is short enough for a socket."""
    monkeypatch.chdir(tmp_path)
    return Path("gate.sock")


def test_the_socket_of_a_process_that_has_ended_is_replaced(path: Path) -> None:
    listen("", 0, path, ValueError).close()
    assert path.is_socket()
    with listen("", 0, path, ValueError), socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))


@pytest.mark.parametrize("waiting", [0, 1])
def test_the_socket_of_a_running_process_is_kept(path: Path, waiting: int) -> None:
    with socket.socket(socket.AF_UNIX) as running, socket.socket(socket.AF_UNIX) as client:
        running.bind(str(path))
        running.listen(0)
        for _ in range(waiting):  # then its queue is full
            client.connect(str(path))
        with pytest.raises(ValueError, match=r"gate\.sock: another process listens there; choose"):
            listen("", 0, path, ValueError)
        assert path.is_socket()


def test_the_socket_of_another_kind_is_kept(path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as running:
        running.bind(str(path))
        with pytest.raises(ValueError, match=r"cannot listen on gate\.sock: .*; choose"):
            listen("", 0, path, ValueError)
        assert path.is_socket()


def test_a_file_is_kept(path: Path) -> None:
    path.write_text("important", encoding="utf-8")
    with pytest.raises(ValueError, match=r"gate\.sock: .* not a socket; choose another --socket"):
        listen("", 0, path, ValueError)
    assert path.read_text(encoding="utf-8") == "important"


def test_a_folder_and_a_link_are_kept(path: Path) -> None:
    path.mkdir()
    link = Path("link")
    link.symlink_to(path)
    for taken in (path, link):
        with pytest.raises(ValueError, match=r"not a socket; choose another --socket"):
            listen("", 0, taken, ValueError)
    assert link.is_symlink()
    assert path.is_dir()
